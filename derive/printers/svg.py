"""A circuit as SVG: a fragment for a page, which gives the colours, or a picture that stands alone.

Every node has the id `n-<node>-<step>`, every wire and exit `data-wire` and `data-step`, so that a page can mark any
way through the circuit by CSS classes. All wires of a step are drawn whole: a marked wire is one path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from derive.circuit.model import Kind, Node, Wire
from derive.circuit.scene import Box, Polyline, Scene, shifted, straightened
from derive.equations.model import Equations
from derive.printers.chart import LABEL, SMALL, node_runs, symbol_runs, symbol_size
from derive.printers.labels import SCRIPT, Run, runs, width
from derive.printers.notation import Notation

_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 52.0, 34.0, 10.0
_RADIUS = 5.0
_DOT = 2.2
_HEAD = (7.0, 3.0)

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
}

_RULES = """\
.circuit { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", serif; }
.circuit .panel { fill: var(--c-panel); stroke: var(--c-panel-edge); }
.circuit .title { fill: var(--c-muted); font-family: system-ui, sans-serif; font-size: 11px; }
.circuit text { fill: var(--c-ink); font-size: 13px; }
.circuit .wire { fill: none; stroke: var(--c-wire); stroke-width: 1.2; }
.circuit .wire.matrix { stroke: var(--c-matrix); }
.circuit .head { fill: var(--c-wire); stroke: none; }
.circuit .head.matrix { fill: var(--c-matrix); }
.circuit .dot { fill: var(--c-wire); }
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


def svg(scene: Scene, equations: Equations, *, name: str = "circuit") -> str:
    """The fragment; `name` begins the ids of its title and description, one for each circuit of a page."""
    return "\n".join(_lines(scene, equations, name, "")) + "\n"


def standalone(scene: Scene, equations: Equations) -> str:
    """The picture with its colours, light and dark as the reader's system wants."""
    style = f"<style>\n{style_sheet()}</style>"
    return "\n".join(_lines(scene, equations, "circuit", style)) + "\n"


def style_sheet() -> str:
    """The rules of all circuits: every colour is a custom property, which a page may set."""
    light = "\n".join(f"  --c-{key}: {value};" for key, value in _LIGHT.items())
    dark = "\n".join(f"    --c-{key}: {value};" for key, value in _DARK.items())
    return (
        f".circuit {{\n{light}\n}}\n@media (prefers-color-scheme: dark) {{\n  .circuit {{\n{dark}\n  }}\n}}\n{_RULES}"
    )


def _lines(scene: Scene, equations: Equations, name: str, style: str) -> Iterator[str]:
    across, height = scene.width * scene.steps, scene.height
    view = f"{_n(-_LEFT)} {_n(-_TOP)} {_n(_LEFT + across + _RIGHT)} {_n(_TOP + height + _BOTTOM)}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit" viewBox="{view}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
    )
    yield f'<title id="{name}-title">Circuit of {escape(equations.title or equations.name)}</title>'
    yield f'<desc id="{name}-desc">{escape(description(scene, equations))}</desc>'
    if style:
        yield style
    notation = Notation(equations)
    for step in range(scene.steps):
        x = step * scene.width
        yield (
            f'<rect class="panel" x="{_n(x + 3)}" y="0" width="{_n(scene.width - 6)}" height="{_n(height)}" rx="10"/>'
        )
        yield f'<text class="title" x="{_n(x + 14)}" y="-8">time step {_step(notation, step)}</text>'
    yield from _wires(scene)
    for step in range(scene.steps):
        x = step * scene.width
        for dot in shifted(scene.dots, x):
            yield f'<circle class="dot" cx="{_n(dot[0])}" cy="{_n(dot[1])}" r="{_n(_DOT)}"/>'
    yield from _margins(scene, equations)
    for step in range(scene.steps):
        for node in scene.diagram.nodes:
            yield from _node(scene, equations, node, step)
    yield "</svg>"


