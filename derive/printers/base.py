"""What all printers share: SymPy expressions to text, in the order in which the reader wrote them.

SymPy sorts the terms of a sum by its own rules. Each symbol's position in the equation's text restores the order of
the reader: a term stands where its first symbol stands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum

import sympy

from derive.elementary import Elementary, Slope


class Binding(IntEnum):
    """How tightly a piece of text holds together.

    A TERM may stand in a sum as it is, but not beside a factor: a matrix product in code, whose sign has the rank of
    a star.
    """

    SUM = 1
    TERM = 2
    PRODUCT = 3
    POWER = 4
    ATOM = 5


Printed = tuple[str, Binding]


class Printer(ABC):
    """Prints expressions over the symbols of a cell; a subclass says how a leaf and an operation look."""

    def __init__(self, order: Sequence[sympy.Symbol] = ()) -> None:
        """`order` lists symbols in the order of the text; others come behind them, by name."""
        self._position = {symbol: index for index, symbol in reversed(list(enumerate(order)))}

    def text(self, expression: sympy.Expr, binding: Binding = Binding.SUM) -> str:
        """The text of `expression`, in brackets if it binds less tightly than `binding`."""
        text, own = self._print(expression)
        return text if own >= binding else self.brackets(text)

    @abstractmethod
    def symbol(self, symbol: sympy.Symbol) -> Printed:
        """A leaf of the expression."""

    @abstractmethod
    def number(self, number: sympy.Rational) -> Printed:
        """A number that is not negative."""

    @abstractmethod
    def call(self, application: Elementary) -> Printed:
        """An elementary function of its arguments."""

    @abstractmethod
    def slope(self, application: Slope) -> Printed:
        """An unexpanded derivative: tanh'(c)."""

    @abstractmethod
    def product(self, factors: Sequence[sympy.Expr]) -> Printed:
        """A product of two or more factors, none of which is negative or a quotient."""

    @abstractmethod
    def quotient(self, numerator: sympy.Expr, denominator: sympy.Expr) -> Printed:
        """A fraction."""

    @abstractmethod
    def power(self, base: sympy.Expr, exponent: sympy.Rational) -> Printed:
        """A power with a positive rational exponent."""

    def brackets(self, text: str) -> str:
        """`text` in brackets."""
        return f"({text})"

    def negative(self, expression: sympy.Expr) -> Printed:
        """Minus a product, a quotient or a leaf."""
        return f"-{self.text(expression, Binding.TERM)}", Binding.SUM

    def sum(self, terms: Sequence[tuple[bool, sympy.Expr]]) -> Printed:
        """A sum of (negative, term) pairs."""
        pieces = []
        for index, (negative, term) in enumerate(terms):
            sign = ("-" if negative else "") if index == 0 else (" - " if negative else " + ")
            pieces.append(sign + self.text(term, Binding.TERM))
        return "".join(pieces), Binding.SUM

    def sort(self, expressions: Sequence[sympy.Expr]) -> list[sympy.Expr]:
        """`expressions` in the order of the text."""
        return sorted(expressions, key=self._key)

    def _key(self, expression: sympy.Expr) -> tuple[int, int, str]:
        if expression.is_Number:
            # 1 - f reads better than -f + 1, and x - 1 better than -1 + x.
            return (0, 0, "") if expression.is_nonnegative else (2, 0, "")
        unknown = len(self._position)
        first = min((self._position.get(item, unknown) for item in expression.free_symbols), default=unknown)
        # f * (1 - f) reads better than (1 - f) * f.
        return 1, first, f"{isinstance(expression, sympy.Add):d}{expression}"

    def _print(self, expression: sympy.Expr) -> Printed:
        if isinstance(expression, sympy.Symbol):
            return self.symbol(expression)
        if isinstance(expression, Elementary):
            return self.call(expression)
        if isinstance(expression, Slope):
            return self.slope(expression)
        if expression.is_Rational:
            return self.number(expression) if expression.is_nonnegative else self.negative(-expression)
        if isinstance(expression, sympy.Add):
            return self.sum([_signed(term) for term in self.sort(expression.args)])
        if isinstance(expression, sympy.Mul | sympy.Pow):
            return self._product_or_power(expression)
        raise TypeError(f"no printer prints {expression!r}")

    def _product_or_power(self, expression: sympy.Expr) -> Printed:
        negative, expression = _signed(expression)
        if negative:
            return self.negative(expression)
        above, below = _split(expression)
        if below:
            return self.quotient(self._joined(above), self._joined(below))
        if isinstance(expression, sympy.Pow):
            return self.power(*expression.args)
        return self.product(self.sort(above))

    def _joined(self, factors: Sequence[sympy.Expr]) -> sympy.Expr:
        return sympy.Mul(*factors)


def _signed(term: sympy.Expr) -> tuple[bool, sympy.Expr]:
    """Whether `term` has a negative coefficient, and the term without the sign."""
    coefficient = term.as_coeff_Mul()[0]
    return (True, -term) if coefficient.is_negative else (False, term)


def _split(expression: sympy.Expr) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
    """The factors of the numerator and of the denominator; a rational coefficient is one number above."""
    above, below = [], []
    for factor in sympy.Mul.make_args(expression):
        base, exponent = factor.as_base_exp()
        if factor.is_Rational:
            above.append(factor)
        elif exponent.is_Rational and exponent.is_negative:
            below.append(base**-exponent)
        else:
            above.append(factor)
    return above, below
