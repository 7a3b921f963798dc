"""The circuit of one step as nodes and wires, without a place on the page."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from derive.equations.model import Occurrence
from derive.graph import Edge


class Kind(enum.Enum):
    """What a node is, and so which shape it has."""

    SUM = "sum"
    GATE = "gate"
    FUNCTION = "function"
    OPERATOR = "operator"
    INPUT = "input"
    LOSS = "loss"


@dataclass(frozen=True, slots=True)
class Node:
    r"""An operation of the step, and the variable that holds its value where it is the last one of an equation.

    `symbol` is the operation in LaTeX, \\Sigma or \\odot, and "" for inputs and the loss. `carried` is true for a
    state. `couples` says that the operands stand in one another's derivative: a product, a quotient, a minimum.
    """

    id: str
    kind: Kind
    symbol: str
    variable: str | None = None
    carried: bool = False
    couples: bool = False


@dataclass(frozen=True, slots=True)
class Wire:
    """A value on its way from one node to another.

    `lag` is 1 where the value is that of the step before. `matrix` is true where a matrix multiplies it on its way.
    `occurrences` are those of the text of `equation`, the variable assigned, whose routes run through the wire.
    """

    id: str
    source: str
    target: str
    lag: int
    matrix: bool
    equation: str
    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True)
class Diagram:
    """The nodes of one step in an order of evaluation, and the wires in the order of the text."""

    nodes: tuple[Node, ...]
    wires: tuple[Wire, ...]
    states: tuple[str, ...]

    @cached_property
    def node(self) -> Mapping[str, Node]:
        """Every node by its id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def into(self) -> Mapping[str, tuple[Wire, ...]]:
        """The wires that end at each node."""
        return {node.id: tuple(wire for wire in self.wires if wire.target == node.id) for node in self.nodes}

    def path(self, edge: Edge) -> tuple[Wire, ...]:
        """The wires of one occurrence, from its source to the variable that is assigned, or to the loss.

        Empty for an edge that leaves a parameter or another name without a step: no wire is drawn for it.
        """
        key = (edge.source, edge.lag, edge.occurrence)
        return tuple(
            wire
            for wire in self.wires
            if wire.equation == edge.target and key in ((item.name, item.lag, item.index) for item in wire.occurrences)
        )

    def factors(self, edge: Edge) -> tuple[Wire, ...]:
        """The wires that bring what the occurrence of `edge` is multiplied by, back to the variables they come from."""
        path = self.path(edge)
        found: dict[str, Wire] = {}
        for wire in path:
            if self.node[wire.target].couples:
                others = [other for other in self.into[wire.target] if other.id != wire.id]
                while others:
                    other = others.pop(0)
                    found[other.id] = other
                    if self.node[other.source].variable is None:
                        others.extend(self.into[other.source])
        return tuple(found.values())
