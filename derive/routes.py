"""Every route from a variable to the loss.

A route is a chain of edges. A first hop is a route cut at the next known adjoint: one edge. A complete route goes on
to the loss, through the window of the steps t and t+1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import networkx as nx

from derive.errors import DeriveError
from derive.graph import LOSS, Edge, Factor, Graph

Node = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Route:
    """A chain of edges that starts at `source`, a variable at step t; nodes are (name, step), step 1 is t+1."""

    edges: tuple[Edge, ...]
    source: Node

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes the route visits, the source first."""
        nodes = [self.source]
        for edge in self.edges:
            nodes.append((edge.target, nodes[-1][1] + edge.lag))
        return tuple(nodes)

    @property
    def target(self) -> Node:
        """Where the route ends."""
        return self.nodes[-1]

    @property
    def crosses_step(self) -> bool:
        """Whether the route leaves step t."""
        return any(edge.crosses_step for edge in self.edges)

    @property
    def partial(self) -> tuple[Factor, ...]:
        """The factors of the route's term, in the order in which they meet the adjoint of the target."""
        return tuple(factor for edge in reversed(self.edges) for factor in edge.partial)


def first_hops(graph: Graph, name: str) -> tuple[Route, ...]:
    """The first hops of `name`: the edges that leave it, inside the step first; the hop to J is one of them."""
    _require(graph, name)
    return tuple(Route((edge,), (name, 0)) for edge in graph.edges_from(name))


def routes_to(graph: Graph, name: str, target: Node | None, through: str | None = None) -> Iterator[Route]:
    """All routes from `name` at t to `target` in the window t, t+1, one after another.

    `target` None means the loss, J(t) or J(t+1). `through` keeps the routes that visit that variable in either step.
    Routes are made lazily: there may be very many.
    """
    _require(graph, name)
    targets = [(LOSS, 0), (LOSS, 1)] if target is None else [target]
    if through is not None:
        _require(graph, through)
    for end in targets:
        if (name, 0) not in graph.window or end not in graph.window:
            continue
        # Only nodes that lead to the end: a search that may run into a dead end may run into very many.
        leading = graph.window.subgraph(nx.ancestors(graph.window, end) | {end})
        if (name, 0) not in leading:
            continue
        for path in nx.all_simple_edge_paths(leading, (name, 0), end):
            route = Route(tuple(leading.edges[step]["edge"] for step in path), (name, 0))
            if through is None or any(node == through for node, _ in route.nodes[1:-1]):
                yield route


def count_complete(graph: Graph, name: str) -> int:
    """The number of complete routes of `name` in the window t, t+1, counted without making them."""
    return count_routes(graph, name, ((LOSS, 0), (LOSS, 1)))


def count_routes(graph: Graph, name: str, targets: Collection[Node], through: str | None = None) -> int:
    """The number of routes from `name` at t that end at one of `targets`, counted without making them.

    `through` counts the routes that visit that variable between their ends: all without those that avoid it.
    """
    _require(graph, name)
    total = _count(graph, (name, 0), targets, None)
    if through is None:
        return total
    _require(graph, through)
    return total - _count(graph, (name, 0), targets, through)


def _count(graph: Graph, source: Node, targets: Collection[Node], avoided: str | None) -> int:
    """The number of routes from `source` to `targets` that do not visit `avoided` between their ends."""
    counts: dict[Node, int] = {}
    for node in reversed(list(nx.topological_sort(graph.window))):
        onward = sum(counts[following] for _, following in graph.window.out_edges(node))
        if node == source:
            return onward
        counts[node] = int(node in targets) + (0 if node[0] == avoided else onward)
    return 0


def _require(graph: Graph, name: str) -> None:
    if name not in graph.equations.symbols:
        known = ", ".join(graph.equations.symbols)
        raise DeriveError(f"`{name}` is not a name of the cell {graph.equations.name}. Its names are {known}")
