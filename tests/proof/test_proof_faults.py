"""Wrong derivations are found, and the finding names the variable and the route."""

import dataclasses

import mpmath
import pytest
import sympy

from derive.elementary import value
from derive.graph import LOSS
from derive.proof import TermEquality, prove, unrolled
from derive.proof.losses import ADJOINT, prove_loss
from derive.proof.unrolled import TOLERANCE
from tests.proof.cells import CORNERS
from tests.proof.faults import (
    derived,
    dropped,
    negated,
    shifted,
    through,
    times,
    turned,
    with_hop,
    with_hops,
    without_factor,
    written,
)

FAULTS = [
    ("lstm_peephole", "c", 3, dropped, "c[t] -> c[t+1]"),
    ("lstm_peephole", "c", 3, negated, "c[t] -> c[t+1]"),
    ("lstm_peephole", "y", 2, through("R_in"), "y[t] -> z_bar[t+1]"),
    ("lstm_peephole", "y", 2, turned, "y[t] -> z_bar[t+1]"),
    ("lstm_peephole", "o_bar", 1, without_factor, "o_bar[t] -> o[t]"),
    ("lstm_peephole", "p_in", 1, lambda hop: times(hop, value("z")), "p_in -> i_bar[t]"),
    ("lstm_peephole", "W_z", 1, negated, "W_z -> z_bar[t]"),
    ("gru", "x", 1, lambda hop: times(hop, sympy.Rational(1, 2)), "x[t] -> "),
    ("antisymmetric_rnn", "U", 2, turned, "U -> a[t]"),
    ("lem", "z", 1, without_factor, "z[t] -> y_bar[t]"),
]


def findings_of(result, name):
    return [finding for finding in result.findings if finding.name == name]


@pytest.mark.parametrize(("cell", "name", "number", "change", "route"), FAULTS)
def test_a_wrong_hop_is_named_by_the_sum(cell, name, number, change, route):
    result = prove(with_hop(derived(cell), name, number, change))
    assert not result.passed
    assert {finding.name for finding in result.findings} == {name}
    sums = [finding for finding in result.findings if finding.item == "sum"]
    assert sums
    assert all(f"route {number} of δ{name}: {route}" in finding.route for finding in sums)
    if change is dropped:
        assert all("missing" in finding.message for finding in sums)
    else:
        assert any(finding.item == "hop" for finding in result.findings)


@pytest.mark.parametrize(("cell", "name", "number", "change", "route"), FAULTS)
def test_a_wrong_hop_shows_in_the_unrolled_comparison(cell, name, number, change, route):
    assert unrolled(derived(cell)).worst < TOLERANCE
    result = unrolled(with_hop(derived(cell), name, number, change))
    assert not result.passed
    assert result.worst > TOLERANCE


def test_a_shifted_hop_has_no_occurrence():
    result = prove(with_hop(derived("lstm_peephole"), "c", 3, shifted))
    assert [finding.item for finding in findings_of(result, "c")][:2] == ["hop", "sum"]
    assert "there is no occurrence 1 of c in the equation of c" in result.findings[0].message


def test_a_dropped_error_is_named():
    derivation = derived("rnn")
    hops = [hop for hop in derivation.adjoints["h"].hops if hop.target != LOSS]
    (finding,) = prove(with_hops(derivation, "h", hops)).findings
    assert finding.route == "route 1 of δh: h[t] -> J[t]"


def test_a_hop_counted_twice_is_named():
    derivation = derived("gru")
    hops = derivation.adjoints["z"].hops
    found = prove(with_hops(derivation, "z", (*hops, hops[0]))).findings
    assert {finding.item for finding in found} == {"hop", "sum"}
    assert "it is counted twice" in found[0].message


def test_swapped_parameter_gradients_are_found():
    derivation = derived("lstm")
    swapped = with_hops(derivation, "W_i", derivation.adjoints["W_f"].hops)
    swapped = with_hops(swapped, "W_f", derivation.adjoints["W_i"].hops)
    result = prove(swapped)
    assert {finding.name for finding in result.findings} == {"W_i", "W_f"}
    assert not unrolled(swapped).passed


@pytest.mark.parametrize("name", ["square", "nothing", "twice", "now and before", "shared", "transposed"])
def test_every_hop_of_a_corner_counts(name):
    """Dropping or negating any hop of such a cell is found, but where its term is 0."""
    derivation = written(CORNERS[name])
    found = missed = 0
    for adjoint in derivation.variables:
        for number, hop in enumerate(adjoint.hops, start=1):
            result = prove(with_hop(derivation, adjoint.name, number, negated))
            found += not result.passed
            missed += result.passed and hop.target != LOSS
    assert found > 0
    assert missed == 0


