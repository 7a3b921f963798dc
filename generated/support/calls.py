"""What every generated module does before and after its own equations, once for all targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generated.support import arrays
from generated.support.expected import Array, Dtype
from generated.support.signature import Signature


@dataclass(frozen=True, slots=True)
class Call:
    """The checked arguments of one call: sizes by name, dtype, T, B, and contiguous arrays.

    `inputs` are zero beyond each sequence's length, so that what stands there cannot reach a gradient. `target` and
    `weight` are None where the cell has no loss.
    """

    sizes: dict[str, int]
    dtype: Dtype
    steps: int
    batch: int
    inputs: tuple[Array, ...]
    state: tuple[Array, ...]
    lengths: Array
    target: Array | None = None
    weight: Array | None = None

    @property
    def ragged(self) -> bool:
        """Whether a sequence ends before the last step."""
        return bool(np.any(self.lengths < self.steps))


def begin(
    signature: Signature,
    params: object,
    x: object,
    state: object,
    lengths: object,
    target: object = None,
    weight: object = None,
) -> Call:
    """Check the arguments of `forward`; errors as `arrays` raises them, before any work."""
    sizes, dtype = arrays.param_sizes(signature, params, "forward")
    inputs, steps, batch = arrays.check_inputs(signature, x, sizes, dtype, "forward")
    sizes = arrays.complete_sizes(signature, inputs, sizes)
    start = arrays.check_state(signature, state, sizes, batch, dtype, "forward")
    ends = arrays.check_lengths(signature, lengths, steps, batch, "forward")
    alive = at_work(ends, steps)
    if not alive.all():
        inputs = tuple(np.where(alive[:, :, None], array, array.dtype.type(0)) for array in inputs)
    if not signature.loss:
        return Call(sizes, dtype, steps, batch, inputs, start, ends)
    size = sizes[signature.outputs[0][1]]
    checked = arrays.check_target(signature, target, size, steps, batch, dtype, "forward")
    weights = arrays.check_weight(signature, weight, steps, batch, dtype, "forward")
    weights = np.where(alive, weights, weights.dtype.type(0))
    return Call(sizes, dtype, steps, batch, inputs, start, ends, checked, weights)


def at_work(lengths: Array, steps: int) -> Array:
    """Which sequences still run in which step: booleans (T, B)."""
    return np.arange(steps)[:, None] < lengths[None, :]


def masked(values: Array, lengths: Array) -> Array:
    """`values` (T, B, n), or a copy with zeros beyond each sequence's length where one ends early."""
    alive = at_work(lengths, len(values))
    return values if alive.all() else np.where(alive[:, :, None], values, values.dtype.type(0))


def one_or_tuple(values: Sequence[Array], kind: type) -> object:
    """The single array where there is one, else the NamedTuple `kind` of all."""
    return values[0] if len(values) == 1 else kind(*values)
