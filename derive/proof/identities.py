"""The two identities of one step: every hop alone, and the sum over the first hops of every name."""

from __future__ import annotations

from collections.abc import Mapping

from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Edge
from derive.proof.composition import size
from derive.proof.field import Field, UndecidedError
from derive.proof.findings import Finding, ProofResult
from derive.proof.hops import missing_hops, wrong_hops
from derive.proof.losses import prove_loss
from derive.proof.ring import ZERO, Element, TooLargeError
from derive.proof.signs import Choices, cases
from derive.proof.step import Step
from derive.proof.terms import Elements, Terms

MOST_CASES = 64
MOST_CASES_OF_EQUATION = 512


def prove(gradients: Gradients) -> ProofResult:
    """Prove one step of a cell: the adjoint equations are the derivatives of the equations.

    On two units and two inputs, in exact arithmetic on rational functions, in which equal transcendental values are one
    symbol each: (1) for every name the sum over its first hops is SymPy's derivative of the composed equations, with
    free symbols for the errors of the outputs and for the adjoints of the next step; (2) every hop alone is the
    derivative of its target's equation by that one occurrence, all else held fixed. Where functions have kinks both
    hold on every side of them. The adjoint of the loss is proved on its own.

    Where the composed step has more than `MOST_CASES` cases, nests kinks deeply or grows too large, (1) is concluded
    from (2) by the chain rule: every occurrence in the text has one hop, and each is right.
    """
    step = Step(gradients)
    name = gradients.graph.equations.name
    findings: dict[Finding, None] = {}
    identities = 0
    try:
        wrong = wrong_hops(step, MOST_CASES_OF_EQUATION)
        findings.update((finding, None) for group in wrong.values() for finding in group)
        identities += sum(
            len(adjoint.hops) * size(step.equations, adjoint.name) for adjoint in gradients.adjoints.values()
        )
        sums, checked = _wrong_sums(step, wrong)
        findings.update(dict.fromkeys(sums))
        identities += checked
    except (OverflowError, TooLargeError, UndecidedError, ZeroDivisionError) as error:
        findings[Finding("sum", name, "", f"not decided: {error}")] = None
    if step.equations.loss:
        findings.update(dict.fromkeys(prove_loss(step.equations.loss)))
    hops = sum(len(adjoint.hops) for adjoint in gradients.adjoints.values())
    return ProofResult(identities, hops, 0, tuple(findings))


def _wrong_sums(step: Step, wrong: Mapping[str, list[Finding]]) -> tuple[list[Finding], int]:
    """The sums that are not the total derivatives, and how many identities were checked."""
    found: dict[tuple[str, int], None] = {}
    checked = 0
    adjoints = step.gradients.adjoints
    try:
        for sums in cases(lambda choices: Case(step, choices).wrong_sums(), MOST_CASES):
            found.update(dict.fromkeys(sums))
            checked += len(step.moved)
    except (OverflowError, TooLargeError):
        found = {(name, 0): None for name, item in adjoints.items() if wrong[name] or missing_hops(step, item)}
        checked = 0
    return [_wrong_sum(step, adjoints[name], lag, wrong[name]) for name, lag in found], checked


def _wrong_sum(step: Step, adjoint: Adjoint, lag: int, wrong: list[Finding]) -> Finding:
    missing = missing_hops(step, adjoint)
    start = " at the start of the sequence" if lag else ""
    message = (
        "this route is missing"
        if missing and not wrong
        else f"the sum over its first hops{start} is not the derivative of the composed equations"
    )
    return Finding("sum", adjoint.name, "; ".join([finding.route for finding in wrong] + missing), message)


class Case:
    """The composed step in one case of the functions with kinks."""

    def __init__(self, step: Step, choices: Choices) -> None:
        self._step = step
        self._choices = choices
        self._field = Field(choices, step.bindings, step.directions)
        self._terms = Terms(step, self._field)
        self.totals = self._total_derivatives()

    def wrong_sums(self) -> list[tuple[str, int]]:
        """The names whose sum over first hops is not the total derivative; lag 1 is the start of the sequence."""
        adjoints = self._step.gradients.adjoints
        return [(name, lag) for name, lag in self.totals if not self._is_total(adjoints[name], lag)]

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

    def _is_total(self, adjoint: Adjoint, lag: int) -> bool:
        hops = adjoint.across if lag else adjoint.hops
        total = self.totals[adjoint.name, lag]
        terms = [self.hop_term(hop, before=bool(lag)) for hop in hops]
        if any(len(term) != len(total) for term in terms):
            return False
        return all(self._is_sum(component, [term[at] for term in terms]) for at, component in enumerate(total))

    def _is_sum(self, total: Element, terms: list[Element]) -> bool:
        for term in terms:
            total = total - term
        return self._field.is_zero(total)

    def hop_term(self, hop: Edge, *, before: bool = False) -> Elements:
        """The term of a hop from step t, or, `before`, of a hop from t-1 into t."""
        step = 1 if hop.crosses_step and not before else 0
        if hop.target == LOSS:
            return self._terms.term(hop, self._field.elements(self._step.error(hop.source, step)), step)
        if step:
            return self._terms.term(hop, self._field.elements(self._step.adjoint(hop.target, 1)), 1)
        return self._terms.term(hop, self.totals[hop.target, 0], 0)

    def is_zero(self, element: Element) -> bool:
        """Whether an element is 0 in this case."""
        return self._field.is_zero(element)

    @property
    def answered(self) -> int:
        """How many comparisons were answered so far."""
        return len(self._choices.answers)
