"""Reports on small kernels: each says which array, element, threads and lines, and none is a false alarm."""

import numpy as np
import pytest

from tests.cuda.cases import SCHEDULES
from tests.cuda.simulator import (
    FORWARD,
    REVERSE,
    BoundsError,
    DivergenceError,
    RaceError,
    ReadOnlyError,
    ResidencyError,
    UninitialisedError,
    cuda,
    launch,
)

FULL = 0xFFFFFFFF


def neighbours(order, blocks=1, threads=64):
    """A kernel in which every thread reads what another wrote, `order` in between; its report, or None."""

    def kernel(out, distance):
        own = cuda.grid(1)
        out[own] = own
        order()
        out[own] + out[(own + distance) % (blocks * threads)]

    def run(distance, schedule):
        launch(kernel, blocks, threads, (np.zeros(blocks * threads), distance), schedule)

    return run


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize(
    ("order", "warp", "block", "grid"),
    [
        (lambda: None, False, False, False),
        (lambda: cuda.shfl_xor_sync(FULL, 0, 1), False, False, False),
        (lambda: cuda.ballot_sync(FULL, True), False, False, False),
        (lambda: cuda.syncwarp(), True, False, False),
        (lambda: cuda.syncthreads(), True, True, False),
        (lambda: cuda.cg.this_grid().sync(), True, True, True),
    ],
    ids=["nothing", "shuffle", "ballot", "syncwarp", "syncthreads", "grid"],
)
def test_which_operation_orders_which_threads(order, warp, block, grid, schedule):
    def ordered(distance, blocks, threads):
        try:
            neighbours(order, blocks, threads)(distance, schedule)
        except RaceError:
            return False
        return True

    assert (ordered(1, 1, 32), ordered(32, 1, 64), ordered(32, 2, 32)) == (warp, block, grid)


@pytest.mark.parametrize("schedule", [FORWARD, REVERSE], ids=str)
@pytest.mark.parametrize("first", ["read", "write"])
@pytest.mark.parametrize("second", ["read", "write"])
def test_reads_race_with_writes_and_writes_with_writes(first, second, schedule):
    def kernel(shared):
        if cuda.threadIdx.x == 0:
            if first == "read":
                shared[3]
            else:
                shared[3] = 1
        elif second == "read":
            shared[3]
        else:
            shared[3] = 2

    if first == second == "read":
        launch(kernel, 1, 2, (np.zeros(4),), schedule)
    else:
        with pytest.raises(RaceError, match=r"kernel: race on argument shared \[3\]"):
            launch(kernel, 1, 2, (np.zeros(4),), schedule)


def test_a_read_by_many_is_remembered_by_all_of_them():
    """The last reader and the one who writes are ordered, and an earlier reader is not."""

    def kernel(values):
        if cuda.blockIdx.x == 0 or cuda.threadIdx.x == 1:
            values[0]
        cuda.syncthreads()
        if cuda.blockIdx.x == 1 and cuda.threadIdx.x == 0:
            values[0] = 1

    for schedule in SCHEDULES:
        with pytest.raises(RaceError):
            launch(kernel, 2, 2, (np.zeros(1),), schedule)


def test_blocks_that_run_one_after_the_other_are_not_ordered_by_that():
    def kernel(values):
        values[0] = cuda.blockIdx.x

    with pytest.raises(RaceError):
        launch(kernel, 2, 1, (np.zeros(1),), resident=1)


def test_a_race_names_both_threads_and_both_lines():
    def kernel(out):
        partial = cuda.shared.array((2, 4), np.float32)
        partial[1, cuda.threadIdx.x] = 1
        out[cuda.threadIdx.x] = partial[1, cuda.threadIdx.x - 1 if cuda.threadIdx.x else 0]

    with pytest.raises(RaceError) as error:
        launch(kernel, 1, 4, (np.zeros(4),))
    line = kernel.__code__.co_firstlineno + 2
    file = "test_cuda_simulator_reports.py"
    assert str(error.value).splitlines() == [
        "kernel: race on shared array partial [1, 0]: read here and written there, and no barrier lies between",
        f"  block 0, thread 1 at {file}:{line + 1}: "
        "out[cuda.threadIdx.x] = partial[1, cuda.threadIdx.x - 1 if cuda.threadIdx.x else 0]",
        f"  block 0, thread 0 at {file}:{line}: partial[1, cuda.threadIdx.x] = 1",
    ]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ((2, 0), r"\[2, 0\] is outside its shape \(2, 3\)\n"),
        ((0, 3), r"\[0, 3\] is outside"),
        ((0, -1), r"\[0, -1\] is outside its shape \(2, 3\); NumPy alone would count from the end"),
        ((np.uint32(0), np.uint32(1) * 0 + np.uint32(2**32 - 2)), r"4294967294 is -2 in 32 bits without a sign"),
        ((0, np.uint64(2**64 - 1)), r"18446744073709551615 is -1 in 64 bits without a sign"),
    ],
)
@pytest.mark.parametrize("write", [False, True])
def test_an_index_outside_is_reported(index, message, write):
    def kernel(x):
        if write:
            x[index] = 1
        else:
            x[index]

    for array in (np.zeros((2, 3)), np.broadcast_to(0.0, (2, 3))):
        with pytest.raises(BoundsError, match=message) as error:
            launch(kernel, 1, 1, (array,))
        assert str(error.value).endswith("x[index] = 1" if write else ": x[index]")


