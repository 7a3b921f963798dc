"""What a cell has to compute and to move, from its plan; true sizes, no padding."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sympy

import derive
from derive.plan import Plan
from derive.plan.model import Kept, Origin, Region
from tests.bench.cases import Phase, Shape

ITEM = 4
"""Bytes of a float32."""


class Direction(enum.Enum):
    """One pass over the sequence."""

    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Work:
    """One pass: operations of matrix products in one step, bytes of the matrices that every step needs again, and the
    bytes that the whole pass reads and writes besides.
    """

    operations: int
    weight_bytes: int
    read_bytes: int
    written_bytes: int


def passes(cell: str, shape: Shape, phase: Phase) -> tuple[Work, ...]:
    """The passes of a phase, which run one after the other.

    Inference reads x and writes y. A forward pass for the gradients writes the tape, y with it where y is not part of
    it. A backward pass reads x, tape and dy, writes the adjoints of the products of a step and reads them for the
    weight gradients, and writes dx. Its operations hold the deferred products of the weight gradients.
    """
    plan = _plan(cell)
    if phase is Phase.FORWARD:
        return (_work(plan, shape, Direction.FORWARD, reads=("x",), writes=("y",)),)
    return (
        _work(plan, shape, Direction.FORWARD, reads=("x",), writes=("tape", "y beside the tape")),
        _work(plan, shape, Direction.BACKWARD, reads=("x", "tape", "y", "adjoints"), writes=("adjoints", "x")),
    )


@cache
def _plan(cell: str) -> Plan:
    return derive.load(cell).plan


def _work(plan: Plan, shape: Shape, direction: Direction, reads: tuple[str, ...], writes: tuple[str, ...]) -> Work:
    sizes = shape.sizes
    values = _values(plan, shape)
    rows = shape.steps * shape.batch
    forward = direction is Direction.FORWARD
    counted = plan.count.products if forward else plan.count.backward_products
    stacks = [
        stack
        for region, stages in (plan.forward if forward else plan.backward).regions
        if region is Region.LOOP
        for stage in stages
        for stack in stage.products
    ]
    return Work(
        operations=shape.batch * _number(counted, sizes),
        weight_bytes=ITEM * sum(total(stack.rows, sizes) * total((stack.columns,), sizes) for stack in stacks),
        read_bytes=ITEM * rows * sum(values[name] for name in reads),
        written_bytes=ITEM * rows * sum(values[name] for name in writes),
    )


def _values(plan: Plan, shape: Shape) -> dict[str, int]:
    """How many values of each kind a step of one sequence has; `y` stands for dy too, `x` for dx."""
    sizes = shape.sizes
    equations = plan.graph.equations
    tape = [
        array
        for array in plan.arrays
        if array.saved and array.origin is Origin.FORWARD and array.kept in (Kept.STEPS, Kept.CARRIED)
    ]
    held = {array.holds for array in tape}
    output = {name: total(equations.symbols[name].shape, sizes) for name in equations.outputs}
    return {
        "x": sum(total(equations.symbols[name].shape, sizes) for name in equations.inputs),
        "y": sum(output.values()),
        "y beside the tape": sum(size for name, size in output.items() if name not in held),
        "tape": sum(total(array.columns, sizes) for array in tape),
        # Stacks with different operands have adjoints in common: the widest holds no value twice.
        "adjoints": max(total(gradient.stack.rows, sizes) for gradient in plan.weight_gradients),
    }


def total(dimensions: tuple[str, ...], sizes: Mapping[str, int]) -> int:
    """The sum of these dimensions; "" is 1."""
    return sum(sizes[name] if name else 1 for name in dimensions)


def _number(formula: sympy.Expr, sizes: dict[str, int]) -> int:
    return int(formula.subs(sizes))
