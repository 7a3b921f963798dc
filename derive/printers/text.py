"""Text for people: `c[t+1]`, readable and greppable, with signs (⊙, δ, σ) or in ASCII alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy

from derive.elementary import (
    Elementary,
    OccurrenceSymbol,
    ProductSymbol,
    Slope,
    Value,
)
from derive.equations.model import Equation
from derive.graph import LOSS, Diagonal, Edge, Graph, Outer, Transfer
from derive.printers.base import Binding, Printed, Printer
from derive.printers.sentences import occurrence
from derive.routes import Node, Route

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Notation:
    """The signs of a text. `matrix` joins a matrix and the adjoint behind it; `error` is the derivative of the loss
    by what it reads, all else held."""

    ascii: bool
    times: str
    arrow: str
    adjoint: str
    gradient: str
    error: str
    total: str
    transpose: str
    matrix: str


SIGNS = Notation(False, "⊙", "→", "δ", "∂J/∂", "∂⁺J/∂", "Σ_t", "ᵀ", " ")
ASCII = Notation(True, "*", "->", "d_", "dJ/d", "error_", "sum_t", ".T", " @ ")


def notation(ascii_only: bool) -> Notation:
    """Signs, or ASCII alone."""
    return ASCII if ascii_only else SIGNS


def place(name: str, step: int, timeless: bool = False) -> str:
    """A name at step t + step: `c[t]`, `c[t+1]`, `c[t-1]`; a timeless name stands alone."""
    if timeless:
        return name
    return f"{name}[t{step:+d}]" if step else f"{name}[t]"


def arrow(edge: Edge, timeless: bool = False) -> str:
    """`c[t] -> y[t]`, with the number of the occurrence where there are several."""
    several = f", {occurrence(edge)}" if edge.count > 1 else ""
    return f"{place(edge.source, 0, timeless)} -> {place(edge.target, edge.lag)}{several}"


class TextPrinter(Printer):
    """Prints expressions whose values stand at step t + `step`."""

    def __init__(self, graph: Graph, notation: Notation, step: int = 0, order: Sequence[sympy.Symbol] = ()) -> None:
        super().__init__(order)
        self.graph = graph
        self.notation = notation
        self.step = step

    def symbol(self, symbol: sympy.Symbol) -> Printed:
        """`c[t-1]`, `p_in`, or the product `R_z @ y[t-1]`, which is bracketed everywhere but in a sum."""
        if isinstance(symbol, ProductSymbol):
            product = self.graph.products[symbol]
            matrix = product.matrix.name + (self.notation.transpose if product.transposed else "")
            return f"{matrix} @ {self.text(product.operand, Binding.ATOM)}", Binding.SUM
        read = symbol.value if isinstance(symbol, OccurrenceSymbol) else symbol
        assert isinstance(read, Value)
        timeless = self.graph.equations.symbols[read.variable].timeless
        return place(read.variable, self.step - read.lag, timeless), Binding.ATOM

    def number(self, number: sympy.Rational) -> Printed:
        """A decimal where that is exact and short, else a fraction."""
        decimal = f"{float(number):.12g}"
        if sympy.Rational(decimal) == number:
            return decimal, Binding.ATOM
        return f"{number.p}/{number.q}", Binding.PRODUCT

    def call(self, application: Elementary) -> Printed:
        """`tanh(c[t])`; the internal function of a symbolic exponent is written as the operator."""
        if application.rule.name == "power":
            base, exponent = application.args
            return f"{self.text(base, Binding.ATOM)}**{self.text(exponent, Binding.ATOM)}", Binding.POWER
        return f"{self._function(application)}({self._arguments(application)})", Binding.ATOM

    def slope(self, application: Slope) -> Printed:
        """`tanh'(c[t])`; of several arguments the mark names the one it differentiates by: `minimum'_a(u, v)`."""
        rule = application.rule
        argument = f"_{rule.arguments[application.argument]}" if len(rule.arguments) > 1 else ""
        return f"{self._function(application)}'{argument}({self._arguments(application)})", Binding.ATOM

    def product(self, factors: Sequence[sympy.Expr]) -> Printed:
        """Factors with the sign of the element-wise product between them."""
        sign = f" {self.notation.times} "
        return sign.join(self.text(factor, Binding.PRODUCT) for factor in factors), Binding.PRODUCT

    def quotient(self, numerator: sympy.Expr, denominator: sympy.Expr) -> Printed:
        """A division; the denominator is bracketed unless it is a leaf."""
        return f"{self.text(numerator, Binding.PRODUCT)} / {self.text(denominator, Binding.POWER)}", Binding.PRODUCT

    def power(self, base: sympy.Expr, exponent: sympy.Rational) -> Printed:
        """`z[t]²`, in ASCII `z[t]**2`."""
        text = self.text(base, Binding.ATOM)
        if exponent.is_Integer and not self.notation.ascii:
            return text + str(exponent).translate(_SUPERSCRIPTS), Binding.POWER
        return f"{text}**{self.text(exponent, Binding.ATOM)}", Binding.POWER

    def sum(self, terms: Sequence[tuple[bool, sympy.Expr]]) -> Printed:
        """A sum, in which products of matrices need no brackets unless they are subtracted first."""
        pieces = []
        for index, (negative, term) in enumerate(terms):
            sign = ("-" if negative else "") if index == 0 else (" - " if negative else " + ")
            bare = isinstance(term, ProductSymbol) and sign != "-"
            pieces.append(sign + self.text(term, Binding.SUM if bare else Binding.PRODUCT))
        return "".join(pieces), Binding.SUM

    def _function(self, application: Elementary | Slope) -> str:
        rule = application.rule
        return rule.name if self.notation.ascii and not rule.text.isascii() else rule.text

    def _arguments(self, application: Elementary | Slope) -> str:
        return ", ".join(self.text(argument) for argument in application.args)


@dataclass(frozen=True)
class RouteText:
    """The equations, routes and terms of one cell as text."""

    graph: Graph
    notation: Notation = SIGNS

    def node(self, node: Node) -> str:
        """`c[t+1]`, `J[t]`, `W_z`."""
        return place(*node, self._timeless(node[0]))

    def adjoint(self, node: Node) -> str:
        """`δc[t+1]`, for a parameter `∂J/∂W_z`."""
        parameter = node[0] in self.graph.equations.parameters
        return f"{self.notation.gradient if parameter else self.notation.adjoint}{self.node(node)}"

    @cached_property
    def adjoints(self) -> re.Pattern[str]:
        """What finds the adjoints in a text: each with its step."""
        names = "|".join(map(re.escape, self.graph.equations.symbols))
        signs = "|".join(map(re.escape, (self.notation.gradient, self.notation.adjoint)))
        return re.compile(rf"(?<![\w/])(?:{signs})(?:{names})(?!\w)(?:\[t(?:\+1)?\])?")

    def error(self, node: Node) -> str:
        """The error that enters at `node` from the loss or from outside."""
        return f"{self.notation.error}{self.node(node)}"

    def equation(self, equation: Equation) -> str:
        """`c[t] = z[t] ⊙ i[t] + c[t-1] ⊙ f[t]`, in the order of the cell's text."""
        formula = next(item for item in self.graph.formulas if item.equation == equation)
        right = TextPrinter(self.graph, self.notation, order=self.graph.reading_order(equation.target)).text(
            formula.expression
        )
        return f"{self.node((equation.target, 0))} = {right}"

    def route(self, route: Route) -> str:
        """`c[t] → y[t] → J[t]`; `h[t]#2 → y[t]` leaves by the second of several occurrences of h."""
        pieces = []
        for node, edge in zip(route.nodes, route.edges, strict=False):
            pieces.append(self.node(node) + (f"#{edge.occurrence}" if edge.count > 1 else ""))
        return f" {self.notation.arrow} ".join((*pieces, self.node(route.target)))

    def signed_term(self, route: Route) -> str:
        """`term` with its sign."""
        negative, term = self.term(route)
        return f"-{term}" if negative else term

    def term(self, route: Route) -> tuple[bool, str]:
        """What the route adds to the adjoint of its source: whether it is negative, and the product without the sign.

        The immediate partials of the edges, last edge first, applied to the adjoint of the target, or to the error
        where the route ends at the loss. A timeless source sums over t.
        """
        nodes = route.nodes
        ends = nodes[-1][0] == LOSS
        text, binding, negative = self.error(nodes[-2]) if ends else self.adjoint(nodes[-1]), Binding.ATOM, False
        for edge, node in reversed(list(zip(route.edges, nodes[1:], strict=True))):
            for factor in edge.partial:
                match factor:
                    case Diagonal(_, primed):
                        flipped, text, binding = self._scaled(primed, node, edge, text, binding)
                        negative ^= flipped
                    case Transfer(_, matrix, transposed):
                        sign = "" if transposed else self.notation.transpose
                        held = text if binding >= Binding.POWER else f"({text})"
                        text, binding = f"{matrix}{sign}{self.notation.matrix}{held}", Binding.POWER
                    case Outer(_, operand, transposed):
                        text, binding = self._outer(operand, transposed, node, edge, text, binding), Binding.ATOM
        summed = self._timeless(nodes[0][0]) and not self._timeless(nodes[1][0])
        return negative, f"{self.notation.total} {text}" if summed else text

    def slopes(self, routes: Sequence[Route]) -> Iterator[tuple[str, str]]:
        """`tanh'(z_bar[t])` and `1 - z[t]²` for every derivative in the terms of `routes`, each once."""
        seen = set()
        for route in routes:
            for edge, (_, step) in zip(route.edges, route.nodes[1:], strict=True):
                printer = TextPrinter(self.graph, self.notation, step, self._order(edge))
                diagonals = [factor for factor in edge.partial if isinstance(factor, Diagonal)]
                expanded = {slope: expression for factor in diagonals for slope, expression in factor.slopes}
                for item in printer.sort(list(expanded)):
                    left = printer.text(item)
                    if left not in seen:
                        seen.add(left)
                        yield left, printer.text(expanded[item])

    def error_meaning(self, route: Route) -> tuple[str, str]:
        """The error at the end of a route to the loss, and what it is: from outside, or the derivative of the loss."""
        name, step = route.nodes[-2]
        node, loss = self.node((name, step)), self.graph.equations.loss
        target, weight = place("target", step), f"{place('weight', step)} / sum(weight)"
        if loss is None:
            meaning = f"the error from outside, dy for {node}"
        elif loss.rule == "softmax_cross_entropy":
            meaning = f"{weight} {self.notation.times} (softmax({node}) - {target})"
        else:
            size = self.graph.equations.symbols[name].shape[0]
            meaning = f"{weight} {self.notation.times} 2 / {size} {self.notation.times} ({node} - {target})"
        return self.error((name, step)), meaning

    def _scaled(
        self, factor: sympy.Expr, node: Node, edge: Edge, text: str, binding: Binding
    ) -> tuple[bool, str, Binding]:
        """An element-wise factor before `text`; the sign is drawn out."""
        negative = bool(factor.as_coeff_Mul()[0].is_negative)
        factor = -factor if negative else factor
        if factor == 1:
            return negative, text, binding
        printer = TextPrinter(self.graph, self.notation, node[1], self._order(edge))
        held = f"({text})" if binding is Binding.POWER else text
        return negative, f"{printer.text(factor, Binding.PRODUCT)} {self.notation.times} {held}", Binding.PRODUCT

    def _outer(self, operand: sympy.Expr, transposed: bool, node: Node, edge: Edge, text: str, binding: Binding) -> str:
        """The outer product of the adjoint and the operand; the operand comes first where the text transposes."""
        printer = TextPrinter(self.graph, self.notation, node[1], self._order(edge))
        if self.notation.ascii:
            pair = (text, printer.text(operand))
            return f"outer({', '.join(reversed(pair) if transposed else pair)})"
        pair = (text if binding is Binding.ATOM else f"({text})", printer.text(operand, Binding.ATOM))
        first, second = reversed(pair) if transposed else pair
        return f"{first} {second}ᵀ"

    def _order(self, edge: Edge) -> tuple[sympy.Symbol, ...]:
        """What the equation of the edge's target reads, in the order of its text."""
        return () if edge.target == LOSS else self.graph.reading_order(edge.target)

    def _timeless(self, name: str) -> bool:
        return name != LOSS and self.graph.equations.symbols[name].timeless
