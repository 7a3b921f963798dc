"""Exact arithmetic with rational functions in many symbols.

An element is a Laurent polynomial times powers of a few factors: a denominator is kept as a factor and never divided
out, so that no greatest common divisor is needed. An element is 0 exactly if its polynomial has no terms.

A monomial is one integer with 16 bits for each symbol's exponent: the product of two monomials is a sum of integers.
Exponents may be negative; the map is one-to-one while they stay below 2**15 in size, far above any that occur here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

BITS = 16
HALF = 1 << (BITS - 1)
MASK = (1 << BITS) - 1
MOST_TERMS = 200_000

Coefficient = int | Fraction
Polynomial = dict[int, Coefficient]
Factor = frozenset[tuple[int, Coefficient]]


class TooLargeError(Exception):
    """A polynomial grew beyond `MOST_TERMS`: the question is left undecided."""


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """`polynomial` times the product of `factors`, polynomials raised to whole powers other than 0."""

    polynomial: Polynomial
    factors: Mapping[Factor, int]

    def __bool__(self) -> bool:
        return bool(self.polynomial)

    def __add__(self, other: Element) -> Element:
        if not other.polynomial:
            return self
        if not self.polynomial:
            return other
        if self.factors == other.factors:
            return Element(_sum(self.polynomial, other.polynomial), self.factors)
        common, left, right = aligned(self, other)
        return Element(_sum(left, right), common)

    def __neg__(self) -> Element:
        return Element({monomial: -number for monomial, number in self.polynomial.items()}, self.factors)

    def __sub__(self, other: Element) -> Element:
        return self + -other

    def __mul__(self, other: Element) -> Element:
        if not self.polynomial or not other.polynomial:
            return ZERO
        factors = dict(self.factors)
        for factor, exponent in other.factors.items():
            factors[factor] = factors.get(factor, 0) + exponent
        return Element(
            _product(self.polynomial, other.polynomial),
            {factor: exponent for factor, exponent in factors.items() if exponent},
        )

    def __pow__(self, exponent: int) -> Element:
        if exponent < 0:
            return self.inverse() ** -exponent
        result = ONE
        for _ in range(exponent):
            result = result * self
        return result

    def inverse(self) -> Element:
        """1 over this element; ZeroDivisionError where it is 0."""
        if not self.polynomial:
            raise ZeroDivisionError("an expression that is 0 identically stands in a denominator")
        factors = {factor: -exponent for factor, exponent in self.factors.items()}
        content = min(self.polynomial)
        leading = self.polynomial[max(self.polynomial)]
        if len(self.polynomial) > 1:
            factor = frozenset((key - content, ratio(number, leading)) for key, number in self.polynomial.items())
            factors[factor] = factors.get(factor, 0) - 1
        return Element({-content: ratio(1, leading)}, {key: exponent for key, exponent in factors.items() if exponent})

    def scaled(self, number: Coefficient) -> Element:
        """This element times a number."""
        return self * constant(number)

    @property
    def number(self) -> Coefficient | None:
        """The rational number that this element is, or None."""
        if not self.polynomial:
            return 0
        return self.polynomial.get(0) if len(self.polynomial) == 1 and not self.factors else None

    def split(self, symbols: int) -> dict[int, Element]:
        """The coefficients of a linear form in the symbols with indices below `symbols`, by index."""
        parts: dict[int, Polynomial] = {}
        low = 1 << (BITS * symbols)
        for monomial, number in self.polynomial.items():
            direction = monomial % low
            parts.setdefault(direction, {})[monomial - direction] = number
        return {
            (direction.bit_length() - 1) // BITS: Element(polynomial, self.factors)
            for direction, polynomial in parts.items()
        }

    def over(self, common: Mapping[Factor, int]) -> Polynomial:
        """The polynomial of this element once the powers `common` are taken out."""
        polynomial = self.polynomial
        for factor in {**self.factors, **common}:
            for _ in range(self.factors.get(factor, 0) - common.get(factor, 0)):
                polynomial = _product(polynomial, dict(factor))
        return polynomial


def aligned(left: Element, right: Element) -> tuple[Mapping[Factor, int], Polynomial, Polynomial]:
    """The common factors of two elements, and what is left of each as a polynomial."""
    common = {
        factor: least
        for factor in (*left.factors, *(key for key in right.factors if key not in left.factors))
        if (least := min(left.factors.get(factor, 0), right.factors.get(factor, 0)))
    }
    return common, left.over(common), right.over(common)


def ratio(over: Coefficient, under: Coefficient) -> Coefficient:
    """The quotient of two numbers, an int where it is whole."""
    quotient = Fraction(over) / under
    return quotient.numerator if quotient.denominator == 1 else quotient


def constant(number: Coefficient) -> Element:
    """A rational number."""
    return Element({0: number}, {}) if number else ZERO


def symbol(index: int, exponent: int = 1) -> Element:
    """A power of the symbol with that index."""
    return Element({exponent << (BITS * index): 1}, {})


def perfect_root(element: Element, degree: int) -> Element | None:
    """An element whose power `degree` is `element`, or None where there is none among these elements.

    Monomials, as integers, are ordered as products are: the terms of the root follow one by one from the leading terms
    of what is left.
    """
    if any(exponent % degree for exponent in element.factors.values()):
        return None
    leading = max(element.polynomial)
    coefficient = _number_root(element.polynomial[leading], degree)
    if coefficient is None or any(exponent % degree for _, exponent in exponents(leading)):
        return None
    first = Element({leading // degree: coefficient}, {})
    divisor = (first ** (degree - 1)).scaled(degree).inverse()
    root = first
    for _ in element.polynomial:
        rest = Element(element.polynomial, {}) - root**degree
        if not rest:
            return Element(root.polynomial, {key: exponent // degree for key, exponent in element.factors.items()})
        place = max(rest.polynomial)
        term = Element({place: rest.polynomial[place]}, {}) * divisor
        if next(iter(term.polynomial)) in root.polynomial:
            return None
        root = root + term
    return None


def _number_root(number: Coefficient, degree: int) -> Coefficient | None:
    """The rational root of a number: the positive one where the degree is even."""
    fraction = Fraction(-number if number < 0 else number)
    if number < 0 and degree % 2 == 0:
        return None
    parts = [_whole_root(part, degree) for part in (fraction.numerator, fraction.denominator)]
    if parts[0] ** degree != fraction.numerator or parts[1] ** degree != fraction.denominator:
        return None
    return ratio(parts[0] if number > 0 else -parts[0], parts[1])


def _whole_root(number: int, degree: int) -> int:
    """The largest whole number whose power is at most `number`."""
    low, high = 0, number + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= number else (low, middle)
    return low


def exponents(monomial: int) -> Iterator[tuple[int, int]]:
    """The indices of the symbols in a monomial and their exponents."""
    index = 0
    while monomial:
        exponent = ((monomial + HALF) & MASK) - HALF
        if exponent:
            yield index, exponent
        monomial = (monomial - exponent) >> BITS
        index += 1


def _sum(left: Polynomial, right: Polynomial) -> Polynomial:
    if len(left) < len(right):
        left, right = right, left
    total = dict(left)
    for monomial, number in right.items():
        added = total.get(monomial, 0) + number
        if added:
            total[monomial] = added
        else:
            del total[monomial]
    return total


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    if len(left) > len(right):
        left, right = right, left
    if len(left) * len(right) > MOST_TERMS * 10:
        raise TooLargeError
    total: Polynomial = {}
    for monomial, number in left.items():
        for other, coefficient in right.items():
            key = monomial + other
            total[key] = total.get(key, 0) + number * coefficient
    return {monomial: number for monomial, number in total.items() if number}


ZERO = Element({}, {})
ONE = constant(1)
