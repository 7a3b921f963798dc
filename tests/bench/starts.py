"""How long the first calls take: compiling a cell, and a later process that finds the compiled code in the cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.results import Small
from tests.bench.worker import environment

_CELL = """
import sys, time
started = time.perf_counter_ns()
import importlib
import numpy as np
cell, dtype, hidden = sys.argv[1], np.dtype(sys.argv[2]), int(sys.argv[3])
module = importlib.import_module("generated.cpu." + cell)
params = module.init(hidden, hidden, dtype=dtype.type)
x = np.ones((4, 3, hidden), dtype)
imported = time.perf_counter_ns()
y, _, tape = module.forward(params, x)
module.backward(params, tape, dy=y)
called = time.perf_counter_ns()
module.forward(params, x, keep_tape=False)
print(imported - started, called - imported)
"""


_NUMBA = """
import time
started = time.perf_counter_ns()
import numpy as np
import derive_bench_alone
x = np.ones(4)
imported = time.perf_counter_ns()
derive_bench_alone.double(x)
print(imported - started, time.perf_counter_ns() - imported)
"""
_NUMBA_MODULE = """
from numba import njit

@njit(cache=True)
def double(x):
    return x + x
"""


def measure(kernels: Sequence[tuple[str, str]]) -> Iterator[Small]:
    """For each cell and dtype: import and first call with an empty cache, then in a new process at another size.

    Before them what Numba itself takes, in a new process, until it has run a function of one line from its cache.
    """
    if kernels:
        with _cache() as cache:
            (cache / "derive_bench_alone.py").write_text(_NUMBA_MODULE, encoding="utf-8")
            _process(cache, _NUMBA)
            yield from _both("Numba alone, from the cache", "first call of one line", _process(cache, _NUMBA))
    for cell, dtype in kernels:
        with _cache() as cache:
            for what, hidden in (("empty cache", 5), ("from the cache", 24)):
                times = _process(cache, _CELL, cell, dtype, str(hidden))
                yield from _both(f"{cell} {dtype}, {what}", "first forward and backward", times)


@contextmanager
def _cache() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="derive-bench-") as folder:
        yield Path(folder)


def _both(what: str, call: str, times: tuple[float, float]) -> Iterator[Small]:
    for part, taken in zip(("import", call), times, strict=True):
        yield Small(f"{what}: {part}", 1, (taken,))


def _process(cache: Path, script: str, *arguments: str) -> tuple[float, float]:
    """Nanoseconds of the import and of the first call that a script prints, which finds modules in `cache` too."""
    folders = os.pathsep.join([str(cache), *filter(None, sys.path)])
    variables = {**environment(1), "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": folders}
    command = [sys.executable, "-c", script, *arguments]
    finished = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    imported, called = finished.stdout.split()
    return float(imported), float(called)
