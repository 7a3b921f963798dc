"""Arrays of 16 bits as numba-cuda compiles them: an element that is read is float32, and one that is stored is rounded.

A kernel indexes them as it indexes arrays of float32, and its text says nothing of it. The types of 16 bits that
numba-cuda has itself call functions of a header, which are compiled and linked apart: a call at every load. Here each
conversion is one or two instructions in place.

This module needs numba-cuda, and no device.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.cuda import types
from numba.cuda.extending import lower_builtin, models, register_model

from generated.support.expected import Dtype


class Halves(types.CPointer):  # type: ignore[misc]
    """The address of elements of 16 bits, "float16" or "bfloat16", that a kernel reads and stores as float32."""

    def __init__(self, stored: str) -> None:
        super().__init__(types.float32)
        self.stored = stored
        self.name = f"{stored}*"

    @property
    def key(self) -> str:
        """What tells one such type from another."""
        return self.stored


@register_model(Halves)
class _HalvesModel(models.PrimitiveModel):  # type: ignore[misc]
    """An address of whole numbers of 16 bits."""

    def __init__(self, dmm: Any, fe_type: Halves) -> None:
        super().__init__(dmm, fe_type, ir.IntType(16).as_pointer())


def pointer(dtype: Dtype) -> Halves:
    """The type of an array of a dtype of 16 bits."""
    return Halves(dtype.name)


@lower_builtin(operator.getitem, Halves, types.Integer)  # type: ignore[untyped-decorator]
def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """An element as float32: a bfloat16 is its upper half."""
    address, index = args
    bits = builder.load(builder.gep(address, [index]))
    if sig.args[0].stored == "float16":
        return builder.fpext(builder.bitcast(bits, ir.HalfType()), ir.FloatType())
    upper = builder.shl(builder.zext(bits, ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
    return builder.bitcast(upper, ir.FloatType())


@lower_builtin(operator.setitem, Halves, types.Integer, types.Float)  # type: ignore[untyped-decorator]
def _store(context: Any, builder: Any, sig: Any, args: Any) -> None:
    """The nearest number of 16 bits, of two the even one. LLVM has no bfloat16, devices of sm_80 on round in one."""
    address, index, value = args
    if sig.args[0].stored == "float16":
        bits = builder.bitcast(builder.fptrunc(value, ir.HalfType()), ir.IntType(16))
    else:
        of_float = ir.FunctionType(ir.IntType(16), [ir.FloatType()])
        bits = builder.asm(of_float, "cvt.rn.bf16.f32 $0, $1;", "=h,f", [value], side_effect=False)
    builder.store(bits, builder.gep(address, [index]))
