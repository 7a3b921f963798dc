"""Threads that wait for work: each has one caller at a time, and is waited for by that one alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from generated.support import spinning


class _Signal:
    """Given by one thread, once each time that another one waits for it."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.given = spinning.watched()
        self.heard = 0
        self.asleep = threading.Lock()
        self.asleep.acquire()

    def give(self) -> None:
        self.given[0] += 1
        self.asleep.release()

    def wait(self) -> None:
        """Look for it for a moment, then sleep until it is given."""
        spinning.spin(self.given, self.heard, self.turns)
        self.asleep.acquire()
        self.heard += 1


class Worker:
    """A thread that runs what it is told to; `turns` are those that it, and who waits for it, looks before sleeping."""

    def __init__(self, turns: int) -> None:
        self._work: Callable[[], None] | None = None
        self._error: BaseException | None = None
        self._told, self._done = _Signal(turns), _Signal(turns)
        self._cpus: set[int] = set()
        self.thread = threading.Thread(target=self._run, name="derive", daemon=True)
        self.thread.start()

    def place(self, cpus: set[int]) -> None:
        """Let the thread run on these CPUs from now on, if there are any."""
        if cpus and cpus != self._cpus and self.thread.native_id is not None:
            with suppress(OSError):  # The system may allow fewer CPUs by now.
                os.sched_setaffinity(self.thread.native_id, cpus)
                self._cpus = cpus

    def begin(self, work: Callable[[], None] | None) -> None:
        """Let the thread run `work`, or end where that is None."""
        self._work = work
        self._told.give()

    def ended(self) -> BaseException | None:
        """What the work raised, or what interrupted the caller meanwhile, once the work has ended."""
        interrupt: BaseException | None = None
        while True:
            try:
                self._done.wait()
                break
            except KeyboardInterrupt as error:
                interrupt = error
        error, self._error = self._error, None
        return interrupt or error

    def _run(self) -> None:
        while True:
            self._told.wait()
            if self._work is None:
                return
            try:
                self._work()
            except BaseException as error:
                self._error = error
            self._work = None  # Its arguments are the caller's to drop.
            self._done.give()


class Team:
    """At most so many workers, started when they are needed; those in `_idle` have no caller, the last one last."""

    def __init__(self, most: int, *, actively: bool) -> None:
        self._most, self.actively = most, actively
        self._started = 0
        self._idle: list[Worker] = []
        self._dissolved = False
        self._lock = threading.Lock()

    def hire(self, count: int) -> list[Worker]:
        """`count` workers that nobody else has, or as many as there are: those that have waited least come first."""
        with self._lock:
            found = self._idle[-count:]
            del self._idle[-count:]
            with suppress(RuntimeError):  # The system may have no more threads, or the interpreter may be ending.
                while len(found) < count and self._started < self._most:
                    found.append(Worker(spinning.turns() if self.actively else 0))
                    self._started += 1
        return found

    def dismiss(self, workers: Sequence[Worker]) -> None:
        """Give back workers whose work has ended."""
        with self._lock:
            self._idle.extend(workers)
            if self._dissolved:
                self._end_idle()

    def dissolve(self) -> list[Worker]:
        """End all workers, those at work once they are dismissed; returns those that end at once."""
        with self._lock:
            self._dissolved = True
            return self._end_idle()

    def _end_idle(self) -> list[Worker]:
        ending, self._idle = self._idle, []
        for worker in ending:
            worker.begin(None)
        return ending
