"""What the other targets promise holds on a device: their tests, run on the CUDA modules in the simulator."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest

import derive
from generated.support.cuda.devices import using
from tests.cuda.devices import SimulatedDevice
from tests.kernels import test_interface, test_memory
from tests.kernels.cases import case
from tests.kernels.harness import leaves

NAMES = ("gru", "lstm_readout", "dense", "rnn_input_recurrence", "pair")
OF_EVERY_CELL = (
    test_interface.test_wrong_errors_tapes_and_parameters_of_backward_are_refused,
    test_interface.test_sizes_and_dtypes_of_init_are_checked,
    test_interface.test_inputs_are_read_only,
    test_interface.test_results_are_the_callers_to_write_to,
    test_interface.test_tuples_are_pickled_replaced_copied_and_updated_in_place,
    test_interface.test_float32_stays_float32_and_near_float64,
    test_memory.test_a_consumed_tape_is_refused,
    test_memory.test_a_refused_backward_consumes_nothing,
    test_memory.test_a_workspace_takes_its_own_last_state_as_the_next_start,
    test_memory.test_checkpoints_do_not_hang_on_results_or_arguments,
)
OF_ONE_CELL = (
    test_interface.test_wrong_targets_and_weights_are_refused,
    test_memory.test_a_workspace_serves_one_live_tape,
    test_memory.test_a_forward_that_was_refused_leaves_the_workspace_free,
    test_memory.test_results_in_a_workspace_are_overwritten_by_the_next_call,
    test_memory.test_arguments_in_the_workspace_are_refused,
    test_memory.test_every_segment_of_a_workspace_uses_the_same_memory,
    test_memory.test_what_is_no_workspace_is_refused,
    test_memory.test_a_workspace_in_use_in_another_thread_is_refused,
    test_memory.test_wrong_checkpoints_are_refused,
)


class Watched(SimulatedDevice):
    """`given` are the arguments of every launch: addresses and numbers."""

    def __init__(self):
        super().__init__()
        self.given = []

    def launch(self, kernel, blocks, threads, arguments):
        self.given.append([self.address(item) if isinstance(item, np.ndarray) else item for item in arguments])
        super().launch(kernel, blocks, threads, arguments)


@pytest.fixture(autouse=True)
def device():
    """Calls of the test run in a simulator of their own."""
    with using(Watched()) as device:
        yield device


def title(check):
    return check.__name__.removeprefix("test_")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", OF_EVERY_CELL, ids=title)
def test_of_every_cell(check, name):
    check("cuda", name)


@pytest.mark.parametrize("check", OF_ONE_CELL, ids=title)
def test_of_one_cell(check):
    check("cuda")


@pytest.mark.parametrize("name", NAMES)
def test_wrong_inputs_states_and_lengths_are_refused(name):
    test_interface.test_wrong_inputs_states_and_lengths_are_refused_in_the_words_of_the_caller("cuda", name)


@pytest.mark.parametrize("layout", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_the_layout_of_arrays_makes_no_difference(name, layout):
    check = test_interface.test_the_layout_of_arrays_makes_no_difference
    (layouts,) = (mark.args[1] for mark in check.pytestmark if mark.args[0] == "layout")
    check("cuda", name, layouts[layout])


@pytest.mark.parametrize("options", [{}, {"checkpoint_every": 2}], ids=["tape", "checkpoints"])
@pytest.mark.parametrize("name", NAMES)
def test_a_workspace_changes_no_bits(name, options):
    test_memory.test_a_workspace_changes_no_bits("cuda", name, options)


@pytest.mark.parametrize("every", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_change_nothing(name, every):
    """Of 7 steps; the initial states are not zero, one of the cells has a loss, one several outputs."""
    regime = "library" if every == 3 else "auto"
    test_memory.assert_checkpoints_change_nothing(case("cuda", name), every, regime=regime)


@pytest.mark.parametrize("options", [{}, {"checkpoint_every": 2}, {"keep_tape": False}], ids=str)
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("name", NAMES)
def test_equal_calls_in_a_workspace_allocate_nothing_and_lie_at_equal_addresses(name, ragged, options, device):
    """All that kernels are launched with, and all results; in the first call blocks grow from segment to segment."""
    this = case("cuda", name)
    given, workspace = this.draw(5, 3, full=not ragged), this.module.Workspace()
    params = this.module.pack(this.module.Params(*given.params))
    seen = []
    for number in range(3):
        device.given, device.allocated = [], 0
        _, y, state, tape = this.forward(given, params=params, workspace=workspace, **options)
        grads = () if tape is None else this.module.backward(params, tape, *_errors(this, given), consume_tape=True)
        assert (device.allocated == 0) is (number > 0)
        seen.append((device.given, [array.ctypes.data for array in leaves((y, state, grads))]))
    assert seen[1] == seen[2]
    assert seen[1][0]
    assert len(set(seen[1][1])) == len(seen[1][1])


def _errors(this, given):
    """dy and dstate as `backward` takes them."""
    return (given.dy[0] if len(given.dy) == 1 else this.module.Outputs(*given.dy)), this.module.State(*given.dstate)


def test_without_a_workspace_every_call_has_memory_of_its_own(device):
    this = case("cuda", "gru")
    given = this.draw()
    first, second = this.forward(given), this.forward(given)
    assert not np.shares_memory(first[1], second[1])
    assert device.allocated


def test_packed_parameters_are_checked_once(device, monkeypatch):
    """A step with packed parameters looks at the input and the state alone."""
    this = case("cuda", "gru")
    given = this.draw()
    packed = this.module.pack(this.module.Params(*given.params))
    seen = []
    array = device.array
    monkeypatch.setattr(device, "array", lambda value, place: seen.append(place) or array(value, place))
    this.module.step(packed, given.inputs[0][0], this.module.State(*given.state))
    assert seen == ["gru.step: x", "gru.step: state.h"]


def test_packed_parameters_are_a_copy():
    this = case("cuda", "gru")
    given = this.draw()
    params = this.module.Params(*(array.copy() for array in given.params))
    packed = this.module.pack(params)
    wanted = this.forward(given)[1]
    for array in params:
        array[...] = 7
    np.testing.assert_array_equal(this.forward(given, params=packed)[1], wanted)


@pytest.mark.parametrize("name", derive.names())
def test_every_module_has_the_names_of_the_cpu_target(name):
    """And every function the same arguments, but for `regime`."""
    modules = [importlib.import_module(f"generated.{target}.{name}") for target in ("cpu", "cuda")]
    for function in ("init", "init_state", "pack", "forward", "backward", "step"):
        wanted, got = (inspect.signature(getattr(module, function)).parameters for module in modules)
        assert [str(each) for key, each in got.items() if key != "regime"] == [str(each) for each in wanted.values()]
    for kind in ("Params", "State", "Grads", "Workspace", "Packed", "Tape", "Checkpoints"):
        assert all(hasattr(module, kind) for module in modules)
