"""The page that compares two cells: what changes in the graph, and the equations of both side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy
from markupsafe import Markup

from derive.cell import Cell
from derive.gradients import Adjoint
from derive.graph import Edge, Formula, Graph
from derive.pages.alignment import Alignment, align
from derive.pages.html import page
from derive.pages.kernel_view import over_sizes
from derive.pages.links import Site, cell_file
from derive.pages.neutral import Neutral
from derive.printers.chart import chart
from derive.printers.latex import LatexPrinter
from derive.printers.latex_equations import symbol
from derive.printers.latex_routes import node
from derive.printers.svg import svg
from derive.printers.svg_parts import style_sheet
from derive.printers.tex_model import Backward
from derive.printers.tex_view import view
from derive.routes import count_complete

_NODE = re.compile(r'class="(node [^"]*" data-node="([^"]*)")')

SAME, RENAMED, CHANGED, ALONE = "same", "renamed", "changed", "alone"
"""What becomes of an equation: nothing, other names, other terms; or only one cell has it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A term of a sum with its sign, in LaTeX; `own` where the equation of the partner lacks it."""

    latex: str
    own: bool


@dataclass(frozen=True, slots=True)
class Line:
    """An equation of one cell: its label, F.3, what it gives, and its terms."""

    label: str
    left: str
    terms: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """The equations of two partners, or one that stands alone."""

    state: str
    first: Line | None
    second: Line | None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two cells, and what it alone has: formulas are LaTeX, wires pairs of ends."""

    name: str
    title: str
    href: str
    values: tuple[str, ...]
    parameters: tuple[str, ...]
    wires: tuple[tuple[str, str], ...]
    circuit: Markup


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that the template of a comparison lays out. In `figures` formulas stand between dollar signs."""

    first: Side
    second: Side
    distance: int
    renamed: tuple[tuple[str, str], ...]
    rewritten: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, str, str], ...]
    forward: tuple[Pair, ...]
    backward: tuple[Pair, ...]
    sums: tuple[Pair, ...]


def comparison_page(first: Cell, second: Cell, site: Site | None = None) -> str:
    """The page that says what becomes of `first` in `second`; `site` where it is one of several pages."""
    return page("comparison.html.j2", (), (style_sheet(),), comparison=comparison(first, second), site=site)


def comparison(first: Cell, second: Cell) -> Comparison:
    """What the page shows."""
    alignment = align(first.graph, second.graph)
    forward = tuple(_forward(alignment))
    backward = tuple(_backward(alignment, first, second))
    own = {name for name, _, pair in forward if name and _owns(pair.first)}
    its = {name for _, name, pair in forward if name and _owns(pair.second)}
    return Comparison(
        first=_side(first, alignment.only_first, alignment.edges_only_first, own, "first"),
        second=_side(second, alignment.only_second, alignment.edges_only_second, its, "second"),
        distance=alignment.distance,
        renamed=tuple(
            (symbol(first.graph, name, None), symbol(second.graph, other, None)) for name, other in alignment.renamed
        ),
        rewritten=tuple(
            (symbol(first.graph, name, None), symbol(second.graph, alignment.partners[name], None))
            for name in alignment.rewritten
        ),
        figures=tuple(_figures(first, second, alignment)),
        forward=tuple(pair for *_, pair in forward),
        backward=tuple(pair for parameter, pair in backward if not parameter),
        sums=tuple(pair for parameter, pair in backward if parameter),
    )


def _owns(line: Line | None) -> bool:
    return line is not None and any(piece.own for piece in line.terms)


def _side(cell: Cell, names: Sequence[str], edges: Sequence[Edge], changed: set[str], place: str) -> Side:
    """What `cell` alone has; `changed` are variables that both have, with a term that the other lacks."""
    graph, equations = cell.graph, cell.equations
    return Side(
        name=cell.name,
        title=equations.title or cell.name,
        href=cell_file(cell.name),
        values=tuple(symbol(graph, name, None) for name in names if name not in equations.parameters),
        parameters=tuple(symbol(graph, name, None) for name in names if name in equations.parameters),
        wires=tuple((node(graph, edge.source, 0), node(graph, edge.target, edge.lag)) for edge in edges),
        circuit=_circuit(graph, {*names, *changed}, edges, place),
    )


def _circuit(graph: Graph, names: set[str], edges: Sequence[Edge], place: str) -> Markup:
    """The circuit; nodes of `names` and wires of `edges` have the class `own`, `place` begins its ids."""
    scene = chart(graph)
    wires = {
        (wire.id, step): "own" for edge in edges for wire in scene.diagram.path(edge) for step in range(scene.steps)
    }
    nodes = {item.id for item in scene.diagram.nodes if item.variable in names}
    text = svg(scene, graph.equations, f"{place}-", wires).replace('class="circuit dim"', 'class="circuit"')
    return Markup(_NODE.sub(lambda found: f'class="own {found[1]}' if found[2] in nodes else found[0], text))


def _figures(first: Cell, second: Cell, alignment: Alignment) -> Iterator[tuple[str, str, str]]:
    """What can be counted of both cells."""
    both = (first, second)

    def row(label: str, *counts: object) -> tuple[str, str, str]:
        one, other = (str(count) for count in counts)
        return label, one, other

    yield row("equations", *(len(cell.equations.equations) for cell in both))
    yield row("states", *(len(cell.equations.states) for cell in both))
    yield row("parameters", *(len(cell.equations.parameters) for cell in both))
    for name in first.equations.states:
        if name in alignment.partners:
            ends = (first.graph, name), (second.graph, alignment.partners[name])
            state = f"${symbol(*ends[0], None)}$"
            if symbol(*ends[0], None) != symbol(*ends[1], None):
                state += f", ${symbol(*ends[1], None)}$"
            yield row(f"first hops of {state}", *(len(graph.edges_from(item)) for graph, item in ends))
            yield row(f"complete routes of {state} in two steps", *(count_complete(*end) for end in ends))
    yield row("values on the tape, a step", *(f"${over_sizes(cell.plan.count.saved)}$" for cell in both))


def _forward(alignment: Alignment) -> Iterator[tuple[str | None, str | None, Pair]]:
    """The forward equations of both, with the variables that they assign."""
    first = {formula.target: formula for formula in alignment.first.formulas}
    second = {formula.target: formula for formula in alignment.second.formulas}
    for name, other in _merged(tuple(first), tuple(second), alignment):
        one = _summands(alignment.first, alignment.first_neutral, first[name]) if name else None
        two = _summands(alignment.second, alignment.second_neutral, second[other]) if other else None
        yield name, other, _pair(one, two)


@dataclass(frozen=True, slots=True)
class _Equation:
    """An equation whose terms can be told apart: each in LaTeX, and as what it says in neutral names."""

    label: str
    left: str
    terms: tuple[tuple[str, Hashable], ...]


def _summands(graph: Graph, neutral: Neutral, formula: Formula) -> _Equation:
    printer = LatexPrinter(graph, graph.reading_order(formula.target))
    terms = printer.sort(sympy.Add.make_args(formula.expression))
    return _Equation(
        f"F.{formula.equation.number}",
        symbol(graph, formula.target),
        tuple((printer.text(term), neutral.expression(term)) for term in terms),
    )


def _backward(alignment: Alignment, first: Cell, second: Cell) -> Iterator[tuple[bool, Pair]]:
    """The adjoint equations of both, those of parameters after the others, each with whether it is one of these."""
    one = _adjoint_equations(first, alignment.first_neutral)
    other = _adjoint_equations(second, alignment.second_neutral)
    for name, partner in _merged(tuple(one), tuple(other), alignment):
        parameter = name in first.equations.parameters or partner in second.equations.parameters
        yield parameter, _pair(one[name] if name else None, other[partner] if partner else None)


def _adjoint_equations(cell: Cell, neutral: Neutral) -> Mapping[str, _Equation]:
    document = view(cell.gradients)
    blocks = (*document.backward, *document.sums)
    return {
        adjoint.name: _hops(neutral, adjoint, block)
        for adjoint, block in zip(cell.gradients.adjoints.values(), blocks, strict=True)
    }


def _hops(neutral: Neutral, adjoint: Adjoint, block: Backward) -> _Equation:
    pairs = zip(block.terms, adjoint.hops, strict=True)
    terms = tuple((term.signed, neutral.edge(hop)) for term, hop in pairs)
    return _Equation(f"B.{block.number}", block.left, terms)


def _merged(
    first: Sequence[str], second: Sequence[str], alignment: Alignment
) -> Iterator[tuple[str | None, str | None]]:
    """The names of both in one order: partners together, and what the second alone has behind what it follows there."""
    behind: dict[str | None, list[str]] = {}
    before: str | None = None
    for other in second:
        partner = alignment.names.get(other)
        if partner in first:
            before = partner
        else:
            behind.setdefault(before, []).append(other)
    for name in (None, *first):
        if name is not None:
            partner = alignment.partners.get(name)
            yield name, partner if partner in second else None
        yield from ((None, other) for other in behind.get(name, ()))


def _pair(first: _Equation | None, second: _Equation | None) -> Pair:
    lines = _line(first, second), _line(second, first)
    if first is None or second is None:
        return Pair(ALONE, *lines)
    if Counter(key for _, key in first.terms) != Counter(key for _, key in second.terms):
        return Pair(CHANGED, *lines)
    alike = first.left == second.left and {text for text, _ in first.terms} == {text for text, _ in second.terms}
    return Pair(SAME if alike else RENAMED, *lines)


def _line(equation: _Equation | None, partner: _Equation | None) -> Line | None:
    if equation is None:
        return None
    left = Counter(key for _, key in partner.terms) if partner else None
    pieces = []
    for latex, key in equation.terms:
        shared = left is not None and left[key] > 0
        if shared and left is not None:
            left[key] -= 1
        pieces.append(Piece(latex, left is not None and not shared))
    return Line(equation.label, equation.left, tuple(pieces))
