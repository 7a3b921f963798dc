"""The adjoint equations, route by route, and the gradients of the parameters.

delta v(t) is dJ/dv(t), over all routes: the sum over the first hops of v of the immediate partial transposed times the
adjoint of the hop's target, inside the step and across to t+1. A parameter's gradient is the sum over its
occurrences, over t and over the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from derive.graph import LOSS, Edge, Graph


@dataclass(frozen=True, slots=True)
class Adjoint:
    """The equation (B.n) of one name: its adjoint is the sum of the terms of `hops`.

    For a variable or an input of step t the hops are its first hops. For a parameter or a variable made of parameters
    alone (`timeless`), every hop whose target carries t is summed over t and over the batch.
    """

    name: str
    number: int
    hops: tuple[Edge, ...]
    timeless: bool

    @property
    def inside(self) -> tuple[Edge, ...]:
        """The hops that stay in the step, without the one to the loss."""
        return tuple(hop for hop in self.hops if not hop.crosses_step and hop.target != LOSS)

    @property
    def across(self) -> tuple[Edge, ...]:
        """The hops to step t+1."""
        return tuple(hop for hop in self.hops if hop.crosses_step)

    @property
    def error_enters(self) -> bool:
        """Whether an error enters here from outside, or from the loss."""
        return any(hop.target == LOSS for hop in self.hops)


@dataclass(frozen=True)
class Gradients:
    """All adjoint equations of a cell: `variables` in reverse order of evaluation, then inputs, then `parameters`.

    Timeless variables come last among `variables`: their adjoints are sums over t and need the whole sequence.
    """

    graph: Graph
    variables: tuple[Adjoint, ...]
    inputs: tuple[Adjoint, ...]
    parameters: tuple[Adjoint, ...]

    @cached_property
    def adjoints(self) -> Mapping[str, Adjoint]:
        """Every adjoint equation by the name it belongs to, in the order of their numbers."""
        return {item.name: item for item in (*self.variables, *self.inputs, *self.parameters)}

    def changed(self, changes: Mapping[Edge, Edge | None]) -> Gradients:
        """Other equations on the same graph: some hops replaced, and left out where None stands for them."""

        def altered(adjoint: Adjoint) -> Adjoint:
            hops = (changes.get(hop, hop) for hop in adjoint.hops)
            return replace(adjoint, hops=tuple(hop for hop in hops if hop is not None))

        return Gradients(
            self.graph,
            tuple(altered(item) for item in self.variables),
            tuple(altered(item) for item in self.inputs),
            tuple(altered(item) for item in self.parameters),
        )


def differentiate(graph: Graph) -> Gradients:
    """Sum the first hops of every name of the cell."""
    equations = graph.equations
    assigned = equations.variables[::-1]
    timed = [name for name in assigned if not equations.symbols[name].timeless]
    timeless = [name for name in assigned if equations.symbols[name].timeless]
    order = [*timed, *timeless, *equations.inputs, *equations.parameters]
    adjoints = {
        name: Adjoint(name, number, graph.edges_from(name), equations.symbols[name].timeless)
        for number, name in enumerate(order, start=1)
    }
    return Gradients(
        graph,
        tuple(adjoints[name] for name in (*timed, *timeless)),
        tuple(adjoints[name] for name in equations.inputs),
        tuple(adjoints[name] for name in equations.parameters),
    )
