"""Products behind the one function that kernels call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from generated.support.products import product, product_transposed_left

SHAPES = [
    (1, 1, 1),
    (3, 4, 5),
    (1, 7, 3),
    (6, 1, 2),
    (5, 3, 1),
    (33, 17, 9),
    (0, 3, 2),
    (3, 0, 2),
    (3, 2, 0),
    (0, 0, 0),
]


@njit
def in_a_kernel(a: Any, b: Any, out: Any) -> None:
    product(a, b, out)


def whole(rows: int, columns: int, dtype: Any, seed: int) -> Any:
    """A matrix of small integers, whose products are exact in either dtype and in any order of summation."""
    return np.random.default_rng(seed).integers(-8, 9, (rows, columns)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_products_are_exact_on_small_integers(m: int, k: int, n: int, dtype: Any) -> None:
    a, b = whole(m, k, dtype, 1), whole(k, n, dtype, 2)
    copies = a.copy(), b.copy()
    for multiply, left in ((product, a), (in_a_kernel, a), (product_transposed_left, np.ascontiguousarray(a.T))):
        out = np.full((m, n), np.nan, dtype)
        multiply(left, b, out)
        np.testing.assert_array_equal(out, copies[0] @ copies[1], strict=True)
    np.testing.assert_array_equal(a, copies[0])
    np.testing.assert_array_equal(b, copies[1])


def test_a_nan_stays_in_its_row() -> None:
    a = np.ones((3, 2))
    a[1, 0] = np.nan
    out = np.empty((3, 4))
    product(a, np.ones((2, 4)), out)
    np.testing.assert_array_equal(np.isnan(out).any(axis=1), [False, True, False])
