"""Threads that share a batch: which rows each gets, what they compute together, and what happens when one fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated.cpu import gru, lstm
from generated.support import spinning, threads, workers

ROOT = Path(__file__).parents[2]
LARGE = 1 << 40
"""Work that is worth any number of threads."""


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two threads, whatever the machine has, and little work is worth one of them."""
    monkeypatch.setattr(threads, "_LEAST", 1 << 18)
    before = threads.limit(2)
    yield
    threads.limit(before)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("unit", [1, 4, 6])
@pytest.mark.parametrize("size", [0, 1, 2, 5, 12, 100])
def test_parts_cover_the_rows_exactly(size: int, count: int, unit: int) -> None:
    parts = threads.split(size, count, unit)
    assert [number for number, _, _ in parts] == list(range(count))
    assert [row for _, first, stop in parts for row in range(first, stop)] == list(range(size))
    assert all(first % unit == 0 for _, first, stop in parts if first < stop)
    whole = [stop - first for _, first, stop in parts]
    assert max(whole) - min(whole) < 2 * unit


def test_there_are_as_many_parts_as_threads_rows_or_work_allow() -> None:
    assert [len(threads.parts(size, LARGE)) for size in (0, 1, 2, 100)] == [1, 1, 2, 2]
    assert len(threads.parts(100, 1)) == 1
    threads.limit(5)
    assert len(threads.parts(100, LARGE)) == 5
    assert len(threads.parts(3 * threads._LEAST, 1)) == 3


