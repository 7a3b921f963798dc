"""What every generated CUDA module does before and after its own equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generated.support import memory
from generated.support.arrays import check_batch
from generated.support.calls import call_of, refuse_other_params
from generated.support.cuda import arguments, dtypes, regimes
from generated.support.cuda.devices import Array, Device, current
from generated.support.cuda.launches import LARGEST
from generated.support.expected import Dtype
from generated.support.memory import copied
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

    @property
    def real(self) -> Dtype:
        """The dtype that the kernels compute in, and that of sums and scratch."""
        return dtypes.real(self.dtype)


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
    given = () if isinstance(params, kind) else params
    memory.refuse_own(f"{signature.cell}.{where}", params=given, x=x, target=target, weight=weight)
    plain, sizes, dtype = _plain(device, signature, params, kind, where)
    inputs, rows, sizes = arguments.inputs(device, signature, x, sizes, dtype, where, ("T", "B"))
    steps, batch = rows
    start, sizes = arguments.state(device, signature, state, sizes, batch, dtype, where)
    start = start if state is None else memory.start(start)
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
    call: Call = call_of(signature, tape, kinds)
    _, sizes, dtype = _plain(call.device, signature, params, packed, "backward")
    refuse_other_params(signature, call, sizes, dtype)
    return call


def errors(signature: Signature, call: Call, dy: object, dstate: object) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Check the other arguments of `backward`: the errors by output, zero beyond the lengths, and by last state."""
    memory.refuse_own(f"{signature.cell}.backward", dy=dy, dstate=dstate)
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
    """A copy of `values` (T, B, ...) with zeros beyond each sequence's length.

    The bits of 0 are 0, whatever the dtype: CuPy has fewer functions for bfloat16 than for integers.
    """
    copy = copied(values)
    beyond = device.xp.arange(len(values))[:, None] >= lengths
    bits = copy.view(f"u{copy.dtype.itemsize}")
    device.xp.copyto(bits, 0, where=beyond.reshape(beyond.shape + (1,) * (values.ndim - 2)))
    return copy


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


def added(*terms: Array) -> Array:
    """The sum of arrays of one shape, a new array."""
    result = copied(terms[0])
    for term in terms[1:]:
        result += term
    return result
