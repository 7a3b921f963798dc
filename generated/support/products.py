"""Matrix products for the generated CPU kernels: `panels` packs a matrix once, `product` multiplies by it many times.

All arrays are of one dtype, float32 or float64, and `out` overlaps neither factor. A row of a product depends on its
own row of the left matrix alone, NaN included, and the same call gives the same bits. Left factors may be neighbouring
columns of a wider array in C order; all other arrays are in C order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

import numpy as np
from numba.extending import register_jitable

from generated.support import memory
from generated.support.blocks import carved, extent
from generated.support.compiling import compiled
from generated.support.lanes import width
from generated.support.packing import fill_panels
from generated.support.tiles import ALONE, PANEL, PANEL_BYTES, ROWS, TOGETHER, multiply_rows

_LEFT = 1 << 16
"""Elements of the left matrix that pass the panels by while they stay in the second cache."""
_HALVED = 128
"""Rows of a panel beyond which few rows that pass all panels at once pass them by in two halves."""
_DEEP = 512
"""Rows of a panel that pass by at once: fewer would touch the result more often than the second cache makes worth."""
_DEPTH = 512
"""Rows of a weight gradient's factors that are summed before the result is touched."""
_FEW, _SHORT = 8, 256
"""Panels of operands that are so few that adjoints are read from where they stand, and how many rows then.

Tiles of a gradient read a few columns of the adjoints, each row from another page. Beside more panels it pays to copy
these columns together first.
"""


def panels(matrix: np.ndarray) -> np.ndarray:
    """`matrix` (k, n) packed for `product`: (panels, k, columns of a panel), zeros beyond n.

    A transposed view of a contiguous array is packed from where it stands. Changing `matrix` afterwards has no effect.
    """
    if not (matrix.flags.c_contiguous or matrix.flags.f_contiguous):
        matrix = np.ascontiguousarray(matrix)
    shape = panel_shape(*matrix.shape, matrix.itemsize)
    packed = memory.aligned(math.prod(shape), matrix.dtype).reshape(shape)
    fill_panels(matrix, packed, 0, 0)
    return packed


