"""From a diagram to a scene: place the nodes of one step, route its wires, make it compact, keep the best.

Placements come from a search with an estimate; the few best are routed, and what the wires really cost decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derive.circuit.columns import columns, spines
from derive.circuit.contraction import contract
from derive.circuit.model import Diagram, Kind, Node, Wire
from derive.circuit.routing import DOWN, RIGHT, UP, Block, Net, Router, Sink
from derive.circuit.routing import Point as Spot
from derive.circuit.rows import Rows, candidates
from derive.circuit.scene import Box, Polyline, Scene, straightened

PITCH = 8.0
"""Pixels between two lines of the grid."""

_CIRCLE, _LOSS = 20.0, 28.0
_BOX_HEIGHT = 24.0
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Extent:
    """How wide the texts of a node are in pixels: its operation and its variable."""

    symbol: float
    label: float


@dataclass(frozen=True, slots=True)
class _Shape:
    """A node on the grid: half its block, the heights of its left ports, whether it takes wires from above and below."""

    width: float
    height: float
    badge: float
    reach_x: int
    reach_y: int
    left: tuple[int, ...]
    vertical: bool


@dataclass(frozen=True, slots=True)
class _Grid:
    """The places of the nodes of one step on the grid."""

    width: int
    height: int
    x: Mapping[str, int]
    y: Mapping[str, int]
    rail: Mapping[str, int]


def lay_out(diagram: Diagram, extents: Mapping[str, Extent], steps: int = 2) -> Scene:
    """The best layout that was found for `diagram`; the same bytes for the same diagram and extents."""
    shapes = {node.id: _shape(node, len(diagram.into[node.id]), extents[node.id]) for node in diagram.nodes}
    column, top = columns(diagram), spines(diagram)
    best: tuple[float, Scene] | None = None
    found = candidates(diagram, column, top)
    for room in (0, 4, 10, 20):
        for rows in found:
            made = _try(diagram, shapes, column, rows, top, room, steps)
            if made and (best is None or made[0] < best[0]):
                best = made
        if best:
            return best[1]
    raise RuntimeError(f"no way was found for a wire of the circuit with the nodes {', '.join(shapes)}")


def _shape(node: Node, inputs: int, extent: Extent) -> _Shape:
    """The size of a node and its ports."""
    if node.kind is Kind.INPUT:
        width = _odd(extent.label + 14, 5)
        return _Shape(width * PITCH, _BOX_HEIGHT, 0, (width + 1) // 2, 2, (0,), False)
    if node.kind is Kind.LOSS:
        return _Shape(_LOSS, _LOSS, 0, 2, 2, (0,), True)
    named = node.variable is not None
    across = node.kind is not Kind.SUM and (not named or node.carried or node.kind is Kind.OPERATOR)
    rows = max(1, inputs - 2) if across else inputs
    if not named and rows == 1 and extent.symbol <= _CIRCLE - 5:
        return _Shape(_CIRCLE, _CIRCLE, 0, 2, 2, (0,), across)
    lines = max(3, rows + (rows + 1) % 2)
    left = (0,) if rows == 1 else tuple(range(-(lines // 2), lines // 2 + 1))
    badge = max(18.0, extent.symbol + 8) if named else 0.0
    width = _odd(badge + extent.label + 12, 7) if named else _odd(extent.symbol + 12, 3)
    height = _BOX_HEIGHT + (lines - 3) * PITCH
    drawn = width * PITCH if named else extent.symbol + 12
    if not named and lines == 3:
        height = _CIRCLE
    return _Shape(drawn, height, badge, (width + 1) // 2, (lines + 1) // 2, left, across)


def _odd(pixels: float, least: int) -> int:
    """An odd number of grid units that holds so many pixels."""
    units = max(least, -int(-pixels // PITCH))
    return units + (units + 1) % 2


def _try(
    diagram: Diagram,
    shapes: Mapping[str, _Shape],
    column: Mapping[str, int],
    rows: Rows,
    top: Mapping[str, Sequence[Wire]],
    room: int,
    steps: int,
) -> tuple[float, Scene] | None:
    """The scene of one placement and its cost; None where a wire finds no way."""
    grid = _grid(diagram, shapes, column, rows, room)
    blocks = [Block(grid.x[node], grid.y[node], shape.reach_x, shape.reach_y) for node, shape in shapes.items()]
    nets, first = _nets(diagram, shapes, grid, top)
    router = Router(grid.width, grid.height, blocks, nets)
    if not router.route(first):
        return None
    paths = dict(router.paths())
    grid = _contracted(grid, blocks, nets, paths)
    scene = _scene(diagram, shapes, grid, paths, tuple(top), steps)
    return _cost(scene, nets, paths), scene


def _grid(
    diagram: Diagram, shapes: Mapping[str, _Shape], column: Mapping[str, int], rows: Rows, room: int
) -> _Grid:
    """Room for every column and row, and for the wires between them."""
    last = max(column.values(), default=0)
    reach = [max([shapes[node].reach_x for node in column if column[node] == at] or [0]) for at in range(last + 1)]
    tracks = [3 + room] * (last + 2)
    for at in range(last + 2):
        sinks = {(wire.source, wire.lag) for wire in diagram.wires if column[wire.target] == at}
        sources = {wire.source for wire in diagram.wires if column[wire.source] == at - 1 and not wire.lag}
        tracks[at] += min(len(sinks) + len(sources), 10)
    x, position = {}, _MARGIN
    for at in range(last + 1):
        position += tracks[at] + reach[at] if at else reach[at] + 1
        x |= {node: position for node in column if column[node] == at}
        position += reach[at] + 1
    height = [max([shapes[node].reach_y for node in shapes if rows.node[node] == at] or [0]) for at in range(rows.count)]
    y, line = [], 2
    for at in range(rows.count):
        line += height[at]
        y.append(line)
        line += height[at] + 4 + room
    return _Grid(
        position + tracks[last + 1] + _MARGIN,
        line + 2,
        x,
        {node: y[rows.node[node]] for node in shapes},
        {state: y[at] for state, at in rows.rail.items()},
    )


def _nets(
    diagram: Diagram, shapes: Mapping[str, _Shape], grid: _Grid, top: Mapping[str, Sequence[Wire]]
) -> tuple[list[Net], list[tuple[int, int]]]:
    """All nets, and the wires (net, sink) that come first: the spines and their exits."""
    straight = {wire.id for spine in top.values() for wire in spine}
    first: list[tuple[int, int]] = []
    nets: list[Net] = []
    for source, lag in dict.fromkeys((wire.source, wire.lag) for wire in diagram.wires):
        if lag:
            start = (0, grid.rail[source])
        else:
            start = (grid.x[source] + shapes[source].reach_x, grid.y[source])
        sinks = []
        for wire in diagram.wires:
            if (wire.source, wire.lag) == (source, lag):
                if wire.id in straight:
                    first.append((len(nets), len(sinks)))
                sinks.append(Sink(wire.id, _ports(wire.target, shapes, grid, only_left=wire.id in straight)))
        if not lag and source in diagram.states:
            sinks.append(_exit(source, grid))
            if source in top:
                first.append((len(nets), len(sinks) - 1))
        nets.append(Net(start, tuple(sinks)))
    feeding = {wire.source for wire in diagram.wires if not wire.lag}
    for state in diagram.states:
        if state not in feeding:
            start = (grid.x[state] + shapes[state].reach_x, grid.y[state])
            if state in top:
                first.append((len(nets), 0))
            nets.append(Net(start, (_exit(state, grid),)))
    return nets, first


def _exit(state: str, grid: _Grid) -> Sink:
    return Sink(f"exit-{state}", (((grid.width - 1, grid.rail[state]), RIGHT),))


def _ports(node: str, shapes: Mapping[str, _Shape], grid: _Grid, only_left: bool) -> tuple[tuple[Spot, int], ...]:
    shape, x, y = shapes[node], grid.x[node], grid.y[node]
    if only_left:
        return (((x - shape.reach_x, y), RIGHT),)
    ports = [((x - shape.reach_x, y + offset), RIGHT) for offset in shape.left]
    if shape.vertical:
        ports += [((x, y - shape.reach_y), DOWN), ((x, y + shape.reach_y), UP)]
    return tuple(ports)


def _contracted(
    grid: _Grid, blocks: Sequence[Block], nets: Sequence[Net], paths: dict[str, tuple[Spot, ...]]
) -> _Grid:
    """Take away the room that no wire needed; `paths` are moved too."""
    ways = [[paths[sink.wire] for sink in net.sinks] for net in nets]
    across = contract(grid.width, blocks, ways)
    moved = [[[(y, across[x]) for x, y in way] for way in net] for net in ways]
    turned = [_turned(block, across) for block in blocks]
    down = contract(grid.height, turned, moved)
    for wire, path in paths.items():
        paths[wire] = tuple(dict.fromkeys((across[x], down[y]) for x, y in path))
    return _Grid(
        across[-1] + 1,
        down[-1] + 1,
        {node: across[x] for node, x in grid.x.items()},
        {node: down[y] for node, y in grid.y.items()},
        {state: down[y] for state, y in grid.rail.items()},
    )


def _turned(block: Block, across: Sequence[int]) -> Block:
    """A block with x and y exchanged, at its new column."""
    return Block(block.y, across[block.x], block.reach_y, block.reach_x)


def _scene(
    diagram: Diagram,
    shapes: Mapping[str, _Shape],
    grid: _Grid,
    paths: Mapping[str, tuple[Spot, ...]],
    highway: tuple[str, ...],
    steps: int,
) -> Scene:
    boxes = {
        node: Box(grid.x[node] * PITCH, grid.y[node] * PITCH, shape.width, shape.height, shape.badge)
        for node, shape in shapes.items()
    }
    wires = {}
    for wire in diagram.wires:
        line = _pixels(paths[wire.id])
        start = line[0] if wire.lag else (boxes[wire.source].x + boxes[wire.source].width / 2, line[0][1])
        wires[wire.id] = straightened((start, *line, _edge(boxes[wire.target], line[-2], line[-1])))
    exits = {}
    for state in diagram.states:
        line = _pixels(paths[f"exit-{state}"])
        exits[state] = straightened(((boxes[state].x + boxes[state].width / 2, line[0][1]), *line))
    return Scene(
        diagram,
        (grid.width - 1) * PITCH,
        (grid.height - 1) * PITCH,
        boxes,
        wires,
        exits,
        {state: y * PITCH for state, y in grid.rail.items()},
        _dots(diagram, paths),
        highway,
        steps,
    )


def _pixels(path: Sequence[Spot]) -> Polyline:
    return tuple((x * PITCH, y * PITCH) for x, y in path)


def _edge(box: Box, before: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Where a wire that comes straight from `before` through `end` meets the edge of a node."""
    if before[1] == end[1]:
        return box.left, end[1]
    return end[0], box.top if before[1] < end[1] else box.top + box.height


