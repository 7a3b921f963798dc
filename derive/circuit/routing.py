"""Orthogonal wires on a grid: each net is a tree that grows by the cheapest way to its next sink.

Two nets never share a segment, meet at right angles alone, and never where one of them bends, joins or ends. A search
(A*) goes over points and directions; it starts anywhere on the tree of its net, so that wires share a trunk.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[int, int]

RIGHT, DOWN, LEFT, UP = range(4)

# Where all else is equal, a wire bends as far to the right as it can: that costs one for every line it bends before.
_LENGTH, _BEND, _CROSSING = 1000, 2800, 3600
_ATTEMPTS = 5


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
        self._steps = (1, width, -1, -width)
        # The net, from 1, that runs through a point along each axis, and the one that bends, joins or ends there.
        self._across, self._down, self._corner = ([0] * self._size for _ in range(3))
        self._parents: list[dict[int, int]] = [{} for _ in nets]
        self._ends: list[dict[str, int]] = [{} for _ in nets]

    def route(self, first: Sequence[tuple[int, int]]) -> bool:
        """Route every wire, those of `first` (net, sink) before the others; False where one has no way."""
        before = set(first)
        rest = [(net, sink) for net, item in enumerate(self._nets) for sink in range(len(item.sinks))]
        rest = sorted(set(rest) - before, key=lambda pair: (self._distance(*pair), pair))
        for _ in range(_ATTEMPTS):
            for net in range(len(self._nets)):
                self._clear(net)
                self._begin(net)
            stuck = next((pair for pair in (*first, *rest) if not self._grow(*pair)), None)
            if stuck is None:
                return True
            if stuck in before:
                return False
            # What found no way goes first next time.
            rest.remove(stuck)
            rest.insert(0, stuck)
        return False

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
        end = self._nets[net].sinks[sink]
        ports = {self._index(point): direction for point, direction in end.ports}
        points = self._search(net, {port: ports[port] for port in ports if not self._corner[port]})
        if not points:
            return False
        tree = self._parents[net]
        for before, point in itertools.pairwise(points):
            tree[point] = before
        # The way leaves the tree here: no other wire may touch the join.
        self._corner[points[0]] = net + 1
        self._mark(net, self._walk(net, points[-1]))
        self._ends[net][end.wire] = points[-1]
        return True

    def _search(self, net: int, ports: Mapping[int, int]) -> list[int]:
        """The points of the cheapest way from the tree of the net to one of `ports`; none where there is no way."""
        if not ports:
            return []
        mark, tree, steps, width = net + 1, self._parents[net], self._steps, self._width
        across, down, corner, blocked = self._across, self._down, self._corner, self._blocked
        best = [1 << 60] * (4 * self._size)
        came = [-1] * (4 * self._size)
        away = self._estimate(ports)
        heap: list[tuple[int, int, int]] = []
        for state, cost in self._starts(net):
            best[state] = cost
            heap.append((cost + away(state), -cost, state))
        heapq.heapify(heap)
        while heap:
            _, negative, state = heapq.heappop(heap)
            cost = -negative
            if cost > best[state]:
                continue
            point, direction = state >> 2, state & 3
            if point in ports and point not in tree:
                return self._back(came, state)
            following = point + steps[direction]
            straight = True
            cost += _LENGTH
            if blocked[following]:
                if ports.get(following) != direction:
                    continue
            else:
                along, other = down[following], across[following]
                if not direction & 1:
                    along, other = other, along
                if corner[following] or along or other == mark:
                    continue
                if other:
                    cost += _CROSSING
                else:
                    straight = False
            for turn in (direction,) if straight else (direction, (direction + 1) & 3, (direction + 3) & 3):
                reached = 4 * following + turn
                total = cost if turn == direction else cost + _BEND + width - following % width
                if total < best[reached]:
                    best[reached] = total
                    came[reached] = state
                    heapq.heappush(heap, (total + away(reached), -total, reached))
        return []

    def _starts(self, net: int) -> Iterator[tuple[int, int]]:
        """Where a way may leave the tree of a net, as a state (point and direction), and what that costs."""
        mark = net + 1
        for point, parent in self._parents[net].items():
            if parent < 0:
                yield 4 * point + RIGHT, 0
            elif not self._blocked[point] and all(layer[point] in (0, mark) for layer in (self._across, self._down)):
                for direction, step in enumerate(self._steps):
                    if step != parent - point:
                        yield 4 * point + direction, 0 if step == point - parent else _BEND // 2

    def _estimate(self, ports: Mapping[int, int]) -> Callable[[int], int]:
        """What a way from a state to the ports costs at least: its length and the bends that it cannot do without."""
        width = self._width
        columns, rows = [point % width for point in ports], [point // width for point in ports]
        far_x = [max(min(columns) - x, x - max(columns), 0) * _LENGTH for x in range(width)]
        far_y = [max(min(rows) - y, y - max(rows), 0) * _LENGTH for y in range(self._size // width)]
        sideways = set(ports.values()) == {RIGHT}
        level, vertical, back = (0, 2 * _BEND), (_BEND, _BEND), (2 * _BEND, 2 * _BEND)
        if not sideways:
            level, vertical, back = (0, _BEND), (0, _BEND), (_BEND, _BEND)

        def away(state: int) -> int:
            y, x = divmod(state >> 2, width)
            direction = state & 3
            if direction & 1:
                return far_x[x] + far_y[y] + vertical[far_x[x] > 0]
            return far_x[x] + far_y[y] + (level if direction == RIGHT else back)[far_y[y] > 0]

        return away

    def _back(self, came: Sequence[int], state: int) -> list[int]:
        """The points that a search came through, the first one first."""
        points = [state >> 2]
        while (state := came[state]) >= 0:
            points.append(state >> 2)
        return points[::-1]
