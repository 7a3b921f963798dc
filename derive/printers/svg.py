"""A circuit as SVG: a fragment for a page, which gives the colours, or a picture that stands alone.

Every node has the id `n-<node>-<step>`. The circuit itself is drawn in pieces, each once. Over it lies every wire,
whole and hidden, as a group with `data-wire` and `data-step`: a page marks a way through the circuit by giving its
wires one of the classes `route`, `factor` or `known`, and the rest fades where the circuit itself has the class `dim`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from derive.circuit.model import Kind, Node
from derive.circuit.scene import MARGIN, Box, Marks, Polyline, Scene, exit_of, shifted
from derive.equations.model import Equations
from derive.printers.chart import LABEL, label_size, node_runs, symbol_runs, symbol_size
from derive.printers.labels import ACCENTS, SCRIPT, Run, runs, tall, width
from derive.printers.notation import Notation

_RIGHT, _TOP, _BOTTOM = 40.0, 26.0, 4.0
_RAIL = 11.0
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
.circuit .panel { fill: var(--c-panel); stroke: var(--c-panel-edge); }
.circuit .title { fill: var(--c-muted); font-family: system-ui, sans-serif; font-size: 11px; }
.circuit text { fill: var(--c-ink); font-size: 13px; }
.circuit .piece { fill: none; stroke: var(--c-wire); stroke-width: 1.25; }
.circuit .piece.matrix { stroke: var(--c-matrix); }
.circuit .head { fill: var(--c-wire); }
.circuit .head.matrix { fill: var(--c-matrix); }
.circuit .dot { fill: var(--c-wire); }
.circuit .wire { visibility: hidden; }
.circuit .wire path { stroke: var(--mark); stroke-width: 3; fill: none; }
.circuit .wire path + path { fill: var(--mark); stroke-width: 1.5; }
.circuit .wire.route { visibility: visible; --mark: var(--c-route); }
.circuit .wire.factor { visibility: visible; --mark: var(--c-factor); }
.circuit .wire.known { visibility: visible; --mark: var(--c-known); }
.circuit .wire.known path:first-child { stroke-dasharray: 5 3; stroke-width: 2; }
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


def svg(scene: Scene, equations: Equations, prefix: str = "", marks: Marks | None = None) -> str:
    """The fragment; `prefix` begins all its ids, so that a page may hold several circuits."""
    return "\n".join(_lines(scene, equations, prefix, marks or {}, "")) + "\n"


def standalone(scene: Scene, equations: Equations, marks: Marks | None = None) -> str:
    """The picture with its colours, light and dark as the reader's system wants."""
    style = f"<style>\n{style_sheet()}</style>"
    return "\n".join(_lines(scene, equations, "", marks or {}, style)) + "\n"


def style_sheet() -> str:
    """The rules of all circuits: every colour is a custom property, which a page may set."""
    light = "\n".join(f"  --c-{key}: {value};" for key, value in _LIGHT.items())
    dark = "\n".join(f"    --c-{key}: {value};" for key, value in _DARK.items())
    return (
        f".circuit {{\n{light}\n}}\n@media (prefers-color-scheme: dark) {{\n  .circuit {{\n{dark}\n  }}\n}}\n{_RULES}"
    )


def _lines(scene: Scene, equations: Equations, prefix: str, marks: Marks, style: str) -> Iterator[str]:
    across, height = scene.width * scene.steps, scene.height
    labels = {state: _before(equations, state) for state in scene.rails}
    left = max((width(label, _RAIL) for label in labels.values()), default=0.0) + MARGIN + 10
    view = f"{_n(-left)} {_n(-_TOP)} {_n(left + across + _RIGHT)} {_n(_TOP + height + _BOTTOM)}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit{" dim" if marks else ""}" viewBox="{view}" role="img" '
        f'aria-labelledby="{prefix}circuit-title {prefix}circuit-desc">'
    )
    yield f'<title id="{prefix}circuit-title">Circuit of {escape(equations.title or equations.name)}</title>'
    yield f'<desc id="{prefix}circuit-desc">{escape(description(scene))}</desc>'
    if style:
        yield style
    for step in range(scene.steps):
        x = step * scene.width
        yield (
            f'<rect class="panel" x="{_n(x + 3)}" y="0" width="{_n(scene.width - 6)}" height="{_n(height)}" rx="10"/>'
        )
        name = f'<tspan font-style="italic">t</tspan>{f" + {step}" if step else ""}'
        yield f'<text class="title" x="{_n(x + 14)}" y="-8">time step {name}</text>'
    yield from _pieces(scene)
    for state, y in scene.rails.items():
        yield from _text(labels[state], -MARGIN - 4 - width(labels[state], _RAIL), y + 4, _RAIL, "")
        yield f'<text x="{_n(across + 19)}" y="{_n(y + 3)}">…</text>'
    yield from _wires(scene, marks)
    for step in range(scene.steps):
        for node in scene.diagram.nodes:
            yield from _node(scene, equations, node, step, prefix)
    yield "</svg>"


