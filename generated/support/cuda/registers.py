"""How many registers the threads of a block have for recurrent weights, and the block that holds those of a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

WARP = 32
MOST_THREADS = 1024
"""Threads that a block can have."""
REGISTERS = 65536
"""Registers of 32 bits that a block can have."""
MOST_REGISTERS = 255
"""Registers that a thread can have."""
BUDGET = 96
"""Registers of a thread that weights may take. Loops over more are not unrolled for every architecture."""
OTHERS = 64
"""Registers of a thread that are left for everything else: the offline gate finds that no cell spills then."""
COMFORTABLE = 64
"""Registers for weights that leave the sums short: with more, more threads share a unit."""


@dataclass(frozen=True, slots=True)
class Block:
    """The shape of a block: how many threads there are, and how many share a unit."""

    threads: int
    lanes: int


def block(units: int, weights: Callable[[int], int]) -> Block | None:
    """The block for so many units, with the registers for weights of each thread by the number of lanes of a unit.

    As few lanes as leave the sums of each thread short, else as few as fit; None where none fits.
    """
    fitting = [(lanes, weights(lanes)) for lanes in lanes_of(units)]
    fitting = [
        (lanes, need) for lanes, need in fitting if need <= min(BUDGET, registers(threads_of(units, lanes)) - OTHERS)
    ]
    if not fitting:
        return None
    lanes = next((lanes for lanes, need in fitting if need <= COMFORTABLE), fitting[0][0])
    return Block(threads_of(units, lanes), lanes)


def registers(threads: int) -> int:
    """How many registers a thread can have in a block of so many threads.

    Warps get theirs four at a time, and a thread gets eight at a time.
    """
    return min(MOST_REGISTERS, REGISTERS // (-(-threads // (4 * WARP)) * 4 * WARP) // 8 * 8)


def lanes_of(units: int, most: int = WARP) -> tuple[int, ...]:
    """Into how many lanes a unit may be divided: powers of two, at most so many, and within a block."""
    powers = (1 << power for power in range(most.bit_length()))
    return tuple(lanes for lanes in powers if threads_of(units, lanes) <= MOST_THREADS)


def threads_of(units: int, lanes: int) -> int:
    """Whole warps."""
    return -(-units * lanes // WARP) * WARP
