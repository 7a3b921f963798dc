"""What a call leaves in memory: consumed tapes, workspaces, checkpoints."""

from __future__ import annotations

import copy
import gc
import importlib
import pickle
import re
import threading
import tracemalloc
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import derive
from derive.equations import load
from tests.kernels.cases import ZOO, Case, all_cases, case
from tests.kernels.harness import assert_same_bits, leaves

CPU_CASES = (*ZOO, "pair")
on_cpu = pytest.mark.parametrize(("target", "name"), [("cpu", name) for name in CPU_CASES])
of_cpu = pytest.mark.parametrize("target", ["cpu"])


def _inputs(this, given):
    """The inputs as `forward` takes them."""
    return given.inputs[0] if len(given.inputs) == 1 else this.module.Inputs(*given.inputs)


def _errors(this, given):
    """The errors as `backward` takes them."""
    return given.dy[0] if len(given.dy) == 1 else this.module.Outputs(*given.dy)


def _backward(this, given, tape, **options):
    """The gradients, with options of `backward`."""
    module = this.module
    return module.backward(
        module.Params(*given.params), tape, _errors(this, given), module.State(*given.dstate), **options
    )


def _refused(error, message, function, *arguments, **options):
    with pytest.raises(error, match=re.escape(message)):
        function(*arguments, **options)


@all_cases
def test_a_consumed_tape_is_refused(target, name):
    this = case(target, name)
    given = this.draw()
    *_, tape = this.forward(given)
    wanted = this.backward(given, tape)
    assert_same_bits(wanted, _backward(this, given, tape, consume_tape=True))
    message = f"{name}.backward: tape: it was consumed by an earlier backward(..., consume_tape=True)"
    for options in ({}, {"consume_tape": True}):
        _refused(ValueError, message, _backward, this, given, tape, **options)
    for twin in (tape._replace(), copy.copy(tape), copy.deepcopy(tape), pickle.loads(pickle.dumps(tape))):
        _refused(ValueError, message, this.backward, given, twin)


@all_cases
def test_a_refused_backward_consumes_nothing(target, name):
    this = case(target, name)
    given = this.draw()
    *_, tape = this.forward(given)
    wrong = replace(given, dy=(given.dy[0][:4], *given.dy[1:]))
    with pytest.raises(ValueError, match=r"backward: dy"):
        _backward(this, wrong, tape, consume_tape=True)
    twin = pickle.loads(pickle.dumps(tape))
    grads = _backward(this, given, tape, consume_tape=True)
    assert_same_bits(grads, _backward(this, given, twin))


@on_cpu
@pytest.mark.parametrize("options", [{}, {"checkpoint_every": 2}], ids=["tape", "checkpoints"])
def test_a_workspace_changes_no_bits(target, name, options):
    """Several sizes one after the other, with and without lengths, start states and a tape."""
    this = case(target, name)
    workspace = this.module.Workspace()
    sizes = ((5, 3, False), (5, 3, True), (9, 2, False), (2, 1, True), (0, 3, True), (5, 3, False))
    for number, (steps, batch, full) in enumerate(sizes):
        given = this.draw(steps, batch, full=full, seed=number)
        *wanted, tape = this.forward(given, **options)
        gradients = this.backward(given, tape)
        *values, tape = this.forward(given, workspace=workspace, **options)
        assert_same_bits(tuple(values), tuple(wanted))
        for _ in range(2):
            assert_same_bits(this.backward(given, tape), gradients)
        assert_same_bits(tuple(values), tuple(wanted))
        _backward(this, given, tape, consume_tape=True)
        *wanted, _ = this.forward(given, keep_tape=False)
        *values, _ = this.forward(given, workspace=workspace, keep_tape=False)
        assert_same_bits(tuple(values), tuple(wanted))


