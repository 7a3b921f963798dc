"""One step and the errors that enter it: total derivatives by SymPy, and what each symbol stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import sympy

from derive.definitions import define
from derive.elementary import Elementary, ProductSymbol, Value, identify
from derive.equations.model import Equation, Occurrence, Role, occurrences
from derive.gradients import Gradients
from derive.graph import Formula
from derive.proof.composition import (
    EPSILON,
    Components,
    Direction,
    at,
    components,
    compose,
    multiply,
    size,
)

BEFORE, AFTER = "[t-1]", "[t+1]"


class Step:
    """One step of a cell, composed, between the values of step t-1 and the adjoints of step t+1."""

    def __init__(self, gradients: Gradients) -> None:
        self.gradients = gradients
        self.equations = gradients.graph.equations
        timed = [Direction(name, 0, place) for name in self._names for place in range(size(self.equations, name))]
        earlier = [
            Direction(name, 1, place) for name in self.equations.states for place in range(size(self.equations, name))
        ]
        self.moved = (*timed, *earlier)
        self._written_out: dict[tuple[sympy.Expr, int], Components] = {}

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for name, item in self.equations.symbols.items() if item.role is not Role.CONSTANT)

    @cached_property
    def directions(self) -> tuple[sympy.Symbol, ...]:
        """Free symbols, enough for the names of the step and for the occurrences of any one equation."""
        most = max(
            sum(size(self.equations, item.name) for item in occurrences(equation.expression))
            for equation in self.equations.equations
        )
        return tuple(sympy.Symbol(f"direction.{place}", real=True) for place in range(max(len(self.moved), most)))

    def symbols(self, name: str, lag: int, step: int) -> Components:
        """The placeholders of what an equation of step t (`step` 0) or t+1 (`step` 1) reads as name or name[t-1]."""
        if self.equations.symbols[name].timeless:
            return components(self.equations, name, "")
        return components(self.equations, name, {-1: BEFORE, 0: "", 1: AFTER}[step - lag])

    def adjoint(self, name: str, step: int) -> Components:
        """Free symbols for the adjoint of `name` at step t or t+1."""
        return components(self.equations, name, f"{AFTER if step else ''}.adjoint")

    def error(self, name: str, step: int) -> Components:
        """Free symbols for the error that enters at an output, or at the variable that the loss reads."""
        return components(self.equations, name, f"{AFTER if step else ''}.error")

    @cached_property
    def composed(self) -> dict[str, Components]:
        """Every name at step t as an expression in parameters, inputs and the values of t-1, all of them moved."""
        moves = {item: EPSILON * symbol for item, symbol in zip(self.moved, self.directions, strict=False)}
        values: dict[str, Components] = {}

        def moved(name: str, lag: int, plain: Components) -> Components:
            return tuple(item + moves[Direction(name, lag, place)] for place, item in enumerate(plain))

        earlier = {name: moved(name, 1, components(self.equations, name, BEFORE)) for name in self.equations.states}
        for name, item in self.equations.symbols.items():
            if item.role is Role.CONSTANT:
                values[name] = components(self.equations, name)
            elif item.role is not Role.VARIABLE:
                values[name] = moved(name, 0, components(self.equations, name))
        for equation in self.equations.equations:
            plain = compose(equation.expression, lambda item: earlier[item.name] if item.lag else values[item.name])
            values[equation.target] = moved(equation.target, 0, plain)
        return values

    @cached_property
    def bindings(self) -> dict[sympy.Symbol, sympy.Expr]:
        """What placeholders stand for in the composed step.

        Those of step t stand for the composed equations. At t+1 variables are free, but one that is a function of
        others stands for it: the derivation puts it in the function's place.
        """
        bound = self._applications(self.gradients.graph.formulas, 1)
        for equation in self.equations.equations:
            bound.update(zip(components(self.equations, equation.target), self.composed[equation.target], strict=True))
        return bound

    def local_bindings(self, target: str) -> dict[sympy.Symbol, sympy.Expr]:
        """What placeholders stand for in the derivatives of one equation, that of `target`, by itself.

        Variables are free, but for those that are a function of what a function in this equation reads.
        """
        formulas = self.gradients.graph.formulas
        own = next(formula for formula in formulas if formula.target == target)
        read = {symbol for item in identify(own.expression).atoms(Elementary) for symbol in item.free_symbols}
        return self._applications(
            [item for item in formulas if item is own or identify(item.expression).free_symbols <= read], 0
        )

    def _applications(self, formulas: Iterable[Formula], step: int) -> dict[sympy.Symbol, sympy.Expr]:
        bound: dict[sympy.Symbol, sympy.Expr] = {EPSILON: sympy.Integer(0)}
        for formula in formulas:
            if isinstance(formula.expression, Elementary):
                value = compose(formula.equation.expression, lambda item: self.symbols(item.name, item.lag, step))
                bound.update(zip(self.symbols(formula.target, 0, step), value, strict=True))
        return bound

    @cached_property
    def total_derivatives(self) -> tuple[tuple[sympy.Symbol, sympy.Expr], ...]:
        """Pairs of an error and the derivative along all directions of what it is the error of."""
        return tuple((error, sympy.diff(expression, EPSILON)) for error, expression in self._read_off())

    def _read_off(self) -> Iterator[tuple[sympy.Symbol, sympy.Expr]]:
        """All that leaves step t: outputs, and the variables of t+1 that read step t."""
        for name in self.equations.outputs:
            yield from zip(self.error(name, 0), self.composed[name], strict=True)
        for equation in self.equations.equations:
            if any(item.lag for item in occurrences(equation.expression)):
                yield from zip(self.adjoint(equation.target, 1), self._next(equation), strict=True)

    def _next(self, equation: Equation) -> Components:
        """An equation of step t+1: the values of t are composed, those of t+1 are held fixed."""

        def read(item: Occurrence) -> Components:
            return self.composed[item.name] if item.lag else self.symbols(item.name, 0, 1)

        return compose(equation.expression, read)

    @cached_property
    def partial_derivatives(self) -> dict[str, sympy.Expr]:
        """For each equation alone: the adjoint times its derivative along a direction for each occurrence.

        The directions are taken in the order of the occurrences, component by component.
        """
        derivatives: dict[str, sympy.Expr] = {}
        for equation in self.equations.equations:
            free = iter(self.directions)
            moved = {
                item: tuple(plain + EPSILON * next(free) for plain in self._moving(item))
                for item in occurrences(equation.expression)
            }
            values = compose(equation.expression, moved.__getitem__)
            adjoint = self.adjoint(equation.target, 0)
            whole = sympy.Add(*(error * value for error, value in zip(adjoint, values, strict=True)))
            derivatives[equation.target] = sympy.diff(whole, EPSILON)
        return derivatives

    def _moving(self, item: Occurrence) -> Components:
        return self.symbols(item.name, item.lag, 0)

    def written_out(self, expression: sympy.Expr, step: int) -> Components:
        """The components of an element-wise expression of the derivation, by the definitions of its functions."""
        known = self._written_out.get((expression, step))
        if known is None:
            known = self._written_out[expression, step] = self._write_out(expression, step)
        return known

    def _write_out(self, expression: sympy.Expr, step: int) -> Components:
        values: dict[sympy.Symbol, Components] = {}
        for symbol in expression.free_symbols:
            match symbol:
                case ProductSymbol():
                    product = self.gradients.graph.products[symbol]
                    operand = self.written_out(identify(product.operand), step)
                    matrix = self.symbols(product.matrix.name, 0, step)
                    values[symbol] = multiply(matrix, product.transposed, operand)
                case Value():
                    values[symbol] = self.symbols(symbol.variable, symbol.lag, step)
        length = max((len(item) for item in values.values()), default=1)
        return tuple(
            _defined(expression, {symbol: at(item, place) for symbol, item in values.items()})
            for place in range(length)
        )


def _defined(expression: sympy.Expr, values: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """`expression` with values put in and every elementary function written out by its definition."""
    if isinstance(expression, sympy.Symbol):
        return values[expression]
    if not expression.args:
        return expression
    arguments = [_defined(argument, values) for argument in expression.args]
    if isinstance(expression, Elementary):
        return define(expression.rule.name, *arguments)
    return expression.func(*arguments)
