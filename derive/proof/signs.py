"""The signs of elements, case by case: on which side of its kink each comparison stands.

A comparison asks whether an element is positive. The first time it is asked the answer is chosen, later answers agree
with it; `cases` goes through all consistent choices. Kinks themselves, where an element is 0, are not looked at: they
belong to the tests of the rule table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeVar

from derive.proof.ring import BITS, ONE, Coefficient, Element, Polynomial, exponents, ratio

T = TypeVar("T")
Part = frozenset[tuple[int, Coefficient]]


class Choices:
    """The answers given in one case. `script` holds the first of them; all others are yes."""

    def __init__(self, script: tuple[bool, ...] = ()) -> None:
        self.answers: list[bool] = []
        self._script = script
        self._between: dict[Part, tuple[Fraction | None, Fraction | None]] = {}

    def above(self, part: Part, threshold: Coefficient) -> bool:
        """Whether the polynomial `part`, which has no constant term, is above `threshold`."""
        low, high = self._between.get(part, (None, None))
        bound = Fraction(threshold)
        if low is not None and bound <= low:
            return True
        if high is not None and bound >= high:
            return False
        given = len(self.answers)
        answer = self._script[given] if given < len(self._script) else True
        self.answers.append(answer)
        self._between[part] = (bound, high) if answer else (low, bound)
        return answer

    def assume(self, part: Part, low: Coefficient, high: Coefficient) -> None:
        """Know that `part` lies between two numbers."""
        self._between.setdefault(part, (Fraction(low), Fraction(high)))


def cases(decide: Callable[[Choices], T], most: int) -> Iterator[T]:
    """The result of `decide` in every consistent case; OverflowError where there are more than `most`."""
    script: tuple[bool, ...] | None = ()
    count = 0
    while script is not None:
        count += 1
        if count > most:
            raise OverflowError(f"more than {most} cases of functions with kinks")
        choices = Choices(script)
        yield decide(choices)
        answers = choices.answers
        while answers and not answers[-1]:
            answers.pop()
        script = (*answers[:-1], False) if answers else None


class Signs:
    """The signs of elements in one case."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._signed_like: dict[int, tuple[Fraction, Element, int]] = {}
        self.positive: set[int] = set()
        """The symbols that are above 0 in every case, by their indices."""

    def bound(self, index: int, low: Coefficient, high: Coefficient) -> None:
        """Know that the symbol lies between two numbers."""
        self._choices.assume(frozenset({(1 << (BITS * index), 1)}), low, high)

    def follow(self, index: int, threshold: Fraction, argument: Element, direction: int) -> None:
        """Know that the symbol is above `threshold` where `argument` is above 0, or, for -1, where it is below 0."""
        self._signed_like[index] = (threshold, argument, direction)

    def of(self, element: Element) -> int:
        """1, -1, or 0 for the element that is 0."""
        if not element:
            return 0
        odd = {factor: 1 for factor, exponent in element.factors.items() if exponent % 2}
        polynomial = Element(element.polynomial, odd).over({})
        spans = [dict(exponents(monomial)) for monomial in polynomial]
        content = {
            index: min(span.get(index, 0) for span in spans)
            for index in sorted({key for span in spans for key in span})
        }
        sign = 1
        for index, exponent in content.items():
            if exponent % 2 and index not in self.positive:
                sign *= self._of_polynomial({1 << (BITS * index): 1})
        lowest = sum(exponent << (BITS * index) for index, exponent in content.items())
        return sign * self._of_polynomial({key - lowest: number for key, number in polynomial.items()})

    def _of_polynomial(self, polynomial: Polynomial) -> int:
        if set(polynomial) == {0}:
            return 1 if polynomial[0] > 0 else -1
        part, threshold, leading = _without_constant(polynomial)
        sign = 1 if leading > 0 else -1
        if len(part) == 1:
            ((monomial, _),) = part
            (index, exponent), *more = exponents(monomial)
            level, argument, direction = self._signed_like.get(index, (None, ONE, 1))
            if not more and exponent == 1 and level == threshold:
                return sign * direction * self.of(argument)
        return sign if self._choices.above(part, threshold) else -sign


def _without_constant(polynomial: Polynomial) -> tuple[Part, Coefficient, Coefficient]:
    """`polynomial` as leading * (part - threshold): the part, the threshold and the leading coefficient."""
    leading = polynomial[max((key for key in polynomial if key), key=lambda key: (abs(key), key))]
    part = frozenset((key, ratio(number, leading)) for key, number in polynomial.items() if key)
    return part, ratio(-polynomial.get(0, 0), leading), leading
