"""A figure of discs, plates and curves as SVG, in the colours of the circuits."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from derive.circuit.figure import Caption, Curve, Disc, Figure, Form, Item, Name, Plate
from derive.circuit.model import Kind
from derive.equations.model import Equations
from derive.graph import LOSS
from derive.printers.chart import number
from derive.printers.labels import Run, runs, width
from derive.printers.notation import ADJOINT_COLOUR, Notation
from derive.printers.svg_parts import arrow, pair, text

_SIZE, _LOSS = 13.0, 10.0
_SPACE = 5.0


def figure_svg(figure: Figure, equations: Equations, prefix: str = "figure-") -> str:
    """The picture, in a page that has its colours; `prefix` begins its ids."""
    view = (figure.left, figure.top, figure.right - figure.left, figure.bottom - figure.top)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit" viewBox="{" ".join(map(number, view))}" role="img" '
        f'aria-labelledby="{prefix}title">',
        f'<title id="{prefix}title">{escape(figure.title)}</title>',
    ]
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
    value = notation.value(name.name, name.offset)
    if name.form is Form.ERROR:
        loss = f"{LOSS}^{{({notation.step(name.offset)})}}"
        return rf"\textcolor{{{ADJOINT_COLOUR}}}{{\partial^{{+}} {loss} / \partial {value}}}"
    return notation.adjoint(name.name, name.offset) if name.form is Form.ADJOINT else value


def _name_runs(equations: Equations, name: Name) -> tuple[Run, ...]:
    value = runs(name_latex(equations, Name(name.name, name.offset))) or (Run(name.name),)
    match name.form:
        case Form.ADJOINT:
            return Run("\U0001d6ff"), *value
        case Form.ERROR:
            loss = runs(name_latex(equations, Name(LOSS, name.offset))) or ()
            return Run("\u2202"), Run("+", 1), *loss, Run("/\u2202"), *value
    return value


def _item(item: Item, equations: Equations) -> Iterator[str]:
    match item:
        case Disc():
            carried = " carried" if item.carried else ""
            yield f'<g class="node {item.kind}{carried}">'
            yield f'<circle class="body" cx="{number(item.x)}" cy="{number(item.y)}" r="{number(item.radius)}"/>'
            label = runs(rf"\mathrm{{{item.symbol}}}") if item.symbol else _first(equations, item.names)
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
            yield from _centred(_first(equations, item.names), item.x, item.y, _SIZE)
            yield "</g>"
        case Curve():
            yield from _curve(item)
        case Caption():
            yield from _caption(item, equations)


def _caption(caption: Caption, equations: Equations) -> Iterator[str]:
    """Names beside one another: each is placed by itself, so that the widths, which are estimates, do not add up."""
    labels = [_name_runs(equations, name) for name in caption.names]
    labels[:-1] = [(*label, Run(",")) for label in labels[:-1]]
    widths = [width(label, _SIZE) + _SPACE for label in labels]
    x = caption.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[caption.anchor] * (sum(widths) - _SPACE)
    for name, label, own in zip(caption.names, labels, widths, strict=True):
        yield from text(label, x, caption.y, _SIZE, "" if name.form is Form.VALUE else "adjoint")
        x += own


def _first(equations: Equations, names: tuple[Name, ...]) -> tuple[Run, ...]:
    """The label of a shape, which holds one name."""
    return _name_runs(equations, names[0]) if names else ()


def _centred(label: tuple[Run, ...], x: float, y: float, size: float) -> Iterator[str]:
    yield from text(label, x - width(label, size) / 2, y + size * 0.36, size, "")


def _curve(curve: Curve) -> Iterator[str]:
    first, *rest = curve.points
    path = f"M{pair(first)}{'C' if len(rest) == 3 else 'L'}{' '.join(pair(point) for point in rest)}"
    yield f'<path class="curve {curve.style}" d="{path}"/>'
    if curve.head:
        yield f'<path class="curve-head {curve.style}" d="{arrow(curve.points[-2:])}"/>'
