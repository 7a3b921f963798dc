"""What every generated CUDA module does before and after its own equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generated.support.arrays import check_batch
from generated.support.cuda import arguments, regimes
from generated.support.cuda.devices import Array, Device, current
from generated.support.cuda.launches import LARGEST
from generated.support.expected import Dtype, describe
from generated.support.signature import Signature
from generated.support.workspaces import Lease


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The checked arguments of one call: sizes by name, dtype, T, B, contiguous arrays, and how the loop will run.

    `inputs` are zero beyond each sequence's length, so that what stands there cannot reach a gradient. `target` and
    `weight` are None where the cell has no loss. Without `ragged` all lengths are T. `lease` stands for the tape.
    """

    device: Device
    plan: regimes.Plan
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


Pack = Callable[[Device, Any, Mapping[str, int], Dtype], Any]
"""Packs checked parameters: the module's own."""


def parameters(
    device: Device, signature: Signature, params: Any, kind: Callable[..., Any], where: str
) -> tuple[Any, dict[str, int], Dtype]:
    """Checked parameters as a NamedTuple of `kind`, the sizes that they state, and their dtype."""
    arrays, sizes, dtype = arguments.parameters(device, signature, params, where)
    return kind(*arrays), sizes, dtype


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
    where = "forward"
    plain, sizes, dtype = _plain(device, signature, params, kind, where)
    inputs, rows, sizes = arguments.inputs(device, signature, x, sizes, dtype, where, ("T", "B"))
    steps, batch = rows
    start, sizes = arguments.state(device, signature, state, sizes, batch, dtype, where)
    ends = arguments.lengths(device, signature, lengths, steps, batch, where)
    judged: dict[str, Array] = {}
    if signature.loss:
        size = sizes[signature.outputs[0][1]]
        judged["target"] = arguments.target(device, signature, target, size, (steps, batch), dtype, where)
        judged["weight"] = arguments.weight(device, signature, weight, (steps, batch), dtype, where)
    _refuse_too_large(f"{signature.cell}.{where}", loop, steps, batch, sizes)
    plan = regimes.choose(f"{signature.cell}.{where}", loop, regime, sizes, dtype, device.limits)
    ragged = lengths is not None
    if ragged:
        inputs = tuple(masked(device, array, ends) for array in inputs)
        if judged:
            judged["weight"] = masked(device, judged["weight"], ends)
    call = Call(device, plan, sizes, dtype, steps, batch, inputs, start, ends, **judged, ragged=ragged)
    return call, params if isinstance(params, kind) else pack(device, plain, sizes, dtype)


def begin_step(
    device: Device, signature: Signature, params: Any, kind: type, pack: Pack, x_t: object, state: object
) -> tuple[Call, Any]:
    """Check the arguments of `step`: one step (B, size) of every input, as a call with T = 1."""
    where = "step"
    plain, sizes, dtype = _plain(device, signature, params, kind, where)
    inputs, (batch,), sizes = arguments.inputs(device, signature, x_t, sizes, dtype, where, ("B",))
    start, sizes = arguments.state(device, signature, state, sizes, batch, dtype, where)
    ends = arguments.lengths(device, signature, None, 1, batch, where)
    steps = tuple(array[None] for array in inputs)
    call = Call(device, regimes.LIBRARY, sizes, dtype, 1, batch, steps, start, ends)
    return call, params if isinstance(params, kind) else pack(device, plain, sizes, dtype)


def _plain(
    device: Device, signature: Signature, params: Any, kind: type, where: str
) -> tuple[Any, dict[str, int], Dtype]:
    """Checked parameters, also of what is packed, a `kind`; the sizes that they state, and their dtype."""
    plain: Any = params.params if isinstance(params, kind) else params  # type: ignore[attr-defined]
    return parameters(device, signature, plain, type(plain), where)


def _refuse_too_large(place: str, loop: regimes.Loop, steps: int, batch: int, sizes: Mapping[str, int]) -> None:
    """Raise ValueError where an array would have more elements than the index of a kernel can tell apart."""
    largest = (steps + 1) * batch * loop.widest * max(sizes.values(), default=1)
    if largest >= LARGEST:
        raise ValueError(f"{place}: x: T={steps} and B={batch} give arrays of {largest} elements: split the batch")


