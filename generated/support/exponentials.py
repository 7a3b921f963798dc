"""The exponential function of vectors and what follows from it, without branches; docs/vectors.md states the bounds."""

from __future__ import annotations

import math
from typing import Any

from generated.support.arithmetic import Pair, Vector
from generated.support.formulas import maximum, minimum

_DEGREES = {4: 7, 8: 13}
"""The degree of the polynomial for exp on [-log(2)/2, log(2)/2], by the bytes of an element."""
_LEAST = {4: -104.0, 8: -746.0}
"""exp is 0 below this."""
_MOST = {4: 89.0, 8: 710.0}
"""exp is infinite above this."""


def _reduced(x: Vector) -> tuple[Any, Vector]:
    """x = n log(2) + r with |r| <= log(2)/2: the whole numbers n, and r (Cody and Waite)."""
    whole, n = x.times(1 / math.log(2)).nearest()
    return n, whole.multiply_add(-x.form.low, whole.multiply_add(-x.form.high, x))


def _power_of_two(x: Vector, n: Any) -> Vector:
    """2**n for exponents of normal numbers."""
    builder = x.lanes.builder
    return x.of_bits(builder.shl(builder.add(n, x.integers(x.form.bias)), x.integers(x.form.mantissa)))


def _exp_less_one(r: Vector, degree: int) -> Vector:
    """exp(r) - 1 for small r, by its Taylor series r + r**2 (1/2! + r/3! + ...)."""
    orders = range(2, degree + 1)
    return (r * r).multiply_add(r.horner([1 / math.factorial(order) for order in orders]), r)


def _at_least(x: Vector, bound: float) -> Vector:
    """x, or the bound where x is less; NaN stays."""
    return x.of(bound).where(x.is_("<", bound), x)


def _cut(x: Vector) -> Vector:
    """x, or a bound of the range in which exp is neither 0 nor infinite."""
    least, most = _LEAST[x.lanes.itemsize], _MOST[x.lanes.itemsize]
    cut = _at_least(x, least)
    return x.of(most).where(cut.is_(">", most), cut)


def _scaled(x: Vector, n: Any) -> Vector:
    """2**n x, in two steps, because 2**n itself is no normal number at either end of exp."""
    builder = x.lanes.builder
    # Half of n, rounded down: by a shift of a positive number, since not every CPU shifts signed ones.
    half = builder.sub(builder.lshr(builder.add(n, x.integers(1 << 12)), x.integers(1)), x.integers(1 << 11))
    return x * _power_of_two(x, half) * _power_of_two(x, builder.sub(n, half))


def exp(x: Vector) -> Vector:
    """The exponential function; results below the normal numbers are gradual."""
    return exp_by_series(x, _DEGREES[x.lanes.itemsize])


def exp_by_series(x: Vector, degree: int) -> Vector:
    """The exponential function to the digits that a series of this degree gives."""
    n, rest = _reduced(_cut(x))
    return _scaled(_exp_less_one(rest, degree) + 1.0, n)


def times_exp(factor: Pair, exponent: Pair) -> Vector:
    """factor * exp(exponent), within an ulp or two; the low part is of no account where exp is cut."""
    cut = _cut(exponent.high)
    n, rest = _reduced(cut)
    rest = rest + exponent.low.where(cut.is_("==", exponent.high), 0.0)
    m = _exp_less_one(rest, _DEGREES[rest.lanes.itemsize])
    return _scaled(m.multiply_add(factor.high, factor.low) + factor.high, n)


def _reduced_to_scale(x: Vector) -> tuple[Vector, Vector]:
    """x = n log(2) + r as above: 2**n, and r. 2**n is infinite, or normal, for the arguments that are left.

    The exponent's bits of 2**n are n + bias: they are the last ones of x / log(2), rounded, with the bias in `magic`.
    """
    magic, builder = x.form.magic + x.form.bias, x.lanes.builder
    shifted = x.multiply_add(1 / math.log(2), magic)
    whole = shifted.minus(magic)
    scale = x.of_bits(builder.shl(shifted.bits(), x.integers(x.form.mantissa)))
    return scale, whole.multiply_add(-x.form.low, whole.multiply_add(-x.form.high, x))


def _expm1_of_negative(x: Vector) -> Vector:
    """exp(x) - 1 for x <= 0."""
    scale, rest = _reduced_to_scale(_at_least(x, -40.0))
    return _exp_less_one(rest, _DEGREES[rest.lanes.itemsize]).multiply_add(scale, scale - 1.0)


def tanh(x: Vector) -> Vector:
    """The hyperbolic tangent, -m / (m + 2) with m = exp(-2 |x|) - 1, which keeps the digits near 0."""
    m = _expm1_of_negative(abs(x) * -2.0)
    return (m / (m.of(-2.0) - m)).with_sign(x)


def sigmoid(x: Vector) -> Vector:
    """1 / (1 + exp(-x)), and 0 where exp(-x) is infinite, which is below the normal numbers."""
    most = _MOST[x.lanes.itemsize]
    least = _at_least(x, -most)
    scale, rest = _reduced_to_scale(-x.of(most - 2.0).where(least.is_(">", most - 2.0), least))
    decay = (_exp_less_one(rest, _DEGREES[rest.lanes.itemsize]) + 1.0) * scale
    return x.of(1.0) / (decay + 1.0)


def elu(x: Vector) -> Vector:
    """x where x > 0, else exp(x) - 1."""
    return x.where(x.is_(">", 0.0), _expm1_of_negative(minimum(x, x.of(0.0))))


def silu(x: Vector) -> Vector:
    """x sigmoid(x). The sigmoid is 0 where the factor x is cut; it is gradual here, by exp(-|x|)."""
    decay = exp(-abs(x))
    return maximum(x, x.of(-1e3)) * (decay.where(x.is_("<", 0.0), 1.0) / (decay + 1.0))


def normal_density(x: Vector) -> Vector:
    """exp(-x**2 / 2) / sqrt(2 π)."""
    return exp(x * -0.5 * x) * (1 / math.sqrt(2 * math.pi))


def erf_derivative(x: Vector) -> Vector:
    """2 exp(-x**2) / sqrt(π)."""
    return exp(-x * x) * (2 / math.sqrt(math.pi))
