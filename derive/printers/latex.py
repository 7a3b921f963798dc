"""LaTeX for SymPy expressions over the symbols of a cell, in the notation of the documents.

What is printed needs amsmath and xcolor, or KaTeX. Functions, fractions and powers of vectors act element by element.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.elementary import Elementary, OccurrenceSymbol, ProductSymbol, Slope, Value
from derive.equations.model import Kind
from derive.graph import Graph
from derive.printers.base import Binding, Printed, Printer
from derive.printers.notation import Notation


class Fragment(sympy.Symbol):
    """A vector that is printed already: an adjoint. Its name is its LaTeX."""


class ProductFragment(Fragment):
    """A matrix-vector product that is printed already."""


class LatexPrinter(Printer):
    """Prints values at step t + `ahead`, as a hop to the next step needs; `origin` is that of `Notation`."""

    def __init__(
        self, graph: Graph, order: Sequence[sympy.Symbol] = (), ahead: int = 0, origin: int | str = "t"
    ) -> None:
        super().__init__(order)
        self._graph = graph
        self._ahead = ahead
        self.notation = Notation(graph.equations, origin)

    def symbol(self, symbol: sympy.Symbol) -> Printed:
        """A name at its step, a matrix-vector product, or a fragment."""
        if isinstance(symbol, Fragment):
            return str(symbol.name), Binding.PRODUCT if isinstance(symbol, ProductFragment) else Binding.POWER
        if isinstance(symbol, OccurrenceSymbol):
            symbol = symbol.value
        if isinstance(symbol, ProductSymbol):
            product = self._graph.products[symbol]
            matrix = self.notation.value(product.matrix.name, 0, transposed=product.transposed)
            return f"{matrix} {self.text(product.operand, Binding.POWER)}", Binding.PRODUCT
        text = self.notation.value(symbol.variable, self._ahead - symbol.lag)
        return text, Binding.POWER if "^" in text else Binding.ATOM

    def transposed(self, expression: sympy.Expr) -> str:
        """A vector as a row."""
        if isinstance(expression, Value):
            return self.notation.value(expression.variable, self._ahead - expression.lag, transposed=True)
        return rf"{self.brackets(self.text(expression))}^{{\top}}"

    def number(self, number: sympy.Rational) -> Printed:
        """A decimal number where it ends, else a small fraction."""
        denominator = int(number.q)
        for prime in (2, 5):
            while denominator % prime == 0:
                denominator //= prime
        if denominator > 1:
            return rf"\tfrac{{{number.p}}}{{{number.q}}}", Binding.POWER
        return _decimal(number)

    def call(self, application: Elementary) -> Printed:
        """An operator of the rule table before its arguments, or the notation that a few functions have."""
        arguments = application.args
        match application.rule.name:
            case "abs":
                return rf"\lvert {self.text(arguments[0])} \rvert", Binding.ATOM
            case "sqrt":
                return rf"\sqrt{{{self.text(arguments[0])}}}", Binding.POWER
            case "greater":
                return f"[{self.text(arguments[0])} > {self.text(arguments[1])}]", Binding.ATOM
            case "power":
                return f"{self.text(arguments[0], Binding.ATOM)}^{{{self.text(arguments[1])}}}", Binding.POWER
            case "xlogy":
                logarithm = rf"\log{self.brackets(self.text(arguments[1]))}"
                return self._joined_by_kind(arguments[0], logarithm, arguments[1]), Binding.PRODUCT
        return application.rule.latex + self._arguments(application), Binding.ATOM

    def slope(self, application: Slope) -> Printed:
        """tanh' of its argument; with several arguments, the derivative by one of them."""
        operator = rf"\operatorname{{{application.rule.name}}}"
        if application.rule.name not in ("sqrt", "power", "xlogy"):
            operator = application.rule.latex
        if len(application.args) > 1:
            return rf"\partial_{{{application.argument + 1}}}{operator}{self._arguments(application)}", Binding.ATOM
        return f"{operator}'{self._arguments(application)}", Binding.ATOM

    def product(self, factors: Sequence[sympy.Expr]) -> Printed:
        r"""Scalars juxtaposed, then vectors with \odot between them."""
        scalars = [self.text(factor, Binding.POWER) for factor in factors if not is_vector(self._graph, factor)]
        vectors = [factor for factor in factors if is_vector(self._graph, factor)]
        # A matrix product needs no brackets behind scalars alone, and has them beside another vector.
        binding = Binding.PRODUCT if len(vectors) == 1 else Binding.POWER
        text = scalars[0] if scalars else ""
        for piece in (*scalars[1:], r" \odot ".join(self.text(vector, binding) for vector in vectors)):
            if piece:
                text += ((r" \cdot " if piece[0].isdigit() else r"\,") if text else "") + piece
        return text, Binding.PRODUCT

    def quotient(self, numerator: sympy.Expr, denominator: sympy.Expr) -> Printed:
        """A fraction; a fractional coefficient is cleared into the denominator."""
        coefficient = numerator.as_coeff_Mul()[0]
        above, below = self.text(numerator * coefficient.q), self.text(denominator * coefficient.q)
        return rf"\frac{{{above}}}{{{below}}}", Binding.POWER

    def power(self, base: sympy.Expr, exponent: sympy.Rational) -> Printed:
        """A power; that of an operator stands before its argument: tanh^2(c)."""
        text = self.text(exponent)
        if isinstance(base, Elementary) and base.rule.name not in ("abs", "sqrt", "greater", "power", "xlogy"):
            return f"{base.rule.latex}^{{{text}}}{self._arguments(base)}", Binding.POWER
        return f"{self.text(base, Binding.ATOM)}^{{{text}}}", Binding.POWER

    def brackets(self, text: str) -> str:
        """`text` in brackets, tall ones where it holds a fraction or a root."""
        if r"\frac" in text or r"\sqrt" in text:
            return rf"\left({text}\right)"
        return f"({text})"

    def summands(self, expression: sympy.Expr) -> list[str]:
        """The terms of a sum, each with its sign where that is minus."""
        return [self.text(term) for term in self.sort(sympy.Add.make_args(expression))]

    def _arguments(self, application: sympy.Function) -> str:
        return self.brackets(", ".join(self.text(argument) for argument in application.args))

    def _joined_by_kind(self, left: sympy.Expr, printed: str, right: sympy.Expr) -> str:
        both = is_vector(self._graph, left) and is_vector(self._graph, right)
        return self.text(left, Binding.POWER) + (r" \odot " if both else r"\,") + printed


