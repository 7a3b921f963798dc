"""The error function and the normal distribution of vectors, without branches; docs/vectors.md states the bounds.

Both tails are exp(-x**2 / 2) E(|x|) / 2, with the rounding error of x**2 carried along. E(y) = exp(y**2 / 2)
erfc(y / sqrt(2)) falls slowly: with t = 5 / (5 + y) it is t G(1 - 2 t), and G is nearly a polynomial.
"""

from __future__ import annotations

import math

from generated.support.arithmetic import Pair, Vector, exact_product, exact_sum
from generated.support.exponentials import times_exp
from generated.support.formulas import maximum, minimum

# Made with mpmath at 50 digits: the Chebyshev series of G over 0 <= y <= 14.5 (float32) or 39 (float64), from 64 nodes,
# cut behind the degree 10 or 22 and expanded in powers. The relative error is below 2**-27.9 or 2**-56.1. The first two
# numbers are the constant term, whose second part also balances the rounding of the other coefficients.
_COEFFICIENTS = {
    4: (
        0.3076772204,
        8e-09,
        -0.266152991,
        0.1981221817,
        -0.1254137182,
        0.06600915105,
        -0.02764140099,
        0.008315493375,
        -0.001228442827,
        -0.000337509746,
        0.0002680850836,
        4.499452006e-5,
    ),
    8: (
        0.30767721990002517,
        3.6e-17,
        -0.2661530011560227,
        0.19812224638799056,
        -0.12541326266852162,
        0.06600814646815341,
        -0.02764745548252987,
        0.008318026719962165,
        -0.0011973507081252132,
        -0.0003191477594670888,
        0.00021795962532043453,
        -2.375029081290955e-05,
        -1.990512299914039e-05,
        6.6724844928470805e-06,
        1.5923529286054855e-06,
        -1.1077058292135087e-06,
        -1.3463126495916522e-07,
        1.7325756375794248e-07,
        1.6892669743202783e-08,
        -2.63812051794841e-08,
        -3.7140123990705683e-09,
        3.06971977125117e-09,
        6.979695032025746e-10,
        -6.518092021575033e-11,
    ),
}
_CUT = {4: 15.0, 8: 40.0}
"""The lower tail is 0 from this size on."""
_TERMS = {4: 8, 8: 15}
"""How many terms of the Taylor series of erf(x) / x are taken for |x| < 3/4."""


def _tail(y: Vector, exponent: Pair) -> Vector:
    """exp(-exponent) E(y) for y >= 0.

    t has an error; E is taken at the y that belongs to it, and its slope, about -(0.2 t + 0.6 t**2) E, makes up for it.
    """
    five = y.of(5.0)
    divisor = exact_sum(five, y)
    t = five / divisor.high
    whole = exact_product(t, divisor.high)
    error = five.minus(whole.high).minus(whole.low) - t * divisor.low
    constant, small, *others = _COEFFICIENTS[y.lanes.itemsize]
    u = t * -2.0 + 1.0
    product = exact_product(u, u.horner(others))
    g = exact_sum(product.high, u.of(constant))
    slow = exact_product(t, g.high)
    slow = Pair(slow.high, t.multiply_add(g.low + (product.low + small), slow.low))
    return times_exp(slow, Pair(-exponent.high, (t * 0.6 + 0.2).multiply_add(error, -exponent.low)))


def erf(x: Vector) -> Vector:
    """The error function, 2 / sqrt(π) times the integral of exp(-s**2) from 0 to x."""
    scale, orders = 2 / math.sqrt(math.pi), range(_TERMS[x.lanes.itemsize])
    series = [scale * (-1) ** order / (math.factorial(order) * (2 * order + 1)) for order in orders]
    near = x * (x * x).horner(series)
    # From 6 on it is 1 in both dtypes.
    y = minimum(abs(x), x.of(6.0))
    far = -_tail(y * math.sqrt(2), exact_product(y, y)) + 1.0
    return near.where(y.is_("<", 0.75), far.with_sign(x))


def normal_cdf(x: Vector) -> Vector:
    """Φ(x) = erfc(-x / sqrt(2)) / 2, which keeps the digits of the lower tail."""
    y = minimum(abs(x), x.of(_CUT[x.lanes.itemsize]))
    square = exact_product(y, y)
    tail = _tail(y, Pair(square.high * 0.5, square.low * 0.5)) * 0.5
    return tail.where(x.is_("<", 0.0), -tail + 1.0)


def gelu(x: Vector) -> Vector:
    """x Φ(x), exact: not the approximation by tanh. Φ is 0 where the factor x is cut."""
    return maximum(x, x.of(-1e3)) * normal_cdf(x)
