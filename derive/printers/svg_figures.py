"""A figure of discs, plates and curves as SVG, in the colours of the circuits."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from derive.circuit.figure import Caption, Curve, Disc, Figure, Item, Name, Plate
from derive.circuit.model import Kind
from derive.equations.model import Equations
from derive.graph import LOSS
from derive.printers.labels import Run, runs, width
from derive.printers.notation import Notation
from derive.printers.svg_parts import arrow, number, pair, style_sheet, text

_SIZE, _LOSS = 13.0, 10.0


def figure_svg(figure: Figure, equations: Equations, prefix: str = "figure-", *, alone: bool = False) -> str:
    """The picture; `prefix` begins its ids. `alone` gives it its colours, which else the page has."""
    view = (figure.left, figure.top, figure.right - figure.left, figure.bottom - figure.top)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit" viewBox="{" ".join(map(number, view))}" role="img" '
        f'aria-labelledby="{prefix}title">',
        f'<title id="{prefix}title">{escape(figure.title)}</title>',
    ]
    if alone:
        lines.append(f"<style>\n{style_sheet()}</style>")
    for item in figure.items:
        lines.extend(_item(item, equations))
    return "\n".join([*lines, "</svg>"]) + "\n"


def name_latex(equations: Equations, name: Name) -> str:
    """A name of a figure; "" at an offset is the step alone, and `J` the loss."""
    notation = Notation(equations)
    if not name.name:
        return notation.step(name.offset)
    if name.name == LOSS:
        return f"{LOSS}^{{({notation.step(name.offset)})}}"
    return notation.adjoint(name.name, name.offset) if name.adjoint else notation.value(name.name, name.offset)


def _name_runs(equations: Equations, name: Name) -> tuple[Run, ...]:
    plain = Name(name.name, name.offset)
    found = runs(name_latex(equations, plain)) or (Run(name.name),)
    return (Run("\U0001d6ff"), *found) if name.adjoint else found


def _joined(equations: Equations, names: tuple[Name, ...]) -> tuple[Run, ...]:
    joined: list[Run] = []
    for name in names:
        joined += [*([Run(", ")] if joined else []), *_name_runs(equations, name)]
    return tuple(joined)


def _item(item: Item, equations: Equations) -> Iterator[str]:
    match item:
        case Disc():
            carried = " carried" if item.carried else ""
            yield f'<g class="node {item.kind}{carried}">'
            yield f'<circle class="body" cx="{number(item.x)}" cy="{number(item.y)}" r="{number(item.radius)}"/>'
            label = runs(rf"\mathrm{{{item.symbol}}}") if item.symbol else _joined(equations, item.names)
            size = _LOSS if item.kind == Kind.LOSS.value or (item.symbol and len(item.symbol) > 5) else _SIZE
            yield from _centred(label or (Run(item.symbol),), item.x, item.y, size)
            yield "</g>"
        case Plate():
            corner = (item.x - item.width / 2, item.y - item.height / 2)
            yield f'<g class="node {item.kind}">'
            yield (
                f'<rect class="body" x="{number(corner[0])}" y="{number(corner[1])}" width="{number(item.width)}" '
                f'height="{number(item.height)}" rx="8"/>'
            )
            yield from _centred(_joined(equations, item.names), item.x, item.y, _SIZE)
            yield "</g>"
        case Curve():
            yield from _curve(item)
        case Caption():
            label = _joined(equations, item.names)
            share = {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor]
            adjoint = "adjoint" if any(name.adjoint for name in item.names) else ""
            yield from text(label, item.x - share * width(label, _SIZE), item.y, _SIZE, adjoint)


def _centred(label: tuple[Run, ...], x: float, y: float, size: float) -> Iterator[str]:
    yield from text(label, x - width(label, size) / 2, y + size * 0.36, size, "")


def _curve(curve: Curve) -> Iterator[str]:
    first, *rest = curve.points
    path = f"M{pair(first)}{'C' if len(rest) == 3 else 'L'}{' '.join(pair(point) for point in rest)}"
    yield f'<path class="curve {curve.style}" d="{path}"/>'
    if curve.head:
        yield f'<path class="curve-head {curve.style}" d="{arrow(curve.points[-2:])}"/>'
