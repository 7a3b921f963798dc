"""Checks of what stands in arrays: lengths of sequences, ids of targets, weights of losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from generated.support.expected import REAL, Array


def refuse_lengths(array: Array, steps: int, place: str) -> None:
    """Raise ValueError naming the first length that is not from 0 to `steps` (T)."""
    _refuse_first((array < 0) | (array > steps), array, f"{place}: expected lengths from 0 to T={steps}")


def refuse_ids(array: Array, size: int, place: str) -> None:
    """Raise ValueError naming the first id that is not in [0, size)."""
    if array.size and (array.min() < 0 or array.max() >= size):
        _refuse_first((array < 0) | (array >= size), array, f"{place}: expected ids from 0 to {size - 1}")


def refuse_weights(array: Any, place: str, host: Callable[[Any], Array]) -> None:
    """Raise ValueError naming the first weight that is negative or not finite; `host` copies an array of a device."""
    values = array if array.dtype in REAL else array.astype(np.float32)  # CuPy cannot compare every dtype
    if not bool(((values >= 0.0) & (values < np.inf)).all()):
        array = host(array)
        _refuse_first(~((array >= 0.0) & (array < np.inf)), array, f"{place}: expected finite weights of at least 0")


def _refuse_first(bad: Array, array: Array, message: str) -> None:
    """Raise ValueError naming the first entry of `array` for which `bad` holds, if there is one."""
    places = np.argwhere(bad)
    if len(places):
        first = tuple(int(index) for index in places[0])
        raise ValueError(f"{message}, received {array[first]} at [{', '.join(map(str, first))}]")
