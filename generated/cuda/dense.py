"""Dense layer: cuda kernels.

Source: Goodfellow, Bengio and Courville 2016, Deep Learning, MIT Press, section 6.5.4, algorithm 6.3, one layer, with tanh
Equations: 8a9a34f429532362, written by derive 0.1.0 with support f5f141087af9de20. Do not edit: derive writes this file.

    a = b + W @ x
    h = tanh(a)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import math

from generated.support import checkpoints, memory
from generated.support.cuda import calls, devices, grids, launches, losses, ordered, regimes, tensor, workspaces
from generated.support.cuda import init as parameters
from generated.support.cuda.kinds import Count, Counts, Reals, Stored
from generated.support.signature import Signature


class Params(NamedTuple):
    """The parameters, plain arrays of one dtype."""

    b: np.ndarray  # (hidden_size,)
    W: np.ndarray  # (hidden_size, input_size)


class State(NamedTuple):
    """What one step hands to the next."""


class Grads(NamedTuple):
    """The gradients of the parameters, the input and the initial state."""

    params: Params
    x: np.ndarray
    state: State


class Packed(NamedTuple):
    """What both passes read of the parameters, on the device: stacks of matrices, and what comes from these alone."""

    params: Params
    sizes: dict[str, int]
    dtype: np.dtype
    packed_x: devices.Array
    b: devices.Array


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    packed: Packed
    kept_x: devices.Array
    kept_h: devices.Array


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    packed: Packed
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

SIGNATURE = Signature(
    cell="dense",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("b", ("hidden_size",)),
        ("W", ("hidden_size", "input_size")),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(),
    init=(
        ("b", "number", 0.0),
        ("W", "fan_in", 0.0),
    ),
    initial=(),
    loss="",
)


def init(input_size, hidden_size, *, dtype=np.float32, seed=0):
    """Draw parameters of the given sizes; the same seed gives the same numbers.

    Raises TypeError or ValueError for a size that is no whole number of at least 1, or another dtype than float16,
    bfloat16, float32 and float64.
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    return Params(*parameters.init_params(SIGNATURE, sizes, dtype, seed))


def init_state(params, batch, **sizes):
    """The state before the first step, for `batch` sequences; `sizes` gives those that no parameter states."""
    return State(*calls.init_state(SIGNATURE, params, batch, sizes))


LOOP = regimes.Loop(
    forward=(),
    backward=(),
    dimensions=(),
    obstacle="the cell has no loop",
    widest=1,
)


