"""Threads that share a batch: each runs whole sequences for its rows, without a barrier.

The number of threads is that of the CPUs that the process may use, or what the environment variable DERIVE_THREADS, or
else OMP_NUM_THREADS, says; `limit` changes it while the process runs. A part of the batch runs in the thread of the
caller, the others in threads that wait for work. Compiled functions release the interpreter's lock. Calls from several
threads of the caller, and calls in a process that was forked, are safe.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

Part = tuple[int, int, int]
"""The number of a part of the batch, its first sequence, and the one behind its last."""

_LEAST = 1 << 24
"""Multiply-adds that are worth a thread of their own: they take several times as long as to wake one that sleeps."""


def _from_environment() -> int:
    """The number of threads to begin with."""
    for name in ("DERIVE_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").partition(",")[0]
        if text.isdigit() and int(text) > 0:
            return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_CPU = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
"""Gives the number of the CPU that the thread runs on."""


class _Pool:
    """The waiting threads; a forked process, which inherits none of them, starts its own.

    `placed` holds the CPUs that each of them was last sent to, by its number in the system.
    """

    def __init__(self) -> None:
        self.threads = _from_environment()
        self.executor: ThreadPoolExecutor | None = None
        self.placed: dict[int, set[int]] = {}
        self.lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.after_fork)

    def after_fork(self) -> None:
        self.executor = None
        self.placed = {}
        self.lock = threading.Lock()

    def limit(self, threads: int) -> int:
        """Set the number of threads; those that wait end once nobody refers to their executor any more."""
        with self.lock:
            before, self.threads, self.executor, self.placed = self.threads, threads, None, {}
        return before

    def waiting(self) -> ThreadPoolExecutor:
        """The threads beside that of the caller."""
        with self.lock:
            if self.executor is None:
                known = self.placed
                self.executor = ThreadPoolExecutor(
                    max(1, self.threads - 1),
                    thread_name_prefix="derive",
                    initializer=lambda: known.setdefault(threading.get_native_id(), set()),
                )
            return self.executor

    def send(self, cpus: set[int]) -> None:
        """Let the waiting threads wake on these CPUs, if there are any: they sleep while they are sent there."""
        if not cpus:
            return
        for thread, placed in list(self.placed.items()):
            if placed != cpus:
                with suppress(OSError):  # A thread may have ended, or the system may allow fewer CPUs by now.
                    os.sched_setaffinity(thread, cpus)
                    self.placed[thread] = cpus


_POOL = _Pool()


def limit(threads: int) -> int:
    """Use at most so many threads from now on. Returns the number before. Raises ValueError below 1."""
    if threads < 1:
        raise ValueError(f"threads.limit: expected at least 1 thread, received {threads}")
    return _POOL.limit(threads)


def parts(size: int, work: int) -> tuple[Part, ...]:
    """The rows of a batch of `size` for each thread, no more threads than `work` multiply-adds a row are worth."""
    count = min(_POOL.threads, size, size * work // _LEAST)
    return split(size, count) if count > 1 else ((0, 0, size),)


def alone(work: int) -> int:
    """The largest batch that `parts` leaves whole for any number of threads."""
    return max(1, (2 * _LEAST - 1) // max(work, 1))


def split(size: int, count: int, unit: int = 1) -> tuple[Part, ...]:
    """`count` even parts of `size` rows; all but the last part are multiples of `unit`."""
    units = -(-size // unit)
    bounds = [min(units * number // count * unit, size) for number in range(count + 1)]
    return tuple((number, bounds[number], bounds[number + 1]) for number in range(count))


def _other_cpus() -> set[int]:
    """The CPUs that the caller may use and does not use now; empty where the system does not tell.

    A system places a thread that was just woken beside the one that woke it, and may leave both on one CPU for longer
    than a call takes.
    """
    return os.sched_getaffinity(0) - {_CPU()} if _CPU is not None else set()


def run(function: Callable[..., None], parts: Sequence[Part], *arguments: Any) -> None:
    """Call `function` with each of `parts`, its three numbers first, and with the arguments; each in a thread.

    All parts have ended when this returns or raises; what the caller's own part raises comes first.
    """
    if len(parts) == 1:
        function(*parts[0], *arguments)
        return
    executor = _POOL.waiting()
    futures: list[Future[None]] = []
    _POOL.send(_other_cpus())
    try:
        futures.extend(executor.submit(function, *part, *arguments) for part in parts[1:])
        function(*parts[0], *arguments)
    finally:
        wait(futures)
    for future in futures:
        future.result()
