"""The columns of a circuit, and the states that ride on top.

A column is the longest path to a node; a node then moves towards its consumers where that shortens wires. A state with
an element-wise way from its last value to its own node lies on the highway: that way, its spine, is one straight row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

from derive.circuit.model import Diagram, Kind, Wire

BORDER = -1
"""The column of the left border, where the values of the step before come in."""


def columns(diagram: Diagram, top: Mapping[str, Sequence[Wire]]) -> list[Mapping[str, int]]:
    """The columns of all nodes, inputs in column 0, others from 1: with the nodes of the highway early, and late.

    `top` gives the spines of the states on the highway.
    """
    riding = {wire.target for spine in top.values() for wire in spine}
    found = [_columns(diagram, early) for early in (riding, set())]
    return found if found[0] != found[1] else found[:1]


def _columns(diagram: Diagram, early: Collection[str]) -> Mapping[str, int]:
    column: dict[str, int] = {}
    for node in diagram.nodes:
        behind = [column[wire.source] for wire in diagram.into[node.id] if wire.lag == 0]
        column[node.id] = 0 if node.kind is Kind.INPUT else 1 + max(behind, default=0)
    for _ in range(3):
        for node in reversed(diagram.nodes):
            if node.kind not in (Kind.INPUT, Kind.LOSS):
                column[node.id] = _best(diagram, column, node.id, node.variable is not None or node.id in early)
    return column


def _best(diagram: Diagram, column: Mapping[str, int], node: str, early: bool) -> int:
    """Where the wires at `node` are shortest, leftmost or rightmost among such places."""
    first = 1 + max((column[wire.source] for wire in diagram.into[node] if wire.lag == 0), default=0)
    leaving = [wire for wire in diagram.wires if wire.source == node and wire.lag == 0]
    if not leaving:
        return first
    last = min(column[wire.target] for wire in leaving) - 1

    def price(at: int) -> tuple[int, int]:
        moved = {**column, node: at}
        total = _reach(diagram, moved, node, 0)
        for wire in {(wire.source, wire.lag): wire for wire in diagram.into[node]}.values():
            total += _reach(diagram, moved, wire.source, wire.lag)
        return total, at if early else -at

    return min(range(first, last + 1), key=price)


def _reach(diagram: Diagram, column: Mapping[str, int], source: str, lag: int) -> int:
    """How many columns the net of a value spans."""
    ends = [column[wire.target] for wire in diagram.wires if (wire.source, wire.lag) == (source, lag)]
    return max(ends) - (BORDER if lag else column[source]) if ends else 0


def spines(diagram: Diagram) -> Mapping[str, tuple[Wire, ...]]:
    """The highway: for each state on it, the wires from its value at t-1 to its node, none through a matrix.

    The way inside the state's own equation comes before others; no node lies on two.
    """
    found: dict[str, tuple[Wire, ...]] = {}
    for own in (True, False):
        taken = {wire.target for spine in found.values() for wire in spine}
        for state in diagram.states:
            if state in found or state in taken or diagram.node[state].kind is Kind.INPUT:
                continue
            wires = [wire for wire in diagram.wires if not wire.matrix and (not own or wire.equation == state)]
            spine = _shortest(state, [wire for wire in wires if wire.target not in taken])
            if spine:
                found[state] = spine
                taken.update(wire.target for wire in spine)
    return {state: found[state] for state in diagram.states if state in found}


def _shortest(state: str, wires: list[Wire]) -> tuple[Wire, ...]:
    """The way with the fewest wires from the state's last value to its node; empty where there is none."""
    queue: deque[tuple[Wire, ...]] = deque((wire,) for wire in wires if (wire.source, wire.lag) == (state, 1))
    seen: set[str] = set()
    while queue:
        way = queue.popleft()
        end = way[-1].target
        if end == state:
            return way
        if end not in seen:
            seen.add(end)
            queue.extend((*way, wire) for wire in wires if wire.source == end and wire.lag == 0)
    return ()
