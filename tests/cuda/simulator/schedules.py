"""In which order the threads of a launch run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cuda.simulator.threads import Thread


@dataclass(frozen=True, slots=True)
class Schedule:
    """An order of the threads that can run. A thread runs until it waits for others or returns.

    In order, a team of threads that a barrier lets go runs on first, its lowest thread or its highest before the
    others. With a seed every choice is drawn, from all threads that can run.
    """

    name: str
    highest_first: bool = False
    seed: int | None = None

    def __str__(self) -> str:
        return self.name


FORWARD = Schedule("forward")
REVERSE = Schedule("reverse", highest_first=True)


def shuffled(seed: int) -> Schedule:
    """A schedule by chance; the same seed gives the same one."""
    return Schedule(f"shuffled by {seed}", seed=seed)


class Queue:
    """The threads that can run."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._threads: list[Thread] = []
        self._stream = None if schedule.seed is None else random.Random(schedule.seed)

    def add(self, threads: Sequence[Thread]) -> None:
        """Let these threads, in ascending order, run before those that are here already, or among them by chance."""
        self._threads.extend(threads if self._schedule.highest_first else reversed(threads))

    def postpone(self, thread: Thread) -> None:
        """Let this thread run behind all that are here already, or by chance."""
        self._threads.insert(0, thread)

    def take(self) -> Thread | None:
        """Remove the thread whose turn it is; None where no thread can run."""
        threads = self._threads
        if not threads:
            return None
        if self._stream is not None:
            drawn = self._stream.randrange(len(threads))
            threads[drawn], threads[-1] = threads[-1], threads[drawn]
        return threads.pop()
