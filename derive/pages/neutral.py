"""What two cells say, under names that they share: expressions, edges, and the wires between values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy

from derive.elementary import OccurrenceSymbol, ProductSymbol, Value
from derive.equations.model import Role
from derive.graph import LOSS, Diagonal, Edge, Graph, Outer, Transfer

Names = Mapping[str, str]

_PRODUCT = sympy.Function("product")


@dataclass(frozen=True)
class Neutral:
    """Expressions and edges of a cell under other names; a name without one is marked, so that it equals no other."""

    graph: Graph
    names: Names

    @classmethod
    def own(cls, graph: Graph) -> Neutral:
        """The cell under its own names."""
        return cls(graph, {name: name for name in graph.equations.symbols})

    def name(self, name: str) -> str:
        """The neutral name of a name of the cell."""
        return name if name == LOSS else self.names.get(name, f"{name}'")

    def expression(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression over neutral symbols: equal for two cells where it says the same in both."""
        return expression.xreplace({symbol: self._symbol(symbol) for symbol in expression.free_symbols})

    def edge(self, edge: Edge) -> tuple[object, ...]:
        """What the edge is, its immediate partial included, but not which of several occurrences it is."""
        judge = loss_rule(self.graph) if edge.target == LOSS else ""
        return *self.wire(edge), judge, tuple(self._factor(item) for item in edge.partial)

    def wire(self, edge: Edge) -> tuple[str, str, int]:
        """Where the edge leads from and to."""
        return self.name(edge.source), self.name(edge.target), edge.lag

    def wires(self) -> Iterator[tuple[str, str, int]]:
        """The edges that do not begin at a parameter."""
        for edge in self.graph.edges:
            if self.graph.equations.symbols[edge.source].role is not Role.PARAMETER:
                yield self.wire(edge)

    def _factor(self, factor: Diagonal | Transfer | Outer) -> tuple[object, ...]:
        match factor:
            case Diagonal():
                return "diagonal", self.expression(factor.primed)
            case Transfer():
                return "transfer", self.name(factor.matrix), factor.transposed
            case Outer():
                return "outer", self.expression(factor.operand), factor.transposed

    def _symbol(self, symbol: sympy.Symbol) -> sympy.Expr:
        if isinstance(symbol, ProductSymbol):
            product = self.graph.products[symbol]
            matrix = sympy.Symbol(self.name(product.matrix.name) + ("ᵀ" if product.transposed else ""))
            return _PRODUCT(matrix, self.expression(product.operand))
        held: Value = symbol.value if isinstance(symbol, OccurrenceSymbol) else symbol
        return sympy.Symbol(f"{self.name(held.variable)}@{held.lag}")


def loss_rule(graph: Graph) -> str:
    """The rule of the cell's own loss, "" for none."""
    return graph.equations.loss.rule if graph.equations.loss else ""
