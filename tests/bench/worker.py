"""A measuring process: all cases of one number of threads.

The libraries read their number of threads when they start, so that each number has a process of its own; within it all
contenders take turns. The job comes as JSON on standard input, and lines of JSON go out: a case each, then the rates.
What libraries print is sent to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from tests.bench import latency, parts
from tests.bench.cases import Case, Phase, Shape, arrays
from tests.bench.contender import Contender
from tests.bench.contender_torch import COMPILED
from tests.bench.contenders import CONTENDERS, only_for
from tests.bench.limit import Rates, limit
from tests.bench.measure import Budget, measure
from tests.bench.results import Result
from tests.bench.work import passes


def environment(threads: int) -> dict[str, str]:
    """The variables by which every library learns how many threads it has. NPROC is JAX's."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC")
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    return {**os.environ, **dict.fromkeys(names, str(threads)), "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


def main() -> None:
    """Measure what standard input asks for."""
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in work(json.load(sys.stdin)):
        print(json.dumps(line), file=lines, flush=True)


def work(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines that answer a job."""
    threads = job["threads"]
    contenders = [
        only_for(job["compiled"], contender) if contender is COMPILED else contender
        for contender in CONTENDERS
        if contender.name in job["contenders"]
    ]
    budget = Budget(job["rounds"], job["seconds"])
    rates = Rates(threads)
    measured = []
    for cell, shape in job["cases"]:
        for phase in Phase:
            yield {"measuring": f"{cell} {shape} {phase.value}"}
            measured.append(_case(Case(cell, Shape.parse(shape), phase, threads), contenders, budget, rates))
    # The limits come last, because the best rate of the whole run enters each of them.
    for case, timings, left_out, differing in measured:
        best = limit(passes(case.cell, case.shape, case.phase), case.shape.steps, rates)
        yield {"result": Result(case, tuple(timings), best, left_out, tuple(differing)).data()}
    yield {"rates": asdict(rates)}
    if threads == 1:
        cases = [Case(cell, Shape.parse(shape), phase, 1) for cell, shape in job["parts"] for phase in Phase]
        yield {"parts": [parts.measure(case, job["rounds"]).data() for case in cases]}
    if job["latency"]:
        cells = tuple(dict.fromkeys(cell for cell, _ in job["cases"]))
        yield {"latency": [asdict(item) for item in latency.measure(cells, threads, job["rounds"])]}


def _case(case: Case, contenders: list[Contender], budget: Budget, rates: Rates) -> tuple[Any, ...]:
    if case.phase is Phase.FORWARD:
        rates.visit_products(case.shape)
    rates.visit_memory(case)
    outcome = measure(case, arrays(case.cell, case.shape), contenders, budget)
    rates.visit_memory(case)
    return case, *outcome


if __name__ == "__main__":
    main()
