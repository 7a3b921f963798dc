"""The micro-kernel of all matrix products: a tile of the result held in vector registers while k runs.

A tile is 1 to ROWS rows by a few vectors of columns. For every k it takes one element of the left matrix per row,
broadcast, times the vectors of one row of the right matrix, which lies in panels: columns in groups of PANEL vectors,
each group (k, PANEL * lanes) by itself, so that it is read in one stream.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from generated.support.vectors import HOST, Lanes, Matrix

PANEL = 2
"""Vectors in a row of a panel."""
PANEL_BYTES = PANEL * HOST.bytes
ROWS = {32: 8, 16: 6 if HOST.fused else 4}[HOST.registers]
"""The most rows of a tile. All sums of a tile, a row of its panel and a broadcast element fit the registers."""
_DEEPEST = 8
"""Vectors of a row of few rows; so many sums hide the latency of multiply-add on the CPUs that are known."""


def _widest(rows: int) -> int:
    """The most vectors in each of `rows` rows: a power of two of them, at least a panel."""
    vectors = PANEL
    while 2 * vectors * rows <= PANEL * ROWS and 2 * vectors <= _DEEPEST:
        vectors *= 2
    return vectors


WIDEST = (PANEL, *(_widest(rows) for rows in range(1, ROWS + 1)))
"""By the number of rows: the most vectors in each. A tile may have that many, or half, a quarter ... of them."""


@intrinsic(prefer_literal=True)
def multiply_tile(_typing, a, panels, out, row, rows, panel, vectors, gradient):
    """out[row:row+rows, columns] = a[row:row+rows] @ b[:, columns]; with a literal True for `gradient`, += and aᵀ.

    `a` (m, k), or (k, m) for a gradient, may be neighbouring columns of a wider array in C order. `panels` (panels, k,
    PANEL * lanes) holds b, `out` (m, n) is in C order. The columns are those of `vectors` vectors from the panel
    numbered `panel`; those beyond n are not stored. Nothing is checked: `rows` and `vectors` must be of a tile that
    WIDEST allows, and inside the arrays.
    """
    matrices = all(isinstance(item, types.Array) for item in (a, panels, out))
    if not matrices or a.layout == "F" or panels.layout != "C" or out.layout != "C":
        raise TypingError("a product takes arrays in C order")
    if not isinstance(gradient, types.BooleanLiteral):
        raise TypingError("gradient is a literal")
    numbers = (types.intp,) * 4
    signature = types.void(a, panels, out, *numbers, gradient)

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        arrays = [
            Matrix(context, builder, kind, value) for kind, value in zip((a, panels, out), values[:3], strict=True)
        ]
        first_row, count, first_panel, width = values[3:7]
        tile = _Tile(builder, *arrays, first_row, first_panel, gradient.literal_value)
        last = builder.append_basic_block("multiplied")
        choice = builder.switch(_combined(builder, count, width), last)
        for height in range(1, ROWS + 1):
            for columns in _widths(height):
                block = builder.append_basic_block(f"tile_{height}_{columns}")
                choice.add_case(ir.Constant(count.type, height * 16 + columns), block)
                builder.position_at_end(block)
                tile.emit(height, columns)
                builder.branch(last)
        builder.position_at_end(last)
        return context.get_dummy_value()

    return signature, emit


def _widths(rows: int) -> list[int]:
    """The numbers of vectors that a tile of `rows` rows may have."""
    return [2**power for power in range(WIDEST[rows].bit_length())]


def _combined(builder: Any, rows: Any, vectors: Any) -> Any:
    """One number for both, for the choice of the code."""
    return builder.add(builder.mul(rows, ir.Constant(rows.type, 16)), vectors)


class _Tile:
    """Writes the loop over k for tiles of one product."""

    def __init__(self, builder: Any, a: Matrix, panels: Matrix, out: Matrix, row: Any, panel: Any, gradient: bool):
        self.builder, self.a, self.panels, self.out = builder, a, panels, out
        self.row, self.panel, self.gradient = row, panel, gradient
        self.lanes = Lanes(builder, out.element.pointee)

    def emit(self, rows: int, vectors: int) -> None:
        """The code of a tile of that many rows and vectors.

        A tile too small to hide the latency of multiply-add sums every second, third ... k by itself.
        """
        chains = max(1, min(4, _DEEPEST // (rows * vectors)))
        builder, lanes = self.builder, self.lanes
        sums = [
            [[cgutils.alloca_once_value(builder, lanes.zero()) for _ in range(vectors)] for _ in range(rows)]
            for _ in range(chains)
        ]
        # `alloca_once_value` sets the zeros where it stands, in the block of this tile.
        depth = self.a.shape[0 if self.gradient else 1]
        whole = builder.sub(depth, builder.srem(depth, self._number(chains)))
        lefts = [self._left(builder.add(self.row, self._number(row))) for row in range(rows)]
        rights = [
            self.panels.at(builder.add(self.panel, self._number(number))) for number in range(-(-vectors // PANEL))
        ]
        with cgutils.for_range_slice(builder, self._number(0), whole, self._number(chains), inc=True) as (k, _):
            for chain in range(chains):
                self._multiply(builder.add(k, self._number(chain)), lefts, rights, sums[chain])
        if chains > 1:
            with cgutils.for_range_slice(builder, whole, depth, self._number(1), inc=True) as (k, _):
                self._multiply(k, lefts, rights, sums[0])
        self._finish([[self._total(sums, row, vector) for vector in range(vectors)] for row in range(rows)])

    def _left(self, row: Any) -> Any:
        """The address of a row of the left factor, or of aᵀ, where k is 0."""
        return self.a.at(self._number(0), row) if self.gradient else self.a.at(row)

    def _multiply(self, k: Any, lefts: list[Any], rights: list[Any], sums: list[list[Any]]) -> None:
        """Add the products of one k to the sums."""
        builder, lanes = self.builder, self.lanes
        right_offset = builder.mul(k, self._number(PANEL_BYTES))
        right = []
        for vector in range(len(sums[0])):
            start = self._moved(rights[vector // PANEL], right_offset)
            right.append(lanes.load(self._element(self._moved(start, self._number(vector % PANEL * HOST.bytes)))))
        left_offset = builder.mul(k, self.a.strides[0 if self.gradient else 1])
        for left, row in zip(lefts, sums, strict=True):
            factor = lanes.broadcast(self._element(self._moved(left, left_offset)))
            for place, vector in zip(row, right, strict=True):
                builder.store(lanes.multiply_add(factor, vector, builder.load(place)), place)

    def _total(self, sums: list[list[list[Any]]], row: int, vector: int) -> Any:
        total = self.builder.load(sums[0][row][vector])
        for chain in sums[1:]:
            total = self.lanes.add(total, self.builder.load(chain[row][vector]))
        return total

    def _finish(self, totals: list[list[Any]]) -> None:
        """Store the tile; where it reaches beyond the last column, under a mask."""
        builder, width = self.builder, len(totals[0])
        first = builder.mul(self.panel, self._number(PANEL * self.lanes.count))
        left = builder.sub(self.out.shape[1], first)
        full = builder.icmp_signed(">=", left, self._number(width * self.lanes.count))
        with builder.if_else(full) as (then, otherwise):
            with then:
                self._store(totals, first, [None] * width)
            with otherwise:
                lefts = [builder.sub(left, self._number(vector * self.lanes.count)) for vector in range(width)]
                self._store(totals, first, [self.lanes.first(count) for count in lefts])

    def _store(self, totals: list[list[Any]], first: Any, masks: list[Any]) -> None:
        lanes = self.lanes
        for number, row in enumerate(totals):
            start = self.out.at(self.builder.add(self.row, self._number(number)), first)
            for vector, (total, mask) in enumerate(zip(row, masks, strict=True)):
                place = self._element(self._moved(start, self._number(vector * HOST.bytes)))
                if self.gradient:
                    before = lanes.load(place) if mask is None else lanes.load_masked(place, mask)
                    total = lanes.add(before, total)
                if mask is None:
                    lanes.store(total, place)
                else:
                    lanes.store_masked(total, place, mask)

    def _moved(self, address: Any, offset: Any) -> Any:
        return self.builder.gep(address, [offset])

    def _element(self, address: Any) -> Any:
        return self.builder.bitcast(address, self.out.element)

    def _number(self, number: int) -> Any:
        return ir.Constant(self.row.type, number)
