"""The speed that the CUDA kernels are to have, regime by regime of sizes, and what a run reached.

A ratio is that of two medians of the same case; above 1 ours is faster. What counts is the worst of all cases that
belong to a target, for each of our regimes that ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.cases import Shape
from tests.cuda.bench.cases import OWN_CELLS, Case

LAYER = "nn."
HALF = ("float16", "bfloat16")
SIZES: dict[str, Callable[[Shape], bool]] = {
    "A: H <= 96": lambda s: s.hidden_size <= 96,
    "B, C: H <= 1024, B <= 64": lambda s: 96 < s.hidden_size <= 1024 and s.batch <= 64,
    "D: larger": lambda s: s.hidden_size > 1024 or (s.hidden_size > 96 and s.batch > 64),
    "any": lambda s: True,
}


@dataclass(frozen=True, slots=True)
class Target:
    """How many times as long as ours a peer is to take, at least, each in its own arithmetic."""

    sizes: str
    what: str
    peer: str
    theirs: str
    ours: str
    bound: float
    cells: tuple[str, ...] = ()
    units: int = 0

    def belongs(self, case: Case) -> bool:
        """Whether it says something of this case."""
        fits = SIZES[self.sizes](case.shape) and self.units in (0, case.shape.hidden_size)
        return fits and (not self.cells or case.cell in self.cells)


A, B_C, D, ANY = SIZES
TARGETS = (
    Target(A, "cuDNN float32", LAYER, "float32", "float32", 1.3),
    Target(A, "FlashRNN Triton, 64 units", "FlashRNN triton_fused", "bfloat16", "float32", 3.0, units=64),
    Target(B_C, "cuDNN float32", LAYER, "float32", "float32", 1.5),
    Target(B_C, "FlashRNN fused", "FlashRNN cuda_fused", "bfloat16", "bfloat16", 1.5),
    Target(B_C, "cuDNN bfloat16", LAYER, "bfloat16", "bfloat16", 2.0),
    Target(B_C, "cuDNN float16, ours bfloat16", "nn.LSTM", "float16", "bfloat16", 0.6),
    *(Target(D, f"cuDNN {dtype}", LAYER, dtype, dtype, 0.9) for dtype in ("float32", *HALF)),
    Target(ANY, "compiled loop", "torch loop, compiled", "float32", "float32", 5.0, OWN_CELLS),
    Target(ANY, "loop with a compiled step", "torch loop, step compiled", "float32", "float32", 5.0, OWN_CELLS),
    Target(ANY, "eager loop", "torch loop", "float32", "float32", 20.0, OWN_CELLS),
)
BOTH = 3.0
"""How many times as long as forward alone forward and all gradients may take."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The worst ratio of a target for one of our regimes, and where it was."""

    sizes: str
    what: str
    regime: str
    where: str
    bound: str
    value: float
    met: bool


def reached(results: Mapping[Case, Mapping[str, Any]]) -> list[Reached]:
    """Every target that there are figures for."""
    found = [item for target in TARGETS for item in _of_target(target, results)]
    return found + list(_both(results))


def _of_target(target: Target, results: Mapping[Case, Mapping[str, Any]]) -> Iterator[Reached]:
    worst: dict[str, tuple[float, str]] = {}
    for case, result in results.items():
        if not target.belongs(case):
            continue
        entries = result.get("entries", ())
        peers = [entry for entry in entries if _is(entry["who"], target.peer) and entry["dtype"] == target.theirs]
        for entry in entries:
            if not entry["who"].startswith("ours") or entry["dtype"] != target.ours:
                continue
            for peer in peers:
                if peer["phase"] == entry["phase"]:
                    ratio = peer["us"] / entry["us"], f"{case.cell} {case.shape} {entry['phase']}"
                    worst[entry["who"]] = min(worst.get(entry["who"], ratio), ratio)
    for who, (value, where) in worst.items():
        bound, met = f">= {target.bound:g}", value >= target.bound
        yield Reached(target.sizes, target.what, _regime(who), where, bound, value, met)


def _both(results: Mapping[Case, Mapping[str, Any]]) -> Iterator[Reached]:
    """Forward and all gradients over forward alone, for each of our regimes and dtypes."""
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    for case, result in results.items():
        times = {(item["who"], item["dtype"], item["phase"]): item["us"] for item in result.get("entries", ())}
        for (who, dtype, phase), taken in times.items():
            if who.startswith("ours") and phase == "all" and (who, dtype, "forward") in times:
                ratio = taken / times[who, dtype, "forward"], f"{case.cell} {case.shape}"
                worst[who, dtype] = max(worst.get((who, dtype), ratio), ratio)
    for (who, dtype), (value, where) in worst.items():
        what = f"all / forward, {dtype}"
        yield Reached(ANY, what, _regime(who), where, f"<= {BOTH:g}", value, value <= BOTH)


def _is(who: str, peer: str) -> bool:
    """Whether a contender is the peer, of which "nn." stands for every layer."""
    return who.startswith(peer) if peer == LAYER else who == peer


def _regime(who: str) -> str:
    return who.removeprefix("ours, ")
