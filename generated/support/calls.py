"""What every generated module does before and after its own equations, once for all targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from generated.support import arrays
from generated.support.expected import Array, Dtype, contiguous, describe
from generated.support.signature import Signature


CHUNK = 128
"""Rows of a batched product: its factors and results stay in the caches until the loop has used them."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The checked arguments of one call: sizes by name, dtype, T, B, and contiguous arrays.

    `inputs` are zero beyond each sequence's length, so that what stands there cannot reach a gradient. `target` and
    `weight` are None where the cell has no loss. Without `ragged` all lengths are T.
    """

    sizes: Mapping[str, int]
    dtype: Dtype
    steps: int
    batch: int
    inputs: tuple[Array, ...]
    state: tuple[Array, ...]
    lengths: Array
    target: Array | None = None
    weight: Array | None = None
    ragged: bool = False

    @property
    def chunk(self) -> int:
        """How many steps run between the batched regions before and behind them."""
        return max(1, min(self.steps, CHUNK // max(self.batch, 1)))


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
    sizes = arrays.complete_sizes(signature.inputs, inputs, sizes)
    start = arrays.check_state(signature, state, sizes, batch, dtype, "forward")
    sizes = arrays.complete_sizes(signature.states, start, sizes)
    ends = arrays.check_lengths(signature, lengths, steps, batch, "forward")
    if lengths is not None:
        inputs = tuple(masked(array, ends) for array in inputs)
    if not signature.loss:
        return Call(sizes, dtype, steps, batch, inputs, start, ends, ragged=lengths is not None)
    size = sizes[signature.outputs[0][1]]
    checked = arrays.check_target(signature, target, size, steps, batch, dtype, "forward")
    weights = arrays.check_weight(signature, weight, steps, batch, dtype, "forward")
    if lengths is not None:
        weights = np.where(at_work(ends, steps), weights, weights.dtype.type(0))
    return Call(sizes, dtype, steps, batch, inputs, start, ends, checked, weights, ragged=lengths is not None)


def at_work(lengths: Array, steps: int) -> Array:
    """Which sequences still run in which step: booleans (T, B)."""
    return np.arange(steps)[:, None] < lengths[None, :]


def masked(values: Array, lengths: Array) -> Array:
    """`values` (T, B, n), or a copy with zeros beyond each sequence's length where one ends early."""
    alive = at_work(lengths, len(values))
    return values if alive.all() else np.where(alive[:, :, None], values, values.dtype.type(0))


def begin_step(signature: Signature, params: object, x_t: object, state: object) -> Call:
    """Check the arguments of `step`: one step (B, size) of every input, as a call with T = 1."""
    sizes, dtype = arrays.param_sizes(signature, params, "step")
    inputs, batch = arrays.check_step_inputs(signature, x_t, sizes, dtype, "step")
    sizes = arrays.complete_sizes(signature.inputs, inputs, sizes)
    start = arrays.check_state(signature, state, sizes, batch, dtype, "step")
    sizes = arrays.complete_sizes(signature.states, start, sizes)
    return Call(sizes, dtype, 1, batch, tuple(array[None] for array in inputs), start, np.ones(batch, np.int64))


def begin_backward(
    signature: Signature, params: object, tape: object, kind: type, dy: object, dstate: object
) -> tuple[Call, tuple[Array, ...], tuple[Array, ...]]:
    """Check the arguments of `backward`: the call that made the tape, the errors by output and by last state.

    Raises TypeError where `tape` is not what this module's `forward` returned, ValueError where `params` have other
    sizes than those of the tape.
    """
    sizes, dtype = arrays.param_sizes(signature, params, "backward")
    if not isinstance(tape, tuple) or not isinstance(tape, kind):
        hint = ": forward(..., keep_tape=False) keeps none" if tape is None else ""
        place = f"{signature.cell}.backward: tape"
        raise TypeError(f"{place}: expected the Tape of this module's forward, received {describe(tape)}{hint}")
    call: Call = tape[0]
    expected = {name: call.sizes[name] for name in sizes}
    if sizes != expected or dtype != call.dtype:
        message = f"expected the parameters of forward ({expected}, {call.dtype}), received {sizes}, {dtype}"
        raise ValueError(f"{signature.cell}.backward: params: {message}")
    errors, ends = arrays.check_errors(signature, dy, dstate, call.sizes, call.steps, call.batch, dtype, "backward")
    return call, tuple(masked(error, call.lengths) for error in errors) if call.ragged else errors, ends


def init_state(signature: Signature, params: object, batch: object, sizes: dict[str, int]) -> tuple[Array, ...]:
    """The start values of every state for `batch` sequences; `sizes` names those that no parameter states."""
    found, dtype = arrays.param_sizes(signature, params, "init_state")
    count = arrays.check_batch(signature, batch, "init_state")
    return arrays.check_state(signature, None, found | sizes, count, dtype, "init_state")


def last_rows(array: Array, call: Call) -> Array:
    """The state at each sequence's end, from all its rows or, without a tape, from the last two."""
    if len(array) != call.steps + 1:
        return array[call.steps & 1].copy()
    return array[call.lengths, np.arange(call.batch)] if call.ragged else array[call.steps].copy()


def initial_gradient(call: Call, last_error: Array, *hops: Array) -> Array:
    """The gradient of an initial state: the sum of what hops into step 1 gave, row 0 of each of `hops`.

    An empty sequence hands its initial state on as its last one, so that the error on that one is all it gets. T = 0
    leaves no hops at all.
    """
    carried = sum((hop[0] for hop in hops[1:]), start=hops[0][0].copy()) if call.steps else np.zeros_like(last_error)
    if call.steps and not call.ragged:
        return carried
    return carried + np.where((call.lengths == 0)[:, None], last_error, last_error.dtype.type(0))


def total(sums: Array) -> Array:
    """The sums of all parts of the batch (parts, n) as one, (1, n), always added in the same order."""
    return sums if len(sums) == 1 else sums.sum(axis=0, keepdims=True)


def plain(array: Array) -> Array:
    """A parameter as kernels read it: contiguous."""
    return contiguous(np.asarray(array))
