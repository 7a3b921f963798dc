"""Panels of a matrix: the form in which `tiles` reads the right factor of a product."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from generated.support.compiling import compiled
from generated.support.tiles import PANEL
from generated.support.vectors import HOST, Lanes, Matrix

FILLED = 32
"""How many multiply-adds take as long as to write one element into a panel."""
_VECTOR_BYTES = HOST.bytes


@compiled
def fill_panels(matrix, packed, row, column, share=0, shares=1):
    """Write `matrix` (k, n) into panels (panels, at least row + k, columns of a panel).

    The matrix is in Fortran order, or in C order; then it may be neighbouring columns of a wider array.
    It begins at `row` and `column` of what the panels hold. Behind its last column zeros fill the panel, so that no
    result depends on what was there: of matrices side by side the left one comes first. Other rows stay as they are.

    Written are the panels of one of so many `shares`.
    """
    lanes = _VECTOR_BYTES // packed.itemsize
    across = PANEL * lanes
    first, stop = len(packed) * share // shares, len(packed) * (share + 1) // shares
    for panel in range(max(column // across, first), min(-(-(column + matrix.shape[1]) // across), stop)):
        # One vector of columns after the other: a CPU follows no more than so many rows of memory by itself.
        for vector in range(panel * across, (panel + 1) * across, lanes):
            if vector + lanes > column:
                start = max(vector, column)
                for k in range(0, matrix.shape[0], lanes):
                    pack_block(matrix, packed, k, start - column, row + k, start)


@intrinsic
def pack_block(_typing, matrix, packed, source_row, source_column, row, column):
    """Write a square of `matrix` to `row` and `column` of the panels, as high as a vector, and up to the end of one.

    What lies beyond the matrix is not read and becomes zeros; rows beyond it are not written. Nothing is checked.
    """
    if packed.layout != "C":
        raise TypingError("panels are in C order")

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        arrays = [Matrix(context, builder, kind, value) for kind, value in ((matrix, values[0]), (packed, values[1]))]
        _Square(builder, *arrays, *values[2:]).emit(matrix.layout == "F")
        return context.get_dummy_value()

    return types.void(matrix, packed, *[types.intp] * 4), emit


class _Square:
    """Writes the code that copies a square; its vectors lie along the contiguous axis of the matrix."""

    def __init__(
        self, builder: Any, matrix: Matrix, packed: Matrix, source_row: Any, source_column: Any, row: Any, column: Any
    ) -> None:
        self.builder, self.matrix, self.packed = builder, matrix, packed
        self.source_row, self.source_column, self.row = source_row, source_column, row
        self.lanes = Lanes(builder, matrix.element.pointee)
        across = self._number(PANEL * self.lanes.count)
        self.panel = builder.udiv(column, across)
        self.offset = builder.mul(builder.urem(column, across), self._number(self.lanes.itemsize))
        count = self._number(self.lanes.count)
        self.room = builder.sub(count, builder.urem(column, count))

    def emit(self, transposed: bool) -> None:
        """The copy; where the square reaches beyond the matrix, or begins inside a vector, under masks."""
        builder, count = self.builder, self._number(self.lanes.count)
        rows = builder.sub(self.matrix.shape[0], self.source_row)
        columns = builder.sub(self.matrix.shape[1], self.source_column)
        columns = builder.select(builder.icmp_signed("<", columns, self.room), columns, self.room)
        whole = [builder.icmp_signed(">=", size, count) for size in (rows, columns)]
        with builder.if_else(builder.and_(*whole)) as (then, otherwise):
            with then:
                self._copy(transposed, None, None)
            with otherwise:
                self._copy(transposed, rows, columns)

    def _copy(self, transposed: bool, rows: Any, columns: Any) -> None:
        lanes, builder = self.lanes, self.builder
        along, across = (rows, columns) if transposed else (columns, rows)
        vectors = []
        for number in range(lanes.count):
            here = [builder.add(self.source_row, self._number(0 if transposed else number))]
            here.append(builder.add(self.source_column, self._number(number if transposed else 0)))
            place = builder.bitcast(self.matrix.at(*here), self.matrix.element)
            if rows is None:
                vectors.append(lanes.load(place))
            else:
                vectors.append(lanes.load_masked(place, lanes.first(self._inside(number, across, along))))
        if transposed:
            vectors = lanes.transposed(vectors)
        for number, vector in enumerate(vectors):
            start = self.packed.at(self.panel, builder.add(self.row, self._number(number)))
            place = builder.bitcast(builder.gep(start, [self.offset]), self.packed.element)
            if rows is None:
                lanes.store(vector, place)
            else:
                lanes.store_masked(vector, place, lanes.first(self._inside(number, rows, self.room)))

    def _inside(self, number: int, limit: Any, size: Any) -> Any:
        """`size` where `number` is below `limit`, else 0."""
        inside = self.builder.icmp_signed("<", self._number(number), limit)
        return self.builder.select(inside, size, self._number(0))

    def _number(self, number: int) -> Any:
        return ir.Constant(self.row.type, number)
