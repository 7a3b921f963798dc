"""A circuit with its place on the page: boxes and wires of one step, in pixels from the step's top left corner.

All steps are alike: step n is the same, `width * n` to the right.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from derive.circuit.model import Diagram, Wire
from derive.routes import Route

Point = tuple[float, float]
Polyline = tuple[Point, ...]

MARGIN = 14.0
"""Pixels that the rails reach out of the first step and of the last."""

Marks = Mapping[tuple[str, int], str]
"""What a wire or exit, by its name and the step in which it ends, is marked as.

"route" is a way that errors take, "factor" brings what it is multiplied by, "known" is inside an adjoint already.
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """How wide the texts of a node are in pixels: its operation and its variable."""

    symbol: float
    label: float


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a node: its centre, and its size; `badge` is how much of the width the operation takes.

    `extent` is the room that its texts need.
    """

    x: float
    y: float
    width: float
    height: float
    badge: float
    extent: Extent

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height / 2

    @property
    def left(self) -> float:
        """The left edge."""
        return self.x - self.width / 2

    @property
    def top(self) -> float:
        """The upper edge."""
        return self.y - self.height / 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of wires without a join: its corners, and the wires and exits that lie on it.

    `matrix` is true where a matrix waits at the end of all of them; `ends` where an arrow stands at its end.
    """

    line: Polyline
    wires: tuple[str, ...]
    matrix: bool
    ends: bool


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

    def polyline(self, name: str, step: int) -> Polyline:
        """The corners of a wire that ends in `step`, or of an exit that leaves it, in the coordinates of step 0.

        What comes from the step before is followed from its node, or from the margin where that step is not drawn; the
        exit of the last step leads into the margin.
        """
        if name in self.leaving:
            here = shifted(self.exits[self.leaving[name]], self.width * step)
            tail = MARGIN if step == self.steps - 1 else 0.0
            return straightened((*here, (here[-1][0] + tail, here[-1][1])))
        here, wire = shifted(self.wires[name], self.width * step), self._wires[name]
        if not wire.lag:
            return here
        if step == 0:
            return straightened(((here[0][0] - MARGIN, here[0][1]), *here))
        return straightened((*shifted(self.exits[wire.source], self.width * (step - 1)), *here))

    def marked(self, routes: Iterable[Route]) -> Marks:
        """The wires of `routes`, marked as such, in the steps that are drawn; step 0 is that where the routes begin."""
        return {
            (wire.id, step): "route"
            for route in routes
            for edge, (_, step) in zip(route.edges, route.nodes[1:], strict=True)
            for wire in self.diagram.path(edge)
            if step < self.steps
        }

    @cached_property
    def ways(self) -> tuple[str, ...]:
        """The names of all wires and exits."""
        return (*self._wires, *self.leaving)

    def comes_by_matrices(self, state: str) -> bool:
        """Whether the next step reads a state through matrices alone."""
        return all(wire.matrix for wire in self.diagram.wires if wire.source == state and wire.lag)

    @cached_property
    def _wires(self) -> Mapping[str, Wire]:
        return {wire.id: wire for wire in self.diagram.wires}

    @cached_property
    def leaving(self) -> Mapping[str, str]:
        """The state that leaves the step by each exit."""
        return {exit_of(state): state for state in self.diagram.states}

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All wires and exits of one step, cut at the dots: each piece is drawn once."""
        matrices = {wire.id: wire.matrix for wire in self.diagram.wires}
        matrices |= {exit_of(state): self.comes_by_matrices(state) for state in self.diagram.states}
        found: dict[Polyline, list[str]] = {}
        last: set[Polyline] = set()
        for wire in self.diagram.wires:
            parts = _parted(self.wires[wire.id], self.dots)
            last.add(parts[-1])
            for part in parts:
                found.setdefault(part, []).append(wire.id)
        for state, line in self.exits.items():
            for part in _parted(line, self.dots):
                found.setdefault(part, []).append(exit_of(state))
        return tuple(
            Piece(line, tuple(wires), all(matrices[wire] for wire in wires), line in last)
            for line, wires in found.items()
        )


def exit_of(state: str) -> str:
    """The name of the way from a state's node to the next step."""
    return f"exit-{state}"


def _parted(line: Polyline, dots: tuple[Point, ...]) -> list[Polyline]:
    """A polyline cut at every dot on it."""
    parts: list[Polyline] = []
    current = [line[0]]
    for start, end in itertools.pairwise(line):
        inside = [dot for dot in dots if dot not in (start, end) and between(dot, start, end)]
        inside.sort(key=lambda dot: abs(dot[0] - start[0]) + abs(dot[1] - start[1]))
        for point in (*inside, end):
            current.append(point)
            if point in dots and point != line[-1]:
                parts.append(tuple(current))
                current = [point]
    return [*parts, tuple(current)]


def between(point: Point, start: Point, end: Point) -> bool:
    """Whether a point lies on a horizontal or vertical segment, its ends included."""
    return all(min(a, b) <= value <= max(a, b) for value, a, b in zip(point, start, end, strict=True))


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
