"""The nodes and edges of one step, and the factors of immediate partials: what the later stages read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import sympy

from derive.elementary import ProductSymbol, Slope, occurrence_symbol
from derive.equations.model import Equation, Equations, Occurrence, occurrences

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
