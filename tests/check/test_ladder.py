"""The ladder as a whole: what it finds right, what it finds wrong, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import sympy

from derive.build import in_memory, load_source
from derive.cell import Cell
from derive.check import check, checker, kinks
from derive.check.checker import checker_checked, differs
from derive.check.differences import estimate
from derive.check.mutants import FAMILIES, mutants
from derive.check.rungs import differences, single_precision, targets_agree
from derive.check.samples import Shape, draw, gradient, value
from derive.check.subject import SMALL, Subject
from derive.equations import load, parse
from derive.errors import DeriveError
from derive.graph import Diagonal
from derive.printers.text import arrow
from derive.render import render, render_reference


def broken(cell: Cell, target: str, old: str, new: str) -> ModuleType:
    """A target whose source differs from what the equations say."""
    source = render(cell, target, "float64")
    assert old in source
    return load_source(source.replace(old, new, 1), cell.name)


def test_every_mutant_is_equivalent_or_caught_twice() -> None:
    report = check(Cell(load("rnn_readout")))
    assert report.passed, report.summary
    assert [rung.name for rung in report.rungs][-1] == "mutants"
    assert [count.family for count in report.mutants] == list(FAMILIES)
    assert all(count.made - count.equivalent == count.caught_by_proof for count in report.mutants)
    assert all(count.caught_by_proof == count.caught_by_differences for count in report.mutants)
    assert json.loads(json.dumps(report.as_json()))["passed"] is True


def test_the_fast_check_stops_after_one_run_of_differences() -> None:
    climbed: list[str] = []
    report = check(Cell(load("rnn")), fast=True, progress=climbed.append)
    assert report.passed
    assert climbed == ["proof", "unrolled", "differences"]
    assert len(report.rungs) == 3
    assert not report.mutants


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("d_h = next_h_before_from_loop", "d_h = zero * next_h_before_from_loop"),
        ("(one - h * h)", "(one - h)"),
        ("sums[part, unit] += d_a", "sums[part, unit] = d_a"),
        ("kept_h[:-1]", "kept_h[1:]"),
    ],
)
def test_a_fault_in_the_compiled_target_is_found(old: str, new: str) -> None:
    subject = Subject(Cell(load("rnn")))
    object.__setattr__(subject, "cpu", broken(subject.cell, "cpu", old, new))
    rung = differences(subject, (SMALL,))
    assert not rung.passed
    assert "halving h divides the error by" in rung.failures[0]
    assert not targets_agree(subject).passed


def test_a_gradient_in_double_precision_is_found_in_float32() -> None:
    subject = Subject(Cell(load("rnn")))
    wide = broken(subject.cell, "cpu", "memory.copied(sums[0], dtype)", "sums[0]")
    object.__setattr__(subject, "cpu", wide)
    assert any("dtype float64 from float32" in failure for failure in single_precision(subject).failures)


def test_a_mutant_that_no_judge_sees_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "differs", lambda derived, estimates: False)
    rung, _ = checker_checked(Subject(Cell(load("rnn"))))
    assert not rung.passed
    assert "wrong by the proof" in rung.failures[0]


def test_equal_values_make_equivalent_mutants() -> None:
    text = "equations = '''\nh = unit * tanh(W @ x + U @ h[t-1] + b)\n'''\n[constants]\nunit = 1.0\n"
    rung, counts = checker_checked(Subject(Cell(parse(text))))
    assert rung.passed, rung.failures
    assert sum(count.equivalent for count in counts) > 0


def test_the_families_are_exhaustive_for_a_peephole_cell() -> None:
    cell = Cell(load("lstm_peephole"))
    made = list(mutants(cell.gradients))
    hops = [hop for adjoint in cell.gradients.adjoints.values() for hop in adjoint.hops]
    dropped = [mutant for mutant in made if mutant.family == "dropped"]
    assert len(dropped) == len(hops)
    assert len({(mutant.family, mutant.description) for mutant in made}) == len(made)
    across = [mutant for mutant in made if arrow(mutant.originals[0]) == "c[t] -> c[t+1]"]
    assert {mutant.family for mutant in across} >= {"dropped", "flipped", "shifted", "missing"}


def test_a_mutant_changes_the_reference_gradient_and_nothing_else() -> None:
    subject = Subject(Cell(load("rnn")))
    sample = subject.sample(SMALL)
    estimates = estimate(lambda item: value(subject.cpu, item), sample)
    assert not differs(gradient(subject.reference, sample), estimates)
    hop = subject.cell.gradients.adjoints["a"].hops[0]
    wrong = replace(hop, partial=(Diagonal(sympy.Integer(1), sympy.Integer(1)),))
    adjoint = replace(subject.cell.gradients.adjoints["a"], hops=(wrong,))
    variables = tuple(adjoint if item.name == "a" else item for item in subject.cell.gradients.variables)
    altered = in_memory(render_reference(replace(subject.cell.gradients, variables=variables), "float64"), "rnn")
    assert differs(gradient(altered, sample), estimates)
    assert value(altered, sample) == value(subject.reference, sample)


def test_samples_stay_away_from_kinks_and_inside_domains() -> None:
    kinked = Subject(Cell(parse("h = relu(W @ x + u * h[t-1])")))
    sample = kinked.sample(SMALL)
    assert kinks.distance(kinked.cell.graph, kinked.reference, sample) > kinks.DISTANCE
    rooted = Subject(Cell(parse("h = tanh(sqrt(p) * h[t-1] + log(q) + W @ x)")))
    assert np.isfinite(value(rooted.reference, rooted.sample(SMALL))[0])
    nowhere = Subject(Cell(parse("h = tanh(W @ x) + log(-1 - h[t-1] * h[t-1])")))
    with pytest.raises(DeriveError, match="no random sample gives finite values"):
        nowhere.sample(SMALL)


def test_a_sample_is_drawn_by_its_seed_alone() -> None:
    shape = Shape("any", 3, 2, (2, 3), ragged=True)
    one, other = (draw(load("lstm_readout"), shape, 4) for _ in range(2))
    assert all(np.array_equal(one.leaves[name], other.leaves[name]) for name in one.leaves)
    assert not np.array_equal(one.leaves["U_i"], draw(load("lstm_readout"), shape, 5).leaves["U_i"])
