"""Vectors as values in compiled loops: several neighbouring units of a row are read, computed and written at once.

`for start in range(0, size, width(array))` visits the units vector by vector; `unit = units(start, size, array)` stands
for those of one vector. `array[t, item, unit]` is then the vector of their elements and can be assigned to, and `+`,
`-`, `*`, `/`, `**` and `abs` work between vectors, and between a vector and a number. The last vector of a row may
reach beyond it: nothing beyond is read or written, and what is computed there is of no account. Arrays are in C order,
or some columns of a wider one; indices are not checked.

An array of float64 may be used with the units of float32: its vectors have the same number of elements, so that sums
keep their precision.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, register_model

from generated.support.arithmetic import Vector
from generated.support.logarithms import power
from generated.support.vectors import CONTRACT, HOST, Lanes, Matrix

_INTEGER = ir.IntType(64)


class LanesType(types.Type):
    """A vector of `count` numbers of the type `element`."""

    def __init__(self, element: types.Float, count: int) -> None:
        self.element, self.count = element, count
        super().__init__(f"lanes({element}, {count})")

    def unify(self, _typing: Any, other: Any) -> LanesType | None:
        """Where either a vector or a number comes, a vector comes."""
        return common(self, other)


class UnitsType(types.Type):
    """The units of one vector: the first one, and how many there are from it to the end of the row."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"units({count})")


class PlaceType(types.Type):
    """The indices of an element, of which the last one is of units: whole numbers, and how many units are left."""

    def __init__(self, dimensions: int, count: int) -> None:
        self.dimensions, self.count = dimensions, count
        super().__init__(f"place({dimensions}, {count})")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: LanesType) -> None:
        element = ir.FloatType() if kind.element == types.float32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(element, kind.count))


@register_model(UnitsType)
class _UnitsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: UnitsType) -> None:
        super().__init__(manager, kind, ir.ArrayType(_INTEGER, 2))


@register_model(PlaceType)
class _PlaceModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: PlaceType) -> None:
        super().__init__(manager, kind, ir.ArrayType(_INTEGER, kind.dimensions + 1))


def lanes_of(builder: Any, kind: LanesType) -> Lanes:
    """Writes instructions on vectors of this type."""
    return Lanes(builder, ir.FloatType() if kind.element == types.float32 else ir.DoubleType(), kind.count)


def common(*kinds: Any) -> LanesType | None:
    """The vector type of an operation between vectors and numbers; None where there is no vector, or no common one."""
    counts = {kind.count for kind in kinds if isinstance(kind, LanesType)}
    if len(counts) != 1 or not all(isinstance(kind, LanesType | types.Float) for kind in kinds):
        return None
    elements = [kind.element if isinstance(kind, LanesType) else kind for kind in kinds]
    return LanesType(max(elements, key=lambda kind: kind.bitwidth), counts.pop())


class _Operation(AbstractTemplate):
    """The typing of an operation on vectors and numbers."""

    def generic(self, args: Any, kws: Any) -> Any:
        kind = None if kws else common(*args)
        return kind and signature(kind, *[kind] * len(args))


_ARITHMETIC = {
    operator.add: "fadd", operator.iadd: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv",
}  # fmt: skip


