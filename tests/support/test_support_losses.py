"""Losses against 50-digit arithmetic and central differences, at extreme logits and under masks."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from generated.support.losses import (
    ADJOINT,
    VALUE,
    mse,
    mse_adjoint,
    softmax_cross_entropy,
    softmax_cross_entropy_adjoint,
)

STEPS, BATCH, UNITS = 3, 2, 5


def example(seed: int, spread: float, kind: str, dtype: Any = np.float64) -> tuple[Any, Any, Any]:
    """Logits of the given spread, a target of `kind` and weights, one of them 0."""
    stream = np.random.default_rng(seed)
    o = stream.normal(scale=spread, size=(STEPS, BATCH, UNITS)).astype(dtype)
    weight = stream.uniform(0.5, 2.0, size=(STEPS, BATCH)).astype(dtype)
    weight[1, 1] = 0.0
    if kind == "ids":
        return o, stream.integers(0, UNITS, size=(STEPS, BATCH)), weight
    target = stream.uniform(size=o.shape)
    target[0, 0, :-1] = 0.0
    if kind == "distributions":
        target /= target.sum(axis=2, keepdims=True)
    return o, target.astype(dtype), weight


def exact(rule: str, o: Any, target: Any, weight: Any) -> tuple[Any, Any]:
    """The loss and its adjoint in 50 digits, straight from the definitions."""
    do = np.zeros(o.shape, dtype=object)
    loss, total = mpmath.mpf(0), sum(mpmath.mpf(float(w)) for w in weight.flat)
    for place in np.ndindex(weight.shape):
        row = [mpmath.mpf(float(value)) for value in o[place]]
        if target.ndim == 2:
            wanted = [mpmath.mpf(int(unit == target[place])) for unit in range(len(row))]
        else:
            wanted = [mpmath.mpf(float(value)) for value in target[place]]
        share = mpmath.mpf(float(weight[place])) / total
        if rule == "mse":
            loss += share * sum((a - b) ** 2 for a, b in zip(row, wanted, strict=True)) / len(row)
            do[place] = [share * 2 * (a - b) / len(row) for a, b in zip(row, wanted, strict=True)]
        else:
            partition = sum(mpmath.exp(value) for value in row)
            loss += share * sum(b * (mpmath.log(partition) - a) for a, b in zip(row, wanted, strict=True))
            mass = sum(wanted)
            do[place] = [share * (mass * mpmath.exp(a) / partition - b) for a, b in zip(row, wanted, strict=True)]
    return loss, do


CASES = [
    ("softmax_cross_entropy", "ids"),
    ("softmax_cross_entropy", "distributions"),
    ("softmax_cross_entropy", "values"),
    ("mse", "values"),
]


@pytest.mark.parametrize("spread", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize(("rule", "kind"), CASES)
def test_against_fifty_digits(rule: str, kind: str, spread: float) -> None:
    # The result in float32 is that in float64, rounded once.
    for dtype, digits, relative in ((np.float64, 1e-14, 0.0), (np.float32, 1e-14, 2.0**-24)):
        o, target, weight = example(4, spread, kind, dtype)
        with mpmath.workdps(50):
            loss, do = exact(rule, o, target, weight)
            value, adjoint = VALUE[rule](o, target, weight), ADJOINT[rule](o, target, weight)
            assert isinstance(value, dtype)
            assert abs(float(value) - loss) <= (digits + relative) * abs(loss)
            assert adjoint.dtype == dtype
            scale = max(1.0, spread if rule == "mse" else 1.0)
            for got, right in zip(adjoint.flat, do.flat, strict=True):
                assert abs(float(got) - right) <= digits * scale + relative * abs(right)


@pytest.mark.parametrize(("rule", "kind"), CASES)
def test_the_adjoint_is_the_limit_of_central_differences(rule: str, kind: str) -> None:
    o, target, weight = example(5, 2.0, kind)
    direction = np.random.default_rng(6).normal(size=o.shape)
    slope = float(np.sum(ADJOINT[rule](o, target, weight) * direction))
    errors = []
    for step in (1e-2, 5e-3):
        ahead = VALUE[rule](o + step * direction, target, weight)
        behind = VALUE[rule](o - step * direction, target, weight)
        errors.append(abs(float(ahead - behind) / (2 * step) - slope))
    # Halving the step divides an error of second order by four; the differences of mse are exact.
    assert errors[1] < 1e-10 or 3.8 < errors[0] / errors[1] < 4.2
    assert errors[1] < 1e-3 * abs(slope)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits(dtype: Any) -> None:
    o = np.array([[[1e4, -1e4, 0.0]], [[-1e4, -1e4, -1e4]]], dtype)
    weight = np.ones((2, 1), dtype)
    right, wrong = np.array([[0], [2]]), np.array([[1], [2]])
    assert softmax_cross_entropy(o, right, weight) == dtype(math.log(3) / 2)
    assert softmax_cross_entropy(o, wrong, weight) == dtype((2e4 + math.log(3)) / 2)
    third = np.array([1 / 6, 1 / 6, 1 / 6 - 1 / 2])
    np.testing.assert_allclose(
        softmax_cross_entropy_adjoint(o, wrong, weight), [[[0.5, -0.5, 0.0]], [third]], rtol=1e-6, atol=0
    )
    np.testing.assert_array_equal(softmax_cross_entropy_adjoint(o, right, weight)[0], np.zeros((1, 3)))


def test_a_class_of_probability_zero_may_be_impossible() -> None:
    o = np.array([[[0.0, 0.0, -np.inf]]])
    target = np.array([[[0.5, 0.5, 0.0]]])
    assert softmax_cross_entropy(o, target, np.ones((1, 1))) == math.log(2)
    np.testing.assert_array_equal(softmax_cross_entropy_adjoint(o, target, np.ones((1, 1))), np.zeros((1, 1, 3)))


@pytest.mark.parametrize(("rule", "kind"), CASES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_masked_row_counts_as_absent(rule: str, kind: str, bad: float) -> None:
    o, target, weight = example(7, 1.0, kind)
    spoilt = o.copy()
    spoilt[1, 1] = bad
    assert VALUE[rule](spoilt, target, weight) == VALUE[rule](o, target, weight)
    adjoint = ADJOINT[rule](spoilt, target, weight)
    np.testing.assert_array_equal(adjoint, ADJOINT[rule](o, target, weight))
    assert adjoint[1, 1].tolist() == [0.0] * UNITS
    np.testing.assert_array_equal(ADJOINT[rule](spoilt, target, 0.0 * weight), np.zeros_like(o))
    assert VALUE[rule](spoilt, target, 0.0 * weight) == 0.0


@pytest.mark.parametrize(("rule", "kind"), CASES)
def test_a_nan_stays_in_its_own_row(rule: str, kind: str) -> None:
    o, target, weight = example(8, 1.0, kind)
    spoilt = o.copy()
    spoilt[2, 0, 1] = np.nan
    assert np.isnan(VALUE[rule](spoilt, target, weight))
    adjoint = ADJOINT[rule](spoilt, target, weight)
    assert np.isnan(adjoint[2, 0]).any()
    adjoint[2, 0] = 0.0
    clean = ADJOINT[rule](o, target, weight)
    clean[2, 0] = 0.0
    np.testing.assert_array_equal(adjoint, clean)


@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (3, 0)])
def test_nothing_costs_nothing(steps: int, batch: int) -> None:
    o, weight = np.zeros((steps, batch, UNITS), np.float32), np.ones((steps, batch), np.float32)
    ids = np.zeros((steps, batch), np.int64)
    for value, adjoint, target in (
        (softmax_cross_entropy, softmax_cross_entropy_adjoint, ids),
        (softmax_cross_entropy, softmax_cross_entropy_adjoint, o),
        (mse, mse_adjoint, o),
    ):
        assert value(o, target, weight) == np.float32(0)
        assert adjoint(o, target, weight).shape == o.shape


@pytest.mark.parametrize(("rule", "kind"), CASES)
def test_nothing_is_written_to(rule: str, kind: str) -> None:
    given = example(9, 1.0, kind)
    for array in given:
        array.flags.writeable = False
    VALUE[rule](*given)
    ADJOINT[rule](*given)