@on_cpu
def test_a_workspace_takes_its_own_last_state_as_the_next_start(target, name):
    """Also where the next call takes other arrays first, and in other blocks: panels, inputs that end early."""
    this = case(target, name)
    module, workspace = this.module, this.module.Workspace()
    given = this.draw(size=12)
    params, x = module.Params(*given.params), _inputs(this, given)
    judged = (given.target,) if this.cell.loss else ()
    state = own = module.State(*given.state)
    packed = module.pack(params)
    for _ in range(2):
        state = module.forward(params, x, *judged, state=state, lengths=given.lengths)[-2]
        own = module.forward(
            params, x, *judged, state=own, lengths=given.lengths, workspace=workspace, keep_tape=False
        )[-2]
        if this.cell.states:
            assert_same_bits(own, state)
        state = module.forward(packed, x, *judged)[-2]
        own = module.forward(packed, x, *judged, workspace=workspace, keep_tape=False)[-2]


@of_cpu
def test_a_workspace_serves_one_live_tape(target):
    this = case(target, "gru")
    workspace, given = this.module.Workspace(), this.draw()
    *_, tape = this.forward(given, workspace=workspace)
    message = (
        "gru.forward: workspace: it holds a tape that is still in use: "
        "call backward(..., consume_tape=True) with it, or drop it, or use another workspace"
    )
    for options in ({}, {"keep_tape": False}, {"checkpoint_every": 2}):
        _refused(ValueError, message, this.forward, given, workspace=workspace, **options)
    this.backward(given, tape)
    _refused(ValueError, message, this.forward, given, workspace=workspace)
    _backward(this, given, tape, consume_tape=True)
    *_, second = this.forward(given, workspace=workspace)
    twin, third = copy.deepcopy(second), second._replace()
    del second
    _refused(ValueError, message, this.forward, given, workspace=workspace)
    del third
    this.forward(replace(given, inputs=(2 * given.inputs[0],)), workspace=workspace)
    assert_same_bits(this.backward(given, twin), this.run(given)[3])


@of_cpu
def test_a_forward_that_was_refused_leaves_the_workspace_free(target):
    this = case(target, "gru")
    workspace, given = this.module.Workspace(), this.draw()
    try:
        this.forward(replace(given, lengths=np.array([9, 9, 9])), workspace=workspace)
    except ValueError as error:
        kept = error
    this.forward(given, workspace=workspace)
    assert "lengths" in str(kept)


@of_cpu
def test_results_in_a_workspace_are_overwritten_by_the_next_call(target):
    this = case(target, "gru")
    workspace, given = this.module.Workspace(), this.draw()
    _, y, _ = this.forward(given, workspace=workspace)[:3]
    other = replace(given, inputs=(2 * given.inputs[0],))
    _, wanted, _ = this.forward(other, workspace=workspace)[:3]
    assert y is not wanted
    np.testing.assert_array_equal(y, wanted)


@of_cpu
def test_arguments_in_the_workspace_are_refused(target):
    this = case(target, "rnn_readout")
    module, workspace, given = this.module, this.module.Workspace(), this.draw(size=3)
    params, dy = module.Params(*given.params), given.dy[0]
    judged = {"target": given.target, "workspace": workspace}
    _, y, _, tape = module.forward(params, given.inputs[0], **judged)
    grads = module.backward(params, tape, dy=y)
    assert_same_bits(grads, module.backward(params, tape, dy=y.copy()))
    _refused(ValueError, "rnn_readout.backward: dy: it lies in the workspace", module.backward, params, tape, grads.x)
    message = "rnn_readout.backward: dstate: it lies in the workspace"
    _refused(ValueError, message, module.backward, params, tape, dy, grads.state)
    module.backward(params, tape, consume_tape=True)
    for place, x, extra in (
        ("x", y, {}),
        ("weight", dy, {"weight": y[:, :, 0]}),
        ("x", y[:, :1], {}),
        ("x", y[2:], {}),
    ):
        message = f"rnn_readout.forward: {place}: it lies in the workspace, where this call overwrites it: give a copy"
        _refused(ValueError, message, module.forward, params, x, **judged, **extra)
    message = "rnn_readout.forward: params: it lies in the workspace"
    _refused(ValueError, message, module.forward, grads.params, given.inputs[0], **judged)


