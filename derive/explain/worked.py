"""Where the partial derivatives apply, in numbers: one unit, two steps, every complete route.

With one unit every immediate partial is a number, and the chain rule a sum of products of numbers. Each route from a
variable of the first step to the loss is multiplied out, factor by factor; their sum is compared with the derived
adjoint and with a difference quotient of the typed equations.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import mpmath
import sympy

from derive.elementary import value as value_symbol
from derive.equations.model import Equations
from derive.errors import DeriveError
from derive.explain.points import random_sequence
from derive.gradients import Gradients
from derive.graph import LOSS, Diagonal, Edge, Factor, Graph, Outer, Transfer
from derive.printers.latex import LatexPrinter
from derive.printers.latex_equations import adjoint_symbol
from derive.printers.notation import Notation
from derive.printers.text import SIGNS, RouteText, TextPrinter
from derive.proof.interpreter import Array, Scalar, Trajectory
from derive.proof.recursion import propagate, value_at
from derive.proof.sequences import Sequence
from derive.proof.unrolled import DIGITS, STEP
from derive.routes import Node, Route, count_complete, routes_to

SEED = 0
MOST_ROUTES = 200
FIRST_STEP = 1
"""What step t is called in LaTeX: the sequence has the steps 1 and 2, which the text calls t and t+1."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the example: what it is, in LaTeX and as text, and its value."""

    latex: str
    text: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class WorkedEdge:
    """One immediate partial in numbers: `value` is the product of `factors`, 1 where there is none."""

    edge: Edge
    source: Node
    target: Node
    factors: tuple[Number, ...]
    value: Scalar


@dataclass(frozen=True, slots=True)
class WorkedRoute:
    """A complete route in numbers: the product of its immediate partials and of the error at its end.

    `text` is the route, c[t] → y[t] → J[t]; `nodes` are its places in LaTeX.
    """

    number: int
    route: Route
    text: str
    nodes: tuple[str, ...]
    edges: tuple[WorkedEdge, ...]
    error: Number
    product: Scalar

    @property
    def factors(self) -> tuple[Number, ...]:
        """All factors of the product in the order of the route, the error last."""
        return (*(factor for edge in self.edges for factor in edge.factors), self.error)


@dataclass(frozen=True, slots=True)
class Worked:
    """The example of one variable of one cell.

    `given` are parameters, inputs, initial states and errors, `values` what the forward equations make of them.
    `routes` are the complete routes of the variable at the first step, the first of `count`; `total` is the sum of
    their products and `others` what the routes that are not listed add. `derived` is the adjoint by the derived
    recursion, `difference` the central difference quotient of J by the variable.
    """

    cell: str
    name: str
    adjoint: str
    given: tuple[Number, ...]
    values: tuple[Number, ...]
    routes: tuple[WorkedRoute, ...]
    count: int
    total: Scalar
    others: Scalar
    derived: Scalar
    difference: Scalar


def worked(gradients: Gradients, name: str, *, seed: int = SEED, most: int = MOST_ROUTES) -> Worked:
    """The complete routes of `name`, a variable or an input, from step 1 of 2 to the loss, in numbers.

    Every dimension has one component, all given numbers are random, of magnitude 0.2 to 1 and three digits. The errors
    that enter at both steps are given too, so that J is the sum of errors times outputs. At most `most` routes are
    multiplied out. Raises DeriveError where `name` carries no step, and where no random point lies in the domain.
    """
    graph = gradients.graph
    symbol = graph.equations.symbols.get(name)
    if symbol is None or symbol.timeless:
        known = ", ".join(key for key, item in graph.equations.symbols.items() if not item.timeless)
        raise DeriveError(f"`{name}` has no step in the cell {graph.equations.name}. Names that have: {known}")
    with mpmath.workdps(DIGITS):
        sequence = _sequence(graph.equations, seed)
        trajectory = sequence.trajectory()
        adjoints = propagate(gradients, trajectory, sequence.errors, sequence.last)
        example = _Example(graph, sequence, trajectory)
        complete = itertools.chain.from_iterable(routes_to(graph, name, (LOSS, step)) for step in (0, 1))
        routes = tuple(
            example.route(number, route) for number, route in enumerate(itertools.islice(complete, most), start=1)
        )
        total = mpmath.fsum(route.product for route in routes)
        derived, count = _scalar(adjoints.steps[0][name]), count_complete(graph, name)
        return Worked(
            cell=graph.equations.name,
            name=name,
            adjoint=adjoint_symbol(graph, name, 0, FIRST_STEP),
            given=tuple(example.given()),
            values=tuple(example.values()),
            routes=routes,
            count=count,
            total=total,
            others=derived - total if count > len(routes) else mpmath.mpf(0),
            derived=derived,
            difference=_difference(sequence, name),
        )


