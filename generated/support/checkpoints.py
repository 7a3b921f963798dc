"""Backward passes in bounded memory: the forward pass keeps a few states, the backward pass computes the rest again.

A call of T steps is cut into segments of `every` steps. Of each the forward pass keeps the state before its first step.
The backward pass goes from the last segment to the first: it runs the segment again, now with a tape, and hands the
gradient of its initial state to the segment before as the error on that one's last state. So the states of T / every
steps and the tape of `every` steps are in memory at a time, for one more forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from generated.support.expected import Array, Dtype, integer
from generated.support.memory import again, copied
from generated.support.signature import Signature

Run = Callable[[Any, Any, bool], tuple[Any, Any, Any]]
"""Runs a call with packed parameters and says whether to keep a tape: the output, the last state and the tape."""
Differentiate = Callable[[Any, Sequence[Array], Sequence[Array]], Any]
"""The gradients, from a tape and the errors on outputs and last state."""


class Memory(Protocol):
    """What gives the arrays of a target: the module `memory`, or a device."""

    def empty(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An uninitialised array."""
        ...

    def zeros(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An array of zeros."""
        ...


class Kept(NamedTuple):
    """What the forward pass keeps: the states before each segment, (segments, B, size), and for a loss the outputs."""

    every: int
    states: tuple[Array, ...]
    y: tuple[Array, ...]


def interval(signature: Signature, every: object, keep_tape: bool) -> int | None:
    """The number of steps of a segment, None for none. Raises TypeError or ValueError for what is no such number."""
    if every is None:
        return None
    place = f"{signature.cell}.forward: checkpoint_every"
    if not keep_tape:
        raise ValueError(f"{place}: keep_tape=False keeps nothing for backward: give only one of both")
    return integer(every, place, least=1)


def forward(
    signature: Signature, memory: Memory, run: Run, packed: Any, call: Any, every: int
) -> tuple[Any, Any, Kept]:
    """The output and the last state of a call, and what the backward pass begins with."""
    rows = _segments(call, every)
    whole = [memory.empty((call.steps, call.batch, call.sizes[size]), call.dtype) for _, size in signature.outputs]
    states = tuple(memory.empty((len(rows), *state.shape), state.dtype) for state in call.state)
    running = [copied(state) for state in call.state]
    for number, part in enumerate(rows):
        for kept, state in zip(states, running, strict=True):
            kept[number] = state
        with again():
            y, last, _ = run(packed, _segment(call, part, states, number), False)
            for array, piece in zip(whole, _tuple(y), strict=True):
                array[part] = piece
            for state, piece in zip(running, last, strict=True):
                state[...] = piece
    judged = tuple(map(copied, whole)) if signature.loss else ()
    return (type(y)(*whole) if isinstance(y, tuple) else whole[0]), type(last)(*running), Kept(every, states, judged)


def backward(
    memory: Memory,
    run: Run,
    differentiate: Differentiate,
    packed: Any,
    call: Any,
    kept: Kept,
    errors: Sequence[Array],
    ends: Sequence[Array],
) -> Any:
    """The gradients of a call, from the errors on its outputs, that of the loss included, and on its last state."""
    rows = _segments(call, kept.every)
    inputs = [memory.empty(array.shape, array.dtype) for array in call.inputs]
    params = [memory.zeros(array.shape, call.dtype) for array in packed.params]
    running = [copied(end) for end in ends]
    for number, part in reversed(list(enumerate(rows))):
        with again():
            *_, tape = run(packed, _segment(call, part, kept.states, number), True)
            grads = differentiate(tape, [error[part] for error in errors], running)
            for array, piece in zip(inputs, _tuple(grads.x), strict=True):
                array[part] = piece
            for index, piece in enumerate(grads.params):
                params[index] += piece
            for end, piece in zip(running, grads.state, strict=True):
                end[...] = piece
    return type(grads)(
        params=type(grads.params)(*params),
        x=type(grads.x)(*inputs) if isinstance(grads.x, tuple) else inputs[0],
        state=type(grads.state)(*running),
    )


def _segments(call: Any, every: int) -> list[slice]:
    """The steps of each segment; a call without steps has one that is empty."""
    return [slice(begin, min(begin + every, call.steps)) for begin in range(0, max(call.steps, 1), every)]


def _segment(call: Any, part: slice, states: Sequence[Array], number: int) -> Any:
    """A segment as a call of its own: a sequence that ended before has no steps in it, and hands its state on."""
    steps = part.stop - part.start
    inputs = tuple(array[part] for array in call.inputs)
    lengths = copied(call.lengths)
    lengths -= part.start
    lengths.clip(0, steps, lengths)
    return replace(call, steps=steps, inputs=inputs, state=tuple(state[number] for state in states), lengths=lengths)


def _tuple(value: Any) -> tuple[Array, ...]:
    """Inputs or outputs as a tuple, also where there is one."""
    return value if isinstance(value, tuple) else (value,)
