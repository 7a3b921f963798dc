"""The families of cells, told from the graph: what carries the memory, and whether gates guard it."""

from __future__ import annotations

import sympy

from derive.elementary import Value
from derive.graph import LOSS, Diagonal, Edge, Graph

MEMORY = "Long short-term memory"
GATED = "Gated units"
SIMPLE = "Simple recurrent networks"
FEED_FORWARD = "Layers without memory"
FAMILIES = (MEMORY, GATED, SIMPLE, FEED_FORWARD)
"""All families, in the order in which they are shown."""


def family(graph: Graph) -> str:
    """The family of a cell.

    Long short-term memory has a memory: a state that is carried element by element, and that another value of its own
    step reads element by element too. Gated units multiply two values of a step. What has states and neither is simple.
    """
    if not graph.equations.states:
        return FEED_FORWARD
    if not any(_gated(graph, edge) for edge in graph.edges):
        return SIMPLE
    carried = {edge.source for edge in graph.edges if edge.lag and edge.source == edge.target and _elementwise(edge)}
    read = {edge.source for edge in graph.edges if not edge.lag and edge.target != LOSS and _elementwise(edge)}
    return MEMORY if carried & read else GATED


def _elementwise(edge: Edge) -> bool:
    return all(isinstance(factor, Diagonal) for factor in edge.partial)


def _gated(graph: Graph, edge: Edge) -> bool:
    """Whether the source of an edge, which carries a step, is multiplied by another value that does."""
    if graph.equations.symbols[edge.source].timeless:
        return False
    factors = [
        part
        for factor in edge.partial
        if isinstance(factor, Diagonal)
        for term in sympy.Add.make_args(factor.primed)
        for part in sympy.Mul.make_args(term)
    ]
    return any(
        isinstance(part, Value) and part.variable != edge.source and not graph.equations.symbols[part.variable].timeless
        for part in factors
    )
