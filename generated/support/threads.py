"""Threads that share a batch: each runs whole sequences for its rows, without a barrier.

The number of threads is that of the CPUs that the process may use, or what the environment variable DERIVE_THREADS, or
else OMP_NUM_THREADS, says; `limit` changes it while the process runs. The first part of a batch runs in the thread of
the caller, as do those for which no other thread is free; a thread that waits looks for work for a moment, then sleeps.
Compiled functions release the interpreter's lock. Calls from several threads of the caller, and calls in a process that
was forked, are safe.
"""

from __future__ import annotations

import atexit
import ctypes
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from generated.support.workers import Team, Worker

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
    return _cpus()


def _cpus() -> int:
    """How many CPUs the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_CPU = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
"""Gives the number of the CPU that the thread runs on."""


class _Pool:
    """The threads beside that of the caller; a forked process, which inherits none of them, starts its own.

    Where there are more threads than CPUs none of them waits actively: it would keep another one from its work.
    """

    def __init__(self) -> None:
        self.use(_from_environment())
        atexit.register(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: self.use(self.threads))

    def use(self, threads: int) -> None:
        """Begin anew with so many threads, of which none has been started."""
        self.threads = threads
        self.team = Team(threads - 1, actively=threads <= _cpus())

    def limit(self, threads: int) -> int:
        """Set the number of threads; those that were started before end once nobody uses them."""
        before, team = self.threads, self.team
        self.use(threads)
        team.dissolve()
        return before

    def end(self) -> None:
        """Let no thread meet the end of the interpreter while it waits."""
        for worker in self.team.dissolve():
            worker.thread.join()


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


def worth_another(work: int) -> bool:
    """Whether so many multiply-adds are worth another thread, on a CPU of its own, for whose waking nobody waits."""
    return _POOL.threads > 1 and _POOL.team.actively and 4 * work >= _LEAST


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
    """Call `function` with each of `parts`, its three numbers first, and with the arguments.

    What has begun has ended when this returns or raises. What the thread of the caller raises comes first.
    """
    if len(parts) == 1:
        function(*parts[0], *arguments)
        return
    team = _POOL.team
    workers = team.hire(len(parts) - 1)
    cpus = _other_cpus()
    own = (parts[0], *parts[1 + len(workers) :])
    begun: list[Worker] = []
    try:
        for worker, part in zip(workers, parts[1:], strict=False):
            worker.place(cpus)
            worker.begin(partial(function, *part, *arguments))
            begun.append(worker)
        for part in own:
            function(*part, *arguments)
    finally:
        errors = [worker.ended() for worker in begun]
        team.dismiss(workers)
    for error in errors:
        if error is not None:
            raise error