@register_jitable
def panel_shape(depth, columns, itemsize):
    """The shape of the panels of a matrix (depth, columns), for elements of `itemsize` bytes."""
    across = PANEL_BYTES // itemsize
    return -(-columns // across), depth, across


@register_jitable
def check_panels(made_for):
    """Raise ValueError for panels from another CPU: `made_for[0]` holds the PANEL_BYTES they were packed with."""
    if made_for[0] != PANEL_BYTES:
        raise ValueError("product: the panels do not fit another CPU")


@lru_cache(maxsize=256)
def gradient_scratch(rows: int, columns: int, itemsize: int) -> int:
    """How many elements of `itemsize` bytes a share of `weight_gradient` needs for two operands (rows, columns)."""
    depth = max(min(rows, _DEPTH), 1)  # What parameters alone make has one row, also where there are no steps.
    packed = panel_shape(depth, columns, itemsize)
    return extent(itemsize, [packed, packed, panel_shape(depth, 1, itemsize)])


Factors = tuple[np.ndarray, int, np.ndarray, np.ndarray]
"""Of a gradient: the adjoints and their first column, the operands, and the result, as `weight_gradient` takes them.

Adjoints and operands may have several axes before the last one, which count their rows together.
"""


def weight_gradients(part: int, first: int, stop: int, shares: int, scratch: np.ndarray, *gradients: Factors) -> None:
    """One of so many shares of several gradients, as `threads.run` calls it; the sequences of the part do not matter.

    What is compiled makes two gradients of the same adjoints, for all cells: a function of each cell would hold all
    tiles of it again.
    """
    for adjoints, column, factors in _pairs(gradients):
        (operands, out), (more, more_out) = factors
        weight_gradient(part, shares, _rows(adjoints), column, scratch, operands, out, more, more_out)


def _pairs(gradients: Sequence[Factors]) -> Iterator[tuple[np.ndarray, int, Sequence[tuple[np.ndarray, np.ndarray]]]]:
    """Adjoints, their first column, and operands and result of two gradients of them; a lone one gets empty ones."""
    alone: dict[tuple[int, int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
    for adjoints, column, operands, out in gradients:
        found = alone.setdefault((id(adjoints), column, len(out)), [])
        found.append((_rows(operands), out))
        if len(found) == 2:
            yield adjoints, column, alone.pop((id(adjoints), column, len(out)))
    for adjoints, column, _, out in gradients:
        for factors in alone.pop((id(adjoints), column, len(out)), ()):
            yield adjoints, column, (factors, tuple(array[:, :0] for array in factors))


def _rows(array: np.ndarray) -> np.ndarray:
    """All axes but the last one as one."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


@compiled
def weight_gradient(share, shares, adjoints, column, scratch, operands, out, more, more_out):
    """The gradients of stacked matrices: out (rows, columns) = the sum of adjoint times operandᵀ over all rows of both.

    The rows of `out` belong to as many columns of `adjoints` (rows, all columns), from `column` on. `more_out`, which
    has as many rows, is the same for the operands `more`; both may be without columns.

    Written are the rows of one of so many `shares`; all rows have the same bits for any number of them. Each share
    works in its row of `scratch` (shares, at least `gradient_scratch` for the wider operands).
    """
    # Not literal numbers, for which Numba would compile what is called here once more.
    edge, whole = np.int64(0), np.int64(1)
    depth, itemsize = min(len(adjoints), _DEPTH), out.itemsize
    packed, more_packed, panel = carved(
        scratch[share],
        (
            panel_shape(depth, operands.shape[1], itemsize),
            panel_shape(depth, more.shape[1], itemsize),
            panel_shape(depth, 1, itemsize),
        ),
    )
    across = panel.shape[2]
    blocks = -(-len(out) // across)
    first, stop = blocks * share // shares * across, min(blocks * (share + 1) // shares * across, len(out))
    out[first:stop] = 0
    more_out[first:stop] = 0
    copies = len(packed) + len(more_packed) > _FEW
    depth = _DEPTH if copies else _SHORT
    for start in range(0, len(adjoints), depth):
        end = min(start + depth, len(adjoints))
        fill_panels(operands[start:end], packed, edge, edge, edge, whole)
        fill_panels(more[start:end], more_packed, edge, edge, edge, whole)
        for row in range(first, stop, across):
            last = min(row + across, stop)
            columns = adjoints[start:end, column + row : column + last]
            if copies:
                fill_panels(columns, panel, edge, edge, edge, whole)
                columns = panel[0, : end - start, 0:across]
            _add_gradient(columns, packed, out[row:last])
            _add_gradient(columns, more_packed, more_out[row:last])


@compiled
def _add_gradient(a, packed, out):
    """out += aᵀ @ b, compiled once for the two matrices of `weight_gradient`."""
    multiply(a, packed, out, 0, True)


@partial(compiled, inline="always")
def product(a: np.ndarray, packed: np.ndarray, out: np.ndarray, turn: int = 0) -> None:
    """out (m, n) = a (m, k) @ b (k, n) for the `panels` of b; zeros where k is 0.

    An odd `turn` visits the panels from the last one to the first: where every step of a loop multiplies by the same
    matrix and the caches do not hold all of it, the panels of the end of one step are still there for the next one.

    Raises ValueError for sizes that do not fit.
    """
    columns = PANEL * width(out)
    if a.shape[0] != out.shape[0] or a.shape[1] != packed.shape[1]:
        raise ValueError("product: the rows of a and out, or the columns of a and the rows of b, do not fit")
    if a.size > 0 and a.shape[1] > 1 and a.strides[1] != a.itemsize:
        raise ValueError("product: the elements of a row of a are not neighbours")
    if packed.shape[2] != columns or packed.shape[0] != -(-out.shape[1] // columns):
        raise ValueError("product: the panels do not fit the columns of out, or another CPU")
    multiply(a, packed, out, turn, False)


@partial(compiled, inline="always")
def multiply(a, packed, out, turn, gradient):
    """out = a @ b, or out += aᵀ @ b with a literal True for `gradient`; nothing is checked."""
    if out.shape[0] <= (ROWS if gradient else ALONE):
        multiply_few(a, packed, out, out.shape[0], turn, gradient)
    else:
        _multiply_many(a, packed, out, turn, gradient)


@partial(compiled, inline="always")
def multiply_few(a, packed, out, rows, turn, gradient):
    """All `rows` of `out` in one tile: a literal number of them compiles no other tiles.

    They pass whole panels, several at once; where these are all panels, an odd turn has nothing else to visit in
    reverse than two halves of k.
    """
    depth, vectors = a.shape[0 if gradient else 1], -(-out.shape[1] // width(out))
    together = 1 if gradient or rows == 0 else TOGETHER[rows - 1]
    groups = -(-len(packed) // together) if rows else 0
    parts = 2 if groups == 1 and depth > _HALVED else 1
    for number in range(groups * parts):
        visited = groups * parts - 1 - number if turn & 1 else number
        panel, first = (0, visited * (depth // 2)) if parts > 1 else (together * visited, 0)
        count = depth - first if parts == 1 or visited else depth // 2
        columns = min(together * PANEL, vectors - panel * PANEL)
        multiply_rows(a, packed, out, 0, rows, panel, columns, first, count, number > 0 and parts > 1, gradient)


@partial(compiled, inline="always")
def _multiply_many(a, packed, out, turn, gradient):
    """Rows of tiles: a block of them passes a part of each panel by, so that it is read from memory once.

    The part of a panel is as deep as the caches hold.
    """
    rows, depth, vectors = out.shape[0], a.shape[0 if gradient else 1], -(-out.shape[1] // width(out))
    deep = max(min(depth, _DEEP), 1)
    block = max(_LEFT // deep // ROWS, 1) * ROWS
    for start in range(0, rows, block):
        tiles = -(-min(block, rows - start) // ROWS)
        least, larger = divmod(min(block, rows - start), tiles)
        for first in range(0, max(depth, 1), deep):
            count = min(deep, depth - first)
            for number in range(len(packed)):
                panel = len(packed) - 1 - number if turn & 1 else number
                columns, row = min(PANEL, vectors - panel * PANEL), start
                for tile in range(tiles):
                    height = least + 1 if tile < larger else least
                    multiply_rows(a, packed, out, row, height, panel, columns, first, count, first > 0, gradient)
                    row += height
