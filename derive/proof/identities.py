"""The two identities of one step: every hop alone, and the sum over the first hops of every name."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from derive.equations.model import occurrences
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Edge
from derive.proof.composition import Components, size
from derive.proof.field import Field, UndecidedError
from derive.proof.findings import Finding, ProofResult, occurrence_text, route_text
from derive.proof.losses import prove_loss
from derive.proof.ring import ZERO, Element, TooLargeError
from derive.proof.signs import Choices, cases
from derive.proof.step import Step
from derive.proof.terms import Elements, Terms

MOST_CASES = 256


def prove(gradients: Gradients) -> ProofResult:
    """Prove one step of a cell: the adjoint equations are the derivatives of the equations.

    On two units and two inputs, in exact arithmetic on rational functions, in which equal transcendental values are one
    symbol each: (1) for every name the sum over its first hops is SymPy's derivative of the composed equations, with
    free symbols for the errors of the outputs and for the adjoints of the next step; (2) every hop alone is the
    derivative of its target's equation by that one occurrence, all else held fixed. Where functions have kinks both
    hold on every side of them. The adjoint of the loss is proved on its own.
    """
    step = Step(gradients)
    equations = gradients.graph.equations
    findings: dict[Finding, None] = {}
    identities = 0
    try:
        for found, checked in cases(lambda choices: Case(step, choices).findings(), MOST_CASES):
            findings.update(dict.fromkeys(found))
            identities += checked
    except (OverflowError, TooLargeError, UndecidedError, ZeroDivisionError) as error:
        findings[Finding("sum", equations.name, "", f"not decided: {error}")] = None
    if equations.loss:
        findings.update(dict.fromkeys(prove_loss(equations.loss)))
    hops = sum(len(adjoint.hops) for adjoint in gradients.adjoints.values())
    return ProofResult(identities, hops, 0, tuple(findings))


Key = tuple[str, str, int, int]


def key(edge: Edge) -> Key:
    """What identifies a hop: source, target, lag and occurrence."""
    return edge.source, edge.target, edge.lag, edge.occurrence


class Case:
    """The identities in one case of the functions with kinks."""

    def __init__(self, step: Step, choices: Choices) -> None:
        self._step = step
        self._choices = choices
        self._field = Field(choices, step.bindings, step.directions)
        self._terms = Terms(step, self._field)
        self._equations = step.equations
        self._expected = {key(edge) for edge in step.gradients.graph.edges}
        self._partials = self._partial_derivatives()
        self.totals = self._total_derivatives()

    def findings(self) -> tuple[list[Finding], int]:
        """The failures of this case, and how many identities were checked."""
        found: list[Finding] = []
        checked = 0
        for adjoint in self._step.gradients.adjoints.values():
            wrong = self._wrong_hops(adjoint)
            found.extend(wrong)
            checked += len(adjoint.hops) * size(self._equations, adjoint.name)
            for lag in (0, 1) if adjoint.name in self._equations.states else (0,):
                checked += size(self._equations, adjoint.name)
                if not self._is_total(adjoint, lag):
                    missing = self._missing(adjoint)
                    routes = "; ".join([finding.route for finding in wrong] + missing)
                    start = " at the start of the sequence" if lag else ""
                    message = (
                        "this route is missing"
                        if missing and not wrong
                        else f"the sum over its first hops{start} is not the derivative of the composed equations"
                    )
                    found.append(Finding("sum", adjoint.name, routes, message))
        return found, checked

    def _wrong_hops(self, adjoint: Adjoint) -> list[Finding]:
        """The hops that are not the derivative of their target's equation by one occurrence of the name."""
        found: list[Finding] = []
        seen: set[Key] = set()
        for number, hop in enumerate(adjoint.hops, start=1):
            if key(hop) not in self._expected:
                message = f"there is no {occurrence_text(hop)}"
            elif hop.source != adjoint.name:
                message = f"it leaves {hop.source}, not {adjoint.name}"
            elif key(hop) in seen:
                message = "it is counted twice"
            elif not self._is_partial(hop):
                message = f"its term is not the derivative by {occurrence_text(hop)}"
            else:
                message = ""
            seen.add(key(hop))
            if message:
                route = route_text(self._equations, replace(hop, source=adjoint.name), number)
                found.append(Finding("hop", adjoint.name, route, message))
        return found

    def _missing(self, adjoint: Adjoint) -> list[str]:
        """The routes that the text has and the adjoint equation has not."""
        standing = {key(hop) for hop in adjoint.hops}
        return [
            route_text(self._equations, edge, number)
            for number, edge in enumerate(self._step.gradients.graph.edges_from(adjoint.name), start=1)
            if key(edge) not in standing
        ]

    def _total_derivatives(self) -> dict[tuple[str, int], Elements]:
        """SymPy's derivative of the composed step by every name, at t and, for states, at t-1."""
        sums = [ZERO] * len(self._step.moved)
        for error, derivative in self._step.total_derivatives:
            seed = self._field.element(error)
            for place, part in self._field.element(derivative).split(len(self._step.directions)).items():
                sums[place] = sums[place] + part * seed
        totals: dict[tuple[str, int], Elements] = {}
        for direction, total in zip(self._step.moved, sums, strict=True):
            name = (direction.name, direction.lag)
            totals[name] = (*totals.get(name, ()), total)
        return totals

    def _partial_derivatives(self) -> dict[Key, Elements]:
        """SymPy's derivative of each equation by each occurrence, times the adjoint of its target."""
        partials: dict[Key, Elements] = {}
        for equation in self._equations.equations:
            derivative = self._field.element(self._step.partial_derivatives[equation.target])
            parts = derivative.split(len(self._step.directions))
            places = iter(range(len(self._step.directions)))
            for item in occurrences(equation.expression):
                own = islice(places, size(self._equations, item.name))
                value = tuple(parts.get(place, ZERO) for place in own)
                partials[item.name, equation.target, item.lag, item.index] = value
        return partials

    def _is_partial(self, hop: Edge) -> bool:
        if hop.target == LOSS:
            return not hop.partial
        free = self._elements(self._step.adjoint(hop.target, 0))
        return self._equal(self._terms.term(hop, free, 0), self._partials[key(hop)])

    def _is_total(self, adjoint: Adjoint, lag: int) -> bool:
        hops = adjoint.across if lag else adjoint.hops
        total = self.totals[adjoint.name, lag]
        terms = [self.hop_term(hop, before=bool(lag)) for hop in hops]
        return all(self._is_sum(component, [term[at] for term in terms]) for at, component in enumerate(total))

    def _is_sum(self, total: Element, terms: list[Element]) -> bool:
        for term in terms:
            total = total - term
        return self._field.is_zero(total)

    def hop_term(self, hop: Edge, *, before: bool = False) -> Elements:
        """The term of a hop from step t, or, `before`, of a hop from t-1 into t."""
        step = 1 if hop.crosses_step and not before else 0
        if hop.target == LOSS:
            return self._terms.term(hop, self._elements(self._step.error(hop.source, step)), step)
        if step:
            return self._terms.term(hop, self._elements(self._step.adjoint(hop.target, 1)), 1)
        return self._terms.term(hop, self.totals[hop.target, 0], 0)

    def _elements(self, items: Components) -> Elements:
        return tuple(self._field.element(item) for item in items)

    def _equal(self, left: Elements, right: Elements) -> bool:
        return len(left) == len(right) and all(
            self._field.is_zero(one - other) for one, other in zip(left, right, strict=True)
        )

    def is_zero(self, element: Element) -> bool:
        """Whether an element is 0 in this case."""
        return self._field.is_zero(element)

    @property
    def answered(self) -> int:
        """How many comparisons were answered so far."""
        return len(self._choices.answers)
