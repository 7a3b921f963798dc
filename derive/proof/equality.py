"""Whether a changed adjoint equation is still the same: for the mutants of the check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx
import sympy

from derive.gradients import Gradients
from derive.graph import LOSS, Edge
from derive.proof.field import UndecidedError
from derive.proof.identities import MOST_CASES, Case
from derive.proof.ring import ZERO, Element, TooLargeError
from derive.proof.signs import Choices, cases
from derive.proof.step import Step


class TermEquality:
    """Decides whether hops and their mutants have one sum, by the machinery of the proof.

    Values are those of the composed step of the hop's target, the adjoint of the target is its total derivative. Terms
    of different steps are never taken for equal. Adjoints of step t+1 that no error reaches are 0.
    """

    def __init__(self, gradients: Gradients) -> None:
        self._cases: tuple[Case, ...] | None
        try:
            step = _reaching(gradients)
            self._cases = tuple(cases(lambda choices: _decided(step, choices), MOST_CASES))
        except (OverflowError, TooLargeError, UndecidedError, ZeroDivisionError):
            self._cases = None

    def same(self, originals: Sequence[Edge], mutants: Iterable[Edge | None]) -> bool:
        """Whether the terms of `mutants` (None is a dropped hop) sum to those of `originals`, for every source.

        False where that is not proved.
        """
        standing = [mutant for mutant in mutants if mutant is not None]
        if self._cases is None:
            return False
        return all(_same(case, originals, standing) for case in self._cases)


def _reaching(gradients: Gradients) -> Step:
    """The composed step, in which adjoints of step t+1 that no error reaches are 0."""
    step = Step(gradients)
    reaching = nx.ancestors(gradients.graph.step, LOSS)
    step.bindings.update(
        (symbol, sympy.Integer(0))
        for equation in gradients.graph.equations.equations
        if equation.target not in reaching
        for symbol in step.adjoint(equation.target, 1)
    )
    return step


def _decided(step: Step, choices: Choices) -> Case:
    """A case in which all comparisons of the cell's own terms have been answered."""
    case = Case(step, choices)
    for adjoint in step.gradients.adjoints.values():
        for hop in adjoint.hops:
            case.hop_term(hop, before=hop.crosses_step)
    return case


def _same(case: Case, originals: Sequence[Edge], mutants: Sequence[Edge]) -> bool:
    sums: dict[tuple[str, int], tuple[Element, ...]] = {}
    answered = case.answered
    for sign, hops in ((1, originals), (-1, mutants)):
        for hop in hops:
            term = case.hop_term(hop, before=hop.crosses_step)
            total = sums.get((hop.source, hop.lag), (ZERO,) * len(term))
            if len(total) != len(term):
                return False
            sums[hop.source, hop.lag] = tuple(old + new.scaled(sign) for old, new in zip(total, term, strict=True))
    # A comparison that only a mutant makes is answered in one way alone: then nothing is proved.
    return case.answered == answered and all(case.is_zero(item) for total in sums.values() for item in total)
