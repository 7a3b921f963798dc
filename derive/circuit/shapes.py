"""How large a node is, and where wires may reach it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from derive.circuit.model import Kind, Node
from derive.circuit.scene import Extent

PITCH = 8.0
"""Pixels between two lines of the grid."""

_CIRCLE, _LOSS = 20.0, 28.0
_HEIGHT = 24.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A node in pixels, `width` by `height`, and on the grid.

    No other wire comes nearer to the centre than `reach_x` and `reach_y` lines. `left` holds the heights of the ports
    on the left side; where `vertical` is true, a wire may also come from above and from below.
    """

    width: float
    height: float
    badge: float
    reach_x: int
    reach_y: int
    left: tuple[int, ...]
    vertical: bool
    extent: Extent


def shape(node: Node, inputs: int, extent: Extent) -> Shape:
    """The shape of a node with so many wires into it."""
    if node.kind is Kind.INPUT:
        width = _units(extent.label + 12, 5)
        return Shape(width * PITCH, _HEIGHT, 0, (width + 1) // 2, 2, (0,), False, extent)
    if node.kind is Kind.LOSS:
        return Shape(_LOSS, _LOSS, 0, 2, 2, (0,), True, extent)
    vertical = node.kind is not Kind.SUM and (node.variable is None or node.carried or node.kind is Kind.OPERATOR)
    ports = max(1, inputs - 2) if vertical else max(1, inputs)
    lines = max(3, ports + 1 - ports % 2)
    left = (0,) if ports == 1 else tuple(range(-(lines // 2), lines // 2 + 1))
    reach_y = (lines + 1) // 2
    if node.variable is None:
        if ports == 1 and extent.symbol <= _CIRCLE - 3:
            return Shape(_CIRCLE, _CIRCLE, 0, 2, 2, (0,), vertical, extent)
        drawn = 2.0 * math.ceil(extent.symbol / 2 + 6)
        height = _CIRCLE + (lines - 3) * PITCH
        return Shape(drawn, height, 0, (_units(drawn, 3) + 1) // 2, reach_y, left, vertical, extent)
    badge = max(18.0, extent.symbol + 8)
    width = _units(badge + extent.label + 12, 7)
    height = _HEIGHT + (lines - 3) * PITCH
    return Shape(width * PITCH, height, badge, (width + 1) // 2, reach_y, left, vertical, extent)


def _units(pixels: float, least: int) -> int:
    """An odd number of grid units that holds so many pixels: the centre lies on a line of the grid."""
    units = max(least, math.ceil(pixels / PITCH))
    return units + 1 - units % 2
