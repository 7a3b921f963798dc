"""What is wrong with a scene, measured from its pixels alone: what a reader could misread."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from derive.circuit.scene import Box, Point, Polyline, Scene, between, exit_of

ARROW = 8.0
"""Pixels that an arrow needs at the end of a wire."""

_CLEAR = 2.0
_LABEL_HEIGHT = 14.0

_Segment = tuple[Point, Point]


def faults(scene: Scene) -> list[str]:
    """Every fault of one step, in words; none in a scene that can be drawn."""
    return [
        *_boxes(scene),
        *_through_boxes(scene),
        *_between_nets(scene),
        *_within_nets(scene),
        *_ends(scene),
        *_labels(scene),
    ]


def _lines(scene: Scene) -> dict[str, Polyline]:
    return {**scene.wires, **{exit_of(state): line for state, line in scene.exits.items()}}


def _nets(scene: Scene) -> dict[str, tuple[str, int]]:
    """The net of every wire and exit: the value it carries."""
    nets = {wire.id: (wire.source, wire.lag) for wire in scene.diagram.wires}
    return nets | {exit_of(state): (state, 0) for state in scene.diagram.states}


def _touched(scene: Scene) -> dict[str, tuple[str, ...]]:
    """The nodes that a wire may touch: those at its ends."""
    touched: dict[str, tuple[str, ...]] = {exit_of(state): (state,) for state in scene.diagram.states}
    for wire in scene.diagram.wires:
        touched[wire.id] = (wire.target,) if wire.lag else (wire.source, wire.target)
    return touched


def _segments(line: Polyline) -> Iterator[_Segment]:
    yield from itertools.pairwise(line)


def _boxes(scene: Scene) -> Iterator[str]:
    for (a, first), (b, second) in itertools.combinations(scene.boxes.items(), 2):
        if (
            abs(first.x - second.x) < (first.width + second.width) / 2 + _CLEAR
            and abs(first.y - second.y) < (first.height + second.height) / 2 + _CLEAR
        ):
            yield f"the boxes of {a} and {b} overlap"
    for name, box in scene.boxes.items():
        if box.left < _CLEAR or box.right > scene.width - _CLEAR or box.top < 0 or box.bottom > scene.height:
            yield f"the box of {name} leaves its step"


def _through_boxes(scene: Scene) -> Iterator[str]:
    touched = _touched(scene)
    for wire, line in _lines(scene).items():
        for name, box in scene.boxes.items():
            clear = -0.5 if name in touched[wire] else _CLEAR
            if any(_enters(segment, box, clear) for segment in _segments(line)):
                yield f"the wire {wire} runs through {name}"


def _enters(segment: _Segment, box: Box, clear: float) -> bool:
    """Whether a segment comes nearer to a box than `clear`; with a negative value, further into it."""
    (x, y), (u, v) = segment
    return (
        max(x, u) > box.left - clear
        and min(x, u) < box.right + clear
        and max(y, v) > box.top - clear
        and min(y, v) < box.bottom + clear
    )


def _between_nets(scene: Scene) -> Iterator[str]:
    """Wires of two nets may cross, each in the middle of a segment; they touch nowhere else."""
    lines, nets = _lines(scene), _nets(scene)
    for (a, first), (b, second) in itertools.combinations(lines.items(), 2):
        if nets[a] == nets[b]:
            continue
        for one, other in itertools.product(_segments(first), _segments(second)):
            if _vertical(one) == _vertical(other):
                if _overlap(one, other):
                    yield f"the wires {a} and {b} lie on one another"
            elif any(between(end, *other) for end in one) or any(between(end, *one) for end in other):
                yield f"the wires {a} and {b} touch"
    for dot in scene.dots:
        owners = {nets[wire] for wire, line in lines.items() if any(between(dot, *part) for part in _segments(line))}
        if len(owners) != 1:
            yield f"at the dot {dot} two nets meet"


def _vertical(segment: _Segment) -> bool:
    return segment[0][0] == segment[1][0]


def _overlap(one: _Segment, other: _Segment) -> bool:
    """Whether two segments of one direction share a point."""
    return all(
        max(min(one[0][axis], one[1][axis]), min(other[0][axis], other[1][axis]))
        <= min(max(one[0][axis], one[1][axis]), max(other[0][axis], other[1][axis]))
        for axis in (0, 1)
    )


def _within_nets(scene: Scene) -> Iterator[str]:
    """Two wires of a net share their beginning, part at a dot, and never meet again."""
    lines, nets = _lines(scene), _nets(scene)
    for (a, first), (b, second) in itertools.combinations(lines.items(), 2):
        if nets[a] != nets[b]:
            continue
        steps = [_walk(first), _walk(second)]
        shared = next((index for index, (p, q) in enumerate(zip(*steps, strict=False)) if p != q), min(map(len, steps)))
        if shared == 0:
            yield f"the wires {a} and {b} of one value begin apart"
        elif steps[0][shared - 1] not in scene.dots:
            yield f"the wires {a} and {b} part without a dot"
        if set(steps[0][shared:]) & set(steps[1][shared:]):
            yield f"the wires {a} and {b} part and meet again"


def _walk(line: Polyline) -> list[Point]:
    """The points of a polyline, pixel by pixel."""
    points = [line[0]]
    for _, (u, v) in _segments(line):
        while points[-1] != (u, v):
            x, y = points[-1]
            points.append((x + max(-1.0, min(1.0, u - x)), y + max(-1.0, min(1.0, v - y))))
    return points


def _ends(scene: Scene) -> Iterator[str]:
    for wire in scene.diagram.wires:
        line, box = scene.wires[wire.id], scene.boxes[wire.target]
        start = (0.0, scene.rails[wire.source]) if wire.lag else _port(scene.boxes[wire.source])
        if line[0] != start:
            yield f"the wire {wire.id} does not begin at {wire.source}"
        (x, y), (u, v) = line[-2:]
        if abs(u - x) + abs(v - y) < ARROW:
            yield f"the wire {wire.id} has no room for its arrow"
        inwards = {(box.left, 1): u > x, (box.top, 0): v > y, (box.bottom, 0): v < y}
        reached = inwards.get((u, 1), False) if y == v else inwards.get((v, 0), False)
        within = box.top < v < box.bottom if y == v else box.left < u < box.right
        if not (reached and within):
            yield f"the wire {wire.id} does not reach {wire.target}"
    ends = [scene.wires[wire.id][-1] for wire in scene.diagram.wires]
    for a, b in itertools.combinations(ends, 2):
        if a == b:
            yield f"two wires end at {a}"
    for state, line in scene.exits.items():
        if line[0] != _port(scene.boxes[state]) or line[-1] != (scene.width, scene.rails[state]):
            yield f"{state} does not reach the next step"


def _port(box: Box) -> Point:
    return box.right, box.y


def _labels(scene: Scene) -> Iterator[str]:
    """Labels stand in their boxes, those of the rails in the margin, apart from one another."""
    for name, box in scene.boxes.items():
        if box.extent.label > box.width - box.badge or box.extent.symbol > (box.badge or box.width):
            yield f"the label of {name} is wider than its box"
    for (a, first), (b, second) in itertools.combinations(scene.rails.items(), 2):
        if abs(first - second) < _LABEL_HEIGHT:
            yield f"the labels of the rails of {a} and {b} overlap"