def _register(function: Any, instruction: str) -> None:
    infer_global(function)(type(f"_{function.__name__}", (_Operation,), {"key": function}))

    @lower_builtin(function, LanesType, LanesType)
    def lower(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return getattr(builder, instruction)(*values, flags=CONTRACT)


for _function, _instruction in _ARITHMETIC.items():
    _register(_function, _instruction)


@infer_global(operator.neg)
class _Negation(_Operation):
    key = operator.neg


@infer_global(abs)
class _Size(_Operation):
    key = abs


@infer_global(operator.pow)
class _Power(_Operation):
    key = operator.pow


@lower_builtin(operator.neg, LanesType)
def _negate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.fneg(values[0])


@lower_builtin(abs, LanesType)
def _absolute(_context: Any, builder: Any, sig: Any, values: Any) -> Any:
    return lanes_of(builder, sig.return_type).unary("llvm.fabs", values[0])


@lower_builtin(operator.pow, LanesType, LanesType)
def _raise_to(_context: Any, builder: Any, sig: Any, values: Any) -> Any:
    lanes = lanes_of(builder, sig.return_type)
    return power(*(Vector(lanes, value) for value in values)).value


@lower_cast(types.Float, LanesType)
def _splat(context: Any, builder: Any, source: Any, target: LanesType, value: Any) -> Any:
    return lanes_of(builder, target).splat(context.cast(builder, value, source, target.element))


@lower_cast(LanesType, LanesType)
def _convert(_context: Any, builder: Any, source: LanesType, target: LanesType, value: Any) -> Any:
    if source == target:
        return value
    convert = builder.fpext if source.element.bitwidth < target.element.bitwidth else builder.fptrunc
    return convert(value, lanes_of(builder, target).type)


def _place(array: Any, index: Any) -> Any:
    """The type of the indices, and that of the elements there; None where the last one is not of units."""
    if isinstance(index, PlaceType):
        return index, LanesType(array.dtype, index.count)
    last = index[-1] if isinstance(index, types.BaseTuple) and len(index) else index
    if (
        not isinstance(array, types.Array)
        or not isinstance(last, UnitsType)
        or not isinstance(array.dtype, types.Float)
    ):
        return None
    dimensions = len(index) if isinstance(index, types.BaseTuple) else 1
    if array.layout == "F" or dimensions != array.ndim:
        raise TypingError("units are the last index of arrays in C order, and no index is left out")
    return PlaceType(dimensions, last.count), LanesType(array.dtype, last.count)


@infer_global(operator.getitem)
class _Read(AbstractTemplate):
    key = operator.getitem

    def generic(self, args: Any, _kws: Any) -> Any:
        place = _place(*args)
        return place and signature(place[1], args[0], place[0])


@infer_global(operator.setitem)
class _Write(AbstractTemplate):
    key = operator.setitem

    def generic(self, args: Any, _kws: Any) -> Any:
        place = _place(*args[:2])
        return place and signature(types.none, args[0], *place)


@lower_cast(types.BaseTuple, PlaceType)
def _indices(context: Any, builder: Any, source: Any, target: PlaceType, value: Any) -> Any:
    *numbers, units = cgutils.unpack_tuple(builder, value)
    parts = [context.cast(builder, n, kind, types.intp) for n, kind in zip(numbers, source.types[:-1], strict=True)]
    return _packed(builder, [*parts, *cgutils.unpack_tuple(builder, units)], target.dimensions + 1)


@lower_cast(UnitsType, PlaceType)
def _index(_context: Any, _builder: Any, _source: Any, _target: Any, value: Any) -> Any:
    return value


def _packed(builder: Any, parts: list[Any], size: int) -> Any:
    value = ir.Constant(ir.ArrayType(_INTEGER, size), ir.Undefined)
    for number, part in enumerate(parts):
        value = builder.insert_value(value, part, number)
    return value


def _located(context: Any, builder: Any, kinds: Any, values: Any) -> tuple[Lanes, Any, Any]:
    """The instructions for the elements at a place, their address, and how many are left in the row."""
    matrix = Matrix(context, builder, kinds[0], values[0])
    *indices, left = cgutils.unpack_tuple(builder, values[1])
    lanes = Lanes(builder, matrix.element.pointee, kinds[1].count)
    return lanes, builder.bitcast(matrix.at(*indices), matrix.element), builder.trunc(left, ir.IntType(32))


@lower_builtin(operator.getitem, types.Array, PlaceType)
def _load(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    lanes, pointer, left = _located(context, builder, sig.args, values)
    return lanes.load_first(pointer, left)


@lower_builtin(operator.setitem, types.Array, PlaceType, LanesType)
def _store(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    lanes, pointer, left = _located(context, builder, sig.args, values)
    lanes.store_first(values[2], pointer, left)
    return context.get_dummy_value()


@infer_global(operator.add)
class _Shift(AbstractTemplate):
    """A number of elements plus units: the same units farther on."""

    key = operator.add

    def generic(self, args: Any, _kws: Any) -> Any:
        if isinstance(args[0], types.Integer) and isinstance(args[1], UnitsType):
            return signature(args[1], types.intp, args[1])
        return None


@lower_builtin(operator.add, types.Integer, UnitsType)
def _shift(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    start = builder.add(values[0], builder.extract_value(values[1], 0))
    return builder.insert_value(values[1], start, 0)


def _per_vector(array: Any) -> int:
    if not isinstance(array, types.Array) or not isinstance(array.dtype, types.Float):
        raise TypingError("vectors are of float32 or float64")
    return HOST.bytes * 8 // array.dtype.bitwidth


@intrinsic
def width(_typing, array):
    """How many elements of `array` a vector has."""
    count = _per_vector(array)

    def emit(_context: Any, _builder: Any, _signature: Any, _values: Any) -> Any:
        return ir.Constant(_INTEGER, count)

    return types.intp(array), emit


@intrinsic
def units(_typing, start, size, array):
    """The units of one vector of `array`'s dtype, from `start` on, of a row of `size`."""

    def emit(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return _packed(builder, [values[0], builder.sub(values[1], values[0])], 2)

    return UnitsType(_per_vector(array))(types.intp, types.intp, array), emit


@intrinsic
def total(_typing, value, unit):
    """The sum, in float64, of the elements of a vector, or of a number, over the units inside the row."""
    if not isinstance(unit, UnitsType) or not isinstance(value, LanesType | types.Float):
        raise TypingError("total is of a vector or a number")
    kind = LanesType(types.float64, unit.count)

    def emit(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        lanes = lanes_of(builder, kind)
        mask = lanes.first(builder.trunc(builder.extract_value(values[1], 1), ir.IntType(32)))
        return lanes.sum(builder.select(mask, values[0], lanes.zero()))

    return types.float64(kind, unit), emit
