"""The sections of a page that are computed: what a forgotten route costs, and how far errors travel."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from derive.explain.digits import latex_digits, percent
from derive.explain.forgotten import SIZE, STEPS, Forgotten, forgotten
from derive.explain.layouts import Layout, Statement, statement
from derive.explain.plots import forgotten_plot, travel_plot
from derive.explain.travel import Curves, simple_network, travel
from derive.gradients import Gradients
from derive.graph import Graph
from derive.pages.figures import plot
from derive.printers.latex_equations import symbol
from derive.printers.latex_routes import node
from derive.printers.sentences import occurrence

FEW = 2
"""Terms of a sum that show how the others go."""


@dataclass(frozen=True, slots=True)
class ForgottenRow:
    """One route of a state and what it costs to leave it out; formulas are LaTeX, `error` is in per cent."""

    state: str
    number: int
    source: str
    target: str
    occurrence: str
    term: str
    error: str


@dataclass(frozen=True, slots=True)
class ForgottenView:
    """The section on forgotten routes: at a sequence of `steps` steps, with `size` units."""

    rows: tuple[ForgottenRow, ...]
    picture: Markup
    steps: int
    size: int


@dataclass(frozen=True, slots=True)
class TravelView:
    """How far errors travel in one state: the statement in both layouts, the plot, what is left in the end."""

    name: str
    symbol: str
    statement: Statement
    picture: Markup
    steps: int
    left: str
    bound: str
    beside: str

    @property
    def layouts(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """The own block by its terms in each of the statement's layouts: name of the layout, block, terms.

        Every term of the numerator layout is the transpose of one of the denominator layout: the first few show how.
        """
        block = self.statement.denominator.step.partition(" = ")[0]
        return tuple((name.capitalize(), block, self._shown(layout)) for name, layout in self.statement.layouts)

    def _shown(self, layout: Layout) -> tuple[str, ...]:
        if layout is self.statement.numerator and len(layout.terms) > FEW:
            return (*layout.terms[:FEW], r"\cdots")
        return layout.terms


def forgotten_view(gradients: Gradients) -> ForgottenView | None:
    """What each first hop of each state costs when it is left out; None for a cell without states."""
    graph = gradients.graph
    if not graph.equations.states:
        return None
    rows = forgotten(gradients)
    picture = plot(forgotten_plot(graph, rows), "forgotten")
    return ForgottenView(tuple(_row(graph, row) for row in rows), picture, STEPS, SIZE)


def travel_views(gradients: Gradients) -> tuple[TravelView, ...]:
    """How far errors travel in every state of a cell, beside a simple recurrent network."""
    if not gradients.graph.equations.states:
        return ()
    return tuple(_travelled(gradients.graph, curves) for curves in travel(gradients))


def _row(graph: Graph, row: Forgotten) -> ForgottenRow:
    hop = row.hop
    return ForgottenRow(
        state=row.state,
        number=row.number,
        source=node(graph, row.state, 0),
        target=node(graph, hop.target, hop.lag),
        occurrence=occurrence(hop),
        term=row.term.signed,
        error=percent(row.error),
    )


def _travelled(graph: Graph, curves: Curves) -> TravelView:
    beside = simple_network()
    return TravelView(
        name=curves.state,
        symbol=symbol(graph, curves.state, None),
        statement=statement(graph, curves.state),
        picture=plot(travel_plot(curves, beside), f"travel-{curves.state}"),
        steps=curves.steps,
        left=latex_digits(curves.block[-1]),
        bound=latex_digits(curves.by_jacobians[-1]),
        beside=latex_digits(beside.block[-1]),
    )
