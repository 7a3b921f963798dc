"""The derived recursion in 50-digit arithmetic: the adjoint equations, hop by hop, from the last step to the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mpmath
import sympy

from derive.definitions import evaluate
from derive.elementary import Elementary, ProductSymbol, Value, identify
from derive.equations.model import Kind
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Diagonal, Edge, Graph, Outer, Transfer
from derive.proof.interpreter import Array, Trajectory, element_wise, multiply


@dataclass(frozen=True, slots=True)
class Adjoints:
    """The derivatives of J: `steps[t][name]` for variables and inputs, `timeless` for parameters, and `initial`."""

    steps: tuple[Mapping[str, Array], ...]
    timeless: Mapping[str, Array]
    initial: Mapping[str, Array]


def propagate(
    gradients: Gradients, trajectory: Trajectory, errors: Sequence[Mapping[str, Array]], last: Mapping[str, Array]
) -> Adjoints:
    """Evaluate the adjoint equations on one sequence.

    `errors[t]` holds the errors that enter at outputs, or at what the loss reads; `last` those at the states after the
    last step.
    """
    return _Recursion(gradients, trajectory, errors).adjoints(last)


def value_at(graph: Graph, trajectory: Trajectory, expression: sympy.Expr, step: int) -> Array:
    """An element-wise expression of the derivation, at the values of `step` (from 0)."""
    match expression:
        case ProductSymbol():
            product = graph.products[expression]
            operand = value_at(graph, trajectory, identify(product.operand), step)
            return multiply(trajectory.timeless[product.matrix.name], operand, transposed=product.transposed)
        case Value():
            return trajectory.read(expression.variable, expression.lag, step)
        case sympy.Rational():
            return mpmath.mpf(int(expression.p)) / int(expression.q)
    arguments = [value_at(graph, trajectory, argument, step) for argument in expression.args]
    match expression:
        case Elementary():
            name = expression.rule.name
            return element_wise(lambda *items: evaluate(name, *items), *arguments)
        case sympy.Add():
            return element_wise(lambda *items: mpmath.fsum(items), *arguments)
        case sympy.Mul():
            return element_wise(lambda *items: mpmath.fprod(items), *arguments)
        case sympy.Pow():
            return element_wise(lambda base, exponent: base**exponent, *arguments)
    raise TypeError(f"{expression!r} is not an element-wise expression of a derivation")


class _Recursion:
    def __init__(self, gradients: Gradients, trajectory: Trajectory, errors: Sequence[Mapping[str, Array]]) -> None:
        self._gradients = gradients
        self._equations = gradients.graph.equations
        self._trajectory = trajectory
        self._errors = errors
        self._length = len(trajectory.steps)
        self._steps: list[dict[str, Array]] = [{} for _ in trajectory.steps]
        self._timeless: dict[str, Array] = {}

    def adjoints(self, last: Mapping[str, Array]) -> Adjoints:
        equations = self._gradients.adjoints.values()
        timed = [item for item in equations if not item.timeless]
        for step in reversed(range(self._length)):
            for adjoint in timed:
                total = self._total(adjoint, step)
                if step == self._length - 1 and adjoint.name in last:
                    total = _add(total, last[adjoint.name])
                self._steps[step][adjoint.name] = total
        for adjoint in equations:
            if adjoint.timeless:
                self._timeless[adjoint.name] = self._over_time(adjoint)
        initial = {
            adjoint.name: self._total(adjoint, -1) for adjoint in timed if adjoint.name in self._equations.states
        }
        return Adjoints(tuple(self._steps), self._timeless, initial)

    def _total(self, adjoint: Adjoint, step: int) -> Array:
        """The sum over the first hops of a name of step `step`; -1 is before the first step."""
        total = self._zero(adjoint.name)
        for hop in adjoint.hops:
            target = step + hop.lag
            if 0 <= target < self._length:
                total = _add(total, self._term(hop, target))
        return total

    def _over_time(self, adjoint: Adjoint) -> Array:
        """The sum over the hops of a timeless name, and over the steps of their targets where these have steps."""
        total = self._zero(adjoint.name)
        for hop in adjoint.hops:
            timeless = hop.target != LOSS and self._equations.symbols[hop.target].timeless
            for step in (0,) if timeless else range(hop.lag, self._length):
                total = _add(total, self._term(hop, step))
        return total

    def _term(self, hop: Edge, step: int) -> Array:
        value = self._adjoint(hop, step)
        for factor in hop.partial:
            match factor:
                case Diagonal(expression, _):
                    value = element_wise(lambda left, right: left * right, self._value(expression, step), value)
                case Transfer(_, matrix, transposed):
                    value = multiply(self._trajectory.timeless[matrix], value, transposed=not transposed)
                case Outer(_, operand, transposed):
                    vector = self._value(operand, step)
                    rows, columns = (vector, value) if transposed else (value, vector)
                    value = tuple(tuple(row * column for column in columns) for row in rows)
        if self._equations.symbols[hop.source].kind is Kind.SCALAR and isinstance(value, tuple):
            return mpmath.fsum(value)
        return value

    def _adjoint(self, hop: Edge, step: int) -> Array:
        if hop.target == LOSS:
            return self._errors[step][hop.source]
        if self._equations.symbols[hop.target].timeless:
            return self._timeless[hop.target]
        return self._steps[step][hop.target]

    def _value(self, expression: sympy.Expr, step: int) -> Array:
        return value_at(self._gradients.graph, self._trajectory, expression, step)

    def _zero(self, name: str) -> Array:
        return zeros(self._trajectory.read(name, 0, 0))


def zeros(value: Array) -> Array:
    """Zeros in the shape of `value`."""
    return tuple(zeros(item) for item in value) if isinstance(value, tuple) else mpmath.mpf(0)


def _add(left: Array, right: Array) -> Array:
    if isinstance(left, tuple) and isinstance(right, tuple):
        return tuple(_add(one, other) for one, other in zip(left, right, strict=True))
    if isinstance(left, tuple):
        return tuple(_add(one, right) for one in left)
    return left + right
