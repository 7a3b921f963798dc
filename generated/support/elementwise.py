"""The elementary functions that the sweeps of compiled loops call, of vectors and of numbers.

A vector goes to `formulas`, or lane by lane to `scalar`, a number to `scalar`; a number beside a vector stands for
every lane. The bounds are those of the two modules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

from generated.support import formulas, scalar
from generated.support.formulas import Vector
from generated.support.lanes import common, lane_by_lane, lanes_of, number_function


def _signature(
    arguments: tuple[Any, ...], function: Any, formula: Callable[..., Vector] | None = None
) -> tuple[Any, Callable[..., Any]]:
    """The typing of a call and what writes its code; without a formula, vectors go lane by lane."""
    kind = common(*arguments)
    if kind is None and all(isinstance(argument, types.Float) for argument in arguments):
        return _of_numbers(arguments, function)

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        if formula is None:
            return lane_by_lane(context, builder, function, kind, values)
        lanes = lanes_of(builder, kind)
        return formula(*(Vector(lanes, value) for value in values)).value

    return kind and kind(*[kind] * len(arguments)), emit


def _of_numbers(arguments: tuple[Any, ...], function: Any) -> tuple[Any, Callable[..., Any]]:
    """A call of a compiled function of numbers."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return number_function(context, function, signature.args)(builder, values)

    kind = max(arguments, key=lambda argument: argument.bitwidth)
    return kind(*[kind] * len(arguments)), emit


@intrinsic
def tanh(_typing, x):
    """The hyperbolic tangent."""
    return _signature((x,), scalar.tanh, formulas.tanh)


@intrinsic
def sigmoid(_typing, x):
    """1 / (1 + exp(-x)), by exp(-|x|), which cannot overflow."""
    return _signature((x,), scalar.sigmoid, formulas.sigmoid)


@intrinsic
def relu(_typing, x):
    """x where x > 0, else 0."""
    return _signature((x,), scalar.relu, formulas.relu)


@intrinsic
def leaky_relu(_typing, x):
    """x where x > 0, else 0.01 x."""
    return _signature((x,), scalar.leaky_relu, formulas.leaky_relu)


@intrinsic
def softplus(_typing, x):
    """log(1 + exp(x)), by exp(-|x|), which cannot overflow."""
    return _signature((x,), scalar.softplus)


@intrinsic
def softsign(_typing, x):
    """x / (1 + |x|); the cut at 1e30, where the result is 1 in both dtypes, is for infinite x."""
    return _signature((x,), scalar.softsign, formulas.softsign)


@intrinsic
def elu(_typing, x):
    """x where x > 0, else exp(x) - 1."""
    return _signature((x,), scalar.elu, formulas.elu)


@intrinsic
def gelu(_typing, x):
    """x Φ(x), exact: not the approximation by tanh. Φ is 0 where the factor x is cut."""
    return _signature((x,), scalar.gelu)


@intrinsic
def silu(_typing, x):
    """x sigmoid(x). The sigmoid is 0 where the factor x is cut."""
    return _signature((x,), scalar.silu, formulas.silu)


@intrinsic
def hard_sigmoid(_typing, x):
    """x / 6 + 1/2, cut at 0 and 1; the sum x + 3 is exact near -3, where x / 6 + 1/2 would cancel."""
    return _signature((x,), scalar.hard_sigmoid, formulas.hard_sigmoid)


@intrinsic
def hard_tanh(_typing, x):
    """x, cut at -1 and 1."""
    return _signature((x,), scalar.hard_tanh, formulas.hard_tanh)


@intrinsic
def exp(_typing, x):
    """The exponential function."""
    return _signature((x,), scalar.exp, formulas.exp)


@intrinsic
def log(_typing, x):
    """The natural logarithm; NaN below 0, -inf at 0."""
    return _signature((x,), scalar.log)


@intrinsic
def sqrt(_typing, x):
    """The square root; NaN below 0."""
    return _signature((x,), scalar.sqrt, formulas.sqrt)


@intrinsic
def sin(_typing, x):
    """The sine of x radians; NaN at infinity."""
    return _signature((x,), scalar.sin)


@intrinsic
def cos(_typing, x):
    """The cosine of x radians; NaN at infinity."""
    return _signature((x,), scalar.cos)


@intrinsic
def erf(_typing, x):
    """The error function, 2 / sqrt(π) times the integral of exp(-s**2) from 0 to x."""
    return _signature((x,), scalar.erf)


@intrinsic
def minimum(_typing, a, b):
    """The lesser of a and b; a if they are equal, NaN if either is NaN."""
    return _signature((a, b), scalar.minimum, formulas.minimum)


@intrinsic
def maximum(_typing, a, b):
    """The greater of a and b; a if they are equal, NaN if either is NaN."""
    return _signature((a, b), scalar.maximum, formulas.maximum)


@intrinsic
def greater(_typing, a, b):
    """1 where a > b, else 0; NaN if either is NaN."""
    return _signature((a, b), scalar.greater, formulas.greater)


@intrinsic
def sign(_typing, x):
    """1, 0 or -1; NaN of NaN."""
    return _signature((x,), scalar.sign, formulas.sign)


@intrinsic
def power(_typing, a, b):
    """a**b; NaN where a < 0 and b is no integer."""
    return _signature((a, b), scalar.power)


@intrinsic
def xlogy(_typing, a, b):
    """a log(b), and 0 where a is 0 and b is a number."""
    return _signature((a, b), scalar.xlogy)


@intrinsic
def normal_cdf(_typing, x):
    """Φ(x) = erfc(-x / sqrt(2)) / 2: the complement keeps the digits of the lower tail."""
    return _signature((x,), scalar.normal_cdf)


@intrinsic
def normal_density(_typing, x):
    """exp(-x**2 / 2) / sqrt(2 π)."""
    return _signature((x,), scalar.normal_density, formulas.normal_density)


@intrinsic
def erf_derivative(_typing, x):
    """2 exp(-x**2) / sqrt(π)."""
    return _signature((x,), scalar.erf_derivative, formulas.erf_derivative)
