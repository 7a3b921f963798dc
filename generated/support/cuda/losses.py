"""Losses on whole sequences, on a device: the value for the forward pass, the adjoint for the backward.

The formulas, and what a weight of 0 means, are those of `generated.support.losses`; all is computed in float64 and
rounded once. Nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from generated.support.cuda.devices import Array, Device
from generated.support.memory import copied


def softmax_cross_entropy(device: Device, o: Array, target: Array, weight: Array) -> Array:
    """J for l = - sum over j of target_j log softmax(o)_j, shape ()."""
    shifted = _shifted(device, o, weight)
    logarithms = shifted - device.xp.log(device.xp.exp(shifted).sum(axis=2, keepdims=True))
    if target.ndim == 2:
        rows = -device.xp.take_along_axis(logarithms, target[:, :, None], axis=2)[:, :, 0]
    else:
        # A class of probability 0 adds nothing, whatever its logit: 0 times infinity would be NaN.
        rows = -device.xp.where(target != 0, target * logarithms, 0.0).sum(axis=2)
    return _mean(device, rows, o, weight)


def softmax_cross_entropy_adjoint(device: Device, o: Array, target: Array, weight: Array) -> Array:
    """dJ/do (T, B, O): dl/do = (sum of target) softmax(o) - target, with an id as its unit vector."""
    exponentials = device.xp.exp(_shifted(device, o, weight))
    softmax = exponentials / exponentials.sum(axis=2, keepdims=True)
    if target.ndim == 2:
        errors = softmax - (device.xp.arange(o.shape[2]) == target[:, :, None])
    else:
        errors = target.astype(np.float64).sum(axis=2, keepdims=True) * softmax - target
    return _weighted(device, errors, o, weight)


def mse(device: Device, o: Array, target: Array, weight: Array) -> Array:
    """J for l = mean over j of (o_j - target_j)², shape ()."""
    difference = o.astype(np.float64) - target
    return _mean(device, (difference * difference).mean(axis=2), o, weight)


def mse_adjoint(device: Device, o: Array, target: Array, weight: Array) -> Array:
    """dJ/do (T, B, O): dl/do = 2/O (o - target)."""
    return _weighted(device, (o.astype(np.float64) - target) * (2.0 / o.shape[2]), o, weight)


VALUE: Mapping[str, Callable[[Device, Array, Array, Array], Array]] = MappingProxyType(
    {"softmax_cross_entropy": softmax_cross_entropy, "mse": mse}
)
ADJOINT: Mapping[str, Callable[[Device, Array, Array, Array], Array]] = MappingProxyType(
    {"softmax_cross_entropy": softmax_cross_entropy_adjoint, "mse": mse_adjoint}
)


def errors(loss: str, device: Device, o: Array, target: Array, weight: Array, given: Array) -> Array:
    """dJ/do for the named loss, plus the error that a caller has given."""
    total = copied(given)
    total += ADJOINT[loss](device, o, target, weight)
    return total


def _shifted(device: Device, o: Array, weight: Array) -> Array:
    """The logits less the largest of each row, in float64; 0 in a row that does not count."""
    rows = device.xp.where((weight != 0)[:, :, None], o, o.dtype.type(0)).astype(np.float64)
    return rows - rows.max(axis=2, keepdims=True)


def _share(weight: Array) -> Array:
    """weight / sum of weight, in float64; 0 where that sum is."""
    share = weight.astype(np.float64)
    total = share.sum()
    return share / (total + (total == 0))


def _mean(device: Device, rows: Array, o: Array, weight: Array) -> Array:
    """The weighted mean of the losses of all rows, rounded to the dtype of `o`; a row of weight 0 is absent."""
    if not rows.size:
        return device.zeros((), o.dtype)
    return device.xp.where(weight != 0, _share(weight) * rows, 0.0).sum().astype(o.dtype)


def _weighted(device: Device, errors: Array, o: Array, weight: Array) -> Array:
    """The errors of all rows, weighted, in the dtype of `o`; exactly 0 where the weight is."""
    if not errors.size:
        return device.zeros(o.shape, o.dtype)
    return device.xp.where((weight != 0)[:, :, None], _share(weight)[:, :, None] * errors, 0.0).astype(o.dtype)
