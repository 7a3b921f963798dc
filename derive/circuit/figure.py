"""A figure of discs, plates and curves: what printers draw of the chart of a memory cell and of unfolded networks."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from derive.circuit.scene import Point


class Form(enum.Enum):
    """What a name stands for: its value, its adjoint over all routes, or the error that the loss gives it directly."""

    VALUE = "value"
    ADJOINT = "adjoint"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the cell at t + `offset`; without a name, the step alone."""

    name: str
    offset: int = 0
    form: Form = Form.VALUE


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle of a kind of node; it shows names, or the LaTeX of an operation."""

    x: float
    y: float
    radius: float
    kind: str
    names: tuple[Name, ...] = ()
    symbol: str = ""
    carried: bool = False

    def edge(self, towards: Point, clear: float = 0.0) -> Point:
        """Where a line from the centre to another point leaves the disc."""
        reach = (self.radius + clear) / math.dist((self.x, self.y), towards)
        return self.x + (towards[0] - self.x) * reach, self.y + (towards[1] - self.y) * reach


@dataclass(frozen=True, slots=True)
class Plate:
    """A rounded rectangle around its centre, with names in it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    names: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """An arrow: a straight line of two points, or a Bezier curve of four.

    `style` is "strong", "plain", "peephole" (dashed as "before", where it reads the last step), or "error".
    """

    points: tuple[Point, ...]
    style: str
    head: bool = True


@dataclass(frozen=True, slots=True)
class Caption:
    """Names beside a curve; `anchor` is the end that stands at the point: "start", "middle" or "end"."""

    x: float
    y: float
    names: tuple[Name, ...]
    anchor: str = "start"


Item = Disc | Plate | Curve | Caption


@dataclass(frozen=True, slots=True)
class Figure:
    """Items in the order in which they are drawn, within a frame."""

    title: str
    left: float
    top: float
    right: float
    bottom: float
    items: tuple[Item, ...]
