"""One case: contenders get ready, are compared with ours, and take turns in rounds."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.cases import Arrays, Case
from tests.bench.contender import Contender, DifferenceError, Prepared, UnsupportedError, compare

REST = 0.02
"""Seconds before each turn, in which the threads of the one before stop spinning."""
BLOCK = 2_000_000
"""Nanoseconds that a timed block lasts at least; shorter calls are repeated in it."""
LONG = 50_000_000
"""A call of so many nanoseconds needs no other one to warm caches and threads."""
FEWEST = 3
"""Rounds, however long they take."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many rounds, and no further one where it would end after so many seconds."""

    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Timing:
    """A contender in one case: nanoseconds of a call in every round.

    `calls` is how many a timed block had, `cores` the processor time over the time passed, at the median; `difference`
    is the largest difference from our result, relative to the largest value of its array.
    """

    contender: str
    rounds: tuple[float, ...]
    calls: int
    cores: float
    difference: float

    @property
    def median(self) -> float:
        """The median in nanoseconds."""
        return statistics.median(self.rounds)


@dataclass(slots=True)
class _Turn:
    """A contender between its turns."""

    contender: str
    prepared: Prepared
    difference: float
    once: float
    rounds: list[float]
    cores: list[float]

    @property
    def calls(self) -> int:
        return max(1, -(-BLOCK // max(1, round(self.once))))

    def take(self) -> None:
        """Rest, warm up, and time one block."""
        time.sleep(REST)
        run = self.prepared.run
        if self.once < LONG:
            run()
        elapsed, busy = _timed(run, self.calls)
        self.rounds.append(elapsed / self.calls)
        self.cores.append(busy / elapsed)

    def timing(self) -> Timing:
        return Timing(
            self.contender, tuple(self.rounds), self.calls, round(statistics.median(self.cores), 2), self.difference
        )


def measure(
    case: Case, arrays: Arrays, contenders: Sequence[Contender], budget: Budget
) -> tuple[list[Timing], dict[str, str], list[str]]:
    """The timings, why contenders are left out, and the names of those whose results differ.

    The first contender is ours: the others are compared with it, and what it raises ends the run.
    """
    turns, left_out, differing = _prepare(case, arrays, contenders)
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        for number in range(budget.rounds):
            elapsed = time.perf_counter() - started
            if number >= FEWEST and elapsed * (number + 1) / number > budget.seconds:
                break
            for turn in turns:
                turn.take()
    finally:
        gc.enable()
    return [turn.timing() for turn in turns], left_out, differing


def _prepare(
    case: Case, arrays: Arrays, contenders: Sequence[Contender]
) -> tuple[list[_Turn], dict[str, str], list[str]]:
    turns: list[_Turn] = []
    left_out: dict[str, str] = {}
    differing: list[str] = []
    expected: Mapping[str, Any] | None = None
    for contender in contenders:
        try:
            prepared = contender.prepare(case, arrays)
            result = prepared.read(prepared.run())
            difference = compare(result, expected) if expected is not None else 0.0
        except UnsupportedError as reason:
            left_out[contender.name] = str(reason)
        except DifferenceError as reason:
            left_out[contender.name] = f"another result: {reason}"
            differing.append(contender.name)
        except Exception as error:
            if expected is None:
                raise
            # A peer that breaks at one case is named; the others are still worth their figures.
            left_out[contender.name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        else:
            if expected is None:
                expected = result
            turns.append(_Turn(contender.name, prepared, difference, _once(prepared.run), [], []))
    return turns, left_out, differing


def _once(run: Callable[[], Any]) -> float:
    """About how many nanoseconds a call takes; a short one is called once more to warm up."""
    first = _timed(run, 1)[0]
    return first if first > LONG else min(first, _timed(run, 1)[0])


def _timed(run: Callable[[], Any], calls: int) -> tuple[int, int]:
    """Nanoseconds that passed in so many calls, and those that the cores of this process spent."""
    busy, started = time.process_time_ns(), time.perf_counter_ns()
    for _ in range(calls):
        run()
    return time.perf_counter_ns() - started, time.process_time_ns() - busy