def is_vector(graph: Graph, expression: sympy.Expr) -> bool:
    """Whether an element-wise expression differs from unit to unit."""
    return any(_kind(graph, symbol) is Kind.VECTOR for symbol in expression.free_symbols)


def _kind(graph: Graph, symbol: sympy.Symbol) -> Kind:
    if isinstance(symbol, OccurrenceSymbol):
        symbol = symbol.value
    if isinstance(symbol, Value):
        return graph.equations.symbols[symbol.variable].kind
    return Kind.VECTOR


def _decimal(number: sympy.Rational) -> Printed:
    """A decimal number with all its digits; very large and very small ones by a power of ten."""
    places = 0
    while number.q != 1:
        number, places = number * 10, places + 1
    digits = str(int(number))
    exponent = len(digits) - 1 - places
    if -4 <= exponent <= 6:
        padded = digits.rjust(places + 1, "0")
        whole, rest = padded[: len(padded) - places], padded[len(padded) - places :]
        return f"{whole}.{rest}" if rest else whole, Binding.ATOM
    power = rf"10^{{{exponent}}}"
    if digits.rstrip("0") != "1":
        first, rest = digits[0], digits[1:].rstrip("0")
        power = rf"{first}{'.' if rest else ''}{rest} \cdot {power}"
    return power, Binding.PRODUCT
