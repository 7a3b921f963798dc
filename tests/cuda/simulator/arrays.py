"""Arrays as a kernel sees them: elements by whole-number indices, every access checked.

Values lie in a list in C order, as NumPy scalars of the array's dtype; None stands for what was never written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import prod
from operator import index as whole
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np
from greenlet import getcurrent

from tests.cuda.simulator.faults import BoundsError, KernelError, RaceError, ReadOnlyError, UninitialisedError
from tests.cuda.simulator.source import place
from tests.cuda.simulator.threads import later

if TYPE_CHECKING:
    from tests.cuda.simulator.launches import Launch
    from tests.cuda.simulator.threads import Block, Thread

Access: TypeAlias = "tuple[Thread, int, int]"
"""Who touched an element, at what time, and by which instruction."""


class Array:
    """The part that all arrays share: shape, dtype, indices and the text of reports. Memory of one thread as it is."""

    __slots__ = ("_launch", "_scalar", "_values", "dtype", "ndim", "shape", "size", "title")

    def __init__(
        self, launch: Launch, title: str, shape: int | Sequence[int], dtype: Any, values: list[Any] | None = None
    ) -> None:
        self.title = title
        self.dtype = np.dtype(dtype)
        self.shape = tuple(map(whole, shape)) if isinstance(shape, Sequence) else (whole(shape),)
        self.ndim = len(self.shape)
        self.size = prod(self.shape)
        self._scalar: Any = self.dtype.type
        self._launch = launch
        self._values = [None] * self.size if values is None else values
        if values is not None and self.dtype.itemsize == 2 and self.dtype.kind not in "iu":
            self._scalar = _rounding(self.dtype)
            self._values = [np.float32(value) for value in values]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return self.read(key, sys._getframe(1).f_lasti)

    def read(self, key: Any, instruction: int) -> Any:
        """An element, for an instruction of the kernel."""
        value = self._values[self._offset(key)]
        if value is None:
            self._uninitialised(key, instruction)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self._values[self._offset(key)] = value if type(value) is self._scalar else self._scalar(value)

    def _offset(self, key: Any) -> int:
        """Where an element lies in the list. The ways for few dimensions are there for speed alone."""
        if type(key) is not tuple:
            if self.ndim == 1:
                position = whole(key)
                if 0 <= position < self.size:
                    return position
        elif len(key) == 2 == self.ndim:
            rows, columns = self.shape
            row, column = whole(key[0]), whole(key[1])
            if 0 <= row < rows and 0 <= column < columns:
                return row * columns + column
        elif len(key) == 3 == self.ndim:
            sheets, rows, columns = self.shape
            sheet, row, column = whole(key[0]), whole(key[1]), whole(key[2])
            if 0 <= sheet < sheets and 0 <= row < rows and 0 <= column < columns:
                return (sheet * rows + row) * columns + column
        return self._checked_offset(key if type(key) is tuple else (key,))

    def _checked_offset(self, key: tuple[Any, ...]) -> int:
        """BoundsError outside the array, TypeError for anything but one element."""
        if len(key) != self.ndim:
            raise TypeError(f"{self.title} has {self.ndim} dimensions, and a kernel gave {len(key)} indices")
        offset = 0
        for position, extent in zip(map(whole, key), self.shape, strict=True):
            if not 0 <= position < extent:
                self._out_of_bounds(key, position)
            offset = offset * extent + position
        return offset

    def _fault(self, kind: type[KernelError], text: str, instruction: int, *others: str) -> NoReturn:
        lines = [f"{self._launch.name}: {text}", self._doing(getcurrent(), instruction), *others]
        raise kind("\n  ".join(lines))

    def _doing(self, thread: Any, instruction: int) -> str:
        return f"{thread} at {place(self._launch.code, instruction)}"

    def _out_of_bounds(self, key: tuple[Any, ...], position: int) -> NoReturn:
        where = f"{self.title} {_text(key)} is outside its shape {self.shape}"
        if position < 0:
            where += "; NumPy alone would count from the end"
        for bits in (32, 64):
            if 2 ** (bits - 1) <= position < 2**bits:
                where += f"; {position} is {position - 2**bits} in {bits} bits without a sign"
        frame = sys._getframe(4)
        while frame.f_code is not self._launch.code and frame.f_back:
            frame = frame.f_back
        self._fault(BoundsError, where, frame.f_lasti)

    def _uninitialised(self, key: Any, instruction: int) -> NoReturn:
        self._fault(
            UninitialisedError, f"{self.title} {_text(key)} is read, and nothing was written to it", instruction
        )


class ReadOnlyArray(Array):
    """An argument that no thread may write to, so its reads cannot race."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        self._offset(key)
        self._fault(
            ReadOnlyError, f"{self.title} {_text(key)} is written, and it is read only", sys._getframe(1).f_lasti
        )


