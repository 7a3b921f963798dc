"""What the CPU template lays out, as text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SweepView:
    """The text of one element-wise pass: loads, statements and stores, for every unit of `size`."""

    size: str
    loads: tuple[str, ...]
    statements: tuple[str, ...]
    carried: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageView:
    """The products of a stage inside the loop, as calls, and its sweeps."""

    products: tuple[str, ...]
    sweeps: tuple[SweepView, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compiled function: a batched sweep, the loop, or a sweep of the preamble, which has neither steps nor batch.

    `typed` names an array of the dtype whose vectors the sweeps are computed in.
    """

    name: str
    region: str
    arguments: tuple[str, ...]
    constants: tuple[str, ...]
    typed: str
    stages: tuple[StageView, ...]

    @property
    def sweep(self) -> SweepView:
        """The only sweep of a batched kernel."""
        return self.stages[0].sweeps[0]


@dataclass(frozen=True, slots=True)
class PackedStack:
    """Matrices that share a right-hand vector, one below the other in `stacked`.

    A product takes the panels of its transpose, and on the way back, where `read_back`, those of itself.
    """

    name: str
    stacked: str
    read_back: bool


@dataclass(frozen=True, slots=True)
class Allocation:
    """An array that the driver makes, or takes from the caller: `text` is the code that gives it."""

    name: str
    text: str


@dataclass(frozen=True)
class CpuView:
    """What the CPU template lays out.

    `stacks` are the packed matrices: their name in the forward pass, what they are for, and the code that packs them
    for either pass. `forward` and `backward` are the lines of the two drivers.
    """

    functions: tuple[str, ...]
    sizes: tuple[str, ...]
    forward_params: tuple[tuple[str, str], ...]
    backward_params: tuple[tuple[str, str], ...]
    params: tuple[str, ...]
    stacks: tuple[PackedStack, ...]
    forward_kernels: tuple[Kernel, ...]
    backward_kernels: tuple[Kernel, ...]
    forward_arrays: tuple[Allocation, ...]
    backward_arrays: tuple[Allocation, ...]
    saved: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]
    judged: str
    outputs: tuple[str, ...]
    final: tuple[str, ...]
    errors: tuple[str, ...]
    ends: tuple[str, ...]
    weights: tuple[Allocation, ...]
    parameter_gradients: tuple[str, ...]
    input_gradients: tuple[str, ...]
    state_gradients: tuple[str, ...]
