"""What a kernel uses of `cuda`, operation by operation, and what a launch takes."""

import math

import numpy as np
import pytest

from tests.cuda.cases import SCHEDULES
from tests.cuda.simulator import DivergenceError, KernelError, cuda, launch

FULL = 0xFFFFFFFF
LANES = np.arange(32)


def lanes(operation, threads=32, schedule=SCHEDULES[0]):
    """What `operation(lane)` gives in each lane of one warp."""
    out = np.zeros(threads, np.int64)

    def kernel(out):
        out[cuda.threadIdx.x] = operation(cuda.laneid)

    launch(kernel, 1, threads, (out,), schedule)
    return out.tolist()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_shuffles_hand_on_what_the_definition_says(schedule):
    def given(operation):
        return lanes(operation, schedule=schedule)

    assert given(lambda lane: cuda.shfl_xor_sync(FULL, 10 * lane, 5)) == (10 * (LANES ^ 5)).tolist()
    assert given(lambda lane: cuda.shfl_sync(FULL, 10 * lane, (lane + 3) % 32)) == (10 * ((LANES + 3) % 32)).tolist()
    assert given(lambda lane: cuda.shfl_sync(FULL, 10 * lane, 35)) == [30] * 32
    down = np.where(LANES + 4 < 32, LANES + 4, LANES)
    assert given(lambda lane: cuda.shfl_down_sync(FULL, 10 * lane, 4)) == (10 * down).tolist()
    up = np.where(LANES < 4, LANES, LANES - 4)
    assert given(lambda lane: cuda.shfl_up_sync(FULL, 10 * lane, 4)) == (10 * up).tolist()
    assert given(lambda lane: cuda.ballot_sync(FULL, lane % 3 == 0)) == [0b01001001001001001001001001001001] * 32


def test_a_warp_may_be_smaller_but_not_read_beyond_its_threads():
    assert lanes(lambda lane: cuda.shfl_xor_sync(FULL, lane, 1), threads=6) == [1, 0, 3, 2, 5, 4]
    assert lanes(lambda lane: cuda.ballot_sync(FULL, True), threads=6) == [63] * 6
    with pytest.raises(DivergenceError, match="lane 6, and this warp has 6 threads"):
        lanes(lambda lane: cuda.shfl_down_sync(FULL, lane, 1), threads=6)


def test_a_part_of_a_warp_is_refused():
    with pytest.raises(ValueError, match="not 0xf"):
        lanes(lambda lane: cuda.shfl_xor_sync(0xF, lane, 1))


