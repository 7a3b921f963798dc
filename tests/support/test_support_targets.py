"""Checks of targets, weights and errors of a cell with a loss: what is accepted, and what each refusal says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from generated.support import arrays
from generated.support.host import HOST, Holder
from generated.support.signature import Signature

STEPS, BATCH = 5, 2
F32 = np.dtype(np.float32)

READOUT = Signature("readout", (), (), (), (("o", "output_size"),), (), (), (), "softmax_cross_entropy")
REGRESSION = Signature("regression", (), (), (), (("o", "output_size"),), (), (), (), "mse")


def zeros(*shape: int, dtype: Any = np.float32) -> Any:
    return np.zeros(shape, dtype)


def of_target(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_target(READOUT, value, {"output_size": 7}, STEPS, BATCH, F32, "forward", device)


def of_values(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_target(REGRESSION, value, {"output_size": 7}, STEPS, BATCH, F32, "forward", device)


def of_weight(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_weight(READOUT, value, STEPS, BATCH, F32, "forward", device)


BAD_WEIGHT = zeros(STEPS, BATCH)
BAD_WEIGHT[3, 1] = -1.0
NAN_WEIGHT = zeros(STEPS, BATCH)
NAN_WEIGHT[4, 0] = np.nan
BAD_IDS = zeros(STEPS, BATCH, dtype=np.uint8)
BAD_IDS[2, 1] = BAD_IDS[3, 0] = 7

REFUSALS: list[tuple[Callable[..., Any], Any, type[Exception], str]] = [
    (of_target, BAD_IDS, ValueError, "readout.forward: target: expected ids from 0 to 6, received 7 at [2, 1]"),
    (of_target, np.full((5, 2), -1), ValueError, "received -1 at [0, 0]"),
    (
        of_target,
        zeros(5, 3, dtype=int),
        ValueError,
        "expected integer array of shape (T=5, B=2), received int64 array of s",
    ),
    (of_target, zeros(5, 2), ValueError, "expected float32 array of shape (T=5, B=2, output_size=7), received float32"),
    (
        of_target,
        zeros(5, 2, 7, dtype=np.float64),
        TypeError,
        "integer array of shape (T=5, B=2) or float32 array of shape",
    ),
    (of_target, [[1]], TypeError, "received a list"),
    (of_target, np.ma.masked_array(zeros(5, 2, dtype=int)), TypeError, "its mask would be ignored"),
    (
        of_values,
        zeros(5, 2, dtype=int),
        TypeError,
        "regression.forward: target: expected float32 array of shape (T=5, B=2, ",
    ),
    (of_values, zeros(5, 2, 6), ValueError, "received float32 array of shape (5, 2, 6)"),
    (of_weight, BAD_WEIGHT, ValueError, "weight: expected finite weights of at least 0, received -1.0 at [3, 1]"),
    (of_weight, NAN_WEIGHT, ValueError, "received nan at [4, 0]"),
    (of_weight, np.full((5, 2), np.inf, F32), ValueError, "received inf at [0, 0]"),
    (of_weight, zeros(5, 2, dtype=bool), TypeError, "expected float32 array of shape (T=5, B=2), received bool array"),
    (of_weight, zeros(2, 5), ValueError, "received float32 array of shape (2, 5)"),
]


@pytest.mark.parametrize(
    ("check", "value", "error", "fragment"),
    REFUSALS,
    ids=[f"{check.__name__}-{index}" for index, (check, *_) in enumerate(REFUSALS)],
)
def test_refusal(check: Callable[..., Any], value: Any, error: type[Exception], fragment: str) -> None:
    with pytest.raises(error, match=re.escape(fragment)) as caught:
        check(value)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_a_loss_is_error_enough() -> None:
    (dy,), nothing = arrays.check_errors(READOUT, None, None, {"output_size": 7}, STEPS, BATCH, F32, "backward")
    assert dy.shape == (STEPS, BATCH, 7)
    assert nothing == ()


def test_targets_and_weights() -> None:
    for dtype in (np.int64, np.uint8, ">i4"):
        ids = of_target(np.full((STEPS, BATCH), 6, dtype))
        assert ids.dtype == np.int64
        assert (ids == 6).all()
    for check in (of_target, of_values):
        given = np.asfortranarray(np.full((STEPS, BATCH, 7), 1 / 7, F32))
        result = check(given)
        assert result.flags.c_contiguous
        np.testing.assert_array_equal(result, given)
    ones = of_weight(None)
    assert ones.dtype == F32
    np.testing.assert_array_equal(ones, np.ones((STEPS, BATCH)))
    assert of_weight(zeros(STEPS, BATCH)).shape == (STEPS, BATCH)