def description(scene: Scene, equations: Equations) -> str:
    """One sentence for those who do not see the picture."""
    highway = " and ".join(scene.highway)
    rest = " and ".join(state for state in scene.diagram.states if state not in scene.highway)
    parts = [f"{scene.steps} identical time steps side by side, with {len(scene.diagram.nodes)} nodes each"]
    if highway:
        parts.append(f"{highway} carried along the top without a matrix")
    if rest:
        parts.append(f"{rest} coming back below")
    return "; ".join(parts) + "."


def _step(notation: Notation, step: int) -> str:
    return f"<tspan font-style=\"italic\">t</tspan>{'' if not step else f' + {step}'}"


def _wires(scene: Scene) -> Iterator[str]:
    """Wires through a matrix first: where a trunk also serves another wire, that one's colour shows."""
    for step in range(scene.steps):
        for wire in sorted(scene.diagram.wires, key=lambda wire: not wire.matrix):
            line = scene.polyline(wire, step)
            if wire.lag and not step:
                line = straightened(((-12.0, line[0][1]), *line))
            yield _wire(wire.id, step, line, "matrix" if wire.matrix else "", head=True)
    last = scene.steps - 1
    for state, line in scene.exits.items():
        shown = straightened((*shifted(line, scene.width * last), (scene.width * scene.steps + 14, line[-1][1])))
        yield _wire(f"exit-{state}", last, shown, "", head=True)


def _wire(wire: str, step: int, line: Polyline, extra: str, *, head: bool) -> str:
    classes = f"wire {extra}".strip()
    back = _HEAD[0] if head else 0.0
    path = rounded(line, back)
    mark = f'<path class="{classes.replace("wire", "head", 1)}" d="{_arrow(line)}"/>' if head else ""
    return f'<g data-wire="{wire}" data-step="{step}"><path class="{classes}" d="{path}"/>{mark}</g>'


def rounded(line: Polyline, back: float = 0.0) -> str:
    """A path with rounded corners; its end is drawn back to leave room for the head of an arrow."""
    points = list(line)
    if back:
        (x, y), (u, v) = points[-2:]
        length = abs(u - x) + abs(v - y)
        share = max(0.0, length - back + 1) / length
        points[-1] = (x + (u - x) * share, y + (v - y) * share)
    text = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_RADIUS, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        a, b = _towards(corner, before, radius), _towards(corner, after, radius)
        text.append(f"L{_n(a[0])} {_n(a[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(b[0])} {_n(b[1])}")
    text.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(text)


def _towards(point: tuple[float, float], other: tuple[float, float], by: float) -> tuple[float, float]:
    share = by / math.dist(point, other)
    return point[0] + (other[0] - point[0]) * share, point[1] + (other[1] - point[1]) * share


def _arrow(line: Polyline) -> str:
    """The head of an arrow at the end of a line."""
    (x, y), (u, v) = line[-2:]
    length = math.dist((x, y), (u, v))
    a, b = (u - x) / length, (v - y) / length
    along, beside = _HEAD
    left = (u - a * along - b * beside, v - b * along + a * beside)
    right = (u - a * along + b * beside, v - b * along - a * beside)
    return f"M{_n(u)} {_n(v)}L{_n(left[0])} {_n(left[1])}L{_n(right[0])} {_n(right[1])}Z"


def _margins(scene: Scene, equations: Equations) -> Iterator[str]:
    """What comes in from the step before, and where it goes."""
    notation = Notation(equations)
    end = scene.width * scene.steps
    for state, y in scene.rails.items():
        pieces = runs(notation.value(state, -1)) or (Run(state), Run("(t−1)", 1))
        yield from _text(pieces, -16 - width(pieces, SMALL + 1), y + 4, SMALL + 1, "")
        yield f'<text x="{_n(end + 19)}" y="{_n(y + 3)}">…</text>'


