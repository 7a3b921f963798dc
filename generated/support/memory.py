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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np

from generated.support.expected import Array, Dtype, describe

_SMALL = 1 << 16
"""Bytes below which every array is allocated by itself: there the allocator of NumPy needs no fresh pages."""
_LINE = 64
"""Bytes of a cache line. Every array starts at one."""
_PAGE = 1 << 12
"""Bytes of a page, after which the sets of the caches repeat."""
_STAGGER = 3 * _LINE
"""Bytes between arrays, so that rows of the same number in several arrays do not meet in one set of the caches."""
_SUMS = np.dtype(np.float64)
"""The dtype of sums over steps and sequences."""
_MOST_FREE = 4
"""How many unused blocks are kept."""
_WASTE = 4
"""How many times as large as what is asked for a block may be."""


class _Loan:
    """What the arrays in a block refer to in the end.

    NumPy lets a view refer past other arrays to the one that owns the memory; it stops at what is no array. So the
    array made of a loan lives as long as any view of it.
    """

    __slots__ = ("__array_interface__", "block")

    def __init__(self, block: Array) -> None:
        self.block = block
        self.__array_interface__ = block.__array_interface__


class _Blocks:
    """The blocks that are in nobody's use, and those on loan by the address of the loan."""

    def __init__(self) -> None:
        self.free: list[Array] = []
        self.lock = threading.Lock()
        self.loans: dict[int, weakref.ref[Array]] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.unlock)

    def unlock(self) -> None:
        """In a forked process no other thread is left that could hold the lock."""
        self.lock = threading.Lock()

    def lend(self, size: int) -> Array:
        """At least `size` bytes, which come back when the last array in them is dropped."""
        with self.lock:
            fitting = [number for number, block in enumerate(self.free) if size <= len(block) <= _WASTE * size]
            best = min(fitting, key=lambda number: len(self.free[number]), default=None)
            block = np.empty(size, np.uint8) if best is None else self.free.pop(best)
            del self.free[:-_MOST_FREE]
        loan = np.asarray(_Loan(block))
        reference = weakref.ref(loan, lambda reference: self.take_back(reference, block))
        self.loans[id(reference)] = reference
        return loan

    def take_back(self, reference: weakref.ref[Array], block: Array) -> None:
        """The last array of a loan has been dropped, in whatever thread: no lock is waited for here."""
        del self.loans[id(reference)]
        self.free.append(block)
        if len(self.free) > _MOST_FREE and self.lock.acquire(blocking=False):
            del self.free[:-_MOST_FREE]
            self.lock.release()

    def clear(self) -> None:
        with self.lock:
            self.free.clear()


_BLOCKS = _Blocks()


class Lease:
    """Stands for one tape: whether `backward` has consumed it, and the workspace that its arrays lie in, if any.

    A copy, by `copy` or `pickle`, has arrays of its own and is bound to no workspace.
    """

    __slots__ = ("__weakref__", "consumed", "workspace")

    def __init__(self, consumed: bool = False, workspace: Workspace | None = None) -> None:
        self.consumed = consumed
        self.workspace = workspace

    def __reduce__(self) -> tuple[type[Lease], tuple[bool]]:
        return Lease, (self.consumed,)


class Workspace:
    """Memory that one `forward` after the other, and `backward` with its tape, use again.

    A call takes its arrays in the same order each time: the number of an array in this order is that of its block, and
    blocks grow. The arrays of `backward` follow those of the tape. One thread at a time may use a workspace.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[Array, int]] = []
        self._starts: dict[int, Array] = {}
        self._taken = 0
        self._behind_tape = 0
        self._lease: weakref.ref[Lease] | None = None
        self._running = threading.Lock()

    @contextmanager
    def forward(self, place: str) -> Iterator[None]:
        """Arrays come from the first block on; ValueError while the last tape in here can still be used."""
        with self._alone(place):
            last = self._lease() if self._lease is not None else None
            if last is not None and not last.consumed:
                remedies = "call backward(..., consume_tape=True) with it, or drop it, or use another workspace"
                raise ValueError(f"{place}: workspace: it holds a tape that is still in use: {remedies}")
            self._taken = self._behind_tape = 0
            yield

    @contextmanager
    def backward(self, place: str) -> Iterator[None]:
        """Arrays come from behind those of the tape."""
        with self._alone(place):
            self._taken = self._behind_tape
            yield

    @contextmanager
    def _alone(self, place: str) -> Iterator[None]:
        if not self._running.acquire(blocking=False):
            raise ValueError(f"{place}: workspace: another thread is using it: give each thread its own")
        _NOW.workspace = self
        try:
            yield
        finally:
            _NOW.workspace = None
            self._running.release()

    def keep(self, lease: Lease) -> None:
        """All that has been taken belongs to the tape of `lease`."""
        lease.workspace = self
        self._lease = weakref.ref(lease)
        self._behind_tape = self._taken

    def take(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An uninitialised array in the next block."""
        number, size = self._taken, math.prod(shape) * dtype.itemsize
        if number == len(self._blocks) or len(self._blocks[number][0]) < size + _PAGE + _LINE:
            block = np.empty(size + _PAGE + _LINE, np.uint8)
            offset = -block.__array_interface__["data"][0] % _LINE + number * _STAGGER % _PAGE
            self._blocks[number : number + 1] = [(block, offset)]
        self._taken += 1
        block, offset = self._blocks[number]
        return np.ndarray(tuple(shape), dtype, block, offset)

    @contextmanager
    def again(self) -> Iterator[None]:
        """What is taken inside is taken anew afterwards."""
        before = self._taken
        yield
        self._taken = before

    def start(self, values: Sequence[Array]) -> tuple[Array, ...]:
        """Copies of the states of a caller, which may be what the last call gave: no block holds them."""
        for number, value in enumerate(values):
            kept = self._starts.get(number)
            if kept is None or kept.shape != value.shape or kept.dtype != value.dtype:
                self._starts[number] = np.empty_like(value)
            np.copyto(self._starts[number], value)
        return tuple(self._starts[number] for number in range(len(values)))

    def refuse_own(self, place: str, arguments: Mapping[str, object]) -> None:
        """Raise ValueError where an argument, an array or a tuple of them, lies in what is about to be overwritten."""
        for name, argument in arguments.items():
            given = argument if isinstance(argument, tuple) else (argument,)
            views = [value for value in given if isinstance(value, np.ndarray) and value.base is not None]
            blocks = self._blocks[self._behind_tape :] if views else []
            if any(np.may_share_memory(value, block) for value in views for block, _ in blocks):
                message = "it lies in the workspace, where this call overwrites it: give a copy"
                raise ValueError(f"{place}: {name}: {message}")


