"""Routes: first hops, complete routes, and their number without making them."""

from __future__ import annotations

import itertools

import pytest

import derive
from derive.graph import LOSS
from derive.routes import count_complete, first_hops, routes_to


def ways(cell: derive.Cell, name: str, step: int = 0) -> int:
    """Complete routes counted by plain recursion over the equations' edges."""
    if name == LOSS:
        return 1
    return sum(ways(cell, edge.target, step + edge.lag) for edge in cell.graph.edges_from(name) if step + edge.lag <= 1)


def test_the_five_first_hops_of_the_peephole_cell() -> None:
    hops = derive.load("lstm_peephole").routes("c")
    assert [route.target for route in hops] == [("y", 0), ("o_bar", 0), ("c", 1), ("i_bar", 1), ("f_bar", 1)]
    assert [route.crosses_step for route in hops] == [False, False, True, True, True]
    assert all(len(route.edges) == 1 for route in hops)


def test_the_hop_that_carries_the_error_is_a_route() -> None:
    first = derive.load("lstm_peephole").routes("y")[0]
    assert first.target == (LOSS, 0)
    assert first.partial == ()


@pytest.mark.parametrize("name", derive.names())
def test_complete_routes_are_counted_without_being_made(name: str) -> None:
    cell = derive.load(name)
    for variable, symbol in cell.equations.symbols.items():
        if symbol.timeless:
            continue
        assert count_complete(cell.graph, variable) == ways(cell, variable)
        made = sum(1 for _ in cell.routes(variable, to="J"))
        assert made == ways(cell, variable)


def test_twenty_two_routes_of_c() -> None:
    cell = derive.load("lstm_peephole")
    routes = list(cell.routes("c", to="J"))
    assert len(routes) == count_complete(cell.graph, "c") == 22
    assert len({tuple(route.nodes) for route in routes}) == 22
    assert all(route.source == ("c", 0) and route.target[0] == LOSS for route in routes)
    assert sum(1 for _ in cell.routes("c", to="J", through="o_bar")) == sum(
        any(name == "o_bar" for name, _ in route.nodes) for route in routes
    )


def test_parallel_occurrences_are_routes_of_their_own() -> None:
    cell = derive.parse("z = W @ x + u * h[t-1]\nh = z * z")
    assert len(cell.routes("z")) == 2
    assert sum(1 for _ in cell.routes("z", to="J[t]")) == 2


def test_routes_are_lazy() -> None:
    lines = ["z0 = W @ x + u * h[t-1]"] + [f"z{n} = z{n - 1} * z{n - 1} * z{n - 1}" for n in range(1, 60)]
    cell = derive.parse("\n".join([*lines, "h = z59"]))
    assert count_complete(cell.graph, "z0") > 3**59
    assert len(list(itertools.islice(cell.routes("z0", to="J"), 5))) == 5


def test_a_route_multiplies_the_partials_of_its_edges() -> None:
    cell = derive.load("lstm_peephole")
    route = next(route for route in cell.routes("c", to="J") if len(route.edges) == 4)
    factors = [factor for edge in reversed(route.edges) for factor in edge.partial]
    assert list(route.partial) == factors


def test_unknown_names_are_explained() -> None:
    cell = derive.load("lstm_peephole")
    with pytest.raises(derive.DeriveError, match="`q` is not a name of the cell lstm_peephole"):
        first_hops(cell.graph, "q")
    with pytest.raises(derive.DeriveError, match="`q` is not a name"):
        list(routes_to(cell.graph, "c", None, through="q"))
    with pytest.raises(derive.DeriveError):
        cell.routes("q")
