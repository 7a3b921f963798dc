"""Vectors in compiled loops, at every length of a row and beside numbers, on every instruction set."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from generated.support import elementwise, scalar
from generated.support.lanes import total, units, width
from generated.support.vectors import HOST, available
from tests.support.vector_functions import UNARY, over_rows

REPOSITORY = Path(__file__).parents[2]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
MARK = 123.0


@numba.njit(error_model="numpy")
def mixed(a, bias, slope, out, kept, sums, grand, switch):
    """Every form of element and every operation: a parameter, a number, an offset, an array of units without rows."""
    one = a.dtype.type(1)
    size = a.shape[1]
    for item in range(a.shape[0]):
        for start in range(0, size, width(a)):
            unit = units(start, size, a)
            x = a[item, unit] if switch else one
            y = (one - x) * bias[unit] / abs(x) + slope[0] ** x - -x
            out[item, size + unit] = y
            kept[0, unit] = slope[0]
            sums[unit] += y
            grand[0] += total(y, unit)
            grand[1] += total(slope[0], unit)


@DTYPES
def test_rows_of_every_length_stay_inside_and_take_nothing_in(dtype: Any) -> None:
    """Around every array there is NaN, which would reach the sums, or a mark, which would be lost."""
    lanes = HOST.bytes // np.dtype(dtype).itemsize
    stream = np.random.default_rng(0)
    for size in range(1, 2 * lanes + 2):

        def guarded(fill: float, *shape: int, dtype: Any = dtype) -> tuple[Any, Any]:
            room = np.full(int(np.prod(shape)) + 8 * lanes, fill, dtype)
            return room, room[4 * lanes : len(room) - 4 * lanes].reshape(shape)

        for switch in (True, False):
            (_, a), (_, bias) = guarded(math.nan, 3, size), guarded(math.nan, size)
            a[:], bias[:] = stream.uniform(0.5, 2, a.shape), stream.uniform(-1, 1, bias.shape)
            rooms = [guarded(MARK, 3, 2 * size), guarded(MARK, 1, size), guarded(MARK, size, dtype=np.float64)]
            out, kept, sums = (inside for _, inside in rooms)
            sums[:] = 1
            grand, slope = np.zeros(2), np.array([1.3], dtype)
            x = a.astype(np.float64) if switch else np.ones(a.shape)
            # Beyond the row this is 0 / 0.
            expected = (1 - x) * bias / abs(x) + 1.3**x + x
            mixed(a, bias, slope, out, kept, sums, grand, switch)
            close = {"rtol": 1e-5 if dtype is np.float32 else 1e-13}
            np.testing.assert_allclose(out[:, size:], expected, **close)
            assert (out[:, :size] == MARK).all()
            assert (kept == slope).all()
            np.testing.assert_allclose(sums, 1 + out[:, size:].astype(np.float64).sum(0), rtol=1e-14)
            np.testing.assert_allclose(grand, [out[:, size:].sum(dtype=np.float64), 3 * size * float(slope[0])])
            for room, _ in rooms:
                assert (room[: 4 * lanes] == MARK).all()
                assert (room[-4 * lanes :] == MARK).all()


@numba.njit(error_model="numpy")
def combined(a, b, c, out):
    """A product and a sum with little beside them, which the compiler may fuse, and may write more than once."""
    for item in range(out.shape[0]):
        for start in range(0, out.shape[1], width(out)):
            unit = units(start, out.shape[1], out)
            out[item, unit] = a[item, unit] * b[unit] + c[item, unit]


@DTYPES
def test_a_result_is_rounded_alike_in_whole_vectors_and_at_the_end_of_a_row(dtype: Any) -> None:
    lanes = HOST.bytes // np.dtype(dtype).itemsize
    a, c = np.random.default_rng(0).standard_normal((2, 50, 1)).astype(dtype)
    alone = None
    for size in range(1, 2 * lanes + 2):
        out = np.empty((50, size), dtype)
        combined(np.repeat(a, size, axis=1), np.full(size, 1 / 3, dtype), np.repeat(c, size, axis=1), out)
        alone = out if alone is None else alone
        np.testing.assert_array_equal(out, np.repeat(alone, size, axis=1))


@DTYPES
def test_what_is_not_a_number_stays_in_its_lane(dtype: Any) -> None:
    lanes = HOST.bytes // np.dtype(dtype).itemsize
    for name in UNARY:
        over = over_rows(name)
        for place in (0, lanes - 1, lanes):
            x = np.full((2, lanes + 1), 0.5, dtype)
            x[0, place] = math.nan
            out = np.empty_like(x)
            over(x, out)
            expected = np.full_like(x, out[1, 0])
            expected[0, place] = math.nan
            np.testing.assert_array_equal(out, expected)


def test_functions_of_numbers_are_those_of_scalar() -> None:
    function = elementwise.tanh
    of_numbers = numba.njit(lambda x: function(x))
    assert of_numbers(np.float32(0.3)) == scalar.tanh(np.float32(0.3))
    assert numba.njit(lambda x: elementwise.power(x, x))(1.5) == scalar.power(1.5, 1.5)


@pytest.mark.skipif("DERIVE_VECTOR" in os.environ, reason="one instruction set is forced already")
@pytest.mark.parametrize("vector", [item.name for item in available() if item is not HOST])
def test_everything_here_holds_on_the_other_instruction_sets(vector: str) -> None:
    environment = os.environ | {"DERIVE_VECTOR": vector, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
    result = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
