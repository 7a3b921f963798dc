"""The page of a cell: its view, and the page itself."""

from __future__ import annotations

import json
from dataclasses import dataclass

from markupsafe import Markup

from derive.cell import Cell
from derive.pages.html import page
from derive.pages.kernel_view import Kernel, kernel
from derive.pages.routes_view import Explored, data, explored
from derive.printers.tex_document import Document, view
from derive.proof import ProofResult, prove, unrolled


@dataclass(frozen=True, slots=True)
class Checks:
    """What was checked while the page was made: the exact proof of one step, and the recursion in 50 digits."""

    proof: ProofResult
    unrolled: ProofResult

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return self.proof.passed and self.unrolled.passed


@dataclass(frozen=True, slots=True)
class CellPage:
    """Everything that the template of a cell's page lays out. `document` is what the LaTeX document shows too."""

    name: str
    title: str
    source: str
    inputs: int
    states: int
    checks: Checks
    document: Document
    explored: tuple[Explored, ...]
    data: Markup
    kernel: Kernel


def cell_page(cell: Cell) -> str:
    """The page of `cell`, the same bytes for the same equations.

    The derived equations are proved on the way, and the page says what was proved; nothing of it is measured.
    """
    return page("cell.html.j2", ("explorer.js",), cell=cell_view(cell))


def cell_view(cell: Cell) -> CellPage:
    """What the page shows; formulas are LaTeX, of which the template makes MathML."""
    equations, gradients = cell.equations, cell.gradients
    return CellPage(
        name=cell.name,
        title=equations.title or cell.name,
        source=equations.source,
        inputs=len(equations.inputs),
        states=len(equations.states),
        checks=Checks(prove(gradients), unrolled(gradients)),
        document=view(gradients),
        explored=explored(gradients),
        data=json_block(data(cell.graph)),
        kernel=kernel(cell),
    )


def json_block(value: object) -> Markup:
    """`value` as JSON that may stand inside a script element of a page."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
