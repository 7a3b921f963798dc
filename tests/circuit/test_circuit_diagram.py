"""The diagram of a cell: its nodes, its wires, and the way of every edge through them."""

import itertools

import pytest

from derive.circuit.diagram import diagram
from derive.circuit.model import Diagram, Kind
from derive.equations import names, parse
from derive.graph import LOSS, Edge, Graph, wire
from tests.circuit.drawings import RANDOM_CELLS, graph_of, large_graph, random_graph


def reads(drawn: Diagram, node: str) -> list[str]:
    """What a node reads, as the language writes it; `@` stands before what a matrix multiplies."""
    return [f"{'@' * w.matrix}{w.source}{'[t-1]' * w.lag}" for w in drawn.into[node]]


def of(equations: str) -> tuple[Graph, Diagram]:
    graph = wire(parse(f"equations = '''\n{equations}\n'''", "cell"))
    return graph, diagram(graph)


def assert_paths(graph: Graph) -> None:
    """Every edge of a value has a way from its source to its target, and no wire is without an edge."""
    drawn = diagram(graph)
    used = set()
    for edge in graph.edges:
        path = drawn.path(edge)
        if graph.equations.symbols[edge.source].timeless or not drawn_target(graph, edge):
            assert path == ()
            continue
        assert (path[0].source, path[0].lag) == (edge.source, edge.lag)
        assert path[-1].target == (f"{LOSS}-{edge.source}" if edge.target == LOSS else edge.target)
        for before, after in itertools.pairwise(path):
            assert (before.target, 0) == (after.source, after.lag)
            assert drawn.node[before.target].variable is None
        used.update(wire.id for wire in path)
    assert used == {wire.id for wire in drawn.wires}


def drawn_target(graph: Graph, edge: Edge) -> bool:
    return edge.target == LOSS or not graph.equations.symbols[edge.target].timeless


@pytest.mark.parametrize("name", names())
def test_every_edge_has_its_way_in_every_cell_of_the_zoo(name: str) -> None:
    assert_paths(graph_of(name))


def test_every_edge_has_its_way_in_large_and_random_cells() -> None:
    assert_paths(large_graph())
    for seed in range(RANDOM_CELLS):
        assert_paths(random_graph(seed))


def test_the_circuit_of_the_peephole_lstm() -> None:
    drawn = diagram(graph_of("lstm_peephole"))
    assert reads(drawn, "f_bar") == ["@x", "@y[t-1]", "c[t-1]"]
    assert reads(drawn, "c") == ["c-1", "c-2"]
    assert reads(drawn, "c-2") == ["c[t-1]", "f"]
    assert reads(drawn, "y") == ["o", "y-1"]
    badges = {name: drawn.node[name].symbol for name in ("f_bar", "f", "z", "c", "c-1", "y", "y-1", "x", "J-y")}
    assert badges == {
        "f_bar": r"\Sigma",
        "f": r"\sigma",
        "z": r"\tanh",
        "c": "+",
        "c-1": r"\odot",
        "y": r"\odot",
        "y-1": r"\tanh",
        "x": "",
        "J-y": "",
    }
    assert {node.id for node in drawn.nodes if node.carried} == {"c", "y"}


@pytest.mark.parametrize(
    ("equation", "kind", "symbol", "read"),
    [
        ("h = W @ h[t-1] + x", Kind.SUM, r"\Sigma", ["@h[t-1]", "x"]),
        ("h = h[t-1] + x", Kind.OPERATOR, "+", ["h[t-1]", "x"]),
        ("h = h[t-1] - x", Kind.OPERATOR, "-", ["h[t-1]", "x"]),
        ("h = tanh(W @ x + U @ h[t-1])", Kind.FUNCTION, r"\tanh", ["h-1"]),
        ("h = p * sigmoid(x + h[t-1])", Kind.GATE, r"\sigma", ["h-1"]),
        ("h = 4 * sigmoid(x * h[t-1]) - 2", Kind.GATE, r"4\sigma-2", ["h-1"]),
        ("h = h[t-1] * h[t-1] * x", Kind.OPERATOR, r"\odot", ["h[t-1]", "h[t-1]", "x"]),
        ("h = 1 - tanh(x * h[t-1])", Kind.OPERATOR, "1-", ["h-1"]),
        ("h = W @ (x * h[t-1])", Kind.SUM, r"\Sigma", ["@h-1"]),
        ("h = minimum(x, h[t-1])", Kind.OPERATOR, r"\min", ["x", "h[t-1]"]),
        ("h = x / h[t-1]", Kind.OPERATOR, r"\div", ["x", "h[t-1]"]),
        ("h = (x * h[t-1])**2", Kind.OPERATOR, "x^{2}", ["h-1"]),
    ],
)
def test_the_top_operation_is_the_badge(equation: str, kind: Kind, symbol: str, read: list[str]) -> None:
    _, drawn = of(equation)
    assert (drawn.node["h"].kind, drawn.node["h"].symbol) == (kind, symbol)
    assert reads(drawn, "h") == read


def test_what_carries_no_step_is_absorbed() -> None:
    graph, drawn = of("w = exp(v)\nh = tanh(w * h[t-1] + U @ x + b)")
    assert {node.id for node in drawn.nodes} == {"x", "h", "h-1", "J-h"}
    assert all(drawn.path(edge) == () for edge in graph.edges if edge.source in "wvUb")


def test_factors_lead_back_to_variables() -> None:
    graph = graph_of("gru")
    drawn = diagram(graph)
    hop = {(edge.source, edge.occurrence): edge for edge in graph.edges if edge.target == "h"}
    # h = z * h[t-1] + (1 - z) * n: the first z meets h[t-1], the second one n, and n meets 1 - z.
    assert [(w.source, w.lag) for w in drawn.factors(hop["z", 1])] == [("h", 1)]
    assert [(w.source, w.lag) for w in drawn.factors(hop["z", 2])] == [("n", 0)]
    assert [w.source for w in drawn.factors(hop["n", 1])] == ["h-3", "z"]
    assert drawn.factors(next(edge for edge in graph.edges if edge.target == "z")) == ()
