"""What the route explorer shows: the hops of every value with their terms, and the data that its script walks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derive.circuit.scene import Scene
from derive.equations.model import Role
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Edge, Graph
from derive.pages.figures import edge_wires, wire_data
from derive.printers.latex_equations import (
    Term,
    adjoint_equation,
    adjoint_symbol,
    error,
    forward_equation,
    slopes,
    symbol,
)
from derive.printers.latex_routes import immediate_partial, node, passages, weights
from derive.printers.mathml import fragment
from derive.printers.sentences import occurrence
from derive.routes import count_complete


@dataclass(frozen=True, slots=True)
class Hop:
    """A card of the explorer: one first hop and the term that it adds. Formulas are LaTeX.

    `edge` is the position of the hop among the edges of the script's data; `partial` is empty for the hop to the loss,
    whose term is the error itself.
    """

    term: Term
    edge: int
    source: str
    target: str
    place: str
    occurrence: str
    partial: str
    adjoint: str


@dataclass(frozen=True, slots=True)
class ValueView:
    """A value of step t with all its routes: its hops, in the order of (B.n), and the number of complete routes.

    `slopes` say how the derivatives in the terms are written in forward values.
    """

    name: str
    spoken: str
    symbol: str
    forward: str
    equation: int | None
    number: int
    left: str
    hops: tuple[Hop, ...]
    slopes: tuple[str, ...]
    complete: int


def value_views(gradients: Gradients) -> tuple[ValueView, ...]:
    """Every input and variable that carries a step, in order of evaluation."""
    graph = gradients.graph
    indices = {edge: index for index, edge in enumerate(timed_edges(graph))}
    return tuple(_value_view(gradients, gradients.adjoints[name], indices) for name in graph.equations.timed)


def timed_edges(graph: Graph) -> tuple[Edge, ...]:
    """The edges of the window of two steps, by source, those of one source in the order of its routes."""
    return tuple(edge for name in graph.equations.timed for edge in graph.edges_from(name))


def data(graph: Graph, scene: Scene) -> dict[str, object]:
    """The window of the steps t and t+1 for the script: values with their symbols, edges with their factors.

    `symbols` and `factors` hold MathML, first at t, then at t+1; factors stand in the order in which they meet the
    adjoint of the edge's target. An edge that crosses leads from t to t+1 alone. `wires` are those of `scene`.
    """
    names = graph.equations.timed
    return {
        "cell": graph.equations.name,
        "variables": [
            {"name": name, "spoken": spoken(name), "complete": count_complete(graph, name)} for name in names
        ],
        "symbols": {name: [fragment(node(graph, name, step)) for step in (0, 1)] for name in (*names, LOSS)},
        "errors": {
            edge.source: [fragment(error(graph, edge.source, step=step)) for step in (0, 1)]
            for edge in timed_edges(graph)
            if edge.target == LOSS
        },
        "edges": [_edge_data(graph, edge) | edge_wires(scene, edge) for edge in timed_edges(graph)],
        "wires": wire_data(scene),
    }


def spoken(name: str) -> str:
    """A name for a voice: `f_bar` is f bar."""
    return name.replace("_", " ")


def _value_view(gradients: Gradients, adjoint: Adjoint, indices: Mapping[Edge, int]) -> ValueView:
    graph, name = gradients.graph, adjoint.name
    assigned = graph.equations.symbols[name].role is Role.VARIABLE
    formula = graph.formulas[graph.equations.equation_of(name).number - 1] if assigned else None
    terms = adjoint_equation(gradients, adjoint)
    return ValueView(
        name=name,
        spoken=spoken(name),
        symbol=symbol(graph, name),
        forward=forward_equation(graph, formula) if formula else "",
        equation=formula.equation.number if formula else None,
        number=adjoint.number,
        left=adjoint_symbol(graph, name),
        hops=tuple(_hop(graph, edge, term, indices[edge]) for edge, term in zip(adjoint.hops, terms, strict=True)),
        slopes=tuple(
            dict.fromkeys(item for edge in adjoint.hops if edge.target != LOSS for item in slopes(graph, edge))
        ),
        complete=count_complete(graph, name),
    )


def _hop(graph: Graph, edge: Edge, term: Term, index: int) -> Hop:
    to_loss = edge.target == LOSS
    if edge.crosses_step:
        place = "across to the next step"
    else:
        place = "to the loss of this step" if to_loss else "inside this step"
    return Hop(
        term=term,
        edge=index,
        source=node(graph, edge.source, 0),
        target=node(graph, edge.target, edge.lag),
        place=place,
        occurrence=occurrence(edge),
        partial="" if to_loss else immediate_partial(graph, edge),
        adjoint="" if to_loss else adjoint_symbol(graph, edge.target, edge.lag),
    )


def _edge_data(graph: Graph, edge: Edge) -> dict[str, object]:
    steps = (0,) if edge.crosses_step else (0, 1)
    return {
        "source": edge.source,
        "target": edge.target,
        "lag": edge.lag,
        "occurrence": edge.occurrence,
        "count": edge.count,
        "weights": [fragment(latex) for latex in weights(graph, edge)],
        "factors": [
            [
                {"negative": item.negative, "kind": item.kind, "math": fragment(item.latex) if item.latex else ""}
                for item in passages(graph, edge, step)
            ]
            for step in steps
        ],
    }
