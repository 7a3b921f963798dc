"""What the tape holds and what the backward pass computes again, in LaTeX."""

from __future__ import annotations

from collections.abc import Iterator

from derive.plan.model import Plan
from derive.printers.latex import LatexPrinter
from derive.printers.tape import held, written_out


def saved(plan: Plan) -> Iterator[str]:
    """What a step leaves on the tape, value by value."""
    printer = LatexPrinter(plan.graph)
    yield from (printer.text(written_out(plan, symbol)) for symbol in held(plan))


def computed_again(plan: Plan) -> Iterator[str]:
    """What the backward pass computes again."""
    printer = LatexPrinter(plan.graph)
    yield from (printer.text(written_out(plan, statement.symbol)) for statement in plan.tape.recomputed)
