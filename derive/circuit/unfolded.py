"""The network unfolded: a few steps as blocks, what passes between them, and the errors that come back."""

from __future__ import annotations

from collections.abc import Iterator

from derive.circuit.figure import Caption, Curve, Disc, Figure, Form, Item, Name, Plate
from derive.circuit.model import Diagram, Kind
from derive.graph import LOSS, Graph

WIDE = 900.0
"""Pixels above which the labels of a figure, as wide as a page, are too small."""

_BLOCK, _GAP, _NAME, _LANE = 76.0, 114.0, 54.0, 56.0
_LOSS = 18.0
_ARROW, _ROW, _ERROR = 40.0, 19.0, 60.0


def unfolded(graph: Graph, drawn: Diagram, steps: int | None = None) -> Figure:
    """`steps` steps around t: three of them, or two where three would be too wide.

    States pass to the right; below each, the adjoints of the step behind that its own needs. From each loss comes the
    error that it gives to what it reads. Below each step stand the adjoints that the gradients of parameters are made
    of.
    """
    if steps is None:
        figure = unfolded(graph, drawn, 3)
        return figure if figure.right - figure.left <= WIDE else unfolded(graph, drawn, 2)
    return _Unfolded(graph, drawn, steps).figure()


class _Unfolded:
    """The measures of one figure."""

    def __init__(self, graph: Graph, drawn: Diagram, steps: int) -> None:
        self._drawn, self._steps = drawn, steps
        self._needed = {
            state: tuple(dict.fromkeys(edge.target for edge in graph.edges_from(state) if edge.crosses_step))
            for state in drawn.states
        }
        symbols = graph.equations.symbols
        added = tuple(
            dict.fromkeys(
                edge.target
                for edge in graph.edges
                if symbols[edge.source].timeless and not symbols[edge.target].timeless
            )
        )
        self._first = -((steps - 1) // 2)
        self._half = (max(1, len(drawn.states)) * _LANE + 14) / 2
        self._apart = _BLOCK + max([_GAP, *(_NAME * len(names) for names in self._needed.values())])
        most = max(1, int(self._apart / _ERROR))
        self._rows = [added[start : start + most] for start in range(0, len(added), most)]

    def figure(self) -> Figure:
        """All steps, and what passes between them."""
        items = [item for index in range(self._steps) for item in self._block(index)]
        items += [item for gap in range(self._steps + 1) for item in self._passing(gap)]
        side = self._apart - _BLOCK / 2 + 8 if self._needed else 1.75 * _BLOCK
        return Figure(
            f"{self._steps} steps of the unfolded network, and the errors that come back",
            -side,
            -self._half - 90,
            (self._steps - 1) * self._apart + side,
            self._half + _ARROW + 12 + _ROW * len(self._rows),
            tuple(items),
        )

    def _block(self, index: int) -> Iterator[Item]:
        """One step with its loss above, and below it its inputs and the errors for the parameters."""
        x, offset = index * self._apart, self._first + index
        top, bottom = -self._half, self._half
        inputs = [node.id for node in self._drawn.nodes if node.kind is Kind.INPUT]
        read_by_loss = [wire.source for wire in self._drawn.wires if self._drawn.node[wire.target].kind is Kind.LOSS]
        yield Curve(((x - 8, top), (x - 8, top - 46)), "plain")
        yield Curve(((x + 8, top - 46), (x + 8, top)), "error")
        yield Caption(x - 14, top - 20, tuple(Name(name, offset) for name in read_by_loss), "end")
        yield Caption(x + 14, top - 20, tuple(Name(name, offset, Form.ERROR) for name in read_by_loss))
        yield Curve(((x - 8, bottom + _ARROW), (x - 8, bottom)), "plain")
        yield Caption(x - 14, bottom + 26, tuple(Name(name, offset) for name in inputs), "end")
        if self._rows:
            yield Curve(((x + 8, bottom), (x + 8, bottom + _ARROW)), "error")
        for row, names in enumerate(self._rows, start=1):
            needed = tuple(Name(name, offset, Form.ADJOINT) for name in names)
            yield Caption(x, bottom + _ARROW + _ROW * row, needed, "middle")
        yield Plate(x, 0.0, _BLOCK, 2 * self._half, Kind.SUM.value, (Name("", offset),))
        yield Disc(x, top - 62, _LOSS, Kind.LOSS.value, (Name(LOSS, offset),))

    def _passing(self, gap: int) -> Iterator[Item]:
        """The states between two steps, and the adjoints that come back for each."""
        start, end = (gap - 1) * self._apart + _BLOCK / 2, gap * self._apart - _BLOCK / 2
        for lane, (state, needed) in enumerate(self._needed.items()):
            y, offset = (lane - (len(self._needed) - 1) / 2) * _LANE, self._first + gap
            yield Curve(((start, y - 4), (end, y - 4)), "plain")
            yield Caption((start + end) / 2, y - 10, (Name(state, offset - 1),), "middle")
            yield Curve(((end, y + 4), (start, y + 4)), "error")
            names = tuple(Name(name, offset, Form.ADJOINT) for name in needed)
            yield Caption((start + end) / 2, y + 23, names, "middle")
