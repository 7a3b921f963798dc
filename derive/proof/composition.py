"""One step on scalar components: the equations composed, as SymPy's own expressions.

Every dimension has two components, a scalar has one. `v.0` is the first component of v, `W.0.1` the entry of the first
row and the second column; `c[t-1].0` stands a step earlier, `c[t+1].0` a step later.

Every name gets its value plus `epsilon` times a free direction. The derivative of a sum of errors times values by
epsilon, at 0, is then a linear form in the directions, whose coefficients are all total derivatives at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import sympy

from derive.definitions import define
from derive.equations.model import (
    Call,
    Equations,
    Expression,
    Kind,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
    Role,
)
from derive.rules import RULES

UNITS = 2
MOST_NESTED = 2
EPSILON = sympy.Symbol("epsilon", real=True)

Components = tuple[sympy.Expr, ...]
Read = Callable[[Occurrence], Components]


@dataclass(frozen=True, slots=True)
class Direction:
    """What one direction moves: a component of `name`, at t or, with lag 1, at t-1."""

    name: str
    lag: int
    component: int


def size(equations: Equations, name: str) -> int:
    """How many components `name` has; those of a matrix stand row by row."""
    return (1, UNITS, UNITS * UNITS)[len(equations.symbols[name].shape)]


def components(equations: Equations, name: str, step: str = "") -> Components:
    """The symbols of the components of `name`; a constant is its number."""
    if equations.symbols[name].role is Role.CONSTANT:
        fraction = equations.constants[name].value
        return (sympy.Rational(fraction.numerator, fraction.denominator),)
    match equations.symbols[name].kind:
        case Kind.MATRIX:
            places = [f"{row}.{column}" for row in range(UNITS) for column in range(UNITS)]
        case _:
            places = [str(place) for place in range(size(equations, name))]
    return tuple(sympy.Symbol(f"{name}{step}.{place}", real=True) for place in places)


def at(values: Components, place: int) -> sympy.Expr:
    """A component of a vector, or the scalar that stands for all of them."""
    return values[place] if len(values) > 1 else values[0]


def compose(expression: Expression, read: Read) -> Components:
    """The components of an expression; `read` says what stands at an occurrence."""
    match expression:
        case Number(fraction, _):
            return (sympy.Rational(fraction.numerator, fraction.denominator),)
        case Occurrence():
            return read(expression)
        case Negation(operand):
            return tuple(-item for item in compose(operand, read))
        case Operation(operator, left, right):
            return element_wise(_OPERATORS[operator], compose(left, read), compose(right, read))
        case Call(function, arguments):
            return element_wise(partial(_apply, function), *(compose(item, read) for item in arguments))
        case MatrixProduct(matrix, transposed, operand):
            return multiply(read(matrix), transposed, compose(operand, read))


def _apply(function: str, *arguments: sympy.Expr) -> sympy.Expr:
    """The definition of a function. OverflowError where kinks are nested deeper than SymPy can carry."""
    if RULES[function].kinks:
        nested = sum(isinstance(node, sympy.Piecewise) for item in arguments for node in sympy.preorder_traversal(item))
        if nested > MOST_NESTED:
            raise OverflowError(f"functions with kinks stand inside `{function}` more than {MOST_NESTED} times")
    return define(function, *arguments)


def element_wise(function: Callable[..., sympy.Expr], *arguments: Components) -> Components:
    """`function` of each component; scalars stand for all components."""
    length = max(len(argument) for argument in arguments)
    return tuple(function(*(at(argument, place) for argument in arguments)) for place in range(length))


def multiply(matrix: Components, transposed: bool, vector: Components) -> Components:
    """The components of matrix @ vector."""
    span = range(UNITS)

    def entry(row: int, column: int) -> sympy.Expr:
        return matrix[UNITS * column + row if transposed else UNITS * row + column]

    return tuple(sympy.Add(*(entry(row, column) * at(vector, column) for column in span)) for row in span)


_OPERATORS: dict[str, Callable[[sympy.Expr, sympy.Expr], sympy.Expr]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "**": lambda left, right: left**right,
}