def description(scene: Scene) -> str:
    """One sentence for those who do not see the picture."""
    highway = " and ".join(scene.highway)
    rest = " and ".join(state for state in scene.diagram.states if state not in scene.highway)
    parts = [f"{scene.steps} identical time steps side by side, with {len(scene.diagram.nodes)} nodes each"]
    if highway:
        parts.append(f"{highway} carried along the top without a matrix")
    if rest:
        parts.append(f"{rest} coming back below")
    return "; ".join(parts) + "."


def _before(equations: Equations, state: str) -> tuple[Run, ...]:
    """The label of a rail: the value of the step before."""
    return runs(Notation(equations).value(state, -1)) or (Run(state), Run("(t\u22121)", 1))


def _pieces(scene: Scene) -> Iterator[str]:
    """The circuit itself: every piece, the stubs at both borders, and the dots."""
    end = scene.width * scene.steps
    for state, y in scene.rails.items():
        matrix = scene.comes_by_matrices(state)
        yield from _drawn(((-MARGIN, y), (0.0, y)), "piece", matrix, head=False)
        yield from _drawn(((end, y), (end + MARGIN, y)), "piece", matrix, head=True)
    for step in range(scene.steps):
        for piece in scene.pieces:
            yield from _drawn(shifted(piece.line, scene.width * step), "piece", piece.matrix, head=piece.ends)
        for x, y in shifted(scene.dots, scene.width * step):
            yield f'<circle class="dot" cx="{_n(x)}" cy="{_n(y)}" r="{_n(_DOT)}"/>'


def _wires(scene: Scene, marks: Marks) -> Iterator[str]:
    """Every wire and exit from end to end, to be marked."""
    for step in range(scene.steps):
        for name in scene.ways:
            mark = marks.get((name, step))
            yield f'<g class="wire{f" {mark}" if mark else ""}" data-wire="{name}" data-step="{step}">'
            inner = name in scene.leaving and step < scene.steps - 1
            yield from _drawn(scene.polyline(name, step), "", False, head=not inner)
            yield "</g>"


def _drawn(line: Polyline, kind: str, matrix: bool, head: bool) -> Iterator[str]:
    """A line, and the head of its arrow."""
    extra = " matrix" if matrix else ""
    classes = f' class="{kind}{extra}"' if kind else ""
    yield f'<path{classes} d="{rounded(line, _HEAD[0] if head else 0.0)}"/>'
    if head:
        yield f'<path class="head{extra}" d="{_arrow(line)}"/>'


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


def _node(scene: Scene, equations: Equations, node: Node, step: int, prefix: str) -> Iterator[str]:
    box, x = scene.boxes[node.id], scene.boxes[node.id].x + step * scene.width
    classes = [node.kind.value]
    if node.carried:
        classes.append("carried")
    if node.variable is None:
        classes.append("inner")
    at = f'data-node="{node.id}" data-step="{step}"'
    yield f'<g id="{prefix}n-{node.id}-{step}" class="node {" ".join(classes)}" {at}>'
    yield _body(node, box, x)
    label, symbol = node_runs(equations, node, step), symbol_runs(node)
    if box.badge:
        yield f'<path class="badge" d="{_badge(node, box, x)}"/>'
    middle = x - box.width / 2 + box.badge / 2 if box.badge else x
    if node.symbol:
        size = symbol_size(symbol)
        extra = "badge-text" if box.badge else ""
        yield from _text(symbol, middle - width(symbol, size) / 2, box.y + size * 0.34, size, extra)
    size = label_size(node)
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
    style = "" if size == LABEL else f' style="font-size:{_n(size)}px"'
    yield f'<text{klass} x="{_n(x)}" y="{_n(y)}"{style}>{"".join(spans)}</text>'
    for start, own, run in accents:
        over = y - size * (0.8 if tall(run.text) else 0.58)
        if run.accent == ACCENTS["bar"]:
            yield f'<path class="accent" d="M{_n(start + own * 0.24)} {_n(over)}h{_n(own * 0.7)}"/>'
        else:
            yield f'<text x="{_n(start + own * 0.35)}" y="{_n(over + size * 0.62)}"{style}>{run.accent}</text>'


def geometry(scene: Scene) -> Mapping[str, Sequence[Sequence[float]]]:
    """The corners of every wire and exit in the step's own coordinates, for a page that animates them."""
    lines = {**scene.wires, **{exit_of(state): line for state, line in scene.exits.items()}}
    return {wire: tuple((round(x, 2), round(y, 2)) for x, y in line) for wire, line in lines.items()}


def _n(value: float) -> str:
    """A coordinate, short and the same on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