def test_the_limit_is_given_back_and_checked() -> None:
    assert threads.limit(3) == 2
    assert threads.limit(2) == 3
    with pytest.raises(ValueError, match=r"threads\.limit: expected at least 1 thread, received 0"):
        threads.limit(0)
    assert threads.limit(2) == 2


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"DERIVE_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"DERIVE_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"DERIVE_THREADS": "0", "OMP_NUM_THREADS": "5"}, 5),
        ({"DERIVE_THREADS": "many", "OMP_NUM_THREADS": "-2"}, None),
        ({}, None),
    ],
)
def test_the_environment_says_how_many(
    variables: dict[str, str], expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DERIVE_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert threads._Pool().threads == (expected or cpus)


def test_every_part_runs_in_a_thread_of_its_own_and_the_first_in_that_of_the_caller() -> None:
    threads.limit(3)
    meeting = threading.Barrier(3, timeout=30)
    seen: dict[int, tuple[int, int, str]] = {}

    def part(number: int, first: int, stop: int, word: str) -> None:
        meeting.wait()
        seen[number] = (first, stop, f"{word} {threading.get_ident()}")

    threads.run(part, threads.parts(7, LARGE), "in")
    assert [seen[number][:2] for number in range(3)] == [(0, 2), (2, 4), (4, 7)]
    assert len({word for _, _, word in seen.values()}) == 3
    assert seen[0][2] == f"in {threading.get_ident()}"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system places threads by itself")
def test_waiting_threads_wake_on_other_cpus_than_that_of_the_caller() -> None:
    """They are sent there while they sleep: from the second call on, which finds them waiting."""
    allowed = os.sched_getaffinity(0)
    seen: list[set[int]] = []

    def part(number: int, first: int, stop: int) -> None:
        if number:
            seen.append(os.sched_getaffinity(0))

    for _ in range(3):
        threads.run(part, threads.parts(2, LARGE))
    assert seen[0] <= allowed
    for cpus in seen[1:]:
        assert cpus < allowed if len(allowed) > 1 else cpus == allowed
        assert len(cpus) == max(1, len(allowed) - 1)
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.parametrize("failing", [(0,), (1,), (2,), (0, 1), (1, 2)])
def test_what_a_part_raises_reaches_the_caller_when_all_have_ended(failing: tuple[int, ...]) -> None:
    threads.limit(3)
    go = threading.Event()
    ended: list[int] = []

    def part(number: int, first: int, stop: int) -> None:
        if number in failing:
            if number == failing[-1]:
                go.set()
            raise ArithmeticError(f"part {number}")
        go.wait(30)
        # The failing part has raised long before this one ends.
        threading.Event().wait(0.05)
        ended.append(number)

    with pytest.raises(ArithmeticError, match=f"part {failing[0]}"):
        threads.run(part, threads.parts(3, LARGE))
    assert sorted(ended) == [number for number in range(3) if number not in failing]
    failing = ()
    threads.run(part, threads.parts(3, LARGE))


def test_parts_for_which_no_thread_is_free_run_in_that_of_the_caller() -> None:
    """Also where the callers are parts themselves, of which each waits for its own."""
    threads.limit(3)
    seen: dict[tuple[int, int], int] = {}

    def inner(number: int, first: int, stop: int, outer: int) -> None:
        seen[outer, number] = threading.get_ident()

    def outer(number: int, first: int, stop: int) -> None:
        meeting.wait()
        threads.run(inner, threads.split(4, 4), number)
        meeting.wait()

    meeting = threading.Barrier(3, timeout=30)
    threads.run(outer, threads.split(3, 3))
    assert sorted(seen) == [(number, part) for number in range(3) for part in range(4)]
    for number in range(3):
        assert len({seen[number, part] for part in range(4)}) == 1
    meeting = threading.Barrier(1)
    outer(7, 0, 0)
    assert len({seen[7, part] for part in range(4)}) == 3
    assert seen[7, 3] == seen[7, 0] == threading.get_ident()


def test_nothing_of_a_call_is_kept_by_threads_that_wait() -> None:
    class Argument:
        pass

    argument = Argument()
    alive = weakref.ref(argument)
    threads.run(lambda *_: None, threads.split(2, 2), argument)
    del argument
    assert alive() is None


def test_threads_that_wait_go_to_sleep() -> None:
    threads.run(lambda *_: None, threads.split(2, 2))
    before = time.process_time()
    time.sleep(0.6)
    assert time.process_time() - before < 0.3


def test_with_more_threads_than_cpus_none_waits_actively(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(spinning, "turns", lambda: asked.append(1) or 1)
    for cpus, count in ((2, 1), (1, 0)):
        asked.clear()
        monkeypatch.setattr(threads, "_cpus", lambda cpus=cpus: cpus)
        threads.limit(2)
        used_team()
        assert len(asked) == count


def test_threads_end_when_the_limit_changes() -> None:
    waiting = [worker.thread for worker in used_team()]
    threads.limit(3)
    for thread in waiting:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_threads_at_work_end_behind_it_when_the_limit_changes() -> None:
    go = threading.Event()
    callers = threading.Thread(target=threads.run, args=(lambda *_: go.wait(30), threads.split(2, 2)))
    before = set(threading.enumerate())
    threads.limit(2)
    callers.start()
    while len(working := [each for each in threading.enumerate() if each.name == "derive" and each not in before]) < 1:
        time.sleep(0.01)
    threads.limit(2)
    assert working[0].is_alive()
    go.set()
    for thread in (callers, *working):
        thread.join(timeout=30)
        assert not thread.is_alive()


def used_team() -> list[Any]:
    """The workers of the running team, after one call."""
    threads.run(lambda *_: None, threads.split(2, 2))
    assert len(threads._POOL.team._idle) == 1
    return threads._POOL.team._idle


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers on this system")
def test_an_interrupt_comes_when_all_parts_have_ended() -> None:
    """Of three, the last of which ends last; the threads can be used again."""
    threads.limit(3)
    ended: list[int] = []

    def part(number: int, first: int, stop: int) -> None:
        time.sleep(0.3 * number)
        ended.append(number)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            threads.run(part, threads.split(3, 3))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended == [0, 1, 2]
    assert len(threads._POOL.team._idle) == 2
    threads.run(part, threads.split(3, 3))
    assert sorted(ended) == [0, 0, 1, 1, 2, 2]


def test_a_signal_is_looked_for_from_the_last_one_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was given before is heard at once; then the thread looks for the next one."""
    looks: list[tuple[int, int]] = []
    monkeypatch.setattr(spinning, "spin", lambda number, seen, most: looks.append((int(number[0]), seen)))
    signal = workers._Signal(1)
    for _ in range(2):
        signal.give()
        signal.wait()
    waiting = threading.Thread(target=signal.wait)
    waiting.start()
    while len(looks) < 3:
        time.sleep(0.01)
    signal.give()
    waiting.join(timeout=30)
    assert looks == [(1, 0), (2, 1), (2, 2)]


def test_spinning_ends_with_a_change_or_after_its_turns() -> None:
    number = spinning.watched()
    assert number[0] == 0
    assert number.ctypes.data % 64 == 0
    assert spinning.spin(number, 0, 3) == 0
    assert spinning.spin(number, 1, 1 << 62) == 0
    heard: list[int] = []
    waiting = threading.Thread(target=lambda: heard.append(spinning.spin(number, 0, 1 << 40)), daemon=True)
    waiting.start()
    time.sleep(0.05)
    assert not heard
    number[0] = 5
    waiting.join(timeout=30)
    assert heard == [5]


def sequences(module: Any, seed: int, batch: int = 6) -> Any:
    """Enough work for two threads: parameters and ragged sequences."""
    params = module.init(20, 30, dtype=np.float64, seed=seed)
    x = np.random.default_rng(seed).normal(size=(200, batch, 20))
    return params, x, 200 - 7 * np.arange(batch)


def results(module: Any, params: Any, x: Any, lengths: Any) -> list[Any]:
    """The output, the last state, and all gradients."""
    y, state, tape = module.forward(params, x, lengths=lengths)
    grads = module.backward(params, tape, np.ones_like(y), state)
    return [y, *state, *grads.params, grads.x, *grads.state]


@pytest.mark.parametrize("module", [lstm, gru])
def test_two_threads_give_what_one_gives_and_the_same_bits_again(module: Any) -> None:
    given = sequences(module, 0)
    assert len(threads.parts(6, 200 * 20 * 30)) == 2
    together = results(module, *given)
    for one, other in zip(together, results(module, *given), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    threads.limit(1)
    for one, alone in zip(together, results(module, *given), strict=True):
        scale = max(1.0, float(np.max(np.abs(alone))))
        np.testing.assert_allclose(one, alone, rtol=0, atol=1e-12 * scale)


def test_callers_in_several_threads_get_what_each_gets_alone() -> None:
    cases = [(lstm, *sequences(lstm, 1)), (lstm, *sequences(lstm, 2)), (gru, *sequences(gru, 3))]
    wanted = [results(*case) for case in cases]
    got: dict[int, list[Any]] = {}
    meeting = threading.Barrier(len(cases))

    def call(number: int) -> None:
        meeting.wait()
        for _ in range(10):
            got[number] = results(*cases[number])
            for one, other in zip(got[number], wanted[number], strict=True):
                np.testing.assert_array_equal(one, other, strict=True)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(len(cases))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for number, arrays in enumerate(wanted):
        for one, other in zip(got[number], arrays, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_the_limit_may_change_while_a_call_runs() -> None:
    class Meanwhile(tuple[threads.Part, ...]):
        def __getitem__(self, index: Any) -> Any:
            threads.limit(3)
            return super().__getitem__(index)

    ran: list[int] = []
    threads.run(lambda *part: ran.append(part[0]), Meanwhile(threads.split(4, 2)))
    assert sorted(ran) == [0, 1]


FORK = """
import os
import sys

import numpy as np

from generated.cpu import lstm
from generated.support import memory, threads

threads._LEAST = 1 << 18
threads.limit(2)
params = lstm.init(20, 30, dtype=np.float64)
x = np.random.default_rng(0).normal(size=(200, 6, 20))
assert len(threads.parts(6, 200 * 20 * 30)) == 2


def run():
    y, state, tape = lstm.forward(params, x)
    return lstm.backward(params, tape, np.ones_like(y)).x


wanted = run()
assert threads._POOL.team._idle
with threads._POOL.team._lock, memory._BLOCKS.lock:
    child = os.fork()
    if child == 0:
        same = (run() == wanted).all()
        sys.stdout.flush()
        os._exit(0 if same else 3)
_, status = os.waitpid(child, 0)
assert (run() == wanted).all()
print("child", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_runs_kernels_again() -> None:
    """Forked when threads wait for work, and while another thread might hold a lock."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "child 0\n"
