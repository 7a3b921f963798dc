"""Central differences, judged by the order at which their error falls.

(J(θ + h v) - J(θ - h v)) / 2h differs from the true derivative by c h² until rounding takes over. A gradient is right
if the difference between the two falls by a factor of four when h is halved, down to the floor that rounding sets; a
wrong gradient leaves a difference that no h removes. No fixed tolerance decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from derive.check.samples import Array, Sample

Value = Callable[[Sample], tuple[float, float]]

STEPS = tuple(2.0**-k for k in (9, 10, 11, 12, 13))
# Rounding of J, of two such values and of the sums behind them, in units of the last place of the sum of magnitudes.
ROUNDING = 64 * float(np.finfo(np.float64).eps)
# Halving h divides a second-order error by 4; 3 leaves room for the next order.
FALL = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one direction: the last error, the floor that rounding sets there, and the last fall."""

    passed: bool
    error: float
    floor: float
    fall: float


def slopes(value: Value, sample: Sample, name: str, direction: Array, steps: Sequence[float] = STEPS) -> list[Array]:
    """For each h the central difference along `direction` and its rounding floor."""
    base = sample.leaves[name]
    pairs = []
    for h in steps:
        above, size = value(sample.with_leaf(name, base + h * direction))
        below, _ = value(sample.with_leaf(name, base - h * direction))
        pairs.append(np.array([(above - below) / (2 * h), ROUNDING * size / h]))
    return pairs


def judge(value: Value, sample: Sample, name: str, direction: Array, derived: float) -> Verdict:
    """Whether `derived` is the derivative of J along `direction` of the leaf `name`."""
    pairs = slopes(value, sample, name, direction)
    errors = [abs(float(slope) - derived) for slope, _ in pairs]
    floors = [float(floor) for _, floor in pairs]
    fall = errors[-2] / errors[-1] if errors[-1] else np.inf
    falling = all(
        errors[index + 1] <= errors[index] / FALL or errors[index + 1] <= floors[index + 1]
        for index in (len(errors) - 3, len(errors) - 2)
    )
    return Verdict(bool(np.isfinite(errors).all() and falling), errors[-1], floors[-1], float(fall))


def entries(array: Array) -> Sequence[Array]:
    """The directions along the single entries of `array`."""
    directions = []
    for index in np.ndindex(array.shape):
        direction = np.zeros_like(array)
        direction[index] = 1.0
        directions.append(direction)
    return directions


def estimate(value: Value, sample: Sample) -> dict[str, tuple[Array, Array]]:
    """The gradient by every entry of every leaf from differences alone, with a bound of its error.

    Richardson: two second-order differences combine to one of fourth order; the bound is what that changed, and
    rounding.
    """
    result = {}
    for name, leaf in sample.leaves.items():
        gradient, bound = np.zeros_like(leaf), np.zeros_like(leaf)
        for index, direction in zip(np.ndindex(leaf.shape), entries(leaf), strict=True):
            (coarse, _), (fine, floor) = slopes(value, sample, name, direction, (2.0**-9, 2.0**-10))
            gradient[index] = fine + (fine - coarse) / 3
            bound[index] = abs(fine - coarse) / 64 + 4 * floor
        result[name] = (gradient, bound)
    return result
