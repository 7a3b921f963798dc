"""Elementary functions of vectors, written without branches in LLVM's instructions.

Each takes and gives a `Vector` of float32 or float64 and promises what the same function of `scalar` promises: within
4 ulp of the true value where the result is a normal number (`normal_density` and `erf_derivative`: 4 + 2 x**2 ulp),
the limit at infinite arguments, NaN of NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from generated.support.vectors import Lanes

_CONTRACT = ("contract",)


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector in code that is being written, with the operators of Python; a number beside it stands for all lanes."""

    lanes: Lanes
    value: Any

    def of(self, number: Any) -> Vector:
        """A vector of this type with the same number everywhere; a vector as it is."""
        if isinstance(number, Vector):
            return number
        return Vector(self.lanes, ir.Constant(self.lanes.type, [float(number)] * self.lanes.count))

    def __add__(self, other: Any) -> Vector:
        return self._operation("fadd", self, self.of(other))

    def __sub__(self, other: Any) -> Vector:
        return self._operation("fsub", self, self.of(other))

    def __mul__(self, other: Any) -> Vector:
        return self._operation("fmul", self, self.of(other))

    def __truediv__(self, other: Any) -> Vector:
        return self._operation("fdiv", self, self.of(other))

    def __neg__(self) -> Vector:
        return Vector(self.lanes, self.lanes.builder.fneg(self.value))

    def __abs__(self) -> Vector:
        return Vector(self.lanes, self.lanes.unary("llvm.fabs", self.value))

    def is_(self, relation: str, other: Any) -> Any:
        """The mask of the lanes where the relation holds; none holds for NaN, but `!=`."""
        if relation == "!=":
            return self.lanes.builder.fcmp_unordered(relation, self.value, self.of(other).value)
        return self.lanes.builder.fcmp_ordered(relation, self.value, self.of(other).value)

    def where(self, mask: Any, other: Any) -> Vector:
        """This vector under the mask, the other one elsewhere."""
        return Vector(self.lanes, self.lanes.builder.select(mask, self.value, self.of(other).value))

    def multiply_add(self, factor: Any, summand: Any) -> Vector:
        """self * factor + summand, rounded once where the CPU can do that."""
        factors = self.value, self.of(factor).value
        return Vector(self.lanes, self.lanes.multiply_add(*factors, self.of(summand).value))

    def _operation(self, name: str, a: Vector, b: Vector) -> Vector:
        return Vector(self.lanes, getattr(self.lanes.builder, name)(a.value, b.value, flags=_CONTRACT))


@dataclass(frozen=True, slots=True)
class _Format:
    """Constants of one floating-point format.

    `magic` is 1.5 times the number whose last digit is 1: added and taken away, it rounds to whole numbers, and its
    last bits hold them. log(2) is `high + low`, and `high` times any exponent is exact. `degree` is that of the
    polynomial for exp on [-log(2)/2, log(2)/2]. exp(x) is 0 below `least` and infinite above `most`.
    """

    bits: int
    mantissa: int
    bias: int
    high: float
    low: float
    degree: int
    least: float
    most: float

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa


_FORMATS = {
    4: _Format(32, 23, 127, 0.693359375, -2.121944400546905827679e-4, 7, -104.0, 89.0),
    8: _Format(64, 52, 1023, 0.693145751953125, 1.42860682030941723212e-6, 13, -746.0, 710.0),
}


def _reduced(x: Vector) -> tuple[Any, Vector]:
    """x = n log(2) + r with |r| <= log(2)/2: the whole numbers n, and r (Cody and Waite)."""
    form = _FORMATS[x.lanes.itemsize]
    builder, integers = x.lanes.builder, ir.VectorType(ir.IntType(form.bits), x.lanes.count)
    # No contraction here: the magic number must be added to the rounded product, and taken from the rounded sum.
    product = builder.fmul(x.value, x.of(1 / math.log(2)).value)
    shifted = builder.fadd(product, x.of(form.magic).value)
    whole = Vector(x.lanes, builder.fsub(shifted, x.of(form.magic).value))
    n = builder.sub(builder.bitcast(shifted, integers), builder.bitcast(x.of(form.magic).value, integers))
    rest = whole.multiply_add(-form.low, whole.multiply_add(-form.high, x))
    return n, rest


def _power_of_two(x: Vector, n: Any) -> Vector:
    """2**n for exponents of normal numbers."""
    form = _FORMATS[x.lanes.itemsize]
    builder = x.lanes.builder
    exponent = builder.add(n, ir.Constant(n.type, [form.bias] * x.lanes.count))
    bits = builder.shl(exponent, ir.Constant(n.type, [form.mantissa] * x.lanes.count))
    return Vector(x.lanes, builder.bitcast(bits, x.lanes.type))


def _exp_less_one(r: Vector) -> Vector:
    """exp(r) - 1 for small r, by its Taylor series r + r**2 (1/2! + r/3! + ...)."""
    degree = _FORMATS[r.lanes.itemsize].degree
    series = r.of(1 / math.factorial(degree))
    for order in range(degree - 1, 1, -1):
        series = series.multiply_add(r, 1 / math.factorial(order))
    return (r * r).multiply_add(series, r)


def _at_least(x: Vector, bound: float) -> Vector:
    """x, or the bound where x is less; NaN stays."""
    return x.of(bound).where(x.is_("<", bound), x)


def exp(x: Vector) -> Vector:
    """The exponential function; results below the normal numbers are gradual."""
    form = _FORMATS[x.lanes.itemsize]
    x = _at_least(x, form.least)
    x = x.of(form.most).where(x.is_(">", form.most), x)
    n, rest = _reduced(x)
    builder = x.lanes.builder
    # In two steps, because 2**n itself is no normal number at either end.
    half = builder.ashr(n, ir.Constant(n.type, [1] * x.lanes.count))
    return (_exp_less_one(rest) + 1.0) * _power_of_two(x, half) * _power_of_two(x, builder.sub(n, half))


def _expm1_of_negative(x: Vector) -> Vector:
    """exp(x) - 1 for x <= 0."""
    x = _at_least(x, -40.0)
    n, rest = _reduced(x)
    scale = _power_of_two(x, n)
    return _exp_less_one(rest).multiply_add(scale, scale - 1.0)


def tanh(x: Vector) -> Vector:
    """The hyperbolic tangent, -m / (m + 2) with m = exp(-2 |x|) - 1, which keeps the digits near 0."""
    m = _expm1_of_negative(abs(x) * -2.0)
    size = -m / (m + 2.0)
    return Vector(x.lanes, x.lanes.with_sign(size.value, x.value))


def sigmoid(x: Vector) -> Vector:
    """1 / (1 + exp(-x)), by exp(-|x|), which cannot overflow."""
    decay = exp(-abs(x))
    return decay.where(x.is_("<", 0.0), 1.0) / (decay + 1.0)


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


def elu(x: Vector) -> Vector:
    """x where x > 0, else exp(x) - 1."""
    return x.where(x.is_(">", 0.0), _expm1_of_negative(minimum(x, x.of(0.0))))


def silu(x: Vector) -> Vector:
    """x sigmoid(x). The sigmoid is 0 where the factor x is cut."""
    return maximum(x, x.of(-1e3)) * sigmoid(x)


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


def normal_density(x: Vector) -> Vector:
    """exp(-x**2 / 2) / sqrt(2 π)."""
    return exp(x * -0.5 * x) * (1 / math.sqrt(2 * math.pi))


def erf_derivative(x: Vector) -> Vector:
    """2 exp(-x**2) / sqrt(π)."""
    return exp(-x * x) * (2 / math.sqrt(math.pi))
