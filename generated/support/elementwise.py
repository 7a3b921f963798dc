"""The elementary functions that the sweeps of compiled loops call, of vectors and of numbers.

A vector goes to a formula of `formulas`, `exponentials`, `logarithms`, `trigonometric` or `error_function`, a number to
`scalar`; a number beside a vector stands for every lane. The bounds of vectors are in docs/vectors.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from generated.support import error_function, exponentials, formulas, logarithms, scalar, trigonometric
from generated.support.arithmetic import Vector
from generated.support.lanes import LanesType, common, lanes_of


def _signature(
    arguments: tuple[Any, ...], function: Any, formula: Callable[..., Vector], limit: float | None = None
) -> tuple[Any, Callable[..., Any]]:
    """The typing of a call and what writes its code; where the size of x is above `limit`, `function` has the word."""
    kind = common(*arguments)
    if kind is None and all(isinstance(argument, types.Float) for argument in arguments):
        return _of_numbers(arguments, function)

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        lanes = lanes_of(builder, kind)
        vectors = [Vector(lanes, value) for value in values]
        result = formula(*vectors).value
        return result if limit is None else _repaired(context, function, kind, vectors[0], limit, result)

    return kind and kind(*[kind] * len(arguments)), emit


def _repaired(context: Any, function: Any, kind: LanesType, x: Vector, limit: float, result: Any) -> Any:
    """`result`, but the function of numbers in the lanes where |x| > limit; where there are none it costs a branch."""
    builder = x.lanes.builder
    beyond = abs(x).is_(">", limit)
    any_lane = builder.bitcast(beyond, ir.IntType(kind.count))
    place = cgutils.alloca_once_value(builder, result)
    with builder.if_then(builder.icmp_unsigned("!=", any_lane, ir.Constant(any_lane.type, 0)), likely=False):
        builder.store(builder.select(beyond, _lane_by_lane(context, function, kind, x), result), place)
    return builder.load(place)


def _lane_by_lane(context: Any, function: Any, kind: LanesType, x: Vector) -> Any:
    """A compiled function of one number, applied to each lane in turn."""
    builder = x.lanes.builder
    call = _number_function(context, function, (kind.element,))
    place = cgutils.alloca_once_value(builder, x.value)
    start = builder.bitcast(place, x.value.type.element.as_pointer())
    with cgutils.for_range(builder, ir.Constant(ir.IntType(64), kind.count)) as loop:
        pointer = builder.gep(start, [loop.index])
        builder.store(call(builder, [builder.load(pointer)]), pointer)
    return builder.load(place)


def _number_function(context: Any, function: Any, arguments: tuple[Any, ...]) -> Any:
    """A compiled function of numbers, to be called from code that is being written."""
    kind = context.typing_context.resolve_value_type(function)
    return context.get_function(kind, kind.get_call_type(context.typing_context, arguments, {}))


def _of_numbers(arguments: tuple[Any, ...], function: Any) -> tuple[Any, Callable[..., Any]]:
    """A call of a compiled function of numbers."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _number_function(context, function, signature.args)(builder, values)

    kind = max(arguments, key=lambda argument: argument.bitwidth)
    return kind(*[kind] * len(arguments)), emit


@intrinsic
def tanh(_typing, x):
    """The hyperbolic tangent."""
    return _signature((x,), scalar.tanh, exponentials.tanh)


@intrinsic
def sigmoid(_typing, x):
    """1 / (1 + exp(-x)), by exp(-|x|), which cannot overflow."""
    return _signature((x,), scalar.sigmoid, exponentials.sigmoid)


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
    return _signature((x,), scalar.softplus, logarithms.softplus)


@intrinsic
def softsign(_typing, x):
    """x / (1 + |x|); the cut at 1e30, where the result is 1 in both dtypes, is for infinite x."""
    return _signature((x,), scalar.softsign, formulas.softsign)


@intrinsic
def elu(_typing, x):
    """x where x > 0, else exp(x) - 1."""
    return _signature((x,), scalar.elu, exponentials.elu)


@intrinsic
def gelu(_typing, x):
    """x Φ(x), exact: not the approximation by tanh. Φ is 0 where the factor x is cut."""
    return _signature((x,), scalar.gelu, error_function.gelu)


@intrinsic
def silu(_typing, x):
    """x sigmoid(x). The sigmoid is 0 where the factor x is cut."""
    return _signature((x,), scalar.silu, exponentials.silu)


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
    return _signature((x,), scalar.exp, exponentials.exp)


@intrinsic
def log(_typing, x):
    """The natural logarithm; NaN below 0, -inf at 0."""
    return _signature((x,), scalar.log, logarithms.log)


@intrinsic
def sqrt(_typing, x):
    """The square root; NaN below 0."""
    return _signature((x,), scalar.sqrt, formulas.sqrt)


@intrinsic
def sin(_typing, x):
    """The sine of x radians; NaN at infinity."""
    return _signature((x,), scalar.sin, trigonometric.sin, trigonometric.LIMIT)


@intrinsic
def cos(_typing, x):
    """The cosine of x radians; NaN at infinity."""
    return _signature((x,), scalar.cos, trigonometric.cos, trigonometric.LIMIT)


@intrinsic
def erf(_typing, x):
    """The error function, 2 / sqrt(π) times the integral of exp(-s**2) from 0 to x."""
    return _signature((x,), scalar.erf, error_function.erf)


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
    return _signature((a, b), scalar.power, logarithms.power)


@intrinsic
def xlogy(_typing, a, b):
    """a log(b), and 0 where a is 0 and b is a number."""
    return _signature((a, b), scalar.xlogy, logarithms.xlogy)


@intrinsic
def normal_cdf(_typing, x):
    """Φ(x) = erfc(-x / sqrt(2)) / 2: the complement keeps the digits of the lower tail."""
    return _signature((x,), scalar.normal_cdf, error_function.normal_cdf)


@intrinsic
def normal_density(_typing, x):
    """exp(-x**2 / 2) / sqrt(2 π)."""
    return _signature((x,), scalar.normal_density, exponentials.normal_density)


@intrinsic
def erf_derivative(_typing, x):
    """2 exp(-x**2) / sqrt(π)."""
    return _signature((x,), scalar.erf_derivative, exponentials.erf_derivative)
