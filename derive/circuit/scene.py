"""A circuit with its place on the page: boxes and wires of one step, in pixels from the step's top left corner.

All steps are alike: step n is the same, `width * n` to the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from derive.circuit.model import Diagram, Wire

Point = tuple[float, float]
Polyline = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a node: its centre, and its size; `badge` is how much of the width the operation takes."""

    x: float
    y: float
    width: float
    height: float
    badge: float

    @property
    def left(self) -> float:
        """The left edge."""
        return self.x - self.width / 2

    @property
    def top(self) -> float:
        """The upper edge."""
        return self.y - self.height / 2


@dataclass(frozen=True)
class Scene:
    """One step of a circuit, drawn `steps` times.

    `wires` holds the corners of every wire: a wire that brings the value of the step before begins at the left border.
    `exits` leads from every state's node to the right border, `rails` is the height at which it crosses the borders.
    `dots` are the points where wires of one net part. `highway` names the states whose rails are straight.
    """

    diagram: Diagram
    width: float
    height: float
    boxes: Mapping[str, Box]
    wires: Mapping[str, Polyline]
    exits: Mapping[str, Polyline]
    rails: Mapping[str, float]
    dots: tuple[Point, ...]
    highway: tuple[str, ...]
    steps: int

    def polyline(self, wire: Wire, step: int) -> Polyline:
        """The corners of a wire that ends in `step`, in the coordinates of step 0.

        What comes from the step before is followed from its node, where that step is drawn.
        """
        here = shifted(self.wires[wire.id], self.width * step)
        if not wire.lag or step == 0:
            return here
        return straightened((*shifted(self.exits[wire.source], self.width * (step - 1)), *here))

    @cached_property
    def bends(self) -> int:
        """The number of corners of all wires."""
        return sum(len(line) - 2 for line in (*self.wires.values(), *self.exits.values()))


def shifted(line: Polyline, by: float) -> Polyline:
    """A polyline moved to the right."""
    return tuple((x + by, y) for x, y in line)


def straightened(line: Polyline) -> Polyline:
    """A polyline without repeated points and without points in the middle of a straight run."""
    kept: list[Point] = []
    for point in line:
        if kept and point == kept[-1]:
            continue
        if len(kept) > 1 and any(kept[-2][axis] == kept[-1][axis] == point[axis] for axis in (0, 1)):
            kept.pop()
        kept.append(point)
    return tuple(kept)
