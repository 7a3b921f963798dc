"""Elementary functions of NumPy arrays that NumPy itself lacks, in the array's own dtype, float32 or float64.

NaN goes through. No function overflows at any finite argument, raises a warning, or writes to its argument; infinite
arguments give the limit. Where the result is a normal number, and for `silu` the sigmoid too, it is within 4 ulp of the
true value, except for `gelu`, `normal_cdf`, `normal_density` and `erf_derivative`, whose bound of 4 + 2 x**2 ulp is
their own condition: a change of x in its last digit changes them by as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

SATURATED = 1e3
"""Beyond this size exp(-|x|) and exp(-x**2 / 2) are zero in both dtypes, and their argument may be cut here."""


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), by exp(-|x|), which cannot overflow."""
    decay = np.exp(-np.abs(x))
    return np.where(x < 0, decay, 1) / (1 + decay)


def leaky_relu(x: np.ndarray) -> np.ndarray:
    """x where x > 0, else 0.01 x."""
    return np.maximum(x, 0.01 * x)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), by exp(-|x|), which cannot overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softsign(x: np.ndarray) -> np.ndarray:
    """x / (1 + |x|); the cut at 1e30, where the result is 1 in both dtypes, is for infinite x."""
    x = np.clip(x, -1e30, 1e30)
    return x / (1 + np.abs(x))


def elu(x: np.ndarray) -> np.ndarray:
    """x where x > 0, else exp(x) - 1."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def gelu(x: np.ndarray) -> np.ndarray:
    """x Φ(x), exact: not the approximation by tanh."""
    return np.maximum(x, -SATURATED) * normal_cdf(x)


def silu(x: np.ndarray) -> np.ndarray:
    """x sigmoid(x)."""
    return np.maximum(x, -SATURATED) * sigmoid(x)


def hard_sigmoid(x: np.ndarray) -> np.ndarray:
    """x / 6 + 1/2, cut at 0 and 1; the sum x + 3 is exact near -3, where x / 6 + 1/2 would cancel."""
    return np.clip((x + 3) / 6, 0, 1)


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, 2 / sqrt(π) times the integral of exp(-s**2) from 0 to x."""
    return _each(math.erf, x)


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """Φ(x) = erfc(-x / sqrt(2)) / 2: the complement keeps the digits of the lower tail."""
    return 0.5 * _each(math.erfc, -math.sqrt(0.5) * x)


def normal_density(x: np.ndarray) -> np.ndarray:
    """exp(-x**2 / 2) / sqrt(2 π)."""
    x = np.clip(x, -SATURATED, SATURATED)
    return np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))


def erf_derivative(x: np.ndarray) -> np.ndarray:
    """2 exp(-x**2) / sqrt(π)."""
    x = np.clip(x, -SATURATED, SATURATED)
    return np.exp(-x * x) * (2 / math.sqrt(math.pi))


def greater(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """1 where a > b, else 0; NaN where either is NaN."""
    unordered = np.isnan(a) | np.isnan(b)
    return np.where(unordered, np.nan, np.greater(a, b)).astype(np.result_type(a, b))


@np.errstate(divide="ignore", invalid="ignore")
def xlogy(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """a log(b), and 0 where a is 0 and b is a number."""
    return np.where(np.equal(a, 0) & ~np.isnan(b), 0, a * np.log(b))


def _each(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """`function` of each element, in double precision, back in the dtype of x."""
    return np.vectorize(function, otypes=[np.float64])(x).astype(np.asarray(x).dtype)
