"""The nodes of one step on the grid of the router, with room for the wires between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derive.circuit.contraction import contract
from derive.circuit.model import Diagram, Wire
from derive.circuit.routing import DOWN, RIGHT, UP, Block, Net, Point, Sink
from derive.circuit.rows import Rows
from derive.circuit.scene import exit_of
from derive.circuit.shapes import Shape

_BORDER = 2
_ACROSS, _MOST_ACROSS, _DOWN = 2, 6, 3


@dataclass(frozen=True, slots=True)
class Grid:
    """The centres of the nodes, and the height of the rail of every state at both borders."""

    width: int
    height: int
    x: Mapping[str, int]
    y: Mapping[str, int]
    rail: Mapping[str, int]


def spread(diagram: Diagram, shapes: Mapping[str, Shape], column: Mapping[str, int], rows: Rows, room: int) -> Grid:
    """A grid with plenty of lines between columns and rows, and `room` more."""
    last = max(column.values(), default=0)
    position, x = _BORDER - 1, dict[str, int]()
    for at in range(last + 1):
        inside = [node for node in shapes if column[node] == at]
        reach = max((shapes[node].reach_x for node in inside), default=0)
        position += reach + (_tracks(diagram, column, at) + room if at else 0)
        x |= dict.fromkeys(inside, position)
        position += reach + 1
    line, centres = _BORDER, list[int]()
    for at in range(rows.count):
        reach = max((shapes[node].reach_y for node in shapes if rows.node[node] == at), default=0)
        centres.append(line + reach)
        line += 2 * reach + _DOWN + room
    return Grid(
        position + _tracks(diagram, column, last + 1) + room + _BORDER,
        line + _BORDER,
        x,
        {node: centres[rows.node[node]] for node in shapes},
        {state: centres[at] for state, at in rows.rail.items()},
    )


def _tracks(diagram: Diagram, column: Mapping[str, int], at: int) -> int:
    """How many lines the wires before a column may need: one for every net that ends or begins beside it."""
    ending = {(wire.source, wire.lag) for wire in diagram.wires if column[wire.target] == at}
    beginning = {wire.source for wire in diagram.wires if not wire.lag and column[wire.source] == at - 1}
    return _ACROSS + min(len(ending) + len(beginning), _MOST_ACROSS)


def blocks(shapes: Mapping[str, Shape], grid: Grid) -> list[Block]:
    """What wires keep out of."""
    return [
        Block(
            grid.x[node] - shape.reach_x,
            grid.y[node] - shape.reach_y,
            grid.x[node] + shape.reach_x,
            grid.y[node] + shape.reach_y,
        )
        for node, shape in shapes.items()
    ]


def nets(
    diagram: Diagram, shapes: Mapping[str, Shape], grid: Grid, straight: Mapping[str, Sequence[Wire]]
) -> tuple[list[Net], list[tuple[int, int]]]:
    """All nets, and the wires (net, sink) that come first: the highway, whose nodes are reached straight on."""
    highway = {wire.id for spine in straight.values() for wire in spine}
    values = dict.fromkeys((wire.source, wire.lag) for wire in diagram.wires)
    values |= dict.fromkeys((state, 0) for state in diagram.states)
    found: list[Net] = []
    first: list[tuple[int, int]] = []
    for source, lag in values:
        sinks: list[Sink] = []
        for wire in diagram.wires:
            if (wire.source, wire.lag) == (source, lag):
                if wire.id in highway:
                    first.append((len(found), len(sinks)))
                sinks.append(Sink(wire.id, _ports(shapes[wire.target], grid, wire.target, wire.id in highway)))
        if not lag and source in diagram.states:
            if source in straight:
                first.append((len(found), len(sinks)))
            sinks.append(Sink(exit_of(source), (((grid.width - 1, grid.rail[source]), RIGHT),)))
        start = (0, grid.rail[source]) if lag else (grid.x[source] + shapes[source].reach_x, grid.y[source])
        found.append(Net(start, tuple(sinks)))
    return found, first


def _ports(shape: Shape, grid: Grid, node: str, straight: bool) -> tuple[tuple[Point, int], ...]:
    x, y = grid.x[node], grid.y[node]
    if straight:
        return (((x - shape.reach_x, y), RIGHT),)
    ports = [((x - shape.reach_x, y + offset), RIGHT) for offset in shape.left]
    if shape.vertical:
        ports += [((x, y - shape.reach_y), DOWN), ((x, y + shape.reach_y), UP)]
    return tuple(ports)


def compact(
    grid: Grid, shapes: Mapping[str, Shape], nets: Sequence[Net], paths: Mapping[str, Sequence[Point]]
) -> tuple[Grid, dict[str, tuple[Point, ...]]]:
    """The grid and the ways of its wires without the room that no wire needed."""
    # A rail keeps a line free above it, so that the labels in the margin stand apart.
    rails = [Block(0, y - 1, 0, y) for y in grid.rail.values()]
    held = [*blocks(shapes, grid), *rails]
    ways = [[paths[sink.wire] for sink in net.sinks] for net in nets]
    across = contract(grid.width, held, ways)
    turned = [Block(block.top, across[block.left], block.bottom, across[block.right]) for block in held]
    down = contract(grid.height, turned, [[[(y, across[x]) for x, y in way] for way in net] for net in ways])
    moved = Grid(
        across[-1] + 1,
        down[-1] + 1,
        {node: across[x] for node, x in grid.x.items()},
        {node: down[y] for node, y in grid.y.items()},
        {state: down[y] for state, y in grid.rail.items()},
    )
    return moved, {wire: tuple(dict.fromkeys((across[x], down[y]) for x, y in path)) for wire, path in paths.items()}
