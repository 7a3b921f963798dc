"""Values without a name that both passes read: computed once in the forward pass, and kept by themselves.

tanh(c) in y = o * tanh(c) has no name in the cell, yet the derivative by c needs it again. Such a value becomes a
statement of its own, so that no kernel recomputes what it has. A product of a stack is stored beside the others; one
that the backward pass reads gets a statement of its own too, so that the others need not be kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace

import sympy

from derive.elementary import Elementary, ProductSymbol
from derive.plan import symbols
from derive.plan.model import REGIONS, Assign, Region, Stack, Statement


def share_functions(
    forward: Sequence[Assign],
    backward: Sequence[Statement],
    scalars: Set[sympy.Symbol],
    region_of: Callable[[sympy.Symbol], Region],
) -> tuple[tuple[Assign, ...], tuple[Statement, ...]]:
    """Name every function value that the forward pass computes and the backward pass reads.

    Such a value is computed where all that it reads is there, which may be long before the statement that needs it: one
    value serves statements of several regions and, where it reads `scalars` alone, of several dimensions.
    """
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
                dimension = statement.dimension if item.free_symbols - scalars else ""
                region = max(
                    (region_of(read) for read in item.free_symbols), key=REGIONS.index, default=Region.PREAMBLE
                )
                statements.append(Assign(symbol, expression, dimension, region))
        statements.append(replace(statement, expression=statement.expression.xreplace(named)))
    return tuple(statements), tuple(replace(item, expression=item.expression.xreplace(named)) for item in backward)


def share_products(
    forward: Sequence[Assign], backward: Sequence[Statement], stacks: Sequence[Stack]
) -> tuple[tuple[Assign, ...], tuple[Statement, ...]]:
    """Name every product that the backward pass reads out of a stack of which it does not read all."""
    read = {item for statement in backward for item in statement.expression.atoms(ProductSymbol)}
    named: dict[sympy.Symbol, sympy.Symbol] = {}
    statements = list(forward)
    for stack in stacks:
        if stack.region is Region.PREAMBLE or read.issuperset(stack.products):
            continue
        for product, dimension in zip(stack.products, stack.rows, strict=True):
            if product in read:
                named[product] = symbols.single(product)
                statements.append(Assign(named[product], product, dimension, stack.region))
    return tuple(statements), tuple(replace(item, expression=item.expression.xreplace(named)) for item in backward)


def _replace_within(item: sympy.Expr, named: dict[sympy.Expr, sympy.Symbol]) -> sympy.Expr:
    """The application itself, with named applications inside its arguments replaced."""
    return item.func(*(argument.xreplace(named) for argument in item.args))
