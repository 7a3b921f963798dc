"""Edges are occurrences, and an immediate partial differentiates one of them alone."""

from __future__ import annotations

import pytest
import sympy

from derive.elementary import Slope, elementary, identify, value
from derive.equations import load, names, parse
from derive.equations.model import Role, occurrences
from derive.graph import LOSS, Diagonal, Edge, Graph, Outer, Transfer, wire

X, Y, Z, W = (value(name) for name in ("x", "y", "z", "w"))


def graph_of(text: str) -> Graph:
    return wire(parse(text))


def edges(graph: Graph, source: str, target: str) -> list[Edge]:
    return [edge for edge in graph.edges if (edge.source, edge.target) == (source, target)]


def diagonals(found: list[Edge]) -> list[sympy.Expr]:
    assert all(len(edge.partial) <= 1 for edge in found)
    return [edge.partial[0].expression if edge.partial else sympy.Integer(1) for edge in found]


@pytest.mark.parametrize(
    ("text", "partials"),
    [
        ("z * z", [Z, Z]),
        ("z - z", [1, -1]),
        ("z + z + z", [1, 1, 1]),
        ("z / z", [1 / Z, -1 / Z]),
        ("z * z * z", [Z**2, Z**2, Z**2]),
        ("z**2 * z", [2 * Z**2, Z**2]),
        ("2 * z - 3 * z", [2, -3]),
        ("z * y", [Y]),
        ("0 * z", [0]),
    ],
)
def test_every_occurrence_is_an_edge_with_the_others_held(text: str, partials: list[sympy.Expr]) -> None:
    graph = graph_of(f"z = W @ x + U @ h[t-1]\ny = V @ x\nu = {text}\nh = u + y")
    assert diagonals(edges(graph, "z", "u")) == partials


def test_occurrences_are_numbered_in_the_order_of_the_text() -> None:
    found = edges(graph_of("z = W @ x + u * h[t-1]\nh = z * tanh(z)"), "z", "h")
    assert [(edge.occurrence, edge.count) for edge in found] == [(1, 2), (2, 2)]
    assert found[0].partial == (Diagonal(elementary("tanh")(Z), elementary("tanh")(Z)),)
    assert isinstance(next(iter(found[1].partial[0].primed.atoms(Slope))), Slope)


def test_this_step_and_the_step_before_are_different_variables() -> None:
    found = edges(graph_of("z = W @ x\nh = z * z[t-1] + z[t-1] * h[t-1]"), "z", "h")
    assert [(edge.lag, edge.occurrence, edge.count) for edge in found] == [(0, 1, 1), (1, 1, 2), (1, 2, 2)]
    assert diagonals(found) == [value("z", 1), Z, value("h", 1)]
    assert [edge.crosses_step for edge in found] == [False, True, True]


def test_a_derivative_is_written_in_the_output_that_is_there() -> None:
    graph = graph_of("a = W @ x + U @ h[t-1]\nh = tanh(a)\ny = V @ h + exp(a)")
    assert diagonals(edges(graph, "a", "h")) == [1 - value("h") ** 2]
    assert diagonals(edges(graph, "a", "y")) == [elementary("exp")(value("a"))]


def test_a_product_makes_a_chain_of_factors() -> None:
    graph = graph_of("r = sigmoid(V @ x)\nh = tanh(W @ x + r * (U @ (r * h[t-1])))")
    outer, inner = edges(graph, "r", "h")
    assert [type(factor) for factor in outer.partial] == [Diagonal]
    assert [type(factor) for factor in inner.partial] == [Diagonal, Transfer, Diagonal]
    assert inner.partial[1].matrix == "U"
    assert not inner.partial[1].transposed
    assert inner.partial[2].expression == value("h", 1)
    (matrix,) = edges(graph, "U", "h")
    assert isinstance(matrix.partial[-1], Outer)
    assert matrix.partial[-1].operand == value("r") * value("h", 1)


def test_products_inside_products_and_transposes() -> None:
    graph = graph_of("h = W @ tanh(V @ x) + transpose(U) @ h[t-1]")
    (inner,) = edges(graph, "x", "h")
    assert [type(factor) for factor in inner.partial] == [Transfer, Diagonal, Transfer]
    assert [factor.matrix for factor in inner.partial if isinstance(factor, Transfer)] == ["W", "V"]
    (transposed,) = edges(graph, "h", "h")
    assert transposed.partial[0].transposed
    (matrix,) = edges(graph, "U", "h")
    assert matrix.partial[-1].transposed


def test_names_are_literal_whatever_sympy_calls_them() -> None:
    text = "S = tanh(W @ x + gamma * I[t-1])\nI = S * beta + E * S\nlambda_ = I + zeta"
    graph = graph_of(text)
    assert diagonals(edges(graph, "S", "I")) == [value("beta"), value("E")]
    assert {edge.source for edge in graph.edges} == {"W", "x", "gamma", "I", "S", "beta", "E", "zeta", "lambda_"}


def test_a_symbolic_exponent_never_divides_by_its_base() -> None:
    text = "equations = '''\nh = (1 + x * x)**s\n'''\n[parameters]\ns = \"scalar\"\n[init]\ns = 0.5\n"
    found = edges(wire(parse(text)), "x", "h")
    assert all(not (factor.expression.as_numer_denom()[1].has(X)) for edge in found for factor in edge.partial)


def test_constants_have_no_edges() -> None:
    graph = graph_of("equations = '''\nh = epsilon * tanh(W @ x + u * h[t-1])\n'''\n[constants]\nepsilon = 0.1\n")
    assert not [edge for edge in graph.edges if edge.source == "epsilon"]


@pytest.mark.parametrize("name", names())
def test_there_is_one_edge_for_every_occurrence(name: str) -> None:
    equations = load(name)
    graph = wire(equations)
    standing = [
        (occurrence.name, equation.target)
        for equation in equations.equations
        for occurrence in occurrences(equation.expression)
        if equations.symbols[occurrence.name].role is not Role.CONSTANT
    ]
    assert [(edge.source, edge.target) for edge in graph.edges if edge.target != LOSS] == standing
    assert tuple(edge.source for edge in graph.edges if edge.target == LOSS) == equations.outputs


def test_the_reading_order_is_that_of_the_text() -> None:
    graph = graph_of("h = b + U @ h[t-1] + W @ x")
    (formula,) = graph.formulas
    order = graph.reading_order("h")
    assert [str(symbol) for symbol in order] == ["b#1", "b", "@1", "h[t-1]#1", "h[t-1]", "@2", "x#1", "x"]
    assert identify(formula.expression).free_symbols <= set(order)
