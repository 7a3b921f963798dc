"""Products behind the functions that kernels call, on every instruction set of this host."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from generated.support.packing import fill_panels
from generated.support.products import gradient_scratch, panels, product, weight_gradient, weight_gradients
from generated.support.tiles import PANEL_BYTES, ROWS
from generated.support.vectors import HOST, available

REPOSITORY = Path(__file__).parents[2]
ODD = ((33, 17, 9), (8, 100, 77), (13, 77, 308), (100, 3, 650), (65, 257, 129), (2, 513, 97), (1, 1000, 1))
# More rows than a tile beside others has, and few enough for one alone.
ALONE = ((9, 150, 64), (11, 37, 83), (12, 5, 97))
# More rows than one block of the left matrix holds, at a k where a block is small.
TALL = (2 * ROWS * 5 + 3, 1 << 14, 3)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@njit
def in_a_kernel(a: Any, packed: Any, out: Any) -> None:
    product(a, packed, out)


def multiplied(a: Any, b: Any, multiply: Any = product) -> Any:
    """a @ b by `multiply`, written over NaN."""
    out = np.full((a.shape[0], b.shape[1]), np.nan, a.dtype)
    multiply(a, panels(b), out)
    return out


def gradients(adjoints: Any, operands: Any, more: Any, shares: int = 1) -> list[Any]:
    """adjointsᵀ @ operands and adjointsᵀ @ more by `weight_gradient`, written over NaN, one share after the other."""
    outs = [np.full((adjoints.shape[1], item.shape[1]), np.nan, adjoints.dtype) for item in (operands, more)]
    widest = max(operands.shape[1], more.shape[1])
    scratch = np.full((shares, gradient_scratch(len(operands), widest, adjoints.itemsize)), np.nan, adjoints.dtype)
    for share in range(shares):
        weight_gradient(share, shares, adjoints, 0, scratch, operands, outs[0], more, outs[1])
    return outs


def gradient(adjoints: Any, operands: Any, shares: int = 1) -> Any:
    """The first of these, without a second one."""
    return gradients(adjoints, operands, operands[:, :0], shares)[0]


def test_the_scratch_of_no_steps_is_enough_for_what_has_one_row() -> None:
    """A product of parameters alone has a gradient of one row, and shares the scratch of those that have none."""
    assert gradient_scratch(0, 40, 4) == gradient_scratch(1, 40, 4) > 0


def whole(rows: int, columns: int, dtype: Any, seed: int) -> Any:
    """A matrix of small integers, whose products are exact in either dtype and in any order of summation."""
    return np.random.default_rng(seed).integers(-8, 9, (rows, columns)).astype(dtype)


def normal(rows: int, columns: int, dtype: Any, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(dtype)


def assert_rounded(result: Any, a: Any, b: Any, roundings: int) -> None:
    """Each element is off by no more than so many roundings of the sum of absolute products."""
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    scale = np.abs(a).astype(np.longdouble) @ np.abs(b).astype(np.longdouble)
    assert (np.abs(result - exact) <= roundings * np.finfo(a.dtype).eps / 2 * scale).all()


@DTYPES
@pytest.mark.parametrize("columns", [(1, 1), (40, 3), (64, 128), (200, 130)])
def test_two_gradients_of_the_same_adjoints_are_those_of_each_alone(dtype: Any, columns: tuple[int, int]) -> None:
    """With few columns adjoints are read from where they stand, with many they are copied together first."""
    adjoints = normal(700, 70, dtype, 1)
    operands, more = (normal(700, count, dtype, seed) for seed, count in enumerate(columns, 2))
    for shares in (1, 3):
        found = gradients(adjoints, operands, more, shares)
        for out, factor in zip(found, (operands, more), strict=True):
            assert_rounded(out, adjoints.T, factor, 800)
    assert_rounded(gradient(adjoints, operands), adjoints.T, operands, 800)


def test_gradients_of_one_pass_are_made_two_at_a_time() -> None:
    adjoints, others = normal(9, 3, np.float64, 0), normal(9, 3, np.float64, 1)
    factors = [normal(9, count, np.float64, count) for count in (2, 3, 4, 5)]
    outs = [np.full((3, item.shape[1]), np.nan) for item in factors]
    scratch = np.empty((1, gradient_scratch(9, 5, 8)))
    of = (adjoints, others, adjoints, adjoints)
    weight_gradients(0, 0, 9, 1, scratch, *((a, 0, b, out) for a, b, out in zip(of, factors, outs, strict=True)))
    for a, b, out in zip(of, factors, outs, strict=True):
        assert_rounded(out, a.T, b, 20)


@DTYPES
def test_products_of_all_small_sizes_are_exact_on_small_integers(dtype: Any) -> None:
    left, right = whole(20, 20, dtype, 1), whole(20, 20, dtype, 2)
    for m, k, n in (*itertools.product(range(21), repeat=3), *ODD, *ALONE, TALL):
        small = max(m, k, n) <= 20
        a = left[:m, :k].copy() if small else whole(m, k, dtype, 1)
        b = right[:k, :n].copy() if small else whole(k, n, dtype, 2)
        kept, exact = (a.copy(), b.copy()), a @ b
        across = np.ascontiguousarray(a.T)
        for result in (
            multiplied(a, b),
            multiplied(np.pad(a, ((0, 0), (3, 2)))[:, 3 : 3 + k], b),
            multiplied(a, np.ascontiguousarray(b.T).T),
            gradient(across, b),
        ):
            assert result.shape == exact.shape
            assert result.dtype == dtype
            assert (result == exact).all(), (m, k, n)
        assert (a == kept[0]).all()
        assert (b == kept[1]).all()


@DTYPES
def test_the_turn_of_the_panels_changes_no_bit(dtype: Any) -> None:
    """Few rows of one panel are visited in halves of k instead."""
    for m, k, n in (*ODD, (1, 300, 40), (1, 301, 300), (3, 129, 20), (8, 400, 16), (40, 1100, 33)):
        a, b = normal(m, k, dtype, 1), normal(k, n, dtype, 2)
        turned = multiplied(a, b, lambda a, packed, out: product(a, packed, out, 3))
        np.testing.assert_array_equal(turned, multiplied(a, b))


@DTYPES
def test_products_are_rounded_no_more_than_their_length_allows(dtype: Any) -> None:
    for m, k, n in ODD:
        a, b = normal(m, k, dtype, 1), normal(k, n, dtype, 2)
        assert_rounded(multiplied(a, b), a, b, k + 4)


def test_a_weight_gradient_of_many_rows_is_summed_in_blocks() -> None:
    adjoints, operands = normal(100_000, 3, np.float32, 1) + 2, normal(100_000, 5, np.float32, 2) + 2
    assert_rounded(gradient(adjoints, operands), adjoints.T, operands, 256 + 100_000 // 256 + 4)
    assert_rounded(multiplied(adjoints.T.copy(), operands), adjoints.T, operands, 100_004)


def test_the_compiled_function_is_the_same_afresh_and_in_a_kernel() -> None:
    """Afresh, not from a cache, so that a warning of the compiler is seen."""
    a, b = normal(9, 20, np.float32, 1), normal(20, 33, np.float32, 2)
    for multiply in (njit(product.py_func, error_model="numpy"), in_a_kernel):
        np.testing.assert_array_equal(multiplied(a, b, multiply), multiplied(a, b))


@DTYPES
def test_the_same_product_has_the_same_bits_wherever_it_stands(dtype: Any) -> None:
    a, b = normal(9, 101, dtype, 1), normal(101, 77, dtype, 2)
    first, packed = multiplied(a, b), panels(b)
    for shift in (0, 1, 5):
        moved = [np.concatenate((np.zeros(shift, dtype), array.ravel())) for array in (a, packed, first)]
        given, right, out = (m[shift:].reshape(o.shape) for m, o in zip(moved, (a, packed, first), strict=True))
        product(given, right, out)
        np.testing.assert_array_equal(out, first)
    gradients = [gradient(a, normal(9, 40, dtype, 3), shares) for shares in (1, 1, 2, 3, 40)]
    for again in gradients:
        np.testing.assert_array_equal(again, gradients[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("size", [(m, k, n) for m in (1, 2, 3, 9) for k in (1, 5) for n in (1, 17, 40)])
def test_what_is_not_finite_stays_in_its_row_and_column(bad: float, size: tuple[int, int, int]) -> None:
    m, k, n = size
    for row, column in itertools.product({0, m - 1}, {0, n - 1}):
        a, b = np.ones((m, k)), np.ones((k, n))
        a[row, -1] = bad
        expected = np.full((m, n), float(k))
        expected[row] = bad
        np.testing.assert_array_equal(multiplied(a, b), expected)
        np.testing.assert_array_equal(gradient(a.T.copy(), b), expected)
        a, b[-1, column] = np.ones((m, k)), bad
        expected = np.full((m, n), float(k))
        expected[:, column] = bad
        np.testing.assert_array_equal(multiplied(a, b), expected)
        np.testing.assert_array_equal(gradient(a.T.copy(), b), expected)


@DTYPES
def test_panels_hold_every_column_and_zeros_beyond_the_last(dtype: Any) -> None:
    width = PANEL_BYTES // np.dtype(dtype).itemsize
    for k, n in itertools.product((1, 3, 16, 37), (1, width - 1, width, width + 1, 2 * width + 3)):
        b = normal(k, n, dtype, 1)
        padded = np.zeros((k, -(-n // width) * width), dtype)
        padded[:, :n] = b
        for matrix in (b, np.asfortranarray(b), np.repeat(b, 2, axis=1)[:, ::2]):
            packed = panels(matrix)
            assert packed.ctypes.data % 64 == 0
            np.testing.assert_array_equal(packed.transpose(1, 0, 2).reshape(k, -1), padded)
        higher = np.full((len(packed), k + 2, width), np.nan, dtype)
        fill_panels(b, higher, 0, 0)
        np.testing.assert_array_equal(higher[:, :k], packed)
        assert np.isnan(higher[:, k:]).all()


@DTYPES
@pytest.mark.parametrize("shares", [1, 2, 3, 7])
def test_shares_of_panels_are_all_of_them(dtype: Any, shares: int) -> None:
    """Of two matrices side by side, whose border lies inside a panel; each share writes its own panels alone."""
    left, right = normal(5, 100, dtype, shares), normal(40, 5, dtype, shares).T
    whole = panels(np.hstack([left, right]))
    together = np.full_like(whole, np.nan)
    for share in range(shares):
        alone = np.full_like(whole, np.nan)
        for packed in (together, alone):
            fill_panels(left, packed, 0, 0, share, shares)
            fill_panels(right, packed, 0, 100, share, shares)
        written = ~np.isnan(alone).all(axis=(1, 2))
        first, stop = len(whole) * share // shares, len(whole) * (share + 1) // shares
        assert np.flatnonzero(written).tolist() == list(range(first, stop))
    np.testing.assert_array_equal(together, whole)


@DTYPES
def test_panels_of_several_matrices_are_those_of_all_in_one(dtype: Any) -> None:
    width = PANEL_BYTES // np.dtype(dtype).itemsize
    sizes = (1, 3, width // 2 - 1, width // 2, width // 2 + 1, width, 2 * width + 3)
    for k, first, second, third in itertools.product((1, 17), sizes, sizes, (1, width - 1)):
        matrices = [normal(size, k, dtype, seed) for seed, size in enumerate((first, second, third))]
        stacked = np.concatenate(matrices)
        starts = np.cumsum((0, first, second))
        below, beside = np.full_like(panels(stacked), np.nan), np.full_like(panels(stacked.T), np.nan)
        for matrix, start in zip(matrices, starts, strict=True):
            fill_panels(matrix, below, start, 0)
            fill_panels(matrix.T, beside, 0, start)
        np.testing.assert_array_equal(below, panels(stacked))
        np.testing.assert_array_equal(beside, panels(stacked.T))


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5), (2, 5)), ((2, 3), (3, 5), (5, 5)), ((2, 3), (3, 5), (2, 500))])
def test_sizes_that_do_not_fit_are_refused(shapes: tuple[tuple[int, int], ...]) -> None:
    a, b, out = (np.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match=r"product: .* do not fit"):
        product(a, panels(b), out)


def test_panels_of_another_cpu_and_arrays_with_gaps_are_refused() -> None:
    packed = panels(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="another CPU"):
        product(np.zeros((2, 3)), np.ascontiguousarray(packed[:, :, ::2]), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="not neighbours"):
        product(np.zeros((2, 6))[:, ::2], packed, np.zeros((2, 4)))
    with pytest.raises(TypingError, match="in C order"):
        product(np.zeros((3, 2)).T, packed, np.zeros((2, 4)))


def run(arguments: list[str], vector: str) -> subprocess.CompletedProcess[str]:
    """Run Python with one instruction set forced, or none."""
    environment = os.environ | {"DERIVE_VECTOR": vector, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif("DERIVE_VECTOR" in os.environ, reason="one instruction set is forced already")
@pytest.mark.parametrize("vector", [item.name for item in available() if item is not HOST])
def test_everything_here_holds_on_the_other_instruction_sets(vector: str) -> None:
    result = run(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__], vector)
    assert result.returncode == 0, result.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="memory is protected as POSIX has it")
def test_no_access_leaves_the_buffers() -> None:
    """An access outside ends that process."""
    forced = os.environ.get("DERIVE_VECTOR", "")
    result = run([str(Path(__file__).with_name("guarded_products.py"))], forced)
    assert result.returncode == 0, f"exit status {result.returncode}\n{result.stdout}{result.stderr}"


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    result = run(["-c", "import generated.support.vectors"], "mmx")
    assert f"ValueError: DERIVE_VECTOR=mmx: this host has {available()[0].name}" in result.stderr
