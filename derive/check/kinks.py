"""Where a cell has kinks, and how far a sample stays away from them.

Differences are meaningless across a kink. The argument of every function with a kink is evaluated on the reference
tape; a sample is used only where each stays at a distance.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import sympy

from derive.check.samples import Array, Sample, run
from derive.elementary import Elementary, OccurrenceSymbol, ProductSymbol, Value, rule_expression
from derive.graph import Graph
from derive.printers.code import NumpyPrinter

DISTANCE = 1e-3


def expressions(graph: Graph) -> tuple[sympy.Expr, ...]:
    """What vanishes at a kink, for every function of the cell that has one."""
    found: dict[sympy.Expr, None] = {}
    holders = [formula.expression for formula in graph.formulas]
    holders += [product.operand for product in graph.products.values()]
    for holder in holders:
        for item in sorted(holder.atoms(Elementary), key=sympy.default_sort_key):
            for kink in item.rule.kinks:
                found[rule_expression(kink, item.rule, item.args)] = None
    return tuple(found)


def distance(graph: Graph, module: ModuleType, sample: Sample) -> float:
    """The least magnitude of an expression that vanishes at a kink, over all steps of `sample`; inf without kinks.

    `module` is the reference target, whose tape holds every variable.
    """
    signs = arguments(graph, module, sample)
    return min((float(np.abs(array).min(initial=np.inf)) for array in signs), default=np.inf)


def arguments(graph: Graph, module: ModuleType, sample: Sample) -> list[Array]:
    """The values of `expressions` over all steps, (T, B, n) each."""
    kinks = expressions(graph)
    if not kinks:
        return []
    _, _, _, tape = run(module, sample, keep_tape=True)
    equations = graph.equations
    names = (*equations.inputs, *(formula.target for formula in graph.formulas))
    stored = dict(zip(names, tape[1:], strict=True))
    steps = tape.call.steps

    def value(symbol: sympy.Symbol) -> Array:
        if isinstance(symbol, OccurrenceSymbol):
            symbol = symbol.value
        if isinstance(symbol, ProductSymbol):
            product = graph.products[symbol]
            matrix = sample.leaves[product.matrix.name]
            return evaluate(product.operand) @ (matrix if product.transposed else matrix.T)
        assert isinstance(symbol, Value)
        name = symbol.variable
        if name in equations.constants:
            return np.asarray(float(equations.constants[name].value))
        if name in sample.leaves and equations.symbols[name].timeless:
            return sample.leaves[name]
        if equations.symbols[name].timeless:
            return np.asarray(stored[name])
        return np.asarray(stored[name][1 - symbol.lag : steps + 1 - symbol.lag])

    def evaluate(expression: sympy.Expr) -> Array:
        from generated.support import functions

        leaves = {symbol: f"v{index}" for index, symbol in enumerate(sorted(expression.free_symbols, key=str))}
        text = NumpyPrinter(leaves).text(expression)
        scope = {name: value(symbol) for symbol, name in leaves.items()}
        # The text is our own printer's, over the names v0, v1, ...: nothing of the user's text is executed.
        return np.asarray(eval(text, {"np": np, "functions": functions}, scope))

    with np.errstate(all="ignore"):
        return [evaluate(kink) for kink in kinks]
