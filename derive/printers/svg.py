"""A circuit as SVG: a fragment for a page, which gives the colours, or a picture that stands alone.

Every node has the id `n-<node>-<step>`. The circuit itself is drawn in pieces, each once. Over it lies every wire,
whole and hidden, as a group with `data-wire` and `data-step`: a page marks a way through the circuit by giving its
wires one of the classes `route`, `factor` or `known`, and the rest fades where the circuit itself has the class `dim`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from derive.circuit.model import Kind, Node
from derive.circuit.scene import MARGIN, Box, Marks, Polyline, Scene, exit_of, shifted
from derive.equations.model import Equations
from derive.printers.chart import label_size, node_runs, number, symbol_runs, symbol_size
from derive.printers.labels import Run, runs, width
from derive.printers.notation import Notation
from derive.printers.svg_parts import HEAD, arrow, own_style_sheet, rounded, text

_RIGHT, _TOP, _BOTTOM = 40.0, 26.0, 4.0
_RAIL = 11.0
_DOT = 2.2


def svg(scene: Scene, equations: Equations, prefix: str = "", marks: Marks | None = None) -> str:
    """The fragment; `prefix` begins all its ids, so that a page may hold several circuits."""
    return "\n".join(_lines(scene, equations, prefix, marks or {}, "")) + "\n"


def standalone(scene: Scene, equations: Equations, marks: Marks | None = None) -> str:
    """The picture in its own size, with its colours and their ground, light and dark as the reader's system wants."""
    style = f"<style>\n{own_style_sheet()}</style>"
    return "\n".join(_lines(scene, equations, "", marks or {}, style)) + "\n"


def _lines(scene: Scene, equations: Equations, prefix: str, marks: Marks, style: str) -> Iterator[str]:
    across, height = scene.width * scene.steps, scene.height
    labels = {state: _before(equations, state) for state in scene.rails}
    left = max((width(label, _RAIL) for label in labels.values()), default=0.0) + MARGIN + 10
    size = (left + across + _RIGHT, _TOP + height + _BOTTOM)
    view = " ".join(map(number, (-left, -_TOP, *size)))
    own_size = f'width="{number(size[0])}" height="{number(size[1])}" ' if style else ""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit{" dim" if marks else ""}" viewBox="{view}" '
        f'{own_size}role="img" aria-labelledby="{prefix}circuit-title {prefix}circuit-desc">'
    )
    yield f'<title id="{prefix}circuit-title">Circuit of {escape(equations.title or equations.name)}</title>'
    yield f'<desc id="{prefix}circuit-desc">{escape(description(scene))}</desc>'
    if style:
        yield style
        yield f'<rect class="ground" x="{number(-left)}" y="{number(-_TOP)}" width="100%" height="100%"/>'
    for step in range(scene.steps):
        x = step * scene.width
        place = f'x="{number(x + 3)}" y="0" width="{number(scene.width - 6)}" height="{number(height)}"'
        yield f'<rect class="panel" {place} rx="10"/>'
        name = f'<tspan font-style="italic">t</tspan>{f" + {step}" if step else ""}'
        yield f'<text class="title" x="{number(x + 14)}" y="-8">time step {name}</text>'
    yield from _pieces(scene)
    for state, y in scene.rails.items():
        yield from text(labels[state], -MARGIN - 4 - width(labels[state], _RAIL), y + 4, _RAIL, "")
        yield f'<text x="{number(across + 19)}" y="{number(y + 3)}">…</text>'
    # A picture that stands alone has no script that could mark a wire.
    yield from _wires(scene, marks, hidden=not style)
    lit = set(_lit(scene, marks))
    for step in range(scene.steps):
        for node in scene.diagram.nodes:
            yield from _node(scene, equations, node, step, prefix, (node.id, step) in lit)
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
            yield f'<circle class="dot" cx="{number(x)}" cy="{number(y)}" r="{number(_DOT)}"/>'


def _wires(scene: Scene, marks: Marks, *, hidden: bool) -> Iterator[str]:
    """Every wire and exit that is marked, from end to end; with `hidden` those too that a page may mark."""
    for step in range(scene.steps):
        for name in scene.ways:
            mark = marks.get((name, step))
            if not mark and not hidden:
                continue
            yield f'<g class="wire{f" {mark}" if mark else ""}" data-wire="{name}" data-step="{step}">'
            inner = name in scene.leaving and step < scene.steps - 1
            yield from _drawn(scene.polyline(name, step), "", False, head=not inner)
            yield "</g>"


def _lit(scene: Scene, marks: Marks) -> Iterator[tuple[str, int]]:
    """The nodes at the ends of marked wires, which do not fade."""
    for wire in scene.diagram.wires:
        for step in range(scene.steps):
            if (wire.id, step) in marks:
                yield wire.source, step - wire.lag
                yield wire.target, step


def _drawn(line: Polyline, kind: str, matrix: bool, head: bool) -> Iterator[str]:
    """A line, and the head of its arrow."""
    extra = " matrix" if matrix else ""
    classes = f' class="{kind}{extra}"' if kind else ""
    yield f'<path{classes} d="{rounded(line, HEAD[0] if head else 0.0)}"/>'
    if head:
        yield f'<path class="head{extra}" d="{arrow(line)}"/>'


def _node(scene: Scene, equations: Equations, node: Node, step: int, prefix: str, lit: bool) -> Iterator[str]:
    box, x = scene.boxes[node.id], scene.boxes[node.id].x + step * scene.width
    classes = [node.kind.value]
    if node.carried:
        classes.append("carried")
    if node.variable is None:
        classes.append("inner")
    if lit:
        classes.append("lit")
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
        yield from text(symbol, middle - width(symbol, size) / 2, box.y + size * 0.34, size, extra)
    size = label_size(node)
    start = x + box.badge / 2 - width(label, size) / 2
    yield from text(label, start, box.y + size * 0.36, size, "")
    yield "</g>"


def _corner(node: Node, box: Box) -> float:
    if node.kind in (Kind.SUM, Kind.INPUT):
        return 3.0
    return min(box.width, box.height, 24.0) / 2


def _body(node: Node, box: Box, x: float) -> str:
    if node.kind is Kind.LOSS or (node.variable is None and box.width == box.height):
        return f'<circle class="body" cx="{number(x)}" cy="{number(box.y)}" r="{number(box.width / 2)}"/>'
    return (
        f'<rect class="body" x="{number(x - box.width / 2)}" y="{number(box.top)}" width="{number(box.width)}" '
        f'height="{number(box.height)}" rx="{number(_corner(node, box))}"/>'
    )


def _badge(node: Node, box: Box, x: float) -> str:
    """The left end of a node, with its corners."""
    corner, edge = _corner(node, box), x - box.width / 2
    radius, left, inner, right = (number(value) for value in (corner, edge, edge + corner, edge + box.badge))
    top, upper, lower, bottom = (
        number(value) for value in (box.top, box.top + corner, box.bottom - corner, box.bottom)
    )
    return (
        f"M{right} {top}H{inner}A{radius} {radius} 0 0 0 {left} {upper}"
        f"V{lower}A{radius} {radius} 0 0 0 {inner} {bottom}H{right}Z"
    )


def geometry(scene: Scene) -> Mapping[str, Sequence[Sequence[float]]]:
    """The corners of every wire and exit in the step's own coordinates, for a page that animates them."""
    lines = {**scene.wires, **{exit_of(state): line for state, line in scene.exits.items()}}
    return {wire: tuple((round(x, 2), round(y, 2)) for x, y in line) for wire, line in lines.items()}
