"""Memory for the arrays of a call that nobody but the call and its tape refers to, used again once they are dropped.

Fresh memory costs as much as the arithmetic of a short call: the system hands it out page by page, and clears each.
Blocks whose arrays have all been dropped are kept for later calls, at most a few of them, and no more than were in use
at one time; `release` hands them back to the system.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Sequence

import numpy as np

from generated.support.expected import Array, Dtype

_SMALL = 1 << 16
"""Bytes below which every array is allocated by itself: there the allocator of NumPy needs no fresh pages."""
_LINE = 64
"""Bytes of a cache line. Every array starts at one."""
_PAGE = 4096
"""Bytes of a page."""
_STAGGER = 3 * _LINE
"""Bytes between arrays, so that rows of the same number in several arrays do not meet in one set of the caches."""
_MOST_FREE = 4
"""How many unused blocks are kept."""
_WASTE = 4
"""How many times as large as what is asked for a block may be."""


class _Blocks:
    """The blocks that are in nobody's use, and those on loan by the address of the loan."""

    def __init__(self) -> None:
        self.free: list[Array] = []
        self.lock = threading.Lock()
        self.loans: dict[int, weakref.ref[memoryview]] = {}

    def lend(self, size: int) -> memoryview:
        """At least `size` bytes, which come back when the last array in them is dropped."""
        with self.lock:
            fitting = [number for number, block in enumerate(self.free) if size <= len(block) <= _WASTE * size]
            best = min(fitting, key=lambda number: len(self.free[number]), default=None)
            block = np.empty(size, np.uint8) if best is None else self.free.pop(best)
        loan = memoryview(block)
        reference = weakref.ref(loan, lambda reference: self.take_back(reference, block))
        self.loans[id(reference)] = reference
        return loan

    def take_back(self, reference: weakref.ref[memoryview], block: Array) -> None:
        """The last array of a loan has been dropped, in whatever thread: no lock is waited for here."""
        del self.loans[id(reference)]
        self.free.append(block)
        if len(self.free) > _MOST_FREE and self.lock.acquire(blocking=False):
            del self.free[:-_MOST_FREE]
            self.lock.release()


_BLOCKS = _Blocks()


def arrays(dtype: Dtype, *shapes: Sequence[int]) -> list[Array]:
    """Uninitialised arrays of these shapes, in C order."""
    sizes = [-(-math.prod(shape) * dtype.itemsize // _LINE) * _LINE + _STAGGER for shape in shapes]
    total = sum(sizes)
    if total < _SMALL:
        return [np.empty(shape, dtype) for shape in shapes]
    loan = _BLOCKS.lend(total + _LINE)
    offset = -np.frombuffer(loan, np.uint8).ctypes.data % _LINE
    given = []
    for shape, size in zip(shapes, sizes, strict=True):
        given.append(np.ndarray(tuple(shape), dtype, loan, offset))
        offset += size
    return given


def row(columns: int, dtype: Dtype) -> int:
    """How many elements a row of `columns` gets in a matrix that is also read column by column.

    Where all rows start at the same place of a page, elements below each other meet in one set of the caches.
    """
    return columns + _LINE // dtype.itemsize if columns * dtype.itemsize % _PAGE == 0 else columns


def release() -> None:
    """Hand the unused blocks back to the system."""
    _BLOCKS.free.clear()
