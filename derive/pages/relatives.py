"""Which cells of a collection are worth comparing: each with its nearest, and with the one that it is named after."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from derive.graph import Graph
from derive.pages.alignment import align

NEAREST = 3
"""How many relatives a cell is compared with at least."""

Pair = tuple[str, str]


def distances(graphs: Mapping[str, Graph]) -> Mapping[Pair, int]:
    """How far apart any two cells are, by their names in alphabetical order; see `Alignment.distance`."""
    return {
        (first, second): align(graphs[first], graphs[second]).distance
        for first, second in itertools.combinations(sorted(graphs), 2)
    }


def relatives(names: Sequence[str], distance: Mapping[Pair, int]) -> Mapping[str, tuple[str, ...]]:
    """For each cell those that it is compared with, the nearest first; where one is a relative, so is the other."""
    chosen: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        others = [other for other in names if other != name]
        near = _by_distance(others, name, distance)[:NEAREST]
        for other in (*near, *(original for original in others if name.startswith(f"{original}_"))):
            chosen[name].add(other)
            chosen[other].add(name)
    return {name: tuple(_by_distance(chosen[name], name, distance)) for name in names}


def pair(name: str, other: str) -> Pair:
    """Two names in alphabetical order, which is that of the pages."""
    return (name, other) if name < other else (other, name)


def _by_distance(others: Iterable[str], name: str, distance: Mapping[Pair, int]) -> list[str]:
    """The nearest to `name` first, those equally far in alphabetical order."""
    return sorted(others, key=lambda other: (distance[pair(name, other)], other))
