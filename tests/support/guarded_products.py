"""Products on buffers between pages that nobody may touch: run as a script, which an access outside ends."""

from __future__ import annotations

import ctypes
import itertools
import mmap

import numpy as np

from generated.support.packing import fill_panels
from generated.support.products import gradient_scratch, product, weight_gradient
from generated.support.tiles import PANEL_BYTES

PAGE = mmap.PAGESIZE
SIZES = tuple(itertools.product((1, 2, 3, 4, 5, 8, 9, 17), (0, 1, 7, 16, 33), (1, 8, 15, 16, 31, 33, 65)))
MARK = 123.0


class Guarded:
    """Room between two pages without any access."""

    def __init__(self, pages: int = 8) -> None:
        self.memory = mmap.mmap(-1, (pages + 2) * PAGE)
        self.size = pages * PAGE
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        for page in (address, address + PAGE + self.size):
            if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0):
                raise OSError(ctypes.get_errno(), "mprotect")

    def array(self, shape: tuple[int, ...], dtype: type, at_end: bool) -> np.ndarray:
        """An array against the first or the last guard; the rest of the room is filled with a mark."""
        room = np.frombuffer(self.memory, dtype, self.size // np.dtype(dtype).itemsize, PAGE)
        room[:] = MARK
        count = int(np.prod(shape))
        return (room[len(room) - count :] if at_end else room[:count]).reshape(shape)

    def untouched(self, array: np.ndarray, at_end: bool) -> bool:
        """Whether everything outside `array` still holds the mark."""
        room = np.frombuffer(self.memory, array.dtype, self.size // array.itemsize, PAGE)
        rest = room[: len(room) - array.size] if at_end else room[array.size :]
        return bool((rest == MARK).all())


def fill(packed: np.ndarray, matrix: np.ndarray, room: Guarded, at_end: bool) -> None:
    """Panels of a matrix as a whole, and of a part of it beside the rest, in either order of its memory."""
    k, n = matrix.shape
    fill_panels(matrix, packed, 0, 0)
    for column in {n // 3, n - 1} - {0}:
        part = room.array((k, n - column), matrix.dtype.type, at_end)
        turned = room.array((n - column, k), matrix.dtype.type, at_end)
        for right in (part, turned.T):
            right[:] = matrix[:, column:]
            before = packed.copy()
            packed[column // packed.shape[2] :] = np.nan
            fill_panels(np.ascontiguousarray(matrix[:, :column]), packed, 0, 0)
            fill_panels(right, packed, 0, column)
            assert (packed == before).all(), (k, n, column)


def main() -> None:
    """Every size at either end of its room, results compared on the way."""
    rooms = [*(Guarded() for _ in range(5)), Guarded(pages=16)]
    random = np.random.default_rng(0)
    for dtype, at_end, (m, k, n) in itertools.product((np.float32, np.float64), (False, True), SIZES):
        width = PANEL_BYTES // np.dtype(dtype).itemsize
        shapes = ((m, k), (k, n), (-(-n // width), k, width), (m, n))
        a, b, packed, out = (room.array(shape, dtype, at_end) for room, shape in zip(rooms[:4], shapes, strict=True))
        a[:], b[:] = random.integers(-8, 9, a.shape), random.integers(-8, 9, b.shape)
        for matrix in (b, b.reshape(n, k).T):
            fill(packed, matrix, rooms[4], at_end)
            for left in (a, a[:, 0:]):
                out[:] = np.nan
                product(left, packed, out)
                assert (out == left @ matrix).all(), (dtype, at_end, m, k, n)
        adjoints = a.reshape(k, m)
        out[:] = np.nan
        scratch = rooms[5].array((1, gradient_scratch(k, n, out.itemsize)), dtype, at_end)
        # The second operands are a part of the first ones, and so is their result.
        part = np.full((m, n // 2), np.nan, dtype)
        weight_gradient(0, 1, adjoints, 0, scratch, b, out, np.ascontiguousarray(b[:, : n // 2]), part)
        assert (out == adjoints.T @ b).all(), (dtype, at_end, m, k, n)
        assert (part == out[:, : n // 2]).all(), (dtype, at_end, m, k, n)
        for room, array in zip((*rooms[:4], rooms[5]), (a, b, packed, out, scratch), strict=True):
            assert room.untouched(array, at_end), (dtype, at_end, m, k, n)


if __name__ == "__main__":
    main()
