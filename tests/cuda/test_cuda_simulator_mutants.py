"""Faults planted in the hand-written kernels: each is caught under every schedule, and by the report it should be."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.cuda import hand_written
from tests.cuda.cases import SCHEDULES, BlockLstm, PersistentRnn
from tests.cuda.simulator import (
    BoundsError,
    DivergenceError,
    RaceError,
    ReadOnlyError,
    ResidencyError,
    UninitialisedError,
)

SOURCE = Path(hand_written.__file__).read_text(encoding="utf-8")
LSTM = BlockLstm(10, 4)  # two warps, six units without work, two columns of padding
RNN = PersistentRnn(18, 4)  # five blocks, two warps without work
VALUES = AssertionError
"""Every thread does what is defined, and the values are not those of NumPy."""

BARRIER_OF_THE_START = "        cuda.syncthreads()\n        for t"
BARRIER_OF_A_STEP = "unit] = hidden\n            cuda.syncthreads()"
SHUFFLE = "total += cuda.shfl_xor_sync(0xFFFFFFFF, total, 1 << power)"
Z = "products[t, item, 3, unit]"

MUTANTS = {
    # Barriers and shuffles that are missing.
    "barrier of the start": (LSTM, BARRIER_OF_THE_START, "        for t", (UninitialisedError, RaceError)),
    "barrier of a step": (LSTM, BARRIER_OF_A_STEP, "unit] = hidden", RaceError),
    "warp in place of block": (LSTM, BARRIER_OF_A_STEP, BARRIER_OF_A_STEP.replace("threads", "warp"), RaceError),
    "barrier of the grid": (RNN, "grid.sync()", "pass", RaceError),
    "block in place of grid": (RNN, "grid.sync()", "cuda.syncthreads()", RaceError),
    "shuffle": (LSTM, SHUFFLE, "pass", VALUES),
    "last shuffle": (RNN, "(16, 8, 4, 2, 1)", "(16, 8, 4, 2)", VALUES),
    # Barriers and shuffles in the wrong place.
    "barrier in a branch": (
        LSTM,
        BARRIER_OF_A_STEP,
        "unit] = hidden\n                cuda.syncthreads()",
        (DivergenceError, RaceError),
    ),
    "barrier in both branches": (
        LSTM,
        BARRIER_OF_A_STEP,
        "unit] = hidden\n                cuda.syncthreads()\n            else:\n                cuda.syncthreads()",
        DivergenceError,
    ),
    "shuffle in a branch": (LSTM, "if 1 << power < split:", "if 1 << power < split and present:", DivergenceError),
    "threads without work return": (
        LSTM,
        "        weights = cuda.local",
        "        if not present:\n            return\n        weights = cuda.local",
        DivergenceError,
    ),
    "barrier of the grid in a branch": (
        RNN,
        "            grid.sync()",
        "            if present:\n                grid.sync()",
        DivergenceError,
    ),
    "a block returns": (
        RNN,
        "        warps =",
        "        if cuda.blockIdx.x == 3:\n            return\n        warps =",
        DivergenceError,
    ),
    "steps by block": (RNN, "range(products.shape[0])", "range(cuda.blockIdx.x)", (DivergenceError, BoundsError)),
    # Shared memory.
    "one buffer": (LSTM, "operand[np.uint32(1) - now, unit]", "operand[now, unit]", RaceError),
    "operand not set": (LSTM, "operand[0, column] =", "padding =", UninitialisedError),
    "padding not set": (LSTM, "            operand[1, column] = zero\n", "", UninitialisedError),
    "local weights not set": (LSTM, "                weights[gate, k] = zero\n", "", UninitialisedError),
    "local sum not set": (LSTM, "                sums[gate] = total\n", "", UninitialisedError),
    # Indices.
    "stride of a column of weights": (
        LSTM,
        "column = lane + np.uint32(k * split)",
        "column = lane + np.uint32(k)",
        VALUES,
    ),
    "stride of a column of the operand": (
        LSTM,
        "[now, lane + np.uint32(k * split)]",
        "[now, lane + np.uint32(k * 5)]",
        BoundsError,
    ),
    "stride of a gate": (LSTM, "gate * units + unit, column]", "gate * (units + 1) + unit, column]", BoundsError),
    "stride of a lane": (RNN, "range(lane, units, 32)", "range(lane, units, 16)", VALUES),
    "lanes of another unit": (LSTM, "if 1 << power < split", "if 1 << power <= split", VALUES),
    "item": (LSTM, "h[t + 1, item, unit] = hidden", "h[t + 1, 0, unit] = hidden", RaceError),
    "every lane stores": (LSTM, "if lane == 0 and present:", "if present:", RaceError),
    # Masks.
    "mask of the columns": (LSTM, "if present and column < units:", "if present:", BoundsError),
    "mask of the units": (LSTM, "if present and column < units:", "if column < units:", BoundsError),
    "mask of the store": (LSTM, "if lane == 0 and present:", "if lane == 0:", BoundsError),
    "mask of the lengths": (LSTM, "if present and t < lengths[item]:", "if present:", VALUES),
    "mask of the operand": (LSTM, "h[0, item, column] if column < units else zero", "h[0, item, column]", BoundsError),
    # Steps.
    "a step too many": (LSTM, "range(products.shape[0])", "range(products.shape[0] + 1)", BoundsError),
    "a step too few": (LSTM, "range(products.shape[0])", "range(products.shape[0] - 1)", VALUES),
    "the first step left out": (LSTM, "range(products.shape[0])", "range(1, products.shape[0])", VALUES),
    "state a step early": (LSTM, "h[t + 1, item, unit] =", "h[t, item, unit] =", VALUES),
    "state a step late": (LSTM, "c[t + 1, item, unit] =", "c[t + 2, item, unit] =", BoundsError),
    "state of this step": (RNN, "h[t, column]", "h[t + 1, column]", RaceError),
    "a step behind the first": (LSTM, Z, "products[t - 1, item, 3, unit]", BoundsError),
    "the same without a sign": (LSTM, Z, "products[np.uint32(t) - np.uint32(1), item, 3, unit]", BoundsError),
    # Arguments.
    "a write to the weights": (LSTM, "sums[gate] = total", "sums[gate] = recurrent[0, 0] = total", ReadOnlyError),
}


def mutant(path, old, new):
    """The module of the hand-written kernels, with one place of its text replaced."""
    assert SOURCE.count(old) in (1, 2), f"{SOURCE.count(old)} places: {old}"
    module = ModuleType("mutant")
    path.write_text(SOURCE.replace(old, new), encoding="utf-8")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_caught(name, schedule, tmp_path):
    case, old, new, report = MUTANTS[name]
    module = mutant(tmp_path / "mutant.py", old, new)
    with pytest.raises(report):
        case.run(module, schedule)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_barrier_of_a_grid_that_is_too_large_is_caught(schedule):
    with pytest.raises(ResidencyError, match="of 5 blocks, of which 4 are on the device"):
        PersistentRnn(18, 4, resident=4).run(hand_written, schedule)


@pytest.mark.parametrize("case", [LSTM, RNN], ids=str)
def test_without_a_fault_nothing_is_caught(case, tmp_path):
    module = mutant(tmp_path / "same.py", "total = zero", "total = zero")
    for schedule in SCHEDULES:
        case.run(module, schedule)
