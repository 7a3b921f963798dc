"""The plots of sections on errors: SVG from matplotlib, the same bytes for the same numbers, without its fonts.

Colours are CSS variables of the page that a plot stands in, light or dark. The background is transparent. Coordinates
are taken from 50-digit numbers and rounded before matplotlib sees them.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath

from derive.errors import DeriveError
from derive.explain.digits import percent, significant
from derive.explain.forgotten import Forgotten
from derive.explain.travel import Curves
from derive.graph import Graph
from derive.printers.text import RouteText
from derive.proof.interpreter import Scalar
from derive.routes import Route

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("ink", "muted", "grid", "own", "highway", "first", "second", "third", "fourth")
"""The names of the colours, which the style of a page sets: --plot-ink and so on."""

LOWEST, HIGHEST = -8, 3
"""Powers of ten between which norms are drawn; what falls below is as good as gone."""

# What matplotlib, which knows no variables of CSS, takes for the colours.
_STAND_INS = {name: f"#f{index:05x}" for index, name in enumerate(_COLOURS)}
_SERIES = ("first", "second", "third", "fourth")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POINTS = 72.0


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of norms over the distance: its label, colour and dashes."""

    label: str
    norms: Sequence[Scalar]
    colour: str
    dashed: bool = False


def travel_plot(curves: Curves, beside: Curves | None) -> str:
    """How far errors travel in one state: all routes, the highway alone, the bound by norms, and another cell beside.

    Returns an `<svg>` element. Raises DeriveError where matplotlib is not installed.
    """
    lines = [Line(f"{curves.state}: all routes", curves.block, "own")]
    if curves.highway is not None:
        lines.append(Line("highway alone", curves.highway, "highway"))
    lines.append(Line("bound by norms", curves.by_jacobians, "muted", dashed=True))
    if beside is not None and (beside.cell, beside.state) != (curves.cell, curves.state):
        lines.append(Line("simple RNN", beside.block, "ink"))
    title = f"How far errors travel in the state {curves.state} of {curves.label}"
    return _norms(lines, title)


def comparison_plot(curves: Sequence[Curves]) -> str:
    """The simple network with its bound Π ‖W‖ max|g'|, and LSTMs by forget gate: all routes, dashed the highway alone.

    `curves` are those of `travel.comparison`, the simple network first. Returns an `<svg>` element. Raises DeriveError
    where matplotlib is not installed.
    """
    simple, *gated = curves
    lines = [
        Line("simple RNN", simple.block, "ink"),
        Line("simple RNN: bound", simple.by_factors, "muted", dashed=True),
    ]
    for item, colour in zip(gated, _SERIES, strict=True):
        lines.append(Line(item.label, item.block, colour))
        if item.highway is not None:
            lines.append(Line("", item.highway, colour, dashed=True))
    return _norms(lines, "How far errors travel: a simple network, and LSTMs by their forget gates")


def forgotten_plot(graph: Graph, rows: Sequence[Forgotten]) -> str:
    """The relative error of the gradient when one route is left out, a bar a route, state by state.

    Returns an `<svg>` element. Raises DeriveError where matplotlib is not installed, and where there are no `rows`.
    """
    if not rows:
        raise DeriveError(f"{graph.equations.name} has no states: there is no route of theirs to leave out")
    text = RouteText(graph)
    routes = [text.route(Route((row.hop,), (row.state, 0))) for row in rows]
    errors = [round(float(100 * row.error), 4) for row in rows]
    described = "; ".join(f"{route}: {percent(row.error)} %" for route, row in zip(routes, rows, strict=True))
    with _own_settings():
        # The labels' width is reckoned by their letters, see `_figure`.
        widest = max(len(route) for route in routes)
        figure, axes = _figure(height=0.75 + 0.24 * len(rows), left=0.25 + 0.075 * widest, right=0.6)
        places = range(len(rows))
        axes.barh(places, errors, height=0.62, color=_STAND_INS["own"])
        for place, row in zip(places, rows, strict=True):
            axes.annotate(
                f"{percent(row.error)} %",
                (errors[place], place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                color=_STAND_INS["ink"],
            )
        axes.set_yticks(places, routes)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, max(errors, default=0.0) * 1.02 or 1.0)
        axes.set_xlabel("error of the gradient without this route, per cent")
        axes.grid(axis="x", color=_STAND_INS["grid"], lw=0.7)
        axes.tick_params(axis="y", length=0)
        return _svg(figure, f"What a forgotten route costs in {graph.equations.name}", described)


