"""What the CUDA template lays out, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from derive.printers.compiled.model import Allocation, SweepView

if TYPE_CHECKING:
    from derive.printers.cuda.grid_model import GridKernel


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a kernel and what it is: one of `generated.support.cuda.kinds`."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class SweepKernel:
    """An element-wise kernel: one sweep over units alone, over all rows, or over the rows of the running step.

    `run` is the value of a `Run`. With `in_order` each thread takes the steps of a sequence one behind the other,
    because one step reads what the same sweep gives in another. `sums` are locals that a thread adds to, each with its
    element. `alone`: one thread does the work of all units.
    """

    name: str
    run: str
    backward: bool
    in_order: bool
    alone: bool
    arguments: tuple[Argument, ...]
    sweep: SweepView
    sums: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class Guarded:
    """Lines for units of one dimension, "" for any: `computed` by all lanes of a unit, `stored` by the first one."""

    size: str
    computed: tuple[str, ...]
    stored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Shared memory for an operand of `depth` elements, twice: `room` elements each, `count` for every lane.

    `rooms` is the name of the size of both.
    """

    name: str
    count: str
    room: str
    rooms: str
    depth: str


@dataclass(frozen=True, slots=True)
class Weights:
    """A lane's share of a row or column of `depth` weights, in registers, and the `sum` that it is multiplied into.

    `element` is the weight in `column`; it is there for the units of `size`.
    """

    name: str
    sum: str
    count: str
    depth: str
    size: str
    element: str


@dataclass(frozen=True, slots=True)
class BlockProduct:
    """The products of a stack inside a block, from one `half` of a buffer; `stores` are for what outlives the step."""

    weights: tuple[Weights, ...]
    buffer: Buffer
    half: str
    stores: tuple[Guarded, ...]


@dataclass(frozen=True, slots=True)
class BlockStage:
    """The products and the sweeps of a stage inside a block."""

    products: tuple[BlockProduct, ...]
    sweeps: tuple[Guarded, ...]


@dataclass(frozen=True, slots=True)
class BlockKernel:
    """The loop over time as a kernel whose blocks run one sequence each; made for the `sizes` that it names.

    `step_rows` are which of the rows now, before and here the lines of a step name, `beyond_rows` those behind the end
    of a sequence. `own` reads parameters into registers. `starts`
    stand before the loop, `loads` and `stages` in each step, `ends` behind these, `beyond` in the steps behind the end
    of a sequence; `sums` are added to in all steps, and `final` stands behind the loop.
    """

    name: str
    backward: bool
    sizes: tuple[str, ...]
    arguments: tuple[Argument, ...]
    step_rows: tuple[str, ...]
    beyond_rows: tuple[str, ...]
    constants: dict[str, str]
    weights: tuple[Weights, ...]
    buffers: tuple[Buffer, ...]
    own: tuple[Guarded, ...]
    starts: tuple[Guarded, ...]
    loads: tuple[Guarded, ...]
    stages: tuple[BlockStage, ...]
    ends: tuple[Guarded, ...]
    beyond: tuple[Guarded, ...]
    sums: tuple[str, ...]
    final: tuple[Guarded, ...]


@dataclass(frozen=True, slots=True)
class ProductView:
    """The dimensions of a product in a stage of the loop: of its rows, one a matrix, and of its columns.

    `team` is how many units share their threads where a grid multiplies.
    """

    rows: tuple[str, ...]
    columns: str
    stage: int
    team: int


@dataclass(frozen=True, slots=True)
class LoopView:
    """What the choice of regime depends on: see `generated.support.cuda.regimes.Loop`."""

    forward: tuple[ProductView, ...]
    backward: tuple[ProductView, ...]
    dimensions: tuple[str, ...]
    obstacle: str
    widest: int


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arrays that a pass fills, with their shapes and dtypes: those that start as zeros, and all others."""

    cleared: tuple[Allocation, ...]
    empty: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class PassLines:
    """The lines of the driver of one pass: before the loop over time, in one step of it, and behind it."""

    before: tuple[str, ...]
    step: tuple[str, ...]
    behind: tuple[str, ...]


@dataclass(frozen=True)
class CudaView:
    """What the CUDA template lays out.

    `constants` are the typed numbers of all sweeps, `zero` is the name of one. `blocks` are the kernels of the loop of
    both passes, if there are any, `grids` those that blocks run together, and `tensors` those on tensor cores. `packed`
    is what both passes read of the parameters, each with the code that gives it; `once` is what the forward pass
    computes from parameters alone, by the lines of `preamble`. `sums` are the columns of the sums that threads add to,
    "" for none, and `parts` how many rows of them there are at most; `totals` are the pieces that they become, of
    `narrow` columns together. `carried` makes what the sweeps of the loop hand from step to step beside states.
    """

    sizes: tuple[str, ...]
    loop: LoopView
    zero: str
    constants: tuple[Allocation, ...]
    kernels: tuple[SweepKernel, ...]
    blocks: tuple[BlockKernel, ...]
    grids: tuple[GridKernel, ...]
    tensors: tuple[GridKernel, ...]
    packed: tuple[Allocation, ...]
    once: tuple[Allocation, ...]
    preamble: tuple[str, ...]
    taken: tuple[Allocation, ...]
    forward_arrays: Arrays
    backward_arrays: Arrays
    starts: tuple[str, ...]
    carried: tuple[str, ...]
    forward: PassLines
    backward: PassLines
    saved: tuple[str, ...]
    sums: str
    parts: str
    totals: tuple[tuple[str, str], ...]
    narrow: str
    backward_preamble: tuple[str, ...]
    loss_variable: str
    outputs: tuple[str, ...]
    final: tuple[str, ...]
    errors: tuple[str, ...]
    ends: tuple[str, ...]
    weights: tuple[Allocation, ...]
    weight_products: tuple[str, ...]
    parameter_gradients: tuple[str, ...]
    input_gradients: tuple[str, ...]
    state_gradients: tuple[str, ...]
