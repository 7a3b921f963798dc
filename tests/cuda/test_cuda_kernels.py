"""The generated CUDA modules in the simulator, beside the reference target: all regimes, forward and backward."""

from __future__ import annotations

import importlib
import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from derive.build import in_memory
from derive.cell import Cell
from derive.equations import load, names, parse
from derive.printers.cuda.naming import RESERVED
from derive.render import render
from generated.support.cuda import grids, registers
from generated.support.cuda.devices import using
from tests.cuda.cases import SCHEDULES
from tests.cuda.devices import SimulatedDevice
from tests.cuda.simulator import FORWARD
from tests.kernels.cases import PAIR, Case, crowded
from tests.kernels.harness import assert_agree, assert_same_bits, draw_arguments, run_module

CELLS = (*names(), "pair")
LOOPS = {"library": None, "block": "loop", "grid": "grid_loop"}
"""What kernels that run a whole loop are called in each regime."""
REGIMES = tuple(LOOPS)
SMALL = grids.Limits(multiprocessors=2, shared=12 * 1024)
"""A device of two blocks, which hold the operands of few sequences at a time."""
LENGTHS = {1: [1, 0], 2: [2, 1], 3: [0, 3, 2], 4: [4, 2, 0], 5: [5, 1, 3], 6: [6, 6], 7: [7, 3, 5]}
"""Of the sequences of a batch, by T."""


@cache
def case(name: str, target: str) -> Case:
    """The module of a cell, rendered here: what is committed may be older."""
    cell = parse(PAIR, "pair") if name == "pair" else load(name)
    return Case(in_memory(render(Cell(cell), target, "float64"), f"{target}_{name}"), cell)


def can_run(name: str, regime: str) -> bool:
    return regime == "library" or not case(name, "cuda").module.LOOP.obstacle


class InRegime:
    """A module whose `forward` runs in one regime; everything else is the module's own."""

    def __init__(self, module, regime: str) -> None:
        self._module, self._regime = module, regime

    def __getattr__(self, name: str):
        return getattr(self._module, name)

    def forward(self, *arguments, **options):
        return self._module.forward(*arguments, **options, regime=self._regime)


def compare(name: str, regime: str, given, schedule=FORWARD) -> SimulatedDevice:
    """Values and gradients of one call agree with the reference; the device says what was launched."""
    module, cell = case(name, "cuda").module, case(name, "cuda").cell
    wanted = run_module(case(name, "reference").module, cell, given)
    with using(SimulatedDevice(schedule, SMALL)) as device:
        got = run_module(InRegime(module, regime), cell, given)
    assert_agree(got, wanted)
    return device


@pytest.fixture
def several_lanes(monkeypatch):
    """Few weights are comfortable: units of a few numbers are shared by several threads, in a grid by no more."""
    monkeypatch.setattr(registers, "COMFORTABLE", 6)
    monkeypatch.setattr(grids, "_MOST_LANES", 4)
    monkeypatch.setattr(grids, "MOVES", 2)


@pytest.mark.parametrize(
    ("regime", "steps"),
    # Seven steps so that each schedule meets short and long sequences; test_cuda_grid.py has longer ones of a grid.
    [pair for pair in itertools.product(REGIMES, LENGTHS) if pair[0] != "grid" or pair[1] < 5],
)
@pytest.mark.parametrize("name", CELLS)
def test_values_and_gradients_are_those_of_the_reference(name, regime, steps, several_lanes):
    """In every regime every cell meets every schedule."""
    if not can_run(name, regime):
        pytest.skip("the cell has no loop")
    cell = case(name, "cuda").cell
    sizes = {item.name: size for size, item in enumerate(cell.dimensions, start=2 + steps % 3)}
    given = draw_arguments(cell, sizes, seed=steps, steps=steps, batch=len(LENGTHS[steps]))
    given = replace(given, lengths=np.array(LENGTHS[steps]))
    device = compare(name, regime, given, SCHEDULES[steps % len(SCHEDULES)])
    for other, loop in LOOPS.items():
        for direction in ("forward", "backward"):
            assert (f"{direction}_{loop}" in device.launched) is (other == regime != "library")


