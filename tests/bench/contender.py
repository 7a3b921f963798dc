"""What a contender is, and how its results are compared with ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.bench.cases import Arrays, Case

TOLERANCE = 3e-5
"""The largest difference in an array, as a part of the array's largest value, that counts as float32 rounding."""


class UnsupportedError(Exception):
    """A contender does not compute this case; the message says why."""


class DifferenceError(Exception):
    """A contender computes something else; the message says which array and by how much."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A contender ready to run one case.

    `run` is what is timed. `read` turns what it returns into arrays by name: "y", and with gradients "x" and the names
    of parameters and of states, the latter as "state.<name>".
    """

    run: Callable[[], Any]
    read: Callable[[Any], Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A name, the package it needs, and how it gets ready.

    `prepare` sets the number of threads of its library and raises UnsupportedError for a case that it does not compute.
    """

    name: str
    package: str
    prepare: Callable[[Case, Arrays], Prepared]


def compare(got: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> float:
    """The largest relative difference. Raises DifferenceError where names, shapes or values are not the same."""
    if set(got) != set(expected):
        raise DifferenceError(f"gives {sorted(got)}, expected {sorted(expected)}")
    worst = 0.0
    for name, wanted in expected.items():
        value = np.asarray(got[name])
        if value.shape != wanted.shape:
            raise DifferenceError(f"{name}: shape {value.shape}, expected {wanted.shape}")
        difference = float(np.abs(value - wanted).max() / np.abs(wanted).max())
        if not difference <= TOLERANCE:
            raise DifferenceError(f"{name}: off by {difference:.1e} of its largest value, allowed {TOLERANCE:.0e}")
        worst = max(worst, difference)
    return worst
