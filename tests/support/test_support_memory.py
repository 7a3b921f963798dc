"""Blocks that are used again: where their arrays lie, when they come back, and how many are kept."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from generated.support import memory
from generated.support.workspaces import Lease, Workspace

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
SHAPES = ((100, 70), (3, 5, 1000), (1,), (0, 4), (), (128, 128))
LARGE = (memory._SMALL,)


@pytest.fixture(autouse=True)
def blocks(monkeypatch: pytest.MonkeyPatch) -> memory._Blocks:
    """Blocks of this test alone."""
    fresh = memory._Blocks()
    monkeypatch.setattr(memory, "_BLOCKS", fresh)
    return fresh


def span(array: Any) -> tuple[int, int]:
    """The first byte of an array and the one behind its last."""
    start = array.__array_interface__["data"][0]
    return start, start + array.nbytes


@pytest.mark.parametrize("dtype", [F32, F64])
def test_arrays_lie_in_one_block_apart_from_each_other_at_cache_lines(dtype: Any, blocks: memory._Blocks) -> None:
    for _ in range(3):
        arrays = memory.arrays(dtype, *SHAPES)
        assert [array.shape for array in arrays] == list(SHAPES)
        assert all(array.dtype == dtype and array.flags.carray for array in arrays)
        assert all(span(array)[0] % 64 == 0 for array in arrays)
        (reference,) = blocks.loans.values()
        loan = reference()
        assert loan is not None
        first, last = span(loan)
        assert all(first <= start and stop <= last for start, stop in map(span, arrays))
        for one, other in combinations((span(array) for array in arrays if array.size), 2):
            assert one[1] <= other[0] or other[1] <= one[0]
        for number, array in enumerate(arrays):
            array.fill(number)
        assert all((array == number).all() for number, array in enumerate(arrays))
        del loan, arrays, array
        gc.collect()


def test_few_bytes_are_allocated_by_themselves(blocks: memory._Blocks) -> None:
    arrays = memory.arrays(F32, (10, 10), (3,))
    assert [array.base for array in arrays] == [None, None]
    assert not blocks.loans


@pytest.mark.parametrize(
    "view",
    [
        lambda array: array,
        lambda array: array[3:5],
        lambda array: array.reshape(-1, 2)[1:].T,
        lambda array: array.view(np.int32),
        lambda array: np.asarray(memoryview(array)),
        lambda array: np.lib.stride_tricks.as_strided(array, (4,), (0,)),
        lambda array: array.view(np.recarray)[1:],
        lambda array: iter(array.reshape(-1, 2)),
    ],
    ids=["array", "slice", "transposed", "cast", "memoryview", "strided", "subclass", "iterator"],
)
def test_a_block_comes_back_with_the_last_view(view: Any, blocks: memory._Blocks) -> None:
    arrays = memory.arrays(F64, LARGE, (10,))
    kept = view(arrays[0])
    del arrays
    gc.collect()
    assert not blocks.free
    assert len(blocks.loans) == 1
    other = memory.arrays(F64, LARGE, (10,))
    assert len(blocks.loans) == 2
    if isinstance(kept, np.ndarray):
        assert not np.may_share_memory(kept, other[0])
    del kept
    assert len(blocks.free) == 1
    assert len(blocks.loans) == 1


def test_a_dropped_block_is_used_again(blocks: memory._Blocks) -> None:
    first = memory.arrays(F32, LARGE)[0]
    place = span(first)
    del first
    assert span(memory.arrays(F32, LARGE)[0]) == place
    assert len(blocks.free) == 1


def test_two_loans_never_share_a_block(blocks: memory._Blocks) -> None:
    """Loans of several sizes come and go; every array keeps what was written to it."""
    stream = np.random.default_rng(0)
    live: list[tuple[Any, int]] = []
    for number in range(300):
        if live and stream.integers(2):
            array, wanted = live.pop(int(stream.integers(len(live))))
            assert (array == wanted).all()
            del array
        array = memory.arrays(F32, (int(stream.integers(1 << 15, 1 << 18)),))[0]
        array.fill(number)
        live.append((array, number))
    assert all((array == number).all() for array, number in live)
    assert len(blocks.loans) == sum(array.base is not None for array, _ in live)


def test_the_best_fitting_block_is_lent_and_none_that_is_far_too_large(blocks: memory._Blocks) -> None:
    sizes = [1 << 20, 1 << 18, 1 << 19]
    places = {}
    for size, array in [(size, memory.arrays(F32, (size,))[0]) for size in sizes]:
        places[size] = span(array)[0]
    del array
    gc.collect()
    assert len(blocks.free) == 3
    assert span(memory.arrays(F32, ((1 << 18) - 64,))[0])[0] == places[1 << 18]
    assert span(memory.arrays(F32, ((1 << 18) + 64,))[0])[0] == places[1 << 19]
    small = memory.arrays(F32, (1 << 15,))[0]
    assert len(blocks.free) == 3
    assert small.base is not None


def test_at_most_a_few_blocks_are_kept(blocks: memory._Blocks) -> None:
    live = [memory.arrays(F32, LARGE)[0] for _ in range(3 * blocks.most_free)]
    while live:
        live.pop()
        assert len(blocks.free) <= blocks.most_free
    assert len(blocks.free) == blocks.most_free
    memory.release()
    assert not blocks.free


def test_a_block_that_comes_back_at_the_end_of_the_interpreter_says_nothing() -> None:
    program = """
