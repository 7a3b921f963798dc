"""The tape: what is saved, what is computed again, and that no choice is cheaper."""

from __future__ import annotations

import itertools
from collections.abc import Set
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, Phase, assume, given, settings

import derive
from derive import DeriveError
from derive.cell import Cell
from derive.elementary import identify, value
from derive.gradients import Gradients
from derive.plan import POLICIES, lower
from derive.plan.model import Kept, Origin, Pass, Plan, Region, Tape
from derive.plan.prices import DIVISION, FUNCTION, SAVED, SIMPLE_FUNCTION, operations
from derive.plan.symbols import unlagged
from derive.plan.tape import ForwardValues, choose, recompute
from tests.kernels.arguments import Arguments
from tests.kernels.harness import assert_agree, draw_arguments, interpreted, run_module
from tests.kernels.strategies import Drawn, cells

CELLS = {
    "chain": "a = W @ x + U @ h[t-1]\nb = 2 * a\nc = b * b + 1\nd = c * c - b\nh = tanh(d) * c",
    "functions": "a = W @ x + U @ h[t-1]\nb = exp(-a * a)\nc = sin(b)\nh = c * cos(b) + b * b",
    "split": "a = tanh(W @ x + U @ h[t-1])\nb = 1 - a\nc = a * b\nd = c * b + a\nh = c * d * b",
    "suffix": "h = tanh(W @ x + U @ h[t-1])\na = h * h\nb = a + h\ny = V @ h + b * a",
    "products": "a = W @ x + U @ h[t-1]\nb = R @ x\nc = a * b\nh = tanh(c) * a * b",
    "states": "a = sigmoid(u * p[t-1] + v * q[t-1] + x)\nb = a * p[t-1]\np = tanh(b + x)\nq = b * b + a",
    "prefix": "e = tanh(E @ x)\nf = 2 * e\ng = f * e\nh = tanh(g * h[t-1] + f) * g",
    "single": "a = (W @ x) * (W @ x) + 2 * (W @ x)\nb = a * (W @ x) + h[t-1]\nh = tanh(b * a) * b + U @ x",
    "stages": "d = 1 / (1 + x * x)\ne = d + 1\na = tanh(U @ (e * h[t-1]))\nh = d * e * h[t-1] + (1 - d) * a",
    "through": "d = 1 / (1 + x * x)\ne = d + 1\na = tanh(U @ h[t-1] + x)\nh = e * h[t-1] + d * a",
    "offset": "k = 2 * b\na = tanh(W @ x + U @ h[t-1])\nc = a + k\nh = c * c * a",
    "preamble": "k = exp(b)\nl = k * k\na = W @ x + l * h[t-1]\nc = k * a + l\nh = tanh(c * c) * c",
}
"""Cells in which much can be computed again."""


@cache
def small(name: str) -> Cell:
    return derive.parse(CELLS[name], name)


@cache
def cell(name: str) -> Cell:
    return small(name) if name in CELLS else derive.load(name)


every_cell = pytest.mark.parametrize("name", [*derive.names(), *CELLS])
every_policy = pytest.mark.parametrize("policy", POLICIES)


def saved(plan: Plan) -> set[str]:
    return {array.holds for array in plan.arrays if array.saved}


def again(plan: Plan) -> list[str]:
    return [str(item.symbol) for item in plan.tape.recomputed]


def amount(plan: Plan) -> int:
    """The values on the tape, for sizes that are all different."""
    names = sorted(plan.count.saved.free_symbols, key=str)
    return int(plan.count.saved.subs({symbol: 3 + 2 * index for index, symbol in enumerate(names)}))


def test_lstm_computes_nothing_again_unless_the_least_is_asked_for() -> None:
    lstm = derive.load("lstm")
    assert again(lstm.planned("all")) == again(lstm.planned("auto")) == []
    assert again(lstm.planned("least")) == ["%1"]
    assert saved(lstm.plan) - saved(lstm.planned("least")) == {"%1"}


def test_a_product_is_cheaper_than_a_saved_value() -> None:
    lem = derive.load("lem")
    assert again(lem.plan) == ["Delta_1", "Delta_2"]
    assert saved(lem.planned("all")) - saved(lem.plan) == {"Delta_1", "Delta_2"}
    assert again(derive.load("lstm_cifg").plan) == ["f"]


