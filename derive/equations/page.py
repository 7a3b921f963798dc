"""The text as the reader sees it: lines, the place of a key, and errors that point into them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from derive.equations.limits import MAX_TEXT
from derive.errors import DeriveError, Place

_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]")
_ENTRY = re.compile(r"\s*([\"']?)([^\"'=\s]+)\1\s*=\s*")
_CONTEXT = 60


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of one text and the name of the file that holds it."""

    file: str
    lines: tuple[str, ...]

    def place(self, line: int, column: int) -> Place:
        """The place at `line` and `column`, both from 1, with the line made fit to be printed above a caret."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        shown = "".join(" " if char == "\t" else char if char.isprintable() else "\ufffd" for char in text)
        end = max(column, 1) + _CONTEXT
        return Place(self.file, line, column, shown if len(shown) <= 2 * end else shown[:end] + "...")

    def error(self, message: str, line: int = 1, column: int = 1) -> DeriveError:
        """The error to raise for what stands at `line` and `column`."""
        return DeriveError(message, self.place(line, column))

    def key(self, table: str, key: str = "") -> tuple[int, int]:
        """Line and column of `key` in `[table]` ("" is the top level), else of the table, else of the first line.

        tomllib gives no positions. This looks for the key at the start of a line, outside multi-line strings.
        """
        current, fence, fallback = "", "", (1, 1)
        for number, line in enumerate(self.lines, 1):
            if fence:
                fence = "" if fence in line else fence
            elif header := _HEADER.match(line):
                current = header.group(1)
                if current == table:
                    fallback = (number, header.start(1) + 1)
            elif entry := _ENTRY.match(line):
                if (current, entry.group(2)) == (table, key):
                    return number, entry.start(2) + 1
                if (current, entry.group(2)) == ("", table):
                    fallback = (number, entry.start(2) + 1)
                opening = line[entry.end() : entry.end() + 3]
                if opening in ("'''", '"""') and opening not in line[entry.end() + 3 :]:
                    fence = opening
        return fallback


def open_page(text: object, file: str) -> Page:
    """The page of `text`, line ends unified; DeriveError for what is no text, too long, or holds control characters."""
    if not isinstance(text, str):
        raise DeriveError(f"the equations of a cell are text (str), not {type(text).__name__}")
    if len(text) > MAX_TEXT:
        page = Page(file, (text[:_CONTEXT],))
        raise page.error(f"the text has {len(text)} characters; a cell has at most {MAX_TEXT}")
    unified = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    page = Page(file, tuple(unified.split("\n")))
    for number, line in enumerate(page.lines, 1):
        for column, char in enumerate(line, 1):
            if (char < " " and char != "\t") or "\x7f" <= char < "\xa0" or "\ud800" <= char <= "\udfff":
                called = "NUL" if char == "\0" else f"U+{ord(char):04X}"
                raise page.error(f"the control character {called} stands here; a cell is plain text", number, column)
    return page


def close_names(name: str, known: Iterable[str]) -> str:
    """ " Did you mean ...?" for the names nearest to `name`, or "" where none is near."""
    near = difflib.get_close_matches(name, sorted(known), n=3)
    return f" Did you mean {' or '.join(f'`{word}`' for word in near)}?" if near else ""


def listed(names: Iterable[str]) -> str:
    """`names` as a list for a sentence, in their order; "none" where there are none."""
    return ", ".join(f"`{name}`" for name in names) or "none"
