"""Contenders on one device take turns in rounds, and events of the device say how long each took."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from tests.bench.contender import DifferenceError, Prepared, UnsupportedError

BLOCK = 4_000.0
"""Microseconds that a timed block lasts at least: shorter calls are repeated in it."""
MOST_CALLS = 64
WARM = 3
"""Calls before each block: one that finds other memory than before may have its graph captured at the next."""
ROUNDS = 11
FEWEST = 3
"""Rounds, however long they take."""
SECONDS = 6.0
"""Of rounds of a case: no further one where it would end later."""
TOLERANCES = {"TF32": 5e-2, "float16": 5e-2, "bfloat16": 2e-1}
"""The difference from our float32 that counts as rounding, as a part of the largest value: enough to tell that
contenders compute the same. Others are allowed what `correctness` allows.
"""


class Clock(Protocol):
    """What times calls on a device."""

    def time(self, run: Callable[[], Any], calls: int) -> float:
        """Microseconds that so many calls take on the device, which has nothing else to do."""

    def wait(self) -> None:
        """Until the device has done everything; raises what went wrong on it."""


class EventClock:
    """Events on the default stream of CuPy, which is that of PyTorch too."""

    def __init__(self, cupy: Any) -> None:
        self._cuda = cupy.cuda

    def time(self, run: Callable[[], Any], calls: int) -> float:
        """Microseconds between an event before the calls and one behind them."""
        stream = self._cuda.get_current_stream()
        start, stop = self._cuda.Event(), self._cuda.Event()
        start.record(stream)
        for _ in range(calls):
            run()
        stop.record(stream)
        stop.synchronize()
        return 1000.0 * float(self._cuda.get_elapsed_time(start, stop))

    def wait(self) -> None:
        """Until the device has done everything."""
        self._cuda.runtime.deviceSynchronize()


@dataclass(frozen=True, slots=True)
class Contender:
    """What computes a case: whose it is, in which arithmetic, which phase of the work. `prepare` gets it ready."""

    who: str
    dtype: str
    phase: str
    prepare: Callable[[], Prepared]

    def __str__(self) -> str:
        return f"{self.who} {self.dtype} {self.phase}"


class BrokenError(RuntimeError):
    """The device does nothing any more in this process; the message says after what, and why."""


@dataclass(slots=True)
class _Turn:
    """A contender between its turns."""

    contender: Contender
    prepared: Prepared
    once: float
    difference: float | None
    rounds: list[float]

    @property
    def calls(self) -> int:
        return min(MOST_CALLS, max(1, round(BLOCK / max(self.once, 1.0))))

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "who": self.contender.who,
            "dtype": self.contender.dtype,
            "phase": self.contender.phase,
            "us": statistics.median(self.rounds),
            "rounds": self.rounds,
            "calls": self.calls,
            "difference": self.difference,
        }


def measured(
    contenders: Sequence[Contender],
    clock: Clock,
    tolerance: float,
    tell: Callable[[str], None] = lambda name: None,
    without: Mapping[str, str] = MappingProxyType({}),
    now: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """The medians of all contenders, and why others are left out, `without` among them.

    `tell` hears of each contender before it runs first, so that one that never returns is known by its name. The first
    one of a phase is what the others are compared with. Raises BrokenError where the device is lost.
    """
    left_out: dict[str, str] = {}
    turns: list[_Turn] = []
    expected: dict[str, Mapping[str, np.ndarray]] = {}
    for contender in contenders:
        name = str(contender)
        if name in without:
            left_out[name] = without[name]
            continue
        tell(name)
        try:
            turns.append(_ready(contender, clock, expected, tolerance))
        except (UnsupportedError, DifferenceError) as reason:
            left_out[name] = str(reason)
        except Exception as error:
            left_out[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            _check(clock, f"{name}: {left_out[name]}")
    gc.collect()
    gc.disable()
    try:
        _take_turns(turns, clock, tell, now)
    finally:
        gc.enable()
    return {"entries": [turn.data() for turn in turns], "left out": left_out}


def _ready(
    contender: Contender, clock: Clock, expected: dict[str, Mapping[str, np.ndarray]], tolerance: float
) -> _Turn:
    """The contender prepared, compared and warm."""
    prepared = contender.prepare()
    result = prepared.read(prepared.run())
    clock.wait()
    difference = None
    if contender.phase in expected:
        difference = compare(result, expected[contender.phase], TOLERANCES.get(contender.dtype, tolerance))
    else:
        expected[contender.phase] = result
    return _Turn(contender, prepared, min(clock.time(prepared.run, 1) for _ in range(2)), difference, [])


def _take_turns(turns: list[_Turn], clock: Clock, tell: Callable[[str], None], now: Callable[[], float]) -> None:
    """Rounds in which each contender warms up and is timed once."""
    started = now()
    for number in range(ROUNDS):
        elapsed = now() - started
        if number >= FEWEST and elapsed * (number + 1) / number > SECONDS:
            break
        for turn in turns:
            tell(str(turn.contender))
            for _ in range(WARM):
                turn.prepared.run()
            turn.rounds.append(clock.time(turn.prepared.run, turn.calls) / turn.calls)


def _check(clock: Clock, what: str) -> None:
    """Raise BrokenError where an error has taken the device with it."""
    try:
        clock.wait()
    except Exception as error:
        raise BrokenError(f"{what}; then: {error}") from error


def compare(got: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], tolerance: float) -> float:
    """The largest difference, as a part of the largest value; DifferenceError where it is no rounding.

    A contender may give less than all arrays.
    """
    worst = 0.0
    for name, value in got.items():
        wanted = expected[name]
        if value.shape != wanted.shape:
            raise DifferenceError(f"another result: {name}: shape {value.shape}, expected {wanted.shape}")
        largest = float(np.abs(wanted).max(initial=0.0)) or 1.0
        difference = float(np.abs(value.astype(np.float64) - wanted).max(initial=0.0)) / largest
        if not difference <= tolerance:
            raise DifferenceError(f"another result: {name}: off by {difference:.1e} of its largest value")
        worst = max(worst, difference)
    return worst
