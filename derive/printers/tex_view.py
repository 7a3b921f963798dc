"""From the derived equations of a cell to what its document shows."""

from __future__ import annotations

import re

from derive.equations.model import Call, Equations, Init, Kind, Role
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
from derive.printers.sentences import listed_formulas
from derive.printers.tex_model import Backward, Document, Forward, Row, Start
from derive.routes import count_complete
from derive.rules import GATES

LINE_WIDTH = 62
"""Glyphs of a formula that fit a line beside its number."""


_NO_GLYPH = re.compile(r"\\(?:boldsymbol|mathrm|mathit|bar|textcolor\{\w+\}|operatorname|odot|,)|[{}\s^_]")


def view(gradients: Gradients) -> Document:
    """Everything the template needs, as LaTeX."""
    graph, equations = gradients.graph, gradients.graph.equations
    passed_back = (*gradients.variables, *gradients.inputs)
    backward = tuple(_backward(gradients, item) for item in passed_back)
    sums = tuple(_backward(gradients, item) for item in gradients.parameters)
    used = " ".join(text for block in (*backward, *sums) for text in (*(t.latex for t in block.terms), *block.slopes))
    crossing = dict.fromkeys(hop.target for item in passed_back for hop in item.across)
    return Document(
        label=equations.name,
        title=escape(equations.title or equations.name),
        name=escape(equations.name),
        source=escape(equations.source),
        sizes=listed_formulas(
            [" = ".join(size(name) for name in dimension.names) for dimension in equations.dimensions]
        ),
        variables=tuple(_row(gradients, name) for name in (*equations.inputs, *equations.variables)),
        parameters=tuple(_row(gradients, name) for name in equations.parameters),
        constants=listed_formulas([constant(graph, name) for name in equations.constants]),
        stateful=bool(equations.states),
        forward=_forward(graph),
        backward=backward,
        sums=sums,
        renewed=listed_formulas([symbol(graph, name) for name in equations.parameters]),
        last=listed_formulas([adjoint_symbol(graph, name, 0, "T") for name in equations.states]),
        starts=tuple(_start(gradients, gradients.adjoints[name]) for name in equations.states),
        crossing=listed_formulas([adjoint_symbol(graph, name, 1, "T") for name in crossing]),
        loss=equations.loss.rule if equations.loss else "",
        loss_variable=symbol(graph, equations.loss.variable) if equations.loss else "",
        repeated=any(edge.count > 1 for edge in graph.edges),
        timeless=any(item.timeless for item in gradients.variables),
        scalar=any(equations.symbols[name].kind is Kind.SCALAR for name in equations.parameters),
        brackets=" > " in used,
    )


def _row(gradients: Gradients, name: str) -> Row:
    graph = gradients.graph
    equations = graph.equations
    init = equations.init.get(name)
    assigned = {equation.target: equation.number for equation in equations.equations}
    return Row(
        symbol=symbol(graph, name),
        meaning=_meaning(equations, name),
        shape=r" \times ".join(size(item) for item in equations.symbols[name].shape) or "1",
        hops=len(graph.edges_from(name)),
        routes="--" if equations.symbols[name].timeless else str(count_complete(graph, name)),
        start=_init(init) if init else "",
        forward=assigned.get(name),
        backward=gradients.adjoints[name].number,
    )


def _meaning(equations: Equations, name: str) -> str:
    """What a name is: an input, a gate, a state with its start, an output."""
    parts = [_part(equations, name)]
    if name in equations.states:
        start = equations.initial.get(name, 0.0)
        parts = [part for part in parts if part != "variable"]
        parts.append("state" + (f", begins at {start:g}" if start else ""))
    if name in equations.outputs:
        parts.append("output")
    return ", ".join(parts)


def _part(equations: Equations, name: str) -> str:
    """What a name is by its role, its equation and its spelling."""
    described = equations.symbols[name]
    if described.role is not Role.VARIABLE:
        return str(described.role.value)
    if described.timeless:
        return "made of parameters"
    match equations.equation_of(name).expression:
        case Call(function, _) if function in GATES:
            return "gate"
    return "pre-activation" if name.endswith("_bar") else "variable"


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
        error_enters=adjoint.error_enters,
        inside=len(adjoint.inside),
        across=len(adjoint.across),
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
