"""The LaTeX document of a cell: its view, which the template templates/tex/cell.tex lays out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from derive.equations.model import Equations, Init, Kind, Role
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Graph
from derive.printers.latex_equations import (
    Term,
    adjoint_equation,
    adjoint_symbol,
    constant,
    forward_terms,
    gradient_symbol,
    slopes,
    symbol,
    term,
    total,
)
from derive.printers.notation import size
from derive.printers.plain_tex import escape
from derive.routes import count_complete
from derive.templates import environment

LINE_WIDTH = 62
"""Glyphs of a formula that fit a line beside its number."""

PAGE_TERMS = 12
"""Terms with braces that surely fit a page."""

_NO_GLYPH = re.compile(r"\\(?:boldsymbol|mathrm|mathit|bar|textcolor\{\w+\}|operatorname|odot|,)|[{}\s^_]")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the tables of symbols; counts are of first hops and of complete routes."""

    symbol: str
    meaning: str
    shape: str
    hops: int
    routes: str
    start: str


@dataclass(frozen=True, slots=True)
class Forward:
    """An equation (F.n); `lines` after the first begin with their sign."""

    number: int
    left: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Backward:
    """An equation (B.n): what it is the adjoint of, its terms in braces, and how its slopes are written."""

    number: int
    name: str
    left: str
    terms: tuple[Term, ...]
    slopes: tuple[str, ...]

    @property
    def long(self) -> bool:
        """Whether the sum may need more than a page, and so must be one that can be broken."""
        return len(self.terms) > PAGE_TERMS


