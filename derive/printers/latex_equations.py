r"""The equations of a cell in LaTeX: forward, backward route by route, parameters.

Fragments for any display: they need amsmath and xcolor, or KaTeX. A sign belongs to its term, so that a sum can be
broken before any of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy

from derive.elementary import number, value
from derive.equations.model import Kind
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Diagonal, Edge, Formula, Graph, Outer, Transfer
from derive.printers.base import Binding
from derive.printers.latex import Fragment, LatexPrinter, ProductFragment
from derive.printers.notation import Notation, raised, size


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a sum without its sign; `route` numbers it among the hops of the adjoint, from 1."""

    negative: bool
    latex: str
    route: int

    @property
    def signed(self) -> str:
        """The term with its minus sign."""
        return f"-{self.latex}" if self.negative else self.latex


def symbol(graph: Graph, name: str, step: int | None = 0) -> str:
    r"""A name at step t + `step`, \\bar{\\boldsymbol{f}}^{(t+1)}; without a step where `step` is None."""
    notation = Notation(graph.equations)
    return notation.name(name) if step is None else notation.value(name, step)


def adjoint_symbol(graph: Graph, name: str, step: int = 0, origin: int | str = "t") -> str:
    """The adjoint of a name at step t + `step`, in its colour."""
    return Notation(graph.equations, origin).adjoint(name, step)


def constant(graph: Graph, name: str) -> str:
    """A constant and its number."""
    held = number(graph.equations.constants[name].value)
    return f"{symbol(graph, name)} = {LatexPrinter(graph).text(held)}"


def forward_terms(graph: Graph, formula: Formula) -> tuple[str, ...]:
    """The right-hand side of an equation as the terms of its sum, in the order of the text."""
    return tuple(LatexPrinter(graph, _order(graph, formula)).summands(formula.expression))


def forward_equation(graph: Graph, formula: Formula) -> str:
    """A whole equation on one line."""
    return f"{symbol(graph, formula.target)} = {total(forward_terms(graph, formula))}"


def total(terms: Iterable[str]) -> str:
    """Terms that carry their own minus, as a sum."""
    text = ""
    for term in terms:
        text += (f" - {term[1:]}" if term.startswith("-") else f" + {term}") if text else term
    return text


def term(graph: Graph, edge: Edge, primed: bool = True, origin: int | str = "t") -> str:
    """The term that a hop adds to the adjoint of its source, with its sign: its partial transposed, times the adjoint.

    `primed` leaves slopes as they are, tanh'(c); else they are written in forward values. The steps count from
    `origin` instead of t where it is given. A scalar that acts on a vector collects the terms of all units.
    """
    if edge.target == LOSS:
        return error(graph, edge.source, origin)
    printer = printer_of(graph, edge, origin)
    expression: sympy.Expr = Fragment(printer.notation.adjoint(edge.target, edge.lag))
    negative = False
    for factor in edge.partial:
        if isinstance(factor, Diagonal):
            expression = (factor.primed if primed else factor.expression) * expression
            continue
        if expression.as_coeff_Mul()[0].is_negative:
            negative, expression = not negative, -expression
        expression = ProductFragment(_through(graph, edge, factor, expression, printer))
    if negative:
        expression = -expression
    return printer.text(_summed_over_units(graph, edge, expression, printer))


def adjoint_equation(gradients: Gradients, adjoint: Adjoint, primed: bool = True) -> tuple[Term, ...]:
    """The terms of an adjoint equation (B.n), each with the number of its route.

    For a timeless name each term is what one step adds, and is to be summed over t unless its target is timeless too.
    """
    terms = []
    for route, hop in enumerate(adjoint.hops, start=1):
        text = term(gradients.graph, hop, primed)
        terms.append(Term(text.startswith("-"), text.removeprefix("-"), route))
    return tuple(terms)


def slopes(graph: Graph, edge: Edge) -> tuple[str, ...]:
    """How the slopes in the immediate partial of `edge` are written in forward values: tanh'(z_bar) = 1 - z^2."""
    printer = printer_of(graph, edge)
    diagonals = [factor for factor in edge.partial if isinstance(factor, Diagonal)]
    expanded = {slope: expression for factor in diagonals for slope, expression in factor.slopes}
    return tuple(f"{printer.text(item)} = {printer.text(expanded[item])}" for item in printer.sort(list(expanded)))


def gradient_symbol(graph: Graph, name: str, step: int | str = "t") -> str:
    """dJ/dv as a fraction, v at `step` unless it is timeless."""
    return rf"\frac{{\partial J}}{{\partial {Notation(graph.equations, step).value(name, 0)}}}"


def _order(graph: Graph, formula: Formula) -> list[sympy.Symbol]:
    """The symbols of an equation in the order of its text, then what it assigns."""
    return [*graph.reading_order(formula.target), *(value(name) for name in graph.equations.symbols)]


def printer_of(graph: Graph, edge: Edge, origin: int | str = "t", step: int = 0) -> LatexPrinter:
    """A printer of the immediate partial of `edge`, whose values stand at the step of its target.

    The source of the edge stands at t + `step`.
    """
    formula = graph.formulas[graph.equations.equation_of(edge.target).number - 1]
    return LatexPrinter(graph, _order(graph, formula), step + edge.lag, origin)


def _through(graph: Graph, edge: Edge, factor: Transfer | Outer, adjoint: sympy.Expr, printer: LatexPrinter) -> str:
    """An adjoint that passes through a matrix, or meets the operand of one in an outer product."""
    if isinstance(factor, Transfer):
        matrix = printer.notation.value(factor.matrix, 0, transposed=not factor.transposed)
        return f"{matrix} {printer.text(adjoint, Binding.POWER)}"
    if not factor.transposed:
        return f"{printer.text(adjoint, Binding.POWER)} {printer.transposed(factor.operand)}"
    plain = isinstance(adjoint, Fragment) and not isinstance(adjoint, ProductFragment)
    row = printer.notation.adjoint(edge.target, edge.lag, transposed=True) if plain else printer.transposed(adjoint)
    return f"{printer.text(factor.operand, Binding.POWER)} {row}"


def _summed_over_units(graph: Graph, edge: Edge, expression: sympy.Expr, printer: LatexPrinter) -> sympy.Expr:
    """The sum over units where a scalar acts on a vector."""
    symbols = graph.equations.symbols
    if symbols[edge.source].kind is not Kind.SCALAR or symbols[edge.target].kind is Kind.SCALAR:
        return expression
    negative = bool(expression.as_coeff_Mul()[0].is_negative)
    inside = printer.brackets(printer.text(-expression if negative else expression))
    summed = ProductFragment(rf"\textstyle\sum_{{k}} {inside}_{{k}}")
    return -summed if negative else summed


def error(graph: Graph, name: str, origin: int | str = "t", step: int = 0) -> str:
    """The error that enters at an output, at t + `step`: from outside, or the derivative of the cell's own loss."""
    notation = Notation(graph.equations, origin)
    at, output = f"({notation.step(step)})", notation.value(name, step)
    if graph.equations.loss is None:
        return rf"\frac{{\partial J^{{{at}}}}}{{\partial {output}}}"
    share, target = rf"\omega^{{{at}}}", raised(r"\boldsymbol{\tau}", at)
    if graph.equations.loss.rule == "softmax_cross_entropy":
        return rf"{share}\bigl(\operatorname{{softmax}}({output}) - {target}\bigr)"
    units = "".join(size(item) for item in graph.equations.symbols[name].shape) or "1"
    return rf"\frac{{2\,{share}}}{{{units}}}\bigl({output} - {target}\bigr)"
