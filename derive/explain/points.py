"""The random points at which explanations are computed: the same on every machine for the same seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NoReturn

import mpmath

from derive.equations.model import Equations, Init, Kind
from derive.errors import DeriveError
from derive.proof.interpreter import Array, Scalar, Trajectory, run
from derive.proof.sequences import ATTEMPTS, NoPointError, Sequence, draw, is_clear


def random_sequence(equations: Equations, *, steps: int, size: int, seed: int, alike: bool = False) -> Sequence:
    """The random sequence of the proof; DeriveError where no point lies in the domain of the cell."""
    try:
        return draw(equations, steps=steps, size=size, seed=seed, alike=alike)
    except (NoPointError, ZeroDivisionError):
        _refuse(equations)


def fresh_trajectory(
    equations: Equations, *, steps: int, size: int, seed: int, fixed: Mapping[str, Scalar]
) -> Trajectory:
    """The forward pass with parameters as training starts with them; all dimensions have `size` components.

    Each parameter follows its rule of `init`. One that starts at a number everywhere is moved by U(±1/sqrt(size)), so
    that no route is silent, but one in `fixed` is that number. Inputs and initial states are U(±1). Raises DeriveError
    where no point lies in the domain of the cell.
    """
    source = random.Random(seed)
    for attempt in range(ATTEMPTS):
        uniform = _Uniform(source, positive=attempt % 2 == 1)

        def vector(name: str, uniform: _Uniform = uniform) -> Array:
            return tuple(uniform(mpmath.mpf(1)) for _ in range(size)) if equations.symbols[name].shape else uniform(1)

        params = {name: _start(equations, name, size, uniform) for name in equations.parameters}
        params |= {name: _filled(params[name], number) for name, number in fixed.items()}
        inputs = [{name: vector(name) for name in equations.inputs} for _ in range(steps)]
        state = {name: vector(name) for name in equations.states}
        try:
            trajectory = run(equations, params, inputs, state)
            if is_clear(equations, trajectory):
                return trajectory
        except ZeroDivisionError:
            continue
    _refuse(equations)


class _Uniform:
    """Random numbers of three digits in ±bound, or in 0 to bound."""

    def __init__(self, source: random.Random, *, positive: bool) -> None:
        self._source = source
        self._low = 1 if positive else -1000

    def __call__(self, bound: Scalar) -> Scalar:
        return bound * self._source.randint(self._low, 1000) / 1000


def _start(equations: Equations, name: str, size: int, uniform: _Uniform) -> Array:
    """A parameter by its rule of `init`."""
    symbol, init = equations.symbols[name], equations.init[name]
    if symbol.kind is not Kind.MATRIX:
        entries = tuple(_entry(init, size, uniform) for _ in range(size if symbol.shape else 1))
        return entries if symbol.shape else entries[0]
    rows = tuple(tuple(_entry(init, size, uniform) for _ in range(size)) for _ in range(size))
    return _orthogonal(rows) if init.rule == "orthogonal" else rows


def _entry(init: Init, size: int, uniform: _Uniform) -> Scalar:
    match init.rule:
        case "uniform":
            return uniform(mpmath.mpf(init.value))
        case "glorot":
            return uniform(mpmath.sqrt(mpmath.mpf(3) / size))
        case "orthogonal":
            return uniform(mpmath.mpf(1))
        case "number":
            return mpmath.mpf(init.value) + uniform(1 / mpmath.sqrt(size))
        case _:
            return uniform(1 / mpmath.sqrt(size))


def _orthogonal(rows: Array) -> Array:
    """The orthogonal factor of a random matrix."""
    factor, _ = mpmath.qr(mpmath.matrix([list(row) for row in rows]))
    return tuple(tuple(factor[row, column] for column in range(len(rows))) for row in range(len(rows)))


def _filled(value: Array, number: Scalar) -> Array:
    return tuple(_filled(item, number) for item in value) if isinstance(value, tuple) else number


def _refuse(equations: Equations) -> NoReturn:
    raise DeriveError(
        f"{equations.name}: no random point lies inside the domain of all its functions: "
        "is an argument of log, sqrt or a power negative for every start?"
    )
