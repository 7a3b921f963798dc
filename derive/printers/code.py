"""Printers for code: NumPy arrays, and scalars inside a Numba loop.

Both print Python; they differ in the functions they call and in how a number is written.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import sympy

from derive.elementary import Elementary, Slope
from derive.printers.base import Binding, Printed, Printer


class CodePrinter(Printer):
    """Python code. `names` gives the text of each symbol: a name, or a subscript of one."""

    def __init__(
        self, names: Mapping[sympy.Symbol, str] | Callable[[sympy.Symbol], str], order: Sequence[sympy.Symbol] = ()
    ) -> None:
        super().__init__(order)
        self._name = names if callable(names) else names.__getitem__

    def symbol(self, symbol: sympy.Symbol) -> Printed:
        """The name of the symbol in the code."""
        text = self._name(symbol)
        return text, Binding.TERM if " @ " in text else Binding.ATOM

    def number(self, number: sympy.Rational) -> Printed:
        """The shortest decimal text that gives the number in float64."""
        return decimal(number), Binding.ATOM

    def slope(self, application: Slope) -> Printed:
        """Code has no unexpanded derivatives."""
        raise TypeError(f"{application} must be expanded before it becomes code")

    def product(self, factors: Sequence[sympy.Expr]) -> Printed:
        """Factors with stars between them."""
        return " * ".join(self.text(factor, Binding.PRODUCT) for factor in factors), Binding.PRODUCT

    def quotient(self, numerator: sympy.Expr, denominator: sympy.Expr) -> Printed:
        """A division; the denominator is bracketed unless it is a leaf."""
        return f"{self.text(numerator, Binding.PRODUCT)} / {self.text(denominator, Binding.POWER)}", Binding.PRODUCT

    def power(self, base: sympy.Expr, exponent: sympy.Rational) -> Printed:
        """A power."""
        return f"{self.text(base, Binding.ATOM)} ** {self.text(exponent, Binding.ATOM)}", Binding.POWER

    def call(self, application: Elementary) -> Printed:
        """A call by the template of the rule table."""
        return self.template(application).format(*(self.text(item) for item in application.args)), Binding.ATOM

    @abstractmethod
    def template(self, application: Elementary) -> str:
        """Which of the rule's templates this target uses."""


class NumpyPrinter(CodePrinter):
    """Whole arrays; Python numbers, which leave the dtype of an array alone."""

    def template(self, application: Elementary) -> str:
        """The NumPy form."""
        return application.rule.numpy


class ScalarPrinter(CodePrinter):
    """One unit inside a compiled loop.

    A bare number would turn float32 into float64: `constant` gives the name of a typed constant for each number.
    """

    def __init__(
        self,
        names: Mapping[sympy.Symbol, str] | Callable[[sympy.Symbol], str],
        constant: Callable[[sympy.Rational], str],
        order: Sequence[sympy.Symbol] = (),
    ) -> None:
        super().__init__(names, order)
        self._constant = constant

    def number(self, number: sympy.Rational) -> Printed:
        """The name of a constant of the kernel's dtype."""
        return self._constant(number), Binding.ATOM

    def power(self, base: sympy.Expr, exponent: sympy.Rational) -> Printed:
        """Small whole powers are products; others a power of typed numbers."""
        text = self.text(base, Binding.ATOM)
        if exponent.is_Integer and exponent <= 4 and text.isidentifier():
            return " * ".join([text] * int(exponent)), Binding.PRODUCT
        return f"{text} ** {self.text(exponent, Binding.ATOM)}", Binding.POWER

    def template(self, application: Elementary) -> str:
        """The kernel form."""
        return application.rule.kernel


class CudaPrinter(ScalarPrinter):
    """One unit in a kernel of a device, which calls no function of ours: these are written out.

    What is written more than once must be a name: `name` gives one for it, after the lines that it needs.
    """

    _CALL = re.compile(r"(math\.\w+|abs)\(({\d}|, )*\)")

    def __init__(
        self,
        names: Mapping[sympy.Symbol, str] | Callable[[sympy.Symbol], str],
        constant: Callable[[sympy.Rational], str],
        name: Callable[[str], str],
        order: Sequence[sympy.Symbol] = (),
    ) -> None:
        super().__init__(names, constant, order)
        self._named = name

    def call(self, application: Elementary) -> Printed:
        """The CUDA form, with names for arguments that it repeats."""
        template = application.rule.cuda
        if self._CALL.fullmatch(template):
            return template.format(*(self.text(item) for item in application.args)), Binding.ATOM
        texts = [self.text(item, Binding.ATOM) for item in application.args]
        texts = [
            self._named(text) if template.count(f"{{{position}}}") > 1 and not text.isidentifier() else text
            for position, text in enumerate(texts)
        ]
        return template.format(*texts, n=_Numbers(self._constant)), Binding.SUM

    def power(self, base: sympy.Expr, exponent: sympy.Rational) -> Printed:
        """Small whole powers are products; others the power function, which keeps the dtype."""
        if not exponent.is_Integer or exponent > 4:
            return f"math.pow({self.text(base)}, {self.text(exponent)})", Binding.ATOM
        text = self.text(base, Binding.ATOM)
        name = text if text.isidentifier() else self._named(text)
        return " * ".join([name] * int(exponent)), Binding.PRODUCT


class _Numbers:
    """The typed constants of a template: `{n[0.5]}` is the name of one half."""

    def __init__(self, constant: Callable[[sympy.Rational], str]) -> None:
        self._constant = constant

    def __getitem__(self, number: str) -> str:
        return self._constant(sympy.Rational(number))


def decimal(number: sympy.Rational) -> str:
    """A number that is not negative as Python text: a whole number, or the nearest float64."""
    if number.is_Integer and number < 2**53:
        return str(int(number))
    return repr(float(Fraction(int(number.p), int(number.q))))
