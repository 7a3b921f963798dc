"""The typed equations in 50-digit arithmetic: the forward pass of one sequence, exactly as it is written.

It rests on `definitions.py` alone. Values are nested tuples of `mpmath.mpf`: a number for a scalar, (d,) for a vector,
(rows, columns) for a matrix. The caller sets the working precision, `mpmath.workdps(50)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import mpmath

from derive.definitions import evaluate
from derive.equations.model import (
    Call,
    Equations,
    Expression,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
)

# mpmath has no types: a Scalar is an mpmath.mpf, an Array a Scalar, a tuple of them, or a tuple of such tuples.
Scalar = Any
Vector = tuple[Scalar, ...]
Array = Any
State = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One sequence: `steps[t]` holds the inputs and variables of step t (from 0), `initial` what stood before it.

    `timeless` holds parameters, constants and variables made of them alone.
    """

    timeless: Mapping[str, Array]
    steps: tuple[Mapping[str, Array], ...]
    initial: State

    def read(self, name: str, lag: int, step: int) -> Array:
        """What an equation of `step` reads as `name`, or with lag 1 as name[t-1]."""
        if name in self.timeless:
            return self.timeless[name]
        if step - lag < 0:
            return self.initial[name]
        return self.steps[step - lag][name]

    def last(self, states: Sequence[str]) -> State:
        """The states after the last step."""
        return {name: self.read(name, 1, len(self.steps)) for name in states}


def run(
    equations: Equations,
    params: Mapping[str, Array],
    inputs: Sequence[Mapping[str, Array]],
    state: State,
    moved: Mapping[tuple[str, int], Array] = MappingProxyType({}),
) -> Trajectory:
    """Evaluate the equations on one sequence.

    `params` holds every parameter, `inputs[t]` every input of step t, `state` every state before the first step.
    `moved[name, t]` is added to what the equation of a variable gives at step t (from 0), for a difference quotient by
    that variable. Raises KeyError where a value is missing.
    """
    timeless: dict[str, Array] = {
        name: mpmath.mpf(item.value.numerator) / item.value.denominator for name, item in equations.constants.items()
    }
    timeless.update(params)
    steps: list[dict[str, Array]] = []
    trajectory = Trajectory(timeless, (), state)
    for equation in equations.equations:
        if equations.symbols[equation.target].timeless:
            timeless[equation.target] = interpret(equation.expression, lambda item: timeless[item.name])
    for given in inputs:
        steps.append(dict(given))
        trajectory = Trajectory(timeless, tuple(steps), state)
        here = len(steps) - 1

        def read(item: Occurrence, trajectory: Trajectory = trajectory, here: int = here) -> Array:
            return trajectory.read(item.name, item.lag, here)

        for equation in equations.equations:
            if not equations.symbols[equation.target].timeless:
                value = interpret(equation.expression, read)
                by = moved.get((equation.target, here))
                steps[here][equation.target] = value if by is None else element_wise(_OPERATORS["+"], value, by)
    return trajectory


def interpret(expression: Expression, read: Callable[[Occurrence], Array]) -> Array:
    """The value of an expression; `read` gives that of an occurrence."""
    match expression:
        case Number(fraction, _):
            return mpmath.mpf(fraction.numerator) / fraction.denominator
        case Occurrence():
            return read(expression)
        case Negation(operand):
            return element_wise(lambda item: -item, interpret(operand, read))
        case Operation(operator, left, right):
            return element_wise(_OPERATORS[operator], interpret(left, read), interpret(right, read))
        case Call(function, arguments):
            values = [interpret(argument, read) for argument in arguments]
            return element_wise(lambda *items: evaluate(function, *items), *values)
        case MatrixProduct(matrix, transposed, operand):
            return multiply(read(matrix), interpret(operand, read), transposed=transposed)


def element_wise(function: Callable[..., Scalar], *arguments: Array) -> Array:
    """`function` of each component; a scalar stands for all of them. ValueError where sizes differ."""
    lengths = {len(argument) for argument in arguments if isinstance(argument, tuple)}
    if not lengths:
        return function(*arguments)
    if len(lengths) > 1:
        raise ValueError(f"vectors of sizes {sorted(lengths)} meet element by element")
    return tuple(
        function(*(argument[at] if isinstance(argument, tuple) else argument for argument in arguments))
        for at in range(lengths.pop())
    )


def multiply(matrix: Array, vector: Array, *, transposed: bool) -> Vector:
    """matrix @ vector, or transpose(matrix) @ vector. ValueError where sizes differ."""
    rows = tuple(zip(*matrix, strict=True)) if transposed else matrix
    return tuple(mpmath.fdot(zip(row, vector, strict=True)) for row in rows)


_OPERATORS: Mapping[str, Callable[[Scalar, Scalar], Scalar]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "**": lambda left, right: left**right,
}