class TrackedArray(Array):
    """Memory of many threads, shared or global: every access is kept until a write that comes after it."""

    __slots__ = ("_published", "_reads", "_writes")

    def __init__(
        self, launch: Launch, title: str, shape: int | Sequence[int], dtype: Any, values: list[Any] | None = None
    ) -> None:
        super().__init__(launch, title, shape, dtype, values)
        self._writes: list[Access | None] = [None] * self.size
        self._reads: list[dict[Thread, Access] | None] = [None] * self.size
        self._published: dict[int, dict[Block, int]] = {}

    def acquire(self, key: Any, instruction: int) -> Any:
        """The value, loaded with acquire: with one stored with release comes what the thread knew that stored it.

        It is the one that is there at the moment; who looks for another one lets all other threads run first.
        """
        thread: Any = getcurrent()
        offset = self._offset(key)
        if thread.looked == (self, offset):
            thread.wait(instruction)
        thread.looked = self, offset
        write = self._writes[offset]
        if offset in self._published:
            thread.known = later(thread.known, self._published[offset])
        elif write is not None and not _ordered(write, thread):
            self._race(key, "written", write, "read", instruction)
        return self._values[offset]

    def release(self, key: Any, value: Any, instruction: int) -> None:
        """Store with release: who loads the value with acquire knows what this thread knows."""
        thread: Any = getcurrent()
        self._launch.idle = 0
        offset = self._offset(key)
        self._writes[offset] = (thread, self._launch.time, instruction)
        self._values[offset] = self._scalar(value)
        self._published[offset] = thread.published()

    def read(self, key: Any, instruction: int) -> Any:
        """An element, for an instruction of the kernel."""
        offset = self._offset(key)
        value = self._values[offset]
        if value is None:
            self._uninitialised(key, instruction)
        thread: Any = getcurrent()
        write = self._writes[offset]
        if write is not None and not _ordered(write, thread):
            self._race(key, "written", write, "read", instruction)
        access = (thread, self._launch.time, instruction)
        reads = self._reads[offset]
        if reads is None:
            self._reads[offset] = {thread: access}
        else:
            reads[thread] = access
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        offset = self._offset(key)
        instruction = sys._getframe(1).f_lasti
        thread: Any = getcurrent()
        write = self._writes[offset]
        if write is not None and not _ordered(write, thread):
            self._race(key, "written", write, "written", instruction)
        reads = self._reads[offset]
        if reads is not None:
            for read in reads.values():
                if not _ordered(read, thread):
                    self._race(key, "read", read, "written", instruction)
            self._reads[offset] = None
        self._published.pop(offset, None)
        self._writes[offset] = (thread, self._launch.time, instruction)
        self._values[offset] = value if type(value) is self._scalar else self._scalar(value)

    def copy_to(self, array: np.ndarray) -> None:
        """Put the values into an array of the same shape, where anything was written."""
        if any(self._writes):
            array[...] = np.array(self._values, self.dtype).reshape(self.shape)

    def _race(self, key: Any, before: str, access: Access, now: str, instruction: int) -> NoReturn:
        other, _, earlier = access
        self._fault(
            RaceError,
            f"race on {self.title} {_text(key)}: {now} here and {before} there, and no barrier lies between",
            instruction,
            self._doing(other, earlier),
        )


def _rounding(dtype: np.dtype[Any]) -> Callable[[Any], np.float32]:
    """What a number becomes in an argument of 16 bits: rounded as it is stored, and float32 as it is read."""
    return lambda value: np.float32(dtype.type(value))


def _ordered(access: Access, thread: Thread) -> bool:
    """Whether a barrier that both threads passed lies between an access and what `thread` does now.

    For threads of two blocks also what one stored with release and the other loaded with acquire, between barriers.
    """
    other, time, _ = access
    if other is thread:
        return True
    if other.warp is thread.warp:
        return time < thread.warp.since
    if other.block is thread.block:
        return time < thread.block.since
    return time < thread.launch.grid.since or time < thread.known.get(other.block, 0)


def _text(key: Any) -> str:
    positions = key if isinstance(key, tuple) else (key,)
    return f"[{', '.join(str(whole(position)) for position in positions)}]"
