"""The cost of a forgotten route, against differences of equations in which one occurrence is held."""

from dataclasses import replace

import mpmath
import pytest

from derive.equations import names
from derive.errors import DeriveError
from derive.explain.digits import percent
from derive.explain.forgotten import forgotten
from derive.explain.points import random_sequence
from derive.graph import LOSS
from derive.proof.interpreter import Trajectory, interpret
from derive.proof.unrolled import DIGITS, STEP
from tests.proof.faults import derived, written


def outputs_with(sequence, hop, recorded):
    """The forward pass in which one occurrence reads what it read in `recorded`: nothing passes through it."""
    equations = sequence.equations
    steps = []
    timeless = dict(recorded.timeless) | dict(sequence.params)
    for given in sequence.inputs:
        steps.append(dict(given))
        here = len(steps) - 1
        running = Trajectory(timeless, tuple(steps), sequence.state)
        for equation in equations.equations:

            def read(item, target=equation.target, running=running, here=here):
                held = (item.name, target, item.lag, item.index) == (hop.source, hop.target, hop.lag, hop.occurrence)
                return (recorded if held else running).read(item.name, item.lag, here)

            steps[here][equation.target] = interpret(equation.expression, read)
    return [[step[name] for name in equations.outputs] for step in steps]


def objective(sequence, hop, recorded):
    outputs = outputs_with(sequence, hop, recorded)
    errors = [[step[name] for name in sequence.equations.outputs] for step in sequence.errors]
    return mpmath.fsum(
        mpmath.fdot(zip(error, value, strict=True))
        for pairs in zip(errors, outputs, strict=True)
        for error, value in zip(*pairs, strict=True)
    )


def moved_sequences(sequence):
    """For every entry of every parameter, input and initial state a function that moves it."""

    def paths(value, at=()):
        return [p for i, v in enumerate(value) for p in paths(v, (*at, i))] if isinstance(value, tuple) else [at]

    def shifted(value, path, by):
        if not path:
            return value + by
        return tuple(shifted(item, path[1:], by) if at == path[0] else item for at, item in enumerate(value))

    def inputs(step, name, value):
        return tuple({**item, name: value} if at == step else item for at, item in enumerate(sequence.inputs))

    for name, value in sequence.params.items():
        for path in paths(value):
            yield lambda by, n=name, v=value, p=path: replace(
                sequence, params={**sequence.params, n: shifted(v, p, by)}
            )
    for step, given in enumerate(sequence.inputs):
        for name, value in given.items():
            for path in paths(value):
                yield lambda by, s=step, n=name, v=value, p=path: replace(
                    sequence, inputs=inputs(s, n, shifted(v, p, by))
                )
    for name, value in sequence.state.items():
        for path in paths(value):
            yield lambda by, n=name, v=value, p=path: replace(sequence, state={**sequence.state, n: shifted(v, p, by)})


@pytest.mark.parametrize("cell", ["gru", "lstm_peephole", "antisymmetric_rnn"])
def test_the_cost_is_that_of_holding_one_occurrence_constant(cell):
    gradients = derived(cell)
    rows = forgotten(gradients, steps=3, size=1, seed=3)
    with mpmath.workdps(DIGITS):
        sequence = random_sequence(gradients.graph.equations, steps=3, size=1, seed=3)
        recorded = sequence.trajectory()

        def gradient(hop):
            return [
                (objective(moved(STEP), hop, recorded) - objective(moved(-STEP), hop, recorded)) / (2 * STEP)
                for moved in moved_sequences(sequence)
            ]

        nothing = replace(rows[0].hop, occurrence=0)
        whole = gradient(nothing)
        assert mpmath.norm(whole) > 0.1
        looked = 0
        for row in rows:
            if row.hop.target == LOSS:
                continue
            difference = [one - other for one, other in zip(gradient(row.hop), whole, strict=True)]
            assert abs(mpmath.norm(difference) / mpmath.norm(whole) - row.error) < mpmath.mpf("1e-20")
            looked += 1
    assert looked >= 4


@pytest.mark.parametrize("cell", names())
def test_every_first_hop_of_every_state_has_a_row_with_its_term(cell):
    gradients = derived(cell)
    rows = forgotten(gradients, steps=3, size=3)
    hops = {state: gradients.adjoints[state].hops for state in gradients.graph.equations.states}
    assert [(row.state, row.hop) for row in rows] == [(state, hop) for state in hops for hop in hops[state]]
    for state in hops:
        assert [row.number for row in rows if row.state == state] == list(range(1, len(hops[state]) + 1))
    assert all(row.error > 0 and row.term.latex for row in rows)


def test_the_five_routes_of_the_peephole_lstm_are_these():
    rows = forgotten(derived("lstm_peephole"))
    assert [percent(row.error) for row in rows if row.state == "c"] == ["92", "12", "56", "4.4", "6.8"]


def test_without_the_error_at_the_output_the_whole_gradient_is_gone():
    first = forgotten(derived("rnn"))[0]
    assert (first.hop.target, percent(first.error)) == (LOSS, "100")


def test_the_seed_decides():
    gradients = derived("rnn")
    assert forgotten(gradients) == forgotten(gradients) != forgotten(gradients, seed=1)


def test_a_cell_without_a_point_in_its_domain_says_so():
    nowhere = written("h = log(0 - exp(W @ h[t-1] + U @ x))")
    with pytest.raises(DeriveError, match="no random point lies inside the domain"):
        forgotten(nowhere)


def test_a_gradient_that_vanishes_has_no_shares():
    with pytest.raises(DeriveError, match="its gradient is 0 at 20 random points"):
        forgotten(written("a = W @ h[t-1] + U @ x\nh = relu(0 - 1 - a * a)"))