@of_cpu
def test_every_segment_of_a_workspace_uses_the_same_memory(target):
    this = case(target, "gru")
    counts = []
    for steps in (4, 40):
        workspace, given = this.module.Workspace(), this.draw(steps)
        *_, tape = this.forward(given, workspace=workspace, checkpoint_every=2)
        this.backward(given, tape)
        counts.append(len(workspace._blocks))
    assert counts[0] == counts[1]


def _workspace(target):
    return case(target, "gru").module.Workspace()


@of_cpu
def test_what_is_no_workspace_is_refused(target):
    this = case(target, "gru")
    message = "gru.forward: workspace: expected a Workspace, received True"
    _refused(TypeError, message, this.forward, this.draw(), workspace=True)
    other = "cpu" if target == "cuda" else "cuda"
    message = f"gru.forward: workspace: expected a Workspace, received a {type(_workspace(other)).__module__}.Workspace"
    _refused(TypeError, message, this.forward, this.draw(), workspace=_workspace(other))
    assert this.module.Workspace is case(target, "lstmp").module.Workspace


@of_cpu
def test_a_workspace_in_use_in_another_thread_is_refused(target):
    this = case(target, "gru")
    workspace, given = this.module.Workspace(), this.draw()
    inside, done = threading.Event(), threading.Event()

    def hold():
        with workspace.forward("here"):
            inside.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait()
    message = "gru.forward: workspace: another thread is using it: give each thread its own"
    try:
        _refused(ValueError, message, this.forward, given, workspace=workspace)
    finally:
        done.set()
        holder.join()
    assert_same_bits(this.forward(given, workspace=workspace)[1:3], this.forward(given)[1:3])


def _peak(function):
    """The most bytes that were in use at a time while `function` ran, beyond those before it."""
    gc.collect()
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@on_cpu
@pytest.mark.parametrize("options", [{}, {"checkpoint_every": 4}], ids=["tape", "checkpoints"])
@pytest.mark.parametrize("lengths", ["full", "ragged"])
def test_the_second_call_in_a_workspace_allocates_nothing_that_grows(target, name, options, lengths):
    """Every array of the call has 75 KB or more, but for biases and what has one number a sequence.

    A loss is computed in blocks of 128 KB, a few at a time.
    """
    this = case(target, name)
    workspace = this.module.Workspace()
    given = this.draw(12, 64, full=lengths == "full", size=150)
    x, dy = _inputs(this, given), _errors(this, given)
    params, module = this.module.Params(*given.params), this.module
    judged = (given.target,) if this.cell.loss else ()
    ends = None if lengths == "full" else given.lengths

    def call():
        *_, tape = module.forward(params, x, *judged, lengths=ends, workspace=workspace, **options)
        module.backward(params, tape, dy, consume_tape=True)

    assert _peak(call) > 4_000_000
    assert _peak(call) < (1_200_000 if this.cell.loss else 60_000)


def _assert_close(got, wanted, tolerance=1e-12):
    """Every array differs by `tolerance` of the largest entry of the wanted one at most."""
    for one, other in zip(leaves(got), leaves(wanted), strict=True):
        assert one.shape == other.shape
        scale = max(1.0, float(np.max(np.abs(other), initial=0.0)))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


@cache
def _of_the_zoo(name):
    return Case(importlib.import_module(f"generated.cpu.{name}"), load(name))


