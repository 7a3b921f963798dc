"""Products of a warp in the simulator: beside NumPy, by the layout of the PTX ISA, and what is reported."""

import numpy as np
import pytest

from generated.support.cuda import tensor
from tests.cuda.cases import SCHEDULES
from tests.cuda.halves import DTYPES
from tests.cuda.simulator import BoundsError, DivergenceError, KernelError, cuda, launch

LOAD, MULTIPLY = tensor.operations(cuda)
WHOLE = tensor.loader(cuda, 32)


def product(first, second, sums, stride=1, load=LOAD):
    """A kernel that adds to `sums` the product of 16 rows of 32 columns with 8, of which each lane loads runs."""

    def kernel(first, second, sums):
        lane = cuda.threadIdx.x
        row, column = lane >> 2, (lane & 3) * 8
        held = cuda.local.array(4, np.float32)
        for each in range(4):
            held[each] = sums[row + (each >> 1) * 8, 2 * (lane & 3) + (each & 1)]
        a = load(first, row * 32 + column, 1, 8)
        b = load(first, (row + 8) * 32 + column, 1, 8)
        c = LOAD(second, row * 32 + column if stride == 1 else row + column * stride, stride, 8)
        MULTIPLY(first, held, 0, a[0], b[0], a[1], b[1], c[0], c[1])
        MULTIPLY(first, held, 0, a[2], b[2], a[3], b[3], c[2], c[3])
        for each in range(4):
            sums[row + (each >> 1) * 8, 2 * (lane & 3) + (each & 1)] = held[each]

    return kernel


def drawn(dtype):
    stream = np.random.default_rng(3)
    first, second, sums = (stream.normal(size=shape) for shape in ((16, 32), (8, 32), (16, 8)))
    return first.astype(dtype), second.astype(dtype), sums.astype(np.float32)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("load", [LOAD, WHOLE], ids=["elements", "whole runs"])
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_runs_of_both_factors_give_their_product(dtype, load, schedule):
    first, second, sums = drawn(dtype)
    wanted = sums + first.astype(float) @ second.astype(float).T
    launch(product(first, second, sums, load=load), 1, 32, (first.reshape(-1), second.reshape(-1), sums), schedule)
    np.testing.assert_allclose(sums, wanted, rtol=0, atol=1e-5)


def test_the_elements_of_a_run_may_be_apart():
    first, second, sums = drawn(np.float16)
    wanted = sums + first.astype(float) @ second.astype(float).T
    launch(product(first, second, sums, stride=8), 1, 32, (first.reshape(-1), second.T.reshape(-1), sums))
    np.testing.assert_allclose(sums, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("register", range(6))
def test_registers_are_laid_out_as_in_the_ptx_isa(register):
    """A one in one half of one register of one lane is one element of a factor."""
    for lane, half in ((0, 0), (5, 1), (18, 0), (31, 1)):
        words = np.zeros((32, 6), np.uint32)
        words[lane, register] = int(np.float16(1).view(np.uint16)) << 16 * half
        group, quarter = lane >> 2, lane & 3
        factors = np.zeros((16, 16)), np.zeros((16, 8))
        if register < 4:
            factors[0][group + 8 * (register & 1), 2 * quarter + half + 8 * (register >> 1)] = 1
            other = np.arange(16 * 8).reshape(16, 8) / 16
            words[:, 4:] = fragment(other)
            factors = factors[0], other
        else:
            factors[1][2 * quarter + half + 8 * (register & 1), group] = 1
            other = np.arange(16 * 16).reshape(16, 16) / 16
            words[:, :4] = fragment_of_rows(other)
            factors = other, factors[1]
        np.testing.assert_array_equal(multiplied(words), factors[0] @ factors[1])


def fragment(matrix):
    """The registers of the second factor (16, 8), element by element."""
    halves = np.array([
        [matrix[2 * (lane & 3) + half + 8 * register, lane >> 2] for register in range(2) for half in range(2)]
        for lane in range(32)
    ])  # fmt: skip
    return halves.astype(np.float16).view(np.uint32)


def fragment_of_rows(matrix):
    """The registers of the first factor (16, 16)."""
    halves = np.array([
        [
            matrix[(lane >> 2) + 8 * (register & 1), 2 * (lane & 3) + half + 8 * (register >> 1)]
            for register in range(4)
            for half in range(2)
        ]
        for lane in range(32)
    ])  # fmt: skip
    return halves.astype(np.float16).view(np.uint32)


def multiplied(words, threads=32):
    """The sums (16, 8) that one call gives, by their own layout."""
    kind, sums = np.zeros(8, np.float16), np.zeros((16, 8), np.float32)

    def kernel(kind, words, sums):
        lane = cuda.threadIdx.x
        held = cuda.local.array(4, np.float32)
        for each in range(4):
            held[each] = np.float32(0)
        MULTIPLY(kind, held, 0, *(words[lane, each] for each in range(6)))
        for each in range(4):
            sums[(lane >> 2) + 8 * (each >> 1), 2 * (lane & 3) + (each & 1)] = held[each]

    launch(kernel, 1, threads, (kind, words, sums))
    return sums


def test_a_warp_that_is_no_whole_one_is_reported():
    with pytest.raises(DivergenceError, match="a product of a warp takes 32 threads, and this warp has 24"):
        multiplied(np.zeros((32, 6), np.uint32), threads=24)


def test_a_lane_that_does_not_multiply_is_reported():
    def kernel(kind):
        held = cuda.local.array(4, np.float32)
        for each in range(4):
            held[each] = np.float32(0)
        if cuda.threadIdx.x != 7:
            MULTIPLY(kind, held, 0, *[np.uint32(0)] * 6)

    with pytest.raises(DivergenceError, match="threads 7 have returned"):
        launch(kernel, 1, 32, (np.zeros(8, np.float16),))


def test_what_a_run_may_read():
    seen = {}

    def kernel(load, index, count):
        def run(values):
            seen[count] = load(values, index, 1, count)

        return run

    values = np.arange(1, 13).astype(np.float16)
    bits = values.view(np.uint16).astype(int)
    launch(kernel(LOAD, 9, 3), 1, 1, (values,))
    assert [int(word) for word in seen[3]] == [bits[9] | bits[10] << 16, bits[11], 0, 0]
    launch(kernel(LOAD, 99, -5), 1, 1, (values,))
    launch(kernel(WHOLE, 99, 0), 1, 1, (values,))
    assert set(seen[-5]) == set(seen[0]) == {0}
    with pytest.raises(BoundsError, match=r"\[12\] is outside"):
        launch(kernel(LOAD, 9, 4), 1, 1, (values,))
    with pytest.raises(BoundsError, match=r"\[12\] is outside"):
        launch(kernel(WHOLE, 8, 8), 1, 1, (values,))
    with pytest.raises(
        KernelError, match=r"16 bytes are read from argument values \[4\], which is none of their multiples"
    ):
        launch(kernel(WHOLE, 4, 8), 1, 1, (values,))


def test_runs_are_whole_where_all_columns_are():
    assert tensor.loader(cuda, 32, 0, 8).__name__ == "load_whole_run"
    assert tensor.loader(cuda, 32, 4, 8).__name__ == tensor.loader(cuda, 33).__name__ == "load_run"
