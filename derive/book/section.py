"""The section of one cell: the equations of its document, the circuit, and the explanations that are computed."""

from __future__ import annotations

from dataclasses import dataclass

from derive.circuit.figure import Figure
from derive.circuit.odyssey import odyssey
from derive.circuit.scene import Scene
from derive.circuit.unfolded import unfolded
from derive.equations.model import Equations
from derive.explain.digits import latex_digits, percent
from derive.explain.forgotten import Forgotten, forgotten
from derive.explain.layouts import Layout, statement
from derive.explain.travel import Curves, simple_network, travel
from derive.gradients import Gradients
from derive.graph import Graph
from derive.printers.latex_equations import symbol
from derive.printers.latex_routes import node
from derive.printers.tex_document import tex_figure
from derive.printers.tex_model import Document
from derive.printers.tex_view import view
from derive.printers.tikz_figures import figure_tikz
from derive.proof.interpreter import Scalar
from derive.templates import environment

HEADINGS = ("Inputs", "States", "Variables", "Parameters", "Constants")
"""The headings of the index of symbols, in order."""

WIDTH = 436.0
"""Points of print that a line of the book is wide."""

LEAST = "1e-6"
"""Where the plots of norms end below."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A route of a state, and what the gradient loses with it: in per cent, and as the length of a bar, at most 1."""

    route: int
    hop: str
    term: str
    error: str
    bar: str


@dataclass(frozen=True, slots=True)
class Costs:
    """The routes of one state; `number` is the n of (B.n)."""

    state: str
    number: int
    rows: tuple[Cost, ...]


@dataclass(frozen=True, slots=True)
class Travel:
    """How far errors travel in one state: the own block in both layouts, and the curves as coordinates of a plot."""

    state: str
    layouts: tuple[tuple[str, Layout], ...]
    highway: str
    block: str
    loop: str
    bound: str
    beside: str
    left: str
    steps: int


@dataclass(frozen=True, slots=True)
class Section:
    """One cell of the book: its text, and what the chapters around it say of it."""

    cell: Document
    states: str
    hops: int
    symbols: tuple[tuple[str, str], ...]
    text: str


def section(gradients: Gradients, circuit: Scene) -> Section:
    """The section of a cell, with its `circuit`: the same bytes for the same equations."""
    graph, cell = gradients.graph, view(gradients)
    equations = graph.equations
    text = (
        environment("tex")
        .get_template("section.tex.j2")
        .render(
            cell=cell,
            figure=tex_figure(graph, circuit, cell, legend=False),
            memory=_memory(graph, circuit, cell),
            network=_network(graph, circuit, cell),
            costs=_costs(gradients),
            travels=_travels(gradients),
            common=False,
        )
    )
    return Section(
        cell=cell,
        states=", ".join(f"${symbol(graph, name, None)}$" for name in equations.states) or "none",
        hops=sum(len(item.hops) for item in gradients.variables),
        symbols=_symbols(graph, equations),
        text=text,
    )


def _memory(graph: Graph, circuit: Scene, cell: Document) -> str:
    """The chart of the memory cell as a float; nothing where no state has one."""
    drawn = odyssey(graph, circuit.diagram)
    caption = "the memory cell and its gates. A dashed line brings the value of the step before."
    return _chart(graph, cell, drawn, "memory", caption) if drawn else ""


def _network(graph: Graph, circuit: Scene, cell: Document) -> str:
    """The unfolded network as a float."""
    caption = "the errors that come back (dashed), and below each step those that it adds to the gradients."
    return _chart(graph, cell, unfolded(graph, circuit.diagram), "network", caption)


def _chart(graph: Graph, cell: Document, drawn: Figure, label: str, caption: str) -> str:
    picture = figure_tikz(drawn, graph.equations, WIDTH).rstrip()
    template = environment("tex").get_template("chart.tex.j2")
    return template.render(cell=cell, picture=picture, label=label, caption=caption).rstrip()


def _symbols(graph: Graph, equations: Equations) -> tuple[tuple[str, str], ...]:
    """Every name without its step, with the heading that an index has it under."""
    groups = (
        equations.inputs,
        [name for name in equations.states if name not in equations.inputs],
        [item.target for item in equations.equations if item.target not in equations.states],
        equations.parameters,
        equations.constants,
    )
    return tuple(
        (heading, symbol(graph, name, None)) for heading, names in zip(HEADINGS, groups, strict=True) for name in names
    )


def _costs(gradients: Gradients) -> tuple[Costs, ...]:
    """What every first hop of every state costs when it is left out."""
    graph = gradients.graph
    if not graph.equations.states:
        return ()
    rows = forgotten(gradients)
    return tuple(
        Costs(
            symbol(graph, state),
            gradients.adjoints[state].number,
            tuple(_cost(graph, row) for row in rows if row.state == state),
        )
        for state in graph.equations.states
    )


def _cost(graph: Graph, row: Forgotten) -> Cost:
    hop = row.hop
    several = f", occurrence {hop.occurrence} of {hop.count}" if hop.count > 1 else ""
    return Cost(
        route=row.number,
        hop=rf"$\rightarrow {node(graph, hop.target, hop.lag)}${several}",
        term=row.term.signed,
        error=percent(row.error),
        bar=f"{min(float(row.error), 1.0):.3f}",
    )


def _travels(gradients: Gradients) -> tuple[Travel, ...]:
    """How far errors travel in every state, beside the simple recurrent network."""
    graph = gradients.graph
    return tuple(_travelled(graph, curves) for curves in travel(gradients)) if graph.equations.states else ()


def _travelled(graph: Graph, curves: Curves) -> Travel:
    found = statement(graph, curves.state)
    return Travel(
        state=symbol(graph, curves.state, None),
        layouts=found.layouts,
        highway=found.highway,
        block=_coordinates(curves.block),
        loop=_coordinates(curves.highway or ()),
        bound=_coordinates(curves.by_jacobians),
        beside=_coordinates(simple_network().block),
        left=latex_digits(curves.block[-1]),
        steps=curves.steps,
    )


def _coordinates(numbers: tuple[Scalar, ...]) -> str:
    """The points of a curve over the distance, down to where it leaves the plot or becomes 0."""
    points = []
    for distance, number in enumerate(numbers):
        if number > 0:
            points.append(f"({distance},{float(number):.3e})")
        if number < float(LEAST):
            break
    return " ".join(points)
