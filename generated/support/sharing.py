"""The products of one sequence by two threads: another one multiplies by half of the columns in each step.

A step of one sequence reads all recurrent weights; each of two threads finds its half of them in a cache of its own.
Neither waits long for the other: what the other thread has not done in time, because the system has it do something
else, the caller does too, and does not look at what comes late. What the other thread writes is read by nobody until it
says that it is done. Both multiply in the same way, so that the bits are the same whoever does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from generated.support import memory, spinning, threads
from generated.support.blocks import address_of, array_at, copy_bytes
from generated.support.compiling import compiled
from generated.support.expected import Dtype
from generated.support.products import multiply, multiply_few
from generated.support.threads import Part
from generated.support.tiles import PANEL_BYTES

_ASKED, _LEFT, _PANELS, _DEPTH, _COUNT, _COLUMNS, _TURN, _RESULT = range(8)
"""Places on a board: the number of products that were asked for, and of the last one the arrays and sizes."""
_DONE, _PATIENCE = 8, 16
"""The number of the last product that was done, in another cache line; how often the caller looks for it."""
_OVER, _AWAY = -1, -1
"""Nothing more is asked for; nobody is there who would do it."""
_LEAST = 3 << 17
"""Bytes of a matrix that two threads share: to tell each other takes as long as to read a quarter of it."""
_MOST = 1 << 14
"""Columns of the half of the other thread."""
ALONE = spinning.watched(0)
"""The board of a call that shares nothing."""


def run(
    function: Callable[..., None], parts: Sequence[Part], largest: int, dtype: Dtype, steps: int, *arguments: Any
) -> None:
    """`threads.run` for a loop over `steps`, which takes a board behind its part and hands it to `product_of_step`.

    Where there is one part, of one sequence, another thread shares its products: if the `largest` matrix that is read
    in every step, of so many elements of `dtype`, is worth it.
    """
    one = len(parts) == 1 and parts[0][2] == 1
    if not one or largest * dtype.itemsize < _LEAST or not threads.worth_another(steps * largest):
        threads.run(function, parts, ALONE, steps, *arguments)
        return
    board = spinning.watched(3)
    (result,) = memory.arrays(dtype, (_MOST,))
    board[[_RESULT, _DONE, _PATIENCE]] = result.ctypes.data, _AWAY, spinning.turns() // 8

    def share(number: int, first: int, stop: int) -> None:
        if number:
            _assist(board, result, 10 * spinning.turns())
            return
        try:
            function(number, first, stop, board, steps, *arguments)
        finally:
            board[_ASKED] = _OVER

    threads.run(share, (*parts, (1, 0, 0)))


@partial(compiled, inline="always")
def product_of_steps(a, column, packed, out, first, stop, board):
    """out[:, first:stop] = a[:, first:stop, column:] @ b, for as many columns of `a` as b has rows.

    `a` (T, B, k), `out` (T, B, n) and the `panels` of b as for `product`, but nothing is checked: kernels are made to
    have sizes that fit, and checks would be a twentieth of what a cell takes to compile. The rows of a whole batch are
    those of one product for all steps.
    """
    steps, batch, size = out.shape
    rows = array_at(address_of(a), (steps * batch, a.shape[2]), a)
    results = array_at(address_of(out), (steps * batch, size), out)
    whole = first == 0 and stop == batch
    height, products = (steps * batch, 1) if whole else (stop - first, steps)
    for t in range(products):
        start = t * batch + first
        factor = rows[start : start + height, column : column + packed.shape[1]]
        product_of_step(factor, packed, results[start : start + height], t, board[:0])


@compiled
def product_of_step(a, packed, out, turn, board):
    """`product` in one step of a loop, of which nothing is checked; where there is a board, two threads share it.

    A kernel multiplies by nothing else, so that the tiles of products are compiled once for it.
    """
    columns, depth, across = out.shape[1], packed.shape[1], packed.shape[2]
    panels, result = packed, out
    large = packed.size * out.itemsize >= _LEAST and len(packed) > 1
    shared = len(board) > 0 and large and columns <= 2 * _MOST
    half, own, asked, helped = 0, 0, 0, False
    if shared:
        half, asked = (len(packed) + 1) // 2, board[_ASKED]
        own = half * across
        panels = array_at(address_of(packed), (half, depth, across), packed)
        result = array_at(address_of(out), (1, own), out)
        helped = spinning.now(board[_DONE:]) == asked
    rest = address_of(packed) + half * depth * across * packed.itemsize
    if helped:
        board[_LEFT], board[_PANELS], board[_DEPTH] = address_of(a), rest, depth
        board[_COUNT], board[_COLUMNS], board[_TURN] = len(packed) - half, columns - own, turn
        spinning.tell(board, asked + 1)
    for share in range(2 if shared else 1):
        if share == 1:
            place = address_of(out) + own * out.itemsize
            if helped and spinning.spin(board[_DONE:], asked, board[_PATIENCE]) != asked:
                copy_bytes(board[_RESULT], place, (columns - own) * out.itemsize)
                break
            panels = array_at(rest, (len(packed) - half, depth, across), packed)
            result = array_at(place, (1, columns - own), out)
        multiply(a, panels, result, turn, False)


@compiled
def _assist(board, result, most):
    """Do what is asked for on the board until all is over, or until nothing was for so many looks."""
    across = PANEL_BYTES // result.itemsize
    asked = spinning.now(board)
    while asked != _OVER:
        spinning.tell(board[_DONE:], asked)
        seen, asked = asked, spinning.spin(board, asked, most)
        if asked == seen:
            break
        if asked != _OVER:
            depth, count, columns = board[_DEPTH], board[_COUNT], board[_COLUMNS]
            left = array_at(board[_LEFT], (1, depth), result)
            packed = array_at(board[_PANELS], (count, depth, across), result)
            multiply_few(left, packed, result[:columns].reshape(1, columns), 1, board[_TURN], False)
    spinning.tell(board[_DONE:], _AWAY)
