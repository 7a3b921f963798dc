"""Every formula that the pages of cells show and that `derive show --tex` prints, as a JSON list on standard output.

Run it with the names of cells, or without any for the whole zoo; `node tests/pages/browser/katex.mjs` parses them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from derive.cell import Cell
from derive.cli.tex import tex_lines
from derive.equations import load, names
from derive.pages import cell_page
from derive.printers import mathml


def formulas(cells: Sequence[str]) -> tuple[str, ...]:
    """The formulas of these cells, each once, in the order in which they are first met."""
    met: dict[str, None] = {}
    original = mathml._Translator.__init__

    def noted(self: mathml._Translator, latex: str) -> None:
        met[latex] = None
        original(self, latex)

    mathml.mathml.cache_clear()
    mathml._Translator.__init__ = noted  # type: ignore[method-assign]
    try:
        for name in cells:
            cell_page(Cell(load(name)))
    finally:
        mathml._Translator.__init__ = original  # type: ignore[method-assign]
    return tuple(met) + tuple(printed for name in cells for printed in _printed(Cell(load(name))))


def _printed(cell: Cell) -> Iterator[str]:
    for variable in (None, *cell.gradients.adjoints):
        yield "\n".join(line.plain for line in tex_lines(cell, variable))


if __name__ == "__main__":
    json.dump(formulas(sys.argv[1:] or names()), sys.stdout)