@pytest.mark.parametrize("name", derive.names())
def test_no_function_of_the_zoo_is_computed_again_by_default(name: str) -> None:
    for statement in derive.load(name).plan.tape.recomputed:
        assert not statement.expression.atoms(sympy.Function)


@every_cell
def test_less_is_saved_from_policy_to_policy(name: str) -> None:
    least, auto, whole = (amount(cell(name).planned(policy)) for policy in ("least", "auto", "all"))
    assert least <= auto <= whole
    assert cell(name).planned("all").tape.recomputed == ()


def test_there_are_cells_in_which_the_policies_differ() -> None:
    amounts = {name: [amount(small(name).planned(policy)) for policy in ("least", "auto", "all")] for name in CELLS}
    assert any(least < auto for least, auto, _ in amounts.values())
    assert any(auto < whole for _, auto, whole in amounts.values())


@every_cell
@every_policy
def test_every_value_that_the_backward_pass_reads_is_there(name: str, policy: str) -> None:
    """Each symbol is computed in the sweep, loaded from a full array of the tape, or filled by the backward pass."""
    plan = cell(name).planned(policy)
    timeless = {value(item) for item, symbol in plan.graph.equations.symbols.items() if symbol.timeless}
    filled = {Origin.CALLER, Origin.BACKWARD}
    for _, stages in plan.backward.regions:
        for sweep in (sweep for stage in stages for sweep in stage.sweeps):
            computed: set[sympy.Symbol] = set()
            for statement in sweep.statements:
                for symbol in statement.expression.free_symbols - computed:
                    if symbol in timeless and symbol not in plan.places:
                        continue
                    array = plan.places[unlagged(symbol)].array
                    assert array.saved or array.origin in filled, f"{statement.symbol} reads {symbol}"
                    assert not array.saved or array.kept in (Kept.STEPS, Kept.CARRIED, Kept.ONCE)
                computed.add(statement.symbol)
    for item in plan.weight_gradients:
        operand = unlagged(item.stack.operand)
        assert operand in timeless or plan.places[operand].array.saved


@every_cell
@every_policy
def test_the_tape_holds_nothing_that_is_not_read(name: str, policy: str) -> None:
    plan = cell(name).planned(policy)
    read = {unlagged(symbol) for item in plan.backward.statements for symbol in item.expression.free_symbols}
    read |= {unlagged(item.stack.operand) for item in plan.weight_gradients}
    if plan.graph.equations.loss:
        read.add(value(plan.graph.equations.loss.variable))
    read |= {value(item) for item in plan.graph.equations.inputs}
    for array in plan.arrays:
        if array.saved:
            assert any(place.array == array and symbol in read for symbol, place in plan.places.items()), array.name
    for statement in plan.tape.recomputed:
        assert statement.symbol not in plan.tape.saved


def forward_values(gradients: Gradients, monkeypatch: pytest.MonkeyPatch) -> ForwardValues:
    """What `lower` hands to the choice."""
    seen: list[ForwardValues] = []

    def noting(policy: str, values: ForwardValues) -> Tape:
        seen.append(values)
        return choose(policy, values)

    with monkeypatch.context() as patch:
        patch.setattr("derive.plan.choose", noting)
        lower(gradients)
    return seen[0]


def cost(values: ForwardValues, again: Set[sympy.Symbol]) -> tuple[int, int]:
    """What computing `again` costs: values saved, and the price of operations.

    It walks from what the backward pass reads to what must be there for it, and knows nothing of the network.
    """
    saved: set[object] = set()
    recomputed: set[sympy.Symbol] = set()
    pending = list(values.read)
    while pending:
        symbol = pending.pop()
        if symbol in again:
            if symbol not in recomputed:
                recomputed.add(symbol)
                pending.extend(map(unlagged, values.statements[symbol].expression.free_symbols))
        elif symbol in values.stack_of and values.stack_of[symbol].region is not Region.PREAMBLE:
            saved.update((values.stack_of[symbol], product) for product in values.stack_of[symbol].products)
        elif symbol in values.statements and values.statements[symbol].region is not Region.PREAMBLE:
            saved.add(symbol)
    prices = (operations(values.statements[item].expression) * len(values.computable[item]) for item in recomputed)
    return len(saved), sum(prices)


