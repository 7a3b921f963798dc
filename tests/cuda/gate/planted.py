"""Kernels with the faults that the gate is there for, and the same one without."""

from __future__ import annotations

import numpy as np

from generated.support.cuda.kinds import Count, Reals

HELD = 96
"""Numbers that each thread holds at a time: more than the registers that a block of 1024 threads leaves it."""


def kernels(cuda, real):
    """Each adds products of held numbers, and differs from `sound` by what its name says."""
    u32 = np.uint32
    zero = real(0)

    def sound(count: Count, given: Reals, out: Reals):
        held = cuda.local.array(HELD, real)
        for number in range(HELD):
            held[u32(number)] = given[u32(number * 1024 + cuda.threadIdx.x)]
        total = zero
        for step in range(count):
            for number in range(HELD):
                total += held[u32(number)] * given[u32(step)]
        out[u32(cuda.threadIdx.x)] = total

    def double(count: Count, given: Reals, out: Reals):
        total = zero
        for step in range(count):
            total += given[u32(step)] * 0.1
        out[u32(cuda.threadIdx.x)] = total

    def indexed(count: Count, given: Reals, out: Reals):
        held = cuda.local.array(HELD, real)
        for number in range(HELD):
            held[u32(number)] = given[u32(number * 1024 + cuda.threadIdx.x)]
        total = zero
        for step in range(count):
            total += held[u32(int(given[u32(step)]) & 63)]
        out[u32(cuda.threadIdx.x)] = total

    return sound, double, indexed
