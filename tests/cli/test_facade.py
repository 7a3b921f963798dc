"""The public API: what `derive` offers, and the routes of a Cell."""

from __future__ import annotations

import importlib

import pytest

import derive
from derive.printers.text import ASCII, RouteText

TEXT = "a = W @ h[t-1] + U @ (x * h[t-1]) + b\nh = tanh(a) * a"


def test_the_public_names_are_these_alone() -> None:
    assert dir(derive) == sorted(derive.__all__)
    assert derive.Edge.__module__ == "derive.graph.model"
    assert derive.Route.__module__ == "derive.routes"
    with pytest.raises(AttributeError, match="nonsense"):
        _ = derive.nonsense


def test_a_submodule_does_not_hide_the_function_of_its_name() -> None:
    module = importlib.import_module("derive.build")
    assert callable(derive.build)
    assert derive.build is not module


def test_a_cell_keeps_what_it_computed() -> None:
    cell = derive.parse(TEXT, "mine")
    assert cell.name == "mine"
    assert cell.graph is cell.graph
    assert cell.gradients.graph is cell.graph
    assert cell.plan.gradients is cell.gradients


def test_routes_without_an_end_are_the_first_hops() -> None:
    cell = derive.load("lstm_peephole")
    assert [route.target for route in cell.routes("c")] == [
        ("y", 0),
        ("o_bar", 0),
        ("c", 1),
        ("i_bar", 1),
        ("f_bar", 1),
    ]
    assert next(route.target for route in cell.routes("y")) == ("J", 0)


@pytest.mark.parametrize(
    ("name", "to", "through"),
    [
        ("c", "J", None),
        ("c", "J[t]", None),
        ("c", "J[t+1]", "z"),
        ("c", "c", None),
        ("c", "c[t+1]", "y"),
        ("x", "y", None),
        ("x", "y[t]", "c"),
        ("y", "J", "y"),
    ],
)
def test_routes_are_as_many_as_counted_and_all_different(name: str, to: str, through: str | None) -> None:
    cell = derive.load("lstm_peephole")
    routes = list(cell.routes(name, to, through))
    assert len(routes) == len(set(routes)) == cell.count_routes(name, to, through) > 0
    for route in routes:
        assert route.source == (name, 0)
        assert route.target[0] == to.partition("[")[0]
        assert through is None or through in [node for node, _ in route.nodes[1:-1]]


def test_a_name_alone_means_either_step() -> None:
    cell = derive.load("lstm_peephole")
    assert {route.target for route in cell.routes("x", "y")} == {("y", 0), ("y", 1)}
    assert {route.target for route in cell.routes("x", "y[t+1]")} == {("y", 1)}
    assert cell.count_routes("c", "J") == 22


def test_routes_are_lazy() -> None:
    chain = "\n".join(f"v{n} = v{n - 1} + v{n - 1} * v{n - 1}" for n in range(1, 40))
    cell = derive.parse(f"v0 = x + h[t-1]\n{chain}\nh = v39")
    assert cell.count_routes("x", "J") > 3**39
    assert next(iter(cell.routes("x", "J"))).source == ("x", 0)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("q",), "`q` is not a name"),
        (("c", "q"), "`q` is not a name"),
        (("J", "c"), "`J` is not a name"),
        (("c", None, "y"), "`through` needs `to`"),
        (("c", "J", "q"), "`q` is not a name"),
        (("c", "c[t+2]"), "is no node of the window"),
        (("c", "W_z"), "`W_z` carries no step"),
        (("c", "W_z[t]"), "write `W_z`, not `W_z\\[t\\]`"),
    ],
)
def test_a_request_for_what_is_not_there_is_refused_at_once(arguments: tuple[str | None, ...], part: str) -> None:
    cell = derive.load("lstm_peephole")
    with pytest.raises(derive.DeriveError, match=part):
        cell.routes(*arguments)


@pytest.mark.parametrize(
    ("equations", "name", "terms"),
    [
        (TEXT, "h", ["error_h[t]", "W.T @ d_a[t+1]", "x[t+1] * (U.T @ d_a[t+1])"]),
        (TEXT, "U", ["sum_t outer(d_a[t], h[t-1] * x[t])"]),
        ("h = a / (b + x)", "x", ["-a / (b + x[t])**2 * d_h[t]"]),
        ("h = minimum(x, b)", "x", ["minimum'_a(x[t], b) * d_h[t]"]),
        ("h = x * (W @ h[t-1]) - W @ x", "h", ["error_h[t]", "W.T @ (x[t+1] * d_h[t+1])"]),
        ("h = -(W @ x)", "x", ["-W.T @ d_h[t]"]),
        ("k = exp(b)\nh = k * x", "b", ["exp'(b) * d_k"]),
        ("h = x ** 3 / 3", "x", ["x[t]**2 * d_h[t]"]),
    ],
)
def test_terms_are_bracketed_where_they_must_be(equations: str, name: str, terms: list[str]) -> None:
    cell = derive.parse(equations)
    text = RouteText(cell.graph, ASCII)
    found = [("-" if negative else "") + term for negative, term in map(text.term, cell.routes(name))]
    assert found == terms


@pytest.mark.parametrize(
    ("equation", "printed"),
    [
        ("h = x * (W @ h[t-1]) - W @ x", "h[t] = x[t] * (W @ h[t-1]) - W @ x[t]"),
        ("h = -(W @ x) + transpose(W) @ x", "h[t] = -(W @ x[t]) + W.T @ x[t]"),
        ("h = W @ (x + b) / (1 + exp(-x))", "h[t] = (W @ (x[t] + b)) / (1 + exp(-x[t]))"),
        ("h = x ** b + x ** 0.5 + 0.25", "h[t] = 0.25 + x[t]**b + x[t]**0.5"),
    ],
)
def test_equations_keep_their_meaning_and_order(equation: str, printed: str) -> None:
    cell = derive.parse(equation)
    assert RouteText(cell.graph, ASCII).equation(cell.equations.equations[0]) == printed
