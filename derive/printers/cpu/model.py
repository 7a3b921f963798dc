"""What the CPU template lays out, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derive.printers.compiled.model import Allocation, SweepView


@dataclass(frozen=True, slots=True)
class StageView:
    """The products of a stage, as calls, and its sweeps."""

    products: tuple[str, ...]
    sweeps: tuple[SweepView, ...]


@dataclass(frozen=True, slots=True)
class RegionView:
    """The stages of a region: `stepwise` ones run step by step, the others over all steps of a chunk at once."""

    stepwise: bool
    stages: tuple[StageView, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compiled function: one direction of a part of the batch, or one sweep of the preamble.

    `typed` names an array of the dtype whose vectors the sweeps are computed in. A sweep of the preamble has neither
    steps nor batch; it is the only one of its function.
    """

    name: str
    arguments: tuple[str, ...]
    constants: tuple[str, ...]
    typed: str
    regions: tuple[RegionView, ...]

    @property
    def sweep(self) -> SweepView:
        """The only sweep of a function of the preamble."""
        return self.regions[0].stages[0].sweeps[0]


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arrays that a pass fills: those that start as zeros, with their code; all others with their shapes.

    `handed_out` go to the caller, `saved` to the tape; `lent` serve this call alone.
    """

    cleared: tuple[Allocation, ...]
    handed_out: tuple[Allocation, ...]
    saved: tuple[Allocation, ...]
    lent: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class BlockView:
    """What one pass reads of the parameters, in one block: the `pieces` in this order, each with its shape.

    These are the panels of stacks, all other parameters that the pass reads, and `once`, what the forward pass computes
    from parameters alone; in front of its panels stands what tells for which CPU they are. `fills` are the lines of the
    compiled function that fill panels from the `given` parameters, which threads share, and `rest` those that one of
    them runs; `sizes` are the dimensions that the parameters state.
    """

    direction: str
    sizes: tuple[str, ...]
    pieces: tuple[Allocation, ...]
    once: tuple[str, ...]
    given: tuple[Allocation, ...]
    fills: tuple[str, ...]
    rest: tuple[str, ...]

    @property
    def made_for(self) -> bool:
        """Whether the block says for which CPU its panels are."""
        return any(item.name == "made_for" for item in self.pieces)

    def saved(self, names: Sequence[str]) -> bool:
        """Whether any of it is in the tape, whose arrays have these names."""
        return any(name in names for name in self.once)


@dataclass(frozen=True, slots=True)
class StepView:
    """One step: the names of what comes and goes, with the sizes, and what the compiled step does around the kernel.

    `reshaped` are the kernel's arrays that are inputs or outputs of the step, with an axis of time; `room` holds all
    others. `starts` puts the state, and an input that is one, into their arrays; `ends` takes the new state from there.
    """

    inputs: tuple[Allocation, ...]
    before: tuple[Allocation, ...]
    after: tuple[Allocation, ...]
    outputs: tuple[Allocation, ...]
    reshaped: tuple[Allocation, ...]
    room: tuple[Allocation, ...]
    starts: tuple[str, ...]
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeightsView:
    """The gradients of all matrices: the arrays they are made in, and the factors of each.

    `widest` is the code for the most columns that one of them has.
    """

    made: tuple[Allocation, ...]
    widest: str
    products: tuple[str, ...]


@dataclass(frozen=True)
class CpuView:
    """What the CPU template lays out.

    `forward_block` and `backward_block` are what the passes read of the parameters. `step` is None where parameters do
    not state every size. The backward pass ends with the lines of `backward_preamble`; `names_pieces` says whether
    these, or the products of the weights, name a part of its block. The other parts of a pass are one compiled
    function. `taken` are the inputs, `starts` puts the state before the first step into its arrays. `sums` are the
    columns of the array of all sums over steps and batch; "" without any.
    """

    functions: tuple[str, ...]
    sizes: tuple[str, ...]
    forward_block: BlockView
    backward_block: BlockView
    names_pieces: bool
    preamble_kernels: tuple[Kernel, ...]
    forward_kernel: Kernel
    backward_kernel: Kernel
    taken: tuple[Allocation, ...]
    forward_arrays: Arrays
    backward_arrays: Arrays
    starts: tuple[str, ...]
    step: StepView | None
    saved: tuple[str, ...]
    sums: str
    work: str
    largest: str
    backward_preamble: tuple[str, ...]
    loss_variable: str
    outputs: tuple[str, ...]
    final: tuple[str, ...]
    errors: tuple[str, ...]
    ends: tuple[str, ...]
    weights: WeightsView
    parameter_gradients: tuple[str, ...]
    input_gradients: tuple[str, ...]
    state_gradients: tuple[str, ...]
