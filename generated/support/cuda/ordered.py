"""Accesses to memory by which blocks of one kernel wait for each other: acquire loads and release stores.

A value that one thread stores with release, and another loads with acquire, orders the memory of both: what came before
the store, in that thread and before the last barrier of its block, is there for what comes behind the load. These are
instructions of the device, and no function of numba-cuda: the loads of its `ldcg` and `ldcv` may be moved out of loops
and across barriers by the compiler, because they do not say that they read memory that changes.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any


def accesses(cuda: Any) -> tuple[Any, Any]:
    """`load_acquire(array, index)` and `store_release(array, index, value)`, for kernels that `cuda` is handed to.

    They are for flat arrays of int32, and hold for all threads of the device. A simulator brings its own.
    """
    own = getattr(cuda, "ordered_accesses", None)
    return own() if own else _instructions()  # type: ignore[no-any-return]


@functools.cache
def _instructions() -> tuple[Any, Any]:
    """The two as instructions of PTX, which are compiled into the kernel: nothing is linked or called."""
    intrinsic: Any = importlib.import_module("numba.cuda.extending").intrinsic
    types: Any = importlib.import_module("numba.cuda.types")
    ir: Any = importlib.import_module("llvmlite.ir")
    word = ir.IntType(32)

    @intrinsic  # type: ignore[untyped-decorator]
    def load_acquire(_: Any, array: Any, index: Any) -> Any:
        def emitted(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(word, [word.as_pointer()])
            text, constraints = "ld.acquire.gpu.b32 $0, [$1];", "=r,l,~{memory}"
            load = ir.InlineAsm(kind, text, constraints, side_effect=True)
            return builder.call(load, [builder.gep(arguments[0], [arguments[1]])])

        return types.int32(array, index), emitted

    @intrinsic  # type: ignore[untyped-decorator]
    def store_release(_: Any, array: Any, index: Any, value: Any) -> Any:
        def emitted(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(ir.VoidType(), [word.as_pointer(), word])
            text, constraints = "st.release.gpu.b32 [$0], $1;", "l,r,~{memory}"
            store = ir.InlineAsm(kind, text, constraints, side_effect=True)
            number = context.cast(builder, arguments[2], signature.args[2], types.int32)
            return builder.call(store, [builder.gep(arguments[0], [arguments[1]]), number])

        return types.void(array, index, value), emitted

    return load_acquire, store_release
