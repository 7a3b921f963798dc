"""How the loop over time runs: the choice of regime, by the sizes and the dtype of a call.

"block" keeps the recurrent weights in the registers of one block of threads, which runs the whole sequence of one batch
item: nothing waits for another block. It applies while the weights fit. "library" runs every step as products of the
library with element-wise kernels between them, at any size.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from generated.support.cuda.dtypes import real
from generated.support.expected import Dtype, describe

LOG = logging.getLogger("generated.cuda")
REGIMES = ("block", "library")
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
_COMFORTABLE = 64
"""Registers for weights that leave the sums short: with more, more threads share a unit."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product inside the loop: the dimensions of its rows, one a matrix, and that of its columns."""

    rows: tuple[str, ...]
    columns: str


@dataclass(frozen=True, slots=True)
class Loop:
    """What the choice depends on: the products of both passes inside the loop, and the dimensions of its sweeps.

    `obstacle` says why no block can run this cell, whatever its sizes; "" where one can. `widest` is how many times a
    size the widest array has in a row.
    """

    forward: tuple[Product, ...]
    backward: tuple[Product, ...]
    dimensions: tuple[str, ...]
    obstacle: str
    widest: int


@dataclass(frozen=True, slots=True)
class Block:
    """The shape of a block: how many threads there are, and how many share a unit."""

    threads: int
    lanes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The regime of a call and why; for "block" also the blocks of both passes."""

    regime: str
    reason: str
    forward: Block = Block(0, 0)
    backward: Block = Block(0, 0)


LIBRARY = Plan("library", "one step")


def choose(place: str, loop: Loop, wanted: object, sizes: Mapping[str, int], dtype: Dtype) -> Plan:
    """The plan of a call: the regime that is `wanted`, or for "auto" the one that suits.

    Raises ValueError for an unknown regime, and for "block" where it cannot run, with the regime that can.
    """
    if wanted not in ("auto", *REGIMES):
        given = repr(wanted) if isinstance(wanted, str) else describe(wanted)
        raise ValueError(f"{place}: regime: expected 'auto', 'block' or 'library', received {given}")
    plan = _by_size(loop, sizes, dtype)
    if wanted == "block" and plan.regime != "block":
        raise ValueError(f"{place}: regime: 'block' cannot run this call, because {plan.reason}; 'library' can")
    if wanted == "library" and plan.regime != "library":
        plan = Plan("library", "it was asked for")
    LOG.info("%s: regime %s: %s", place, plan.regime, plan.reason)
    return plan


def _by_size(loop: Loop, sizes: Mapping[str, int], dtype: Dtype) -> Plan:
    if loop.obstacle:
        return Plan("library", loop.obstacle)
    units = max(sizes[name] for name in loop.dimensions)
    words = real(dtype).itemsize // 4  # Weights of 16 bits become float32 when they are loaded.

    def forward(lanes: int) -> int:
        return words * sum(len(item.rows) * -(-sizes[item.columns] // lanes) for item in loop.forward)

    def backward(lanes: int) -> int:
        return words * sum(-(-sum(sizes[name] for name in item.rows) // lanes) for item in loop.backward)

    blocks = [block(units, weights) for weights in (forward, backward)]
    if blocks[0] is None or blocks[1] is None:
        fewest = min(max(forward(lanes), backward(lanes)) for lanes in _lanes(units) or (1,))
        return Plan("library", f"{units} units need {fewest} registers of each thread for recurrent weights")
    return Plan("block", "the recurrent weights fit the registers of one block", blocks[0], blocks[1])


def block(units: int, weights: Callable[[int], int]) -> Block | None:
    """The block for so many units, with the registers for weights of each thread by the number of lanes of a unit.

    As few lanes as leave the sums of each thread short, else as few as fit; None where none fits.
    """
    fitting = [(lanes, weights(lanes)) for lanes in _lanes(units)]
    fitting = [
        (lanes, need) for lanes, need in fitting if need <= min(BUDGET, registers(_threads(units, lanes)) - OTHERS)
    ]
    if not fitting:
        return None
    lanes = next((lanes for lanes, need in fitting if need <= _COMFORTABLE), fitting[0][0])
    return Block(_threads(units, lanes), lanes)


def registers(threads: int) -> int:
    """How many registers a thread can have in a block of so many threads.

    Warps get theirs four at a time, and a thread gets eight at a time.
    """
    return min(MOST_REGISTERS, REGISTERS // (-(-threads // (4 * WARP)) * 4 * WARP) // 8 * 8)


def _lanes(units: int) -> tuple[int, ...]:
    """Into how many lanes a unit may be divided: powers of two, within a warp and within a block."""
    return tuple(1 << power for power in range(6) if _threads(units, 1 << power) <= MOST_THREADS)


def _threads(units: int, lanes: int) -> int:
    """Whole warps."""
    return -(-units * lanes // WARP) * WARP
