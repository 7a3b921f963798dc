"""What the tape holds and what the backward pass computes again, as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from derive.elementary import ProductSymbol, Value
from derive.plan.model import Array, Kept, Plan
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
        for array in self.plan.arrays:
            if array.saved and array.kept in (Kept.STEPS, Kept.CARRIED):
                yield from (self._value(symbol) for symbol in self._held(array))

    def recomputed(self) -> Iterator[str]:
        """What the backward pass computes again."""
        for statement in self.plan.tape.recomputed:
            yield self._value(statement.symbol)

    def _held(self, array: Array) -> Iterator[sympy.Symbol]:
        return (symbol for symbol, place in self.plan.places.items() if place.array == array)

    def _value(self, symbol: sympy.Symbol) -> str:
        return TextPrinter(self.plan.graph, self.notation).text(self._written_out(symbol))

    def _written_out(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression in values and products of the cell alone."""
        formulas = {item.symbol: item.expression for item in self.plan.forward.statements}
        while unnamed := [item for item in expression.free_symbols if not isinstance(item, Value | ProductSymbol)]:
            expression = expression.xreplace({symbol: formulas[symbol] for symbol in unnamed})
        return expression
