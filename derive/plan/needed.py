"""Leave out what nobody reads: the statements of a variable that leads to no output, no state and no gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import sympy

from derive.plan.model import Accumulate, Assign
from derive.plan.symbols import unlagged

S = TypeVar("S", Assign, Assign | Accumulate)


def needed(statements: Sequence[S], wanted: Iterable[sympy.Symbol]) -> tuple[S, ...]:
    """The statements that `wanted` symbols, or sums over the steps, need; `wanted` carry no lag."""
    of: dict[sympy.Symbol, list[S]] = {}
    for statement in statements:
        of.setdefault(statement.symbol, []).append(statement)
    pending = [*wanted, *(item.symbol for item in statements if isinstance(item, Accumulate))]
    live: set[sympy.Symbol] = set()
    while pending:
        symbol = pending.pop()
        if symbol not in live:
            live.add(symbol)
            for statement in of.get(symbol, ()):
                pending.extend(unlagged(read) for read in statement.expression.free_symbols)
    return tuple(statement for statement in statements if statement.symbol in live)