@dataclass(frozen=True, slots=True)
class Start:
    """The gradient of an initial state: the lines of its sum."""

    number: int
    left: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What the template lays out; every text is LaTeX."""

    title: str
    name: str
    source: str
    sizes: str
    variables: tuple[Row, ...]
    parameters: tuple[Row, ...]
    constants: str
    stateful: bool
    forward: tuple[Forward, ...]
    backward: tuple[Backward, ...]
    sums: tuple[Backward, ...]
    renewed: str
    last: str
    starts: tuple[Start, ...]
    crossing: str
    loss: str
    judged: str
    repeated: bool
    timeless: bool
    scalar: bool
    brackets: bool


def tex_document(gradients: Gradients) -> str:
    """The whole LaTeX document of a cell, the same bytes for the same equations."""
    return environment("tex").get_template("cell.tex").render(cell=view(gradients))


def view(gradients: Gradients) -> Document:
    """Everything the template needs, as LaTeX."""
    graph, equations = gradients.graph, gradients.graph.equations
    passed_back = (*gradients.variables, *gradients.inputs)
    backward = tuple(_backward(gradients, item) for item in passed_back)
    sums = tuple(_backward(gradients, item) for item in gradients.parameters)
    used = " ".join(text for block in (*backward, *sums) for text in (*(t.latex for t in block.terms), *block.slopes))
    crossing = dict.fromkeys(hop.target for item in passed_back for hop in item.across)
    return Document(
        title=escape(equations.title),
        name=escape(equations.name),
        source=escape(equations.source),
        sizes=_listed([" = ".join(size(name) for name in dimension.names) for dimension in equations.dimensions]),
        variables=tuple(_row(graph, name) for name in _named(equations, (Role.INPUT, Role.VARIABLE))),
        parameters=tuple(_row(graph, name) for name in equations.parameters),
        constants=_listed([constant(graph, name) for name in equations.constants]),
        stateful=bool(equations.states),
        forward=_forward(graph),
        backward=backward,
        sums=sums,
        renewed=_listed([symbol(graph, name) for name in equations.parameters]),
        last=_listed([adjoint_symbol(graph, name, 0, "T") for name in equations.states]),
        starts=tuple(_start(gradients, gradients.adjoints[name]) for name in equations.states),
        crossing=_listed([adjoint_symbol(graph, name, 1, "T") for name in crossing]),
        loss=equations.loss.rule if equations.loss else "",
        judged=symbol(graph, equations.loss.variable) if equations.loss else "",
        repeated=any(edge.count > 1 for edge in graph.edges),
        timeless=any(item.timeless for item in gradients.variables),
        scalar=any(equations.symbols[name].kind is Kind.SCALAR for name in equations.parameters),
        brackets=" > " in used,
    )


def _named(equations: Equations, roles: tuple[Role, ...]) -> list[str]:
    """The names of these roles: inputs, then variables in order of evaluation."""
    targets = [equation.target for equation in equations.equations]
    return [name for name in (*equations.inputs, *targets) if equations.symbols[name].role in roles]


def _listed(items: Sequence[str]) -> str:
    """Formulas in a sentence: a, b and c."""
    *others, last = [f"${item}$" for item in items] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _row(graph: Graph, name: str) -> Row:
    equations = graph.equations
    init = equations.init.get(name)
    return Row(
        symbol=symbol(graph, name),
        meaning=_meaning(equations, name),
        shape=r" \times ".join(size(item) for item in equations.symbols[name].shape) or "1",
        hops=len(graph.edges_from(name)),
        routes="--" if equations.symbols[name].timeless else str(count_complete(graph, name)),
        start=_init(init) if init else "",
    )


def _meaning(equations: Equations, name: str) -> str:
    described = equations.symbols[name]
    parts = ["input" if described.role is Role.INPUT else "variable"]
    if described.timeless:
        parts = ["made of parameters"]
    if name in equations.states:
        start = equations.initial.get(name, 0.0)
        parts = [
            *(["input"] if described.role is Role.INPUT else []),
            "state" + (f", begins at {start:g}" if start else ""),
        ]
    if name in equations.outputs:
        parts.append("output")
    return ", ".join(parts)


def _init(init: Init) -> str:
    match init.rule:
        case "number":
            return f"${init.value:g}$"
        case "uniform":
            return rf"uniform in $\pm {init.value:g}$"
        case "fan_in":
            return r"uniform in $\pm 1 / \sqrt{\text{columns}}$"
        case rule:
            return "Glorot" if rule == "glorot" else rule


def _forward(graph: Graph) -> tuple[Forward, ...]:
    return tuple(
        Forward(
            formula.equation.number, symbol(graph, formula.target), broken(forward_terms(graph, formula), LINE_WIDTH)
        )
        for formula in graph.formulas
    )


def broken(terms: tuple[str, ...], width: int) -> tuple[str, ...]:
    """A sum in lines of about `width` glyphs; each line after the first begins with its sign."""
    lines: list[list[str]] = [[]]
    for item in terms:
        if lines[-1] and _width(total([*lines[-1], item])) > width:
            lines.append([])
        lines[-1].append(item)
    first, *others = (total(line) for line in lines)
    return first, *(line if line.startswith("-") else f"+ {line}" for line in others)


def _width(latex: str) -> int:
    """About how many glyphs wide a formula is; superscripts count as if they stood on the line."""
    return len(re.sub(r"\\[A-Za-z]+", "x", _NO_GLYPH.sub("", latex)))


def _backward(gradients: Gradients, adjoint: Adjoint) -> Backward:
    graph = gradients.graph
    written = dict.fromkeys(text for hop in adjoint.hops if hop.target != LOSS for text in slopes(graph, hop))
    parameter = graph.equations.symbols[adjoint.name].role is Role.PARAMETER
    terms = tuple(
        Term(item.negative, _over_time(graph, adjoint, item), item.route)
        for item in adjoint_equation(gradients, adjoint)
    )
    return Backward(
        number=adjoint.number,
        name=symbol(graph, adjoint.name),
        left=gradient_symbol(graph, adjoint.name) if parameter else adjoint_symbol(graph, adjoint.name),
        terms=terms,
        slopes=tuple(written),
    )


def _over_time(graph: Graph, adjoint: Adjoint, item: Term) -> str:
    """A term of a timeless name, summed over t where its target carries t."""
    target = adjoint.hops[item.route - 1].target
    if not adjoint.timeless or (target != LOSS and graph.equations.symbols[target].timeless):
        return item.latex
    return rf"\sum_{{t=1}}^{{T}} {item.latex}"


def _start(gradients: Gradients, adjoint: Adjoint) -> Start:
    graph = gradients.graph
    hops = [term(graph, hop, origin=0) for hop in adjoint.across]
    return Start(adjoint.number, gradient_symbol(graph, adjoint.name, 0), broken(tuple(hops), LINE_WIDTH))
