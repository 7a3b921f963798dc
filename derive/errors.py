"""The one error a person sees when a cell, a name or a request is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text something stands: file name, line and column (both from 1), and the line itself."""

    file: str
    line: int
    column: int
    text: str


class DeriveError(Exception):
    """A mistake in the reader's own text or request: where it is, what is wrong and what would be right.

    `str(error)` is the whole message, ready to print: the place, the offending line, a caret below the column, and
    the explanation.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        self.message = message
        self.place = place
        super().__init__(message)

    def __str__(self) -> str:
        if self.place is None:
            return self.message
        place = self.place
        caret = " " * (place.column - 1) + "^"
        return f"{place.file}:{place.line}:{place.column}: {self.message}\n  {place.text}\n  {caret}"
