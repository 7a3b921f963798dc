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
from generated.support.workspaces import LINE, from_line

_ACTIVE = 200e-6
"""Seconds that a thread looks before it sleeps: longer than what lies between two calls of a training loop."""

_HINTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "x86_64": ("llvm.x86.sse2.pause", ()),
    "amd64": ("llvm.x86.sse2.pause", ()),
    "aarch64": ("llvm.aarch64.hint", (1,)),
    "arm64": ("llvm.aarch64.hint", (1,)),
}
"""The instruction that tells a CPU to leave more to the other thread of its core, by the name of the machine."""


def watched(lines: int = 1) -> Array:
    """Numbers that threads can look at, 0 to begin with, in cache lines that hold nothing else: LINE // 8 in each."""
    return from_line(np.zeros((lines + 1) * LINE // 8, np.int64), lines * LINE // 8)


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
    """What the first of `number` is as soon as it is other than `seen`, or `seen` after looking `most` times."""
    found = now(number)
    for _ in range(most):
        if found != seen:
            break
        _hint()
        found = now(number)
    return found


@intrinsic
def tell(_typing, number, value):
    """The first of `number` is `value` for other threads, once they can see all that was written before."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], make_array(number)(context, builder, values[0]).data, "release", 8)
        return context.get_dummy_value()

    return types.void(_numbers(number), types.int64), emit


@intrinsic
def now(_typing, number):
    """The first of `number`, read from memory each time, and before everything behind it."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.load_atomic(make_array(number)(context, builder, values[0]).data, "acquire", 8)

    return types.int64(_numbers(number)), emit


def _numbers(kind: Any) -> Any:
    """`kind`, if it is the type of what `watched` gives."""
    if not isinstance(kind, types.Array) or kind.dtype != types.int64:
        raise TypingError("what threads look at is an array of int64")
    return kind


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
