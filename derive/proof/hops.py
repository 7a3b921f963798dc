"""Every hop alone is the derivative of its target's equation by one occurrence, all else held fixed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice

from derive.equations.model import Equation, occurrences
from derive.gradients import Adjoint
from derive.graph import LOSS, Edge
from derive.proof.composition import size
from derive.proof.field import Field
from derive.proof.findings import Finding, occurrence_text, route_text
from derive.proof.ring import ZERO
from derive.proof.signs import Choices, cases
from derive.proof.step import Step
from derive.proof.terms import Elements, Terms

Key = tuple[str, str, int, int]


def key(edge: Edge) -> Key:
    """What identifies a hop: source, target, lag and occurrence."""
    return edge.source, edge.target, edge.lag, edge.occurrence


def missing_hops(step: Step, adjoint: Adjoint) -> list[str]:
    """The routes that the text has and the adjoint equation has not, in words."""
    standing = {key(hop) for hop in adjoint.hops}
    return [
        route_text(step.equations, edge, number)
        for number, edge in enumerate(step.gradients.graph.edges_from(adjoint.name), start=1)
        if key(edge) not in standing
    ]


def wrong_hops(step: Step, most: int) -> dict[str, list[Finding]]:
    """For every name the hops that are not the derivative of an equation by an occurrence of that name.

    Variables are free symbols here, but for those that are one function of others. OverflowError where an equation has
    more than `most` cases.
    """
    expected = {key(edge) for edge in step.gradients.graph.edges}
    differing: set[Edge] = set()
    for equation in step.equations.equations:
        hops = [
            hop
            for adjoint in step.gradients.adjoints.values()
            for hop in adjoint.hops
            if hop.target == equation.target and key(hop) in expected
        ]
        for found in cases(partial(_differing, step, equation, hops), most):
            differing.update(found)
    return {adjoint.name: _findings(step, adjoint, expected, differing) for adjoint in step.gradients.adjoints.values()}


def _findings(step: Step, adjoint: Adjoint, expected: set[Key], differing: set[Edge]) -> list[Finding]:
    found: list[Finding] = []
    seen: set[Key] = set()
    for number, hop in enumerate(adjoint.hops, start=1):
        if key(hop) not in expected:
            message = f"there is no {occurrence_text(hop)}"
        elif hop.source != adjoint.name:
            message = f"it leaves {hop.source}, not {adjoint.name}"
        elif key(hop) in seen:
            message = "it is counted twice"
        elif hop in differing or (hop.target == LOSS and hop.partial):
            message = f"its term is not the derivative by {occurrence_text(hop)}"
        else:
            message = ""
        seen.add(key(hop))
        if message:
            route = route_text(step.equations, replace(hop, source=adjoint.name), number)
            found.append(Finding("hop", adjoint.name, route, message))
    return found


def _differing(step: Step, equation: Equation, hops: list[Edge], choices: Choices) -> list[Edge]:
    """The hops whose terms are not SymPy's derivative of the equation, in one case."""
    field = Field(choices, step.local_bindings(equation.target), step.directions)
    terms = Terms(step, field)
    free = tuple(field.element(item) for item in step.adjoint(equation.target, 0))
    partials = _partials(step, equation, field)
    return [hop for hop in hops if not _equal(field, terms.term(hop, free, 0), partials[key(hop)])]


def _partials(step: Step, equation: Equation, field: Field) -> dict[Key, Elements]:
    """SymPy's derivative of the equation by each occurrence, times the adjoint of its target."""
    parts = field.element(step.partial_derivatives[equation.target]).split(len(step.directions))
    places = iter(range(len(step.directions)))
    return {
        (item.name, equation.target, item.lag, item.index): tuple(
            parts.get(place, ZERO) for place in islice(places, size(step.equations, item.name))
        )
        for item in occurrences(equation.expression)
    }


def _equal(field: Field, left: Elements, right: Elements) -> bool:
    return len(left) == len(right) and all(field.is_zero(one - other) for one, other in zip(left, right, strict=True))
