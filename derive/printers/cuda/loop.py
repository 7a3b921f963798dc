"""What of a plan decides whether one block of threads can run its loop."""

from __future__ import annotations

from collections.abc import Iterator

from derive.plan.model import Pass, Plan, Region, Stack, Stage
from derive.printers.cuda.model import LoopView, ProductView


def loop_view(plan: Plan) -> LoopView:
    """The products and the sweeps inside the loop of both passes."""
    forward, backward = loop_stages(plan.forward), loop_stages(plan.backward)
    dimensions = {sweep.dimension for stage in (*forward, *backward) for sweep in stage.sweeps}
    obstacle = ""
    if not forward:
        obstacle = "the cell has no loop"
    elif "" in dimensions:
        obstacle = "a scalar runs from step to step"
    for stack in (*_products(forward), *_products(backward)):
        dimensions |= {*stack.rows, stack.columns}
    widest = max((len(array.columns) for array in plan.arrays), default=1)
    return LoopView(
        forward=_views(forward, backward=False),
        backward=_views(backward, backward=True),
        dimensions=tuple(sorted(dimensions - {""})),
        obstacle=obstacle,
        widest=widest,
    )


def loop_stages(one_pass: Pass) -> tuple[Stage, ...]:
    """The stages of the loop of one pass, in order; none for a cell without one."""
    return next((stages for region, stages in one_pass.regions if region is Region.LOOP), ())


def team(rows: int) -> int:
    """How many units of a grid, with so many rows of a product each, share its threads: a power of two.

    Then a number that a thread reads from shared memory serves about four products, which is what keeps multiplying
    and reading in balance.
    """
    return {1: 4, 2: 2}.get(rows, 1)


def _views(stages: tuple[Stage, ...], *, backward: bool) -> tuple[ProductView, ...]:
    return tuple(
        ProductView(stack.rows, stack.columns, number, team(1 if backward else len(stack.rows)))
        for number, stage in enumerate(stages)
        for stack in stage.products
    )


def _products(stages: tuple[Stage, ...]) -> Iterator[Stack]:
    return (stack for stage in stages for stack in stage.products)