@pytest.mark.parametrize(("steps", "batch", "size"), [(0, 2, 3), (3, 0, 3), (0, 0, 1), (2, 1, 1), (1, 3, 1)])
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", ["gru", "lstm_readout", "rnn_input_recurrence", "pair", "lstm_regression"])
def test_empty_and_single_sizes(name, regime, steps, batch, size, several_lanes):
    if not can_run(name, regime):
        pytest.skip("the cell has no loop")
    cell = case(name, "cuda").cell
    given = draw_arguments(cell, {item.name: size for item in cell.dimensions}, seed=2, steps=steps, batch=batch)
    compare(name, regime, given)


@pytest.mark.parametrize("name", ["gru", "lstm_peephole", "pair", "dense", "lstm_readout"])
def test_steps_give_what_the_sequence_gives(name):
    each = case(name, "cuda")
    cell, module = each.cell, each.module
    sizes = {item.name: size for size, item in enumerate(cell.dimensions, start=2)}
    given = draw_arguments(cell, sizes, seed=4, steps=3, batch=2)
    given = replace(given, lengths=np.array([3, 3]))
    with using(SimulatedDevice()):
        _, y, last, _ = each.forward(given)
        packed = module.pack(module.Params(*given.params))
        state = module.State(*given.state)
        for t in range(3):
            x_t = tuple(array[t] for array in given.inputs)
            y_t, state = module.step(packed, x_t if len(x_t) > 1 else x_t[0], state)
            for whole, one in zip(*(each if isinstance(each, tuple) else (each,) for each in (y, y_t)), strict=True):
                np.testing.assert_allclose(one, whole[t], rtol=1e-13)
    np.testing.assert_allclose(
        np.concatenate(state, axis=1), np.concatenate(last, axis=1), rtol=1e-13
    ) if last else None


@pytest.mark.parametrize("regime", REGIMES)
def test_two_backward_passes_give_the_same_bits_and_leave_the_tape(regime, several_lanes):
    each = case("lstm_peephole", "cuda")
    given = each.draw(steps=4, batch=3)
    with using(SimulatedDevice(limits=SMALL)):
        _, _, _, tape = each.forward(given, regime=regime)
        assert tape.call.plan.regime == regime
        assert_same_bits(each.backward(given, tape), each.backward(given, tape))
        consumed = each.module.backward(each.module.Params(*given.params), tape, given.dy[0], consume_tape=True)
        assert consumed.x.shape == given.inputs[0].shape
        with pytest.raises(ValueError, match="consumed"):
            each.backward(given, tape)


def test_float32_stays_float32(several_lanes):
    """Of every array that a call hands out."""
    each = case("gru", "cuda")
    given = each.draw(steps=3, batch=2)
    given = replace(given, **{
        field: tuple(array.astype(np.float32) for array in getattr(given, field))
        for field in ("params", "inputs", "state", "dy", "dstate")
    })  # fmt: skip
    with using(SimulatedDevice(limits=SMALL)):
        for regime in REGIMES:
            _, y, last, tape = each.forward(given, regime=regime)
            grads = each.backward(given, tape)
            assert {array.dtype for array in (y, *last, *grads.params, grads.x, *grads.state)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("regime", REGIMES)
def test_a_cell_may_use_every_reserved_name(regime, several_lanes):
    cell = crowded(RESERVED)
    given = draw_arguments(cell, {item.name: 2 for item in cell.dimensions}, seed=3, steps=2, batch=2)
    modules = [in_memory(render(Cell(cell), target, "float64"), target) for target in ("cuda", "reference")]
    with using(SimulatedDevice(limits=SMALL)):
        assert_agree(run_module(InRegime(modules[0], regime), cell, given), run_module(modules[1], cell, given))


def test_a_module_of_the_zoo_can_be_imported_without_a_device():
    assert importlib.import_module("generated.cuda").__doc__
