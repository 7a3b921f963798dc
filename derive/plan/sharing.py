"""Function values that both passes read: computed once in the forward pass and kept.

tanh(c) in y = o * tanh(c) has no name in the cell, yet the derivative by c needs it again. Such a value becomes a
statement of its own, so that no kernel recomputes what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy

from derive.elementary import Elementary
from derive.plan import symbols
from derive.plan.model import Assign, Statement


def share_functions(
    forward: Sequence[Assign], backward: Sequence[Statement]
) -> tuple[tuple[Assign, ...], tuple[Statement, ...]]:
    """Name every function value that the forward pass computes and the backward pass reads."""
    read = {item for statement in backward for item in statement.expression.atoms(Elementary)}
    whole = {statement.expression for statement in forward}
    computed = dict.fromkeys(
        item
        for statement in forward
        for item in sorted(statement.expression.atoms(Elementary), key=sympy.default_sort_key)
        if item in read and item not in whole
    )
    named: dict[sympy.Expr, sympy.Symbol] = {}
    for number, item in enumerate(sorted(computed, key=lambda item: (item.count_ops(), str(item))), start=1):
        named[item] = symbols.shared(number)
    statements: list[Assign] = []
    defined: set[sympy.Symbol] = set()
    for statement in forward:
        for item, symbol in named.items():
            if symbol not in defined and statement.expression.has(item):
                defined.add(symbol)
                expression = _replace_within(item, named)
                statements.append(Assign(symbol, expression, statement.dimension, statement.region))
        statements.append(replace(statement, expression=statement.expression.xreplace(named)))
    return tuple(statements), tuple(replace(item, expression=item.expression.xreplace(named)) for item in backward)


def _replace_within(item: sympy.Expr, named: dict[sympy.Expr, sympy.Symbol]) -> sympy.Expr:
    """The application itself, with named applications inside its arguments replaced."""
    return item.func(*(argument.xreplace(named) for argument in item.args))
