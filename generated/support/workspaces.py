"""Workspaces: memory that a caller keeps for one call after the other, bound to one tape at a time."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from generated.support.expected import Array, Dtype

LINE = 64
"""Bytes of a cache line. Every array starts at one."""
PAGE = 1 << 12
"""Bytes of a page, after which the sets of the caches repeat."""
STAGGER = 3 * LINE
"""Bytes between arrays, so that rows of the same number in several arrays do not meet in one set of the caches."""


def from_line(array: Array, size: int) -> Array:
    """`size` elements of `array` (at least a cache line more,) from the start of a line on."""
    start = -array.__array_interface__["data"][0] % LINE // array.itemsize
    return array[start : start + size]


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

    `xp` is the module that makes arrays.
    """

    xp: Any = np

    def __init__(self) -> None:
        self._blocks: list[Array] = []
        self._arrays: list[Array] = []
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
        RUNNING.workspace = self
        try:
            yield
        finally:
            RUNNING.workspace = None
            self._running.release()

    def keep(self, lease: Lease) -> None:
        """All that has been taken belongs to the tape of `lease`."""
        lease.workspace = self
        self._lease = weakref.ref(lease)
        self._behind_tape = self._taken

    def take(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An uninitialised array in the next block: a view of the one that was taken there before, if it is like it."""
        number = self._taken
        self._taken += 1
        if number == len(self._arrays) or not _is_like(self._arrays[number], shape, dtype):
            self._arrays[number : number + 1] = [self._array(number, tuple(shape), dtype)]
        array: Array = self._arrays[number][...]
        return array

    def _array(self, number: int, shape: tuple[int, ...], dtype: Dtype) -> Array:
        """A new array in the block of this number, which grows where it has to."""
        size = math.prod(shape) * dtype.itemsize
        if number == len(self._blocks) or len(self._blocks[number]) < size:
            self._blocks[number : number + 1] = [self._block(number, size)]
        return self.xp.ndarray(shape, dtype, self._blocks[number].data)

    def _block(self, number: int, size: int) -> Array:
        """New memory of at least `size` bytes for the array of this number."""
        return from_line(np.empty(size + PAGE + LINE, np.uint8), size + PAGE)[number * STAGGER % PAGE :]

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
                self._starts[number] = self.xp.empty_like(value)
            self._starts[number][...] = value
        return tuple(self._starts[number] for number in range(len(values)))

    def refuse_own(self, place: str, arguments: Mapping[str, object]) -> None:
        """Raise ValueError where an argument, an array or a tuple of them, lies in what is about to be overwritten."""
        for name, argument in arguments.items():
            given = argument if isinstance(argument, tuple) else (argument,)
            if any(self._lies_in(value, self._blocks[self._behind_tape :]) for value in given):
                message = "it lies in the workspace, where this call overwrites it: give a copy"
                raise ValueError(f"{place}: {name}: {message}")

    def _lies_in(self, value: object, blocks: Sequence[Array]) -> bool:
        """Whether `value` is an array in one of these blocks; only a view of other memory can be."""
        if not isinstance(value, np.ndarray) or value.base is None:
            return False
        return any(np.may_share_memory(value, block) for block in blocks)


def _is_like(array: Array, shape: Sequence[int], dtype: Dtype) -> bool:
    return array.shape == shape and array.dtype == dtype


class _Running(threading.local):
    """The workspace that the running call of this thread takes its arrays from."""

    workspace: Workspace | None = None


RUNNING = _Running()
