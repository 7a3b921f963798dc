r"""A circuit as a TikZ picture: the scene of the SVG with labels in LaTeX.

It needs the packages amsmath, xcolor and tikz, with the TikZ library arrows.meta. Colours are defined in the picture's
own group; `\resizebox` makes it as wide as the line.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from derive.circuit.model import Kind, Node
from derive.circuit.scene import MARGIN, Box, Marks, Polyline, Scene, shifted, straightened
from derive.equations.model import Equations
from derive.printers.chart import WORD, node_latex, number, symbol_runs, symbol_size
from derive.printers.notation import Notation

COLOURS = {
    "ink": "1E2235",
    "panel": "F4F3EC",
    "wire": "7D8699",
    "matrix": "4A77B4",
    "sum": "5B82BD",
    "sumfill": "E8EEF8",
    "gate": "2F8F74",
    "gatefill": "E3F3EE",
    "function": "B9832A",
    "functionfill": "FCF0DD",
    "operator": "4F566B",
    "operatorfill": "FFFFFF",
    "input": "4F566B",
    "inputfill": "FFFFFF",
    "loss": "C9403A",
    "lossfill": "FDECEB",
    "route": "7A2BDC",
    "factor": "B07A1E",
    "known": "A67AE0",
}

UNIT = 0.74
_RADIUS = 4.0
STYLES = ", ".join(
    (
        r"every node/.style={inner sep=0pt, outer sep=0pt, font=\small, text=circuitink}",
        "piece/.style={circuitwire, line width=0.6bp}",
        "matrix/.style={circuitmatrix}",
        "head/.style={-{Stealth[length=5bp, width=4bp]}}",
        "route/.style={circuitroute, line width=1.8bp}",
        "factor/.style={circuitfactor, line width=1.4bp}",
        "known/.style={circuitknown, line width=1bp, dashed}",
    )
)


def tikz(scene: Scene, equations: Equations, marks: Marks | None = None) -> str:
    """The picture, as wide as the text; `marks` draws some of its wires in colour."""
    return "\n".join(_lines(scene, equations, marks or {})) + "\n"


def colour_definitions(colours: Iterable[str] = COLOURS) -> Iterator[str]:
    """The lines that define the colours of circuits."""
    for name in colours:
        yield rf"\definecolor{{circuit{name}}}{{HTML}}{{{COLOURS[name]}}}%"


def _lines(scene: Scene, equations: Equations, marks: Marks) -> Iterator[str]:
    yield r"\begingroup"
    yield from colour_definitions()
    yield r"\resizebox{\linewidth}{!}{%"
    yield rf"\begin{{tikzpicture}}[x={UNIT}bp, y=-{UNIT}bp, {STYLES}]"
    notation = Notation(equations)
    for step in range(scene.steps):
        x = scene.width * step
        corners = f"{at(x + 3, 0)} rectangle {at(x + scene.width - 3, scene.height)}"
        yield rf"\fill[circuitpanel, rounded corners=6bp] {corners};"
        yield rf"\node[anchor=south west, circuitoperator] at {at(x + 10, -4)} {{time step ${_step(step)}$}};"
    yield from _rails(scene, notation)
    for step in range(scene.steps):
        for piece in scene.pieces:
            options = "piece" + (", matrix" if piece.matrix else "") + (", head" if piece.ends else "")
            yield _drawn(shifted(piece.line, scene.width * step), options)
        for dot in shifted(scene.dots, scene.width * step):
            yield rf"\fill[circuitwire] {at(*dot)} circle[radius=1.6bp];"
    for (name, step), mark in marks.items():
        inner = name in scene.leaving and step < scene.steps - 1
        yield _drawn(scene.polyline(name, step), mark if inner else f"{mark}, head")
    for step in range(scene.steps):
        for node in scene.diagram.nodes:
            yield from _node(scene, equations, node, step)
    yield r"\end{tikzpicture}}%"
    yield r"\endgroup"


def _step(step: int) -> str:
    return f"t+{step}" if step else "t"


def _rails(scene: Scene, notation: Notation) -> Iterator[str]:
    end = scene.width * scene.steps
    for state, y in scene.rails.items():
        blue = ", matrix" if scene.comes_by_matrices(state) else ""
        yield rf"\node[anchor=east] at {at(-MARGIN - 4, y)} {{${notation.value(state, -1)}$}};"
        yield rf"\draw[piece{blue}] {at(-MARGIN, y)} -- {at(0, y)};"
        yield rf"\draw[piece{blue}, head] {at(end, y)} -- {at(end + MARGIN, y)};"
        yield rf"\node[anchor=west] at {at(end + MARGIN + 4, y)} {{$\cdots$}};"


def _drawn(line: Polyline, options: str) -> str:
    points = straightened(line)
    if len(points) > 2:
        # A corner cannot be rounder than half of the shortest run beside it.
        shortest = min(abs(a - c) + abs(b - d) for (a, b), (c, d) in itertools.pairwise(points))
        options += f", rounded corners={number(min(_RADIUS, shortest * UNIT / 2))}bp"
    return rf"\draw[{options}] {' -- '.join(at(*point) for point in points)};"


def _node(scene: Scene, equations: Equations, node: Node, step: int) -> Iterator[str]:
    box, kind = scene.boxes[node.id], node.kind.value
    x = box.x + scene.width * step
    border = "circuitink, line width=1.2bp" if node.carried else f"circuit{kind}, line width=0.6bp"
    fill = f"circuit{kind}fill" if node.variable or node.kind is Kind.LOSS else "circuitoperatorfill"
    shape = _shape(node, box, x)
    yield rf"\fill[{fill}] {shape};"
    if box.badge:
        badge = "circuitink" if node.carried and node.kind is Kind.OPERATOR else f"circuit{kind}"
        corner = (
            rf"{at(x - box.width / 2 - 1, box.top - 1)} rectangle {at(x - box.width / 2 + box.badge, box.bottom + 1)}"
        )
        yield rf"\begin{{scope}}\clip {shape}; \fill[{badge}] {corner};\end{{scope}}"
    yield rf"\draw[{border}] {shape};"
    if node.symbol:
        middle = x - box.width / 2 + box.badge / 2 if box.badge else x
        size = r"\fontsize{5.5}{6}\selectfont" if symbol_size(symbol_runs(node)) == WORD else r"\scriptsize"
        colour = ", text=white" if box.badge else ""
        yield rf"\node[font={size}{colour}] at {at(middle, box.y)} {{${node.symbol}$}};"
    label = node_latex(equations, node, step)
    if label:
        style = r"[font=\tiny, text=circuitloss]" if node.kind is Kind.LOSS else ""
        yield rf"\node{style} at {at(x + box.badge / 2, box.y)} {{${label}$}};"


def _shape(node: Node, box: Box, x: float) -> str:
    """The outline of a node as a path."""
    if node.kind is Kind.LOSS or (node.variable is None and box.width == box.height):
        return rf"{at(x, box.y)} circle[radius={number(box.width / 2 * UNIT)}bp]"
    corner = 2.0 if node.kind in (Kind.SUM, Kind.INPUT) else min(box.width, box.height, 24.0) / 2 * UNIT - 0.01
    first, second = at(x - box.width / 2, box.top), at(x + box.width / 2, box.bottom)
    return rf"[rounded corners={number(corner)}bp] {first} rectangle {second} [sharp corners]"


def at(x: float, y: float) -> str:
    """A point of a picture."""
    return f"({number(x)},{number(y)})"
