"""What a forgotten route costs: the derived recursion with one first hop left out, against the whole.

To leave a route out is to hold one occurrence of a variable constant. The error is that of the whole gradient at one
random point: all parameters, every input and the initial state together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import mpmath

from derive.errors import DeriveError
from derive.explain.points import random_sequence
from derive.gradients import Gradients
from derive.graph import Edge
from derive.printers.latex_equations import Term, adjoint_equation
from derive.proof.interpreter import Array, Scalar, Trajectory
from derive.proof.recursion import propagate, zeros
from derive.proof.sequences import Sequence
from derive.proof.unrolled import DIGITS

STEPS = 5
SIZE = 3
SEED = 0
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One route of a state: its number among the first hops, its term, and what it costs to leave it out.

    `error` is the norm of the difference of the two gradients divided by the norm of the whole one.
    """

    state: str
    number: int
    hop: Edge
    term: Term
    error: Scalar


def forgotten(gradients: Gradients, *, steps: int = STEPS, size: int = SIZE, seed: int = SEED) -> tuple[Forgotten, ...]:
    """The cost of every first hop of every state, state by state, in the order of the adjoint equations' terms.

    The point is random: parameters, inputs and initial states are of magnitude 0.2 to 1, dimensions have `size` and
    `size` + 1 components in turn. J is the cell's own loss, or the sum of random errors times the outputs of all steps.
    Of the points of `seed`, `seed` + 1 and so on the first is taken whose gradient is not 0, as it is where all relu
    are silent. Raises DeriveError where no random point lies in the domain of the cell, or all have the gradient 0.
    """
    equations = gradients.graph.equations
    with mpmath.workdps(DIGITS):
        for attempt in range(seed, seed + ATTEMPTS):
            sequence = random_sequence(equations, steps=steps, size=size, seed=attempt)
            # Errors enter at the outputs alone, as in training.
            sequence = replace(sequence, last={name: zeros(value) for name, value in sequence.last.items()})
            trajectory = sequence.trajectory()
            whole = _gradient(gradients, sequence, trajectory)
            norm = mpmath.norm(whole)
            if norm:
                break
        else:
            raise DeriveError(f"{equations.name}: its gradient is 0 at {ATTEMPTS} random points: nothing can be lost")
        rows = []
        for state in equations.states:
            adjoint = gradients.adjoints[state]
            for hop, term in zip(adjoint.hops, adjoint_equation(gradients, adjoint), strict=True):
                part = _gradient(gradients.changed({hop: None}), sequence, trajectory)
                difference = [one - other for one, other in zip(part, whole, strict=True)]
                rows.append(Forgotten(state, term.route, hop, term, mpmath.norm(difference) / norm))
    return tuple(rows)


def _gradient(gradients: Gradients, sequence: Sequence, trajectory: Trajectory) -> list[Scalar]:
    """The derivatives of J by every entry of every parameter, input and initial state."""
    equations = gradients.graph.equations
    adjoints = propagate(gradients, trajectory, sequence.entering(trajectory), sequence.last)
    arrays = [adjoints.timeless[name] for name in equations.parameters]
    arrays += [step[name] for step in adjoints.steps for name in equations.inputs]
    arrays += [adjoints.initial[name] for name in equations.states]
    return [entry for array in arrays for entry in _entries(array)]


def _entries(value: Array) -> Iterator[Scalar]:
    if isinstance(value, tuple):
        for item in value:
            yield from _entries(item)
    else:
        yield value