def test_coordinates_of_three_dimensions():
    out = np.zeros((6, 8, 2, 3), np.int64)

    def kernel(out):
        x, y, z = cuda.grid(3)
        out[x, y, z, 0] = cuda.threadIdx.x + 10 * cuda.threadIdx.y + 100 * cuda.threadIdx.z
        out[x, y, z, 1] = cuda.blockIdx.x + 10 * cuda.blockIdx.y + 100 * cuda.blockIdx.z
        out[x, y, z, 2] = cuda.laneid + 100 * (cuda.gridsize(3) == (6, 8, 2)) + 1000 * cuda.blockDim.y + cuda.gridDim.z

    launch(kernel, (3, 2), (2, 4, 2), (out,))
    x, y, z = np.indices((6, 8, 2))
    assert (out[..., 0] == x % 2 + 10 * (y % 4) + 100 * z).all()
    assert (out[..., 1] == x // 2 + 10 * (y // 4)).all()
    assert (out[..., 2] == x % 2 + 2 * (y % 4) + 8 * z + 100 + 4000 + 1).all()


def test_values_keep_their_dtypes():
    seen = []

    def kernel(x, scale, count):
        shared = cuda.shared.array(2, np.float32)
        local = cuda.local.array((1, 2), np.float16)
        shared[0] = x[0] / 3
        local[0, 1] = shared[0]
        seen.extend([x[0], shared[0], local[0, 1], shared[0] * scale, math.exp(scale), math.pow(scale, x[0]), count])

    launch(kernel, 1, 1, (np.ones(1), np.float32(2), np.uint32(3)))
    assert [type(value) for value in seen] == [
        *(np.float64, np.float32, np.float16, np.float32),
        *(np.float32, np.float64, np.uint32),
    ]
    assert seen[1] == np.float32(1 / 3)
    assert seen[2] == np.float16(1 / 3)


def test_mathematics_does_not_raise():
    out = np.zeros(6, np.float32)

    def kernel(out, x):
        out[0] = math.exp(x)
        out[1] = math.log(x - x)
        out[2] = math.sqrt(-x)
        out[3] = x / (x - x)
        out[4] = x * x * x * x * x * x * x * x * x * x * x * x * x * x
        out[5] = math.tanh(x)

    launch(kernel, 1, 1, (out, np.float32(1000)))
    np.testing.assert_array_equal(out, np.array([np.inf, -np.inf, np.nan, np.inf, np.inf, 1], np.float32))


def test_memory_of_a_block_is_its_own_and_local_memory_that_of_a_thread():
    out = np.zeros((2, 2), np.int64)

    def kernel(out):
        first = cuda.shared.array(2, np.int64)
        second = cuda.shared.array(2, np.int64)
        own = cuda.local.array(1, np.int64)
        own[0] = cuda.threadIdx.x
        first[cuda.threadIdx.x] = 10 * cuda.blockIdx.x + own[0]
        second[cuda.threadIdx.x] = 100
        cuda.syncthreads()
        other = 1 - cuda.threadIdx.x
        out[cuda.blockIdx.x, cuda.threadIdx.x] = first[other] + second[other]

    launch(kernel, 2, 2, (out,))
    assert out.tolist() == [[101, 100], [111, 110]]


def test_shared_memory_has_an_end():
    def kernel():
        cuda.shared.array(48 * 256, np.float32)
        cuda.shared.array(1, np.float32)

    with pytest.raises(KernelError, match="take 49156 bytes; a block has 49152"):
        launch(kernel, 1, 1, ())


def test_arguments_without_order_and_one_array_under_two_names():
    def kernel(source, target):
        target[cuda.threadIdx.x] = source[cuda.threadIdx.x] + 1

    values = np.arange(12)
    launch(kernel, 1, 4, (values[::3], values[::3]))
    assert values.tolist() == [1, 1, 2, 4, 4, 5, 7, 7, 8, 10, 10, 11]
    with pytest.raises(ValueError, match="source and target overlap"):
        launch(kernel, 1, 4, (values[:4], values[1:5]))


def test_after_a_report_the_arrays_are_as_they_were():
    def kernel(out):
        out[cuda.threadIdx.x] = 1

    out = np.zeros(3)
    with pytest.raises(KernelError):
        launch(kernel, 1, 4, (out,))
    assert not out.any()


@pytest.mark.parametrize(
    ("grid", "block", "arguments", "message"),
    [
        (0, 1, (), "the grid is"),
        (1, (1, 0), (), "the block is"),
        (1, 1025, (), "a block of 1025 threads"),
        (1, 1, (1,), "takes 0 arguments, and 1 were given"),
    ],
)
def test_a_launch_that_no_device_takes_is_refused(grid, block, arguments, message):
    def kernel():
        pass

    with pytest.raises((ValueError, TypeError), match=message):
        launch(kernel, grid, block, arguments)


@pytest.mark.parametrize("value", [1.0, [1.0], None])
def test_an_argument_of_another_type_is_refused(value):
    def kernel(x):
        pass

    with pytest.raises(TypeError, match="argument x is a"):
        launch(kernel, 1, 1, (value,))


def test_what_is_not_modelled_says_so():
    with pytest.raises(AttributeError, match=r"no cuda\.atomic"):
        launch(lambda: cuda.atomic.add(), 1, 1, ())
    with pytest.raises(RuntimeError, match="no thread is running here"):
        cuda.syncthreads()
    with pytest.raises(TypeError, match="argument x has 2 dimensions, and a kernel gave 1 ind"):
        launch(lambda x: x[0], 1, 1, (np.zeros((2, 2)),))


def test_an_error_of_the_kernel_itself_comes_out():
    with pytest.raises(ZeroDivisionError):
        launch(lambda: 1 // 0, 1, 64, ())