@pytest.mark.parametrize("name", [*CELLS, "lem", "lstm_1997", "lstm_cifg", "gru_reset_after", "lstm_readout"])
def test_no_choice_is_cheaper(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All sets of values to compute again, against the cut."""
    values = forward_values(cell(name).gradients, monkeypatch)
    candidates = list(values.computable)
    assert 1 <= len(candidates) <= 12
    costs = {
        again: cost(values, set(again))
        for number in range(len(candidates) + 1)
        for again in itertools.combinations(candidates, number)
    }
    chosen = {policy: cost(values, {item.symbol for item in choose(policy, values).recomputed}) for policy in POLICIES}
    assert chosen["all"] == costs[()]
    assert chosen["least"] == min(costs.values())
    saved, price = chosen["auto"]
    assert SAVED * saved + price == min(SAVED * saved + price for saved, price in costs.values())


def test_what_must_not_be_computed_again_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """States, products, right-hand vectors, what the loss judges, and what is computed once a call."""
    values = forward_values(small("preamble").gradients, monkeypatch)
    assert {"k", "l"} <= set(map(str, values.statements))
    assert not {"k", "l", "h"} & set(map(str, values.computable))
    values = forward_values(derive.load("gru").gradients, monkeypatch)
    assert not {"h", "@6.operand"} & set(map(str, values.computable))
    values = forward_values(derive.load("lstm_regression").gradients, monkeypatch)
    assert not {"y", "h", "c"} & set(map(str, values.computable))
    assert values.computable


def test_operations_count_in_every_sweep_that_would_repeat_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """`d` divides: cheaper than a saved value in one sweep, dearer in two, one of which needs it for `e` alone."""
    values = forward_values(small("stages").gradients, monkeypatch)
    once = operations(values.statements[value("d")].expression)
    assert once < SAVED < 2 * once
    assert len(values.computable[value("d")]) == 2
    assert "d" not in again(small("stages").planned("auto"))
    assert "d" in again(small("stages").planned("least"))
    values = forward_values(small("through").gradients, monkeypatch)
    d, e = value("d"), value("e")
    assert values.readers[e] - values.readers[d]
    assert values.computable[d] == values.readers[d] | values.readers[e]


def test_what_is_computed_once_a_call_costs_nothing() -> None:
    plan = small("offset").plan
    assert again(plan) == ["c"]
    assert {"a", "k"} <= saved(plan)


def test_a_product_kept_alone_serves_what_is_computed_again() -> None:
    assert saved(small("single").planned("least")) == {"x", "@1.single", "b"}


@every_cell
@every_policy
def test_every_statement_stands_in_its_region(name: str, policy: str) -> None:
    for region, stages in cell(name).planned(policy).backward.regions:
        found = {item.region for stage in stages for sweep in stage.sweeps for item in sweep.statements}
        assert found <= {region}


def test_products_of_several_dimensions_are_no_choice() -> None:
    """Three values could be computed again from one product, but the other product of its stack may be far larger."""
    text = "a = 2 * (W @ x)\nb = 3 + (W @ x)\nc = 4 - (W @ x)\nh = a * b * c * h[t-1]\ny = V @ x + R @ h"
    plan = derive.parse(f"equations = '''\n{text}\n'''\noutputs = [\"y\"]").planned("least")
    assert {"a", "b", "c"} <= saved(plan)
    assert "products of x" not in saved(plan)


def run(plan: Plan, drawn: Arguments) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        return run_module(interpreted(plan), plan.graph.equations, drawn)


@every_cell
def test_gradients_are_those_of_all_saved(name: str) -> None:
    equations = cell(name).equations
    sizes = {item.name: index for index, item in enumerate(equations.dimensions, start=2)}
    drawn = replace(draw_arguments(equations, sizes, seed=5, steps=5, batch=3), lengths=np.array([3, 5, 1]))
    wanted = run(cell(name).planned("all"), drawn)
    for policy in ("auto", "least"):
        assert_agree(run(cell(name).planned(policy), drawn), wanted, tolerance=1e-12)


def test_a_compiled_kernel_computes_again() -> None:
    """A sum and a function: `f` and tanh(c)."""
    coupled = derive.load("lstm_cifg")
    sizes = {item.name: size for item, size in zip(coupled.equations.dimensions, (3, 19), strict=True)}
    drawn = replace(draw_arguments(coupled.equations, sizes, seed=5, steps=5, batch=3), lengths=np.array([3, 5, 1]))
    least = run_module(derive.build(coupled, dtype="float64", tape="least"), coupled.equations, drawn)
    assert_agree(least, run(coupled.planned("all"), drawn), tolerance=1e-12)


def test_gradients_of_random_cells_are_those_of_all_saved() -> None:
    amounts: list[tuple[int, ...]] = []

    @settings(
        max_examples=40,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(cells())
    def check(drawn: Drawn) -> None:
        this = Cell(drawn.equations)
        plans = [this.planned(policy) for policy in ("least", "auto", "all")]
        assume(plans[0].tape.recomputed)
        arguments = draw_arguments(drawn.equations, drawn.sizes, drawn.seed)
        *others, wanted = (run(plan, arguments) for plan in plans)
        assume(all(np.isfinite(array).all() for array in wanted.values()))
        for got in others:
            assert_agree(got, wanted, tolerance=1e-12)
        amounts.append(tuple(map(amount, plans)))

    check()
    assert len(amounts) >= 40
    assert all(least <= auto <= whole for least, auto, whole in amounts)
    assert any(auto < whole for _, auto, whole in amounts)
    assert any(least < auto for least, auto, _ in amounts)


@pytest.mark.parametrize("dropped", [0, 1])
def test_a_statement_that_is_not_computed_again_is_missed(dropped: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above would see it: without the statement the backward pass has no such value."""

    def dropping(backward: Pass, tape: Tape) -> Pass:
        kept = tuple(item for index, item in enumerate(tape.recomputed) if index != dropped)
        return recompute(backward, replace(tape, recomputed=kept))

    monkeypatch.setattr("derive.plan.recompute", dropping)
    lem = derive.load("lem")
    sizes = {item.name: 2 for item in lem.equations.dimensions}
    with pytest.raises((KeyError, NameError)):
        run(lower(lem.gradients), draw_arguments(lem.equations, sizes, seed=5, steps=2, batch=1))


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("a + b + c", 2),
        ("a - b", 1),
        ("-a", 0),
        ("2 * a * b", 2),
        ("a / b", DIVISION),
        ("1 / (1 + a)", 1 + DIVISION),
        ("a * a", 1),
        ("a**3", 2),
        ("a**0.5", FUNCTION),
        ("tanh(a + b)", FUNCTION + 1),
        ("relu(a) * b", SIMPLE_FUNCTION + 1),
    ],
)
def test_the_price_of_operations(text: str, price: int) -> None:
    formula = derive.parse(f"h = {text} + x", "priced").graph.formulas[0]
    assert operations(identify(formula.expression) - value("x")) == price


def test_a_policy_that_there_is_not_is_refused() -> None:
    lstm = derive.load("lstm")
    for refused in (lambda: lower(lstm.gradients, "few"), lambda: derive.build(lstm, tape="few")):
        with pytest.raises(DeriveError, match=r"no tape 'few'; the tapes are auto, all, least"):
            refused()
    with pytest.raises(DeriveError, match=r"'reference' has no tape 'least': only 'cpu' and 'cuda' choose"):
        derive.build(lstm, target="reference", tape="least")
    assert derive.build(lstm, target="reference", tape="all") is derive.build(lstm, target="reference")


def test_a_module_is_built_for_each_tape() -> None:
    lstm = derive.load("lstm")
    least = derive.build(lstm, tape="least")
    assert least is derive.build(lstm, tape="least")
    assert derive.build(lstm) is derive.build(lstm, tape="all")  # nothing else is saved, so the source is the same
    assert set(derive.build(lstm).Tape._fields) - set(least.Tape._fields) == {"kept_function_1"}
