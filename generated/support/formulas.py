"""Elementary functions of vectors that need no series, without branches.

Each takes and gives a `Vector` of float32 or float64 and promises what the same function of `scalar` promises: the
limit at infinite arguments, NaN of NaN. docs/vectors.md states the bounds.
"""

from __future__ import annotations

from generated.support.arithmetic import Vector


def relu(x: Vector) -> Vector:
    """x where x > 0, else 0."""
    return x.of(0.0).where(x.is_("<=", 0.0), x)


def leaky_relu(x: Vector) -> Vector:
    """x where x > 0, else 0.01 x."""
    return x.where(x.is_(">", 0.0), x * 0.01)


def softsign(x: Vector) -> Vector:
    """x / (1 + |x|); the cut at 1e30, where the result is 1 in both dtypes, is for infinite x."""
    cut = minimum(maximum(x, x.of(-1e30)), x.of(1e30))
    return cut / (abs(cut) + 1.0)


def hard_sigmoid(x: Vector) -> Vector:
    """x / 6 + 1/2, cut at 0 and 1; the sum x + 3 is exact near -3, where x / 6 + 1/2 would cancel."""
    return minimum(maximum((x + 3.0) / 6.0, x.of(0.0)), x.of(1.0))


def hard_tanh(x: Vector) -> Vector:
    """x, cut at -1 and 1."""
    return minimum(maximum(x, x.of(-1.0)), x.of(1.0))


def sqrt(x: Vector) -> Vector:
    """The square root; NaN below 0."""
    return Vector(x.lanes, x.lanes.unary("llvm.sqrt", x.value))


def minimum(a: Vector, b: Vector) -> Vector:
    """The lesser of a and b; a if they are equal, NaN if either is NaN."""
    return a.where(a.is_("<=", b), a.where(a.is_("!=", a), b))


def maximum(a: Vector, b: Vector) -> Vector:
    """The greater of a and b; a if they are equal, NaN if either is NaN."""
    return a.where(a.is_(">=", b), a.where(a.is_("!=", a), b))


def greater(a: Vector, b: Vector) -> Vector:
    """1 where a > b, else 0; NaN if either is NaN."""
    return a.of(1.0).where(a.is_(">", b), a.of(0.0).where(a.is_("<=", b), a + b))


def sign(x: Vector) -> Vector:
    """1, 0 or -1; NaN of NaN."""
    return x.of(1.0).where(x.is_(">", 0.0), x.of(-1.0).where(x.is_("<", 0.0), x))
