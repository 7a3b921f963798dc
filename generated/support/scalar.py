"""Elementary functions of one number for Numba kernels, float32 or float64, compiled into the loops that call them.

The arguments of a function have one dtype, which is also that of its constants and its result: `type(x)(1)` is the 1
of that dtype, where a bare 1 would turn float32 into float64. NaN goes through. No function overflows at any finite
argument or raises; infinite arguments give the limit. The bounds are those of `generated.support.functions`, which
holds the same functions for arrays.
"""

from __future__ import annotations

import math

import numba

# The error model of NumPy spares every division a test for zero and the loop a branch.
_compiled = numba.njit(cache=True, error_model="numpy")


@_compiled
def tanh(x):
    """The hyperbolic tangent."""
    return math.tanh(x)


@_compiled
def sigmoid(x):
    """1 / (1 + exp(-x)), by exp(-|x|), which cannot overflow."""
    one = type(x)(1)
    decay = math.exp(-abs(x))
    return (decay if x < type(x)(0) else one) / (one + decay)


@_compiled
def relu(x):
    """x where x > 0, else 0."""
    zero = type(x)(0)
    return zero if x <= zero else x


@_compiled
def leaky_relu(x):
    """x where x > 0, else 0.01 x."""
    return x if x > type(x)(0) else type(x)(0.01) * x


@_compiled
def softplus(x):
    """log(1 + exp(x)), by exp(-|x|), which cannot overflow."""
    return relu(x) + math.log1p(math.exp(-abs(x)))


@_compiled
def softsign(x):
    """x / (1 + |x|); the cut at 1e30, where the result is 1 in both dtypes, is for infinite x."""
    cut = minimum(maximum(x, type(x)(-1e30)), type(x)(1e30))
    return cut / (type(x)(1) + abs(cut))


@_compiled
def elu(x):
    """x where x > 0, else exp(x) - 1."""
    return x if x > type(x)(0) else math.expm1(x)


@_compiled
def gelu(x):
    """x Φ(x), exact: not the approximation by tanh. Φ is 0 where the factor x is cut."""
    return maximum(x, type(x)(-1e3)) * normal_cdf(x)


@_compiled
def silu(x):
    """x sigmoid(x). The sigmoid is 0 where the factor x is cut."""
    return maximum(x, type(x)(-1e3)) * sigmoid(x)


@_compiled
def hard_sigmoid(x):
    """x / 6 + 1/2, cut at 0 and 1; the sum x + 3 is exact near -3, where x / 6 + 1/2 would cancel."""
    return minimum(maximum((x + type(x)(3)) / type(x)(6), type(x)(0)), type(x)(1))


@_compiled
def hard_tanh(x):
    """x, cut at -1 and 1."""
    return minimum(maximum(x, type(x)(-1)), type(x)(1))


@_compiled
def exp(x):
    """The exponential function."""
    return math.exp(x)


@_compiled
def log(x):
    """The natural logarithm; NaN below 0, -inf at 0."""
    return math.log(x)


@_compiled
def sqrt(x):
    """The square root; NaN below 0."""
    return math.sqrt(x)


@_compiled
def sin(x):
    """The sine of x radians; NaN at infinity."""
    return math.sin(x)


@_compiled
def cos(x):
    """The cosine of x radians; NaN at infinity."""
    return math.cos(x)


@_compiled
def erf(x):
    """The error function, 2 / sqrt(π) times the integral of exp(-s**2) from 0 to x."""
    return math.erf(x)


@_compiled
def minimum(a, b):
    """The lesser of a and b; a if they are equal, NaN if either is NaN."""
    return a if a <= b or a != a else b


@_compiled
def maximum(a, b):
    """The greater of a and b; a if they are equal, NaN if either is NaN."""
    return a if a >= b or a != a else b


@_compiled
def greater(a, b):
    """1 where a > b, else 0; NaN if either is NaN."""
    if a > b:
        return type(a)(1)
    return type(a)(0) if a <= b else a + b


@_compiled
def sign(x):
    """1, 0 or -1; NaN of NaN."""
    if x > type(x)(0):
        return type(x)(1)
    return type(x)(-1) if x < type(x)(0) else x


@_compiled
def power(a, b):
    """a**b; NaN where a < 0 and b is no integer."""
    return math.pow(a, b)


@_compiled
def xlogy(a, b):
    """a log(b), and 0 where a is 0 and b is a number."""
    return a if a == type(a)(0) and b == b else a * math.log(b)


@_compiled
def normal_cdf(x):
    """Φ(x) = erfc(-x / sqrt(2)) / 2: the complement keeps the digits of the lower tail."""
    return type(x)(0.5) * math.erfc(type(x)(-math.sqrt(0.5)) * x)


@_compiled
def normal_density(x):
    """exp(-x**2 / 2) / sqrt(2 π)."""
    return math.exp(type(x)(-0.5) * x * x) * type(x)(1 / math.sqrt(2 * math.pi))


@_compiled
def erf_derivative(x):
    """2 exp(-x**2) / sqrt(π)."""
    return math.exp(-x * x) * type(x)(2 / math.sqrt(math.pi))
