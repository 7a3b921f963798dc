"""Common subexpressions of a sweep get a statement of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import sympy

from derive.plan import symbols
from derive.plan.model import Assign, Pass, Statement, Sweep


def eliminate(one_pass: Pass) -> Pass:
    """The pass with every repeated subexpression of a sweep computed once."""
    numbering = itertools.count(1)
    return Pass(
        tuple(
            (
                region,
                tuple(
                    replace(stage, sweeps=tuple(_eliminate(sweep, numbering) for sweep in stage.sweeps))
                    for stage in stages
                ),
            )
            for region, stages in one_pass.regions
        )
    )


def _eliminate(sweep: Sweep, numbering: Iterator[int]) -> Sweep:
    """A subexpression stands right before the first statement that reads it, where all it reads is there.

    Where that statement is the subexpression and nothing else, its symbol serves the later ones.
    """
    names = (symbols.common(number) for number in numbering)
    common, reduced = sympy.cse([item.expression for item in sweep.statements], symbols=names, order="canonical")
    pending = dict(common)
    statements: list[Statement] = []
    named: dict[sympy.Symbol, sympy.Symbol] = {}

    def define(expression: sympy.Expr, before: Statement) -> None:
        for symbol in sorted(expression.free_symbols, key=str):
            subexpression = pending.pop(symbol, None)
            if subexpression is None:
                continue
            define(subexpression, before)
            statements.append(Assign(symbol, subexpression.xreplace(named), before.dimension, before.region))

    for statement, expression in zip(sweep.statements, reduced, strict=True):
        if isinstance(statement, Assign) and expression in pending:
            named[expression] = statement.symbol
            expression = pending.pop(expression)
        define(expression, statement)
        statements.append(replace(statement, expression=expression.xreplace(named)))
    return replace(sweep, statements=tuple(statements))
