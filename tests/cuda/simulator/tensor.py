"""What `generated.support.cuda.tensor` makes of instructions on a device, for the thread that runs at the moment.

The layout is that of "Matrix Fragments for mma.m16n8k16" in the PTX ISA: of the first factor (16, 16), row by row, of
the second one (16, 8), column by column, and of the sums (16, 8).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from greenlet import getcurrent

from tests.cuda.simulator.arrays import Array
from tests.cuda.simulator.faults import DivergenceError, KernelError
from tests.cuda.simulator.source import place
from tests.cuda.simulator.threads import WARP

RUN = 8
_LANES = np.arange(WARP)[:, None]
_GROUP, _PAIR = _LANES >> 2, 2 * (_LANES & 3)
_LOW = np.arange(8)[None, :]
"""The numbers of a lane, two in each word: a0 to a7, of which the second factor has the first four."""
_FIRST = _GROUP + 8 * (_LOW >> 1 & 1), _PAIR + (_LOW & 1) + 8 * (_LOW >> 2)
_SECOND = (_PAIR + (_LOW & 1) + 8 * (_LOW >> 1))[:, :4], _GROUP + 0 * _LOW[:, :4]
_SUMS = _GROUP + 8 * (_LOW >> 1)[:, :4], (_PAIR + (_LOW & 1))[:, :4]


def operations() -> tuple[Any, Any, Any]:
    """load_run, the same for whole runs, and multiply."""

    def load_run(array: Array, index: Any, stride: Any, count: Any) -> tuple[np.uint32, ...]:
        return _run(array, [int(index) + each * int(stride) for each in range(min(int(count), RUN))])

    def load_whole_run(array: Array, index: Any, stride: Any, count: Any) -> tuple[np.uint32, ...]:
        if count > 0 and int(index) % RUN:
            thread = getcurrent()
            raise KernelError(
                f"{thread.launch.name}: 16 bytes are read from {array.title} [{int(index)}], which is none of their "
                f"multiples\n  {thread} at {place(thread.launch.code, sys._getframe(1).f_lasti)}"
            )
        return _run(array, range(int(index), int(index) + RUN) if count > 0 else ())

    def multiply(array: Array, sums: Array, first: Any, *words: Any) -> None:
        thread, instruction = getcurrent(), sys._getframe(1).f_lasti
        if len(thread.warp.threads) < WARP:
            raise DivergenceError(
                f"{thread.launch.name}: a product of a warp takes {WARP} threads, and this warp has "
                f"{len(thread.warp.threads)}\n  {thread} at {place(thread.launch.code, instruction)}"
            )
        held = [sums[first + each] for each in range(4)]
        value = words, held
        found = thread.meet(
            thread.warp, "multiply", instruction, value, orders=False, made=lambda values: _product(array.dtype, values)
        )
        for each, number in enumerate(found[thread.lane]):
            sums[first + each] = number

    return load_run, load_whole_run, multiply


def _run(array: Array, indices: Any) -> tuple[np.uint32, ...]:
    """The elements at these indices as the bits of 16 that they have in memory, two in a word, zeros behind them."""
    instruction = sys._getframe(2).f_lasti
    numbers = np.zeros(RUN, np.float32)
    for each, index in enumerate(indices):
        numbers[each] = array.read(index, instruction)
    return tuple(numbers.astype(array.dtype).view(np.uint32))


def _product(dtype: Any, values: list[Any]) -> list[np.ndarray]:
    """The sums of each lane, from the words and the sums that all lanes have brought."""
    words = np.array([value[0] for value in values], np.uint32).view(dtype).astype(np.float32)
    first, second = np.zeros((16, 16), np.float32), np.zeros((16, 8), np.float32)
    sums = np.zeros((16, 8), np.float32)
    first[_FIRST], second[_SECOND], sums[_SUMS] = words[:, :8], words[:, 8:], [value[1] for value in values]
    return list((sums + first @ second)[_SUMS])
