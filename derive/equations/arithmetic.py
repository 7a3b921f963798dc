"""Arithmetic of numbers alone: what an exponent and a denominator are worth, and towers of powers refused.

A later stage may compute with such expressions exactly. Bounds on what they are made of keep that quick.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from derive.equations.limits import MAX_EXPONENT, MAX_MAGNITUDE, MAX_TOKENS
from derive.equations.model import Call, Expression, MatrixProduct, Negation, Number, Occurrence, Operation
from derive.equations.scan import number_objection


@dataclass(frozen=True, slots=True)
class Numeric:
    """An expression of numbers alone: its value (None where it is not rational), its size, whether it has a power.

    `size` counts the numbers after every name in it is replaced by its own expression.
    """

    value: Fraction | None
    size: int
    power: bool


def numeric(expression: Expression, known: Mapping[str, Numeric]) -> Numeric | None:
    """What `expression` is worth, given the names of `known`; None where it is not of numbers alone."""
    match expression:
        case Number(value):
            return Numeric(value, 1, power=False)
        case Occurrence(name, lag):
            return known.get(name) if lag == 0 else None
        case Negation(operand):
            inner = numeric(operand, known)
            return inner and Numeric(None if inner.value is None else -inner.value, inner.size, inner.power)
        case Operation(operator, left, right):
            a, b = numeric(left, known), numeric(right, known)
            return a and b and Numeric(_value(operator, a, b), a.size + b.size, a.power or b.power or operator == "**")
        case Call(_, arguments):
            parts = [numeric(argument, known) for argument in arguments]
            inside = [part for part in parts if part is not None]
            if len(inside) < len(parts):
                return None
            return Numeric(None, sum(part.size for part in inside), any(part.power for part in inside))
        case MatrixProduct():
            return None


def objection(operator: str, left: Expression, right: Expression, known: Mapping[str, Numeric]) -> str:
    """Why `left operator right` is refused for the numbers in it, or ""."""
    a, b = numeric(left, known), numeric(right, known)
    if operator == "**":
        return _power_objection(a, right, b, known)
    if operator == "/" and b and b.value == 0:
        return "the denominator is 0"
    if a and b:
        if a.size + b.size > MAX_TOKENS:
            return f"written out, the numbers here number more than {MAX_TOKENS}; put the value into [constants]"
        value = _value(operator, a, b)
        return number_objection(value) if value is not None else ""
    return ""


def _power_objection(
    base: Numeric | None, exponent: Expression, b: Numeric | None, known: Mapping[str, Numeric]
) -> str:
    if _has_power(exponent, known):
        return "an exponent cannot hold a power itself; give the inner power a name or write out its value"
    if base and base.power:
        return "a power of numbers raised to a power; write out its value"
    if b is None or b.value is None:
        return ""
    if abs(b.value) > MAX_EXPONENT:
        return f"an exponent that is a number lies between -{MAX_EXPONENT} and {MAX_EXPONENT}"
    if base and base.value is not None:
        if base.value == 0 and b.value < 0:
            return "0 to a negative power is a division by 0"
        if base.value and abs(float(b.value) * math.log10(abs(base.value))) > math.log10(MAX_MAGNITUDE):
            return "this power of numbers is beyond 1e30 or below 1e-30"
    return ""


def _has_power(expression: Expression, known: Mapping[str, Numeric]) -> bool:
    match expression:
        case Occurrence(name):
            return name in known and known[name].power
        case Negation(operand):
            return _has_power(operand, known)
        case Operation(operator, left, right):
            return operator == "**" or _has_power(left, known) or _has_power(right, known)
        case Call(_, arguments):
            return any(_has_power(argument, known) for argument in arguments)
        case MatrixProduct(_, _, operand):
            return _has_power(operand, known)
        case _:
            return False


def _value(operator: str, a: Numeric, b: Numeric) -> Fraction | None:
    """The rational value of `a operator b`; None for a power, which may be irrational, and for a division by 0."""
    if a.value is None or b.value is None:
        return None
    match operator:
        case "+":
            return a.value + b.value
        case "-":
            return a.value - b.value
        case "*":
            return a.value * b.value
        case "/" if b.value:
            return a.value / b.value
        case _:
            return None
