"""What one array of a caller must be, and the message that says so where it is something else."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeGuard

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Dtype = np.dtype[Any]
Shape = tuple[tuple[str, int | None], ...]

REAL: tuple[Dtype, ...] = (np.dtype(np.float32), np.dtype(np.float64))
INTEGER: tuple[Dtype, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """An array that a caller must hand in.

    `place` opens every message: "lstm.forward: x". `dtypes` are the dtypes allowed, `INTEGER` any integer. `shape`
    has for each axis its name and its size, or None where any size will do. `reason` says where sizes come from, for
    the message about another shape.
    """

    place: str
    dtypes: tuple[Dtype, ...]
    shape: Shape
    reason: str = ""

    def __str__(self) -> str:
        return f"{either(self.dtypes) or 'integer'} array of shape {shape_text(self.shape)}"

    def allows(self, dtype: Dtype) -> bool:
        """Whether an array may have this dtype."""
        return dtype in self.dtypes if self.dtypes else dtype.kind in "iu"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array may have this shape."""
        return len(shape) == len(self.shape) and all(
            wanted in (None, size) for size, (_, wanted) in zip(shape, self.shape, strict=True)
        )


def plain(value: object, *wanted: Expected) -> Array:
    """`value`, if it is a plain array of NumPy and one of `wanted`; else TypeError, or an error of `refuse_other`."""
    if not is_plain(value):
        raise TypeError(refusal(describe(value), *wanted) + _hint(value))
    refuse_other(value, *wanted)
    return value


def refuse_other(array: Any, *wanted: Expected) -> None:
    """Raise TypeError (dtype) or ValueError (rank, size) for an array that is none of `wanted`, as its dtype says.

    It may be one of a device.
    """
    for expected in wanted:
        if expected.allows(array.dtype):
            if expected.fits(array.shape):
                return
            reason = f": {expected.reason}" if expected.reason else ""
            raise ValueError(refusal(array_text(array), expected) + reason)
    raise TypeError(refusal(array_text(array), *wanted))


def refusal(received: str, *wanted: Expected) -> str:
    """The one line "PLACE: expected ..., received ..."."""
    return f"{wanted[0].place}: expected {' or '.join(map(str, wanted))}, received {received}"


def is_plain(value: object) -> TypeGuard[Array]:
    """Whether `value` is an ordinary array, or one on disk (memmap).

    Other subclasses, such as masked arrays and matrices, calculate by rules of their own.
    """
    return type(value) in (np.ndarray, np.memmap)


def is_ready(value: object, dtype: Dtype, shape: tuple[int | None, ...] | None) -> TypeGuard[Array]:
    """Whether `value` is an array of this native dtype, and of this shape if given, in the form that kernels read.

    True spares the full check; False says nothing.
    """
    return (
        type(value) is np.ndarray
        and value.dtype == dtype
        and (shape is None or value.shape == shape)
        and value.flags.carray
    )


def integer(value: object, place: str, least: int) -> int:
    """`value` as a Python integer; TypeError where it is none, as Booleans and floats, ValueError below `least`."""
    expected = f"{place}: expected an integer of at least {least}, received"
    if isinstance(value, bool | np.bool_ | np.ndarray) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{expected} {describe(value)}")
    number = operator.index(value)
    if number < least:
        raise ValueError(f"{expected} {number}")
    return number


def contiguous(array: Array) -> Array:
    """`array` as kernels read it: C-contiguous, aligned, writeable and of the base class; itself if it already is.

    Kernels write to no input; but they are compiled for arrays of one type, and Numba counts read-only as another.
    """
    if type(array) is np.ndarray and array.flags.carray:
        return array
    return np.require(np.asarray(array), requirements=("C", "A", "W"))


def axes(sizes: Mapping[str, int], *dimensions: str) -> Shape:
    """The axes of these dimensions, of unknown size where `sizes` has none."""
    return tuple((dimension, sizes.get(dimension)) for dimension in dimensions)


def either(dtypes: tuple[Dtype, ...]) -> str:
    """Some dtypes as messages name them: "float32 or float64"."""
    *others, last = (dtype.name for dtype in dtypes) if dtypes else ("",)
    return f"{', '.join(others)} or {last}" if others else last


def shape_text(shape: Shape) -> str:
    """A shape as messages write it: "(T=5, B, input_size=3)"."""
    axes = [name if size is None else f"{name}={size}" for name, size in shape]
    return f"({axes[0]},)" if len(axes) == 1 else f"({', '.join(axes)})"


def array_text(array: Any) -> str:
    """An array as messages describe it: "float64 array of shape (5, 2, 3)"."""
    order = "" if array.dtype.isnative else " in foreign byte order"
    return f"{array.dtype.name} array of shape {array.shape}{order}"


def describe(value: object) -> str:
    """What came, for messages: "float64 array of shape (5, 2, 3)", "a list"."""
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, np.ndarray):
        return array_text(value) if is_plain(value) else f"{_type_name(value)}, {array_text(value)}"
    fields = getattr(value, "_fields", None)
    if isinstance(value, tuple) and fields is not None:
        return f"{type(value).__name__} with fields ({', '.join(fields)})"
    if isinstance(value, tuple):
        return f"a plain tuple of {len(value)}"
    article = "an" if _type_name(value)[0] in "aeiou" else "a"
    return f"{article} {_type_name(value)}"


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _hint(value: object) -> str:
    """How to turn `value` into the array that was expected, where that is known."""
    if isinstance(value, np.ma.MaskedArray):
        return ": its mask would be ignored; fill it first, and mask by lengths or weight"
    if isinstance(value, np.ndarray):
        return "" if is_plain(value) else ": give a plain array, np.asarray(...)"
    if value is None:
        return ""
    if type(value).__module__.partition(".")[0] == "torch":
        return ": give a NumPy array, tensor.detach().cpu().numpy()"
    return ": give a NumPy array, np.array(..., dtype=...)"
