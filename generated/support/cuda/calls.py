"""What every generated CUDA module does before and after its own equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generated.support import arrays, calls, memory
from generated.support.cuda import dtypes, regimes
from generated.support.cuda.devices import Array, Device, current
from generated.support.cuda.launches import LARGEST
from generated.support.expected import Dtype
from generated.support.memory import copied
from generated.support.signature import Signature


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Call(calls.Call):
    """The checked arguments of one call on a device, and how the loop will run. `lengths` are of int32."""

    device: Device
    plan: regimes.Plan

    @property
    def real(self) -> Dtype:
        """The dtype that the kernels compute in, and that of sums and scratch."""
        return dtypes.real(self.dtype)

    def masked(self, values: Array) -> Array:
        """`values` (T, B, ...), or a copy with zeros beyond each sequence's length where one may end early.

        The bits of 0 are 0, whatever the dtype: CuPy has fewer functions for bfloat16 than for integers.
        """
        if not self.ragged:
            return values
        copy = copied(values)
        beyond = self.device.xp.arange(len(values))[:, None] >= self.lengths
        bits = copy.view(f"u{copy.dtype.itemsize}")
        self.device.xp.copyto(bits, 0, where=beyond.reshape(beyond.shape + (1,) * (values.ndim - 2)))
        return copy


Pack = Callable[[Device, Any, Mapping[str, int], Dtype], Any]
"""Packs checked parameters: the module's own."""


def parameters(
    device: Device, signature: Signature, params: Any, kind: Callable[..., Any], where: str
) -> tuple[Any, Mapping[str, int], Dtype]:
    """Checked parameters as a NamedTuple of `kind`, the sizes that they state, and their dtype."""
    found, sizes, dtype = arrays.check_params(signature, params, where, device)
    return kind(*found), sizes, dtype


def begin(
    device: Device,
    signature: Signature,
    loop: regimes.Loop,
    params: Any,
    kind: type,
    pack: Pack,
    x: object,
    state: object,
    lengths: object,
    regime: object,
    target: object = None,
    weight: object = None,
) -> tuple[Call, Any]:
    """Check the arguments of `forward`, pack the parameters if they are not; errors come before any work."""
    place = f"{signature.cell}.forward"
    given = () if isinstance(params, kind) else params
    memory.refuse_own(place, params=given, x=x, target=target, weight=weight)
    plain, sizes, dtype = _plain(device, signature, params, kind, "forward")
    sizes, (steps, batch), inputs, start = calls.given(signature, sizes, dtype, x, state, "forward", ("T", "B"), device)
    ends = arrays.check_lengths(signature, lengths, steps, batch, "forward", device)
    loss = calls.judged(signature, sizes, dtype, target, weight, steps, batch, device)
    _refuse_too_large(place, loop, steps, batch, sizes)
    plan = regimes.choose(place, loop, regime, sizes, dtype, device.limits)
    ragged = lengths is not None
    call = Call(sizes, dtype, steps, batch, inputs, start, ends, *loss, ragged=ragged, device=device, plan=plan)
    return call.shortened(), params if isinstance(params, kind) else pack(device, plain, sizes, dtype)


def begin_step(
    device: Device, signature: Signature, params: Any, kind: type, pack: Pack, x_t: object, state: object
) -> tuple[Call, Any]:
    """Check the arguments of `step`: one step (B, size) of every input, as a call with T = 1."""
    plain, sizes, dtype = _plain(device, signature, params, kind, "step")
    sizes, (batch,), inputs, start = calls.given(signature, sizes, dtype, x_t, state, "step", ("B",), device)
    rows, ends = tuple(array[None] for array in inputs), device.full((batch,), 1, device.length)
    call = Call(sizes, dtype, 1, batch, rows, start, ends, device=device, plan=regimes.LIBRARY)
    return call, params if isinstance(params, kind) else pack(device, plain, sizes, dtype)


