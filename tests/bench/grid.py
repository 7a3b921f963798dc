"""A table of text, for a terminal and for a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text; a row of one entry is a heading within it. The first `left` columns are aligned left."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


def markdown(grid: Grid) -> str:
    """For a page."""
    rule = ["---" if number < grid.left else "---:" for number in range(len(grid.columns))]
    rows = [grid.columns, rule, *((*row, *[""] * (len(grid.columns) - len(row))) for row in grid.rows)]
    return f"## {grid.title}\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def plain(grid: Grid) -> str:
    """For a terminal that has no more than text."""
    rows = [grid.columns, *(row for row in grid.rows if len(row) > 1)]
    widths = [max(len(row[number]) for row in rows) for number in range(len(grid.columns))]

    def line(row: tuple[str, ...]) -> str:
        sides = (str.ljust if number < grid.left else str.rjust for number in range(len(row)))
        return "  ".join(side(entry, width) for side, entry, width in zip(sides, row, widths, strict=False)).rstrip()

    return "\n".join([grid.title, *map(line, (grid.columns, *grid.rows))]) + "\n"


def duration(nanoseconds: float) -> str:
    """Three digits and a unit."""
    if nanoseconds < 0:
        return f"-{duration(-nanoseconds)}"
    for unit, size in (("us", 1e3), ("ms", 1e6), ("s", 1e9)):
        value = nanoseconds / size
        if value < 999.5 or unit == "s":
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    raise AssertionError(nanoseconds)
