"""Launches: arguments in, all threads to their end, results out."""

from __future__ import annotations

import contextvars
import inspect
import math
from collections.abc import Callable, Sequence
from itertools import combinations, islice
from types import FunctionType
from typing import Any

import numpy as np

from tests.cuda.simulator.arrays import Array, ReadOnlyArray, TrackedArray
from tests.cuda.simulator.mathematics import device_math
from tests.cuda.simulator.schedules import FORWARD, Queue, Schedule
from tests.cuda.simulator.source import assigned
from tests.cuda.simulator.threads import Block, Dim3, Team, stuck

BLOCK_THREADS = 1024
"""The most threads of a block."""


def launch(
    kernel: Callable[..., None],
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    arguments: Sequence[Any],
    schedule: Schedule = FORWARD,
    resident: int | None = None,
    shared: int = 0,
) -> None:
    """Run a kernel in all threads of `grid` blocks of `block` threads; its results are in the arrays afterwards.

    Arguments are NumPy arrays, NumPy scalars and whole numbers. A kernel may not write to an array that NumPy holds
    to be read only. At most `resident` blocks, by default all, are on the device at a time; `shared` are the bytes of
    the dynamic shared memory of each.

    Raises a KernelError for what a device does not define, and leaves the arrays as they were. Raises ValueError for
    shapes that no device takes and for arguments that overlap, TypeError for arguments of other types.
    """
    shapes = _dim3("grid", grid), _dim3("block", block)
    if shapes[1].size > BLOCK_THREADS:
        raise ValueError(f"a block of {shapes[1].size} threads; the most is {BLOCK_THREADS}")
    Launch(kernel, *shapes, arguments, schedule, resident, shared).run()


class Launch:
    """A launch on its way.

    `time` counts the barriers that were passed, `idle` how often threads looked for a value since anything else ran on.
    """

    def __init__(
        self,
        kernel: Callable[..., None],
        grid_shape: Dim3,
        block_shape: Dim3,
        arguments: Sequence[Any],
        schedule: Schedule,
        resident: int | None,
        shared: int,
    ) -> None:
        self.name = kernel.__name__
        self.code = kernel.__code__
        self.kernel = _on_device(kernel)
        self.grid_shape = grid_shape
        self.block_shape = block_shape
        self.queue = Queue(schedule)
        self.time = 0
        self.idle = 0
        self.shared = shared
        self.blocks = [Block(self, grid_shape.at(number), block_shape) for number in range(grid_shape.size)]
        self.grid = Team("the grid", [thread for block in self.blocks for thread in block.threads], self.blocks)
        self.resident = len(self.blocks) if resident is None else resident
        self._titles: dict[int, str] = {}
        self._outside = iter(self.blocks)
        self._given = dict(zip(_names(kernel, len(arguments)), arguments, strict=True))
        _check_overlap(self._given)
        self.arguments = _converted(self, self._given)

    def run(self) -> None:
        """Run all threads; write the arrays where nothing is wrong."""
        with np.errstate(all="ignore"):
            context = contextvars.copy_context()
        for thread in self.grid.threads:
            thread.gr_context = context.copy()
        self.queue.add([thread for block in islice(self._outside, self.resident) for thread in block.threads])
        try:
            while (turn := self.queue.take()) is not None:
                turn.switch()
            if any(block.running for block in self.blocks):
                raise stuck(self)
        finally:
            for thread in self.grid.threads:
                if thread:
                    thread.throw()
        for given, argument in zip(self._given.values(), self.arguments, strict=True):
            if isinstance(argument, TrackedArray):
                argument.copy_to(given)

    def admit(self) -> None:
        """Let the next block begin, if there is one."""
        block = next(self._outside, None)
        if block:
            self.queue.add(block.threads)

    def title(self, kind: str, instruction: int) -> str:
        """What reports call the array that an instruction declares."""
        if instruction not in self._titles:
            self._titles[instruction] = f"{kind} array {assigned(self.code, instruction)}"
        return self._titles[instruction]


def _dim3(what: str, given: int | tuple[int, ...]) -> Dim3:
    shape = Dim3(*given) if isinstance(given, tuple) else Dim3(given)
    if min(shape) < 1:
        raise ValueError(f"the {what} is {tuple(shape)}; a device launches at least one in each dimension")
    return shape


def _on_device(kernel: Callable[..., None]) -> Callable[..., None]:
    """The kernel with the mathematics of a device where it names the module `math`."""
    names = {name: device_math if value is math else value for name, value in kernel.__globals__.items()}
    return FunctionType(kernel.__code__, names, kernel.__name__, kernel.__defaults__, kernel.__closure__)


def _names(kernel: Callable[..., None], count: int) -> list[str]:
    names = list(inspect.signature(kernel).parameters)
    if len(names) != count:
        raise TypeError(f"{kernel.__name__} takes {len(names)} arguments, and {count} were given: {', '.join(names)}")
    return names


def _converted(launch: Launch, given: dict[str, Any]) -> list[Any]:
    """The arguments as threads see them. One array under two names is one array."""
    arrays: dict[Any, Array] = {}
    converted = []
    for name, value in given.items():
        if isinstance(value, np.ndarray):
            region = _region(value)
            if region not in arrays:
                kind = TrackedArray if value.flags.writeable else ReadOnlyArray
                arrays[region] = kind(launch, f"argument {name}", value.shape, value.dtype, list(value.ravel()))
            value = arrays[region]
        elif not isinstance(value, int | np.integer | np.floating | np.bool):
            raise TypeError(
                f"{launch.name}: argument {name} is a {type(value).__name__}; a kernel takes NumPy arrays, NumPy "
                "scalars and whole numbers"
            )
        converted.append(value)
    return converted


def _check_overlap(given: dict[str, Any]) -> None:
    """ValueError where two different arrays have elements in common and one of them may be written to."""
    arrays = [(name, value) for name, value in given.items() if isinstance(value, np.ndarray)]
    for (name, one), (other, two) in combinations(arrays, 2):
        written = one.flags.writeable or two.flags.writeable
        if written and _region(one) != _region(two) and np.shares_memory(one, two):
            raise ValueError(f"the arguments {name} and {other} overlap: pass the array they are parts of")


def _region(array: np.ndarray) -> tuple[Any, ...]:
    """What two arrays have in common that are the same memory in the same way."""
    return array.ctypes.data, array.shape, array.strides, array.dtype, array.flags.writeable
