"""Count the work of one step and one sequence, of true sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from derive.plan.model import Array, Count, Kept, Pass, Region, Stack


def count(forward: Pass, backward: Pass, recomputing: Pass, stacks: Sequence[Stack], arrays: Sequence[Array]) -> Count:
    """Operations and saved values per step, as formulas over the sizes; what runs once a call is left out.

    `recomputing` is the backward pass with the values that it computes again.
    """
    timed = [stack for stack in stacks if stack.region is not Region.PREAMBLE]
    products = sympy.Add(*(2 * _size(stack.rows) * _size([stack.columns]) for stack in timed))
    pulled = [
        stack
        for region, stages in backward.regions
        if region is not Region.PREAMBLE
        for stage in stages
        for stack in stage.products
    ]
    back = sympy.Add(*(2 * _size(stack.rows) * _size([stack.columns]) for stack in pulled))
    saved = sympy.Add(
        *(_size(array.columns) for array in arrays if array.saved and array.kept in (Kept.STEPS, Kept.CARRIED))
    )
    elementwise = _elementwise(recomputing)
    return Count(
        products=products,
        backward_products=back + products,
        elementwise=_elementwise(forward),
        backward_elementwise=elementwise,
        recomputed=elementwise - _elementwise(backward),
        saved=saved,
    )


def _elementwise(one_pass: Pass) -> sympy.Expr:
    """Element-wise operations of a pass; a call of an elementary function is one."""
    return sympy.Add(
        *(
            sympy.count_ops(statement.expression) * _size([statement.dimension])
            for statement in one_pass.statements
            if statement.region is not Region.PREAMBLE
        )
    )


def _size(dimensions: Iterable[str]) -> sympy.Expr:
    return sympy.Add(*(sympy.Symbol(name) if name else sympy.Integer(1) for name in dimensions))
