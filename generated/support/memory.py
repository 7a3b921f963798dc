"""Memory for the arrays of a call: fresh, used again once dropped, or that of a workspace which the caller keeps.

Fresh memory costs as much as the arithmetic of a short call: the system hands it out page by page, and clears each.
`empty` and `zeros` give what the caller gets: fresh arrays. `arrays` gives what nobody but the call and its tape refers
to: blocks whose arrays have all been dropped are kept for later calls, at most a few of them, and no more than were in
use at one time; `release` hands them back to the system. `within` a `Workspace` all three take the memory of that one.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import numpy as np

from generated.support.expected import Array, Dtype, describe
from generated.support.workspaces import LINE, PAGE, RUNNING, STAGGER, Lease, Workspace, from_line

_SMALL = 1 << 16
"""Bytes below which every array is allocated by itself: there the allocator of NumPy needs no fresh pages."""
_SUMS = np.dtype(np.float64)
"""The dtype of sums over steps and sequences."""
_WASTE = 4
"""How many times as large as what is asked for a block may be."""


class _Blocks:
    """The blocks that are in nobody's use, and those on loan by the address of the loan.

    NumPy lets a view refer past other arrays to the one that owns the memory; it stops at what is no array. So a loan
    is an array made of a memoryview, and lives as long as any view of it.
    """

    def __init__(self, most_free: int = 8) -> None:
        self.most_free = most_free
        self.free: list[memoryview] = []
        self.lock = threading.Lock()
        self.loans: dict[int, weakref.ref[Array]] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.unlock)

    def unlock(self) -> None:
        """In a forked process no other thread is left that could hold the lock."""
        self.lock = threading.Lock()

    def lend(self, size: int) -> Array:
        """At least `size` bytes from a cache line on, which come back when the last array in them is dropped."""
        size = max(size, LINE)
        with self.lock:
            best = -1
            for number, free in enumerate(self.free):
                if size <= len(free) <= _WASTE * size and (best < 0 or len(free) < len(self.free[best])):
                    best = number
            block = memoryview(from_line(np.empty(size + LINE, np.uint8), size)) if best < 0 else self.free.pop(best)
            del self.free[: -self.most_free]
        loan = np.frombuffer(block, np.uint8)
        reference = weakref.ref(loan, lambda reference: self.take_back(reference, block))
        self.loans[id(reference)] = reference
        return loan

    def take_back(self, reference: weakref.ref[Array], block: memoryview) -> None:
        """The last array of a loan has been dropped, in whatever thread: no lock is waited for here."""
        del self.loans[id(reference)]
        self.free.append(block)
        if len(self.free) > self.most_free and self.lock.acquire(blocking=False):
            del self.free[: -self.most_free]
            self.lock.release()

    def clear(self) -> None:
        with self.lock:
            self.free.clear()


_BLOCKS = _Blocks()


_NOWHERE: AbstractContextManager[None] = nullcontext()


def within(workspace: object, cell: str, kind: type[Workspace] = Workspace) -> AbstractContextManager[None]:
    """The arrays of a forward pass come from `workspace` as long as this context lasts; None changes nothing.

    Raises TypeError for what is no workspace of this `kind`, ValueError where another thread or a tape uses it.
    """
    if workspace is None:
        return _NOWHERE
    if not isinstance(workspace, Workspace) or type(workspace) is not kind:
        raise TypeError(f"{cell}.forward: workspace: expected a Workspace, received {describe(workspace)}")
    return workspace.forward(f"{cell}.forward")


def behind(lease: Lease, cell: str) -> AbstractContextManager[None]:
    """The arrays of a backward pass come from where those of its tape do."""
    return _NOWHERE if lease.workspace is None else lease.workspace.backward(f"{cell}.backward")


def keep(lease: Lease) -> None:
    """What the running call has taken from its workspace belongs to the tape of `lease` from now on."""
    if RUNNING.workspace is not None:
        RUNNING.workspace.keep(lease)


def again() -> AbstractContextManager[None]:
    """What is taken from a workspace inside this context is free again behind it."""
    return _NOWHERE if RUNNING.workspace is None else RUNNING.workspace.again()


def start(values: tuple[Array, ...]) -> tuple[Array, ...]:
    """The states of a caller where nothing overwrites them while the call runs."""
    return values if RUNNING.workspace is None else RUNNING.workspace.start(values)


def refuse_own(place: str, **arguments: object) -> None:
    """Raise ValueError where an argument lies in what the running call is about to overwrite."""
    if RUNNING.workspace is not None:
        RUNNING.workspace.refuse_own(place, arguments)


def empty(shape: Sequence[int], dtype: Dtype) -> Array:
    """An uninitialised array that is handed out to the caller."""
    return np.empty(shape, dtype) if RUNNING.workspace is None else RUNNING.workspace.take(shape, dtype)


def aligned(size: int, dtype: Dtype) -> Array:
    """An uninitialised array (`size`,) that starts at a cache line, so that no load in it spans two of them."""
    if RUNNING.workspace is None:
        return np.ndarray((size,), dtype, _BLOCKS.lend(size * dtype.itemsize))
    return from_line(RUNNING.workspace.take((size + LINE // dtype.itemsize,), dtype), size)


def zeros(shape: Sequence[int], dtype: Dtype = _SUMS) -> Array:
    """An array of zeros."""
    if RUNNING.workspace is None:
        return np.zeros(shape, dtype)
    array = RUNNING.workspace.take(shape, dtype)
    array.fill(0)
    return array


def copied(array: Array, dtype: Dtype | None = None) -> Array:
    """A copy of `array` in C order, of its own dtype or of another one."""
    if RUNNING.workspace is None:
        return array.astype(dtype or array.dtype, order="C")
    copy = RUNNING.workspace.take(array.shape, dtype or array.dtype)
    copy[...] = array
    return copy


def concatenated(pieces: Sequence[Array]) -> Array:
    """The pieces one behind the other along the first axis."""
    rows = sum(len(piece) for piece in pieces)
    return np.concatenate(pieces, out=empty((rows, *pieces[0].shape[1:]), pieces[0].dtype))


def arrays(dtype: Dtype, *shapes: tuple[int, ...]) -> list[Array]:
    """Uninitialised arrays of these shapes, in C order, for a call and its tape."""
    if RUNNING.workspace is not None:
        return [RUNNING.workspace.take(shape, dtype) for shape in shapes]
    sizes, total = _extents(dtype.itemsize, shapes)
    if total < _SMALL:
        return [np.empty(shape, dtype) for shape in shapes]
    loan, offset, given = _BLOCKS.lend(total), 0, []
    for shape, size in zip(shapes, sizes, strict=True):
        given.append(np.ndarray(shape, dtype, loan, offset))
        offset += size
    return given


@lru_cache(maxsize=256)
def _extents(itemsize: int, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], int]:
    """The bytes of arrays of these shapes, each with the distance to the next one, and of all together."""
    sizes = tuple(-(-math.prod(shape) * itemsize // LINE) * LINE + STAGGER for shape in shapes)
    return sizes, sum(sizes)


def row(columns: int, dtype: Dtype) -> int:
    """How many elements a row of `columns` gets in a matrix that is also read column by column.

    Where all rows start at the same place of a page, elements below each other meet in one set of the caches.
    """
    return columns + LINE // dtype.itemsize if columns * dtype.itemsize % PAGE == 0 else columns


def release() -> None:
    """Hand the unused blocks back to the system."""
    _BLOCKS.clear()
