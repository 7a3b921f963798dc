"""Put the statements of a pass in order: regions, stages, sweeps.

Inside a region a product starts a new stage, because it needs its whole right-hand vector; between products everything
element-wise is one sweep for each dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import networkx as nx
import sympy

from derive.plan.model import REGIONS, Accumulate, Pass, Region, Stack, Stage, Statement, Sweep
from derive.plan.symbols import adjoint, unlagged

Node = Statement | Stack


@dataclass(frozen=True, slots=True)
class Direction:
    """Which way a pass runs, and which symbols a stack reads and gives in it."""

    backward: bool

    def reads(self, stack: Stack) -> tuple[sympy.Symbol, ...]:
        """The symbols that the product of a stack needs."""
        return tuple(adjoint(product.name) for product in stack.products) if self.backward else (stack.operand,)

    def gives(self, stack: Stack) -> tuple[sympy.Symbol, ...]:
        """The symbols that the product of a stack defines."""
        return (stack.pulled,) if self.backward else stack.products


def schedule(
    statements: Sequence[Statement], stacks: Sequence[Stack], *, backward: bool, wanted: Iterable[sympy.Symbol] = ()
) -> Pass:
    """Order one pass. A backward product whose value nobody reads, and that is not `wanted`, is left out."""
    direction = Direction(backward)
    if backward:
        read = {symbol for statement in statements for symbol in statement.expression.free_symbols}.union(wanted)
        stacks = [stack for stack in stacks if stack.pulled in read]
    regions = []
    for region in reversed(REGIONS) if backward else REGIONS:
        inside: list[Node] = [node for node in (*stacks, *statements) if node.region is region]
        if inside:
            regions.append((region, _stages(inside, region, direction)))
    return Pass(tuple(regions))


def defined_by(node: Node, direction: Direction) -> tuple[sympy.Symbol, ...]:
    """The symbols that a node defines."""
    return direction.gives(node) if isinstance(node, Stack) else (node.symbol,)


def read_by(node: Node, direction: Direction) -> Iterable[sympy.Symbol]:
    """The symbols that a node reads, sorted by name."""
    symbols = direction.reads(node) if isinstance(node, Stack) else node.expression.free_symbols
    return sorted(symbols, key=str)


def _stages(nodes: list[Node], region: Region, direction: Direction) -> tuple[Stage, ...]:
    """Group the nodes of a region by their stage, then the statements of a stage by their dimension."""
    dependencies = _dependencies(nodes, region, direction)
    order = list(nx.lexicographical_topological_sort(dependencies))
    level: dict[int, int] = {}
    for index in order:
        level[index] = max(
            (level[before] + _step(nodes[before], nodes[index]) for before in dependencies.predecessors(index)),
            default=0,
        )
    stages = []
    for number in range(max(level.values()) + 1):
        members = [nodes[index] for index in order if level[index] == number]
        products = tuple(node for node in members if isinstance(node, Stack))
        statements = [node for node in members if not isinstance(node, Stack)]
        dimensions = dict.fromkeys(statement.dimension for statement in statements)
        sweeps = tuple(
            Sweep(dimension, tuple(item for item in statements if item.dimension == dimension))
            for dimension in dimensions
        )
        stages.append(Stage(products, sweeps))
    return tuple(stages)


def _dependencies(nodes: list[Node], region: Region, direction: Direction) -> nx.DiGraph:
    """Which node, by position, must come before which; what an earlier step gave is there from the start."""
    definers: dict[sympy.Symbol, list[int]] = {}
    for index, node in enumerate(nodes):
        for symbol in defined_by(node, direction):
            definers.setdefault(symbol, []).append(index)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(nodes)))
    for index, node in enumerate(nodes):
        for symbol in read_by(node, direction):
            graph.add_edges_from((before, index) for before in definers.get(_source(symbol, region), ()))
    return graph


def _source(symbol: sympy.Symbol, region: Region) -> sympy.Symbol | None:
    """The symbol that must be computed before `symbol` can be read in the same pass over a region."""
    earlier = unlagged(symbol)
    return None if earlier != symbol and region is Region.LOOP else earlier


def _step(before: Node, node: Node) -> int:
    """How many stages `node` must stand behind `before`."""
    if isinstance(before, Stack):
        return 1 if isinstance(node, Stack) else 0
    if isinstance(node, Stack) or isinstance(before, Accumulate) or before.dimension != node.dimension:
        return 1
    return 0
