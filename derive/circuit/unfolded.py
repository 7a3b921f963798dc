"""The network unfolded: a few steps as blocks, what passes between them, and the errors that come back."""

from __future__ import annotations

from derive.circuit.figure import Caption, Curve, Disc, Figure, Item, Name, Plate
from derive.circuit.model import Diagram, Kind
from derive.graph import LOSS

_APART, _WIDTH, _LANE = 190.0, 76.0, 46.0
_RADIUS = 16.0


def unfolded(drawn: Diagram, steps: int = 3) -> Figure:
    """`steps` steps around t: states pass to the right, the errors of each block come from its loss and its right."""
    height = max(1, len(drawn.states)) * _LANE + 14
    first = -((steps - 1) // 2)
    inputs = tuple(node.id for node in drawn.nodes if node.kind is Kind.INPUT)
    judged = tuple(wire.source for wire in drawn.wires if drawn.node[wire.target].kind is Kind.LOSS)
    items: list[Item] = []
    for index in range(steps):
        x, offset = index * _APART, first + index
        top, bottom = -height / 2, height / 2
        loss = Disc(x, top - 62, _RADIUS + 2, Kind.LOSS.value, (Name(LOSS, offset),))
        items += [
            Curve(((x - 8, top), (x - 8, top - 44)), "plain"),
            Curve(((x + 8, top - 46), (x + 8, top)), "error"),
            Caption(x - 14, top - 20, tuple(Name(name, offset) for name in judged), "end"),
            Caption(x + 14, top - 20, tuple(Name(name, offset, adjoint=True) for name in judged)),
            Curve(((x, bottom + 34), (x, bottom)), "plain"),
            Caption(x, bottom + 50, tuple(Name(name, offset) for name in inputs), "middle"),
            Plate(x, 0.0, _WIDTH, height, Kind.SUM.value, (Name("", offset),)),
            loss,
        ]
    for gap in range(steps + 1):
        start, end = (gap - 1) * _APART + _WIDTH / 2, gap * _APART - _WIDTH / 2
        for lane, state in enumerate(drawn.states):
            y = (lane - (len(drawn.states) - 1) / 2) * _LANE
            offset = first + gap - 1
            items += [
                Curve(((start, y - 4), (end, y - 4)), "plain"),
                Caption((start + end) / 2, y - 10, (Name(state, offset),), "middle"),
                Curve(((end, y + 4), (start, y + 4)), "error"),
                Caption((start + end) / 2, y + 19, (Name(state, offset, adjoint=True),), "middle"),
            ]
    edge = _APART - _WIDTH / 2 + 8 if drawn.states else _WIDTH
    return Figure(
        f"{steps} steps of the unfolded network, with the errors that come back",
        -edge,
        -height / 2 - 90,
        (steps - 1) * _APART + edge,
        height / 2 + 64,
        tuple(items),
    )
