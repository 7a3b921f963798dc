"""Products behind the functions that kernels call."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numba import njit

from generated.support.products import product, product_transposed_left

# Compiled afresh, not read from a cache, so that a warning of the compiler is seen.
FRESH = njit(product.py_func)
FRESH_TRANSPOSED = njit(product_transposed_left.py_func)


@njit
def in_a_kernel(a: Any, b: Any, out: Any) -> None:
    product(a, b, out)


def whole(rows: int, columns: int, dtype: Any, seed: int) -> Any:
    """A matrix of small integers, whose products are exact in either dtype and in any order of summation."""
    return np.random.default_rng(seed).integers(-8, 9, (rows, columns)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_exact_on_small_integers(dtype: Any) -> None:
    for m, k, n in (*itertools.product(range(4), repeat=3), (33, 17, 9)):
        a, b = whole(m, k, dtype, 1), whole(k, n, dtype, 2)
        left, right, across = a.copy(), b.copy(), np.ascontiguousarray(a.T)
        for multiply in (product, FRESH, in_a_kernel):
            out = np.full((m, n), np.nan, dtype)
            multiply(left, right, out)
            np.testing.assert_array_equal(out, a @ b, strict=True)
        for multiply in (product_transposed_left, FRESH_TRANSPOSED):
            out = np.full((m, n), np.nan, dtype)
            multiply(across, right, out)
            np.testing.assert_array_equal(out, a @ b, strict=True)
        np.testing.assert_array_equal(left, a)
        np.testing.assert_array_equal(right, b)
        np.testing.assert_array_equal(across, a.T)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5), (2, 5)), ((2, 3), (3, 5), (5, 2))])
def test_sizes_that_do_not_fit_are_refused(shapes: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="array size"):
        product(*(np.zeros(shape) for shape in shapes))


def test_a_nan_stays_in_its_row() -> None:
    a = np.ones((3, 2))
    a[1, 0] = np.nan
    out = np.empty((3, 4))
    product(a, np.ones((2, 4)), out)
    np.testing.assert_array_equal(np.isnan(out).any(axis=1), [False, True, False])
