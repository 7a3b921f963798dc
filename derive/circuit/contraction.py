"""Make a routed circuit compact: neighbouring grid lines become one where nothing on them comes into conflict.

The router has room to spare; what it did not need is taken away here. Wires keep their order and their crossings.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from derive.circuit.routing import Block, Point


@dataclass(frozen=True, slots=True)
class _Spot:
    """What is at a grid point: the net that leaves it towards each side, and the node whose block it lies in.

    `before` and `behind` are the sides along the axis that is made shorter, `up` and `down` those across it.
    """

    before: int = 0
    behind: int = 0
    up: int = 0
    down: int = 0
    node: int = 0


_Line = dict[int, _Spot]


def contract(length: int, blocks: Sequence[Block], nets: Iterable[Iterable[Sequence[Point]]]) -> list[int]:
    """The new x of every old one, for the ways of wires net by net; two lines at each end stay as they are.

    For rows, hand in everything with x and y exchanged.
    """
    lines = _lines(length, blocks, nets)
    new = [0] * length
    position, current = 0, lines[0]
    for x in range(1, length):
        merged = _merge(current, lines[x]) if 2 < x < length - 2 else None
        if merged is None:
            position, current = position + 1, lines[x]
        else:
            current = merged
        new[x] = position
    return new


def _lines(length: int, blocks: Sequence[Block], nets: Iterable[Iterable[Sequence[Point]]]) -> list[_Line]:
    sides: dict[Point, list[int]] = {}
    for number, ways in enumerate(nets, start=1):
        for way in ways:
            for (x, y), (u, v) in itertools.pairwise(way):
                side = (0 if u < x else 1) if v == y else (2 if v < y else 3)
                sides.setdefault((x, y), [0] * 4)[side] = number
                sides.setdefault((u, v), [0] * 4)[side ^ 1] = number
    held: dict[Point, int] = {}
    for number, block in enumerate(blocks, start=1):
        for x in range(block.left, block.right + 1):
            for y in range(block.top, block.bottom + 1):
                held[x, y] = number
    lines: list[_Line] = [{} for _ in range(length)]
    for x, y in sorted({*sides, *held}):
        before, behind, up, down = sides.get((x, y), (0, 0, 0, 0))
        lines[x][y] = _Spot(before, behind, up, down, held.get((x, y), 0))
    return lines


def _merge(first: _Line, second: _Line) -> _Line | None:
    """Both lines as one; None where something on them comes into conflict."""
    merged: _Line = {}
    for y in first.keys() | second.keys():
        a, b = first.get(y), second.get(y)
        spot = a or b if a is None or b is None else _join(a, b)
        if spot is None:
            return None
        merged[y] = spot
    return merged


def _join(a: _Spot, b: _Spot) -> _Spot | None:
    # Two things that no wire connects would touch; so would two nodes.
    if not a.behind or (a.node and b.node):
        return None
    if (a.up and b.up) or (a.down and b.down):
        return None
    joined = _Spot(a.before, b.behind, a.up or b.up, a.down or b.down, a.node or b.node)
    if joined.node:
        # A wire reaches a node straight: it neither bends nor is crossed at the end of the block.
        free = b if a.node else a
        return None if free.up or free.down or not (free.before and free.behind) else joined
    nets = {joined.before, joined.behind, joined.up, joined.down} - {0}
    straight = joined.before == joined.behind and joined.up == joined.down
    return joined if len(nets) == 1 or straight else None