def sweeps(cuda, real):
    """The element-wise kernels, for the module `cuda` of a device or a simulator, computing in `real`."""
    u32 = np.uint32
    one = real(1)
    zero = real(0)

    def forward_1(
        rows: Count, share: Count, steps: Count, batch: Count, lengths: Counts, products_x: Reals, hidden_size: Count,
        b: Stored, out_h: Stored, kept_h: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for row in range(first, stop):
            t = row // batch
            item = row - t * batch
            if t >= lengths[u32(item)]:
                out_h[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                W_product = products_x[u32((t * batch + item) * hidden_size + unit)]
                a = b[u32(unit)] + W_product  # (F.1)
                h = math.tanh(a)  # (F.2)
                kept_h[u32((t * batch + item) * hidden_size + unit)] = h
                out_h[u32((t * batch + item) * hidden_size + unit)] = h


    def backward_1(
        rows: Count, share: Count, steps: Count, batch: Count, lengths: Counts, error_h: Stored, hidden_size: Count,
        kept_h: Stored, sums: Reals, adjoints_x: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        sum_b = zero
        for row in range(first, stop):
            t = row // batch
            item = row - t * batch
            if t >= lengths[u32(item)]:
                adjoints_x[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                error_h_ = error_h[u32((t * batch + item) * hidden_size + unit)]
                h = kept_h[u32((t * batch + item) * hidden_size + unit)]
                d_h = error_h_  # (B.1)
                d_a = d_h * (one - h * h)  # (B.2)
                sum_b += d_a  # (B.4)
                adjoints_x[u32((t * batch + item) * hidden_size + unit)] = d_a

        if first < rows:
            sums[u32(part * (hidden_size) + unit)] += sum_b


    return (forward_1, backward_1, )


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    device = devices.current()
    with device.running(params):
        plain, sizes, dtype = calls.parameters(device, SIGNATURE, params, Params, "pack")
        return _packed(device, Params(*map(memory.copied, plain)), sizes, dtype)


def _packed(device, params, sizes, dtype):
    """Checked parameters as both passes read them."""
    packed_x = device.stacked((params.W,))
    b = params.b
    return Packed(params, sizes, dtype, packed_x, b)


def forward(
    params, x, state=None, lengths=None, *,
    keep_tape=True, workspace=None, checkpoint_every=None, regime="auto",
):
    """Run whole sequences on the device: x (T, B, input_size).

    `params` may be packed. Returns the output (T, B, size), the last state, and the tape for `backward`
    (None with keep_tape=False). With a `workspace` all arrays are in its memory, until the next call. With
    `checkpoint_every` the tape keeps the states of every so many steps, and `backward` computes the rest again.
    `regime` says how the loop over time runs: "block", "grid", "library", or "auto" by size; the tape tells which it
    was, tape.call.plan.regime. Raises ValueError or TypeError for arrays of another shape, dtype or device, and for a
    regime that cannot run these sizes.
    """
    every = checkpoints.interval(SIGNATURE, checkpoint_every, keep_tape)
    device = devices.current()
    with device.running(x), workspaces.within(device, workspace, SIGNATURE.cell):
        call, packed = calls.begin(device, SIGNATURE, LOOP, params, Packed, _packed, x, state, lengths, regime)
        if every is None:
            y, state, tape = _run(packed, call, keep_tape)
        else:
            y, state, kept = checkpoints.forward(SIGNATURE, device, _run, packed, call, every)
            tape = Checkpoints(call, packed, kept)
        memory.keep(call.lease)
    return y, state, tape


def step(params, x_t, state=None):
    """One step: x_t (B, size); `params` may be packed. Returns the output (B, size) and the new state."""
    device = devices.current()
    with device.running(x_t):
        call, packed = calls.begin_step(device, SIGNATURE, params, Packed, _packed, x_t, state)
        y, state, _ = _run(packed, call, False)
    return y[0], state


def _run(packed, call, keep_tape):
    """The forward pass: batched before and behind the loop over time."""
    device, steps, batch, lengths, dtype, real = call.device, call.steps, call.batch, call.lengths, call.dtype, call.real
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (_, _, _, packed_x, b,) = packed
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    kept_h = device.empty((steps, batch, hidden_size), dtype)
    products_x = device.empty((steps, batch, hidden_size), real)
    out_h = device.empty((steps, batch, hidden_size), dtype)
    kernels = device.kernels(sweeps, dtype)
    device.product(
        kept_x.reshape(steps * batch, input_size), packed_x.T, products_x.reshape(steps * batch, hidden_size)
    )
    launches.sweep(
        device, kernels.forward_1, hidden_size, steps * batch, (steps, batch, lengths, products_x, hidden_size, b,
        out_h, kept_h)
    )
    y = out_h
    state = State()
    return y, state, Tape(call, packed, kept_x, kept_h) if keep_tape else None


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    call = calls.begin_backward(SIGNATURE, params, Packed, tape, (Tape, Checkpoints))
    with call.device.running(dy, dstate), memory.behind(call.lease, SIGNATURE.cell):
        errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
        if isinstance(tape, Checkpoints):
            grads = checkpoints.backward(call.device, _run, _gradients, tape.packed, call, tape.kept, errors, ends)
        else:
            grads = _gradients(tape, errors, ends)
    call.lease.consumed = consume_tape
    return grads


def _gradients(tape, errors, ends):
    """The backward pass, from the errors on the outputs, that of the loss included, and on the last state."""
    (call, packed, kept_x, kept_h,) = tape
    device, steps, batch, lengths, dtype, real = call.device, call.steps, call.batch, call.lengths, call.dtype, call.real
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (_, _, _, packed_x, b,) = packed
    (error_h,) = errors
    adjoints_x = device.empty((steps, batch, hidden_size), dtype)
    pulled_x = device.empty((steps, batch, input_size), dtype)
    sums = device.zeros((max(launches.parts(steps * batch, hidden_size), 1, 1), hidden_size), real)
    kernels = device.kernels(sweeps, dtype)
    launches.sweep(
        device, kernels.backward_1, hidden_size, steps * batch, (steps, batch, lengths, error_h, hidden_size, kept_h,
        sums, adjoints_x), summing=True
    )
    device.product(
        adjoints_x.reshape(steps * batch, hidden_size), packed_x, pulled_x.reshape(steps * batch, input_size)
    )
    sums = calls.total(device, sums, ((hidden_size, hidden_size), ))
    sums = sums[0].astype(dtype, copy=False)
    weights_x = device.empty((hidden_size, input_size), dtype)
    device.product(
        adjoints_x.reshape(steps * batch, hidden_size).T, kept_x.reshape(steps * batch, input_size), weights_x
    )
    return Grads(
        params=Params(
            sums[0 : hidden_size],
            weights_x[0 : hidden_size],
        ),
        x=pulled_x,
        state=State(
        ),
    )
