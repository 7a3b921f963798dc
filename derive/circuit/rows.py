"""The rows of a circuit: a seeded search with an estimate of what the wires will cost.

From top to bottom: the highway, the inner rows, a rail for every other state, the inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from derive.circuit.columns import BORDER
from derive.circuit.model import Diagram, Kind, Wire

_SEED = 7
_ROUNDS = 3
_STEPS = 2500
_NEAR = 2.0
_FEWEST, _MOST, _ROUTED = 3, 10, 150


@dataclass(frozen=True, slots=True)
class Rows:
    """The row of every node from 0, and of the rail of every state; `count` is the number of rows."""

    node: Mapping[str, int]
    rail: Mapping[str, int]
    count: int


def candidates(diagram: Diagram, column: Mapping[str, int], spines: Mapping[str, Sequence[Wire]]) -> list[Rows]:
    """Placements in rows, the best by estimate first."""
    search = _Search(diagram, column, spines)
    kept: dict[tuple[int, ...], tuple[float, Rows]] = {}
    for attempt in range(_ROUNDS):
        for cost, rows in search.anneal(Random(_SEED + attempt)):
            key = tuple(rows.node.values()) + tuple(rows.rail.values())
            kept.setdefault(key, (cost, rows))
    best = sorted(kept.values(), key=lambda pair: pair[0])
    # The more wires there are, the longer a placement takes to route.
    count = min(max(_FEWEST, _ROUTED // max(1, len(diagram.wires))), _MOST)
    return [rows for _, rows in best[:count]]


class _Search:
    """Nodes as numbers, and the cost of a placement."""

    def __init__(self, diagram: Diagram, column: Mapping[str, int], spines: Mapping[str, Sequence[Wire]]) -> None:
        self._diagram = diagram
        self._top = list(spines)
        self._rails = [state for state in diagram.states if state not in spines]
        self._inputs = [node.id for node in diagram.nodes if node.kind is Kind.INPUT]
        self._on_top = {wire.target: state for state, spine in spines.items() for wire in spine}
        self._free = [node.id for node in diagram.nodes if node.id not in self._on_top and node.kind is not Kind.INPUT]
        self._column = dict(column)
        self._last = max(column.values(), default=0) + 1
        crowd: dict[int, int] = {}
        for node in self._free:
            crowd[column[node]] = crowd.get(column[node], 0) + 1
        self._inner = max(crowd.values(), default=0) + 1
        self._nets: list[tuple[str, int, list[str]]] = []
        nets: dict[tuple[str, int], list[str]] = {}
        for wire in diagram.wires:
            nets.setdefault((wire.source, wire.lag), []).append(wire.target)
        self._nets = [(source, lag, targets) for (source, lag), targets in nets.items()]
        self._losses = {
            wire.source: wire.target for wire in diagram.wires if diagram.node[wire.target].kind is Kind.LOSS
        }

    def anneal(self, random: Random) -> list[tuple[float, Rows]]:
        """The placements near the best one that a run of annealing came upon while it cooled."""
        row, top, low = self._start(), list(self._top), [*self._rails, *self._inputs]
        cost = best = self._cost(row, top, low)
        found = [(cost, self._rows(row, top, low))]
        for step in range(_STEPS):
            heat = 6.0 * (1 - step / _STEPS) ** 2 + 0.01
            undo = self._move(random, row, top, low)
            if undo is None:
                continue
            after = self._cost(row, top, low)
            if after > cost and random.random() >= math.exp((cost - after) / heat):
                undo()
                continue
            if after != cost and after <= best + _NEAR:
                found.append((after, self._rows(row, top, low)))
            cost, best = after, min(best, after)
        return found

    def _start(self) -> dict[str, int]:
        row: dict[str, int] = {}
        taken: set[tuple[int, int]] = set()
        for node in self._free:
            wanted = [row[wire.source] for wire in self._diagram.into[node] if wire.source in row and not wire.lag]
            order = sorted(range(self._inner), key=lambda at: abs(at - wanted[0]) if wanted else at)
            row[node] = next(at for at in order if (self._column[node], at) not in taken)
            taken.add((self._column[node], row[node]))
        return row

    def _move(self, random: Random, row: dict[str, int], top: list[str], low: list[str]) -> Callable[[], None] | None:
        kind = random.random()
        if kind < 0.06 and len(top) > 1:
            return _swap(random, top)
        if kind < 0.12 and len(low) > 1:
            # Rails stay above inputs.
            group = (0, len(self._rails)) if random.random() < 0.5 else (len(self._rails), len(low))
            if group[1] - group[0] < 2:
                return None
            return _swap(random, low, *group)
        if not self._free:
            return None
        node = random.choice(self._free)
        old, new = row[node], random.randrange(self._inner)
        if old == new:
            return None
        chain = [node]
        if kind > 0.5:
            # A chain of nodes in one row moves as a whole, and what stands there changes places with it.
            chain = [other for other in self._free if row[other] == old and self._linked(node, other)]
        columns = {self._column[other] for other in chain}
        others = [other for other in self._free if row[other] == new and self._column[other] in columns]
        moved = [other for other in self._free if row[other] == old and self._column[other] in columns]
        for other in moved:
            row[other] = new
        for other in others:
            row[other] = old

        def undo() -> None:
            for other in moved:
                row[other] = old
            for other in others:
                row[other] = new

        return undo

    def _linked(self, node: str, other: str) -> bool:
        return node == other or abs(self._column[node] - self._column[other]) <= 2

    def _rows(self, row: Mapping[str, int], top: Sequence[str], low: Sequence[str]) -> Rows:
        """Rows numbered from the top; inner rows without a node fall away."""
        used = sorted(set(row.values()))
        place = {at: len(top) + index for index, at in enumerate(used)}
        rail = {state: index for index, state in enumerate(top)}
        node = {name: rail[state] for name, state in self._on_top.items()}
        node |= {name: place[at] for name, at in row.items()}
        below = len(top) + len(used)
        for index, name in enumerate(low):
            if index < len(self._rails):
                rail[name] = below + index
            else:
                node[name] = below + index
        order = {item.id: node[item.id] for item in self._diagram.nodes}
        return Rows(order, {state: rail[state] for state in self._diagram.states}, below + len(low))

    def _cost(self, row: Mapping[str, int], top: Sequence[str], low: Sequence[str]) -> float:
        column, last = self._column, self._last
        rail = {state: index - len(top) for index, state in enumerate(top)}
        at = dict(row)
        for name, state in self._on_top.items():
            at[name] = rail[state]
        for index, name in enumerate(low):
            if index < len(self._rails):
                rail[name] = self._inner + index
            else:
                at[name] = self._inner + index
        filled: dict[int, int] = {}
        for name, place in at.items():
            filled[place] = filled.get(place, 0) | 1 << column[name]
        total = 1.5 * len(set(row.values()))
        for source, lag, targets in self._nets:
            start, begin = (rail[source], BORDER) if lag else (at[source], column[source])
            low_row = high_row = start
            for target in targets:
                place, end = at[target], column[target]
                low_row, high_row = min(low_row, place), max(high_row, place)
                between = (1 << end) - (1 << (begin + 1))
                away = abs(place - start)
                if not away:
                    total += 5.0 if filled.get(start, 0) & between else 0.0
                else:
                    total += 0.6 + 0.3 * away
                    if filled.get(start, 0) & between and filled.get(place, 0) & between:
                        total += 3.0
            total += high_row - low_row
        for state in rail:
            if state not in self._top:
                total += 0.5 * abs(rail[state] - at[state])
                behind = (1 << last) - (1 << (column[state] + 1))
                if (loss := self._losses.get(state)) and at[loss] == at[state]:
                    # The state's own loss hinders nothing: the rail parts before it.
                    behind &= ~(1 << column[loss])
                total += 1.0 if filled.get(at[state], 0) & behind else 0.0
        return total


def _swap(random: Random, items: list[str], first: int = 0, behind: int | None = None) -> Callable[[], None]:
    a, b = random.sample(range(first, len(items) if behind is None else behind), 2)
    items[a], items[b] = items[b], items[a]

    def undo() -> None:
        items[a], items[b] = items[b], items[a]

    return undo
