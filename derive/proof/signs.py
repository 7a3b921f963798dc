"""Case distinctions: on which side of its kink each comparison stands.

A comparison asks whether an element is positive. The first time it is asked the answer is chosen, later answers agree
with it; `cases` goes through all consistent choices. Kinks themselves, where an element is 0, are not looked at: they
belong to the tests of the rule table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeVar

from derive.proof.ring import Coefficient, ratio

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


def without_constant(polynomial: dict[int, Coefficient]) -> tuple[Part, Coefficient, Coefficient]:
    """`polynomial` as leading * (part - threshold): the part, the threshold and the leading coefficient."""
    leading = polynomial[max((key for key in polynomial if key), key=lambda key: (abs(key), key))]
    part = frozenset((key, ratio(number, leading)) for key, number in polynomial.items() if key)
    return part, ratio(-polynomial.get(0, 0), leading), leading
