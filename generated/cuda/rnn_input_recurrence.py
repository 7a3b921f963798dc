"""Network that remembers the previous input only: cuda kernels.

Source: Trask 2015, Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN), iamtrask.github.io, input layer recurrence; written after Goodfellow, Bengio and Courville 2016, Deep Learning, MIT Press, equations 10.8 to 10.11, with x[t-1] in the place of h[t-1]
Equations: 19651f7560fa0e53, written by derive 0.1.0 with support f5f141087af9de20. Do not edit: derive writes this file.

    a = b + W @ x[t-1] + U @ x
    h = tanh(a)
    o = c_o + V @ h
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
    U: np.ndarray  # (hidden_size, input_size)
    c_o: np.ndarray  # (output_size,)
    V: np.ndarray  # (output_size, hidden_size)


class State(NamedTuple):
    """What one step hands to the next."""

    x: np.ndarray  # (B, input_size)


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
    packed_x_before: devices.Array
    packed_x: devices.Array
    packed_h: devices.Array
    b: devices.Array
    c_o: devices.Array


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    packed: Packed
    kept_x: devices.Array
    kept_h: devices.Array
    kept_o: devices.Array


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    packed: Packed
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

SIGNATURE = Signature(
    cell="rnn_input_recurrence",
    sizes=(("input_size",), ("hidden_size",), ("output_size",)),
    params=(
        ("b", ("hidden_size",)),
        ("W", ("hidden_size", "input_size")),
        ("U", ("hidden_size", "input_size")),
        ("c_o", ("output_size",)),
        ("V", ("output_size", "hidden_size")),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("o", "output_size"),),
    states=(("x", "input_size"),),
    init=(
        ("b", "number", 0.0),
        ("W", "fan_in", 0.0),
        ("U", "fan_in", 0.0),
        ("c_o", "number", 0.0),
        ("V", "fan_in", 0.0),
    ),
    initial=(0.0,),
    loss="softmax_cross_entropy",
)


def init(input_size, hidden_size, output_size, *, dtype=np.float32, seed=0):
    """Draw parameters of the given sizes; the same seed gives the same numbers.

    Raises TypeError or ValueError for a size that is no whole number of at least 1, or another dtype than float16,
    bfloat16, float32 and float64.
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "output_size": output_size}
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
        rows: Count, share: Count, steps: Count, batch: Count, lengths: Counts, products_x_before: Reals, hidden_size:
        Count, products_x: Reals, b: Stored, kept_h: Stored
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
                kept_h[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                W_product = products_x_before[u32((t * batch + item) * hidden_size + unit)]
                U_product = products_x[u32((t * batch + item) * hidden_size + unit)]
                a = b[u32(unit)] + W_product + U_product  # (F.1)
                h = math.tanh(a)  # (F.2)
                kept_h[u32((t * batch + item) * hidden_size + unit)] = h


    def forward_2(
        rows: Count, share: Count, steps: Count, batch: Count, lengths: Counts, products_h: Reals, output_size: Count,
        c_o: Stored, out_o: Stored, kept_o: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // output_size
        unit = index - part * output_size
        first = part * share
        stop = min(first + share, rows)
        for row in range(first, stop):
            t = row // batch
            item = row - t * batch
            if t >= lengths[u32(item)]:
                kept_o[u32((t * batch + item) * output_size + unit)] = zero
                out_o[u32((t * batch + item) * output_size + unit)] = zero
            else:
                V_product = products_h[u32((t * batch + item) * output_size + unit)]
                o = c_o[u32(unit)] + V_product  # (F.3)
                kept_o[u32((t * batch + item) * output_size + unit)] = o
                out_o[u32((t * batch + item) * output_size + unit)] = o


    def backward_1(
        rows: Count, share: Count, steps: Count, batch: Count, lengths: Counts, error_o: Stored, output_size: Count,
        sums: Reals, hidden_size: Count, adjoints_h: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // output_size
        unit = index - part * output_size
        first = part * share
        stop = min(first + share, rows)
        sum_c_o = zero
        for row in range(first, stop):
            t = row // batch
            item = row - t * batch
            if t >= lengths[u32(item)]:
                adjoints_h[u32((t * batch + item) * output_size + unit)] = zero
            else:
                error_o_ = error_o[u32((t * batch + item) * output_size + unit)]
                d_o = error_o_  # (B.1)
                sum_c_o += d_o  # (B.8)
                adjoints_h[u32((t * batch + item) * output_size + unit)] = d_o

        if first < rows:
            sums[u32(part * (output_size + hidden_size) + unit)] += sum_c_o


    def backward_2(
        rows: Count, share: Count, steps: Count, batch: Count, lengths: Counts, pulled_h: Reals, hidden_size: Count,
        kept_h: Stored, sums: Reals, output_size: Count, adjoints_x_before: Stored
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
                adjoints_x_before[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                pulled_product_3 = pulled_h[u32((t * batch + item) * hidden_size + unit)]
                h = kept_h[u32((t * batch + item) * hidden_size + unit)]
                d_h = pulled_product_3  # (B.2)
                d_a = d_h * (one - h * h)  # (B.3)
                sum_b += d_a  # (B.5)
                adjoints_x_before[u32((t * batch + item) * hidden_size + unit)] = d_a

        if first < rows:
            sums[u32(part * (output_size + hidden_size) + output_size + unit)] += sum_b


    def backward_3(
        rows: Count, share: Count, steps: Count, batch: Count, lengths: Counts, pulled_x_before: Reals, input_size:
        Count, from_prefix_x: Reals, pulled_x: Reals, last_error_x: Stored, d_x: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // input_size
        unit = index - part * input_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            for t in range(steps - 1, -1, -1):
                if t >= lengths[u32(item)]:
                    from_prefix_x[u32((t * batch + item) * input_size + unit)] = zero
                    d_x[u32((t * batch + item) * input_size + unit)] = zero
                else:
                    pulled_product_1 = pulled_x_before[u32((t * batch + item) * input_size + unit)]
                    pulled_product_2 = pulled_x[u32((t * batch + item) * input_size + unit)]
                    next_x_before_from_prefix = from_prefix_x[u32(
                        ((t + 1) * batch + item) * input_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_x_ = last_error_x[u32(item * input_size + unit)] if t + 1 == lengths[item] else zero
                    from_prefix_x[u32((t * batch + item) * input_size + unit)] = pulled_product_1
                    d_x_ = pulled_product_2 + next_x_before_from_prefix + last_error_x_  # (B.4)
                    d_x[u32((t * batch + item) * input_size + unit)] = d_x_


    return (forward_1, forward_2, backward_1, backward_2, backward_3, )


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    device = devices.current()
    with device.running(params):
        plain, sizes, dtype = calls.parameters(device, SIGNATURE, params, Params, "pack")
        return _packed(device, Params(*map(memory.copied, plain)), sizes, dtype)


def _packed(device, params, sizes, dtype):
    """Checked parameters as both passes read them."""
    packed_x_before = device.stacked((params.W,))
    packed_x = device.stacked((params.U,))
    packed_h = device.stacked((params.V,))
    b = params.b
    c_o = params.c_o
    return Packed(params, sizes, dtype, packed_x_before, packed_x, packed_h, b, c_o)


def forward(
    params, x, target, weight=None, state=None, lengths=None, *,
    keep_tape=True, workspace=None, checkpoint_every=None, regime="auto",
):
    """Run whole sequences on the device: x (T, B, input_size).

    `params` may be packed. Returns the loss, the output (T, B, size), the last state, and the tape for `backward`
    (None with keep_tape=False). With a `workspace` all arrays are in its memory, until the next call. With
    `checkpoint_every` the tape keeps the states of every so many steps, and `backward` computes the rest again.
    `regime` says how the loop over time runs: "block", "grid", "library", or "auto" by size; the tape tells which it
    was, tape.call.plan.regime. Raises ValueError or TypeError for arrays of another shape, dtype or device, and for a
    regime that cannot run these sizes.
    """
    every = checkpoints.interval(SIGNATURE, checkpoint_every, keep_tape)
    device = devices.current()
    with device.running(x), workspaces.within(device, workspace, SIGNATURE.cell):
        call, packed = calls.begin(
            device, SIGNATURE, LOOP, params, Packed, _packed, x, state, lengths, regime, target, weight
        )
        if every is None:
            y, state, tape = _run(packed, call, keep_tape)
        else:
            y, state, kept = checkpoints.forward(SIGNATURE, device, _run, packed, call, every)
            tape = Checkpoints(call, packed, kept)
        loss = losses.VALUE["softmax_cross_entropy"](device, y, call.target, call.weight)
        memory.keep(call.lease)
    return loss, y, state, tape


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
    output_size = call.sizes["output_size"]
    (_, _, _, packed_x_before, packed_x, packed_h, b, c_o,) = packed
    kept_x = device.concatenated((call.state[0][None], call.inputs[0]))
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    kept_h = device.empty((steps, batch, hidden_size), dtype)
    kept_o = device.empty((steps, batch, output_size), dtype)
    products_x_before = device.empty((steps, batch, hidden_size), real)
    products_x = device.empty((steps, batch, hidden_size), real)
    products_h = device.empty((steps, batch, output_size), real)
    out_o = device.empty((steps, batch, output_size), dtype)
    kernels = device.kernels(sweeps, dtype)
    device.product(
        kept_x[:-1].reshape(steps * batch, input_size), packed_x_before.T, products_x_before.reshape(steps * batch,
        hidden_size)
    )
    device.product(
        kept_x[1:].reshape(steps * batch, input_size), packed_x.T, products_x.reshape(steps * batch, hidden_size)
    )
    launches.sweep(
        device, kernels.forward_1, hidden_size, steps * batch, (steps, batch, lengths, products_x_before, hidden_size,
        products_x, b, kept_h)
    )
    device.product(
        kept_h.reshape(steps * batch, hidden_size), packed_h.T, products_h.reshape(steps * batch, output_size)
    )
    launches.sweep(
        device, kernels.forward_2, output_size, steps * batch, (steps, batch, lengths, products_h, output_size, c_o,
        out_o, kept_o)
    )
    y = out_o
    state = State(calls.last_rows(kept_x, call))
    return y, state, Tape(call, packed, kept_x, kept_h, kept_o) if keep_tape else None


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    The error of the loss itself is always counted; dy adds to it.
    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    call = calls.begin_backward(SIGNATURE, params, Packed, tape, (Tape, Checkpoints))
    with call.device.running(dy, dstate), memory.behind(call.lease, SIGNATURE.cell):
        errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
        y = tape.kept.y[0] if isinstance(tape, Checkpoints) else tape.kept_o
        errors = (losses.errors("softmax_cross_entropy", call.device, y, call.target, call.weight, errors[0]),)
        if isinstance(tape, Checkpoints):
            grads = checkpoints.backward(call.device, _run, _gradients, tape.packed, call, tape.kept, errors, ends)
        else:
            grads = _gradients(tape, errors, ends)
    call.lease.consumed = consume_tape
    return grads


def _gradients(tape, errors, ends):
    """The backward pass, from the errors on the outputs, that of the loss included, and on the last state."""
    (call, packed, kept_x, kept_h, kept_o,) = tape
    device, steps, batch, lengths, dtype, real = call.device, call.steps, call.batch, call.lengths, call.dtype, call.real
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    output_size = call.sizes["output_size"]
    (_, _, _, packed_x_before, packed_x, packed_h, b, c_o,) = packed
    (error_o,) = errors
    (last_error_x,) = ends
    from_prefix_x = device.empty((steps, batch, input_size), real)
    d_x = device.empty((steps, batch, input_size), dtype)
    adjoints_x_before = device.empty((steps, batch, hidden_size), dtype)
    adjoints_h = device.empty((steps, batch, output_size), dtype)
    pulled_x_before = device.empty((steps, batch, input_size), real)
    pulled_x = device.empty((steps, batch, input_size), real)
    pulled_h = device.empty((steps, batch, hidden_size), real)
    sums = device.zeros(
        (max(max(launches.parts(steps * batch, output_size), launches.parts(steps * batch, hidden_size)), 1, 1),
        output_size + hidden_size), real
    )
    kernels = device.kernels(sweeps, dtype)
    launches.sweep(
        device, kernels.backward_1, output_size, steps * batch, (steps, batch, lengths, error_o, output_size, sums,
        hidden_size, adjoints_h), summing=True
    )
    device.product(
        adjoints_h.reshape(steps * batch, output_size), packed_h, pulled_h.reshape(steps * batch, hidden_size)
    )
    launches.sweep(
        device, kernels.backward_2, hidden_size, steps * batch, (steps, batch, lengths, pulled_h, hidden_size, kept_h,
        sums, output_size, adjoints_x_before), summing=True
    )
    device.product(
        adjoints_x_before.reshape(steps * batch, hidden_size), packed_x_before, pulled_x_before.reshape(steps * batch,
        input_size)
    )
    device.product(
        adjoints_x_before.reshape(steps * batch, hidden_size), packed_x, pulled_x.reshape(steps * batch, input_size)
    )
    launches.sweep(
        device, kernels.backward_3, input_size, batch, (steps, batch, lengths, pulled_x_before, input_size,
        from_prefix_x, pulled_x, last_error_x, d_x)
    )
    sums = calls.total(device, sums, ((output_size, output_size), (hidden_size, hidden_size), ))
    sums = sums[0].astype(dtype, copy=False)
    weights_x_before = device.empty((hidden_size, input_size), dtype)
    weights_x = device.empty((hidden_size, input_size), dtype)
    weights_h = device.empty((output_size, hidden_size), dtype)
    device.product(
        adjoints_x_before.reshape(steps * batch, hidden_size).T, kept_x[:-1].reshape(steps * batch, input_size),
        weights_x_before
    )
    device.product(
        adjoints_x_before.reshape(steps * batch, hidden_size).T, kept_x[1:].reshape(steps * batch, input_size),
        weights_x
    )
    device.product(
        adjoints_h.reshape(steps * batch, output_size).T, kept_h.reshape(steps * batch, hidden_size), weights_h
    )
    return Grads(
        params=Params(
            sums[output_size : output_size + hidden_size],
            weights_x_before[0 : hidden_size],
            weights_x[0 : hidden_size],
            sums[0 : output_size],
            weights_h[0 : output_size],
        ),
        x=d_x,
        state=State(
            calls.initial_gradient(call, last_error_x, from_prefix_x),
        ),
    )
