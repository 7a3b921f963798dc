"""Products that two threads share: the same bits whoever multiplies, and no harm by another thread that comes late."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from generated.cpu import gru, lstm, lstm_fgr, rnn
from generated.support import sharing, spinning, threads
from generated.support.compiling import compiled
from generated.support.products import panels
from generated.support.tiles import PANEL_BYTES

LONG = 1 << 40
"""More looks than any test takes."""
MARK = 123.0


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two threads with a CPU each, whatever the machine has."""
    monkeypatch.setattr(threads, "_cpus", lambda: 2)
    before = threads.limit(2)
    yield
    threads.limit(before)


@compiled
def loop(part, first, stop, board, steps, a, packed, out):
    """A loop that does nothing but multiply; each step has a row of its own."""
    for t in range(steps):
        sharing.product_of_step(a[t, first:stop, 0 : a.shape[2]], packed, out[t, first:stop], t, board)


def drawn(steps: int, depth: int, columns: int, dtype: Any) -> tuple[Any, Any, Any]:
    """Rows (steps, 1, depth) and a matrix (depth, columns) of small integers, and the exact products."""
    random = np.random.default_rng(depth)
    a = random.integers(-8, 9, (steps, 1, depth)).astype(dtype)
    b = random.integers(-8, 9, (depth, columns)).astype(dtype)
    return a, b, a @ b


def board_of(result: Any, patience: int) -> Any:
    """A board as `sharing.run` makes it."""
    board = spinning.watched(3)
    board[[sharing._RESULT, sharing._DONE, sharing._PATIENCE]] = result.ctypes.data, sharing._AWAY, patience
    return board


