"""How far errors travel: Jacobians against differences, bounds, and the highway."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from derive.equations import names, parse
from derive.errors import DeriveError
from derive.explain.jacobians import (
    block,
    highway,
    jacobian,
    norms_of_factors,
    norms_of_matrices,
    spectral_norm,
    step_routes,
)
from derive.explain.points import fresh_trajectory
from derive.explain.travel import FORGET_GATES, comparison, curve_of, travel
from derive.gradients import differentiate
from derive.graph import Diagonal, wire
from derive.proof.interpreter import run
from derive.proof.recursion import value_at
from derive.proof.unrolled import DIGITS, STEP
from tests.proof.cells import CORNERS
from tests.proof.faults import derived, written

CELLS = ("antisymmetric_rnn", "gru", "lem", "lstm_fgr", "lstm_peephole", "rnn_input_recurrence")
WRITTEN = ("now and before", "transposed", "nested", "doubly nested", "quotient of names", "output reads itself")


def gradients_of(cell):
    return written(CORNERS[cell]) if cell in CORNERS else derived(cell)


def fresh(gradients, steps=3, size=2, seed=5):
    return fresh_trajectory(gradients.graph.equations, steps=steps, size=size, seed=seed, fixed={})


def by_differences(gradients, trajectory, first, last):
    """The derivative of the states after step `last` by those before step `first`, each alone."""
    equations = gradients.graph.equations
    params = {name: trajectory.timeless[name] for name in equations.parameters}
    inputs = [{name: step[name] for name in equations.inputs} for step in trajectory.steps[first : last + 1]]
    before = {name: trajectory.read(name, 1, first) for name in equations.states}

    def after(name, unit, by):
        moved = tuple(item + by * (at == unit) for at, item in enumerate(before[name]))
        end = run(equations, params, inputs, {**before, name: moved})
        return [entry for state in equations.states for entry in end.last(equations.states)[state]]

    columns = []
    for name in equations.states:
        for unit in range(len(before[name])):
            pairs = zip(after(name, unit, STEP), after(name, unit, -STEP), strict=True)
            columns.append([(above - below) / (2 * STEP) for above, below in pairs])
    return mpmath.matrix(columns).T


@pytest.mark.parametrize("cell", [*CELLS, *WRITTEN])
def test_the_jacobian_of_one_step_is_that_of_differences(cell):
    gradients = gradients_of(cell)
    with mpmath.workdps(DIGITS):
        trajectory = fresh(gradients)
        error = jacobian(gradients, trajectory, 1) - by_differences(gradients, trajectory, 1, 1)
        assert mpmath.mnorm(error, 1) < mpmath.mpf("1e-25")


@pytest.mark.parametrize("cell", ["lstm_peephole", "lem"])
def test_the_curve_is_the_norm_of_the_block_over_all_steps(cell):
    gradients = derived(cell)
    found = travel(gradients, steps=4, size=2, seed=5)
    with mpmath.workdps(DIGITS):
        trajectory = fresh(gradients, steps=4)
        for first in range(4):
            whole = by_differences(gradients, trajectory, first, 3)
            for curves in found:
                expected = spectral_norm(block(whole, gradients.graph, trajectory, curves.state))
                assert abs(curves.block[4 - first] - expected) < mpmath.mpf("1e-25")
    assert all(curves.block[0] == 1 for curves in found)


@pytest.mark.parametrize("cell", [*CELLS, "now and before", "nested"])
def test_the_routes_of_one_step_add_up_to_the_block(cell):
    gradients = gradients_of(cell)
    graph = gradients.graph
    with mpmath.workdps(DIGITS):
        trajectory = fresh(gradients)
        whole = jacobian(gradients, trajectory, 1)
        for state in graph.equations.states:
            units = len(trajectory.initial[state])
            total = mpmath.zeros(units, units)
            for route in step_routes(graph, state, state):
                product = mpmath.eye(units)
                for factor in route.partial:
                    product = product * numbers(graph, trajectory, factor, units)
                total += product
            assert mpmath.mnorm(total - block(whole, graph, trajectory, state), 1) < mpmath.mpf("1e-40")


def numbers(graph, trajectory, factor, units):
    """A factor of an immediate partial as a matrix, in the numerator layout."""
    if isinstance(factor, Diagonal):
        value = value_at(graph, trajectory, factor.expression, 1)
        return mpmath.diag(list(value) if isinstance(value, tuple) else [value] * units)
    matrix = mpmath.matrix([list(row) for row in trajectory.timeless[factor.matrix]])
    return matrix.T if factor.transposed else matrix


@pytest.mark.parametrize(
    ("cell", "state", "factors"),
    [
        ("lstm", "c", ["f"]),
        ("lstm_peephole", "c", ["f"]),
        ("lstm_1997", "c", []),
        ("gru", "h", ["z"]),
        ("gru_reset_after", "h", ["z"]),
        ("lem", "y", ["1 - Delta_2"]),
        ("antisymmetric_rnn", "h", []),
        ("indrnn", "h", ["greater(h, 0)", "u"]),
    ],
)
def test_the_highway_is_the_shortest_element_wise_loop(cell, state, factors):
    (route,) = highway(derived(cell).graph, state)
    assert sorted(str(factor.expression) for factor in route.partial) == factors
    assert route.source == (state, 0)
    assert route.target == (state, 1)


@pytest.mark.parametrize(("cell", "state"), [("rnn", "h"), ("lstm", "h"), ("lstm_fgr", "f"), ("dense", None)])
def test_a_state_that_comes_back_through_matrices_alone_has_no_highway(cell, state):
    graph = derived(cell).graph
    assert [highway(graph, name) for name in graph.equations.states if name == state or state is None] in ([], [()])


def test_two_occurrences_on_the_highway_are_added():
    gradients = written("f = sigmoid(U @ x)\nh = f * h[t-1] + h[t-1] / 4 + x * tanh(W @ h[t-1])")
    (curves,) = travel(gradients, steps=2, size=3)
    with mpmath.workdps(DIGITS):
        steps = fresh(gradients, steps=2, size=3, seed=0).steps
        loops = [[f + mpmath.mpf("0.25") for f in step["f"]] for step in steps]
        expected = max(one * other for one, other in zip(*loops, strict=True))
        assert abs(curves.highway[2] - expected) < mpmath.mpf("1e-45")


def test_the_highway_of_the_peephole_lstm_is_the_product_of_its_forget_gates():
    gradients = derived("lstm_peephole")
    curves = travel(gradients, steps=5, size=3)[0]
    with mpmath.workdps(DIGITS):
        gates = [step["f"] for step in fresh(gradients, steps=5, size=3, seed=0).steps]
        for distance in range(6):
            units = [mpmath.fprod(gates[4 - back][unit] for back in range(distance)) for unit in range(3)]
            assert abs(curves.highway[distance] - max(units)) < mpmath.mpf("1e-45")


def test_forget_gates_are_held_at_the_values_that_are_said():
    simple, *gated = comparison(steps=3, size=2)
    assert (simple.cell, simple.state, simple.highway) == ("rnn", "h", None)
    assert [curves.label for curves in gated] == [f"LSTM, f = {gate}" for gate in FORGET_GATES]
    with mpmath.workdps(DIGITS):
        for gate, curves in zip(FORGET_GATES, gated, strict=True):
            for distance, norm in enumerate(curves.highway):
                assert abs(norm - mpmath.mpf(gate) ** distance) < mpmath.mpf("1e-45")


def test_the_bound_of_the_simple_network_is_the_classical_one():
    gradients = derived("rnn")
    (curves,) = travel(gradients, steps=4, size=3)
    with mpmath.workdps(DIGITS):
        trajectory = fresh(gradients, steps=4, size=3, seed=0)
    weights = np.array(trajectory.timeless["W"], dtype=float)
    bound = 1.0
    for distance in range(1, 5):
        slopes = 1 - np.array(trajectory.steps[4 - distance]["h"], dtype=float) ** 2
        bound *= np.linalg.norm(weights, 2) * slopes.max()
        assert float(curves.by_factors[distance]) == pytest.approx(bound, rel=1e-12)


@pytest.mark.parametrize("cell", names())
def test_both_bounds_hold_for_every_cell(cell):
    for curves in travel(derived(cell), steps=4, size=2):
        for found, *bounds in zip(curves.block, curves.by_jacobians, curves.by_factors, strict=True):
            with mpmath.workdps(DIGITS):
                assert all(found <= bound * (1 + mpmath.mpf("1e-40")) for bound in bounds)


@pytest.mark.parametrize("cell", ["lem", "lstm_fgr", "doubly nested"])
def test_norms_of_factors_bound_every_block_of_one_step(cell):
    gradients = gradients_of(cell)
    graph = gradients.graph
    states = graph.equations.states
    with mpmath.workdps(DIGITS):
        trajectory = fresh(gradients)
        whole = jacobian(gradients, trajectory, 1)
        bounds = norms_of_factors(graph, trajectory, norms_of_matrices(graph, trajectory), 1)
        ends = np.cumsum([0, *(len(trajectory.initial[name]) for name in states)])
        for row in range(len(states)):
            for column in range(len(states)):
                part = whole[int(ends[row]) : int(ends[row + 1]), int(ends[column]) : int(ends[column + 1])]
                assert spectral_norm(part) <= bounds[row, column] * (1 + mpmath.mpf("1e-30"))


def test_the_spectral_norm_is_the_largest_singular_value():
    stream = np.random.default_rng(0)
    for shape in ((1, 1), (3, 3), (2, 5), (5, 2)):
        array = stream.normal(size=shape)
        assert float(spectral_norm(mpmath.matrix(array.tolist()))) == pytest.approx(np.linalg.norm(array, 2), rel=1e-12)
    assert spectral_norm(mpmath.zeros(3)) == 0


def test_no_error_travels_through_an_input():
    (curves,) = travel(derived("rnn_input_recurrence"), steps=3, size=2)
    assert (curves.state, curves.block[1:]) == ("x", (0, 0, 0))


def test_parameters_start_by_their_rules_and_none_is_silent():
    equations = replace(derived("indrnn").graph.equations)
    with mpmath.workdps(DIGITS):
        values = fresh_trajectory(equations, steps=2, size=9, seed=1, fixed={"b": mpmath.mpf(7)}).timeless
        assert max(abs(item) for item in values["u"]) > mpmath.mpf("0.5") > 1 / mpmath.sqrt(9)
        assert max(abs(item) for row in values["W"] for item in row) <= 1 / mpmath.sqrt(9)
        assert values["b"] == (7,) * 9
        peepholes = fresh(derived("lstm_peephole")).timeless
        assert all(abs(item) > 0 for item in peepholes["p_for"])
        assert all(abs(item - 1) <= 1 / mpmath.sqrt(2) for item in peepholes["b_for"])


def test_an_orthogonal_start_is_orthogonal_and_glorot_has_its_bound():
    text = "equations = '''\nh = tanh(W @ h[t-1] + U @ x)\n'''\n[init]\nW = 'orthogonal'\nU = 'glorot'"
    gradients = differentiate(wire(parse(text)))
    with mpmath.workdps(DIGITS):
        values = fresh(gradients, size=4).timeless
        rows = mpmath.matrix([list(row) for row in values["W"]])
        assert mpmath.mnorm(rows * rows.T - mpmath.eye(4), 1) < mpmath.mpf("1e-45")
        entries = [abs(item) for row in values["U"] for item in row]
        assert 1 / mpmath.sqrt(4) < max(entries) <= mpmath.sqrt(mpmath.mpf(6) / 8)


def test_a_state_that_is_none_is_named():
    with pytest.raises(DeriveError, match=r"`z` is not a state of the cell gru\. Its states are h"):
        curve_of("gru", "z", steps=1, size=1)


def test_the_seed_decides():
    gradients = derived("gru")
    first = travel(gradients, steps=2, size=2)
    assert first == travel(gradients, steps=2, size=2) != travel(gradients, steps=2, size=2, seed=1)
