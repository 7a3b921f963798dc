"""Clipping of gradients by global norm and by value."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from generated.support.clipping import clip_by_norm, clip_by_value


class Params(NamedTuple):
    W: Any
    beta: Any


class Grads(NamedTuple):
    params: Params
    x: Any
    state: Any


def grads(matrix: Any, scalar: float, dtype: Any = np.float64) -> Grads:
    return Grads(Params(np.array(matrix, dtype), np.array(scalar, dtype)), np.full(3, 100.0, dtype), ("state",))


def test_the_global_norm_is_brought_to_the_bound() -> None:
    before = grads([[3.0, 0.0], [0.0, -4.0]], 12.0)
    after, norm = clip_by_norm(before, 6.5)
    assert norm == 13.0
    np.testing.assert_allclose(after.params.W, [[1.5, 0.0], [0.0, -2.0]], rtol=1e-15)
    np.testing.assert_allclose(after.params.beta, 6.0, rtol=1e-15)
    assert isinstance(after.params.beta, np.ndarray)
    assert isinstance(after, Grads)
    assert isinstance(after.params, Params)
    assert after.x is before.x
    assert after.state is before.state
    np.testing.assert_array_equal(before.params.W, [[3.0, 0.0], [0.0, -4.0]])
    assert before.params.beta == 12.0


def test_a_norm_within_the_bound_changes_nothing() -> None:
    before = grads([[3.0, 4.0]], 12.0)
    assert clip_by_norm(before, 13.0)[0] is before
    assert clip_by_norm(before, math.inf) == (before, 13.0)
    assert clip_by_norm(grads([[0.0]], 0.0), 1.0)[1] == 0.0


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_squares_neither_overflow_nor_vanish(size: float) -> None:
    after, norm = clip_by_norm(grads([[3.0 * size]], 4.0 * size), size / 2)
    assert math.isclose(norm, 5.0 * size, rel_tol=1e-14)
    np.testing.assert_allclose(after.params.W, [[0.3 * size]], rtol=1e-14)


def test_float32_stays_float32_and_its_norm_is_of_float64() -> None:
    # The scale, about 3e-45, is less than float32 can tell from its smallest number.
    after, norm = clip_by_norm(grads([[3e38]], 2e38, np.float32), 1e-6)
    assert math.isclose(norm, math.hypot(np.float32(3e38), np.float32(2e38)), rel_tol=1e-15)
    assert after.params.W.dtype == after.params.beta.dtype == np.float32
    np.testing.assert_allclose(after.params.W, [[3e-6 / math.sqrt(13)]], rtol=1e-6)


def test_a_norm_that_is_no_number_is_handed_to_the_caller() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        for before in (grads([[bad, 1.0]], 1.0), grads([[1.0]], bad)):
            after, norm = clip_by_norm(before, 1.0)
            assert after is before
            assert math.isnan(norm) if math.isnan(bad) else norm == math.inf
    assert math.isnan(clip_by_norm(grads([[math.inf]], math.nan), 1.0)[1])
    assert math.isnan(clip_by_norm(grads([[math.nan]], math.inf), 1.0)[1])


def test_values_are_brought_into_the_limit() -> None:
    before = grads([[3.0, -0.5], [math.nan, -math.inf]], 12.0, np.float32)
    after = clip_by_value(before, 1.0)
    np.testing.assert_array_equal(after.params.W, np.array([[1.0, -0.5], [math.nan, -1.0]], np.float32), strict=True)
    np.testing.assert_array_equal(after.params.beta, np.array(1.0, np.float32), strict=True)
    assert isinstance(after.params.beta, np.ndarray)
    assert after.x is before.x
    assert before.params.W[0, 0] == 3.0


@pytest.mark.parametrize("bound", [0.0, -1.0, math.nan])
def test_bounds_must_be_above_zero(bound: float) -> None:
    with pytest.raises(ValueError, match="clip_by_norm: max_norm: expected a number above 0, received"):
        clip_by_norm(grads([[1.0]], 1.0), bound)
    with pytest.raises(ValueError, match="clip_by_value: limit: expected a number above 0, received"):
        clip_by_value(grads([[1.0]], 1.0), bound)