def sizes(dtype: Any) -> list[tuple[int, int]]:
    """Depths and columns of matrices that are just large enough: columns that end anywhere in an odd or even panel."""
    across = PANEL_BYTES // np.dtype(dtype).itemsize
    columns = [across * count + more for count in (5, 6, 17) for more in (-across + 1, -1, 0)]
    return [
        (-(-sharing._LEAST // (np.dtype(dtype).itemsize * (count // across or 1) * across)), count) for count in columns
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_halves_are_the_product_and_nothing_else_is_written(dtype: Any) -> None:
    for depth, columns in sizes(dtype):
        a, b, wanted = drawn(9, depth, columns, dtype)
        packed = panels(b)
        result = np.full(columns, MARK, dtype)
        room = np.full((9, 1, columns), MARK, dtype)
        board = board_of(result, LONG)
        helper = threading.Thread(target=sharing._assist, args=(board, result, LONG))
        helper.start()
        while board[sharing._DONE] == sharing._AWAY:
            time.sleep(0.001)
        loop(0, 0, 1, board, 9, a, packed, room)
        assert board[sharing._ASKED] == board[sharing._DONE] == 9
        board[sharing._ASKED] = sharing._OVER
        helper.join(timeout=30)
        assert board[sharing._DONE] == sharing._AWAY
        np.testing.assert_array_equal(room, wanted)
        own = (len(packed) + 1) // 2 * packed.shape[2]
        np.testing.assert_array_equal(result[: columns - own], wanted[8, 0, own:])
        assert (result[columns - own :] == MARK).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_are_the_same_with_and_without_the_other_thread(dtype: Any) -> None:
    random = np.random.default_rng(1)
    for depth, columns in sizes(dtype):
        a = random.standard_normal((20, 1, depth)).astype(dtype)
        packed = panels(random.standard_normal((depth, columns)).astype(dtype))
        alone, together = (np.empty((20, 1, columns), dtype) for _ in range(2))
        result = np.empty(columns, dtype)
        loop(0, 0, 1, board_of(result, LONG), 20, a, packed, alone)
        sharing.run(loop, ((0, 0, 1),), LONG, alone.dtype, 20, a, packed, together)
        np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("patience", [0, 1, 30, 300])
def test_what_comes_late_is_not_looked_at(patience: int) -> None:
    """A caller that does not wait is steps ahead of the other thread, which reads and writes all the while."""
    a, b, wanted = drawn(4000, 256, 512, np.float32)
    packed, out = panels(b), np.empty((4000, 1, 512), np.float32)
    result = np.empty(512, np.float32)
    board = board_of(result, patience)
    helper = threading.Thread(target=sharing._assist, args=(board, result, LONG))
    helper.start()
    while board[sharing._DONE] == sharing._AWAY:
        time.sleep(0.001)
    for _ in range(5):
        out[:] = np.nan
        loop(0, 0, 1, board, 4000, a, packed, out)
        np.testing.assert_array_equal(out, wanted)
    assert board[sharing._ASKED] > 0
    board[sharing._ASKED] = sharing._OVER
    helper.join(timeout=30)


def test_an_answer_to_an_earlier_question_counts_for_nothing() -> None:
    """The other thread was interrupted while it multiplied: nothing is asked until it is back, its result is old."""
    a, b, wanted = drawn(3, 256, 512, np.float32)
    packed, out = panels(b), np.empty((3, 1, 512), np.float32)
    result = np.full(512, MARK, np.float32)
    board = board_of(result, 0)
    board[sharing._DONE] = 0
    loop(0, 0, 1, board, 3, a, packed, out)
    assert board[sharing._ASKED] == 1
    np.testing.assert_array_equal(out, wanted)
    board[sharing._DONE] = 1
    loop(0, 0, 1, board, 2, a[1:], packed, out[1:])
    assert board[sharing._ASKED] == 2
    np.testing.assert_array_equal(out, wanted)


def test_the_other_thread_leaves_where_nothing_is_asked_for() -> None:
    result = np.empty(8, np.float32)
    board = board_of(result, 0)
    sharing._assist(board, result, 100)
    assert board[sharing._DONE] == sharing._AWAY
    board[sharing._ASKED] = sharing._OVER
    sharing._assist(board, result, LONG)
    assert board[sharing._DONE] == sharing._AWAY


def test_small_products_large_results_and_lone_panels_are_not_shared() -> None:
    for depth, columns in ((64, 64), (3, 2 * sharing._MOST + 1), (sharing._LEAST // 4, 1)):
        a, b, wanted = drawn(2, depth, columns, np.float32)
        out = np.empty((2, 1, columns), np.float32)
        board = board_of(np.empty(1, np.float32), LONG)
        board[sharing._DONE] = 0
        loop(0, 0, 1, board, 2, a, panels(b), out)
        np.testing.assert_array_equal(out, wanted)
        assert board[sharing._ASKED] == 0


def test_only_one_sequence_with_enough_work_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    boards: list[int] = []

    def record(part: int, first: int, stop: int, board: Any, steps: int) -> None:
        boards.append(len(board))

    def shares(parts: Any, largest: int, steps: int = 100) -> bool:
        boards.clear()
        sharing.run(record, parts, largest, np.dtype(np.float32), steps)
        return boards[0] > 0

    one = ((0, 0, 1),)
    assert shares(one, 1 << 18)
    assert not shares(((0, 0, 2),), 1 << 18)
    assert not shares(((0, 0, 1), (1, 1, 2)), 1 << 18)
    assert not shares(one, 1 << 18, steps=10)
    assert not shares(one, sharing._LEAST // 4 - 1, steps=1 << 20)
    threads.limit(1)
    assert not shares(one, 1 << 18)
    monkeypatch.setattr(threads, "_cpus", lambda: 1)
    threads.limit(2)
    assert not shares(one, 1 << 18)


def test_what_the_loop_raises_ends_the_other_thread() -> None:
    boards: list[Any] = []

    def fails(part: int, first: int, stop: int, board: Any, steps: int) -> None:
        boards.append(board)
        raise ArithmeticError("part 0")

    for _ in range(3):
        with pytest.raises(ArithmeticError, match="part 0"):
            sharing.run(fails, ((0, 0, 1),), LONG, np.dtype(np.float32), 100)
    for board in boards:
        assert board[sharing._ASKED] == sharing._OVER
        assert board[sharing._DONE] == sharing._AWAY


def test_where_no_thread_is_free_the_caller_does_it_all() -> None:
    a, b, wanted = drawn(100, 256, 512, np.float32)
    packed, out = panels(b), np.empty((100, 1, 512), np.float32)
    taken = threads._POOL.team.hire(1)
    sharing.run(loop, ((0, 0, 1),), b.size, out.dtype, 100, a, packed, out)
    threads._POOL.team.dismiss(taken)
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("module", [rnn, gru, lstm, lstm_fgr])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kept", ["tape", "workspace", "checkpoints"])
def test_a_cell_gives_what_it_gives_alone(module: Any, dtype: Any, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output, the last state and all gradients, and the same bits again."""
    asked: list[bool] = []
    worth = threads.worth_another
    monkeypatch.setattr(threads, "worth_another", lambda work: asked.append(worth(work)) or asked[-1])
    params = module.init(20, 330, dtype=dtype, seed=3)
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 1, 20)).astype(dtype)
    start = type(module.init_state(params, 1))(
        *(random.normal(size=(1, 330)).astype(dtype) for _ in module.init_state(params, 1))
    )
    ways = {"tape": {}, "workspace": {"workspace": module.Workspace()}, "checkpoints": {"checkpoint_every": 45}}

    def results() -> list[Any]:
        y, state, tape = module.forward(params, x, state=start, lengths=np.array([57]), **ways[kept])
        grads = module.backward(params, tape, np.ones_like(y), state, consume_tape=True)
        return [array.copy() for array in (y, *state, *grads.params, grads.x, *grads.state)]

    together = results()
    assert any(asked)
    for one, other in zip(together, results(), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    threads.limit(1)
    for one, other in zip(together, results(), strict=True):
        scale = max(1.0, float(np.max(np.abs(other))))
        np.testing.assert_allclose(one, other, rtol=0, atol=200 * np.finfo(dtype).eps * scale)