def _norms(lines: Sequence[Line], title: str) -> str:
    """Norms over the distance, on a logarithmic scale, with labels beside the ends of the lines."""
    steps = len(lines[0].norms) - 1
    drawn = [(line, [_power_of_ten(norm) for norm in line.norms]) for line in lines]
    highest = min(HIGHEST, max(1, *(int(mpmath.ceil(max(powers))) for _, powers in drawn)))
    described = "; ".join(
        f"{line.label}: {_spoken(line.norms[-1])} after {steps} steps" for line in lines if line.label
    )
    with _own_settings():
        figure, axes = _figure(height=3.4, left=0.75, right=1.75)
        for line, powers in drawn:
            style = (0, (4, 2.5)) if line.dashed else "solid"
            axes.plot(
                range(len(powers)), powers, color=_STAND_INS[line.colour], lw=1.1 if line.dashed else 1.7, ls=style
            )
        axes.set_xlim(0, steps)
        axes.set_ylim(LOWEST, highest)
        ticks = range(LOWEST, highest + 1, 2 if highest - LOWEST > 6 else 1)
        axes.set_yticks(ticks, [f"10{str(power).translate(_SUPERSCRIPTS)}" for power in ticks])
        axes.set_xlabel("distance t - s")
        axes.set_ylabel("norm of what is left")
        axes.grid(color=_STAND_INS["grid"], lw=0.7)
        _label_ends(axes, [(line, powers) for line, powers in drawn if line.label], highest)
        return _svg(figure, title, described)


def _label_ends(axes: Axes, drawn: Sequence[tuple[Line, Sequence[float]]], highest: int) -> None:
    """A label at the right end of each line, moved apart where two would overlap; or where it leaves at the bottom."""
    leaving = [(_last_above(powers, LOWEST), line, powers) for line, powers in drawn if powers[-1] < LOWEST]
    for order, (last, line, powers) in enumerate(sorted(leaving, key=lambda item: item[0])):
        # The first one has the corner below it to itself; others stand on the right of where they leave.
        corner = _last_above(powers, LOWEST + (highest - LOWEST) / 11)
        left = order == 0 and 3 * corner > len(powers)
        axes.annotate(
            line.label,
            (corner if left else last + 1, LOWEST),
            xytext=(-4 if left else 6, 6),
            textcoords="offset points",
            ha="right" if left else "left",
            color=_STAND_INS[line.colour],
        )
    staying = sorted(
        (min(powers[-1], highest), line.label, line.colour) for line, powers in drawn if powers[-1] >= LOWEST
    )
    places = _apart([place for place, _, _ in staying], (highest - LOWEST) / 18, highest)
    for place, (_, label, colour) in zip(places, staying, strict=True):
        axes.annotate(
            label,
            (1, round(place, 4)),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=_STAND_INS[colour],
            annotation_clip=False,
        )


def _apart(places: Sequence[float], gap: float, highest: float) -> list[float]:
    """Ascending places pushed up until they are `gap` apart, and down again where that led over `highest`."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    ceiling = highest
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def _last_above(powers: Sequence[float], bound: float) -> int:
    """The last step before a line first falls below `bound`."""
    return next((step for step, power in enumerate(powers) if power < bound), len(powers)) - 1


def _power_of_ten(norm: Scalar) -> float:
    """log10 of a norm, rounded; far below the axis where it is 0."""
    return round(float(mpmath.log10(norm)), 4) if norm else 10.0 * LOWEST


def _spoken(norm: Scalar) -> str:
    return "nothing" if norm < mpmath.mpf(10) ** LOWEST else significant(norm)


@contextmanager
def _own_settings() -> Iterator[None]:
    """The settings of these plots, and matplotlib's defaults, whatever the reader's own say."""
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError as error:
        raise DeriveError('a plot needs matplotlib, which is not installed: pip install "derive[docs]"') from error
    settings: dict[Any, Any] = {"svg.hashsalt": "derive", "svg.fonttype": "none", "font.size": 9.5}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def _figure(height: float, left: float, right: float) -> tuple[Figure, Axes]:
    """A figure 6.4 inches wide with fixed margins in inches: a layout that measured fonts would differ by machine."""
    from matplotlib.figure import Figure

    width, bottom, top = 6.4, 0.5, 0.12
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_STAND_INS["muted"])
    axes.set_axisbelow(True)
    axes.tick_params(colors=_STAND_INS["muted"], labelcolor=_STAND_INS["ink"], labelsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(_STAND_INS["ink"])
    return figure, axes


def _svg(figure: Figure, title: str, described: str) -> str:
    """The figure as an element that can stand in a page: no prolog, no style sheet, no names that others could have."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    inner = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    inner = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", inner, flags=re.DOTALL)
    inner = re.sub(r"font-family: [^;\"]+", "font-family: sans-serif", inner)
    referred = set(re.findall(r"#([\w-]+)", inner))
    inner = re.sub(r' id="([^"]+)"', lambda match: match.group(0) if match.group(1) in referred else "", inner)
    inner = re.sub(r"xlink:href", "href", inner)
    inner = re.sub(r"\n\s*", "\n", inner)
    for name, stand_in in _STAND_INS.items():
        inner = inner.replace(stand_in, f"var(--plot-{name})")
    width, height = (size * _POINTS for size in figure.get_size_inches())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" class="plot"'
        f' style="stroke-linejoin: round; stroke-linecap: butt">\n<title>{html.escape(title)}</title>\n'
        f"<desc>{html.escape(described)}</desc>{inner}</svg>\n"
    )
