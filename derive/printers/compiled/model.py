"""What the templates of compiled targets lay out, as text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SweepView:
    """The text of one element-wise pass: loads, statements and stores, for every unit of `size`.

    `beyond` are the stores for a sequence that has ended before the running step, `ahead` the lines that ask for the
    memory of a later one, on a target that has such.
    """

    size: str
    loads: tuple[str, ...]
    statements: tuple[str, ...]
    beyond: tuple[str, ...]
    ahead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one statement: what it reads from arrays, computes, and stores.

    `beyond` are the stores for a sequence that has ended.
    """

    loads: tuple[str, ...]
    computed: tuple[str, ...]
    stored: tuple[str, ...]
    beyond: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allocation:
    """An array that the driver makes, or takes from the caller: `text` is the code that gives it, or its shape."""

    name: str
    text: str
