"""Active waiting: a thread looks at a number in memory again and again, for so long and no longer.

A thread that sleeps takes some 30 microseconds to wake, as long as the arithmetic of a short call. One that looks has
noticed at once; it keeps its CPU busy and the interpreter free.
"""

from __future__ import annotations

import platform
import time
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from generated.support.compiling import compiled
from generated.support.expected import Array
from generated.support.workspaces import LINE

_ACTIVE = 200e-6
"""Seconds that a thread looks before it sleeps: longer than what lies between two calls of a training loop."""

_HINTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "x86_64": ("llvm.x86.sse2.pause", ()),
    "amd64": ("llvm.x86.sse2.pause", ()),
    "aarch64": ("llvm.aarch64.hint", (1,)),
    "arm64": ("llvm.aarch64.hint", (1,)),
}
"""The instruction that tells a CPU to leave more to the other thread of its core, by the name of the machine."""


def watched() -> Array:
    """A number (1,), 0 to begin with, that threads can look at, in a cache line that holds nothing else."""
    numbers = np.zeros(2 * LINE // 8, np.int64)
    first = -numbers.ctypes.data % LINE // 8
    return numbers[first : first + 1]


@cache
def turns() -> int:
    """How many times a thread looks before it sleeps."""
    number, some = watched(), 1000
    spin(number, 0, 1)  # compiled
    start = time.perf_counter()
    spin(number, 0, some)
    return int(some * _ACTIVE / (time.perf_counter() - start))


@compiled
def spin(number, seen, most):
    """What `number` holds as soon as it is other than `seen`, or `seen` after looking `most` times."""
    found = _now(number)
    for _ in range(most):
        if found != seen:
            break
        _hint()
        found = _now(number)
    return found


@intrinsic
def _now(_typing, number):
    """The first element, read from memory each time, and before everything behind it."""
    if not isinstance(number, types.Array) or number.dtype != types.int64:
        raise TypingError("what threads look at is an array of int64")

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.load_atomic(make_array(number)(context, builder, values[0]).data, "acquire", 8)

    return types.int64(number), emit


@intrinsic
def _hint(_typing):
    """Tell the CPU that the thread waits, where there is an instruction for it."""

    def emit(context: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        if (known := _HINTS.get(platform.machine().lower())) is not None:
            name, given = known
            arguments = [ir.Constant(ir.IntType(32), value) for value in given]
            kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
            builder.call(builder.module.declare_intrinsic(name, (), kind), arguments)
        return context.get_dummy_value()

    return types.void(), emit
