"""The judge of gradients: it accepts what falls by the second order, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from derive.check.differences import entries, estimate, judge
from derive.check.samples import Sample
from derive.equations import parse

EQUATIONS = parse("h = tanh(W @ x + U @ h[t-1] + b)")
POINT = np.array([0.3, -0.7])


def sample(point: np.ndarray) -> Sample:
    return Sample(EQUATIONS, {"b": point}, (), (), None, None, None)


def smooth(item: Sample) -> tuple[float, float]:
    total = float(np.sin(item.leaves["b"]).sum() * np.exp(item.leaves["b"][0]))
    return total, abs(total) + 1.0


def gradient(point: np.ndarray) -> np.ndarray:
    first, second = point
    growth = np.exp(first)
    return np.array([growth * (np.cos(first) + np.sin(first) + np.sin(second)), growth * np.cos(second)])


@pytest.mark.parametrize("entry", [0, 1])
def test_the_derivative_is_accepted_and_its_error_falls_by_four(entry: int) -> None:
    direction = entries(POINT)[entry]
    verdict = judge(smooth, sample(POINT), "b", direction, gradient(POINT)[entry])
    assert verdict.passed
    assert verdict.error <= verdict.floor or 3.5 < verdict.fall < 4.5


@pytest.mark.parametrize("relative", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_wrong_derivative_is_refused(relative: float, sign: float) -> None:
    wrong = gradient(POINT)[1] * (1 + sign * relative)
    assert not judge(smooth, sample(POINT), "b", entries(POINT)[1], wrong).passed


def test_a_derivative_that_is_no_number_is_refused() -> None:
    assert not judge(smooth, sample(POINT), "b", entries(POINT)[0], np.nan).passed


def test_differences_alone_give_the_gradient_within_their_bound() -> None:
    estimated, bound = estimate(smooth, sample(POINT))["b"]
    assert np.all(np.abs(estimated - gradient(POINT)) <= bound)
    assert np.all(bound < 1e-7)
