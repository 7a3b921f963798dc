"""Run the mutants of a cell through both judges, and count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from derive.build import in_memory
from derive.check.differences import estimate
from derive.check.mutants import FAMILIES, Mutant, mutants
from derive.check.report import MutantCount, Rung
from derive.check.samples import Array, Sample, gradient, value
from derive.check.subject import SMALL, Subject
from derive.gradients import Gradients
from derive.proof.equality import TermEquality
from derive.render import render_reference

Estimates = Mapping[str, tuple[Array, Array]]


def checker_checked(subject: Subject) -> tuple[Rung, tuple[MutantCount, ...]]:
    """Every mutant must be caught by the proof and by the differences, unless the proof shows it equivalent."""
    sample = subject.sample(SMALL)
    estimates = estimate(lambda item: value(subject.cpu, item), sample)
    gradients = subject.cell.gradients
    made, equivalent, differing = Counter[str](), Counter[str](), Counter[str]()
    failures = []
    equality = TermEquality(gradients)
    if differs(gradient(subject.reference, sample), estimates):
        failures.append("the derived gradient itself differs from the differences")
    for mutant in mutants(gradients):
        same = equality.same(mutant.originals, mutant.changes)
        caught = differs(mutated_gradient(gradients, mutant, sample), estimates)
        made[mutant.family] += 1
        equivalent[mutant.family] += same
        differing[mutant.family] += caught
        if same == caught:
            verdict = (
                "equal to the original by the proof, yet the differences"
                if same
                else "wrong by the proof, yet no difference"
            )
            failures.append(f"{mutant.description}: {verdict} {'catch it' if same else 'catches it'}")
    counts = tuple(
        MutantCount(family, made[family], equivalent[family], made[family] - equivalent[family], differing[family])
        for family in FAMILIES
    )
    total, same_total = sum(made.values()), sum(equivalent.values())
    checked = f"{total} mutants, {same_total} equivalent, {total - same_total} caught twice"
    return Rung("mutants", not failures, checked, tuple(failures)), counts


def mutated_gradient(gradients: Gradients, mutant: Mutant, sample: Sample) -> dict[str, Array]:
    """The gradient that the reference target computes from the mutant's equations."""
    source = render_reference(mutant.apply(gradients), "float64")
    return gradient(in_memory(source, gradients.graph.equations.name), sample)


def differs(derived: Mapping[str, Array], estimates: Estimates) -> bool:
    """Whether any entry lies outside the bound of the differences."""
    return any(
        not bool(np.all(np.abs(derived[name] - expected) <= bound)) for name, (expected, bound) in estimates.items()
    )