@pytest.mark.parametrize("rule", list(ADJOINT))
def test_a_wrong_adjoint_of_a_loss_is_found(rule, monkeypatch):
    right = ADJOINT[rule]
    wrong = {rule: lambda *given: [item * 2 for item in right(*given)]}
    loss = dataclasses.replace(derived("lstm_regression").graph.equations.loss, rule=rule)
    assert list(prove_loss(loss)) == []
    monkeypatch.setattr("derive.proof.losses.ADJOINT", wrong)
    (finding,) = prove_loss(loss)
    assert finding.name == loss.variable


GATES = """a = hard_sigmoid(A @ x + B @ h[t-1])
f = hard_sigmoid(F @ x + R @ h[t-1])
z = hard_tanh(Z @ x + V @ h[t-1])
c = f * c[t-1] + a * z
h = hard_tanh(c)"""


def test_too_many_cases_of_the_composed_step_are_concluded_by_the_chain_rule(monkeypatch):
    monkeypatch.setattr("derive.proof.identities.MOST_CASES", 20)
    derivation = written(GATES)
    assert prove(derivation).passed
    assert findings_of(prove(with_hop(derivation, "c", 2, negated)), "c")
    (missing,) = prove(with_hop(derivation, "c", 2, dropped)).findings
    assert missing.route == "route 2 of δc: c[t] -> c[t+1]"


def test_too_many_cases_of_one_equation_are_said_not_to_be_decided(monkeypatch):
    monkeypatch.setattr("derive.proof.identities.MOST_CASES_OF_EQUATION", 3)
    (finding,) = prove(written(GATES)).findings
    assert "not decided: more than 3 cases" in finding.message


def test_a_cell_without_real_values_is_said_not_to_be_decided():
    (finding,) = unrolled(written("h = log(0 - 1 - x * x - h[t-1] * h[t-1])")).findings
    assert "not decided" in finding.message


class TestTerms:
    def test_a_dropped_or_negated_hop_is_not_the_same(self):
        derivation = derived("lstm_peephole")
        equality, hops = TermEquality(derivation), derivation.adjoints["c"].hops
        assert not any(equality.same([hop], [None]) for hop in hops)
        assert equality.same([hops[1]], [hops[1]])

    def test_values_equal_by_their_equations_are_equal(self):
        derivation = written(CORNERS["one value twice"])
        hop = next(hop for hop in derivation.adjoints["h"].hops if hop.target == "h")
        other = dataclasses.replace(hop, partial=times(hop, value("g")).partial[:1])
        assert hop != other
        assert TermEquality(derivation).same([hop], [other])

    def test_a_hop_to_what_reaches_no_error_is_nothing(self):
        derivation = written("a = tanh(U @ x)\nmemory = a + memory[t-1]\nh = a * b")
        hop = next(hop for hop in derivation.adjoints["a"].hops if hop.target == "memory")
        assert TermEquality(derivation).same([hop], [None])

    def test_terms_of_different_shapes_differ(self):
        derivation = derived("rnn")
        (hop,) = derivation.adjoints["W"].hops
        assert not TermEquality(derivation).same([hop], [without_factor(hop)])

    def test_terms_of_different_steps_differ(self):
        derivation = derived("lstm")
        hop = derivation.adjoints["c"].hops[-1]
        assert not TermEquality(derivation).same([hop], [shifted(hop)])

    def test_swapped_hops_of_one_sum_are_the_same_sum(self):
        derivation = written("z = tanh(U @ x + W @ h[t-1])\nh = z * z")
        one, other = derivation.adjoints["z"].hops
        assert TermEquality(derivation).same([one, other], [other, one])
        assert not TermEquality(derivation).same([one, other], [one, negated(other)])

    def test_cases_are_all_looked_at(self):
        derivation = written("a = U @ x + W @ h[t-1]\nh = relu(a)")
        (hop,) = derivation.adjoints["a"].hops
        assert not TermEquality(derivation).same([hop], [without_factor(hop)])


def test_the_precision_of_the_caller_is_left_alone():
    before = mpmath.mp.dps
    unrolled(derived("rnn"), steps=1)
    assert mpmath.mp.dps == before
