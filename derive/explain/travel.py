"""How far errors travel: the product of the one-step Jacobians of the whole state, between two steps of one sequence.

The classical analysis is that of the simple recurrent network: Hochreiter 1991; Bengio, Simard and Frasconi 1994,
Learning long-term dependencies with gradient descent is difficult, IEEE Transactions on Neural Networks 5(2);
Hochreiter, Bengio, Frasconi and Schmidhuber 2001, Gradient flow in recurrent nets: the difficulty of learning
long-term dependencies; Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks,
arXiv:1211.5063, section 2. Norms are spectral: largest singular values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import mpmath

from derive import equations as cells
from derive.errors import DeriveError
from derive.explain.jacobians import (
    Matrix,
    block,
    highway,
    highway_factor,
    jacobian,
    norms_of_factors,
    norms_of_matrices,
    spectral_norm,
)
from derive.explain.points import fresh_trajectory
from derive.gradients import Gradients, differentiate
from derive.graph import wire
from derive.proof.interpreter import Scalar, Trajectory
from derive.proof.unrolled import DIGITS

STEPS = 30
SIZE = 4
SEED = 0
FORGET_GATES = ("0.5", "0.9", "0.99", "1")


@dataclass(frozen=True, slots=True)
class Curves:
    """What is left of an error at state `state` of the last step t, at every distance t - s = 0, 1, ..., `steps`.

    `block` is the norm of the state's own block of the product of the one-step Jacobians of all states: every route to
    the state at t that leaves the state at s by an edge to step s+1. (Other ways out of it lead through other states at
    s, which have blocks of their own.) `highway` is the norm of the element-wise loop alone, such as the product of
    the forget gates; None where the state has none. `by_jacobians` is the product of the norms of the whole one-step
    Jacobians, `by_factors` that of the norms of their factors, summed over the routes: both bound `block` from above.
    """

    cell: str
    label: str
    state: str
    block: tuple[Scalar, ...]
    highway: tuple[Scalar, ...] | None
    by_jacobians: tuple[Scalar, ...]
    by_factors: tuple[Scalar, ...]

    @property
    def steps(self) -> int:
        """The largest distance."""
        return len(self.block) - 1


def travel(
    gradients: Gradients,
    *,
    steps: int = STEPS,
    size: int = SIZE,
    seed: int = SEED,
    fixed: Mapping[str, Scalar] = MappingProxyType({}),
    label: str = "",
) -> tuple[Curves, ...]:
    """The curves of every state of a cell, on one random sequence, with parameters as training starts with them.

    See `points.fresh_trajectory` for the point; `fixed` gives parameters one number everywhere. Raises DeriveError
    where no random point lies in the domain of the cell.
    """
    graph = gradients.graph
    with mpmath.workdps(DIGITS):
        trajectory = fresh_trajectory(graph.equations, steps=steps, size=size, seed=seed, fixed=fixed)
        # From the last step to the first: the order in which errors travel.
        backwards = list(reversed(range(steps))) if graph.equations.states else []
        jacobians = [jacobian(gradients, trajectory, step) for step in backwards]
        products = _products(jacobians)
        by_jacobians = _running([spectral_norm(item) for item in jacobians])
        norms = norms_of_matrices(graph, trajectory)
        bounds = _products([norms_of_factors(graph, trajectory, norms, step) for step in backwards])
        return tuple(
            Curves(
                cell=graph.equations.name,
                label=label or graph.equations.name,
                state=state,
                block=tuple(spectral_norm(block(item, graph, trajectory, state)) for item in products),
                highway=_highway(gradients, trajectory, state, backwards),
                by_jacobians=by_jacobians,
                by_factors=tuple(item[place, place] for item in bounds),
            )
            for place, state in enumerate(graph.equations.states)
        )


def comparison(*, steps: int = STEPS, size: int = SIZE, seed: int = SEED) -> tuple[Curves, ...]:
    """The simple recurrent network (state h), and the LSTM (state c) with its forget gate held at four values.

    The gate is held by its own parameters: W_f and U_f are 0, so that f = sigmoid(b_f) at every step, and b_f is
    log(f / (1 - f)); for f = 1 it is 120, where the sigmoid is 1 to fifty digits. All other parameters of the four are
    the same random numbers. Since U_f is 0, no route passes through the forget gate.
    """
    curves = [curve_of("rnn", "h", steps=steps, size=size, seed=seed)]
    for gate in FORGET_GATES:
        with mpmath.workdps(DIGITS):
            value = mpmath.mpf(gate)
            bias = mpmath.log(value / (1 - value)) if value < 1 else mpmath.mpf(120)
            fixed = {"W_f": mpmath.mpf(0), "U_f": mpmath.mpf(0), "b_f": bias}
        label = f"LSTM, f = {gate}"
        curves.append(curve_of("lstm", "c", steps=steps, size=size, seed=seed, fixed=fixed, label=label))
    return tuple(curves)


@cache
def simple_network() -> Curves:
    """The curves of the simple recurrent network, which every cell is compared with."""
    return curve_of("rnn", "h")


def curve_of(
    cell: str,
    state: str,
    *,
    steps: int = STEPS,
    size: int = SIZE,
    seed: int = SEED,
    fixed: Mapping[str, Scalar] = MappingProxyType({}),
    label: str = "",
) -> Curves:
    """The curves of one state of a cell of the zoo, such as the simple network that others are compared with."""
    gradients = differentiate(wire(cells.load(cell)))
    found = travel(gradients, steps=steps, size=size, seed=seed, fixed=fixed, label=label)
    for curves in found:
        if curves.state == state:
            return curves
    raise DeriveError(
        f"`{state}` is not a state of the cell {cell}. Its states are {', '.join(c.state for c in found)}"
    )


def _products(matrices: Sequence[Matrix]) -> list[Matrix]:
    """The products of the first 0, 1, 2, ... of the matrices."""
    if not matrices:
        return []
    products = [mpmath.eye(matrices[0].rows)]
    for matrix in matrices:
        products.append(products[-1] * matrix)
    return products


def _running(numbers: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """The products of the first 0, 1, 2, ... of the numbers."""
    products = [mpmath.mpf(1)]
    for number in numbers:
        products.append(products[-1] * number)
    return tuple(products)


def _highway(
    gradients: Gradients, trajectory: Trajectory, state: str, backwards: Sequence[int]
) -> tuple[Scalar, ...] | None:
    routes = highway(gradients.graph, state)
    if not routes:
        return None
    units = [mpmath.mpf(1)] * len(trajectory.initial[state])
    norms = [mpmath.mpf(1)]
    for step in backwards:
        factor = highway_factor(gradients.graph, trajectory, routes, step)
        units = [one * other for one, other in zip(units, factor, strict=True)]
        norms.append(max(abs(item) for item in units))
    return tuple(norms)
