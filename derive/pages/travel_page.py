"""The page on how far errors travel: a simple network beside forget gates, and every route of one state in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from derive.cell import Cell
from derive.equations import load
from derive.explain.digits import latex_digits
from derive.explain.layouts import Statement, statement
from derive.explain.plots import comparison_plot
from derive.explain.travel import SIZE, Curves, comparison
from derive.explain.worked import Number, Worked, worked
from derive.pages.figures import plot
from derive.pages.html import page
from derive.pages.links import Site
from derive.printers.latex_equations import symbol
from derive.proof.interpreter import Scalar

DISTANCES = (1, 10, 30)
"""The distances at which the table reads the curves."""

SIMPLE, GATED, WORKED = "rnn", "lstm", "lstm_peephole"
"""The cells of the page: the two that are compared, and that of the numbers."""

WORKED_STATE = "c"


@dataclass(frozen=True, slots=True)
class Reading:
    """A curve at one distance: all routes, the highway alone (empty where there is none), the bound; in LaTeX."""

    left: str
    highway: str
    bound: str


@dataclass(frozen=True, slots=True)
class CurveRow:
    """A curve of the plot: its label, its state in LaTeX, and a reading for each of the `DISTANCES`."""

    label: str
    state: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route in numbers: its places, its factors with their values, and its product; formulas are LaTeX."""

    number: int
    nodes: tuple[str, ...]
    factors: tuple[str, ...]
    product: str


@dataclass(frozen=True, slots=True)
class WorkedView:
    """Every route of one state in numbers; `sums` are what agrees, each with its name, formulas between dollars."""

    cell: str
    state: str
    given: tuple[str, ...]
    values: tuple[str, ...]
    rows: tuple[RouteRow, ...]
    sums: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TravelPage:
    """Everything that the template lays out; the curve of the simple network is the first of `rows`."""

    picture: Markup
    distances: tuple[int, ...]
    size: int
    rows: tuple[CurveRow, ...]
    simple: Statement
    gated: Statement
    worked: WorkedView

    @property
    def left(self) -> tuple[Reading, ...]:
        """The readings of all curves at the largest distance."""
        return tuple(row.readings[-1] for row in self.rows)


def travel_page(site: Site) -> str:
    """The page, the same bytes each time. Raises DeriveError where matplotlib is not installed."""
    return page("travel.html.j2", travel=travel_view(comparison()), site=site)


def travel_view(curves: Sequence[Curves]) -> TravelPage:
    """What the page shows of `curves`, those of `comparison`; they reach as far as the last of `DISTANCES`."""
    simple, gated, peephole = (Cell(load(name)) for name in (SIMPLE, GATED, WORKED))
    network, *others = curves
    return TravelPage(
        picture=plot(comparison_plot(curves), "comparison"),
        distances=DISTANCES,
        size=SIZE,
        rows=(_row(simple, network, "Simple RNN"), *(_row(gated, item, item.label) for item in others)),
        simple=statement(simple.graph, network.state),
        gated=statement(gated.graph, others[0].state),
        worked=_worked(peephole, worked(peephole.gradients, WORKED_STATE)),
    )


def _row(cell: Cell, curves: Curves, label: str) -> CurveRow:
    return CurveRow(label, symbol(cell.graph, curves.state, None), tuple(_reading(curves, at) for at in DISTANCES))


def _reading(curves: Curves, distance: int) -> Reading:
    return Reading(
        left=latex_digits(curves.block[distance]),
        highway=latex_digits(curves.highway[distance]) if curves.highway else "",
        bound=latex_digits(curves.by_factors[distance]),
    )


def _worked(cell: Cell, example: Worked) -> WorkedView:
    return WorkedView(
        cell=cell.equations.title or cell.name,
        state=symbol(cell.graph, example.name, None),
        given=tuple(_equals(number) for number in example.given),
        values=tuple(_equals(number) for number in example.values),
        rows=tuple(
            RouteRow(
                route.number, route.nodes, tuple(_equals(factor) for factor in route.factors), _fixed(route.product)
            )
            for route in example.routes
        ),
        sums=(
            (f"Sum of the {example.count} routes", _fixed(example.total)),
            (f"${example.adjoint}$ by the derived recursion", _fixed(example.derived)),
            ("Central difference quotient of $J$", _fixed(example.difference)),
        ),
    )


def _equals(number: Number) -> str:
    # In braces a minus is a sign, and stands close to its number.
    return f"{number.latex} = {{{latex_digits(number.value, 3)}}}"


def _fixed(value: Scalar) -> str:
    """Eight decimals, so that a column of such numbers can be added up."""
    return f"{float(value):.8f}"
