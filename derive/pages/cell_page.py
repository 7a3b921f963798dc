"""The page of a cell: its view, and the page itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from markupsafe import Markup

from derive.cell import Cell
from derive.explain.digits import latex_digits
from derive.pages.explain_view import ForgottenView, TravelView, forgotten_view, travel_views
from derive.pages.figures import Download, circuit, circuit_file, download, memory_cell, network
from derive.pages.html import page
from derive.pages.kernel_view import Kernel, kernel
from derive.pages.links import Site
from derive.pages.routes_view import ValueView, data, value_views
from derive.printers.chart import chart
from derive.printers.svg_parts import style_sheet
from derive.printers.tex_document import tex_document
from derive.printers.tex_model import Document
from derive.printers.tex_view import view
from derive.proof import ProofResult, prove, unrolled

EXPLORER = tuple(f"explorer/{part}.js" for part in ("routes", "cards", "circuit", "view", "controls", "start"))
"""The parts of the route explorer's script, in order."""
LARGEST = 600_000
"""Bytes of a page."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What was checked while the page was made: the exact proof of one step, and the recursion in 50 digits."""

    proof: ProofResult
    unrolled: ProofResult

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return self.proof.passed and self.unrolled.passed

    @property
    def worst(self) -> str:
        """The worst relative error of the comparison with differences, to two digits, in LaTeX."""
        return latex_digits(self.unrolled.worst)


@dataclass(frozen=True, slots=True)
class CellPage:
    """Everything that the template of a cell's page lays out. `document` is what the LaTeX document shows too."""

    name: str
    title: str
    source: str
    checks: Checks
    document: Document
    circuit: Markup
    memory: Markup | None
    network: Markup
    values: tuple[ValueView, ...]
    data: Markup
    forgotten: ForgottenView | None
    travel: tuple[TravelView, ...]
    kernel: Kernel
    downloads: tuple[Download, ...]


def cell_page(cell: Cell, site: Site | None = None) -> str:
    """The page of `cell`, the same bytes for the same equations; `site` where it is one of several pages.

    The derived equations are proved on the way, and the page says what was proved, and how near the differences in
    50-digit arithmetic come, which does not depend on the machine.
    It does not carry what lies beside it in the site; nor does a page that would be larger than `LARGEST` carry the
    circuit, which it shows, as a file too.
    Raises DeriveError where matplotlib is not installed, and where no random point lies in the domain of the cell.
    """
    shown = cell_view(cell)
    beside = {link.href for link in site.beside} if site else set()
    shown = replace(shown, downloads=tuple(item for item in shown.downloads if item.name not in beside))
    made = _page(shown, site)
    if len(made.encode()) <= LARGEST:
        return made
    return _page(replace(shown, downloads=shown.downloads[:1]), site)


def _page(shown: CellPage, site: Site | None) -> str:
    return page("cell.html.j2", EXPLORER, (style_sheet(),), cell=shown, site=site)


def cell_view(cell: Cell) -> CellPage:
    """What the page shows; formulas are LaTeX, of which the template makes MathML."""
    equations, gradients = cell.equations, cell.gradients
    scene = chart(cell.graph)
    return CellPage(
        name=cell.name,
        title=equations.title or cell.name,
        source=equations.source,
        checks=Checks(prove(gradients), unrolled(gradients)),
        document=view(gradients),
        circuit=circuit(scene, equations),
        memory=memory_cell(cell.graph, scene),
        network=network(cell.graph, scene),
        values=value_views(gradients),
        data=json_block(data(cell.graph, scene)),
        forgotten=forgotten_view(gradients),
        travel=travel_views(gradients),
        kernel=kernel(cell),
        downloads=(
            download(f"{cell.name}.tex", "the document in LaTeX", "text/x-tex", tex_document(gradients)),
            download(f"{cell.name}.svg", "the circuit", "image/svg+xml", circuit_file(scene, equations)),
        ),
    )


def json_block(value: object) -> Markup:
    """`value` as JSON that may stand inside a script element of a page."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
