"""What the tape holds and what the backward pass computes again, as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from derive.elementary import ProductSymbol, Value
from derive.plan.model import Kept, Plan
from derive.printers.text import Notation, TextPrinter

SINGLE = 4
"""The bytes of a number in float32."""


@dataclass(frozen=True)
class TapeText:
    """The tape of one plan as text. What has no name in the cell is written out: `tanh(c[t])`."""

    plan: Plan
    notation: Notation

    @property
    def values(self) -> str:
        """How many values a step of a sequence leaves, as a formula over the sizes."""
        return str(sympy.expand(self.plan.count.saved))

    @property
    def bytes(self) -> str:
        """How many bytes these are in float32."""
        return str(sympy.expand(SINGLE * self.plan.count.saved))

    @property
    def operations(self) -> str:
        """How many operations of a step the backward pass repeats, a call of an elementary function as one."""
        return str(sympy.expand(self.plan.count.recomputed))

    def saved(self) -> Iterator[str]:
        """What a step leaves on the tape."""
        yield from (self._value(symbol) for symbol in held(self.plan))

    def recomputed(self) -> Iterator[str]:
        """What the backward pass computes again."""
        yield from (self._value(statement.symbol) for statement in self.plan.tape.recomputed)

    def _value(self, symbol: sympy.Symbol) -> str:
        return TextPrinter(self.plan.graph, self.notation).text(written_out(self.plan, symbol))


def held(plan: Plan) -> Iterator[sympy.Symbol]:
    """The values that a step leaves on the tape."""
    for array in plan.arrays:
        if array.saved and array.kept in (Kept.STEPS, Kept.CARRIED):
            yield from (symbol for symbol, place in plan.places.items() if place.array == array)


def written_out(plan: Plan, expression: sympy.Expr) -> sympy.Expr:
    """An expression of the plan in values and products of the cell alone."""
    formulas = {item.symbol: item.expression for item in plan.forward.statements}
    while unnamed := [item for item in expression.free_symbols if not isinstance(item, Value | ProductSymbol)]:
        expression = expression.xreplace({symbol: formulas[symbol] for symbol in unnamed})
    return expression
