"""How the loop over time runs: the choice of regime, by the sizes and the dtype of a call.

"block" keeps the recurrent weights in the registers of one block of threads, which runs the whole sequence of one batch
item: nothing waits for another block. It applies while the weights fit. "library" runs every step as products of the
library with element-wise kernels between them, at any size. "grid" keeps the weights in the registers of all blocks of
one launch, which run the loop together, with a barrier of the grid before each product: for more units than one block
holds, and few sequences. On arrays of 16 bits its products are on tensor cores. It has not yet run on a device, so
"auto" does not choose it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from generated.support.cuda.dtypes import real
from generated.support.cuda.grids import TENSOR_CORES, CannotError, Grid, Limits, Sums, TensorGrid, TensorSums, grid
from generated.support.cuda.registers import Block, block, lanes_of
from generated.support.expected import Dtype, describe

LOG = logging.getLogger("generated.cuda")
REGIMES = ("block", "grid", "library")
_NO_BLOCK = Block(0, 0)
_NO_LIMITS = Limits(0, 0)


@dataclass(frozen=True, slots=True)
class Product:
    """A product in a stage of the loop: the dimensions of its rows, one a matrix, and that of its columns.

    `team` is how many units of a grid share their threads for it.
    """

    rows: tuple[str, ...]
    columns: str
    stage: int = 0
    team: int = 1


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
class Plan:
    """The regime of a call and why; for "block" and "grid" also the shapes of both passes."""

    regime: str
    reason: str
    forward: Block | Grid = _NO_BLOCK
    backward: Block | Grid = _NO_BLOCK


LIBRARY = Plan("library", "one step")


def choose(
    place: str, loop: Loop, wanted: object, sizes: Mapping[str, int], dtype: Dtype, limits: Limits = _NO_LIMITS
) -> Plan:
    """The plan of a call: the regime that is `wanted`, or for "auto" the one that suits.

    Raises ValueError for an unknown regime, and for "block" and "grid" where they cannot run, with the regime that can.
    """
    if wanted not in ("auto", *REGIMES):
        given = repr(wanted) if isinstance(wanted, str) else describe(wanted)
        raise ValueError(f"{place}: regime: expected 'auto', 'block', 'grid' or 'library', received {given}")
    plan = _by_size(loop, sizes, dtype)
    if wanted == "block" and plan.regime != "block":
        raise ValueError(f"{place}: regime: 'block' cannot run this call, because {plan.reason}; 'library' can")
    if wanted == "grid":
        try:
            plan = _grids(loop, sizes, dtype, limits)
        except CannotError as error:
            raise ValueError(
                f"{place}: regime: 'grid' cannot run this call, because {error}; '{plan.regime}' can"
            ) from None
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
        fewest = min(max(forward(lanes), backward(lanes)) for lanes in lanes_of(units) or (1,))
        return Plan("library", f"{units} units need {fewest} registers of each thread for recurrent weights")
    return Plan("block", "the recurrent weights fit the registers of one block", blocks[0], blocks[1])


def _grids(loop: Loop, sizes: Mapping[str, int], dtype: Dtype, limits: Limits) -> Plan:
    """The plan of a call in regime "grid". Raises CannotError."""
    if loop.obstacle:
        raise CannotError(loop.obstacle)
    units = max(sizes[name] for name in loop.dimensions)
    tensor, words = dtype != real(dtype), real(dtype).itemsize // 4
    if tensor and limits.capability < TENSOR_CORES:
        needed, found = (".".join(map(str, each)) for each in (TENSOR_CORES, limits.capability))
        raise CannotError(f"{dtype.name} needs a device of compute capability {needed}, and this one has {found}")

    def sums(item: Product, depth: int, rows: int) -> Sums:
        return (
            TensorSums(item.stage, 1, depth, rows, words) if tensor else Sums(item.stage, item.team, depth, rows, words)
        )

    forward = [sums(item, sizes[item.columns], len(item.rows)) for item in loop.forward]
    backward = [sums(item, sum(sizes[name] for name in item.rows), 1) for item in loop.backward]
    kind = TensorGrid if tensor else Grid
    return Plan("grid", "it was asked for", *(grid(kind, units, each, limits) for each in (forward, backward)))
