"""The limit: the time that no implementation is expected to beat, from rates measured in the same run.

For each pass, with the true sizes of the plan,

    limit = T * max(operations / P, weight bytes / W) + read bytes / R + written bytes / S

- operations: those of all matrix products of one step and its batch, a multiply-add counts two. The backward pass has
  the products that pull adjoints through the matrices and the deferred weight gradients, so it has twice the forward
  pass's (less what nothing asks for).
- P: the best rate of operations that anything reached in the run: our product, torch.mm and np.dot, each at the
  recurrent sizes and at those of the input product, and a loop of nothing but multiply-adds.
- weight bytes: the matrices that the loop over time multiplies by, which every step reads; W: the best rate at which so
  many bytes, or more, were read again and again.
- read and written bytes: x, y, tape, dy, adjoints, dx (see `work.passes`), each moved once; R and S: the best rates at
  which a buffer as large as both together, or larger, was read and written.

All rates are those of all threads of the run together, each thread with its own part of the buffer. Not counted:
element-wise arithmetic, packing, allocation, calls, and any wait of one thread for another. Gradients need the limits
of both passes, one after the other. P is one number for each run and number of threads; W, R and S are measured before
and after each case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from generated.support.products import panels
from tests.bench import probes
from tests.bench.cases import Case, Shape
from tests.bench.contenders import installed
from tests.bench.work import Work, passes

BLOCK = 2_000_000
"""Nanoseconds that a probe lasts at least."""
BLOCKS = 5
"""Blocks of each probe at each visit; the best counts."""
FEW_BYTES = 1 << 12
"""A buffer smaller than this measures the loop's own overhead."""
CALL_BYTES, CALL_ROUNDS, CALL_OPERATIONS = 1 << 25, 1 << 16, 1 << 26
"""What one call of a loop does at least, so that the start of its threads costs nothing: some 0.5 ms of work."""
MOST_OPERATIONS = 1 << 30
"""The probe of the input product has no more: some 10 ms."""


@dataclass(slots=True)
class Rates:
    """The best rates of a run so far, of `threads` threads together: operations or bytes in a nanosecond."""

    threads: int
    products: dict[str, float] = field(default_factory=dict)
    reads: dict[int, float] = field(default_factory=dict)
    writes: dict[int, float] = field(default_factory=dict)

    def visit_products(self, shape: Shape) -> None:
        """Measure the products of a shape; better rates than those of earlier visits replace them."""
        probes.set_threads(self.threads)
        for name, (run, operations) in _products(shape, self.threads).items():
            self.products[name] = max(self.products.get(name, 0.0), operations * _best_rate(run))

    def visit_memory(self, case: Case) -> None:
        """Measure reading and writing at the working sets of a case; better rates replace those of earlier visits."""
        probes.set_threads(self.threads)
        for work in passes(case.cell, case.shape, case.phase):
            moved = work.read_bytes + work.written_bytes
            self._memory(self.reads, probes.read, work.weight_bytes)
            self._memory(self.reads, probes.read, moved)
            self._memory(self.writes, probes.write, moved)

    def _memory(self, rates: dict[int, float], loop: Callable[..., Any], size: int) -> None:
        buffer = probes.buffer(max(size, FEW_BYTES), self.threads)
        repeats = max(1, CALL_BYTES // buffer.nbytes)
        rate = repeats * buffer.nbytes * _best_rate(lambda: loop(buffer, repeats))
        rates[size] = max(rates.get(size, 0.0), rate)


def at_least(rates: Mapping[int, float], size: int) -> float:
    """The best rate at a buffer of that size or a larger one, whose bytes come from as near or farther away."""
    return max(rate for measured, rate in rates.items() if measured >= size)


def limit(works: Sequence[Work], steps: int, rates: Rates) -> float:
    """The formula of this module in nanoseconds."""
    best = max(rates.products.values())
    total = 0.0
    for work in works:
        moved = work.read_bytes + work.written_bytes
        total += steps * max(work.operations / best, work.weight_bytes / at_least(rates.reads, work.weight_bytes))
        total += work.read_bytes / at_least(rates.reads, moved) + work.written_bytes / at_least(rates.writes, moved)
    return total


def _products(shape: Shape, threads: int) -> dict[str, tuple[Callable[[], Any], int]]:
    """What P is the best of: for each name what to run and how many operations that is."""
    width = 4 * shape.hidden_size
    runs: dict[str, tuple[Callable[[], Any], int]] = {
        "multiply-adds": (
            lambda: probes.multiply_adds(threads, CALL_ROUNDS),
            probes.multiply_add_operations(threads, CALL_ROUNDS),
        )
    }
    # A product of fewer rows runs as fast as one of all rows, and its probe is over sooner.
    tall = min(shape.steps * shape.batch, max(shape.batch, MOST_OPERATIONS // (2 * shape.input_size * width)))
    for place, rows, depth in (("recurrent", shape.batch, shape.hidden_size), ("input", tall, shape.input_size)):
        operations = 2 * rows * depth * width
        repeats = max(1, CALL_OPERATIONS // operations)
        a, b = np.ones((rows, depth), np.float32), np.ones((depth, width), np.float32)
        for name, run, copies in _libraries(a, b, repeats, threads):
            runs[f"{name}, {place}"] = run, copies * repeats * operations
    return runs


def _libraries(a: np.ndarray, b: np.ndarray, repeats: int, threads: int) -> list[tuple[str, Callable[[], Any], int]]:
    """The product a @ b `repeats` times by each library, and how many such products run side by side."""
    copies = np.broadcast_to(a, (threads, *a.shape)).copy()
    packed = panels(b)
    outs = np.empty((*copies.shape[:2], b.shape[1]), np.float32)
    found = [
        ("product", lambda: probes.products(copies, packed, outs, repeats), threads),
        ("np.dot", lambda: [np.dot(a, b, out=outs[0]) for _ in range(repeats)], 1),
    ]
    if installed("torch"):
        import torch

        torch.set_num_threads(threads)
        left, right, out = map(torch.from_numpy, (a, b, outs[0]))
        found.append(("torch.mm", lambda: [torch.mm(left, right, out=out) for _ in range(repeats)], 1))
    return found


def _best_rate(run: Callable[[], Any]) -> float:
    """How often `run` completes in a nanosecond, in the best of a few blocks."""
    run()
    best, calls = 0.0, 1
    for _ in range(BLOCKS):
        started = time.perf_counter_ns()
        for _ in range(calls):
            run()
        elapsed = time.perf_counter_ns() - started
        best = max(best, calls / elapsed)
        calls = max(calls, round(BLOCK * best))
    return best
