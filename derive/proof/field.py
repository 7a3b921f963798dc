"""From SymPy's expressions to exact rational functions: equal transcendental values become one symbol each.

exp(u) is written in s = 1 / (1 + exp(u)), since then sigmoids and their derivatives are polynomials: exp(u) is
s**-1 - 1. All other functions are symbols of their own, kept by their arguments up to a rational multiple. Roots are
symbols r with r**n = u. A power with a symbolic exponent is exp(b log a), with exp(n log a) = a**n.

Every relation used is true, so what is found to be 0 is 0. Symbols may be related in ways not known here, as tanh and
exp are; derivatives never need those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

import sympy
from sympy.core.relational import Eq, GreaterThan, LessThan, Ne, StrictGreaterThan, StrictLessThan

from derive.proof.ring import (
    ONE,
    ZERO,
    Coefficient,
    Element,
    Polynomial,
    aligned,
    constant,
    exponents,
    perfect_root,
    ratio,
    symbol,
)
from derive.proof.signs import Choices, Signs


class UndecidedError(Exception):
    """An expression outside what this proof can decide."""


class Field:
    """The rational functions of one case. `bindings` says what placeholders stand for.

    `directions` get the symbols with the lowest indices, see `Element.split`.
    """

    def __init__(
        self, choices: Choices, bindings: Mapping[sympy.Symbol, sympy.Expr], directions: Sequence[sympy.Symbol]
    ) -> None:
        self._signs = Signs(choices)
        self._bindings = bindings
        self._known: dict[sympy.Basic, Element] = {direction: symbol(at) for at, direction in enumerate(directions)}
        self._symbols = len(directions)
        self._kept: dict[str, dict[frozenset[tuple[int, Coefficient]] | None, list[tuple[Element, int]]]] = {}
        self._roots: dict[int, tuple[int, Element]] = {}
        self._logarithms: dict[int, Element] = {}
        self._exponents: dict[int, Element] = {}

    def element(self, expression: sympy.Expr) -> Element:
        """The value of `expression`; UndecidedError for a function that is not known here."""
        known = self._known.get(expression)
        if known is None:
            known = self._known[expression] = self._translate(expression)
        return known

    def elements(self, expressions: Iterable[sympy.Expr]) -> tuple[Element, ...]:
        """The values of several expressions, such as the components of a vector."""
        return tuple(self.element(expression) for expression in expressions)

    def is_zero(self, element: Element) -> bool:
        """Whether `element` is 0 identically."""
        return not self._reduced(element)

    def _translate(self, expression: sympy.Expr) -> Element:
        match expression:
            case sympy.Rational():
                return constant(ratio(int(expression.p), int(expression.q)))
            case sympy.Symbol():
                bound = self._bindings.get(expression)
                return self._new() if bound is None else self.element(bound)
            case sympy.Add():
                total = ZERO
                for term in expression.args:
                    total = total + self.element(term)
                return total
            case sympy.Mul():
                return self._multiply([self.element(factor) for factor in expression.args])
            case sympy.Pow():
                return self._power(expression.base, expression.exp)
            case sympy.Piecewise():
                return self.element(next(branch for branch, condition in expression.args if self._holds(condition)))
            case sympy.Abs():
                return self.element(expression.args[0]).scaled(self._sign(expression.args[0]))
            case sympy.sign():
                return constant(self._sign(expression.args[0]))
            case sympy.DiracDelta():
                return ZERO
            case sympy.NumberSymbol():
                return self._new()
        translate = self._FUNCTIONS.get(type(expression).__name__)
        if translate is None:
            raise UndecidedError(f"no rule for {type(expression).__name__}")
        return translate(self, self._reduced(self.element(expression.args[0])))

    @staticmethod
    def _multiply(factors: list[Element]) -> Element:
        product = ONE
        for factor in sorted(factors, key=lambda item: len(item.polynomial)):
            product = product * factor
        return product

    def _new(self) -> Element:
        self._symbols += 1
        return symbol(self._symbols - 1)

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> Element:
        if exponent.is_Integer:
            return self._reduced(self.element(base) ** int(exponent))
        if exponent.is_Rational:
            return self._root(self._reduced(self.element(base)), int(exponent.q)) ** int(exponent.p)
        return self._exp(self._reduced(self.element(exponent) * self._log(self._reduced(self.element(base)))))

    def _keep(
        self, kind: str, argument: Element, accepts: Callable[[Coefficient], bool]
    ) -> tuple[int, Coefficient, bool]:
        """The symbol of `kind` for an argument proportional to this one, their quotient, and whether it is new."""
        kept = self._kept.setdefault(kind, {})
        leading = argument.polynomial[max(argument.polynomial)]
        key = frozenset((monomial, ratio(number, leading)) for monomial, number in argument.polynomial.items())
        whole = not argument.factors
        others = kept.get(None, []) if whole else [item for group in kept.values() for item in group]
        for base, index in [*(kept.get(key, []) if whole else []), *others]:
            quotient = self._quotient(argument, base)
            if quotient is not None and accepts(quotient):
                return index, quotient, False
        index = self._symbols
        self._new()
        kept.setdefault(key if whole else None, []).append((argument, index))
        return index, 1, True

    def _quotient(self, over: Element, under: Element) -> Coefficient | None:
        """The rational number over / under, or None."""
        _, first, second = aligned(over, under)
        if self._roots:
            _, first, second = aligned(self._reduced(Element(first, {})), self._reduced(Element(second, {})))
        if first.keys() != second.keys():
            return None
        quotients = {ratio(number, second[key]) for key, number in first.items()}
        return quotients.pop() if len(quotients) == 1 else None

    def _exp(self, argument: Element) -> Element:
        result = ONE
        rest: Polynomial = dict(argument.polynomial)
        for monomial, number in argument.polynomial.items() if not argument.factors else ():
            standing = tuple(exponents(monomial))
            if len(standing) == 1 and standing[0][1] == 1 and standing[0][0] in self._logarithms:
                power = Fraction(number)
                base = self._logarithms[standing[0][0]]
                result = result * self._root(base, power.denominator) ** power.numerator
                del rest[monomial]
        if not rest:
            return result
        argument = Element(rest, argument.factors)
        index, quotient, new = self._keep("exp", argument, lambda _: True)
        if new:
            self._signs.bound(index, 0, 1)
            self._signs.positive.add(index)
            self._signs.follow(index, Fraction(1, 2), argument, -1)
            self._exponents[index] = argument
        exponent = Fraction(quotient)
        return result * self._root(symbol(index, -1) - ONE, exponent.denominator) ** exponent.numerator

    def _log(self, argument: Element) -> Element:
        """log u: sums for products of positive symbols, and v where u is exp(v)."""
        if argument.number == 1:
            return ZERO
        for index, exponent in self._exponents.items():
            if self._quotient(argument, symbol(index, -1) - ONE) == 1:
                return exponent
        total = ZERO
        if len(argument.polynomial) == 1 and not argument.factors:
            for index, power in exponents(next(iter(argument.polynomial))):
                if index in self._signs.positive:
                    total = total + self._log_symbol(symbol(index)).scaled(power)
                    argument = argument * symbol(index, -power)
        return total if argument.number == 1 else total + self._log_symbol(argument)

    def _log_symbol(self, argument: Element) -> Element:
        index, _, new = self._keep("log", argument, lambda quotient: quotient == 1)
        if new:
            self._logarithms[index] = argument
        return symbol(index)

    def _root(self, argument: Element, degree: int) -> Element:
        if degree == 1 or not argument:
            return argument
        exact = perfect_root(argument, degree)
        if exact is not None:
            return exact if degree % 2 else exact.scaled(self._signs.of(exact))
        number = argument.number
        index, quotient, new = self._keep(
            f"root {degree}", argument, lambda quotient: quotient == 1 or (number is None and quotient > 0)
        )
        if new:
            self._roots[index] = (degree, argument)
            self._signs.positive.add(index)
        scale = ONE if quotient == 1 else self._root(constant(quotient), degree)
        return symbol(index) * scale

    def _function(self, kind: str, argument: Element, parity: int) -> Element:
        if not argument:
            return ONE if parity == 1 else ZERO
        index, quotient, new = self._keep(kind, argument, lambda quotient: abs(quotient) == 1)
        if new and kind in ("tanh", "erf"):
            self._signs.bound(index, -1, 1)
            self._signs.follow(index, Fraction(0), argument, 1)
        return symbol(index).scaled(parity if quotient == -1 else 1)

    _FUNCTIONS: Mapping[str, Callable[[Field, Element], Element]] = {
        "exp": _exp,
        "log": _log,
        "tanh": lambda self, argument: self._function("tanh", argument, -1),
        "erf": lambda self, argument: self._function("erf", argument, -1),
        "sin": lambda self, argument: self._function("sin", argument, -1),
        "cos": lambda self, argument: self._function("cos", argument, 1),
    }

    def _reduced(self, element: Element) -> Element:
        """The same element with every root r**n replaced by what stands below it."""
        changed = bool(self._roots)
        while changed:
            changed = False
            total = ZERO
            for monomial, number in element.polynomial.items():
                term = Element({monomial: number}, {})
                for index, exponent in exponents(monomial):
                    degree, below = self._roots.get(index, (0, ONE))
                    if degree and not 0 <= exponent < degree:
                        whole = exponent // degree
                        term = term * symbol(index, -whole * degree) * below**whole
                        changed = True
                total = total + term
            element = total * Element({0: 1}, element.factors)
        return element

    def _holds(self, condition: sympy.Basic) -> bool:
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        match condition:
            case sympy.And():
                return all(self._holds(part) for part in condition.args)
            case sympy.Or():
                return any(self._holds(part) for part in condition.args)
            case sympy.Not():
                return not self._holds(condition.args[0])
            case sympy.ITE():
                test, first, second = condition.args
                return self._holds(first if self._holds(test) else second)
        if type(condition) not in _COMPARISONS:
            raise UndecidedError(f"no rule for the condition {type(condition).__name__}")
        return _COMPARISONS[type(condition)](self._sign(condition.lhs - condition.rhs))

    def _sign(self, expression: sympy.Expr) -> int:
        """The sign in this case: 1, -1, or 0 where `expression` is 0 identically."""
        if isinstance(expression, sympy.Mul):
            sign = 1
            for factor in expression.args:
                sign *= self._sign(factor)
            return sign
        return self._signs.of(self._reduced(self.element(expression)))


_COMPARISONS: Mapping[type, Callable[[int], bool]] = {
    StrictGreaterThan: lambda sign: sign > 0,
    GreaterThan: lambda sign: sign >= 0,
    StrictLessThan: lambda sign: sign < 0,
    LessThan: lambda sign: sign <= 0,
    Eq: lambda sign: sign == 0,
    Ne: lambda sign: sign != 0,
}
