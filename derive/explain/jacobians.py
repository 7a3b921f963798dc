"""The Jacobian of one step: how all states of t depend on all states of t-1, over every route inside the step.

Nothing about a cell is assumed: the entries come from the derived adjoint equations, the norms of the factors and the
element-wise loops from the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import mpmath

from derive.gradients import Gradients
from derive.graph import LOSS, Diagonal, Edge, Graph, Transfer
from derive.proof.interpreter import Array, Scalar, Trajectory
from derive.proof.recursion import propagate, value_at
from derive.routes import Route

# mpmath has no types: an mpmath.matrix.
Matrix = Any


def step_routes(graph: Graph, source: str, target: str) -> Iterator[Route]:
    """The routes from the state `source` at t-1 to the state `target` at t, one after another.

    The first edge crosses into step t, the others stay there: between two steps the states hold all that passes on.
    """

    def extended(edges: tuple[Edge, ...]) -> Iterator[Route]:
        if edges[-1].target == target:
            yield Route(edges, (source, 0))
        elif edges[-1].target != LOSS:
            for edge in graph.edges_from(edges[-1].target):
                if not edge.crosses_step:
                    yield from extended((*edges, edge))

    for edge in graph.edges_from(source):
        if edge.crosses_step:
            yield from extended((edge,))


def highway(graph: Graph, state: str) -> tuple[Route, ...]:
    """The element-wise loop of a state: its shortest routes from t-1 to t that pass through no matrix.

    For c = f * c[t-1] + i * g that is the one edge whose immediate partial is f. Empty where every route passes through
    a matrix.
    """
    # The search goes along element-wise edges alone, shortest routes first.
    reached: list[tuple[Edge, ...]] = [(edge,) for edge in graph.edges_from(state) if edge.crosses_step]
    while reached:
        reached = [edges for edges in reached if all(isinstance(factor, Diagonal) for factor in edges[-1].partial)]
        found = tuple(Route(edges, (state, 0)) for edges in reached if edges[-1].target == state)
        if found:
            return found
        reached = [
            (*edges, edge)
            for edges in reached
            if edges[-1].target != LOSS
            for edge in graph.edges_from(edges[-1].target)
            if not edge.crosses_step
        ]
    return ()


def diagonals(route: Route) -> list[Diagonal]:
    """The factors of an element-wise route."""
    return [factor for factor in route.partial if isinstance(factor, Diagonal)]


def jacobian(gradients: Gradients, trajectory: Trajectory, step: int) -> Matrix:
    """The derivative of all states of `step` (from 0) by all states of the step before: row by column.

    States stand in the order of the cell. Each row is one backward pass of the derived recursion through this step
    alone, that starts with 1 at one component of one state.
    """
    equations = gradients.graph.equations
    states = equations.states
    before = {name: trajectory.read(name, 1, step) for name in states}
    alone = Trajectory(trajectory.timeless, (trajectory.steps[step],), before)
    inner = _between_states(gradients)
    errors = [{name: tuple(mpmath.mpf(0) for _ in trajectory.read(name, 0, step)) for name in equations.outputs}]
    rows = []
    for state in states:
        for unit in range(len(before[state])):
            seed = {state: tuple(mpmath.mpf(at == unit) for at in range(len(before[state])))}
            initial = propagate(inner, alone, errors, seed).initial
            rows.append([entry for name in states for entry in initial[name]])
    return mpmath.matrix(rows)


def block(matrix: Matrix, graph: Graph, trajectory: Trajectory, state: str) -> Matrix:
    """The rows and columns of one state in a matrix over all states."""
    first = 0
    for name in graph.equations.states:
        size = len(trajectory.initial[name])
        if name == state:
            return matrix[first : first + size, first : first + size]
        first += size
    raise KeyError(state)


def highway_factor(graph: Graph, trajectory: Trajectory, routes: Sequence[Route], step: int) -> list[Scalar]:
    """The diagonal that element-wise routes of one state make together in `step` (from 0), a number for each unit."""
    units = len(trajectory.initial[routes[0].source[0]])
    total = [mpmath.mpf(0)] * units
    for route in routes:
        product = [mpmath.mpf(1)] * units
        for factor in diagonals(route):
            value = value_at(graph, trajectory, factor.expression, step)
            product = [item * _at(value, unit) for unit, item in enumerate(product)]
        total = [one + other for one, other in zip(total, product, strict=True)]
    return total


def norms_of_matrices(graph: Graph, trajectory: Trajectory) -> Mapping[str, Scalar]:
    """The largest singular value of every matrix that an error can pass through."""
    names = dict.fromkeys(
        factor.matrix
        for edge in graph.edges
        if _passes(graph, edge)
        for factor in edge.partial
        if isinstance(factor, Transfer)
    )
    return {name: spectral_norm(mpmath.matrix([list(row) for row in trajectory.timeless[name]])) for name in names}


def norms_of_factors(graph: Graph, trajectory: Trajectory, norms: Mapping[str, Scalar], step: int) -> Matrix:
    """For each pair of states the sum over the routes of one step of the products of the norms of their factors.

    Entry (target, source) bounds the norm of that block of `jacobian`. The norm of an element-wise factor is its
    largest magnitude in this step; `norms` are those of `norms_of_matrices`. For h = tanh(W h[t-1] + ...) the one entry
    is ‖W‖ max |tanh'|, the factor of the classical bound (Hochreiter et al. 2001; Pascanu et al. 2013).
    """
    states = graph.equations.states
    bounds = mpmath.zeros(len(states), len(states))
    order = graph.equations.variables
    weights = {edge: _norm(graph, trajectory, norms, edge, step) for edge in graph.edges if _passes(graph, edge)}
    for column, source in enumerate(states):
        reached: dict[str, Scalar] = dict.fromkeys(order, mpmath.mpf(0))
        for target in order:
            for edge, weight in weights.items():
                if edge.target == target:
                    carried = (edge.source == source) if edge.crosses_step else reached.get(edge.source, 0)
                    reached[target] += weight * carried
        for row, target in enumerate(states):
            bounds[row, column] = reached.get(target, mpmath.mpf(0))
    return bounds


def spectral_norm(matrix: Matrix) -> Scalar:
    """The largest singular value."""
    squared = mpmath.eigsy(matrix * matrix.T, eigvals_only=True)
    return mpmath.sqrt(max(max(squared), mpmath.mpf(0)))


def _between_states(gradients: Gradients) -> Gradients:
    """The adjoint equations without those that no route from state to state needs."""
    states = gradients.graph.equations.states
    return replace(
        gradients,
        variables=tuple(item for item in gradients.variables if not item.timeless),
        inputs=tuple(item for item in gradients.inputs if item.name in states),
        parameters=(),
    )


def _passes(graph: Graph, edge: Edge) -> bool:
    """Whether an edge can lie on a route from state to state."""
    return edge.target != LOSS and not any(
        graph.equations.symbols[name].timeless for name in (edge.source, edge.target)
    )


def _norm(graph: Graph, trajectory: Trajectory, norms: Mapping[str, Scalar], edge: Edge, step: int) -> Scalar:
    """The product of the norms of the factors of an edge."""
    norm = mpmath.mpf(1)
    for factor in edge.partial:
        match factor:
            case Diagonal(expression, _):
                value: Array = value_at(graph, trajectory, expression, step)
                norm *= max(abs(item) for item in value) if isinstance(value, tuple) else abs(value)
            case Transfer(_, matrix, _):
                norm *= norms[matrix]
    return norm


def _at(value: Array, unit: int) -> Scalar:
    return value[unit] if isinstance(value, tuple) else value
