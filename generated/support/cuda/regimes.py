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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from generated.support.cuda.dtypes import real
from generated.support.cuda.tensor import ITEMS, tiling
from generated.support.expected import Dtype, describe

LOG = logging.getLogger("generated.cuda")
REGIMES = ("block", "grid", "library")
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
_OTHERS_ON_TENSOR_CORES = 96
"""The same in a grid on tensor cores, whose operands are on their way to registers: with 64 some cells spill."""
TILE = 4
"""Items whose sums a thread of a grid adds up at a time: each weight that it reads serves so many products."""
MOVES = 16
"""Elements of an operand that each thread of a grid has on their way to shared memory at a time."""
_MOST_LANES = WARP
"""Threads of a grid that share a unit, at most. On tensor cores more may have to hold the weights of its block."""
_HELD = 128
"""Registers of a thread of a grid that weights may take."""
_COMFORTABLE = 64
"""Registers for weights that leave the sums short: with more, more threads share a unit."""
TENSOR_CORES = (8, 0)
"""The least compute capability whose tensor cores take the products of a grid."""


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
class Block:
    """The shape of a block: how many threads there are, and how many share a unit."""

    threads: int
    lanes: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The shape of a grid whose blocks wait for each other, all of them on the device at a time.

    `blocks` of `threads` each, of which `lanes` share a unit. A block holds the operands of `items` sequences at a
    time, in `shared` bytes.

    A unit has at most `most_lanes`, and a block holds no fewer than `least_items` at a time, of which `held` is what
    lies in shared memory. `spare` registers of a thread are left for everything but weights.
    """

    most_lanes: ClassVar[int] = _MOST_LANES
    least_items: ClassVar[int] = TILE
    spare: ClassVar[int] = OTHERS
    held: ClassVar[str] = "operands"

    blocks: int
    threads: int
    lanes: int
    items: int
    shared: int

    @property
    def numbers(self) -> tuple[int, ...]:
        """Those that its kernel is made for, beside the sizes."""
        return self.lanes, self.items


@dataclass(frozen=True, slots=True)
class TensorGrid(Grid):
    """A grid whose products are on tensor cores: a block holds the sums of `items` sequences in its shared memory."""

    most_lanes: ClassVar[int] = MOST_THREADS
    least_items: ClassVar[int] = ITEMS
    spare: ClassVar[int] = _OTHERS_ON_TENSOR_CORES
    held: ClassVar[str] = "sums"

    @property
    def numbers(self) -> tuple[int, ...]:
        """Those that its kernel is made for, beside the sizes."""
        return self.threads, self.lanes, self.items


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device has: multiprocessors, bytes of shared memory for one block, and its compute capability."""

    multiprocessors: int
    shared: int
    capability: tuple[int, int] = TENSOR_CORES


@dataclass(frozen=True, slots=True)
class Plan:
    """The regime of a call and why; for "block" and "grid" also the shapes of both passes."""

    regime: str
    reason: str
    forward: Block | Grid = Block(0, 0)
    backward: Block | Grid = Block(0, 0)


LIBRARY = Plan("library", "one step")


