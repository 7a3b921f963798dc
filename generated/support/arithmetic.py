"""Vectors with the operators of Python in code that is being written, and arithmetic on them that loses no digit.

The elementary functions of vectors (`formulas`, `exponentials`, `logarithms`, `trigonometric`, `error_function`) are
made of these. A `Vector` is a value of LLVM; an operator on it writes an instruction. The product and the sum of two
operators may be rounded once, together; `plus`, `minus`, `times` and what is made of them are rounded each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from generated.support.vectors import CONTRACT, HOST, Lanes


@dataclass(frozen=True, slots=True)
class Format:
    """Constants of one floating-point format.

    `mantissa` is the number of stored digits, `smallest` the least normal number. `magic` is 1.5 times the number whose
    last digit is 1: added and taken away, it rounds to whole numbers, and its last bits hold them. log(2) is
    `high + low`, and `high` times any exponent is exact.
    """

    bits: int
    mantissa: int
    bias: int
    high: float
    low: float

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa

    @property
    def smallest(self) -> float:
        return 2.0 ** (1 - self.bias)

    @property
    def sign(self) -> int:
        """The bit of the sign."""
        return -1 << (self.bits - 1)


_FORMATS = {
    4: Format(32, 23, 127, 0.693359375, -2.121944400546905827679e-4),
    8: Format(64, 52, 1023, 0.693145751953125, 1.42860682030941723212e-6),
}


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector in code that is being written, with the operators of Python; a number beside it stands for all lanes."""

    lanes: Lanes
    value: Any

    @property
    def form(self) -> Format:
        """The format of the elements."""
        return _FORMATS[self.lanes.itemsize]

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

    def horner(self, coefficients: Sequence[float]) -> Vector:
        """coefficients[0] + coefficients[1] self + coefficients[2] self**2 + ..., by Horner's scheme."""
        *rest, last = coefficients
        result = self.of(last)
        for coefficient in reversed(rest):
            result = result.multiply_add(self, coefficient)
        return result

    def polynomial(self, coefficients: Sequence[float]) -> Vector:
        """The same, the even and the odd powers by themselves: two short chains, which a CPU follows side by side."""
        square = self * self
        return square.horner(coefficients[1::2]).multiply_add(self, square.horner(coefficients[::2]))

    def with_sign(self, sign: Vector) -> Vector:
        """The size of this vector with the sign of another."""
        return Vector(self.lanes, self.lanes.with_sign(self.value, sign.value))

    def plus(self, other: Any) -> Vector:
        """self + other, rounded by itself."""
        return Vector(self.lanes, self.lanes.builder.fadd(self.value, self.of(other).value))

    def minus(self, other: Any) -> Vector:
        """self - other, rounded by itself."""
        return Vector(self.lanes, self.lanes.builder.fsub(self.value, self.of(other).value))

    def times(self, other: Any) -> Vector:
        """self * other, rounded by itself."""
        return Vector(self.lanes, self.lanes.builder.fmul(self.value, self.of(other).value))

    def bits(self) -> Any:
        """The elements as integers of the same bits."""
        return self.lanes.builder.bitcast(self.value, ir.VectorType(ir.IntType(self.form.bits), self.lanes.count))

    def of_bits(self, bits: Any) -> Vector:
        """A vector of this type from integers of the same bits."""
        return Vector(self.lanes, self.lanes.builder.bitcast(bits, self.lanes.type))

    def integers(self, number: int) -> Any:
        """The same integer for each lane, as wide as the elements."""
        return ir.Constant(ir.VectorType(ir.IntType(self.form.bits), self.lanes.count), [number] * self.lanes.count)

    def nearest(self) -> tuple[Vector, Any]:
        """The nearest whole numbers, as they are and as integers, for sizes far below `magic`."""
        shifted = self.plus(self.form.magic)
        n = self.lanes.builder.sub(shifted.bits(), self.of(self.form.magic).bits())
        return shifted.minus(self.form.magic), n

    def widened(self) -> Vector:
        """The same numbers in float64."""
        lanes = Lanes(self.lanes.builder, ir.DoubleType(), self.lanes.count)
        return self if self.lanes.itemsize == 8 else Vector(lanes, self.lanes.builder.fpext(self.value, lanes.type))

    def narrowed(self, lanes: Lanes) -> Vector:
        """The numbers rounded to the type of `lanes`."""
        if self.lanes.itemsize == lanes.itemsize:
            return self
        return Vector(lanes, self.lanes.builder.fptrunc(self.value, lanes.type))

    def _operation(self, name: str, a: Vector, b: Vector) -> Vector:
        return Vector(self.lanes, getattr(self.lanes.builder, name)(a.value, b.value, flags=CONTRACT))


@dataclass(frozen=True, slots=True)
class Pair:
    """The unrounded sum of two vectors, of which the second is below half a last digit of the first, or about that."""

    high: Vector
    low: Vector

    def __mul__(self, other: Pair) -> Pair:
        """The product, to nearly twice the digits of a vector."""
        product = exact_product(self.high, other.high)
        cross = self.high * other.low + self.low * other.high
        return quick_sum(product.high, product.low + cross)


def exact_sum(a: Vector, b: Vector) -> Pair:
    """a + b and what its rounding took away (Knuth)."""
    total = a.plus(b)
    part = total.minus(a)
    return Pair(total, a.minus(total.minus(part)).plus(b.minus(part)))


def quick_sum(a: Vector, b: Vector) -> Pair:
    """a + b and what its rounding took away, for |a| >= |b| or a = 0 (Dekker)."""
    total = a.plus(b)
    return Pair(total, b.minus(total.minus(a)))


def exact_product(a: Vector, b: Vector) -> Pair:
    """a * b and what its rounding took away, by one fused operation or by halves of the factors (Dekker)."""
    product = a.times(b)
    if HOST.fused:
        return Pair(product, a.multiply_add(b, -product))
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    error = a_high.times(b_high).minus(product)
    error = error.plus(a_high.times(b_low)).plus(a_low.times(b_high))
    return Pair(product, error.plus(a_low.times(b_low)))


def _halves(a: Vector) -> tuple[Vector, Vector]:
    """a as the sum of two vectors of half the digits (Veltkamp); its size times 2**27 must not overflow."""
    scaled = a.times(2.0 ** ((a.form.mantissa + 2) // 2) + 1)
    high = scaled.minus(scaled.minus(a))
    return high, a.minus(high)
