"""The logarithm of vectors and what follows from it, without branches; docs/vectors.md states the bounds."""

from __future__ import annotations

import math
from typing import Any

from generated.support.arithmetic import Pair, Vector, exact_product, exact_sum, quick_sum
from generated.support.exponentials import exp, exp_by_series, times_exp
from generated.support.formulas import maximum, minimum, relu

_TERMS = {4: 4, 8: 10}
"""How many terms of 2 atanh(s) = 2 s + s (2/3 s**2 + 2/5 s**4 + ...) follow the first, by the bytes of an element."""


def _mantissa_and_exponent(x: Vector) -> tuple[Vector, Vector]:
    """m and k, a whole number, of x = 2**k m with sqrt(1/2) <= m < sqrt(2), for positive x that are finite."""
    form, builder = x.form, x.lanes.builder
    denormal = x.is_("<", form.smallest)
    bits = (x * 2.0 ** (form.mantissa + 1)).where(denormal, x).bits()
    # The exponent with its bias, so that it is positive: not every CPU shifts signed integers.
    bias = x.integers(form.bias << form.mantissa)
    above = builder.add(builder.sub(bits, x.of(math.sqrt(0.5)).bits()), bias)
    exponent = builder.lshr(above, x.integers(form.mantissa))
    m = x.of_bits(builder.add(builder.sub(bits, builder.shl(exponent, x.integers(form.mantissa))), bias))
    # The last bits of the magic number hold the whole number, from which it is taken away: the inverse of `nearest`.
    k = x.of_bits(builder.add(exponent, x.of(form.magic).bits())).minus(form.magic + form.bias)
    return m, k - x.of(form.mantissa + 1).where(denormal, 0.0)


def _log_of_product(f: Vector, k: Vector, terms: int) -> Vector:
    """log(2**k (1 + f)) for sqrt(1/2) - 1 <= f < sqrt(2) - 1.

    With s = f / (2 + f) it is 2 atanh(s), and 2 s = f - s f = f - f**2 / 2 + s f**2 / 2, whose leading term is exact.
    """
    s, half_square = f / (f + 2.0), f * f * 0.5
    z = s * s
    series = z * z.polynomial([2 / (2 * order + 1) for order in range(1, terms + 1)])
    small = half_square - s.multiply_add(half_square + series, k * f.form.low)
    return k.multiply_add(f.form.high, f - small)


def log(x: Vector) -> Vector:
    """The natural logarithm; NaN below 0, -inf at 0."""
    return _log_by_series(x, _TERMS[x.lanes.itemsize])


def _log_by_series(x: Vector, terms: int) -> Vector:
    """The logarithm to the digits that so many terms give."""
    m, k = _mantissa_and_exponent(x)
    return _with_edges(_log_of_product(m - 1.0, k, terms), x)


def _with_edges(result: Vector, x: Vector) -> Vector:
    """`result` where x is positive and finite, elsewhere what the logarithm of x is."""
    regular = x.lanes.builder.and_(x.is_(">", 0.0), x.is_("<", math.inf))
    edge = x.of(-math.inf).where(x.is_("==", 0.0), x.of(math.nan).where(x.is_("<", 0.0), x))
    return result.where(regular, edge)


def softplus(x: Vector) -> Vector:
    """log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which cannot overflow."""
    decay = exp(-abs(x))
    large = decay.is_(">", math.sqrt(2) - 1)
    f, k = ((decay - 1.0) * 0.5).where(large, decay), x.of(1.0).where(large, 0.0)
    return relu(x) + _log_of_product(f, k, _TERMS[x.lanes.itemsize])


def xlogy(a: Vector, b: Vector) -> Vector:
    """a log(b), and 0 where a is 0 and b is a number."""
    nothing = a.lanes.builder.and_(a.is_("==", 0.0), b.is_("==", b))
    return a.where(nothing, a * log(b))


def _log_pair(x: Vector) -> Pair:
    """log(x) to about 64 digits for positive x that are finite, in float64.

    2 atanh(s) = 2 s (1 + s**2 (1/3 + s**2 (1/5 + ...))), where all but the last parenthesis is computed in pairs.
    """
    m, k = _mantissa_and_exponent(x)
    f, divisor = m.minus(1.0), quick_sum(m.of(1.0), m)
    ratio = f / divisor.high
    whole = exact_product(ratio, divisor.high)
    s = Pair(ratio, (f.minus(whole.high).minus(whole.low) - ratio * divisor.low) / divisor.high)
    z = s * s
    # Two terms more than for digits of one vector.
    series = z.high * z.high.polynomial([1 / (2 * order + 1) for order in range(2, _TERMS[8] + 3)])
    # 1/3 lies this far above its float64.
    inner = quick_sum(m.of(1 / 3), series)
    outer = z * Pair(inner.high, inner.low + 2.0**-54 / 3)
    unit = quick_sum(m.of(1.0), outer.high)
    log_m = Pair(s.high * 2.0, s.low * 2.0) * Pair(unit.high, unit.low + outer.low)
    total = exact_sum(k * x.form.high, log_m.high)
    return quick_sum(total.high, total.low + (k * x.form.low + log_m.low))


def power(a: Vector, b: Vector) -> Vector:
    """a**b with the special cases of C's pow; NaN where a < 0 and b is no integer. float32 is computed in float64.

    exp(b log|a|), with the logarithm and its product in pairs for float64, and the sign of a where b is odd.
    """
    x, y = abs(a).widened(), b.widened()
    # At 2**65 the power of the float64 next to 1 is 0 or infinite already, and no product of these overflows.
    cut = maximum(minimum(y, y.of(2.0**65)), y.of(-(2.0**65)))
    if a.lanes.itemsize == 4:
        # The terms and the degree that leave an error of 2**-31 in float64.
        size = exp_by_series(cut * _log_by_series(x, _TERMS[4] + 2), 8).narrowed(a.lanes)
    else:
        size = _exp_of_product(cut, _log_pair(x), x)
    one = a.lanes.builder.or_(a.is_("==", 1.0), b.is_("==", 0.0))
    return a.of(1.0).where(one, _with_sign_and_edges(size, a, b))


def _exp_of_product(b: Vector, log_a: Pair, a: Vector) -> Vector:
    """exp(b log(a)), where `log_a` is the logarithm if a is positive and finite."""
    high = _with_edges(log_a.high, a)
    product = exact_product(b, log_a.high)
    one = Pair(a.of(1.0), a.of(0.0))
    return times_exp(one, Pair(b.times(high), product.low + b * log_a.low))


def _with_sign_and_edges(size: Vector, a: Vector, b: Vector) -> Vector:
    """What a**b is if the power of |a| is `size`."""
    builder = a.lanes.builder
    whole = _is_whole(b)
    odd = builder.and_(whole, builder.not_(_is_whole(b * 0.5)))
    signed = size.with_sign(a).where(odd, size)
    undefined = builder.and_(builder.and_(a.is_("<", 0.0), a.is_(">", -math.inf)), builder.not_(whole))
    # A NaN of b is no whole number, and one of a is in `size`.
    return a.of(math.nan).where(undefined, signed)


def _is_whole(x: Vector) -> Any:
    """The mask of the whole numbers; the infinite ones and those without digits behind the point are among them."""
    step = 2.0**x.form.mantissa
    size = abs(x)
    rounded = size.plus(step).minus(step)
    return x.lanes.builder.or_(rounded.is_("==", size), size.is_(">=", step))
