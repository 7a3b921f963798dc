"""The computational graph of one step: an edge for every occurrence, with its immediate partial.

An edge differentiates one occurrence of a variable in the text of an equation and holds everything else fixed, the
variable's other occurrences included. Each occurrence is a symbol of its own before SymPy sees it; occurrences are
identified only after differentiation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
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

LOSS = "J"


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix-vector product of the text: `symbol = matrix @ operand`, or with the transposed matrix.

    `operand` is an expression over occurrences and inner products; `within` is the product whose operand holds this
    one, None where the equation itself does.
    """

    symbol: ProductSymbol
    matrix: Occurrence
    transposed: bool
    operand: sympy.Expr
    within: ProductSymbol | None


@dataclass(frozen=True, slots=True)
class Formula:
    """An equation for SymPy: `target = expression` over occurrences and products."""

    equation: Equation
    expression: sympy.Expr
    products: tuple[Product, ...]

    @property
    def target(self) -> str:
        """The variable that is assigned."""
        return self.equation.target


@dataclass(frozen=True, slots=True)
class Diagonal:
    """An element-wise factor of an immediate partial.

    `primed` leaves slopes as they are, tanh'(c); `expression` writes them in forward values, 1 - z**2; `slopes` pairs
    the two for each slope. Values stand at the step of the edge's target.
    """

    expression: sympy.Expr
    primed: sympy.Expr
    slopes: tuple[tuple[Slope, sympy.Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Transfer:
    """A matrix factor: the adjoint passes through `matrix` transposed (or as it is, where the text transposes it)."""

    product: ProductSymbol
    matrix: str
    transposed: bool


@dataclass(frozen=True, slots=True)
class Outer:
    """The last factor of a matrix parameter's edge: the outer product of the adjoint and `operand`.

    `M @ v` adds the adjoint times vᵀ, `transpose(M) @ v` adds v times the adjoint transposed.
    """

    product: ProductSymbol
    operand: sympy.Expr
    transposed: bool


Factor = Diagonal | Transfer | Outer


@dataclass(frozen=True, slots=True)
class Edge:
    """One occurrence of `source` in the equation of `target`.

    `lag` is 1 where the equation reads source[t-1]: the edge then leads from source(t) to target(t+1). `partial` holds
    the factors of the immediate partial in the order in which they meet the adjoint of the target. The edge from an
    output or the variable of the loss to `J` has no factors: its term is the error itself.
    """

    source: str
    target: str
    lag: int
    occurrence: int
    count: int
    partial: tuple[Factor, ...]

    @property
    def crosses_step(self) -> bool:
        """Whether the edge leads from step t to step t+1."""
        return self.lag == 1


@dataclass(frozen=True)
class Graph:
    """All edges of one step. Nodes are the names of the cell and `J`, the loss."""

    equations: Equations
    formulas: tuple[Formula, ...]
    edges: tuple[Edge, ...]

    @cached_property
    def _leaving(self) -> Mapping[str, tuple[Edge, ...]]:
        leaving: dict[str, list[Edge]] = {name: [] for name in self.equations.symbols}
        for edge in self.edges:
            leaving[edge.source].append(edge)
        return {name: tuple(edges) for name, edges in leaving.items()}

    def edges_from(self, name: str) -> tuple[Edge, ...]:
        """The edges that leave `name`: those inside the step first, then those across.

        In each group the loss comes first, then states, then other targets in order of evaluation: the direct routes
        stand before those through a pre-activation.
        """
        states = self.equations.states

        def key(edge: Edge) -> tuple[int, int]:
            return edge.lag, 0 if edge.target == LOSS else 1 if edge.target in states else 2

        return tuple(sorted(self._leaving[name], key=key))

    @cached_property
    def products(self) -> Mapping[ProductSymbol, Product]:
        """Every product of the cell by its symbol, in the order of the text."""
        return {product.symbol: product for formula in self.formulas for product in formula.products}

    def reading_order(self, target: str) -> tuple[sympy.Symbol, ...]:
        """The symbols of an equation in the order of its text, occurrences as well as their values.

        A product stands where its matrix does. Printers use it to restore the order of the reader.
        """
        formula = next(formula for formula in self.formulas if formula.target == target)
        of_matrix = {product.matrix: product.symbol for product in formula.products}
        order: list[sympy.Symbol] = []
        for occurrence in occurrences(formula.equation.expression):
            if occurrence in of_matrix:
                order.append(of_matrix[occurrence])
            else:
                symbol = occurrence_symbol(occurrence)
                order.extend((symbol, symbol.value))
        return tuple(order)

    @cached_property
    def step(self) -> nx.MultiDiGraph:
        """One step as a NetworkX graph; each edge carries its `lag` and, as `edge`, the Edge."""
        graph = nx.MultiDiGraph()
        graph.add_nodes_from(self.equations.symbols)
        graph.add_node(LOSS)
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, lag=edge.lag, edge=edge)
        return graph

    @cached_property
    def window(self) -> nx.MultiDiGraph:
        """The steps t and t+1 unrolled: nodes are (name, step) with step 0 or 1, timeless names are left out."""
        graph = nx.MultiDiGraph()
        timed = [name for name, symbol in self.equations.symbols.items() if not symbol.timeless]
        for step in (0, 1):
            graph.add_nodes_from((name, step) for name in (*timed, LOSS))
        for step in (0, 1):
            for edge in self.edges:
                if not self.equations.symbols[edge.source].timeless and step + edge.lag <= 1:
                    graph.add_edge((edge.source, step), (edge.target, step + edge.lag), edge=edge)
        return graph


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
