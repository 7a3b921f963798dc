"""The plan: regions, stages, stacks, what is deferred, what is saved, and the count."""

from __future__ import annotations

import pytest
import sympy

import derive
from derive.elementary import value
from derive.plan.model import Kept, Plan, Region, Stack
from derive.plan.symbols import adjoint

HIDDEN, INPUT = sympy.symbols("hidden_size input_size")


def plan_of(text: str) -> Plan:
    return derive.parse(text).plan


def region(plan: Plan, name: str) -> Region:
    return plan.regions[value(name)]


def stages(plan: Plan, where: Region, backward: bool = False) -> int:
    one_pass = plan.backward if backward else plan.forward
    return sum(len(found) for place, found in one_pass.regions if place is where)


def stack(plan: Plan, operand: str) -> Stack:
    (found,) = [item for item in plan.stacks if str(item.operand) == operand]
    return found


def saved(plan: Plan) -> set[str]:
    return {array.holds for array in plan.arrays if array.saved}


def test_regions_follow_from_reachability() -> None:
    plan = plan_of(
        "k = sigmoid(p)\ne = tanh(E @ x)\nh = tanh(W @ e + U @ h[t-1] + k)\n"
        "g = h * e\no = V @ g + h[t-1]\nq = o + o[t-1]"
    )
    assert {name: region(plan, name) for name in ("p", "k", "x", "e", "h", "g", "o", "q")} == {
        "p": Region.PREAMBLE,
        "k": Region.PREAMBLE,
        "x": Region.PREFIX,
        "e": Region.PREFIX,
        "h": Region.LOOP,
        "g": Region.SUFFIX,
        "o": Region.SUFFIX,
        "q": Region.SUFFIX,
    }
    assert [place for place, _ in plan.forward.regions] == list(Region)
    assert [place for place, _ in plan.backward.regions] == list(Region)[::-1]


def test_a_cell_without_a_state_has_no_loop() -> None:
    plan = derive.load("dense").plan
    assert [place for place, _ in plan.forward.regions] == [Region.PREFIX]
    assert [place for place, _ in derive.load("rnn_input_recurrence").plan.forward.regions] == [Region.PREFIX]


@pytest.mark.parametrize(
    ("name", "number"),
    [("lstm_peephole", 1), ("lstm", 1), ("gru", 2), ("gru_reset_after", 1), ("lem", 2), ("lstmp", 2)],
)
def test_a_product_inside_the_step_starts_a_stage(name: str, number: int) -> None:
    assert stages(derive.load(name).plan, Region.LOOP) == number


def test_products_with_one_right_hand_vector_are_one_product() -> None:
    plan = derive.load("lstm_peephole").plan
    assert [matrix for matrix, _ in stack(plan, "x").matrices] == ["W_z", "W_in", "W_for", "W_out"]
    assert [matrix for matrix, _ in stack(plan, "y[t-1]").matrices] == ["R_z", "R_in", "R_for", "R_out"]
    assert stack(plan, "x").region is Region.PREFIX
    both = stack(derive.load("antisymmetric_rnn").plan, "h[t-1]")
    assert both.matrices == (("U", False), ("U", True))


def test_the_same_product_twice_is_computed_once() -> None:
    plan = plan_of(
        "z = sigmoid(W @ x + U @ h[t-1] + b)\nn = tanh(W @ x + U @ h[t-1] + c)\nh = z * h[t-1] + (1 - z) * n"
    )
    assert [item.matrices for item in plan.stacks] == [(("W", False),), (("U", False),)]


def test_weight_gradients_are_deferred_with_their_operand_saved() -> None:
    plan = derive.load("gru").plan
    assert {str(item.stack.operand) for item in plan.weight_gradients} == {"x", "h[t-1]", "@6.operand"}
    assert {"x", "h", "@6.operand"} <= saved(plan)
    assert all(not isinstance(item, Stack) for item in plan.backward.statements)


def test_the_tape_holds_what_the_backward_pass_reads_and_no_more() -> None:
    assert saved(derive.load("lstm_peephole").plan) == {"x", "z", "i", "f", "c", "o", "%1", "y"}
    assert saved(derive.load("rnn").plan) == {"x", "h"}
    assert saved(derive.load("gru_reset_after").plan) == {"x", "r", "z", "n", "h", "@6.single"}


