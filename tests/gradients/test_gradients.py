"""The adjoint equations: their order, their terms, and what they say of ends and timeless names."""

from __future__ import annotations

import pytest

import derive
from derive.graph import LOSS


@pytest.mark.parametrize("name", derive.names())
def test_adjoints_stand_in_reverse_order_of_evaluation(name: str) -> None:
    cell = derive.load(name)
    order = [
        equation.target for equation in cell.equations.equations if not cell.equations.symbols[equation.target].timeless
    ]
    timed = [adjoint.name for adjoint in cell.gradients.variables if not adjoint.timeless]
    assert timed == order[::-1]
    assert [adjoint.number for adjoint in cell.gradients.adjoints.values()] == list(
        range(1, len(cell.gradients.adjoints) + 1)
    )
    assert [adjoint.name for adjoint in cell.gradients.parameters] == list(cell.equations.parameters)


@pytest.mark.parametrize("name", derive.names())
def test_inside_the_step_a_hop_leads_to_an_adjoint_that_is_known(name: str) -> None:
    gradients = derive.load(name).gradients
    for adjoint in gradients.variables:
        for hop in adjoint.inside:
            assert gradients.adjoints[hop.target].number < adjoint.number


def test_the_groups_of_hops_are_complete_and_apart() -> None:
    adjoint = derive.load("lstm_peephole").gradients.adjoints["y"]
    assert adjoint.error_enters
    assert len(adjoint.inside) == 0
    assert len(adjoint.across) == 4
    assert adjoint.hops[0].target == LOSS
    assert set(adjoint.hops) == {adjoint.hops[0], *adjoint.inside, *adjoint.across}


def test_errors_enter_only_at_what_the_loss_reads() -> None:
    gradients = derive.load("rnn_readout").gradients
    assert [adjoint.name for adjoint in gradients.variables if adjoint.error_enters] == ["o"]


def test_the_input_of_the_step_before_has_hops_inside_and_across() -> None:
    adjoint = derive.load("rnn_input_recurrence").gradients.adjoints["x"]
    assert len(adjoint.inside) == len(adjoint.across) == 1


def test_names_made_of_parameters_alone_come_after_the_step() -> None:
    text = "equations = '''\na = sigmoid(p)\nd = a * q\nh = tanh(W @ x + d * h[t-1] + a)\n'''"
    gradients = derive.parse(text).gradients
    assert [(adjoint.name, adjoint.timeless) for adjoint in gradients.variables] == [
        ("h", False),
        ("d", True),
        ("a", True),
    ]
    assert [hop.target for hop in gradients.adjoints["a"].hops] == ["h", "d"]


def test_a_shared_parameter_has_a_hop_for_every_occurrence() -> None:
    gradients = derive.load("antisymmetric_rnn").gradients
    assert len(gradients.adjoints["U"].hops) == 2
    assert [hop.partial[-1].transposed for hop in gradients.adjoints["U"].hops] == [False, True]
