"""Which names of two cells stand for the same thing, and what then differs between the cells.

Cells from different papers call the same value differently, h and y, g and z. Two cells are compared under the renaming
that leaves the fewest differences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from derive.equations.model import Role
from derive.graph import Edge, Graph
from derive.pages.neutral import Names, Neutral, loss_rule
from derive.pages.pairing import ordered, paired_names


@dataclass(frozen=True)
class Alignment:
    """Two cells, and for each name of the second the name of the first that stands for the same."""

    first: Graph
    second: Graph
    names: Names

    @cached_property
    def partners(self) -> Names:
        """For each name of the first cell that has one, its partner in the second."""
        return {first: second for second, first in self.names.items()}

    @cached_property
    def first_neutral(self) -> Neutral:
        """Writes what the first cell says with its own names."""
        return Neutral.own(self.first)

    @cached_property
    def second_neutral(self) -> Neutral:
        """Writes what the second cell says with the names of the first, where there are any."""
        return Neutral(self.second, self.names)

    @cached_property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Pairs of partners that have different names, in the order of the first cell."""
        return tuple((first, second) for first, second in self._paired() if first != second)

    @cached_property
    def rewritten(self) -> tuple[str, ...]:
        """Variables of the first cell whose partner has another equation."""
        targets = {formula.target: formula.expression for formula in self.first.formulas}
        others = {formula.target: formula.expression for formula in self.second.formulas}
        return tuple(
            first
            for first, second in self._paired()
            if first in targets
            and self.first_neutral.expression(targets[first]) != self.second_neutral.expression(others[second])
        )

    @cached_property
    def only_first(self) -> tuple[str, ...]:
        """Names without a partner in the second cell."""
        return tuple(name for name in ordered(self.first.equations) if name not in self.partners)

    @cached_property
    def only_second(self) -> tuple[str, ...]:
        """Names of the second cell without a partner in the first."""
        return tuple(name for name in ordered(self.second.equations) if name not in self.names)

    @cached_property
    def edges_only_first(self) -> tuple[Edge, ...]:
        """Edges between values of a step that the second cell lacks."""
        return _without(self.first_neutral, self.second_neutral)

    @cached_property
    def edges_only_second(self) -> tuple[Edge, ...]:
        """Edges between values of a step that the first cell lacks."""
        return _without(self.second_neutral, self.first_neutral)

    @cached_property
    def distance(self) -> int:
        """Names and edges that only one of the cells has, equations that differ otherwise, and another loss."""
        names = len(self.only_first) + len(self.only_second)
        edges = len(self.edges_only_first) + len(self.edges_only_second)
        touched = {edge.target for edge in self.edges_only_first}
        touched |= {self.names.get(edge.target, "") for edge in self.edges_only_second}
        # An equation that gained or lost an edge is counted by that edge, one that lost a bias by its name.
        lone = {*self.only_first, *self.only_second}
        otherwise = sum(name not in touched and not self._reads(name, lone) for name in self.rewritten)
        return names + edges + otherwise + (loss_rule(self.first) != loss_rule(self.second))

    def _reads(self, target: str, lone: set[str]) -> bool:
        """Whether the equation of `target`, in either cell, reads a name that only one has."""
        found = {edge.source for edge in self.first.edges if edge.target == target}
        found |= {edge.source for edge in self.second.edges if edge.target == self.partners[target]}
        return bool(found & lone)

    def _paired(self) -> Iterator[tuple[str, str]]:
        for name in ordered(self.first.equations):
            if name in self.partners:
                yield name, self.partners[name]


def align(first: Graph, second: Graph) -> Alignment:
    """Two cells with their names paired as `paired_names` finds them."""
    return Alignment(first, second, paired_names(first, second))


def _without(neutral: Neutral, other: Neutral) -> tuple[Edge, ...]:
    """The edges between values that the other cell does not hold, as often as they stand in the cell."""
    left, found = Counter(other.wires()), []
    for edge in neutral.graph.edges:
        if neutral.graph.equations.symbols[edge.source].role is Role.PARAMETER:
            continue
        if left[neutral.wire(edge)]:
            left[neutral.wire(edge)] -= 1
        else:
            found.append(edge)
    return tuple(found)