def _dots(diagram: Diagram, paths: Mapping[str, Sequence[Spot]]) -> tuple[tuple[float, float], ...]:
    """The points where the wires of one net part: they have three neighbours or four."""
    nets: dict[tuple[str, int], dict[Spot, set[Spot]]] = {}
    ways = [((wire.source, wire.lag), paths[wire.id]) for wire in diagram.wires]
    ways += [((state, 0), paths[f"exit-{state}"]) for state in diagram.states]
    for net, path in ways:
        beside = nets.setdefault(net, {})
        for a, b in zip(path, path[1:], strict=False):
            beside.setdefault(a, set()).add(b)
            beside.setdefault(b, set()).add(a)
    dots = {point for beside in nets.values() for point, others in beside.items() if len(others) > 2}
    return tuple((x * PITCH, y * PITCH) for x, y in sorted(dots))


def _cost(scene: Scene, nets: Sequence[Net], paths: Mapping[str, Sequence[Spot]]) -> float:
    """Length, bends and crossings of all nets, and the area."""
    length = bends = 0
    passed: dict[Spot, set[int]] = {}
    for number, net in enumerate(nets):
        segments: set[tuple[Spot, Spot]] = set()
        corners: set[Spot] = set()
        for sink in net.sinks:
            path = paths[sink.wire]
            segments.update(zip(path, path[1:], strict=False))
            corners.update(
                b for a, b, c in zip(path, path[1:], path[2:], strict=False) if (a[0] == b[0]) != (b[0] == c[0])
            )
            for point in path:
                passed.setdefault(point, set()).add(number)
        length += len(segments)
        bends += len(corners)
    crossings = sum(len(owners) > 1 for owners in passed.values())
    return length + 2.5 * bends + 6.0 * crossings + 1.5 * scene.width / PITCH + 2.5 * scene.height / PITCH
