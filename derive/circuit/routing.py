"""Orthogonal wires on a grid: each net is a tree that grows by the cheapest way to its next sink.

Two nets never share a segment, meet at right angles alone, and never where one of them bends, joins or ends. A search
(A*) goes over points and directions; it starts anywhere on the tree of its net, so that wires share a trunk.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[int, int]

RIGHT, DOWN, LEFT, UP = range(4)

_LENGTH, _BEND, _CROSSING = 10, 28, 36


@dataclass(frozen=True, slots=True)
class Block:
    """The points that wires keep out of: a rectangle with its borders."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Sink:
    """The end of a wire: the ports it may take, as a point and the direction in which the wire arrives."""

    wire: str
    ports: tuple[tuple[Point, int], ...]


@dataclass(frozen=True, slots=True)
class Net:
    """All wires that carry one value: they begin at one point, towards the right."""

    source: Point
    sinks: tuple[Sink, ...]


class Router:
    """The grid with what is on it."""

    def __init__(self, width: int, height: int, blocks: Iterable[Block], nets: Sequence[Net]) -> None:
        """A free grid; its left and right border columns hold sources and sinks alone."""
        self._width, self._size = width, width * height
        self._nets = nets
        self._blocked = bytearray(self._size)
        for row in range(height):
            self._blocked[row * width] = self._blocked[row * width + width - 1] = 1
        for column in range(width):
            self._blocked[column] = self._blocked[(height - 1) * width + column] = 1
        for block in blocks:
            for row in range(block.top, block.bottom + 1):
                for point in range(row * width + block.left, row * width + block.right + 1):
                    self._blocked[point] = 1
        self._x = [point % width for point in range(self._size)]
        self._y = [point // width for point in range(self._size)]
        # The net, from 1, that runs through a point along each axis, and the one that bends, joins or ends there.
        self._across, self._down, self._corner = ([0] * self._size for _ in range(3))
        self._parents: list[dict[int, int]] = [{} for _ in nets]
        self._ends: list[dict[str, int]] = [{} for _ in nets]

    def route(self, first: Sequence[tuple[int, int]]) -> bool:
        """Route every wire, those of `first` (net, sink) before the others; False where one has no way."""
        rest = [
            (net, sink)
            for net, item in enumerate(self._nets)
            for sink in range(len(item.sinks))
            if (net, sink) not in set(first)
        ]
        rest.sort(key=lambda pair: (self._distance(*pair), pair))
        queue = [*first, *rest]
        for net in range(len(self._nets)):
            self._begin(net)
        attempts = 0
        while queue:
            net, sink = queue.pop(0)
            if self._grow(net, sink):
                continue
            # What has no way goes first next time.
            attempts += 1
            if attempts > 4:
                return False
            done = [pair for pair in first if pair != (net, sink)]
            first = [(net, sink), *done]
            rest = [pair for pair in rest if pair != (net, sink)]
            queue = [*first, *rest]
            for other in range(len(self._nets)):
                self._clear(other)
                self._begin(other)
        return True

    def improve(self) -> None:
        """Take each net off in turn and route it again, now that the others are there."""
        for net in range(len(self._nets)):
            self._improve(net)

    @property
    def cost(self) -> int:
        """Length, bends and crossings of all nets."""
        return sum(self._cost(net) for net in range(len(self._nets)))

    def paths(self) -> Mapping[str, tuple[Point, ...]]:
        """The way of every wire from source to sink, unit by unit."""
        found = {}
        for net, ends in enumerate(self._ends):
            for wire, end in ends.items():
                found[wire] = tuple((point % self._width, point // self._width) for point in self._walk(net, end))
        return found

    def _improve(self, net: int) -> None:
        """Route one net again, and keep what was there where nothing better is found."""
        parents, ends = dict(self._parents[net]), dict(self._ends[net])
        before = self._cost(net)
        self._clear(net)
        self._begin(net)
        order = sorted(range(len(self._nets[net].sinks)), key=lambda sink: self._distance(net, sink))
        if all(self._grow(net, sink) for sink in order) and self._cost(net) < before:
            return
        self._clear(net)
        self._parents[net], self._ends[net] = parents, ends
        for end in ends.values():
            self._mark(net, self._walk(net, end))

    def _cost(self, net: int) -> int:
        """Length, bends and crossings of one net."""
        total = 0
        mark = net + 1
        for point, parent in self._parents[net].items():
            if parent < 0:
                continue
            total += _LENGTH
            if self._across[point] not in (0, mark) or self._down[point] not in (0, mark):
                total += _CROSSING
            before = self._parents[net][parent]
            if before >= 0 and point - parent != parent - before:
                total += _BEND
        return total

    def _distance(self, net: int, sink: int) -> int:
        x, y = self._nets[net].source
        return min(abs(x - a) + 2 * abs(y - b) for (a, b), _ in self._nets[net].sinks[sink].ports)

    def _index(self, point: Point) -> int:
        return point[1] * self._width + point[0]

    def _begin(self, net: int) -> None:
        start = self._index(self._nets[net].source)
        self._parents[net] = {start: -1}
        self._ends[net] = {}
        self._corner[start] = net + 1

    def _clear(self, net: int) -> None:
        mark = net + 1
        for point in self._parents[net]:
            for layer in (self._across, self._down, self._corner):
                if layer[point] == mark:
                    layer[point] = 0
        self._parents[net] = {}
        self._ends[net] = {}

    def _walk(self, net: int, end: int) -> list[int]:
        points = [end]
        while (parent := self._parents[net][points[-1]]) >= 0:
            points.append(parent)
        return points[::-1]

    def _mark(self, net: int, points: Sequence[int]) -> None:
        """Take the points of a way from the source to a sink."""
        mark = net + 1
        self._corner[points[0]] = self._corner[points[-1]] = mark
        before = 0
        for point, following in itertools.pairwise(points):
            step = following - point
            layer = self._across if abs(step) == 1 else self._down
            layer[point] = layer[following] = mark
            if before and step != before:
                self._corner[point] = mark
            before = step

    def _grow(self, net: int, sink: int) -> bool:
        """Add the cheapest way from the tree of the net to one of its sinks."""
        mark, width = net + 1, self._width
        across, down, corner, blocked = self._across, self._down, self._corner, self._blocked
        ports = {self._index(point): direction for point, direction in self._nets[net].sinks[sink].ports}
        ports = {point: direction for point, direction in ports.items() if not corner[point]}
        if not ports:
            return False
        columns, rows = [point % width for point in ports], [point // width for point in ports]
        left, right, top, bottom = min(columns), max(columns), min(rows), max(rows)
        steps = (1, width, -1, -width)
        best = [1 << 60] * (4 * self._size)
        came = [-1] * (4 * self._size)
        heap: list[tuple[int, int, int]] = []
        xs, ys = self._x, self._y
        far_x = [_LENGTH * max(left - x, x - right, 0) for x in range(width)]
        far_y = [_LENGTH * max(top - y, y - bottom, 0) for y in range(self._size // width)]

        tree = self._parents[net]
        for point, parent in tree.items():
            if blocked[point]:
                if parent < 0:
                    best[4 * point] = 0
                    heap.append((far_x[xs[point]] + far_y[ys[point]], 0, 4 * point))
                continue
            if across[point] not in (0, mark) or down[point] not in (0, mark):
                continue
            along = point - parent
            for direction in range(4):
                if steps[direction] == -along:
                    continue
                state = 4 * point + direction
                best[state] = 0 if steps[direction] == along else _BEND // 2
                heap.append((best[state] + far_x[xs[point]] + far_y[ys[point]], -best[state], state))
        heapq.heapify(heap)
        push, pop = heapq.heappush, heapq.heappop
        while heap:
            _, known, state = pop(heap)
            cost = -known
            if cost > best[state]:
                continue
            point, direction = state >> 2, state & 3
            if point in ports and point not in tree:
                break
            following = point + steps[direction]
            if blocked[following]:
                if ports.get(following) != direction:
                    continue
                turns: tuple[int, ...] = (direction,)
                added = _LENGTH
            else:
                if corner[following]:
                    continue
                if direction & 1:
                    along_net, other = down[following], across[following]
                else:
                    along_net, other = across[following], down[following]
                if along_net or other == mark:
                    continue
                added = _LENGTH
                if other:
                    added += _CROSSING
                    turns = (direction,)
                else:
                    turns = (direction, (direction + 1) & 3, (direction + 3) & 3)
            away = far_x[xs[following]] + far_y[ys[following]]
            for turn in turns:
                reached = 4 * following + turn
                total = cost + added + (0 if turn == direction else _BEND)
                if total < best[reached]:
                    best[reached] = total
                    came[reached] = state
                    push(heap, (total + away, -total, reached))
        else:
            return False
        states = [state]
        while came[states[-1]] >= 0:
            states.append(came[states[-1]])
        points = [state >> 2 for state in reversed(states)]
        for before, point in itertools.pairwise(points):
            tree[point] = before
        if tree[points[0]] >= 0:
            # The way leaves the tree here: no other wire may touch the join.
            corner[points[0]] = mark
        self._mark(net, self._walk(net, points[-1]))
        self._ends[net][self._nets[net].sinks[sink].wire] = points[-1]
        return True
