"""A circuit as a small picture without words: the shapes and the wires of one step, for a list of cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from derive.circuit.model import Kind, Node
from derive.circuit.scene import Box, Polyline, Scene

_MARGIN = 8.0


def thumbnail(scene: Scene) -> str:
    """One step of `scene` as SVG without text; what stands beside it must say what it shows."""
    wires = scene.diagram.wires
    through = [scene.wires[wire.id] for wire in wires if wire.matrix]
    others = [*(scene.wires[wire.id] for wire in wires if not wire.matrix), *scene.exits.values()]
    view = f"{_n(-_MARGIN)} {_n(-_MARGIN)} {_n(scene.width + 2 * _MARGIN)} {_n(scene.height + 2 * _MARGIN)}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit thumbnail" viewBox="{view}" aria-hidden="true">',
        f'<path class="piece matrix" d="{_drawn(through)}"/>' if through else "",
        f'<path class="piece" d="{_drawn(others)}"/>' if others else "",
        *(_shape(node, scene.boxes[node.id]) for node in scene.diagram.nodes),
        "</svg>",
    ]
    return "".join(lines)


def _drawn(lines: Iterable[Polyline]) -> str:
    """All polylines as one path; a line that several wires share is drawn once."""
    segments = dict.fromkeys(tuple(sorted(pair)) for line in lines for pair in itertools.pairwise(line))
    return "".join(f"M{_n(a[0])} {_n(a[1])}{_onwards(a, b)}" for a, b in segments)


def _onwards(start: tuple[float, float], end: tuple[float, float]) -> str:
    if start[1] == end[1]:
        return f"H{_n(end[0])}"
    return f"V{_n(end[1])}" if start[0] == end[0] else f"L{_n(end[0])} {_n(end[1])}"


def _shape(node: Node, box: Box) -> str:
    classes = " ".join((node.kind.value, *(["carried"] if node.carried else []), *([] if node.variable else ["inner"])))
    corner = 3.0 if node.kind in (Kind.SUM, Kind.INPUT) else min(box.width, box.height) / 2
    return (
        f'<g class="node {classes}"><rect class="body" x="{_n(box.left)}" y="{_n(box.top)}" width="{_n(box.width)}" '
        f'height="{_n(box.height)}" rx="{_n(corner)}"/></g>'
    )


def _n(value: float) -> str:
    """A coordinate in whole pixels, which is enough at this size."""
    return f"{value:.0f}".replace("-0", "0") if abs(value) < 0.5 else f"{value:.0f}"
