"""Memory that a sweep over units asks for before it is needed.

The sweeps of a backward pass visit steps in reverse, each a few rows of many arrays: short streams, which end before a
CPU that prefetches by itself has found them.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from generated.support.lanes import UnitsType
from generated.support.vectors import Matrix, prefetch_line


@intrinsic
def prefetch(_typing, t, item, unit, *arrays):
    """Ask for the units `array[t, item, unit]` of each of `arrays`, which may lie outside of it.

    Nothing is read, and no result depends on it.
    """
    if not isinstance(unit, UnitsType) or not all(
        isinstance(array, types.Array) and array.ndim == 3 for array in arrays
    ):
        raise TypingError("prefetch is of units of arrays with three axes")

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        start = builder.extract_value(values[2], 0)
        for kind, value in zip(arrays, cgutils.unpack_tuple(builder, values[3]), strict=True):
            prefetch_line(builder, Matrix(context, builder, kind, value).at(*values[:2], start))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, unit, types.StarArgTuple.from_types(arrays)), emit