def test_a_stack_is_kept_whole_where_all_its_products_are_read() -> None:
    plan = plan_of("a = W @ x + U @ h[t-1]\nh = tanh((V @ x) * a)")
    assert "products of x" in saved(plan_of("h = (V @ x) * (W @ x) + u * h[t-1]"))
    assert {"@3.single", "a"} <= saved(plan)


def test_a_function_value_that_both_passes_need_is_kept() -> None:
    plan = derive.load("lstm_peephole").plan
    (kept,) = [item for item in plan.forward.statements if str(item.symbol) == "%1"]
    assert str(kept.expression) == "tanh(c)"
    functions = {
        str(found.func) for item in plan.backward.statements for found in item.expression.atoms(sympy.Function)
    }
    assert functions == set()


def test_states_keep_a_row_more_and_shrink_without_a_tape() -> None:
    plan = derive.load("lstm_peephole").plan
    arrays = {array.name: array for array in plan.arrays}
    assert arrays["kept_c"].kept is arrays["kept_y"].kept is Kept.CARRIED
    assert arrays["kept_c"].shrinks
    assert arrays["kept_y"].shrinks
    assert arrays["kept_z"].kept is Kept.STEPS
    assert arrays["carry_c"].kept is Kept.PAIR


def test_an_output_has_an_array_that_nothing_else_reads() -> None:
    for name in ("lstm_peephole", "rnn_readout"):
        plan = derive.load(name).plan
        (array,) = plan.outputs.values()
        assert array.kept is Kept.STEPS
        assert not array.saved
        assert array not in {place.array for place in plan.places.values()}


def test_products_whose_adjoints_are_the_same_share_an_array() -> None:
    lstm, gru = derive.load("lstm").plan, derive.load("gru").plan
    for plan, count in ((lstm, 1), (gru, 1), (derive.load("gru_reset_after").plan, 2)):
        held = {plan.places[adjoint(str(product))].array for stack in plan.stacks for product in stack.products}
        assert len(held) == count
    operand = next(stack for stack in gru.stacks if len(stack.products) == 1)
    place = gru.places[adjoint(str(operand.products[0]))]
    assert place.before == ("hidden_size", "hidden_size")
    assert place.array.columns == ("hidden_size",) * 3


def test_a_repeated_subexpression_is_computed_once() -> None:
    plan = plan_of("a = W @ x + U @ h[t-1]\nb = (1 + a * a) * a\nh = tanh(b) / (1 + a * a)")
    common = [item for item in plan.forward.statements if str(item.symbol).startswith("&")]
    assert common
    assert any(str(item.expression) in ("a**2 + 1", "a**2") for item in common)


def test_the_count_is_of_true_sizes() -> None:
    count = derive.load("lstm_peephole").plan.count
    assert sympy.expand(count.products - (8 * HIDDEN * (HIDDEN + INPUT))) == 0
    assert sympy.expand(count.backward_products - 2 * count.products) == 0
    assert sympy.expand(count.saved - (7 * HIDDEN + INPUT)) == 0
    readout = derive.load("rnn_readout").plan.count
    output = sympy.Symbol("output_size")
    assert sympy.expand(readout.products - 2 * HIDDEN * (HIDDEN + INPUT + output)) == 0


def test_a_name_of_parameters_alone_is_summed_in_the_loop_and_finished_once() -> None:
    equations = "a = sigmoid(s)\nh = a * tanh(W @ x + u * h[t-1])"
    text = f"equations = '''\n{equations}\n'''\n[parameters]\ns = \"scalar\"\n[init]\ns = 0.1"
    plan = plan_of(text)
    assert region(plan, "a") is Region.PREAMBLE
    assert plan.backward.regions[-1][0] is Region.PREAMBLE
    (total,) = [array for array in plan.arrays if array.holds == "Σδa"]
    assert total.kept is Kept.SUM


@pytest.mark.parametrize("name", derive.names())
def test_every_symbol_is_defined_before_it_is_read(name: str) -> None:
    plan = derive.load(name).plan
    for one_pass in (plan.forward, plan.backward):
        for _, found in one_pass.regions:
            for stage in found:
                for sweep in stage.sweeps:
                    defined = {item.symbol for item in sweep.statements}
                    seen: set[sympy.Symbol] = set()
                    for item in sweep.statements:
                        assert not (item.expression.free_symbols & defined) - seen
                        seen.add(item.symbol)
