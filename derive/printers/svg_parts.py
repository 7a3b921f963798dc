"""What all SVG pictures are made of: colours, rounded lines, heads of arrows, formulas as text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from derive.circuit.scene import Point, Polyline
from derive.printers.chart import LABEL, number
from derive.printers.labels import ACCENTS, SCRIPT, Run, tall, width

HEAD = (7.0, 3.0)
"""The length of the head of an arrow, and half its width."""

_RADIUS = 5.0
_COLOUR = re.compile(r"var\(--c-([\w-]+)\)")

_LIGHT = {
    "ink": "#1e2235",
    "muted": "#4f566b",
    "paper": "#ffffff",
    "panel": "#f2f1ea",
    "panel-edge": "#e2e0d4",
    "wire": "#7d8699",
    "matrix": "#4a77b4",
    "sum": "#5b82bd",
    "sum-fill": "#e8eef8",
    "gate": "#2f8f74",
    "gate-fill": "#e3f3ee",
    "function": "#b9832a",
    "function-fill": "#fcf0dd",
    "operator": "#4f566b",
    "loss": "#c9403a",
    "loss-fill": "#fdeceb",
    "on": "#ffffff",
    "route": "#7a2bdc",
    "factor": "#b07a1e",
    "known": "#a67ae0",
}
_DARK = {
    "ink": "#e9ebf4",
    "muted": "#a9b0c4",
    "paper": "#1d2130",
    "panel": "#171a26",
    "panel-edge": "#2b3044",
    "wire": "#8089a0",
    "matrix": "#7fa8e6",
    "sum": "#6f97d6",
    "sum-fill": "#1f2a40",
    "gate": "#4db394",
    "gate-fill": "#17302a",
    "function": "#d9a44c",
    "function-fill": "#33291a",
    "operator": "#a9b0c4",
    "loss": "#ef6f68",
    "loss-fill": "#3a1f22",
    "on": "#11131c",
    "route": "#b98cff",
    "factor": "#e0ad4e",
    "known": "#8f6fc4",
}

_RULES = """\
.circuit { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", serif; }
.circuit .ground { fill: var(--c-paper); }
.circuit .panel { fill: var(--c-panel); stroke: var(--c-panel-edge); }
.circuit .title { fill: var(--c-muted); font-family: system-ui, sans-serif; font-size: 11px; }
.circuit text { fill: var(--c-ink); font-size: 13px; }
.circuit .piece { fill: none; stroke: var(--c-wire); stroke-width: 1.25; }
.circuit .piece.matrix { stroke: var(--c-matrix); }
.circuit .head { fill: var(--c-wire); }
.circuit .head.matrix { fill: var(--c-matrix); }
.circuit .dot { fill: var(--c-wire); }
.circuit .wire { visibility: hidden; }
.circuit .wire path { stroke: currentColor; stroke-width: 3; fill: none; }
.circuit .wire path + path { fill: currentColor; stroke-width: 1.5; }
.circuit .wire.route { visibility: visible; color: var(--c-route); }
.circuit .wire.factor { visibility: visible; color: var(--c-factor); }
.circuit .wire.known { visibility: visible; color: var(--c-known); }
.circuit .wire.known path:first-child { stroke-dasharray: 5 3; stroke-width: 2; }
.circuit .curve { fill: none; stroke: var(--c-ink); stroke-width: 1.4; }
.circuit .curve-head { fill: var(--c-ink); }
.circuit .curve.plain { stroke: var(--c-wire); }
.circuit .curve-head.plain { fill: var(--c-wire); }
.circuit .curve.peephole, .circuit .curve.before { stroke: var(--c-matrix); }
.circuit .curve-head.peephole, .circuit .curve-head.before { fill: var(--c-matrix); }
.circuit .curve.error { stroke: var(--c-route); }
.circuit .curve-head.error { fill: var(--c-route); }
.circuit .curve.before, .circuit .curve.error { stroke-dasharray: 5 3; }
.circuit text.adjoint { fill: var(--c-route); }
.circuit .accent.adjoint { stroke: var(--c-route); }
.circuit.dim .piece, .circuit.dim .head, .circuit.dim .dot, .circuit.dim .node { opacity: 0.4; }
.circuit.dim .node.lit, .circuit .wire .head { opacity: 1; }
.circuit .accent { stroke: var(--c-ink); stroke-width: 1; fill: none; }
.circuit .body { fill: var(--c-paper); stroke: var(--c-operator); stroke-width: 1.2; }
.circuit .badge { fill: var(--c-operator); }
.circuit .badge-text { fill: var(--c-on); }
.circuit .sum .body { fill: var(--c-sum-fill); stroke: var(--c-sum); }
.circuit .sum .badge { fill: var(--c-sum); }
.circuit .gate .body { fill: var(--c-gate-fill); stroke: var(--c-gate); }
.circuit .gate .badge { fill: var(--c-gate); }
.circuit .function .body { fill: var(--c-function-fill); stroke: var(--c-function); }
.circuit .function .badge { fill: var(--c-function); }
.circuit .inner .body { fill: var(--c-paper); }
.circuit .loss .body { fill: var(--c-loss-fill); stroke: var(--c-loss); }
.circuit .loss text { fill: var(--c-loss); }
.circuit .carried > .body { stroke: var(--c-ink); stroke-width: 2; }
.circuit .carried.operator .badge { fill: var(--c-ink); }
"""


def style_sheet() -> str:
    """The rules of all circuits in a page: every colour is a custom property, which the page may set."""
    light = "\n".join(f"  --c-{key}: {value};" for key, value in _LIGHT.items())
    dark = "\n".join(f"    --c-{key}: {value};" for key, value in _DARK.items())
    return (
        f".circuit {{\n{light}\n}}\n@media (prefers-color-scheme: dark) {{\n  .circuit {{\n{dark}\n  }}\n}}\n{_RULES}"
    )


def own_style_sheet() -> str:
    """The rules of a picture that stands alone, with the colours themselves: many viewers know no custom property.

    What is light stands first; what a dark system changes follows, for viewers that ask for it.
    """
    dark = []
    for rule in _RULES.splitlines():
        selector, _, body = rule.removesuffix(" }").partition(" { ")
        coloured = " ".join(f"{item};" for item in body.removesuffix(";").split("; ") if _COLOUR.search(item))
        if coloured:
            dark.append(f"  {selector} {{ {_with(_DARK, coloured)} }}\n")
    return f"{_with(_LIGHT, _RULES)}@media (prefers-color-scheme: dark) {{\n{''.join(dark)}}}\n"


def _with(colours: Mapping[str, str], rules: str) -> str:
    return _COLOUR.sub(lambda match: colours[match[1]], rules)


def rounded(line: Polyline, back: float = 0.0) -> str:
    """A path with rounded corners; its end is drawn back to leave room for the head of an arrow."""
    points = list(line)
    if back:
        (x, y), (u, v) = points[-2:]
        length = abs(u - x) + abs(v - y)
        share = max(0.0, length - back + 1) / length
        points[-1] = (x + (u - x) * share, y + (v - y) * share)
    drawn = [f"M{pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_RADIUS, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        first, second = _towards(corner, before, radius), _towards(corner, after, radius)
        drawn.append(f"L{pair(first)}Q{pair(corner)} {pair(second)}")
    return "".join([*drawn, f"L{pair(points[-1])}"])


def _towards(point: Point, other: Point, by: float) -> Point:
    share = by / math.dist(point, other)
    return point[0] + (other[0] - point[0]) * share, point[1] + (other[1] - point[1]) * share


def arrow(line: Polyline) -> str:
    """The head of an arrow at the end of a line."""
    (x, y), (u, v) = line[-2:]
    length = math.dist((x, y), (u, v))
    a, b = (u - x) / length, (v - y) / length
    along, beside = HEAD
    left = (u - a * along - b * beside, v - b * along + a * beside)
    right = (u - a * along + b * beside, v - b * along - a * beside)
    return f"M{pair((u, v))}L{pair(left)}L{pair(right)}Z"


def text(pieces: Sequence[Run], x: float, y: float, size: float, extra: str) -> Iterator[str]:
    """Runs from `x` on, the base on height `y`; accents are drawn over their letters."""
    if not pieces:
        return
    spans, accents, level = [], [], 0
    at = last = 0.0
    for run in pieces:
        own = width((run,), size)
        small = f' font-size="{number(size * SCRIPT)}"' if run.level else ""
        shift = (level - run.level) * 0.36 * size
        move = f' dy="{number(shift)}"' if shift else ""
        back = f' dx="{number(-last)}"' if run.back else ""
        if run.back:
            at -= last
        if run.accent:
            accents.append((x + at, own, run))
        spans.append(f"<tspan{small}{move}{back}>{escape(run.text)}</tspan>" if small or move else escape(run.text))
        at += own
        last, level = own, run.level
    klass = f' class="{extra}"' if extra else ""
    style = "" if size == LABEL else f' style="font-size:{number(size)}px"'
    yield f'<text{klass} x="{number(x)}" y="{number(y)}"{style}>{"".join(spans)}</text>'
    for start, own, run in accents:
        over = y - size * (0.8 if tall(run.text) else 0.58)
        if run.accent == ACCENTS["bar"]:
            kind, middle = f"accent {extra}".strip(), pair((start + own * 0.24, over))
            yield f'<path class="{kind}" d="M{middle}h{number(own * 0.7)}"/>'
        else:
            yield f'<text x="{number(start + own * 0.35)}" y="{number(over + size * 0.62)}"{style}>{run.accent}</text>'


def pair(point: Point) -> str:
    """A point of a path."""
    return f"{number(point[0])} {number(point[1])}"
