"""What every generated module does before and after its own equations, once for all targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from generated.support import arrays, memory
from generated.support.expected import Array, Dtype, describe
from generated.support.host import HOST, Holder
from generated.support.signature import Signature
from generated.support.workspaces import Lease

CHUNK = 128
"""Rows of a batched product: its factors and results stay in the caches until the loop has used them."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The checked arguments of one call: sizes by name, dtype, T, B, and contiguous arrays.

    `inputs` are zero beyond each sequence's length, so that what stands there cannot reach a gradient. `target` and
    `weight` are None where the cell has no loss. Without `ragged` all lengths are T. `lease` stands for the tape.
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
    lease: Lease = field(default_factory=Lease)

    @property
    def chunk(self) -> int:
        """How many steps run between the batched regions before and behind them."""
        return max(1, min(self.steps, CHUNK // max(self.batch, 1)))

    def shortened(self) -> Self:
        """The call with zeros beyond each sequence's length, where lengths are given."""
        if not self.ragged:
            return self
        weight = None if self.weight is None else self.masked(self.weight)
        return replace(self, inputs=tuple(map(self.masked, self.inputs)), weight=weight)

    def masked(self, values: Array) -> Array:
        """`values` (T, B, ...), or a copy with zeros beyond each sequence's length where one ends early."""
        return masked(values, self.lengths) if self.ragged else values


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
    memory.refuse_own(f"{signature.cell}.forward", params=params, x=x, target=target, weight=weight)
    sizes, dtype = arrays.param_sizes(signature, params, "forward")
    sizes, (steps, batch), inputs, start = given(signature, sizes, dtype, x, state, "forward", ("T", "B"))
    ends = arrays.check_lengths(signature, lengths, steps, batch, "forward")
    loss = judged(signature, sizes, dtype, target, weight, steps, batch)
    return Call(sizes, dtype, steps, batch, inputs, start, ends, *loss, ragged=lengths is not None).shortened()


def given(
    signature: Signature,
    sizes: Mapping[str, int],
    dtype: Dtype,
    x: object,
    state: object,
    where: str,
    leading: tuple[str, ...],
    device: Holder = HOST,
) -> tuple[Mapping[str, int], tuple[int, ...], tuple[Array, ...], tuple[Array, ...]]:
    """The sizes of all dimensions, those of the `leading` axes, and the checked inputs and state of a call."""
    inputs, rows = arrays.check_inputs(signature, x, sizes, dtype, where, leading, device)
    sizes = arrays.complete_sizes(signature.inputs, inputs, sizes)
    start = arrays.check_state(signature, state, sizes, rows[-1], dtype, where, device)
    sizes = arrays.complete_sizes(signature.states, start, sizes)
    return sizes, rows, inputs, start if state is None else memory.start(start)


def judged(
    signature: Signature,
    sizes: Mapping[str, int],
    dtype: Dtype,
    target: object,
    weight: object,
    steps: int,
    batch: int,
    device: Holder = HOST,
) -> tuple[Array, ...]:
    """Target and weight for a cell with a loss; nothing for any other."""
    if not signature.loss:
        return ()
    return (
        arrays.check_target(signature, target, sizes, steps, batch, dtype, "forward", device),
        arrays.check_weight(signature, weight, steps, batch, dtype, "forward", device),
    )


def masked(values: Array, lengths: Array) -> Array:
    """`values` (T, B, ...), or a copy with zeros beyond each sequence's length where one ends early."""
    if (lengths == len(values)).all():
        return values
    copy = memory.copied(values)
    for item, length in enumerate(lengths):
        copy[length:, item] = 0
    return copy


def begin_step(signature: Signature, params: object, x_t: object, state: object) -> Call:
    """Check the arguments of `step`: one step (B, size) of every input, as a call with T = 1."""
    sizes, dtype = arrays.param_sizes(signature, params, "step")
    sizes, (batch,), inputs, start = given(signature, sizes, dtype, x_t, state, "step", ("B",))
    return Call(sizes, dtype, 1, batch, tuple(array[None] for array in inputs), start, np.ones(batch, np.int64))


def begin_backward(signature: Signature, params: object, tape: object, kinds: type | tuple[type, ...]) -> Call:
    """Check the first arguments of `backward` and give the call that made the tape, one of `kinds`.

    Raises TypeError where `tape` is not what this module's `forward` returned, ValueError where it has been consumed or
    `params` have other sizes than those of the tape.
    """
    sizes, dtype = arrays.param_sizes(signature, params, "backward")
    call: Call = call_of(signature, tape, kinds)
    refuse_other_params(signature, call, sizes, dtype)
    return call


def call_of(signature: Signature, tape: object, kinds: type | tuple[type, ...]) -> Any:
    """The call that made the tape, one of `kinds`; TypeError for anything else, ValueError for a consumed tape."""
    place = f"{signature.cell}.backward: tape"
    if not isinstance(tape, tuple) or not isinstance(tape, kinds):
        hint = ": forward(..., keep_tape=False) keeps none" if tape is None else ""
        raise TypeError(f"{place}: expected the Tape of this module's forward, received {describe(tape)}{hint}")
    if tape[0].lease.consumed:
        raise ValueError(f"{place}: it was consumed by an earlier backward(..., consume_tape=True)")
    return tape[0]


def refuse_other_params(signature: Signature, call: Any, sizes: Mapping[str, int], dtype: Dtype) -> None:
    """Raise ValueError for parameters of other sizes, or of another dtype, than those of the call of a tape."""
    expected = {name: call.sizes[name] for name in sizes}
    if sizes != expected or dtype != call.dtype:
        message = f"expected the parameters of forward ({expected}, {call.dtype}), received {sizes}, {dtype}"
        raise ValueError(f"{signature.cell}.backward: params: {message}")


def errors(
    signature: Signature, call: Any, dy: object, dstate: object, device: Holder = HOST
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Check the other arguments of `backward`: the errors by output, zero beyond the lengths, and by last state."""
    memory.refuse_own(f"{signature.cell}.backward", dy=dy, dstate=dstate)
    of_call = (call.sizes, call.steps, call.batch, call.dtype)
    outer, ends = arrays.check_errors(signature, dy, dstate, *of_call, "backward", device)
    return tuple(map(call.masked, outer)), ends


def init_state(signature: Signature, params: object, batch: object, sizes: dict[str, int]) -> tuple[Array, ...]:
    """The start values of every state for `batch` sequences; `sizes` names those that no parameter states."""
    found, dtype = arrays.param_sizes(signature, params, "init_state")
    count = arrays.check_batch(signature, batch, "init_state")
    return arrays.check_state(signature, None, {**found, **sizes}, count, dtype, "init_state")


def last_rows(array: Array, call: Call) -> Array:
    """The state at each sequence's end, from all its rows or, without a tape, from the last two."""
    if len(array) != call.steps + 1:
        return memory.copied(array[call.steps & 1])
    if not call.ragged:
        return memory.copied(array[call.steps])
    rows = call.lengths * call.batch + np.arange(call.batch)
    last = memory.empty(array.shape[1:], array.dtype)
    return np.take(array.reshape(-1, array.shape[2]), rows, axis=0, out=last, mode="clip")


def initial_gradient(call: Call, last_error: Array, *hops: Array) -> Array:
    """The gradient of an initial state: the sum of what hops into step 1 gave, row 0 of each of `hops`.

    An empty sequence hands its initial state on as its last one, so that the error on that one is all it gets. T = 0
    leaves no hops at all.
    """
    gradient = memory.copied(hops[0][0] if call.steps else last_error)
    if not call.steps:
        return gradient
    for hop in hops[1:]:
        gradient += hop[0]
    return np.add(gradient, last_error, out=gradient, where=(call.lengths == 0)[:, None]) if call.ragged else gradient


def total(sums: Array) -> Array:
    """The sums of all parts of the batch (parts, n) as one, (1, n), always added in the same order."""
    if len(sums) == 1:
        return sums
    return np.add.reduce(sums, axis=0, keepdims=True, out=memory.empty((1, sums.shape[1]), sums.dtype))


def added(*terms: Array) -> Array:
    """The sum of arrays of one shape, a new array."""
    result = memory.copied(terms[0])
    for term in terms[1:]:
        result += term
    return result
