"""A random sequence for the unrolled comparison, away from kinks and inside the domain of every function."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import mpmath

from derive.equations import parse_expression
from derive.equations.model import Call, Equations, Expression, Number, Occurrence, Operation, walk
from derive.proof.interpreter import Array, Scalar, Trajectory, interpret, run
from derive.proof.losses import ADJOINT, VALUE
from derive.rules import RULES

KINK_DISTANCE = mpmath.mpf("1e-3")
ATTEMPTS = 200


class NoPointError(Exception):
    """No random point lies inside the domain of all functions and away from all kinks."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """All that a sequence is made of. `errors` are those of the outputs, or targets of the loss; `last` of the states.

    `weights` are those of the steps in a loss; `moved` is that of `interpreter.run`.
    """

    equations: Equations
    params: Mapping[str, Array]
    inputs: tuple[Mapping[str, Array], ...]
    state: Mapping[str, Array]
    errors: tuple[Mapping[str, Array], ...]
    weights: tuple[Scalar, ...]
    last: Mapping[str, Array]
    moved: Mapping[tuple[str, int], Array] = field(default_factory=dict)

    def trajectory(self) -> Trajectory:
        """The forward pass."""
        return run(self.equations, self.params, self.inputs, self.state, self.moved)

    def objective(self) -> Scalar:
        """J: the weighted loss, or the sum of errors times outputs, and of errors times the last state."""
        trajectory = self.trajectory()
        total = sum(
            (_inner(error, trajectory.read(name, 1, len(self.inputs))) for name, error in self.last.items()),
            start=mpmath.mpf(0),
        )
        for step, errors in enumerate(self.errors):
            for name, error in errors.items():
                value = trajectory.read(name, 0, step)
                if self.equations.loss:
                    share = self.weights[step] / sum(self.weights)
                    total += share * VALUE[self.equations.loss.rule](value, error, mpmath)
                else:
                    total += _inner(error, value)
        return total

    def entering(self, trajectory: Trajectory) -> list[Mapping[str, Array]]:
        """The errors that enter at every step: those of the outputs, or the adjoint of the loss."""
        loss = self.equations.loss
        if loss is None:
            return list(self.errors)
        shares = [weight / sum(self.weights) for weight in self.weights]
        return [
            {
                loss.variable: tuple(
                    share * item
                    for item in ADJOINT[loss.rule](
                        trajectory.read(loss.variable, 0, step), errors[loss.variable], mpmath
                    )
                )
            }
            for step, (share, errors) in enumerate(zip(shares, self.errors, strict=True))
        ]


def draw(equations: Equations, *, steps: int, size: int, seed: int, alike: bool = False) -> Sequence:
    """A random sequence; NoPointError where none is found.

    The dimensions have `size` and `size` + 1 components in turn, so that a matrix and its transpose differ in shape, or
    all have `size` components where they are to be `alike`.
    """
    source = random.Random(seed)
    sizes = {item.name: size + (0 if alike else (at + 1) % 2) for at, item in enumerate(equations.dimensions)}
    for attempt in range(ATTEMPTS):
        # Many functions have positive domains: every second attempt draws positive numbers only.
        sequence = _draw(equations, steps, sizes, partial(_number, source, positive=attempt % 2 == 1))
        trajectory = sequence.trajectory()
        if is_clear(equations, trajectory):
            return sequence
    raise NoPointError(f"no point inside the domains of all functions in {ATTEMPTS} attempts")


def _number(source: random.Random, *, positive: bool) -> Scalar:
    size = mpmath.mpf(source.randint(200, 1000)) / 1000
    return size if positive or source.random() < 0.5 else -size


def _draw(equations: Equations, steps: int, sizes: Mapping[str, int], number: Callable[[], Scalar]) -> Sequence:
    def filled(name: str) -> Array:
        def block(shape: tuple[str, ...]) -> Array:
            return tuple(block(shape[1:]) for _ in range(sizes[shape[0]])) if shape else number()

        return block(equations.symbols[name].shape)

    return Sequence(
        equations,
        params={name: filled(name) for name in equations.parameters},
        inputs=tuple({name: filled(name) for name in equations.inputs} for _ in range(steps)),
        state={name: filled(name) for name in equations.states},
        errors=tuple({name: filled(name) for name in equations.outputs} for _ in range(steps)),
        weights=tuple(abs(number()) for _ in range(steps)),
        last={name: filled(name) for name in equations.states},
    )


def _inner(left: Array, right: Array) -> Scalar:
    return mpmath.fdot(zip(left, right, strict=True)) if isinstance(left, tuple) else left * right


def is_clear(equations: Equations, trajectory: Trajectory) -> bool:
    """Whether every function of every step is real, finite and away from its kinks."""
    return all(_is_clear_step(equations, trajectory, step) for step in range(len(trajectory.steps)))


def _is_clear_step(equations: Equations, trajectory: Trajectory, step: int) -> bool:

    def read(item: Occurrence) -> Array:
        return trajectory.read(item.name, item.lag, step)

    for equation in equations.equations:
        if not all(_is_finite(item) for item in _flat(trajectory.read(equation.target, 0, step))):
            return False
        for node in walk(equation.expression):
            if not all(_inside(name, values) for name, values in _applications(node, read)):
                return False
    return True


def _applications(node: Expression, read: Callable[[Occurrence], Array]) -> Iterator[tuple[str, tuple[Scalar, ...]]]:
    """Every scalar application of an elementary function at this node: its name and arguments."""
    match node:
        case Call(name, arguments):
            operands = arguments
        case Operation("**", left, right) if not (isinstance(right, Number) and right.value.denominator == 1):
            name, operands = "power", (left, right)
        case _:
            return
    values = [_flat(interpret(operand, read)) for operand in operands]
    length = max(len(value) for value in values)
    for at in range(length):
        yield name, tuple(value[at % len(value)] for value in values)


def _inside(name: str, arguments: tuple[Scalar, ...]) -> bool:
    rule = RULES[name]
    named = dict(zip(rule.arguments, arguments, strict=True))
    if not all(_is_finite(item) for item in arguments):
        return False
    domain = arguments[:1] if name == "power" else arguments
    low, high = rule.domain
    if not all(low + KINK_DISTANCE < item < high - KINK_DISTANCE for item in domain):
        return False
    kinks = (interpret(parse_expression(text, rule.arguments), lambda item: named[item.name]) for text in rule.kinks)
    return all(abs(kink) > KINK_DISTANCE for kink in kinks)


def _is_finite(value: Scalar) -> bool:
    return isinstance(value, mpmath.mpf) and bool(mpmath.isfinite(value))


def _flat(value: Array) -> tuple[Scalar, ...]:
    return tuple(part for item in value for part in _flat(item)) if isinstance(value, tuple) else (value,)