def assert_checkpoints_change_nothing(this, every, **options):
    """Lengths from 0 to T, full sequences, and no steps at all; also after the tape was pickled."""
    given = replace(this.draw(7, 4), lengths=np.array([7, 0, 4, 6]))
    for arguments in (given, this.draw(7, 4, full=True), this.draw(0, 2, full=True)):
        *values, tape = this.forward(arguments, **options)
        *others, kept = this.forward(arguments, checkpoint_every=every, **options)
        assert type(kept) is this.module.Checkpoints
        _assert_close(tuple(others), tuple(values))
        if every >= arguments.inputs[0].shape[0]:
            assert_same_bits(tuple(others), tuple(values))
        wanted = this.backward(arguments, tape)
        for twin in (kept, pickle.loads(pickle.dumps(kept))):
            _assert_close(this.backward(arguments, twin), wanted)


@pytest.mark.parametrize("every", [1, 3, 7, 20])
@pytest.mark.parametrize("name", [*derive.names(), "pair"])
def test_checkpoints_give_the_same_values_and_gradients(name, every):
    assert_checkpoints_change_nothing(case("cpu", "pair") if name == "pair" else _of_the_zoo(name), every)


@on_cpu
def test_checkpoints_do_not_hang_on_results_or_arguments(target, name):
    """What is handed out may be written to, and no argument is."""
    this = case(target, name)
    given = this.draw()
    before = copy.deepcopy(given)
    _, y, state, tape = this.forward(given, checkpoint_every=2)
    wanted = this.backward(given, tape)
    for array in leaves((y, state)):
        array[...] = 7.0
    assert_same_bits(this.backward(given, tape), wanted)
    assert_same_bits(tuple(before.dstate) + tuple(before.state) + before.dy, (*given.dstate, *given.state, *given.dy))
    packed = this.module.pack(this.module.Params(*given.params))
    *_, tape = this.forward(given, params=packed, checkpoint_every=2)
    grads = this.module.backward(
        packed, tape, _errors(this, given), this.module.State(*given.dstate), consume_tape=True
    )
    assert_same_bits(grads, wanted)
    _refused(ValueError, f"{name}.backward: tape: it was consumed", this.backward, given, tape)


@of_cpu
def test_wrong_checkpoints_are_refused(target):
    this = case(target, "gru")
    given = this.draw()
    place = "gru.forward: checkpoint_every: "
    message = f"{place}expected an integer of at least 1, received "
    _refused(ValueError, f"{message}0", this.forward, given, checkpoint_every=0)
    for wrong, said in ((2.0, "2.0"), (True, "True"), ("2", "a str"), (np.arange(1), "int64 array of shape (1,)")):
        _refused(TypeError, f"{message}{said}", this.forward, given, checkpoint_every=wrong)
    message = f"{place}keep_tape=False keeps nothing for backward: give only one of both"
    _refused(ValueError, message, this.forward, given, checkpoint_every=2, keep_tape=False)
    *_, tape = this.forward(given, checkpoint_every=np.int64(2))
    other = case(target, "lstmp")
    message = "lstmp.backward: tape: expected the Tape of this module's forward, received Checkpoints with fields"
    _refused(TypeError, message, other.backward, other.draw(), tape)


def test_checkpoints_bound_the_memory_of_long_sequences():
    """LSTM of H units, in arrays (B, H): a tape holds at least 7 a step.

    With checkpoints there are y, the gradient of x and the 2 states of T / k steps, and for the k steps of a segment
    about 20: its tape, its adjoints, and what its products need. The parameters are there packed, and as gradients.
    """
    module = _of_the_zoo("lstm").module
    steps, batch, size, every = 2000, 2, 32, 50
    params = module.init(size, size, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(steps, batch, size))
    dy = np.ones_like(x)

    def run(**options):
        _, _, tape = module.forward(params, x, **options)
        module.backward(params, tape, dy)

    run(checkpoint_every=every)
    array = batch * size * x.itemsize
    whole, bounded = _peak(run), _peak(lambda: run(checkpoint_every=every))
    parameters = 4 * sum(value.nbytes for value in params)
    assert whole > 7 * steps * array
    assert bounded < (2 * steps + 2 * steps / every + 20 * every) * array + parameters + 100_000