import ctypes
import numpy as np
from generated.support import memory

np.kept = memory.arrays(np.dtype(np.float32), (1 << 16,))
for module in (memory, np):  # Both stay until the interpreter clears them, this one's names first.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(module))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_block_that_comes_back_while_another_is_lent_waits_for_nothing(blocks: memory._Blocks) -> None:
    live = [memory.arrays(F32, LARGE)[0] for _ in range(2 * blocks.most_free)]
    with blocks.lock:
        live.clear()
    assert len(blocks.free) == 2 * blocks.most_free
    array = memory.arrays(F32, LARGE)[0]
    assert len(blocks.free) <= blocks.most_free
    assert array.base is not None


def test_threads_do_not_meet_in_a_block(blocks: memory._Blocks) -> None:
    faults: list[str] = []
    start = threading.Barrier(2)

    def work(mark: int) -> None:
        stream = np.random.default_rng(mark)
        start.wait()
        for _ in range(1500):
            arrays = memory.arrays(F32, (int(stream.integers(1 << 14, 1 << 15)),), (100,))
            for array in arrays:
                array.fill(mark)
            if not all((array == mark).all() for array in arrays):
                faults.append(f"thread {mark}")

    threads = [threading.Thread(target=work, args=(mark,)) for mark in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert faults == []
    assert not blocks.loans
    assert 0 < len(blocks.free) <= blocks.most_free


def test_copies_of_arrays_in_a_block_stand_alone(blocks: memory._Blocks) -> None:
    array = memory.arrays(F32, LARGE)[0]
    array[:] = np.arange(len(array))
    twins = [pickle.loads(pickle.dumps(array)), copy.deepcopy(array), copy.copy(array), array.copy()]
    wanted = np.arange(len(array), dtype=np.float32)
    del array
    assert len(blocks.free) == 1
    memory.arrays(F32, LARGE)[0].fill(-1)
    for twin in twins:
        np.testing.assert_array_equal(twin, wanted)


def test_without_a_workspace_what_is_handed_out_is_the_callers_alone() -> None:
    array = memory.empty((200, 200), F64)
    zeros = memory.zeros((200, 200))
    assert array.base is zeros.base is None
    assert zeros.dtype == F64
    assert not zeros.any()
    np.testing.assert_array_equal(memory.concatenated((zeros[:1].T, zeros[:2].T)[:1]), zeros[:1].T)
    assert memory.copied(zeros, F32).dtype == F32


def test_arrays_of_a_workspace_lie_apart_and_are_the_same_memory_in_the_next_call() -> None:
    workspace = Workspace()
    places = []
    for _ in range(2):
        with memory.within(workspace, "cell"):
            arrays = [*memory.arrays(F32, *SHAPES), memory.empty((7, 7), F64), memory.zeros((9,))]
            for number, array in enumerate(arrays):
                array.fill(number)
            assert all((array == number).all() for number, array in enumerate(arrays))
            assert all(span(array)[0] % 64 == 0 and array.flags.carray for array in arrays)
            places.append([span(array) for array in arrays])
            assert memory.zeros((9,)).tolist() == [0.0] * 9
    assert places[0] == places[1]
    assert memory.empty((200, 200), F32).base is None


def test_blocks_of_a_workspace_grow_and_leave_earlier_arrays_alone() -> None:
    workspace = Workspace()
    with memory.within(workspace, "cell"):
        small = memory.empty((10,), F32)
        small.fill(1)
    with memory.within(workspace, "cell"):
        large = memory.empty((10_000,), F32)
        large.fill(2)
    assert (small == 1).all()
    with memory.within(workspace, "cell"):
        assert span(memory.empty((10,), F32))[0] == span(large)[0]
    for size in range(10_000, 13_000, 8):
        with memory.within(workspace, "cell"):
            arrays = [memory.empty((size,), F32) for _ in range(3)]
            for number, array in enumerate(arrays):
                array.fill(number)
            assert all((array == number).all() for number, array in enumerate(arrays))


def test_states_of_the_last_call_are_copied_before_anything_overwrites_them() -> None:
    workspace = Workspace()
    for numbers in ((1.0, 2.0), (3.0, 4.0)):
        with memory.within(workspace, "cell"):
            own = tuple(memory.empty((9, 2), F32) for _ in numbers)
            for array, number in zip(own, numbers, strict=True):
                array.fill(number)
        with memory.within(workspace, "cell"):
            kept = memory.start(own[::-1])
            for _ in range(4):
                memory.empty((9, 2), F32).fill(7)
            assert [float(array.max()) for array in kept] == [float(array.min()) for array in kept] == [*numbers[::-1]]
    assert memory.start(own) is own


def test_a_lease_is_copied_without_its_workspace() -> None:
    lease = Lease(workspace=Workspace())
    for consumed in (False, True):
        lease.consumed = consumed
        for twin in (copy.copy(lease), copy.deepcopy(lease), pickle.loads(pickle.dumps(lease))):
            assert twin is not lease
            assert twin.consumed == consumed
            assert twin.workspace is None
