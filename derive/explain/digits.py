"""Numbers for readers: a few significant digits of a 50-digit number, rounded once and exactly."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

import mpmath

from derive.proof.interpreter import Scalar

_EXACT = 60
_PLAIN = range(-4, 6)


def significant(value: Scalar, digits: int = 2) -> str:
    """`value` to so many significant digits: 0.93, 12, 310, 1.2e-7, and 0 for 0."""
    if value == 0:
        return "0"
    rounded = Context(prec=digits, rounding=ROUND_HALF_EVEN).create_decimal(Decimal(mpmath.nstr(value, _EXACT)))
    exponent = rounded.adjusted()
    if exponent in _PLAIN:
        # Trailing zeros that are significant stay: 0.10 is known to two digits.
        return f"{rounded:.{max(digits - 1 - exponent, 0)}f}"
    return f"{rounded:.{digits - 1}e}"


def percent(value: Scalar, digits: int = 2) -> str:
    """A share in per cent, without the sign: 93, 0.12."""
    return significant(100 * value, digits)


def latex_digits(value: Scalar, digits: int = 2) -> str:
    r"""`significant` for LaTeX, with 1.2 \cdot 10^{-7} for powers of ten."""
    mantissa, _, exponent = significant(value, digits).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
