"""A figure of discs, plates and curves as a TikZ picture."""

from __future__ import annotations

from collections.abc import Iterator

from derive.circuit.figure import Caption, Curve, Disc, Figure, Item, Name, Plate
from derive.circuit.model import Kind
from derive.equations.model import Equations
from derive.printers.chart import number
from derive.printers.svg_figures import name_latex
from derive.printers.tikz import STYLES, UNIT, at, colour_definitions

_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
_CURVES = {
    "strong": "circuitink, line width=0.8bp",
    "plain": "circuitwire, line width=0.6bp",
    "peephole": "circuitmatrix, line width=0.8bp",
    "before": "circuitmatrix, line width=0.8bp, dashed",
    "error": "circuitroute, line width=0.8bp, dashed",
}


def figure_tikz(figure: Figure, equations: Equations, width: float | None = None) -> str:
    """The picture in its own size; as wide as the line where that is wider than `width` in points of print."""
    fitted = width is not None and (figure.right - figure.left) * UNIT > width
    lines = [r"\begingroup", *colour_definitions(), *([r"\resizebox{\linewidth}{!}{%"] if fitted else [])]
    lines.append(rf"\begin{{tikzpicture}}[x={UNIT}bp, y=-{UNIT}bp, {STYLES}]")
    for item in figure.items:
        lines.extend(_item(item, equations))
    return "\n".join([*lines, r"\end{tikzpicture}" + ("}%" if fitted else "%"), r"\endgroup"]) + "\n"


def _item(item: Item, equations: Equations) -> Iterator[str]:
    match item:
        case Disc():
            border = "circuitink, line width=1.2bp" if item.carried else f"circuit{item.kind}, line width=0.6bp"
            size = number(item.radius * UNIT)
            yield rf"\filldraw[{border}, fill=circuit{item.kind}fill] {at(item.x, item.y)} circle[radius={size}bp];"
            label = item.symbol or _joined(equations, item.names)
            small = r"[font=\tiny, text=circuitloss]" if item.kind == Kind.LOSS.value else ""
            small = r"[font=\scriptsize]" if item.symbol else small
            if label:
                yield rf"\node{small} at {at(item.x, item.y)} {{${label}$}};"
        case Plate():
            left, top = item.x - item.width / 2, item.y - item.height / 2
            corners = f"{at(left, top)} rectangle {at(left + item.width, top + item.height)}"
            yield (
                rf"\filldraw[circuit{item.kind}, fill=circuit{item.kind}fill, line width=0.6bp, "
                rf"rounded corners=4bp] {corners};"
            )
            yield rf"\node at {at(item.x, item.y)} {{${_joined(equations, item.names)}$}};"
        case Curve(points, style, head):
            arrow = ", head" if head else ""
            if len(points) == 4:
                first, second, third, last = (at(*point) for point in points)
                yield rf"\draw[{_CURVES[style]}{arrow}] {first} .. controls {second} and {third} .. {last};"
            else:
                yield rf"\draw[{_CURVES[style]}{arrow}] {' -- '.join(at(*point) for point in points)};"
        case Caption(x, y, names, anchor):
            yield rf"\node[anchor={_ANCHORS[anchor]}] at {at(x, y)} {{${_joined(equations, names)}$}};"


def _joined(equations: Equations, names: tuple[Name, ...]) -> str:
    return r",\ ".join(name_latex(equations, name) for name in names)
