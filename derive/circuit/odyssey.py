"""The chart of a memory cell, as in "LSTM: A Search Space Odyssey": the cell in the centre, its gates around it.

Everything has its place by its role. Above stands what the state keeps of itself, on the left what is written, on the
right what is read. A peephole is dashed where it reads the step before. Only a state with an element-wise loop of its
own, its last value times something or as it is, has such a chart.
"""

from __future__ import annotations

from collections.abc import Iterator

from derive.circuit.columns import spines
from derive.circuit.figure import Caption, Curve, Disc, Figure, Item, Name
from derive.circuit.model import Diagram, Kind, Node, Wire
from derive.circuit.scene import Point
from derive.equations.model import Role
from derive.graph import Diagonal, Graph

_CELL, _GATE, _OPERATION = 36.0, 24.0, 15.0
_LANE = 170.0


def odyssey(graph: Graph, drawn: Diagram, state: str | None = None) -> Figure | None:
    """The chart of `state`, or of the first state that has one; None where none has."""
    for name, spine in spines(drawn).items():
        inside = len(spine) < 3 and all(wire.equation == name for wire in spine)
        if inside and name == (state or name) and drawn.node[name].symbol == "+":
            return _Chart(graph, drawn, name, spine).figure()
    return None


class _Chart:
    """Collects the items of one chart; the cell stands at the origin, y grows downwards."""

    def __init__(self, graph: Graph, drawn: Diagram, state: str, spine: tuple[Wire, ...]) -> None:
        self._graph, self._drawn, self._state, self._spine = graph, drawn, state, spine
        self._items: list[Item] = []
        self._gates: dict[str, Disc] = {}
        self._centre = Disc(0.0, 0.0, _CELL, Kind.OPERATOR.value, (Name(state),), carried=True)

    def figure(self) -> Figure:
        """The whole chart."""
        self._keep()
        self._write()
        self._read()
        for gate, disc in list(self._gates.items()):
            self._feed(gate, disc)
        items = [*self._items, self._centre]
        xs = [x for item in items for x in _across(item)]
        ys = [y for item in items for y in _down(item)]
        title = f"The memory cell {self._state} and its gates"
        return Figure(title, min(xs) - 8, min(ys) - 8, max(xs) + 8, max(ys) + 8, tuple(items))

    def _keep(self) -> None:
        """The loop of the state, and what multiplies it."""
        before = (Name(self._state, -1),)
        if len(self._spine) == 1:
            self._items.append(Curve(((16, -32), (80, -130), (-80, -130), (-16, -32)), "strong"))
            self._items.append(Caption(48, -92, before))
            return
        middle = self._drawn.node[self._spine[0].target]
        product = self._operation(middle, (0, -112))
        self._items.append(Curve(((20, -30), (52, -62), (48, -96), product.edge((50, -108))), "strong"))
        self._items.append(Curve((product.edge((-50, -108)), (-48, -96), (-52, -62), (-20, -30)), "strong"))
        self._items.append(Caption(46, -92, before))
        others = [wire for wire in self._drawn.into[middle.id] if wire.id != self._spine[0].id]
        for wire, place in zip(others, ((-100, -190), (100, -190), (0, -214)), strict=False):
            self._operand(wire, product, place, "left" if place[0] < 0 else "right")

    def _write(self) -> None:
        """Every term beside the loop: a product with its two sides, or a value as it is."""
        terms = [wire for wire in self._drawn.into[self._state] if wire.id != self._spine[-1].id]
        for number, wire in enumerate(terms):
            y = (number - (len(terms) - 1) / 2) * _LANE * 1.4
            node = self._drawn.node[wire.source]
            if node.variable is None and node.couples and not wire.lag:
                product = self._operation(node, (-150, y))
                self._items.append(Curve((product.edge((0, 0)), self._centre.edge((-150, y))), "strong"))
                sides = sorted(self._drawn.into[node.id], key=self._is_gate)
                for side, place in zip(sides, ((-270, y), (-150, y + 108), (-150, y - 108)), strict=False):
                    self._operand(side, product, place, "left")
            else:
                self._operand(wire, self._centre, (-170, y), "left")

    def _read(self) -> None:
        """What is made of the new state: operations on the right, up to the variables that hold them."""
        readers = [
            wire
            for wire in self._drawn.wires
            if (wire.source, wire.lag) == (self._state, 0)
            and self._drawn.node[wire.target].kind not in (Kind.SUM, Kind.LOSS)
        ]
        if not readers:
            self._items += [Curve(((_CELL, 0), (96, 0)), "strong"), Caption(102, 4, (Name(self._state),))]
        for number, wire in enumerate(readers):
            y = (number - (len(readers) - 1) / 2) * _LANE
            before, x = self._centre, 112.0
            while True:
                node = self._drawn.node[wire.target]
                disc = self._operation(node, (x, y))
                self._items.append(Curve((before.edge((x, y)), disc.edge((before.x, before.y))), "strong"))
                for other in self._drawn.into[node.id]:
                    if other.id != wire.id:
                        self._operand(other, disc, (x, y - 108), "right")
                following = [item for item in self._drawn.wires if item.source == node.id and not item.lag]
                before, x = disc, x + 100
                if node.variable is not None or not following:
                    break
                wire = following[0]
            if node.variable is not None:
                self._items.append(Curve((disc.edge((x, y)), (x - 20, y)), "strong"))
                self._items.append(Caption(x - 14, y + 4, (Name(node.variable),)))

    def _operation(self, node: Node, place: Point) -> Disc:
        kind = Kind.OPERATOR if node.couples or node.variable is not None else node.kind
        kind = node.kind if node.kind in (Kind.GATE, Kind.FUNCTION) else kind
        radius = _OPERATION if kind is Kind.OPERATOR else 20.0
        disc = Disc(*place, radius, kind.value, symbol=node.symbol)
        self._items.append(disc)
        return disc

    def _operand(self, wire: Wire, into: Disc, place: Point, side: str) -> None:
        """A disc for the variable that comes in; operations between stand on its way."""
        node, passed = self._drawn.node[wire.source], list[Node]()
        while node.variable is None and not node.couples and len(self._drawn.into[node.id]) == 1:
            passed.append(node)
            wire = self._drawn.into[node.id][0]
            node = self._drawn.node[wire.source]
        own = node.variable is not None and not wire.lag and node.kind is not Kind.INPUT
        if passed and (node.kind is Kind.SUM or not own or node.id in self._gates):
            # A function of a pre-activation stands for it.
            disc = Disc(*place, 20.0, passed[0].kind.value, symbol=passed[0].symbol)
            self._items.append(disc)
            if node.kind is Kind.SUM and own:
                self._gates[node.id] = disc
            else:
                self._named(node, wire, disc, side)
        elif own and node.id not in self._gates:
            disc = Disc(*place, _GATE, node.kind.value, (Name(node.id),), carried=node.carried)
            self._gates[node.id] = disc
            self._items.append(disc)
            for number, item in enumerate(passed):
                share = 0.5 + 0.25 * number
                x, y = place[0] + (into.x - place[0]) * share, place[1] + (into.y - place[1]) * share
                between = Disc(x, y, _OPERATION, item.kind.value, symbol=item.symbol)
                self._items += [Curve((disc.edge((x, y)), between.edge(place)), "strong"), between]
                disc = between
        else:
            disc = Disc(*place, 0.1, Kind.INPUT.value)
            names = self._names(node, wire)
            anchor = "end" if place[0] < into.x else "middle"
            below = 4 if anchor == "end" else 15 if place[1] > into.y else -5
            self._items.append(Caption(place[0], place[1] + below, names, anchor))
        self._items.append(Curve((disc.edge((into.x, into.y), 1.0), into.edge((disc.x, disc.y))), "strong"))

    def _named(self, node: Node, wire: Wire, disc: Disc, side: str) -> None:
        """An arrow with names into a disc."""
        way = -1 if side == "left" else 1
        start = (disc.x + way * 70, disc.y)
        self._items.append(Curve((start, disc.edge(start)), "plain"))
        names = self._names(node, wire)
        self._items.append(Caption(start[0] + way * 4, start[1] + 4, names, "end" if way < 0 else "start"))

    def _feed(self, gate: str, disc: Disc) -> None:
        """Names with arrows for what a gate reads, and its peepholes as curves from the cell."""
        wires = self._drawn.into[gate]
        if len(wires) == 1 and self._drawn.node[wires[0].source].kind is Kind.SUM and not wires[0].lag:
            gate = wires[0].source
            wires = self._drawn.into[gate]
        plain = [wire for wire in wires if wire.source != self._state or wire.matrix]
        way = -1 if disc.x <= 0 else 1
        for number, wire in enumerate(plain):
            start = (disc.x + way * 74, disc.y + (number - (len(plain) - 1) / 2) * 24)
            names = self._names(self._drawn.node[wire.source], wire)
            self._items.append(Curve((start, disc.edge(start)), "plain"))
            self._items.append(Caption(start[0] + way * 4, start[1] + 4, names, "end" if way < 0 else "start"))
        for wire in wires:
            if wire.source == self._state and not wire.matrix:
                self._peephole(gate, wire, disc)

    def _peephole(self, gate: str, wire: Wire, disc: Disc) -> None:
        """A curve from the cell to a gate, with the weight and the value that it carries."""
        right, below = (1 if disc.x > 0 else -1), (1 if disc.y > 0 else -1)
        start = self._centre.edge((disc.x * 0.8, below * 60))
        end = disc.edge((disc.x * 0.72, disc.y - below * 40))
        bend_x, bend_y = disc.x * 0.62, disc.y * 0.28
        points = (start, (bend_x * 0.6, bend_y), (bend_x * 1.25, bend_y + below * 12), end)
        if abs(disc.y) < 1:
            points = (start, (disc.x * 0.3, -70), (disc.x * 0.7, -70), disc.edge((disc.x * 0.9, -60)))
        self._items.append(Curve(points, "before" if wire.lag else "peephole"))
        names = (*self._weights(gate, wire), Name(self._state, -wire.lag))
        # Beside the curve, on the side away from the wires: outside above on the left, below it, or above it.
        place, anchor = ((disc.x * 0.62, disc.y * 0.78 + 14), "start") if below > 0 else ((disc.x * 0.66, -56), "end")
        if below < 0 and right < 0:
            place, anchor = (disc.x - 6, disc.y * 0.5), "end"
        self._items.append(Caption(place[0], place[1], names, anchor))

    def _weights(self, gate: str, wire: Wire) -> Iterator[Name]:
        """The parameters that multiply the state on its way into a gate."""
        for edge in self._graph.edges:
            if edge.target == gate and wire in self._drawn.path(edge):
                for factor in edge.partial:
                    if isinstance(factor, Diagonal):
                        found = {str(item.variable) for item in factor.expression.free_symbols}
                        symbols = self._graph.equations.symbols
                        yield from (Name(name) for name in sorted(found) if symbols[name].role is Role.PARAMETER)

    def _names(self, node: Node, wire: Wire) -> tuple[Name, ...]:
        """The variable that a wire brings, or all those behind an operation."""
        if node.variable is not None:
            return (Name(node.variable, -wire.lag),)
        behind = (self._names(self._drawn.node[item.source], item) for item in self._drawn.into[node.id])
        return tuple(dict.fromkeys(name for names in behind for name in names))

    def _is_gate(self, wire: Wire) -> int:
        """Gates stand above or below a product, other values beside it."""
        while self._drawn.node[wire.source].variable is None and self._drawn.into[wire.source]:
            if self._drawn.node[wire.source].kind is Kind.FUNCTION:
                return 0
            wire = self._drawn.into[wire.source][0]
        return int(self._drawn.node[wire.source].kind is Kind.GATE)


def _across(item: Item) -> Iterator[float]:
    match item:
        case Disc(x, _, radius):
            yield from (x - radius, x + radius)
        case Caption(x, _, names, anchor):
            # A name takes about fifty pixels; printers know better, and fit the frame to the text.
            length = 46.0 * len(names)
            yield from (x - (0 if anchor == "start" else length), x + (length if anchor == "start" else 0))
        case Curve(points):
            yield from (x for x, _ in points)


def _down(item: Item) -> Iterator[float]:
    match item:
        case Disc(_, y, radius):
            yield from (y - radius, y + radius)
        case Caption(_, y):
            yield from (y - 14, y + 6)
        case Curve(points):
            yield from (y for _, y in points)
