"""The elementary functions and the symbols of a cell, as SymPy sees them.

A name of the cell is always a symbol of ours, taken literally: `S`, `I` or `beta` never meet SymPy's own objects. Every
elementary function is an opaque SymPy function: it is never rewritten behind our back, and its derivative is a
`Slope`, which `expand_slopes` replaces by the row of `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache

import sympy

from derive.equations import parse_expression
from derive.equations.model import Call, Expression, MatrixProduct, Negation, Number, Occurrence, Operation
from derive.rules import RULES, Rule


class Value(sympy.Symbol):
    """The value of a name in one step: `c`, or `c[t-1]` for that of the step before."""

    @property
    def variable(self) -> str:
        """The name in the cell."""
        return str(self.name).partition("[")[0]

    @property
    def lag(self) -> int:
        """0 for the value of this step, 1 for that of the step before."""
        return 1 if str(self.name).endswith("[t-1]") else 0


class OccurrenceSymbol(sympy.Symbol):
    """One occurrence of a name in the text of an equation: `c[t-1]#2` is the second occurrence of c[t-1]."""

    @property
    def value(self) -> Value:
        """The value that stands at this occurrence."""
        return Value(str(self.name).partition("#")[0])


class ProductSymbol(sympy.Symbol):
    """The value of a matrix-vector product: `@3` is the third product of the cell's text."""

    @property
    def number(self) -> int:
        """The position of the product in the text of the cell, from 1."""
        return int(str(self.name)[1:])


class Elementary(sympy.Function):
    """An elementary function of the rule table, opaque to SymPy; concrete classes come from `elementary`."""

    rule: Rule

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative by the argument `argindex` (from 1), as an unexpanded slope."""
        return slope(self.rule.name, argindex - 1)(*self.args)


class Slope(sympy.Function):
    """The derivative of an elementary function, not yet written out: tanh'(c)."""

    rule: Rule
    argument: int

    def expand_rule(self) -> sympy.Expr:
        """The row of the rule table, in the arguments and the output of this application."""
        return rule_expression(self.rule.derivatives[self.argument], self.rule, self.args)


@cache
def elementary(name: str) -> type[Elementary]:
    """The SymPy class of the elementary function `name`."""
    return type(name, (Elementary,), {"rule": RULES[name], "nargs": len(RULES[name].arguments)})


@cache
def slope(name: str, argument: int) -> type[Slope]:
    """The SymPy class of the derivative of `name` by its argument number `argument` (from 0)."""
    attributes = {"rule": RULES[name], "argument": argument, "nargs": len(RULES[name].arguments)}
    return type(f"{name}_slope_{argument}", (Slope,), attributes)


def value(name: str, lag: int = 0) -> Value:
    """The symbol of a value: `value("c", 1)` is c[t-1]."""
    return Value(f"{name}[t-1]" if lag else name)


def occurrence_symbol(occurrence: Occurrence) -> OccurrenceSymbol:
    """The symbol of one occurrence in the text."""
    return OccurrenceSymbol(f"{value(occurrence.name, occurrence.lag).name}#{occurrence.index}")


def identify(expression: sympy.Expr) -> sympy.Expr:
    """Replace every occurrence by the value that stands there: only now may z*z become z**2."""
    return expression.xreplace({symbol: symbol.value for symbol in expression.atoms(OccurrenceSymbol)})


def expand_slopes(expression: sympy.Expr, named: Mapping[sympy.Expr, sympy.Expr]) -> sympy.Expr:
    """Write every slope out by its row of the rule table.

    `named` maps function applications to the variables that hold them (tanh(z_bar) -> z), so that the derivative is
    written in forward values that are already there.
    """
    slopes = expression.atoms(Slope)
    while slopes:
        expression = expression.xreplace({item: item.expand_rule() for item in slopes})
        slopes = expression.atoms(Slope)
    return expression.xreplace(dict(named))


def number(fraction: Fraction) -> sympy.Rational:
    """A number of the text, exactly."""
    return sympy.Rational(fraction.numerator, fraction.denominator)


def apply_operator(operator: str, left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    """The element-wise operation `left operator right`.

    A power with a symbolic exponent is the internal function `power`, because SymPy's own derivative of a**b divides
    by a.
    """
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case _ if right.is_Rational:
            return left**right
        case _:
            return elementary("power")(left, right)


def rule_expression(text: str, rule: Rule, arguments: Sequence[sympy.Expr]) -> sympy.Expr:
    """A text of the rule table, such as a derivative or a kink, for these arguments; `y` in it is the output."""
    names = dict(zip(rule.arguments, arguments, strict=True)) | {"y": elementary(rule.name)(*arguments)}
    return _template(text, rule).xreplace({Value(name): value for name, value in names.items()})


@cache
def _template(text: str, rule: Rule) -> sympy.Expr:
    """A text of the rule table as an expression in the arguments and y."""
    return _plain(parse_expression(text, (*rule.arguments, "y")))


def _plain(expression: Expression) -> sympy.Expr:
    """An expression of the rule table, whose names are values."""
    match expression:
        case Number(fraction, _):
            return number(fraction)
        case Occurrence(name):
            return value(name)
        case Negation(operand):
            return -_plain(operand)
        case Operation(operator, left, right):
            return apply_operator(operator, _plain(left), _plain(right))
        case Call(function, arguments):
            return elementary(function)(*(_plain(argument) for argument in arguments))
        case MatrixProduct():
            raise ValueError("a row of the rule table is element-wise")