def _plain(
    device: Device, signature: Signature, params: Any, kind: type, where: str
) -> tuple[Any, Mapping[str, int], Dtype]:
    """Checked parameters, the sizes that they state, and their dtype; what is packed, a `kind`, has been checked."""
    if isinstance(params, kind):
        return params.params, params.sizes, params.dtype  # type: ignore[attr-defined]
    return parameters(device, signature, params, type(params), where)


def _refuse_too_large(place: str, loop: regimes.Loop, steps: int, batch: int, sizes: Mapping[str, int]) -> None:
    """Raise ValueError where an array would have more elements than the index of a kernel can tell apart."""
    largest = (steps + 1) * batch * loop.widest * max(sizes.values(), default=1)
    if largest >= LARGEST:
        raise ValueError(f"{place}: x: T={steps} and B={batch} give arrays of {largest} elements: split the batch")


def begin_backward(signature: Signature, params: Any, packed: type, tape: object, kinds: tuple[type, ...]) -> Call:
    """Check the first arguments of `backward` and give the call that made the tape, one of `kinds`.

    `packed` is the kind of packed parameters.

    Raises TypeError where `tape` is not what this module's `forward` returned, ValueError where it has been consumed or
    `params` have other sizes than those of the tape.
    """
    call: Call = calls.call_of(signature, tape, kinds)
    _, sizes, dtype = _plain(call.device, signature, params, packed, "backward")
    calls.refuse_other_params(signature, call, sizes, dtype)
    return call


def errors(signature: Signature, call: Call, dy: object, dstate: object) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Check the other arguments of `backward`: the errors by output, zero beyond the lengths, and by last state."""
    return calls.errors(signature, call, dy, dstate, call.device)


def init_state(signature: Signature, params: Any, batch: object, sizes: dict[str, int]) -> tuple[Array, ...]:
    """The start values of every state for `batch` sequences; `sizes` names those that no parameter states."""
    device = current()
    _, found, dtype = arrays.check_params(signature, params, "init_state", device)
    count = arrays.check_batch(signature, batch, "init_state")
    return arrays.check_state(signature, None, {**found, **sizes}, count, dtype, "init_state", device)


def last_rows(array: Array, call: Call) -> Array:
    """The state at each sequence's end, from all its rows or, without a tape, from the last two."""
    if len(array) != call.steps + 1:
        return copied(array[call.steps & 1], call.dtype)
    if not call.ragged:
        return copied(array[call.steps], call.dtype)
    return copied(array[call.lengths, call.device.xp.arange(call.batch)], call.dtype)


def initial_gradient(call: Call, last_error: Array, *hops: Array) -> Array:
    """The gradient of an initial state: the sum of what hops into step 1 gave, row 0 of each of `hops`.

    An empty sequence hands its initial state on as its last one, so that the error on that one is all it gets. T = 0
    leaves no hops at all.
    """
    if not call.steps:
        return copied(last_error)
    gradient = copied(hops[0][0], call.real)
    for hop in hops[1:]:
        gradient += hop[0]
    if call.ragged:
        last = last_error.astype(call.real, copy=False)
        gradient += call.device.xp.where((call.lengths == 0)[:, None], last, call.real.type(0))
    return gradient if call.real == call.dtype else copied(gradient, call.dtype)


def total(device: Device, sums: Array, pieces: Sequence[tuple[int, int]]) -> Array:
    """The sums of all parts as one row: of each piece, so many columns, as many as it shall have.

    A piece with one column for many is a scalar, to which all units add; one for none starts as zeros.
    """
    row = device.empty((1, sums.shape[1]), sums.dtype)
    sums.sum(axis=0, keepdims=True, dtype=sums.dtype, out=row)
    if all(wide == narrow for wide, narrow in pieces):
        return row
    found, start = [], 0
    for wide, narrow in pieces:
        piece = row[:, start : start + wide]
        if wide:
            found.append(piece if wide == narrow else piece.sum(axis=1, keepdims=True, dtype=sums.dtype))
        else:
            found.append(device.zeros((1, narrow), sums.dtype))
        start += wide
    return device.concatenated(found, axis=1)


added = calls.added