@pytest.mark.parametrize("shape", [(2,), (2, 2), (2, 2, 2), (2, 2, 2, 2)], ids=str)
def test_every_dimension_has_its_bounds(shape):
    def kernel(x, place, index):
        key = [1] * len(shape)
        x[tuple(key) if len(key) > 1 else 1]
        key[place] = index
        x[tuple(key) if len(key) > 1 else key[0]]

    for place in range(len(shape)):
        for index in (-1, 2):
            with pytest.raises(BoundsError):
                launch(kernel, 1, 1, (np.zeros(shape), place, index))


def test_elements_lie_in_c_order():
    for shape in ((5,), (2, 3), (2, 3, 4), (2, 3, 4, 5)):
        values, out = np.arange(np.prod(shape)).reshape(shape), np.zeros(shape, int)

        def kernel(values, out):
            for index in np.ndindex(values.shape):
                out[index] = values[index]

        launch(kernel, 1, 1, (values, out))
        np.testing.assert_array_equal(out, values)


@pytest.mark.parametrize("memory", [cuda.shared, cuda.local], ids=["shared", "local"])
def test_what_was_never_written_is_not_read(memory):
    def kernel():
        values = memory.array(3, np.float32)
        values[0] = 1
        values[0]
        values[1]

    with pytest.raises(UninitialisedError, match=r"(shared|local) array values \[1\] is read, and nothing was written"):
        launch(kernel, 1, 1, ())


def test_an_argument_to_read_only_is_not_written():
    def kernel(x):
        x[0] += 1

    x = np.zeros(2)
    x.flags.writeable = False
    with pytest.raises(
        ReadOnlyError, match=r"kernel: argument x \[0\] is written, and it is read only\n.*x\[0\] \+= 1"
    ):
        launch(kernel, 1, 1, (x,))


def test_divergence_says_who_waits_where():
    def kernel():
        if cuda.threadIdx.x in (0, 1, 2, 5):
            cuda.syncthreads()
        elif cuda.threadIdx.x == 3:
            cuda.syncwarp()

    with pytest.raises(DivergenceError) as error:
        launch(kernel, 2, 8, ())
    line = kernel.__code__.co_firstlineno + 2
    file = "test_cuda_simulator_reports.py"
    assert str(error.value).splitlines() == [
        "kernel: threads of block 0 wait for each other in different places",
        f"  block 0, threads 0-2, 5 wait at {file}:{line}: cuda.syncthreads()",
        f"  block 0, threads 3 wait at {file}:{line + 2}: cuda.syncwarp()",
        "  block 0, threads 4, 6-7 have returned",
    ]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_two_barriers_are_not_one(schedule):
    def kernel():
        if cuda.threadIdx.x < 2:
            cuda.syncthreads()
        else:
            cuda.syncthreads()

    with pytest.raises(DivergenceError) as error:
        launch(kernel, 1, 4, (), schedule)
    assert str(error.value).count("wait at") == 2


def test_a_grid_that_waits_for_a_block_that_has_returned():
    def kernel():
        if cuda.blockIdx.x != 1:
            cuda.cg.this_grid().sync()

    with pytest.raises(DivergenceError, match="threads of the grid") as error:
        launch(kernel, 3, 2, ())
    assert "block 0, threads 0-1; block 2, threads 0-1 wait at" in str(error.value)
    assert "block 1, threads 0-1 have returned" in str(error.value)


def test_a_barrier_of_a_grid_that_is_not_on_the_device():
    def kernel():
        cuda.cg.this_grid().sync()

    launch(kernel, 3, 2, (), resident=3)
    with pytest.raises(ResidencyError, match="kernel: a barrier of 3 blocks, of which 2 are on the device at a time"):
        launch(kernel, 3, 2, (), resident=2)
