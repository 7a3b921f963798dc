"""What a run found, as plain data: it goes through JSON from the measuring processes, and into build/bench.json."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.cases import Case, Phase, Shape
from tests.bench.measure import Timing


@dataclass(frozen=True, slots=True)
class Result:
    """One case. `limit` is in nanoseconds; `left_out` says by name why contenders are."""

    case: Case
    timings: tuple[Timing, ...]
    limit: float
    left_out: Mapping[str, str]
    differing: tuple[str, ...]

    def median(self, contender: str) -> float | None:
        """The median of a contender in nanoseconds, None where it was left out."""
        return next((timing.median for timing in self.timings if timing.contender == contender), None)

    def ratio(self, contender: str) -> float | None:
        """How many times as long as ours a contender takes, by medians."""
        ours, other = self.median("ours"), self.median(contender)
        return other / ours if ours and other else None

    def factor(self, contender: str) -> float | None:
        """How many times as long as the limit a contender takes."""
        median = self.median(contender)
        return median / self.limit if median else None

    def data(self) -> dict[str, Any]:
        """For JSON."""
        case = self.case
        return {
            "cell": case.cell,
            "shape": asdict(case.shape),
            "phase": case.phase.value,
            "threads": case.threads,
            "limit_ns": self.limit,
            "left_out": dict(self.left_out),
            "differing": list(self.differing),
            "contenders": [{**asdict(timing), "median_ns": timing.median} for timing in self.timings],
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Result:
        """The inverse of `data`."""
        case = Case(data["cell"], Shape(**data["shape"]), Phase(data["phase"]), data["threads"])
        timings = tuple(
            Timing(entry["contender"], tuple(entry["rounds"]), entry["calls"], entry["cores"], entry["difference"])
            for entry in data["contenders"]
        )
        return cls(case, timings, data["limit_ns"], data["left_out"], tuple(data["differing"]))


@dataclass(frozen=True, slots=True)
class Small:
    """One figure of the small tables, in nanoseconds: a first call, or the latency of `step`."""

    what: str
    threads: int
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median in nanoseconds."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the time of one case goes: nanoseconds of our call in every round, and of what it is made of, each alone.

    The names are "call"; "forward", "backward" and "weights" for its compiled functions; and with these before a colon
    the products that they make.
    """

    case: Case
    rounds: Mapping[str, tuple[float, ...]]

    @property
    def columns(self) -> dict[str, float]:
        """Medians in nanoseconds: the call, and what adds up to it. What is left of a function is element-wise."""
        medians = {name: statistics.median(rounds) for name, rounds in self.rounds.items()}
        call = medians.pop("call")
        functions = [name for name in medians if ":" not in name]
        shown = {"call": call, "outside": call - sum(medians[name] for name in functions)}
        for function in functions:
            products = {name: taken for name, taken in medians.items() if name.startswith(f"{function}:")}
            rest = medians[function] - sum(products.values())
            shown |= {**products, f"{function}: rest": rest} if products else {function: rest}
        return shown

    def data(self) -> dict[str, Any]:
        """For JSON."""
        case = self.case
        return {
            "cell": case.cell,
            "shape": asdict(case.shape),
            "phase": case.phase.value,
            "threads": case.threads,
            "rounds": {name: list(rounds) for name, rounds in self.rounds.items()},
            "columns_ns": self.columns,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Parts:
        """The inverse of `data`."""
        case = Case(data["cell"], Shape(**data["shape"]), Phase(data["phase"]), data["threads"])
        return cls(case, {name: tuple(rounds) for name, rounds in data["rounds"].items()})


@dataclass(slots=True)
class Run:
    """Everything that one call of the benchmark found."""

    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    missing: Mapping[str, str]
    results: list[Result] = field(default_factory=list)
    latency: list[Small] = field(default_factory=list)
    starts: list[Small] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)
    rates: dict[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "machine": dict(self.machine),
            "settings": dict(self.settings),
            "missing": dict(self.missing),
            "results": [result.data() for result in self.results],
            "latency": [asdict(item) for item in self.latency],
            "starts": [asdict(item) for item in self.starts],
            "parts": [item.data() for item in self.parts],
            "rates": self.rates,
        }

    @property
    def thread_counts(self) -> tuple[int, ...]:
        """The thread counts that were measured, in order."""
        return tuple(dict.fromkeys(result.case.threads for result in self.results))

    def find(self, cell: str, shape: Shape, phase: Phase, threads: int) -> Result | None:
        """The result of one case."""
        wanted = Case(cell, shape, phase, threads)
        return next((result for result in self.results if result.case == wanted), None)
