"""The micro-kernel of all matrix products: a tile of the result held in vector registers while k runs.

A tile is a few rows by a few vectors of columns. For every k it takes one element of the left matrix per row,
broadcast, times the vectors of one row of the right matrix, which lies in panels: columns in groups of PANEL vectors,
each group (k, PANEL * lanes) by itself, so that it is read in one stream. Every form of a tile is a function of its own
in the machine code, where all its sums find registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from generated.support.vectors import HOST, Lanes, Matrix, prefetch_line
from generated.support.workspaces import LINE

PANEL = 2
"""Vectors in a row of a panel."""
PANEL_BYTES = PANEL * HOST.bytes
ROWS = {32: 8, 16: 6 if HOST.fused else 4}[HOST.registers]
"""The most rows of a tile beside others. All its sums, a row of its panel and a broadcast element fit the registers."""
ALONE = {32: 12, 16: ROWS}[HOST.registers]
"""The most rows of a tile that has no others above or below it: they pass by a panel that is read once, not twice."""
_DEEPEST = 8
"""Vectors of a row of few rows; so many sums hide the latency of multiply-add on the CPUs that are known."""
_UNROLLED = 4
"""Many k in one round of the loop of a tile, where it is as wide as its rows allow: they share its addresses."""


def _widest(rows: int, gradient: bool) -> int:
    """The most vectors in each of `rows` rows: a power of two of them, at least a panel.

    Of a gradient these are no more: few of its tiles are low, and each form takes time to compile.
    """
    vectors = PANEL
    while not gradient and 2 * vectors * rows <= PANEL * ROWS and 2 * vectors <= _DEEPEST:
        vectors *= 2
    return vectors


TOGETHER = tuple(_widest(rows, False) // PANEL for rows in range(1, ALONE + 1))
"""Panels that 1, 2 ... ALONE rows pass by at once, each by a wide tile, which hides more latency than a narrow one."""


@intrinsic(prefer_literal=True)
def multiply_rows(_typing, a, panels, out, row, rows, panel, vectors, first, depth, adds, gradient):
    """out[row:row+rows, columns] = a[row:row+rows, k] @ b[k, columns], for `depth` many k from `first` on.

    It is += where `adds`; with a literal True for `gradient`, += and aᵀ.

    `a` (m, k), or (k, m) for a gradient, may be neighbouring columns of a wider array in C order. `panels` (panels, k,
    PANEL * lanes) holds b, `out` (m, n) is in C order. The columns are those of `vectors` vectors from the panel
    numbered `panel`; those beyond n are not stored. Nothing is checked: there are 1 to ALONE `rows`, of a gradient 1 to
    ROWS, and all is inside the arrays. For a literal number of rows the tiles of others are not compiled.
    """
    matrices = all(isinstance(item, types.Array) for item in (a, panels, out))
    if not matrices or a.layout == "F" or panels.layout != "C" or out.layout != "C":
        raise TypingError("a product takes arrays in C order")
    if not isinstance(gradient, types.BooleanLiteral):
        raise TypingError("gradient is a literal")
    counts = range(1, (ROWS if gradient.literal_value else ALONE) + 1)
    if isinstance(rows, types.IntegerLiteral):
        counts = (rows.literal_value,)
    numbers = (types.intp,) * 4
    signature = types.void(a, panels, out, types.intp, rows, *numbers, types.boolean, gradient)

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        arrays = [
            Matrix(context, builder, kind, value) for kind, value in zip((a, panels, out), values[:3], strict=True)
        ]
        number = context.cast(builder, values[4], rows, types.intp)
        _Rows(builder, *arrays, values[3], number, *values[5:10], gradient.literal_value).emit(counts)
        return context.get_dummy_value()

    return signature, emit


class _Rows:
    """Writes the calls of the tiles that make up some rows of a product: the widest first, then halves of it."""

    def __init__(
        self, builder: Any, a: Matrix, panels: Matrix, out: Matrix, row: Any, rows: Any, panel: Any, vectors: Any,
        first: Any, depth: Any, adds: Any, gradient: bool,
    ) -> None:  # fmt: skip
        self.builder, self.a, self.panels, self.out = builder, a, panels, out
        self.row, self.rows, self.panel, self.vectors = row, rows, panel, vectors
        self.first, self.depth, self.adds, self.gradient = first, depth, adds, gradient
        self.lanes = Lanes(builder, out.element.pointee)

    def emit(self, counts: Sequence[int]) -> None:
        """The choice by the number of rows, one of `counts`."""
        builder = self.builder
        last = builder.append_basic_block("multiplied")
        choice = builder.switch(self.rows, last)
        for rows in counts:
            block = builder.append_basic_block(f"rows_{rows}")
            choice.add_case(self._number(rows), block)
            builder.position_at_end(block)
            self._emit(rows)
            builder.branch(last)
        builder.position_at_end(last)

    def _emit(self, rows: int) -> None:
        builder, width = self.builder, _widest(rows, self.gradient)
        # More than ROWS have no tiles of fewer vectors, which are slow to compile: behind the last vector of a panel
        # there are zeros, and nothing of them is stored.
        whole = self.vectors if rows > ROWS else builder.and_(self.vectors, self._number(-width))
        with cgutils.for_range_slice(builder, self._number(0), whole, self._number(width), inc=True) as (start, _):
            self._call(rows, width, start)
        while width > 1 and rows <= ROWS:
            start = builder.and_(self.vectors, self._number(-width))
            width //= 2
            is_there = builder.icmp_signed("!=", builder.and_(self.vectors, self._number(width)), self._number(0))
            with builder.if_then(is_there):
                self._call(rows, width, start)

    def _call(self, rows: int, width: int, start: Any) -> None:
        """One tile, from the vector numbered `start` of these rows."""
        builder, a = self.builder, self.a
        tile = _Tile(builder.module, self.lanes, rows, width, self.gradient)
        panel = builder.add(self.panel, builder.udiv(start, self._number(PANEL)))
        column = builder.mul(panel, self._number(PANEL * self.lanes.count))
        builder.call(
            tile.function(),
            [
                a.at(self.first, self.row) if self.gradient else a.at(self.row, self.first),
                a.strides[0],
                self.panels.at(panel, self.first),
                self.panels.strides[0],
                self.out.at(self.row, column),
                self.out.strides[0],
                self.depth,
                builder.sub(self.out.shape[1], column),
                self.adds,
            ],
        )

    def _number(self, number: int) -> Any:
        return ir.Constant(self.rows.type, number)


class _Tile:
    """Writes the function of one form of a tile: `rows` rows of `vectors` vectors.

    Its arguments are the addresses of the first element of each matrix, and the bytes from one row of `a`, one panel,
    and one row of `out` to the next; then the number of k, how many columns `out` has from here on, and whether to add
    to it.
    """

    def __init__(self, module: Any, lanes: Lanes, rows: int, vectors: int, gradient: bool) -> None:
        self.module, self.element, self.itemsize = module, lanes.type.element, lanes.itemsize
        self.rows, self.vectors, self.gradient = rows, vectors, gradient

    def function(self) -> Any:
        """The function in the module that is being compiled, written at its first use."""
        name = f"tile_{self.rows}_{self.vectors}_{8 * self.itemsize}{'_gradient' if self.gradient else ''}"
        if name in self.module.globals:
            return self.module.globals[name]
        address, number = ir.IntType(8).as_pointer(), ir.IntType(64)
        kinds = [address, number, address, number, address, number, number, number, ir.IntType(1)]
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.lanes = Lanes(self.builder, self.element)
        self._emit(*function.args)
        self.builder.ret_void()
        return function

    def _emit(
        self, a: Any, a_row: Any, panel: Any, panel_size: Any, out: Any, out_row: Any, depth: Any, left: Any, adds: Any
    ) -> None:
        """The loop over k, and the store.

        A tile too small to hide the latency of multiply-add sums every second, third ... k by itself. All addresses
        move along with k, so that arithmetic on them does not take the place of multiply-adds.
        """
        builder, item = self.builder, self._number(self.itemsize)
        chains = max(1, min(_UNROLLED, _DEEPEST // (self.rows * self.vectors)))
        unrolled = _UNROLLED if self.vectors == _widest(self.rows, self.gradient) else chains
        sums = [[[self._sum() for _ in range(self.vectors)] for _ in range(self.rows)] for _ in range(chains)]
        row_size, k_size = (item, a_row) if self.gradient else (a_row, item)
        lefts = self._moving(self._addresses(a, row_size, self.rows))
        rights = self._moving(self._addresses(panel, panel_size, -(-self.vectors // PANEL)))
        if self.rows > 1:
            for address in self._addresses(out, out_row, self.rows):
                self._prefetch(address)
        whole = builder.and_(depth, self._number(-unrolled))
        with cgutils.for_range_slice(builder, self._number(0), whole, self._number(unrolled), inc=True):
            for number in range(unrolled):
                self._multiply(number, k_size, lefts, rights, sums[number % chains])
            self._move(unrolled, k_size, lefts, rights)
        if unrolled > 1:
            with cgutils.for_range_slice(builder, whole, depth, self._number(1), inc=True):
                self._multiply(0, k_size, lefts, rights, sums[0])
                self._move(1, k_size, lefts, rights)
        totals = [[self._total(sums, row, vector) for vector in range(self.vectors)] for row in range(self.rows)]
        self._finish(totals, self._addresses(out, out_row, self.rows), left, adds)

    def _prefetch(self, address: Any) -> None:
        """Ask for the lines of a row of the result, far apart from the next row, before they are written behind k."""
        for start in range(0, self.vectors * HOST.bytes, LINE):
            prefetch_line(self.builder, self._moved(address, self._number(start)), write=True)

    def _sum(self) -> Any:
        return cgutils.alloca_once_value(self.builder, self.lanes.zero())

    def _addresses(self, start: Any, size: Any, count: int) -> list[Any]:
        """The addresses of `count` rows or panels, `size` bytes apart."""
        return [self._moved(start, self.builder.mul(size, self._number(number))) for number in range(count)]

    def _moving(self, addresses: list[Any]) -> list[Any]:
        """Places for addresses that move along with k."""
        return [cgutils.alloca_once_value(self.builder, address) for address in addresses]

    def _move(self, count: int, k_size: Any, lefts: list[Any], rights: list[Any]) -> None:
        """Move all addresses by `count` many k."""
        builder = self.builder
        sizes = builder.mul(k_size, self._number(count)), self._number(count * PANEL_BYTES)
        for places, size in zip((lefts, rights), sizes, strict=True):
            for place in places:
                builder.store(self._moved(builder.load(place), size), place)

    def _multiply(self, number: int, k_size: Any, lefts: list[Any], rights: list[Any], sums: list[list[Any]]) -> None:
        """Add the products of the k that is `number` behind that of the addresses to the sums."""
        builder, lanes = self.builder, self.lanes
        right = []
        for vector in range(self.vectors):
            offset = number * PANEL_BYTES + vector % PANEL * HOST.bytes
            start = builder.load(rights[vector // PANEL])
            right.append(lanes.load(self._element(self._moved(start, self._number(offset)))))
        left_offset = builder.mul(k_size, self._number(number))
        for left, row in zip(lefts, sums, strict=True):
            factor = lanes.broadcast(self._element(self._moved(builder.load(left), left_offset)))
            for place, vector in zip(row, right, strict=True):
                builder.store(lanes.multiply_add(factor, vector, builder.load(place)), place)

    def _total(self, sums: list[list[list[Any]]], row: int, vector: int) -> Any:
        total = self.builder.load(sums[0][row][vector])
        for chain in sums[1:]:
            total = self.lanes.add(total, self.builder.load(chain[row][vector]))
        return total

    def _finish(self, totals: list[list[Any]], outs: list[Any], left: Any, adds: Any) -> None:
        """Store the tile; where it reaches beyond the last column, under a mask."""
        builder, lanes = self.builder, self.lanes
        full = builder.icmp_signed(">=", left, self._number(self.vectors * lanes.count))
        with builder.if_else(full) as (then, otherwise):
            with then:
                self._store(totals, outs, [None] * self.vectors, adds)
            with otherwise:
                lefts = [builder.sub(left, self._number(vector * lanes.count)) for vector in range(self.vectors)]
                self._store(totals, outs, [lanes.first(count) for count in lefts], adds)

    def _store(self, totals: list[list[Any]], outs: list[Any], masks: list[Any], adds: Any) -> None:
        if self.gradient:
            self._write(totals, outs, masks, add=True)
            return
        with self.builder.if_else(adds) as (then, otherwise):
            with then:
                self._write(totals, outs, masks, add=True)
            with otherwise:
                self._write(totals, outs, masks, add=False)

    def _write(self, totals: list[list[Any]], outs: list[Any], masks: list[Any], *, add: bool) -> None:
        lanes = self.lanes
        for start, row in zip(outs, totals, strict=True):
            for vector, (total, mask) in enumerate(zip(row, masks, strict=True)):
                place = self._element(self._moved(start, self._number(vector * HOST.bytes)))
                if add:
                    before = lanes.load(place) if mask is None else lanes.load_masked(place, mask)
                    total = lanes.add(before, total)
                if mask is None:
                    lanes.store(total, place)
                else:
                    lanes.store_masked(total, place, mask)

    def _moved(self, address: Any, offset: Any) -> Any:
        return self.builder.gep(address, [offset])

    def _element(self, address: Any) -> Any:
        return self.builder.bitcast(address, self.element.as_pointer())

    def _number(self, number: int) -> Any:
        return ir.Constant(ir.IntType(64), number)
