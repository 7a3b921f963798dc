"""The latency of one call of `step`: streaming, one sequence, H = 32."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence

import numba
import numpy as np

from tests.bench.cases import Shape, arrays
from tests.bench.measure import BLOCK, REST
from tests.bench.results import Small

SIZES = Shape(1, 1, 32, 32)


def measure(cells: Sequence[str], threads: int, rounds: int) -> list[Small]:
    """`step` of the cells with plain and with packed parameters, in rounds."""
    numba.set_num_threads(threads)
    runs = {}
    for cell in cells:
        module = importlib.import_module(f"generated.cpu.{cell}")
        given = arrays(cell, SIZES)
        params, state, x = module.Params(**given.params), module.State(**given.state), given.x[0]
        for kind, values in (("plain", params), ("packed", module.pack(params))):
            runs[f"{cell}.step, {kind} parameters"] = lambda m=module, v=values, x=x, s=state: m.step(v, x, s)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(REST)
            taken[name].append(_block(run))
    return [Small(name, threads, tuple(values)) for name, values in taken.items()]


def _block(run) -> float:
    """Nanoseconds of a call, after a warm-up, over at least the time of a block."""
    started = time.perf_counter_ns()
    run()
    run()
    calls = max(1, 2 * BLOCK // (time.perf_counter_ns() - started))
    samples = np.empty(calls)
    for number in range(calls):
        started = time.perf_counter_ns()
        run()
        samples[number] = time.perf_counter_ns() - started
    return float(np.median(samples))