def begin_backward(signature: Signature, params: Any, packed: type, tape: object, kind: type) -> Call:
    """Check the first arguments of `backward` and give the call that made the tape, a `kind`.

    `packed` is the kind of packed parameters.

    Raises TypeError where `tape` is not what this module's `forward` returned, ValueError where it has been consumed or
    `params` have other sizes than those of the tape.
    """
    place = f"{signature.cell}.backward"
    if not isinstance(tape, kind):
        hint = ": forward(..., keep_tape=False) keeps none" if tape is None else ""
        raise TypeError(f"{place}: tape: expected the Tape of this module's forward, received {describe(tape)}{hint}")
    call: Call = tape[0]  # type: ignore[index]
    if call.lease.consumed:
        raise ValueError(f"{place}: tape: it was consumed by an earlier backward(..., consume_tape=True)")
    _, sizes, dtype = _plain(call.device, signature, params, packed, "backward")
    expected = {name: call.sizes[name] for name in sizes}
    if sizes != expected or dtype != call.dtype:
        message = f"expected the parameters of forward ({expected}, {call.dtype}), received {sizes}, {dtype}"
        raise ValueError(f"{place}: params: {message}")
    return call


def errors(signature: Signature, call: Call, dy: object, dstate: object) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Check the other arguments of `backward`: the errors by output, zero beyond the lengths, and by last state."""
    rows = (call.steps, call.batch)
    outer, ends = arguments.errors(call.device, signature, dy, dstate, call.sizes, rows, call.dtype, "backward")
    return tuple(masked(call.device, error, call.lengths) for error in outer) if call.ragged else outer, ends


def init_state(signature: Signature, params: Any, batch: object, sizes: dict[str, int]) -> tuple[Array, ...]:
    """The start values of every state for `batch` sequences; `sizes` names those that no parameter states."""
    device = current()
    _, found, dtype = arguments.parameters(device, signature, params, "init_state")
    count = check_batch(signature, batch, "init_state")
    return arguments.state(device, signature, None, found | sizes, count, dtype, "init_state")[0]


def masked(device: Device, values: Array, lengths: Array) -> Array:
    """A copy of `values` (T, B, ...) with zeros beyond each sequence's length."""
    alive = device.xp.arange(len(values))[:, None] < lengths
    return device.xp.where(alive.reshape(alive.shape + (1,) * (values.ndim - 2)), values, values.dtype.type(0))


def last_rows(array: Array, call: Call) -> Array:
    """The state at each sequence's end, from all its rows or, without a tape, from the last two."""
    if len(array) != call.steps + 1:
        return array[call.steps & 1].copy()
    if not call.ragged:
        return array[call.steps].copy()
    return array[call.lengths, call.device.xp.arange(call.batch)]


def initial_gradient(call: Call, last_error: Array, *hops: Array) -> Array:
    """The gradient of an initial state: the sum of what hops into step 1 gave, row 0 of each of `hops`.

    An empty sequence hands its initial state on as its last one, so that the error on that one is all it gets. T = 0
    leaves no hops at all.
    """
    if not call.steps:
        return last_error.copy()
    gradient = hops[0][0].copy()
    for hop in hops[1:]:
        gradient += hop[0]
    if call.ragged:
        gradient += call.device.xp.where((call.lengths == 0)[:, None], last_error, last_error.dtype.type(0))
    return gradient


def total(device: Device, sums: Array, pieces: Sequence[tuple[int, int]]) -> Array:
    """The sums of all parts as one row: of each piece, so many columns, as many as it shall have.

    A piece with one column for many is a scalar, to which all units add; one for none starts as zeros.
    """
    row = sums.sum(axis=0, keepdims=True, dtype=sums.dtype)
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
    return device.xp.concatenate(found, axis=1)


def added(*terms: Array) -> Array:
    """The sum of arrays of one shape, a new array."""
    result = terms[0].copy()
    for term in terms[1:]:
        result += term
    return result
