"""From a diagram to a scene: place the nodes of one step, route its wires, make it compact, keep the best.

Placements come from a search with an estimate; the few best are routed, and what the wires really cost decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from derive.circuit.columns import columns, spines
from derive.circuit.grid import Grid, blocks, compact, nets, spread
from derive.circuit.model import Diagram, Wire
from derive.circuit.routing import Net, Point, Router
from derive.circuit.rows import Rows, candidates
from derive.circuit.scene import Box, Extent, Polyline, Scene, exit_of, straightened
from derive.circuit.shapes import PITCH, Shape, shape

_ROOM = (0, 4, 12, 24)
_FINISHED = 4


def lay_out(diagram: Diagram, extents: Mapping[str, Extent], steps: int = 2) -> Scene:
    """The best layout that was found for `diagram`; the same for the same diagram and extents.

    `extents` holds the width of the texts of every node, by its id.
    """
    shapes = {node.id: shape(node, len(diagram.into[node.id]), extents[node.id]) for node in diagram.nodes}
    top = spines(diagram)
    placements = [(column, rows) for column in columns(diagram, top) for rows in candidates(diagram, column, top)]
    for room in _ROOM:
        attempts = [_Attempt(diagram, shapes, column, rows, top, room) for column, rows in placements]
        routed = sorted((attempt for attempt in attempts if attempt.routed), key=lambda attempt: attempt.cost)
        if routed:
            finished = [attempt.finish(steps) for attempt in routed[:_FINISHED]]
            return min(finished, key=lambda pair: pair[0])[1]
    raise RuntimeError(f"a wire of the circuit found no way, even with room for {_ROOM[-1]} more between its columns")


class _Attempt:
    """One placement on a grid with room, and its wires; `routed` is false where one finds no way."""

    def __init__(
        self,
        diagram: Diagram,
        shapes: Mapping[str, Shape],
        column: Mapping[str, int],
        rows: Rows,
        top: Mapping[str, Sequence[Wire]],
        room: int,
    ) -> None:
        self._diagram, self._shapes, self._top = diagram, shapes, top
        self._grid = spread(diagram, shapes, column, rows, room)
        self._nets, first = nets(diagram, shapes, self._grid, top)
        self._router = Router(self._grid.width, self._grid.height, blocks(shapes, self._grid), self._nets)
        self.routed = self._router.route(first)
        self.cost = self._router.cost

    def finish(self, steps: int) -> tuple[float, Scene]:
        """What the scene costs, made better and compact, and the scene."""
        self._router.improve()
        grid, paths = compact(self._grid, self._shapes, self._nets, self._router.paths())
        cost = _cost(self._nets, paths) + 1.5 * grid.width + 2.5 * grid.height
        return cost, _scene(self._diagram, self._shapes, grid, paths, tuple(self._top), steps)


def _cost(nets: Sequence[Net], paths: Mapping[str, Sequence[Point]]) -> float:
    """Length, bends and crossings of all nets."""
    length = bends = 0
    passing: dict[Point, set[int]] = {}
    for number, net in enumerate(nets):
        ways = [paths[sink.wire] for sink in net.sinks]
        length += len({segment for way in ways for segment in pairwise(way)})
        bends += len(
            {
                b
                for way in ways
                for a, b, c in zip(way, way[1:], way[2:], strict=False)
                if (a[0] == b[0]) != (b[0] == c[0])
            }
        )
        for point in {point for way in ways for point in way}:
            passing.setdefault(point, set()).add(number)
    crossings = sum(len(owners) > 1 for owners in passing.values())
    return length + 2.5 * bends + 6.0 * crossings


def _scene(
    diagram: Diagram,
    shapes: Mapping[str, Shape],
    grid: Grid,
    paths: Mapping[str, Sequence[Point]],
    highway: tuple[str, ...],
    steps: int,
) -> Scene:
    """The grid in pixels."""
    boxes = {
        node: Box(grid.x[node] * PITCH, grid.y[node] * PITCH, shape.width, shape.height, shape.badge, shape.extent)
        for node, shape in shapes.items()
    }
    wires = {}
    for wire in diagram.wires:
        line = _pixels(paths[wire.id])
        start = line[0] if wire.lag else (boxes[wire.source].right, line[0][1])
        wires[wire.id] = straightened((start, *line, _edge(boxes[wire.target], line[-2], line[-1])))
    exits = {}
    for state in diagram.states:
        line = _pixels(paths[exit_of(state)])
        exits[state] = straightened(((boxes[state].right, line[0][1]), *line))
    return Scene(
        diagram=diagram,
        width=(grid.width - 1) * PITCH,
        height=(grid.height - 1) * PITCH,
        boxes=boxes,
        wires=wires,
        exits=exits,
        rails={state: y * PITCH for state, y in grid.rail.items()},
        dots=_dots(diagram, paths),
        highway=highway,
        steps=steps,
    )


def _pixels(path: Sequence[Point]) -> Polyline:
    return tuple((x * PITCH, y * PITCH) for x, y in path)


def _edge(box: Box, before: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Where a wire that comes straight from `before` through `end` meets the edge of a node."""
    if before[1] == end[1]:
        return box.left, end[1]
    return end[0], box.top if before[1] < end[1] else box.bottom


def _dots(diagram: Diagram, paths: Mapping[str, Sequence[Point]]) -> tuple[tuple[float, float], ...]:
    """The points where the wires of one net part: they have three neighbours or four."""
    beside: dict[tuple[str, int], dict[Point, set[Point]]] = {}
    ways = [((wire.source, wire.lag), paths[wire.id]) for wire in diagram.wires]
    ways += [((state, 0), paths[exit_of(state)]) for state in diagram.states]
    for net, way in ways:
        neighbours = beside.setdefault(net, {})
        for a, b in pairwise(way):
            neighbours.setdefault(a, set()).add(b)
            neighbours.setdefault(b, set()).add(a)
    dots = {point for neighbours in beside.values() for point, others in neighbours.items() if len(others) > 2}
    return _pixels(sorted(dots))
