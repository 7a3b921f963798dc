"""Small array operations of the reference modules, which keep every step of every variable.

Arrays have T+2 rows along time: row 0 is the value before the first step, rows 1 to T are the steps, row T+1 stands
behind the last one and is never alive.
"""

from __future__ import annotations

import numpy as np

from generated.support.expected import Array, Dtype


class Mask:
    """Which sequences are alive at which row; beyond its length a sequence adds nothing to any adjoint."""

    def __init__(self, lengths: Array, steps: int) -> None:
        rows = np.arange(steps + 2)[:, None]
        self._alive = ((rows >= 1) & (rows <= lengths[None, :]))[:, :, None]

    def at(self, t: int, term: Array) -> Array:
        """`term` (B, n), or anything that broadcasts to it, where the sequence is alive at row t; else 0."""
        return np.where(self._alive[t], term, np.zeros((), np.asarray(term).dtype))


def rows(steps: int, batch: int, size: int, dtype: Dtype, first: Array | None = None) -> Array:
    """Zeros (T+2, B, size), with `first` in row 0."""
    values = np.zeros((steps + 2, batch, size), dtype)
    if first is not None:
        values[0] = first
    return values


def placed(values: Array, dtype: Dtype, first: Array | None = None) -> Array:
    """`values` (T, B, size) in rows 1 to T."""
    steps, batch, size = values.shape
    result = rows(steps, batch, size, dtype, first)
    result[1 : steps + 1] = values
    return result


def last(error: Array, lengths: Array, steps: int) -> Array:
    """The error (B, size) on the last state, in the row of each sequence's last step."""
    batch, size = error.shape
    result = rows(steps, batch, size, error.dtype)
    result[lengths, np.arange(batch)] = error
    return result


def outer(adjoint: Array, operand: Array) -> Array:
    """The sum over the batch of adjoint times operandᵀ; either may be timeless, without a batch axis."""
    if adjoint.ndim == operand.ndim == 2:
        return adjoint.T @ operand
    return np.outer(
        adjoint.sum(axis=0) if adjoint.ndim == 2 else adjoint, operand.sum(axis=0) if operand.ndim == 2 else operand
    )


def summed(term: Array, shape: tuple[int, ...]) -> Array:
    """`term` summed over the batch and, for a scalar, over the units: to `shape`."""
    term = np.asarray(term)
    extra = tuple(range(term.ndim - len(shape)))
    return np.broadcast_to(term.sum(axis=extra), shape)
