"""Losses on whole sequences: the value for the forward pass, the adjoint of what the loss reads for the backward.

Every function takes `o` (T, B, O), `target` and `weight` (T, B), as `arrays.check_target` and `arrays.check_weight`
return them. With l(t,b) the loss of one row,

    J = sum of weight * l / sum of weight,    dJ/do = weight / (sum of weight) * dl/do,

and J = 0 where the weights sum to 0. A row of weight 0 counts as absent: it may hold NaN or infinities, and its adjoint
is exactly 0. A NaN elsewhere makes J NaN, and the adjoint NaN in its own row only. All is computed in float64 and
rounded once to the dtype of `o`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from generated.support import memory
from generated.support.expected import Array


def softmax_cross_entropy(o: Array, target: Array, weight: Array) -> np.floating[Any]:
    """J for l = - sum over j of target_j log softmax(o)_j, with log-sum-exp, so that no logit over- or underflows.

    `target` holds integer ids (T, B) or distributions (T, B, O).
    """
    rows, wanted, share = _rows(o, target, weight)
    with np.errstate(invalid="ignore"):
        shifted = rows - np.max(rows, axis=1, keepdims=True)
        log_sum = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        if wanted.ndim == 1:
            losses = (log_sum - np.take_along_axis(shifted, wanted[:, None], axis=1))[:, 0]
        else:
            # A class of probability 0 adds nothing, whatever its logit: 0 times infinity would be NaN.
            terms = np.multiply(wanted, log_sum - shifted, out=np.zeros_like(rows), where=wanted != 0.0)
            losses = np.sum(terms, axis=1)
    return _total(losses, share, o.dtype)


def softmax_cross_entropy_adjoint(o: Array, target: Array, weight: Array) -> Array:
    """dJ/do (T, B, O) for `softmax_cross_entropy`: dl/do = softmax(o) - target, with an id as its unit vector.

    A target that does not sum to 1 has dl/do = (sum of target) softmax(o) - target, the exact gradient of the value.
    """
    rows, wanted, share = _rows(o, target, weight)
    with np.errstate(invalid="ignore"):
        exponentials = np.exp(rows - np.max(rows, axis=1, keepdims=True))
        errors = exponentials / np.sum(exponentials, axis=1, keepdims=True)
    if wanted.ndim == 1:
        errors[np.arange(len(rows)), wanted] -= 1.0
    else:
        errors = np.sum(wanted, axis=1, keepdims=True) * errors - wanted
    return _scatter(errors, share, o, weight)


def mse(o: Array, target: Array, weight: Array) -> np.floating[Any]:
    """J for l = mean over j of (o_j - target_j)²: a mean over units too, so that J does not grow with O."""
    rows, wanted, share = _rows(o, target, weight)
    with np.errstate(invalid="ignore", over="ignore"):
        return _total(np.mean(np.square(rows - wanted), axis=1), share, o.dtype)


def mse_adjoint(o: Array, target: Array, weight: Array) -> Array:
    """dJ/do (T, B, O) for `mse`: dl/do = 2/O (o - target)."""
    rows, wanted, share = _rows(o, target, weight)
    with np.errstate(invalid="ignore", over="ignore"):
        return _scatter((rows - wanted) * (2.0 / o.shape[2]), share, o, weight)


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


def _rows(o: Array, target: Array, weight: Array) -> tuple[Array, Array, Array]:
    """The N rows of non-zero weight: `o` (N, O), `target` (N,) or (N, O), and weight / sum of weight (N,)."""
    counted = weight != 0.0
    share = weight[counted].astype(np.float64)
    share /= np.sum(share)
    wanted = target[counted]
    if wanted.ndim == 2:
        wanted = wanted.astype(np.float64)
    return o[counted].astype(np.float64), wanted, share


def _total(losses: Array, share: Array, dtype: np.dtype[Any]) -> np.floating[Any]:
    """The weighted mean of the rows' losses, rounded to `dtype`."""
    with np.errstate(invalid="ignore", over="ignore"):
        total: np.floating[Any] = np.sum(share * losses).astype(dtype)
    return total


def _scatter(errors: Array, share: Array, o: Array, weight: Array) -> Array:
    """The rows' errors, weighted, at their places in an array like `o`; 0 elsewhere."""
    adjoint = memory.zeros(o.shape, o.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        adjoint[weight != 0.0] = share[:, None] * errors
    return adjoint
