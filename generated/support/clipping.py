"""Clipping of parameter gradients, by their global norm and by value."""

from __future__ import annotations

import math
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class HasParams(Protocol):
    """The Grads of any cell: a NamedTuple whose field `params` is a NamedTuple of arrays."""

    @property
    def params(self) -> Any: ...

    def _replace(self, *, params: Any) -> Self: ...


G = TypeVar("G", bound=HasParams)


def clip_by_norm(grads: G, max_norm: float) -> tuple[G, float]:
    """`grads` with all of `grads.params` scaled together to a norm of at most `max_norm`, and the norm before.

    The norm is the L2 norm over all parameters (Pascanu et al. 2013, algorithm 1), taken in float64 for either dtype.
    `grads.x` and `grads.state` stay as they are. The argument is never modified: it comes back itself where
    the norm is within the bound, and also where the norm is NaN or infinite, since no scale would mend that; the
    caller sees it from the norm. Raises ValueError unless `max_norm` is above 0.
    """
    if not max_norm > 0.0:
        raise ValueError(f"clip_by_norm: max_norm: expected a number above 0, received {max_norm!r}")
    norm = global_norm(tuple(grads.params))
    if norm <= max_norm or not math.isfinite(norm):
        return grads, norm
    scale = max_norm / norm
    scaled = (np.multiply(array, scale, dtype=np.float64).astype(array.dtype) for array in grads.params)
    return _with_params(grads, scaled), norm


def clip_by_value(grads: G, limit: float) -> G:
    """`grads` with every entry of `grads.params` brought into [-limit, limit]; NaN stays NaN.

    `grads.x` and `grads.state` stay as they are, and the argument is not modified. Raises ValueError unless `limit`
    is above 0.
    """
    if not limit > 0.0:
        raise ValueError(f"clip_by_value: limit: expected a number above 0, received {limit!r}")
    return _with_params(grads, (np.clip(array, -limit, limit) for array in grads.params))


def global_norm(arrays: tuple[Array, ...]) -> float:
    """The L2 norm of all entries of `arrays` together, in float64; entries are scaled first, so that no square
    overflows or vanishes. 0 for no arrays; NaN or infinite where an entry is."""
    largest = max((float(np.max(np.abs(array))) for array in arrays), default=0.0, key=_nan_last)
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(
        sum(float(np.sum(np.square(np.divide(array, largest, dtype=np.float64)))) for array in arrays)
    )


def _nan_last(value: float) -> tuple[bool, float]:
    """A key of order in which NaN is the largest number: `max` alone would lose it."""
    return math.isnan(value), value


def _with_params(grads: G, arrays: Any) -> G:
    """`grads` with other arrays as its parameters; a scalar stays an array of shape ()."""
    return grads._replace(params=type(grads.params)(*(np.asarray(array) for array in arrays)))
