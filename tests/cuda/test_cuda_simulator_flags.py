"""Blocks of the simulator that wait for each other by a flag, stored with release and loaded with acquire."""

import numpy as np
import pytest

from generated.support.cuda import ordered
from tests.cuda.simulator import (
    FORWARD,
    REVERSE,
    DivergenceError,
    RaceError,
    ResidencyError,
    UninitialisedError,
    cuda,
    launch,
    shuffled,
)

SCHEDULES = (FORWARD, REVERSE, shuffled(1), shuffled(2))
THREADS = 33  # more than a warp, so that a barrier of the block is needed


def kernel(arrived=True, released=True, waits=True, orders=True):
    """Each block writes its row, and then reads that of the other one; a fault for each part that is left out."""
    load_acquire, store_release = ordered.accesses(cuda)

    def exchange(flags, rows, out):
        block, thread = cuda.blockIdx.x, cuda.threadIdx.x
        rows[block, thread] = 10 * block + thread
        if arrived:
            cuda.syncthreads()
        if thread == 0:
            if released:
                store_release(flags, block, 1)
            else:
                flags[block] = 1
            while waits and load_acquire(flags, 1 - block) < 1:
                pass
        if orders:
            cuda.syncthreads()
        out[block, thread] = rows[1 - block, thread]

    return exchange


def run(function, schedule, resident=2):
    out = np.full((2, THREADS), np.nan)
    launch(function, 2, THREADS, (np.zeros(2, np.int32), np.full((2, THREADS), np.nan), out), schedule, resident)
    return out


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_flag_hands_over_what_the_block_wrote(schedule):
    np.testing.assert_array_equal(run(kernel(), schedule), np.arange(THREADS) + np.array([[10], [0]]))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("part", ["arrived", "released", "waits", "orders"])
def test_a_part_that_is_left_out_is_a_race(part, schedule):
    with pytest.raises(RaceError):
        run(kernel(**{part: False}), schedule)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_flag_that_nobody_sets_is_reported(schedule):
    load_acquire, _ = ordered.accesses(cuda)

    def alone(flags, rows, out):
        while load_acquire(flags, 0) < 1:
            pass

    with pytest.raises(DivergenceError, match="threads wait for a value that no thread stores"):
        run(alone, schedule)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_blocks_that_are_not_on_the_device_together_are_reported(schedule):
    with pytest.raises(ResidencyError, match="1 of 2 are on the device"):
        run(kernel(), schedule, resident=1)


def test_what_a_third_block_knows_comes_along():
    """Block 1 waits for block 0, and block 2 for block 1: then it may read what block 0 wrote."""
    load_acquire, store_release = ordered.accesses(cuda)

    def relay(flags, rows):
        block = cuda.blockIdx.x
        if block == 0:
            rows[0] = 5.0
        elif cuda.threadIdx.x == 0:
            while load_acquire(flags, block - 1) < 1:
                pass
        cuda.syncthreads()
        if block == 2:
            rows[1 + cuda.threadIdx.x] = rows[0]
        if cuda.threadIdx.x == 0:
            store_release(flags, block, 1)

    for schedule in SCHEDULES:
        rows = np.zeros(2)
        launch(relay, 3, 1, (np.zeros(3, np.int32), rows), schedule)
        assert rows[1] == 5.0


def test_dynamic_shared_memory_is_what_the_launch_gives():
    def filled(out):
        shared = cuda.shared.array(0, np.float64)
        shared[cuda.threadIdx.x] = 1.0
        cuda.syncthreads()
        out[cuda.threadIdx.x] = shared[len(shared) - 1 - cuda.threadIdx.x]

    out = np.zeros(4)
    launch(filled, 1, 4, (out,), shared=4 * 8)
    np.testing.assert_array_equal(out, 1.0)
    with pytest.raises(UninitialisedError):
        launch(filled, 1, 4, (out,), shared=5 * 8)
