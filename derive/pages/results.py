"""Results of checks as a picture: the table of mutants as bars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

_TABLE = re.compile(r"<!-- mutants -->\n(.*?)<!-- end mutants -->\n", re.DOTALL)
_COUNT = re.compile(r"(\d+)")
_COLOURS = ("violet", "blue", "green", "gold", "red")


def bars(text: str) -> str:
    """The picture of the table of mutants in `text`, as a figure of a page; "" where there is no such table."""
    table = _TABLE.search(text)
    if table is None:
        return ""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines() if line)
    families = head[1 : 1 + len(_COLOURS)]
    counts = {row[0]: [_count(cell) for cell in row[1 : 1 + len(families)]] for row in rows}
    longest = max(sum(row) for row in counts.values())
    legend = "".join(
        f'<span class="key-bar" style="--bar:var(--{colour})">{escape(name)}</span>'
        for name, colour in zip(families, _COLOURS, strict=False)
    )
    lines = "".join(_line(name, row, longest) for name, row in counts.items())
    return (
        f'<figure class="bars" role="img" aria-label="Mutants of every cell by family, as in the table above">'
        f'<figcaption class="legend">{legend}</figcaption>{lines}</figure>\n'
    )


def _count(cell: str) -> int:
    """The number of a cell, without what stands in parentheses."""
    found = _COUNT.match(cell)
    return int(found[1]) if found else 0


def _line(name: str, counts: Sequence[int], longest: int) -> str:
    pieces = "".join(
        f'<i style="inline-size:{100 * count / longest:.2f}%;--bar:var(--{colour})"></i>'
        for count, colour in zip(counts, _COLOURS, strict=False)
    )
    return f'<span class="bar-name">{escape(name)}</span><span class="bar-line">{pieces}<b>{sum(counts)}</b></span>'
