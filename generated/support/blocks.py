"""Many arrays in one block of memory: a compiled function takes the block and carves the arrays from it itself.

An array that goes from Python to compiled code costs more than the arithmetic of a small step. The arrays lie one
behind another in C order, each from the start of a cache line of the block on. What is here can be called from Python
and from compiled code, where `shapes` is a tuple of tuples that the source spells out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import make_array, populate_array

from generated.support import memory
from generated.support.workspaces import LINE

Shapes = Sequence[Sequence[int]]


def carved(block: np.ndarray, shapes: Shapes) -> tuple[np.ndarray, ...]:
    """Arrays of these shapes in the elements of `block` (`extent`,). Nothing is checked."""
    found, start, line = [], 0, LINE // block.itemsize
    for shape in shapes:
        size = math.prod(shape)
        piece = block[start : start + size]
        found.append(piece if len(shape) == 1 else piece.reshape(shape))
        start += -(-size // line) * line
    return tuple(found)


def extent(itemsize: int, shapes: Shapes) -> int:
    """How many elements of `itemsize` bytes a block of arrays of these shapes has."""
    line = LINE // itemsize
    return sum(-(-math.prod(shape) // line) for shape in shapes) * line


def room(like: np.ndarray, shapes: Shapes) -> np.ndarray:
    """An uninitialised block for arrays of these shapes and the dtype of `like`, from the start of a cache line on."""
    return memory.aligned(extent(like.itemsize, shapes), like.dtype)


@register_jitable
def copy_rows(source, target):
    """target (B, n) = source (B, n), in compiled code without the checks and the second copy of an assignment."""
    for item in range(source.shape[0]):
        for unit in range(source.shape[1]):
            target[item, unit] = source[item, unit]


@register_jitable
def copy_vector(source, target):
    """target (n,) = source (n,), as `copy_rows`."""
    for unit in range(source.shape[0]):
        target[unit] = source[unit]


def new_block(dtype: np.dtype, pieces: Callable[..., Shapes], *sizes: int) -> np.ndarray:
    """An uninitialised block for arrays of the shapes `pieces(itemsize, *sizes)` that itself starts at a cache line."""
    return memory.aligned(_extent_of(pieces, dtype.itemsize, *sizes), dtype)


@lru_cache(maxsize=256)
def _extent_of(pieces: Callable[..., Shapes], itemsize: int, *sizes: int) -> int:
    """`extent`, added up once for each of these sizes."""
    return extent(itemsize, pieces(itemsize, *sizes))


@overload(carved)
def _compiled_carved(block, shapes):
    return lambda block, shapes: _carve(block, shapes)


@overload(room)
def _compiled_room(like, shapes):
    return lambda like, shapes: _from_line(np.empty(_elements(like, shapes) + LINE, like.dtype))


@register_jitable
def _from_line(memory):
    """The elements of `memory` from the start of a cache line on."""
    return memory[(LINE - memory.ctypes.data % LINE) % LINE // memory.itemsize :]


@intrinsic
def _carve(_typing, block, shapes):
    """`carved` for compiled code."""
    kinds = [types.Array(block.dtype, len(shape), "C") for shape in shapes]

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        source = make_array(block)(context, builder, values[0])
        itemsize = context.get_abi_sizeof(source.data.type.pointee)
        number = source.nitems.type
        arrays, start = [], ir.Constant(number, 0)
        for kind, sizes in zip(kinds, _sizes(context, builder, shapes, values[1]), strict=True):
            strides = _strides(builder, sizes, itemsize)
            array = make_array(kind)(context, builder)
            populate_array(
                array, builder.gep(source.data, [start]), sizes, strides, itemsize, source.meminfo, source.parent
            )
            arrays.append(array._getvalue())
            if context.enable_nrt:
                context.nrt.incref(builder, kind, arrays[-1])
            start = builder.add(start, _lines(builder, sizes, itemsize))
        return context.make_tuple(builder, sig.return_type, arrays)

    return types.Tuple(kinds)(block, shapes), emit


@intrinsic
def address_of(_typing, array):
    """Where the first element of an array is, for `array_at`."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        data = make_array(array)(context, builder, values[0]).data
        return builder.ptrtoint(data, context.get_value_type(types.intp))

    return types.intp(array), emit


@intrinsic
def array_at(_typing, address, shape, like):
    """The array of this shape and the dtype of `like` at an address, in C order; it keeps no memory alive."""
    kind = types.Array(like.dtype, len(shape), "C")

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        array = make_array(kind)(context, builder)
        sizes = _whole_numbers(context, builder, shape, values[1])
        itemsize = context.get_abi_sizeof(array.data.type.pointee)
        data = builder.inttoptr(values[0], array.data.type)
        populate_array(array, data, sizes, _strides(builder, sizes, itemsize), itemsize, None)
        return array._getvalue()

    return kind(types.intp, shape, like), emit


@intrinsic
def copy_bytes(_typing, source, target, count):
    """Copy so many bytes from one address to another one."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        pointers = [builder.inttoptr(address, cgutils.voidptr_t) for address in values[:2]]
        cgutils.raw_memcpy(builder, pointers[1], pointers[0], values[2], 1)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), emit


@intrinsic
def _elements(_typing, like, shapes):
    """`extent` for compiled code, in elements of `like`."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        itemsize = context.get_abi_sizeof(context.get_data_type(like.dtype))
        total = ir.Constant(context.get_value_type(types.intp), 0)
        for sizes in _sizes(context, builder, shapes, values[1]):
            total = builder.add(total, _lines(builder, sizes, itemsize))
        return total

    return types.intp(like, shapes), emit


def _sizes(context: Any, builder: Any, shapes: Any, value: Any) -> list[list[Any]]:
    """The sizes in a tuple of shapes, as whole numbers of one type."""
    return [
        _whole_numbers(context, builder, kinds, shape)
        for shape, kinds in zip(cgutils.unpack_tuple(builder, value), shapes, strict=True)
    ]


def _whole_numbers(context: Any, builder: Any, kinds: Any, value: Any) -> list[Any]:
    """The sizes in one shape."""
    return [
        context.cast(builder, size, kind, types.intp)
        for size, kind in zip(cgutils.unpack_tuple(builder, value), kinds, strict=True)
    ]


def _strides(builder: Any, sizes: list[Any], itemsize: int) -> list[Any]:
    """The bytes from one index to the next along each axis, in C order."""
    strides = [ir.Constant(sizes[0].type, itemsize)]
    for size in reversed(sizes[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    return strides


def _lines(builder: Any, sizes: list[Any], itemsize: int) -> Any:
    """Elements of the cache lines that an array of these sizes begins."""
    line = ir.Constant(sizes[0].type, LINE // itemsize)
    total = ir.Constant(line.type, 1)
    for size in sizes:
        total = builder.mul(total, size)
    return builder.mul(builder.sdiv(builder.add(total, ir.Constant(line.type, line.constant - 1)), line), line)