def choose(
    place: str, loop: Loop, wanted: object, sizes: Mapping[str, int], dtype: Dtype, limits: Limits = Limits(0, 0)
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
        except _CannotError as error:
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
        fewest = min(max(forward(lanes), backward(lanes)) for lanes in _lanes(units) or (1,))
        return Plan("library", f"{units} units need {fewest} registers of each thread for recurrent weights")
    return Plan("block", "the recurrent weights fit the registers of one block", blocks[0], blocks[1])


class _CannotError(Exception):
    """Why a grid cannot run a call."""


def _grids(loop: Loop, sizes: Mapping[str, int], dtype: Dtype, limits: Limits) -> Plan:
    """The plan of a call in regime "grid". Raises _CannotError."""
    if loop.obstacle:
        raise _CannotError(loop.obstacle)
    units = max(sizes[name] for name in loop.dimensions)
    tensor, words = dtype != real(dtype), real(dtype).itemsize // 4
    if tensor and limits.capability < TENSOR_CORES:
        needed, found = (".".join(map(str, each)) for each in (TENSOR_CORES, limits.capability))
        raise _CannotError(f"{dtype.name} needs a device of compute capability {needed}, and this one has {found}")

    def sums(item: Product, depth: int, rows: int) -> _Sums:
        return (
            _TensorSums(item.stage, 1, depth, rows, words)
            if tensor
            else _Sums(item.stage, item.team, depth, rows, words)
        )

    forward = [sums(item, sizes[item.columns], len(item.rows)) for item in loop.forward]
    backward = [sums(item, sum(sizes[name] for name in item.rows), 1) for item in loop.backward]
    kind = TensorGrid if tensor else Grid
    return Plan("grid", "it was asked for", *(grid(kind, units, each, limits) for each in (forward, backward)))


@dataclass(frozen=True, slots=True)
class _Sums:
    """The sums of a product in one pass: over `depth` elements of so many `words` of 32 bits, `rows` for each unit."""

    stage: int
    team: int
    depth: int
    rows: int
    words: int

    def registers(self, threads: int, lanes: int) -> int:
        """Registers of each thread that hold weights."""
        return self.words * self.rows * self.team * -(-self.depth // (lanes * self.team))

    def shared(self, threads: int, lanes: int, items: int) -> int:
        """Bytes of shared memory: the operands, and where a team has several units the parts of sums."""
        room = -(-self.depth // (lanes * self.team)) * lanes * self.team
        parts = self.rows * self.team * threads // lanes if self.team > 1 else 0
        return 4 * self.words * items * (room + parts)


@dataclass(frozen=True, slots=True)
class _TensorSums(_Sums):
    """The same on tensor cores, of elements of 16 bits and units alone."""

    def registers(self, threads: int, lanes: int) -> int:
        """Registers of each thread that hold weights."""
        return tiling(self.rows, self.depth, threads, lanes).words

    def shared(self, threads: int, lanes: int, items: int) -> int:
        """Bytes of shared memory: what each warp has of the sums."""
        return 4 * tiling(self.rows, self.depth, threads, lanes).room(items)


def grid(kind: type[Grid], units: int, products: Sequence[_Sums], limits: Limits) -> Grid:
    """The grid for so many units, dealt evenly to at most one block for each multiprocessor.

    Raises _CannotError where registers or shared memory do not suffice.
    """
    most = -(-units // max(limits.multiprocessors, 1))
    team = max((item.team for item in products), default=1)
    groups = -(-most // team) * team

    def fits(lanes: int) -> bool:
        threads = _threads(groups, lanes)
        need = sum(item.registers(threads, lanes) for item in products)
        return need <= min(_HELD, registers(threads) - kind.spare)

    fitting = [lanes for lanes in _lanes(groups, kind.most_lanes) if fits(lanes)]
    if not fitting:
        raise _CannotError(f"{most} units of a block need more registers than it has for their recurrent weights")
    lanes = max((lanes for lanes in fitting if lanes <= _MOST_LANES), default=fitting[0])
    threads = _threads(groups, lanes)

    def shared(items: int) -> int:
        taken: dict[int, int] = {}
        for item in products:
            taken[item.stage] = taken.get(item.stage, 0) + item.shared(threads, lanes, items)
        return max(taken.values(), default=0)

    items = min(lanes, WARP)
    while items > min(kind.least_items, lanes) and shared(items) > limits.shared:
        items //= 2
    if shared(items) > limits.shared:
        raise _CannotError(
            f"the {kind.held} of {items} sequences take {shared(items)} bytes of shared memory, and a block has "
            f"{limits.shared}"
        )
    return kind(-(-units // most), threads, lanes, items, shared(items))


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


def _lanes(units: int, most: int = WARP) -> tuple[int, ...]:
    """Into how many lanes a unit may be divided: powers of two, at most so many, and within a block."""
    powers = (1 << power for power in range(most.bit_length()))
    return tuple(lanes for lanes in powers if _threads(units, lanes) <= MOST_THREADS)


def _threads(units: int, lanes: int) -> int:
    """Whole warps."""
    return -(-units * lanes // WARP) * WARP
