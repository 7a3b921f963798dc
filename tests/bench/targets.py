"""The speed that the kernels are to have, by regime, and what a run reached.

A ratio is that of medians, of the same run; a peer's ratio above 1 says that ours is faster. What counts is the worst
of all shapes and cells that belong to a target, for each number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench.cases import Phase, Shape
from tests.bench.results import Result, Run

OWN_CELLS = ("lstm_peephole", "lstm_cifg", "lstm_fgr", "gru")
"""Cells that torch.nn lacks."""
VECTOR = 16
"""Elements of the widest vector: a hidden size that is no multiple of it is odd."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the ratio of a contender to ours, at least; or with `of_limit` of ours to the limit, at most."""

    regime: str
    what: str
    cells: tuple[str, ...]
    contender: str
    phases: tuple[Phase, ...]
    bound: float
    of_limit: bool = False

    def value(self, result: Result) -> float | None:
        """The ratio in one case, None where the contender was left out."""
        return result.factor("ours") if self.of_limit else result.ratio(self.contender)

    def meets(self, value: float) -> bool:
        """Whether a ratio is within the bound."""
        return value <= self.bound if self.of_limit else value >= self.bound


@dataclass(frozen=True, slots=True)
class Reached:
    """The worst ratio of a target for one number of threads, and the cell and shape where it was."""

    regime: str
    what: str
    threads: int
    bound: str
    value: float
    where: str
    met: bool


_ODD = "H no multiple of 16"
REGIMES: dict[str, Callable[[Shape], bool]] = {
    "B = 1, H <= 64": lambda s: not _odd(s) and s.batch == 1 and s.hidden_size <= 64,
    "B = 1, H = 256": lambda s: not _odd(s) and s.batch == 1 and s.hidden_size > 64,
    "B >= 16, H <= 256": lambda s: not _odd(s) and s.batch >= 16 and s.hidden_size <= 256,
    "H >= 512": lambda s: not _odd(s) and s.batch >= 16 and s.hidden_size >= 512,
    _ODD: lambda s: _odd(s),
}
_BOUNDS: dict[str, tuple[float | None, ...]] = {
    # limit, nn.LSTM forward, all, jax, onnxruntime, nn.GRU forward, all, torch loop forward, all
    "B = 1, H <= 64": (1.3, 2.5, 3.5, 2.5, 1.6, 15, 50, 30, 70),
    "B = 1, H = 256": (1.5, 1.4, 1.4, 1.5, 1.1, 2.3, 6, 4, 8),
    "B >= 16, H <= 256": (1.2, 1.03, 1.3, 1.8, 1.1, 2.5, 2.8, 3, 5),
    "H >= 512": (1.2, 1.0, 1.1, 1.5, 1.1, 2.5, 2.8, 2.8, 8),
    _ODD: (1.45, 1.0, 1.2, 1.5, None, 2, 2.5, 2.5, 5),
}
_BOTH = tuple(Phase)
_COLUMNS: tuple[tuple[str, tuple[str, ...], str, tuple[Phase, ...]], ...] = (
    ("lstm / limit", ("lstm",), "ours", _BOTH),
    ("nn.LSTM, forward", ("lstm",), "torch layer", (Phase.FORWARD,)),
    ("nn.LSTM, all", ("lstm",), "torch layer", (Phase.ALL,)),
    ("jax, lstm", ("lstm",), "jax", _BOTH),
    ("onnxruntime, lstm", ("lstm",), "onnxruntime", (Phase.FORWARD,)),
    ("nn.GRU, forward", ("gru_reset_after",), "torch layer", (Phase.FORWARD,)),
    ("nn.GRU, all", ("gru_reset_after",), "torch layer", (Phase.ALL,)),
    ("torch loop, forward", OWN_CELLS, "torch loop", (Phase.FORWARD,)),
    ("torch loop, all", OWN_CELLS, "torch loop", (Phase.ALL,)),
)
TARGETS = tuple(
    Target(regime, what, cells, contender, phases, bound, of_limit=contender == "ours")
    for regime, bounds in _BOUNDS.items()
    for (what, cells, contender, phases), bound in zip(_COLUMNS, bounds, strict=True)
    if bound is not None
)
LIKE_LSTM = ("lstm_peephole", "gru", "gru_reset_after", "lstm_cifg", "lstm_fgr")
"""Cells whose factor over the limit is to be near that of lstm: within 10 % at B >= 16, of gru within 30 % at B = 1."""


def reached(run: Run) -> list[Reached]:
    """Every target that the run has cases for."""
    found = []
    for target in TARGETS:
        for threads in run.thread_counts:
            values = [
                (value, result)
                for result in run.results
                if _belongs(result, target, threads) and (value := target.value(result)) is not None
            ]
            if values:
                pick = max if target.of_limit else min
                value, result = pick(values, key=lambda item: item[0])
                bound = f"{'<=' if target.of_limit else '>='} {target.bound:g}"
                where = _where(result)
                found.append(Reached(target.regime, target.what, threads, bound, value, where, target.meets(value)))
    return found + list(_like_lstm(run))


def _belongs(result: Result, target: Target, threads: int) -> bool:
    case = result.case
    return (
        case.cell in target.cells
        and case.phase in target.phases
        and case.threads == threads
        and REGIMES[target.regime](case.shape)
    )


def _like_lstm(run: Run) -> Iterator[Reached]:
    """How the factor over the limit compares with that of lstm in the same case."""
    for cell in LIKE_LSTM:
        for regime, bound, belongs in (
            ("B >= 16", 1.1, lambda shape: shape.batch >= 16),
            ("B = 1", 1.3, lambda shape, cell=cell: shape.batch == 1 and cell == "gru"),
        ):
            for threads in run.thread_counts:
                values = []
                for result in run.results:
                    case = result.case
                    if case.cell != cell or case.threads != threads or not belongs(case.shape):
                        continue
                    lstm = run.find("lstm", case.shape, case.phase, threads)
                    if lstm:
                        values.append((result.factor("ours") / lstm.factor("ours"), result))
                if values:
                    value, result = max(values, key=lambda item: item[0])
                    what = f"{cell} / limit, to that of lstm"
                    yield Reached(regime, what, threads, f"<= {bound:g}", value, _where(result), value <= bound)


def _odd(shape: Shape) -> bool:
    return shape.hidden_size % VECTOR != 0


def _where(result: Result) -> str:
    return f"{result.case.cell} {result.case.shape} {result.case.phase.value}"
