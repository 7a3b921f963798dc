"""Losses on whole sequences: the value for the forward pass, the adjoint of what the loss reads for the backward.

Every function takes `o` (T, B, O), `target` and `weight` (T, B), as `arrays.check_target` and `arrays.check_weight`
return them. With l(t,b) the loss of one row,

    J = sum of weight * l / sum of weight,    dJ/do = weight / (sum of weight) * dl/do,

and J = 0 where the weights sum to 0. A row of weight 0 counts as absent: it may hold NaN or infinities, and its adjoint
is exactly 0. A NaN elsewhere makes J NaN, and the adjoint NaN in its own row only. All is computed in float64 and
rounded once to the dtype of `o`, in blocks of rows, which stay in the caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from generated.support import memory
from generated.support.expected import Array

_BLOCK = 1 << 14
"""Numbers in a block of rows."""


def softmax_cross_entropy(o: Array, target: Array, weight: Array) -> np.floating[Any]:
    """J for l = - sum over j of target_j log softmax(o)_j, with log-sum-exp, so that no logit over- or underflows.

    `target` holds integer ids (T, B) or distributions (T, B, O).
    """

    def of_rows(rows: Array, wanted: Array) -> Array:
        shifted = rows - np.max(rows, axis=1, keepdims=True)
        log_sum = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        if wanted.ndim == 1:
            return (log_sum - np.take_along_axis(shifted, wanted[:, None], axis=1))[:, 0]
        # A class of probability 0 adds nothing, whatever its logit: 0 times infinity would be NaN.
        return np.sum(np.multiply(wanted, log_sum - shifted, out=np.zeros_like(rows), where=wanted != 0.0), axis=1)

    return _value(of_rows, o, target, weight)


def softmax_cross_entropy_adjoint(o: Array, target: Array, weight: Array) -> Array:
    """dJ/do (T, B, O) for `softmax_cross_entropy`: dl/do = softmax(o) - target, with an id as its unit vector.

    A target that does not sum to 1 has dl/do = (sum of target) softmax(o) - target, the exact gradient of the value.
    """

    def of_rows(rows: Array, wanted: Array) -> Array:
        exponentials = np.exp(rows - np.max(rows, axis=1, keepdims=True))
        softmax = exponentials / np.sum(exponentials, axis=1, keepdims=True)
        if wanted.ndim == 1:
            softmax[np.arange(len(rows)), wanted] -= 1.0
            return softmax
        return np.sum(wanted, axis=1, keepdims=True) * softmax - wanted

    return _adjoint(of_rows, o, target, weight)


def mse(o: Array, target: Array, weight: Array) -> np.floating[Any]:
    """J for l = mean over j of (o_j - target_j)²: a mean over units too, so that J does not grow with O."""
    return _value(lambda rows, wanted: np.mean(np.square(rows - wanted), axis=1), o, target, weight)


def mse_adjoint(o: Array, target: Array, weight: Array) -> Array:
    """dJ/do (T, B, O) for `mse`: dl/do = 2/O (o - target)."""
    return _adjoint(lambda rows, wanted: (rows - wanted) * (2.0 / o.shape[2]), o, target, weight)


VALUE: Mapping[str, Callable[[Array, Array, Array], np.floating[Any]]] = MappingProxyType(
    {"softmax_cross_entropy": softmax_cross_entropy, "mse": mse}
)
ADJOINT: Mapping[str, Callable[[Array, Array, Array], Array]] = MappingProxyType(
    {"softmax_cross_entropy": softmax_cross_entropy_adjoint, "mse": mse_adjoint}
)


def errors(loss: str, o: Array, target: Array, weight: Array, given: Array) -> Array:
    """dJ/do for the named loss, plus the error that a caller has given."""
    adjoint = ADJOINT[loss](o, target, weight)
    return np.add(adjoint, given, out=adjoint)


def _value(losses: Callable[[Array, Array], Array], o: Array, target: Array, weight: Array) -> np.floating[Any]:
    """The weighted mean of the losses of all rows, rounded to the dtype of `o`."""
    share = _share(weight)
    with np.errstate(invalid="ignore", over="ignore"):
        for part, _, rows, wanted in _blocks(o, target, weight):
            share[part] *= losses(rows, wanted)
        total: np.floating[Any] = np.sum(share).astype(o.dtype)
    return total


def _adjoint(errors: Callable[[Array, Array], Array], o: Array, target: Array, weight: Array) -> Array:
    """The errors of all rows, weighted, at their places in an array like `o`; 0 elsewhere."""
    share = _share(weight)
    adjoint = memory.zeros(o.shape, o.dtype)
    flat = adjoint.reshape(-1, o.shape[2])
    with np.errstate(invalid="ignore", over="ignore"):
        for part, numbers, rows, wanted in _blocks(o, target, weight):
            flat[numbers] = share[part, None] * errors(rows, wanted)
    return adjoint


def _share(weight: Array) -> Array:
    """Of the rows of non-zero weight, one behind the other: weight / sum of weight."""
    share = memory.empty((weight.size,), np.dtype(np.float64))
    end = 0
    for part, numbers in _counted(weight, 1):
        share[part] = weight.reshape(-1)[numbers]
        end = part.stop
    share = share[:end]
    share /= np.sum(share)
    return share


def _blocks(o: Array, target: Array, weight: Array) -> Iterator[tuple[slice, Array, Array, Array]]:
    """The rows of non-zero weight: where they stand among these, and among all; `o` and `target` in float64, or ids."""
    size = o.shape[2]
    rows, targets = o.reshape(-1, size), target.reshape(weight.size, *target.shape[2:])
    for part, numbers in _counted(weight, size):
        wanted = targets[numbers]
        yield part, numbers, rows[numbers].astype(np.float64), wanted if wanted.ndim == 1 else wanted.astype(np.float64)


def _counted(weight: Array, size: int) -> Iterator[tuple[slice, Array]]:
    """The numbers of the rows of non-zero weight in blocks, with the part that each is of all such rows."""
    flat, height, end = weight.reshape(-1), max(1, _BLOCK // size), 0
    for start in range(0, len(flat), height):
        numbers = start + np.flatnonzero(flat[start : start + height])
        begin, end = end, end + len(numbers)
        yield slice(begin, end), numbers
