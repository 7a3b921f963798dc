"""Lower the equations: products and assignments in order of evaluation, each in its region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import sympy

from derive.elementary import ProductSymbol, Value, identify, value
from derive.equations.model import Role, occurrences
from derive.graph import Graph, Product
from derive.names import Namer
from derive.plan import symbols
from derive.plan.model import Assign, Region, Stack


@dataclass(frozen=True)
class Forward:
    """The forward pass before it is scheduled.

    `same` maps every product of the text to the first one with the same matrix and operand; `stack_of` maps those
    first ones to their stack.
    """

    statements: tuple[Assign, ...]
    stacks: tuple[Stack, ...]
    same: Mapping[ProductSymbol, ProductSymbol]
    stack_of: Mapping[ProductSymbol, Stack]
    regions: Mapping[sympy.Symbol, Region]

    def region_of(self, symbol: sympy.Symbol) -> Region:
        """The region in which the value of this step, or of the one before, is computed."""
        if isinstance(symbol, Value) and symbol.lag:
            symbol = value(symbol.variable)
        return self.regions[self.same[symbol] if isinstance(symbol, ProductSymbol) else symbol]


def lower(graph: Graph) -> Forward:
    """Lower the equations of `graph` to assignments and stacked products."""
    same = _same_products(graph)
    regions = _regions(graph, same)
    statements = []
    for formula in graph.formulas:
        for product in reversed(formula.products):  # an inner product stands behind the one that holds it
            if same[product.symbol] == product.symbol and not isinstance(identify(product.operand), Value):
                symbol = symbols.operand(product.symbol)
                regions[symbol] = regions[product.symbol]
                expression = identify(product.operand).xreplace(same)
                statements.append(Assign(symbol, expression, _columns(graph, product), regions[symbol]))
        target = value(formula.target)
        shape = graph.equations.symbols[formula.target].shape
        expression = identify(formula.expression).xreplace(same)
        label = f"F.{formula.equation.number}"
        statements.append(Assign(target, expression, shape[0] if shape else "", regions[target], label))
    stacks = _stack(graph, same, regions)
    stack_of = {product: stack for stack in stacks for product in stack.products}
    return Forward(tuple(statements), stacks, same, stack_of, regions)


def _same_products(graph: Graph) -> dict[ProductSymbol, ProductSymbol]:
    """Map each product to the first with the same matrix and right-hand vector."""
    first: dict[tuple[str, bool, sympy.Expr], ProductSymbol] = {}
    same: dict[ProductSymbol, ProductSymbol] = {}
    for product in reversed(list(graph.products.values())):
        key = _key(graph, product)
        first[key] = product.symbol
    for product in graph.products.values():
        same[product.symbol] = first[_key(graph, product)]
    return same


def _key(graph: Graph, product: Product) -> tuple[str, bool, sympy.Expr]:
    """A product by what it computes: inner products are written out as functions of what they compute."""
    inner = {symbol: graph.products[symbol] for symbol in product.operand.atoms(ProductSymbol)}
    written = {
        symbol: sympy.Function(f"{item.matrix.name}{'ᵀ' if item.transposed else ''}")(_key(graph, item)[2])
        for symbol, item in inner.items()
    }
    return product.matrix.name, product.transposed, identify(product.operand).xreplace(written)


def _columns(graph: Graph, product: Product) -> str:
    """The dimension of a product's right-hand vector."""
    return graph.equations.symbols[product.matrix.name].shape[0 if product.transposed else 1]


def _rows(graph: Graph, product: Product) -> str:
    """The dimension of a product's value."""
    return graph.equations.symbols[product.matrix.name].shape[1 if product.transposed else 0]


def _regions(graph: Graph, same: Mapping[ProductSymbol, ProductSymbol]) -> dict[sympy.Symbol, Region]:
    """Place every variable, input and product by reachability.

    The loop holds what lies on a cycle of the graph through t-1 or on a way between two of them; the prefix leads to
    it, the suffix comes out of it. Without a cycle everything is prefix.
    """
    dependencies = nx.DiGraph()
    timeless = {name for name, symbol in graph.equations.symbols.items() if symbol.timeless}

    def read(target: sympy.Symbol, expression: sympy.Expr) -> None:
        dependencies.add_node(target)
        # Occurrences, not values: z - z belongs to its step although nothing is left of it.
        for symbol in sorted(expression.free_symbols, key=str):
            if isinstance(symbol, ProductSymbol):
                dependencies.add_edge(same[symbol], target)
            elif symbol.value.variable not in timeless:
                dependencies.add_edge(value(symbol.value.variable), target)

    for name in graph.equations.inputs:
        dependencies.add_node(value(name))
    for formula in graph.formulas:
        for product in formula.products:
            read(same[product.symbol], product.operand)
        read(value(formula.target), formula.expression)
        # The text, not the expression: 0 * z belongs to its step although SymPy sees a number.
        for occurrence in occurrences(formula.equation.expression):
            if occurrence.name not in timeless:
                dependencies.add_edge(value(occurrence.name), value(formula.target))

    fed = set(graph.equations.inputs) | set(graph.equations.states)
    timed: set[sympy.Symbol] = set()
    for name in fed:
        timed |= {value(name)} | nx.descendants(dependencies, value(name))
    cyclic = {
        node
        for component in nx.strongly_connected_components(dependencies)
        for node in component
        if len(component) > 1 or dependencies.has_edge(node, node)
    }
    after = cyclic.union(*(nx.descendants(dependencies, node) for node in cyclic))
    before = cyclic.union(*(nx.ancestors(dependencies, node) for node in cyclic))

    def place(node: sympy.Symbol) -> Region:
        if node not in timed:
            return Region.PREAMBLE
        if node in after:
            return Region.LOOP if node in before else Region.SUFFIX
        return Region.PREFIX

    regions = {node: place(node) for node in dependencies}
    for name, symbol in graph.equations.symbols.items():
        if symbol.role in (Role.PARAMETER, Role.CONSTANT):
            regions[value(name)] = Region.PREAMBLE
    return regions


def _stack(
    graph: Graph, same: Mapping[ProductSymbol, ProductSymbol], regions: Mapping[sympy.Symbol, Region]
) -> tuple[Stack, ...]:
    """Make one product of those with the same right-hand vector in the same region."""
    groups: dict[tuple[sympy.Expr, str, Region], list[Product]] = {}
    for product in graph.products.values():
        if same[product.symbol] == product.symbol:
            key = (identify(product.operand).xreplace(same), _columns(graph, product), regions[product.symbol])
            groups.setdefault(key, []).append(product)
    stacks = []
    namer = Namer()
    for (operand, columns, region), products in groups.items():
        plain = isinstance(operand, Value)
        name = (
            operand.variable + ("_before" if operand.lag else "") if plain else f"operand_{products[0].symbol.number}"
        )
        stacks.append(
            Stack(
                name=namer.new(name if region is not Region.SUFFIX or not plain else f"{name}_after"),
                products=tuple(product.symbol for product in products),
                matrices=tuple((product.matrix.name, product.transposed) for product in products),
                rows=tuple(_rows(graph, product) for product in products),
                operand=operand if plain else symbols.operand(products[0].symbol),
                columns=columns,
                region=region,
                pulled=symbols.pulled(products[0].symbol),
            )
        )
    return tuple(stacks)
