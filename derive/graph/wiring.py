"""From typed equations to the graph: an edge for every occurrence, with its immediate partial.

An edge differentiates one occurrence of a variable in the text of an equation and holds everything else fixed, the
variable's other occurrences included. Each occurrence is a symbol of its own before SymPy sees it; occurrences are
identified only after differentiation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import sympy

from derive.elementary import (
    Elementary,
    ProductSymbol,
    Slope,
    Value,
    apply_operator,
    elementary,
    expand_slopes,
    identify,
    number,
    occurrence_symbol,
    value,
)
from derive.equations.model import (
    Call,
    Equation,
    Equations,
    Expression,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
    Role,
    occurrences,
)
from derive.graph.model import LOSS, Diagonal, Edge, Factor, Formula, Graph, Outer, Product, Transfer


def wire(equations: Equations) -> Graph:
    """Build the graph of one step from the typed equations."""
    numbering = itertools.count(1)
    formulas = tuple(_formula(equation, numbering) for equation in equations.equations)
    named: dict[tuple[str, ...], dict[sympy.Expr, sympy.Expr]] = {}
    for formula in formulas:
        if isinstance(formula.expression, Elementary):
            expression, symbol = identify(formula.expression), equations.symbols[formula.target]
            # A state made of parameters alone carries t, the function value does not.
            if symbol.timeless or not all(_is_timeless(equations, read) for read in expression.free_symbols):
                named.setdefault(symbol.shape, {})[expression] = value(formula.target)
    edges = [edge for formula in formulas for edge in _edges_into(formula, equations, named)]
    edges.extend(Edge(name, LOSS, 0, 1, 1, ()) for name in equations.outputs)
    return Graph(equations, formulas, tuple(edges))


def _formula(equation: Equation, numbering: Iterator[int]) -> Formula:
    """Translate one equation; products become symbols numbered in the order of the text."""
    products: list[Product] = []

    def translate(expression: Expression, within: ProductSymbol | None) -> sympy.Expr:
        match expression:
            case Number(fraction, _):
                return number(fraction)
            case Occurrence():
                return occurrence_symbol(expression)
            case Negation(operand):
                return -translate(operand, within)
            case Operation(operator, left, right):
                return apply_operator(operator, translate(left, within), translate(right, within))
            case Call(function, arguments):
                return elementary(function)(*(translate(argument, within) for argument in arguments))
            case MatrixProduct(matrix, transposed, operand):
                symbol = ProductSymbol(f"@{next(numbering)}")
                products.append(Product(symbol, matrix, transposed, translate(operand, symbol), within))
                return symbol

    expression = translate(equation.expression, None)
    products.sort(key=lambda product: product.symbol.number)
    return Formula(equation, expression, tuple(products))


def _is_timeless(equations: Equations, symbol: sympy.Symbol) -> bool:
    """Whether `symbol` is a value that carries no t."""
    return isinstance(symbol, Value) and equations.symbols[symbol.variable].timeless


def _edges_into(
    formula: Formula, equations: Equations, named: Mapping[tuple[str, ...], Mapping[sympy.Expr, sympy.Expr]]
) -> Iterator[Edge]:
    """One edge for every occurrence in the equation, in the order of the text; constants have none.

    `named` gives for each shape the variables that hold a function value. SymPy makes sigmoid(0) of sigmoid(z - z) for
    z of any size: only a variable of the size that is needed may stand for it.
    """
    standing = occurrences(formula.equation.expression)
    products = {product.symbol: product for product in formula.products}
    of_matrix = {product.matrix: product for product in formula.products}

    def holder(symbol: sympy.Symbol) -> ProductSymbol | None:
        return next((key for key, product in products.items() if symbol in product.operand.free_symbols), None)

    def shape(within: ProductSymbol | None) -> tuple[str, ...]:
        if within is None:
            return equations.symbols[formula.target].shape
        axes = equations.symbols[products[within].matrix.name].shape
        return axes[:1] if products[within].transposed else axes[1:]

    def diagonal(within: ProductSymbol | None, by: sympy.Symbol) -> Diagonal:
        expression = products[within].operand if within else formula.expression
        primed = identify(expression.diff(by))
        held = named.get(shape(within), {})
        slopes = tuple((item, expand_slopes(item, held)) for item in sorted(primed.atoms(Slope), key=str))
        return Diagonal(expand_slopes(primed, held), primed, slopes)

    def chain(within: ProductSymbol | None) -> tuple[Factor, ...]:
        """The factors from the target's adjoint down to the operand of the product `within`."""
        if within is None:
            return ()
        product = products[within]
        transfer = Transfer(product.symbol, product.matrix.name, product.transposed)
        return (*chain(product.within), diagonal(product.within, product.symbol), transfer)

    for occurrence in standing:
        if equations.symbols[occurrence.name].role is Role.CONSTANT:
            continue
        if occurrence in of_matrix:
            product = of_matrix[occurrence]
            last: Factor = Outer(product.symbol, identify(product.operand), product.transposed)
            partial = (*chain(product.within), diagonal(product.within, product.symbol), last)
        else:
            symbol = occurrence_symbol(occurrence)
            within = holder(symbol)
            partial = (*chain(within), diagonal(within, symbol))
        count = sum((other.name, other.lag) == (occurrence.name, occurrence.lag) for other in standing)
        yield Edge(occurrence.name, formula.target, occurrence.lag, occurrence.index, count, _without_ones(partial))


def _without_ones(partial: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Drop element-wise factors that are 1."""
    return tuple(factor for factor in partial if not (isinstance(factor, Diagonal) and factor.expression == 1))