class _Now(threading.local):
    """The workspace that the running call of this thread takes its arrays from."""

    workspace: Workspace | None = None


_NOW = _Now()
_NOWHERE: AbstractContextManager[None] = nullcontext()


def within(workspace: object, cell: str) -> AbstractContextManager[None]:
    """The arrays of a forward pass come from `workspace` as long as this context lasts; None changes nothing.

    Raises TypeError for what is no workspace, ValueError where another thread or a tape uses it.
    """
    if workspace is None:
        return _NOWHERE
    if not isinstance(workspace, Workspace):
        raise TypeError(f"{cell}.forward: workspace: expected a Workspace, received {describe(workspace)}")
    return workspace.forward(f"{cell}.forward")


def behind(lease: Lease, cell: str) -> AbstractContextManager[None]:
    """The arrays of a backward pass come from where those of its tape do."""
    return _NOWHERE if lease.workspace is None else lease.workspace.backward(f"{cell}.backward")


def keep(lease: Lease) -> None:
    """What the running call has taken from its workspace belongs to the tape of `lease` from now on."""
    if _NOW.workspace is not None:
        _NOW.workspace.keep(lease)


def again() -> AbstractContextManager[None]:
    """What is taken from a workspace inside this context is free again behind it."""
    return _NOWHERE if _NOW.workspace is None else _NOW.workspace.again()


def start(values: tuple[Array, ...]) -> tuple[Array, ...]:
    """The states of a caller where nothing overwrites them while the call runs."""
    return values if _NOW.workspace is None else _NOW.workspace.start(values)


def refuse_own(place: str, **arguments: object) -> None:
    """Raise ValueError where an argument lies in what the running call is about to overwrite."""
    if _NOW.workspace is not None:
        _NOW.workspace.refuse_own(place, arguments)


def empty(shape: Sequence[int], dtype: Dtype) -> Array:
    """An uninitialised array that is handed out to the caller."""
    return np.empty(shape, dtype) if _NOW.workspace is None else _NOW.workspace.take(shape, dtype)


def zeros(shape: Sequence[int], dtype: Dtype = _SUMS) -> Array:
    """An array of zeros."""
    if _NOW.workspace is None:
        return np.zeros(shape, dtype)
    array = _NOW.workspace.take(shape, dtype)
    array.fill(0)
    return array


def copied(array: Array, dtype: Dtype | None = None) -> Array:
    """A copy of `array` in C order, of its own dtype or of another one."""
    if _NOW.workspace is None:
        return array.astype(dtype or array.dtype, order="C")
    copy = _NOW.workspace.take(array.shape, dtype or array.dtype)
    np.copyto(copy, array, casting="same_kind")
    return copy


def concatenated(pieces: Sequence[Array]) -> Array:
    """The pieces one behind the other along the first axis."""
    rows = sum(len(piece) for piece in pieces)
    return np.concatenate(pieces, out=empty((rows, *pieces[0].shape[1:]), pieces[0].dtype))


def arrays(dtype: Dtype, *shapes: Sequence[int]) -> list[Array]:
    """Uninitialised arrays of these shapes, in C order, for a call and its tape."""
    if _NOW.workspace is not None:
        return [_NOW.workspace.take(shape, dtype) for shape in shapes]
    sizes = [-(-math.prod(shape) * dtype.itemsize // _LINE) * _LINE + _STAGGER for shape in shapes]
    total = sum(sizes)
    if total < _SMALL:
        return [np.empty(shape, dtype) for shape in shapes]
    loan = _BLOCKS.lend(total + _LINE)
    offset = -loan.__array_interface__["data"][0] % _LINE
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
    _BLOCKS.clear()
