"""The shape of a grid: blocks that hold the recurrent weights of a cell together, and wait for each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from generated.support.cuda.registers import MOST_THREADS, OTHERS, WARP, lanes_of, registers, threads_of
from generated.support.cuda.tensor import ITEMS, tiling

_OTHERS_ON_TENSOR_CORES = 96
"""Registers of a thread of a grid on tensor cores that are left for everything else, operands that are on their way
among it: with 64, as elsewhere, some cells spill.
"""
TILE = 4
"""Items whose sums a thread of a grid adds up at a time: each weight that it reads serves so many products."""
MOVES = 16
"""Elements of an operand that each thread of a grid has on their way to shared memory at a time."""
_MOST_LANES = WARP
"""Threads of a grid that share a unit, at most. On tensor cores more may have to hold the weights of its block."""
_HELD = 128
"""Registers of a thread of a grid that weights may take."""
TENSOR_CORES = (8, 0)
"""The least compute capability whose tensor cores take the products of a grid."""


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


class CannotError(Exception):
    """Why a grid cannot run a call."""


@dataclass(frozen=True, slots=True)
class Sums:
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
class TensorSums(Sums):
    """The same on tensor cores, of elements of 16 bits and units alone."""

    def registers(self, threads: int, lanes: int) -> int:
        """Registers of each thread that hold weights."""
        return tiling(self.rows, self.depth, threads, lanes).words

    def shared(self, threads: int, lanes: int, items: int) -> int:
        """Bytes of shared memory: what each warp has of the sums."""
        return 4 * tiling(self.rows, self.depth, threads, lanes).room(items)


def grid(kind: type[Grid], units: int, products: Sequence[Sums], limits: Limits) -> Grid:
    """The grid for so many units, dealt evenly to at most one block for each multiprocessor.

    Raises CannotError where registers or shared memory do not suffice.
    """
    most = -(-units // max(limits.multiprocessors, 1))
    team = max((item.team for item in products), default=1)
    groups = -(-most // team) * team

    def fits(lanes: int) -> bool:
        threads = threads_of(groups, lanes)
        need = sum(item.registers(threads, lanes) for item in products)
        return need <= min(_HELD, registers(threads) - kind.spare)

    fitting = [lanes for lanes in lanes_of(groups, kind.most_lanes) if fits(lanes)]
    if not fitting:
        raise CannotError(f"{most} units of a block need more registers than it has for their recurrent weights")
    lanes = max((lanes for lanes in fitting if lanes <= _MOST_LANES), default=fitting[0])
    threads = threads_of(groups, lanes)

    def shared(items: int) -> int:
        taken: dict[int, int] = {}
        for item in products:
            taken[item.stage] = taken.get(item.stage, 0) + item.shared(threads, lanes, items)
        return max(taken.values(), default=0)

    items = min(lanes, WARP)
    while items > min(kind.least_items, lanes) and shared(items) > limits.shared:
        items //= 2
    if shared(items) > limits.shared:
        raise CannotError(
            f"the {kind.held} of {items} sequences take {shared(items)} bytes of shared memory, and a block has "
            f"{limits.shared}"
        )
    return kind(-(-units // most), threads, lanes, items, shared(items))