def _sequence(equations: Equations, seed: int) -> Sequence:
    """Two steps of one unit; errors enter at the outputs, or at what the loss reads, and nowhere else."""
    linear = replace(equations, loss=None)
    drawn = random_sequence(linear, steps=2, size=1, seed=seed, alike=True)
    return replace(drawn, last={name: (mpmath.mpf(0),) for name in equations.states})


def _difference(sequence: Sequence, name: str) -> Scalar:
    """The central difference quotient of J by the value of `name` at the first step."""

    def moved(by: Scalar) -> Scalar:
        if name in sequence.equations.inputs:
            given = {**sequence.inputs[0], name: (sequence.inputs[0][name][0] + by,)}
            return replace(sequence, inputs=(given, *sequence.inputs[1:])).objective()
        return replace(sequence, moved={(name, 0): by}).objective()

    return (moved(STEP) - moved(-STEP)) / (2 * STEP)


class _Example:
    """The numbers of one sequence of one unit, and how they are called."""

    def __init__(self, graph: Graph, sequence: Sequence, trajectory: Trajectory) -> None:
        self._graph = graph
        self._sequence = sequence
        self._trajectory = trajectory
        self._notation = Notation(graph.equations, FIRST_STEP)
        self._text = RouteText(graph)

    def given(self) -> Iterator[Number]:
        """What the example starts from."""
        equations = self._graph.equations
        for name in (*equations.constants, *equations.parameters):
            yield self._number(name, 0, self._trajectory.timeless[name])
        for name in equations.states:
            yield self._number(name, -1, self._sequence.state[name])
        for step in (0, 1):
            for name in equations.inputs:
                yield self._number(name, step, self._sequence.inputs[step][name])
        for step in (0, 1):
            for name in self._sequence.errors[step]:
                yield self._error(name, step)

    def values(self) -> Iterator[Number]:
        """What the forward equations give, in order of evaluation."""
        symbols = self._graph.equations.symbols
        for name in self._graph.equations.variables:
            if symbols[name].timeless:
                yield self._number(name, 0, self._trajectory.timeless[name])
        for step in (0, 1):
            for name in self._graph.equations.variables:
                if not symbols[name].timeless:
                    yield self._number(name, step, self._trajectory.read(name, 0, step))

    def route(self, number: int, route: Route) -> WorkedRoute:
        """A complete route with all its factors."""
        *inner, (_, last) = route.nodes
        edges = tuple(
            self._edge(edge, source, target)
            for edge, source, target in zip(route.edges[:-1], inner, inner[1:], strict=False)
        )
        error = self._error(inner[-1][0], last)
        return WorkedRoute(
            number=number,
            route=route,
            text=self._text.route(route),
            nodes=(*(self._notation.value(*node) for node in inner), rf"J^{{({self._notation.step(last)})}}"),
            edges=edges,
            error=error,
            product=mpmath.fprod([*(edge.value for edge in edges), error.value]),
        )

    def _edge(self, edge: Edge, source: Node, target: Node) -> WorkedEdge:
        factors = tuple(number for factor in edge.partial for number in self._factors(edge, factor, target[1]))
        return WorkedEdge(edge, source, target, factors, mpmath.fprod(factor.value for factor in factors))

    def _factors(self, edge: Edge, factor: Factor, step: int) -> Iterator[Number]:
        """The numbers of one factor of an immediate partial, at the step of the edge's target."""
        match factor:
            case Diagonal(_, primed, slopes):
                order = [*self._graph.reading_order(edge.target), *map(value_symbol, self._graph.equations.symbols)]
                latex = LatexPrinter(self._graph, order, step, FIRST_STEP)
                text = TextPrinter(self._graph, SIGNS, step, order)
                for multiplier in latex.sort(sympy.Mul.make_args(primed)):
                    expanded = multiplier.xreplace(dict(slopes))
                    value = _scalar(value_at(self._graph, self._trajectory, expanded, step))
                    yield Number(latex.text(multiplier), text.text(multiplier), value)
            case Transfer(_, matrix, _):
                yield self._number(matrix, 0, self._trajectory.timeless[matrix])
            case Outer():
                raise TypeError("an edge between variables of a step has no outer product")

    def _number(self, name: str, step: int, value: Array) -> Number:
        return Number(self._notation.value(name, step), self._text.node((name, step)), _scalar(value))

    def _error(self, name: str, step: int) -> Number:
        place, at = self._notation.value(name, step), self._notation.step(step)
        latex = rf"\frac{{\partial J^{{({at})}}}}{{\partial {place}}}"
        return Number(latex, self._text.error((name, step)), _scalar(self._sequence.errors[step][name]))


def _scalar(value: Array) -> Scalar:
    """The only component."""
    while isinstance(value, tuple):
        (value,) = value
    return value
