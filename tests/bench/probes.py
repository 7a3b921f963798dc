"""Loops that measure what the machine gives: multiply-adds, bytes read, bytes written, by any number of threads.

Each thread works on its own row of a buffer. The work is repeated inside the compiled loop, so that its start costs
nothing.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from generated.support.products import product
from generated.support.vectors import HOST, Lanes, Matrix

CHAINS = 24 if HOST.registers == 32 else 12
"""Independent sums: they hide the latency of multiply-add and leave registers for the factors."""
STREAMS = 8
"""Vectors read or written in one round of a loop over memory."""


@intrinsic
def _multiply_adds(_typing, rounds, factor):
    """CHAINS multiply-adds of vectors in each of `rounds`; returns a sum, so that no compiler leaves them out."""

    def emit(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        lanes = Lanes(builder, ir.FloatType())
        factors = lanes.splat(values[1])
        sums = [cgutils.alloca_once_value(builder, lanes.splat(values[1])) for _ in range(CHAINS)]
        with cgutils.for_range(builder, values[0]):
            for place in sums:
                builder.store(lanes.multiply_add(builder.load(place), factors, factors), place)
        return _total(builder, lanes, sums)

    return types.float32(types.intp, types.float32), emit


@intrinsic
def _read(_typing, buffer, row, start):
    """`start` plus the sum of a row of `buffer`, whose length is a multiple of STREAMS vectors."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        matrix = Matrix(context, builder, buffer, values[0])
        lanes = Lanes(builder, matrix.element.pointee)
        sums = [cgutils.alloca_once_value(builder, lanes.splat(values[2])) for _ in range(STREAMS)]
        for number, pointer in _vectors(builder, matrix, lanes, values[1]):
            builder.store(lanes.add(builder.load(sums[number]), lanes.load(pointer)), sums[number])
        return _total(builder, lanes, sums)

    return types.float32(buffer, types.intp, types.float32), emit


@intrinsic
def _write(_typing, buffer, row, number):
    """Write `number` to a row of `buffer`, whose length is a multiple of STREAMS vectors."""

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        matrix = Matrix(context, builder, buffer, values[0])
        lanes = Lanes(builder, matrix.element.pointee)
        vector = lanes.splat(values[2])
        for _, pointer in _vectors(builder, matrix, lanes, values[1]):
            lanes.store(vector, pointer)
        return context.get_dummy_value()

    return types.void(buffer, types.intp, types.float32), emit


def _vectors(builder: Any, matrix: Any, lanes: Any, row: Any) -> Any:
    """Write a loop over a row; its body is what the caller writes at each of STREAMS vectors, one after another."""
    size = matrix.shape[1]
    first = ir.Constant(size.type, 0)
    round_size = ir.Constant(size.type, STREAMS * lanes.count)
    with cgutils.for_range_slice(builder, first, size, round_size, inc=True) as (start, _):
        for number in range(STREAMS):
            column = builder.add(start, ir.Constant(size.type, number * lanes.count))
            yield number, builder.bitcast(matrix.at(row, column), matrix.element)


def _total(builder: Any, lanes: Any, sums: list[Any]) -> Any:
    total = builder.load(sums[0])
    for place in sums[1:]:
        total = lanes.add(total, builder.load(place))
    return lanes.sum(total)


@njit(parallel=True, cache=True)
def multiply_adds(threads, rounds):
    """Each of `threads` runs `rounds` rounds of multiply-adds."""
    sums = np.zeros(threads, np.float32)
    for thread in prange(threads):
        sums[thread] = _multiply_adds(rounds, np.float32(0.5))
    return sums.sum()


@njit(parallel=True, cache=True)
def read(buffer, repeats):
    """Each thread reads its row of `buffer` `repeats` times."""
    sums = np.zeros(len(buffer), np.float32)
    for thread in prange(len(buffer)):
        total = np.float32(0)
        for _ in range(repeats):
            total = _read(buffer, thread, total)
        sums[thread] = total
    return sums.sum()


@njit(parallel=True, cache=True)
def write(buffer, repeats):
    """Each thread writes its row of `buffer` `repeats` times."""
    for thread in prange(len(buffer)):
        for repeat in range(repeats):
            _write(buffer, thread, np.float32(repeat))


@njit(cache=True)
def _repeated(a, packed, out, repeats):
    """A function of its own: a product brings branches that Numba would not let run in parallel."""
    for _ in range(repeats):
        product(a, packed, out)


@njit(parallel=True, cache=True)
def products(a, packed, out, repeats):
    """Each thread computes a product of its own, out[thread] = a[thread] times the panels, `repeats` times."""
    for thread in prange(len(a)):
        _repeated(a[thread], packed, out[thread], repeats)


def buffer(total_bytes: int, threads: int) -> np.ndarray:
    """A row for each thread, together about `total_bytes`, with rows that the loops over memory take."""
    unit = STREAMS * HOST.bytes // 4
    columns = max(1, round(total_bytes / 4 / threads / unit)) * unit
    return np.zeros((threads, columns), np.float32)


def multiply_add_operations(threads: int, rounds: int) -> int:
    """What `multiply_adds` computes, two operations for each multiply-add."""
    return 2 * threads * rounds * CHAINS * HOST.bytes // 4


def set_threads(threads: int) -> None:
    """How many threads the loops run on."""
    numba.set_num_threads(threads)