def _node(scene: Scene, equations: Equations, node: Node, step: int) -> Iterator[str]:
    box, x = scene.boxes[node.id], scene.boxes[node.id].x + step * scene.width
    classes = [node.kind.value]
    if node.carried:
        classes.append("carried")
    if node.variable is None:
        classes.append("inner")
    yield f'<g id="n-{node.id}-{step}" class="node {" ".join(classes)}" data-node="{node.id}" data-step="{step}">'
    yield _body(node, box, x)
    label, symbol = node_runs(equations, node, step), symbol_runs(node)
    if box.badge:
        yield f'<path class="badge" d="{_badge(node, box, x)}"/>'
    middle = x - box.width / 2 + box.badge / 2 if box.badge else x
    if node.symbol:
        size = symbol_size(symbol)
        extra = "badge-text" if box.badge else ""
        yield from _text(symbol, middle - width(symbol, size) / 2, box.y + size * 0.34, size, extra)
    size = SMALL if node.kind is Kind.LOSS else LABEL
    start = x + box.badge / 2 - width(label, size) / 2
    yield from _text(label, start, box.y + size * 0.36, size, "")
    yield "</g>"


def _corner(node: Node, box: Box) -> float:
    if node.kind in (Kind.SUM, Kind.INPUT):
        return 3.0
    return min(box.width, box.height, 24.0) / 2


def _body(node: Node, box: Box, x: float) -> str:
    if node.kind is Kind.LOSS or (node.variable is None and box.width == box.height):
        return f'<circle class="body" cx="{_n(x)}" cy="{_n(box.y)}" r="{_n(box.width / 2)}"/>'
    return (
        f'<rect class="body" x="{_n(x - box.width / 2)}" y="{_n(box.top)}" width="{_n(box.width)}" '
        f'height="{_n(box.height)}" rx="{_n(_corner(node, box))}"/>'
    )


def _badge(node: Node, box: Box, x: float) -> str:
    """The left end of a node, with its corners."""
    radius, left, right = _corner(node, box), x - box.width / 2, x - box.width / 2 + box.badge
    top, bottom = box.top, box.top + box.height
    return (
        f"M{_n(right)} {_n(top)}H{_n(left + radius)}A{_n(radius)} {_n(radius)} 0 0 0 {_n(left)} {_n(top + radius)}"
        f"V{_n(bottom - radius)}A{_n(radius)} {_n(radius)} 0 0 0 {_n(left + radius)} {_n(bottom)}H{_n(right)}Z"
    )


def _text(pieces: Sequence[Run], x: float, y: float, size: float, extra: str) -> Iterator[str]:
    """Runs from `x` on, the base on height `y`; accents are drawn over their letters."""
    if not pieces:
        return
    spans, accents, level = [], [], 0
    at = last = 0.0
    for run in pieces:
        own = width((run,), size)
        small = f' font-size="{_n(size * SCRIPT)}"' if run.level else ""
        shift = (level - run.level) * 0.36 * size
        move = f' dy="{_n(shift)}"' if shift else ""
        back = f' dx="{_n(-last)}"' if run.back else ""
        if run.back:
            at -= last
        if run.accent:
            accents.append((x + at, own, run))
        spans.append(f"<tspan{small}{move}{back}>{escape(run.text)}</tspan>" if small or move else escape(run.text))
        at += own
        last, level = own, run.level
    klass = f' class="{extra}"' if extra else ""
    yield f'<text{klass} x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" style="font-size:{_n(size)}px">{"".join(spans)}</text>'
    for start, own, run in accents:
        over = y - size * (0.78 if run.text.isupper() else 0.62)
        if run.accent == "\u203e":
            yield f'<path class="accent" d="M{_n(start + own * 0.22)} {_n(over)}h{_n(own * 0.72)}"/>'
        else:
            yield f'<text x="{_n(start + own * 0.3)}" y="{_n(over + size * 0.4)}" style="font-size:{_n(size)}px">{run.accent}</text>'


def geometry(scene: Scene) -> Mapping[str, Sequence[Sequence[float]]]:
    """The corners of every wire and exit in the step's own coordinates, for a page that animates them."""
    lines = {**scene.wires, **{f"exit-{state}": line for state, line in scene.exits.items()}}
    return {wire: tuple((round(x, 2), round(y, 2)) for x, y in line) for wire, line in lines.items()}


def _n(value: float) -> str:
    """A coordinate, short and the same on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0") if abs(value) < 0.005 else f"{value:.2f}".rstrip("0").rstrip(".")
