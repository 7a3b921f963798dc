"""How long the first calls take: compiling a cell, and a later process that finds the compiled code in the cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from tests.bench.results import Small
from tests.bench.worker import environment

_SCRIPT = """
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


def measure(cells: Sequence[str], dtypes: Sequence[str]) -> Iterator[Small]:
    """For each cell and dtype: import and first call with an empty cache, then in a new process at another size."""
    for cell in cells:
        for dtype in dtypes:
            with tempfile.TemporaryDirectory(prefix="derive-bench-") as cache:
                for what, hidden in (("empty cache", 5), ("from the cache", 24)):
                    imported, called = _process(cell, dtype, hidden, cache)
                    yield Small(f"{cell} {dtype}, {what}: import", 1, (imported,))
                    yield Small(f"{cell} {dtype}, {what}: first forward and backward", 1, (called,))


def _process(cell: str, dtype: str, hidden: int, cache: str) -> tuple[float, float]:
    folders = os.pathsep.join(filter(None, sys.path))
    variables = {**environment(1), "NUMBA_CACHE_DIR": cache, "PYTHONPATH": folders}
    command = [sys.executable, "-c", _SCRIPT, cell, dtype, str(hidden)]
    finished = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    imported, called = finished.stdout.split()
    return float(imported), float(called)
