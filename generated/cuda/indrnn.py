"""Independently recurrent network: cuda kernels.

Source: Li, Li, Cook, Zhu and Gao 2018, Independently Recurrent Neural Network (IndRNN): Building a Longer and Deeper RNN, CVPR, section 3, with relu
Equations: a98e8b4c1a7724a0, written by derive 0.1.0 with support f5f141087af9de20. Do not edit: derive writes this file.

    a = W @ x + u * h[t-1] + b
    h = relu(a)
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

    W: np.ndarray  # (hidden_size, input_size)
    u: np.ndarray  # (hidden_size,)
    b: np.ndarray  # (hidden_size,)


class State(NamedTuple):
    """What one step hands to the next."""

    h: np.ndarray  # (B, hidden_size)


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
    u: devices.Array
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
    cell="indrnn",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W", ("hidden_size", "input_size")),
        ("u", ("hidden_size",)),
        ("b", ("hidden_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(("h", "hidden_size"),),
    init=(
        ("W", "fan_in", 0.0),
        ("u", "uniform", 1.0),
        ("b", "number", 0.0),
    ),
    initial=(0.0,),
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
    dimensions=("hidden_size", ),
    obstacle="",
    widest=1,
)


def sweeps(cuda, real):
    """The element-wise kernels, for the module `cuda` of a device or a simulator, computing in `real`."""
    u32 = np.uint32
    one = real(1)
    zero = real(0)

    def forward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, products_x: Reals, hidden_size: Count, batch: Count,
        kept_h: Reals, before: Count, u: Stored, b: Stored, out_h: Stored, now: Count
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                kept_h[u32((now * batch + item) * hidden_size + unit)] = (
                    kept_h[u32((before * batch + item) * hidden_size + unit)]
                )
                out_h[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                W_product = products_x[u32((t * batch + item) * hidden_size + unit)]
                h_before = kept_h[u32((before * batch + item) * hidden_size + unit)]
                a = W_product + u[u32(unit)] * h_before + b[u32(unit)]  # (F.1)
                h = zero if a <= zero else a  # (F.2)
                kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                out_h[u32((t * batch + item) * hidden_size + unit)] = h


    def backward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, carry_h: Reals, hidden_size: Count, batch: Count, error_h:
        Stored, last_error_h: Stored, kept_h: Reals, u: Stored, sums: Reals, adjoints_x: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        sum_u = zero
        sum_b = zero
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                adjoints_x[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                next_h_before_from_loop = carry_h[u32(
                    (((t + 1) & 1) * batch + item) * hidden_size + unit
                )] if t + 1 < lengths[item] else zero
                error_h_ = error_h[u32((t * batch + item) * hidden_size + unit)]
                last_error_h_ = last_error_h[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                h = kept_h[u32(((t + 1) * batch + item) * hidden_size + unit)]
                h_before = kept_h[u32((t * batch + item) * hidden_size + unit)]
                d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                d_a = (one if h > zero else zero if h <= zero else h + zero) * d_h  # (B.2)
                d_h_before_from_loop = u[u32(unit)] * d_a
                carry_h[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_h_before_from_loop
                sum_u += h_before * d_a  # (B.5)
                sum_b += d_a  # (B.6)
                adjoints_x[u32((t * batch + item) * hidden_size + unit)] = d_a

        if first < rows:
            sums[u32(part * (2 * hidden_size) + unit)] += sum_u
            sums[u32(part * (2 * hidden_size) + hidden_size + unit)] += sum_b


    return (forward_1, backward_1, )


def forward_block(cuda, real, lanes, hidden_size):
    """The loop over time as one kernel, of which a block runs a sequence: `lanes` neighbouring threads share a unit."""
    u32, u64 = np.uint32, np.uint64
    halvings = lanes.bit_length() - 1
    zero = real(0)

    def forward_loop(
        batch: Count, steps: Count, lengths: Counts, keep: Count, products_x: Reals, u: Stored, b: Stored, out_h:
        Stored, kept_h: Reals
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        if unit < hidden_size:
            own_u = u[u32(unit)]
            own_b = b[u32(unit)]
        h_before = zero
        if unit < hidden_size:
            h_before = kept_h[u32(item * hidden_size + unit)]
        for t in range(lengths[u32(item)]):
            now = t + 1 if keep else (t + 1) & 1
            if unit < hidden_size:
                W_product = products_x[u32((t * batch + item) * hidden_size + unit)]
            if unit < hidden_size:
                a = W_product + own_u * h_before + own_b  # (F.1)
                h = zero if a <= zero else a  # (F.2)
                if lane == 0:
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                    out_h[u32((t * batch + item) * hidden_size + unit)] = h
            if unit < hidden_size:
                h_before = h
        # A sequence without steps: the other lanes may still read the row that the first one writes to.
        cuda.syncthreads()
        for t in range(lengths[u32(item)], steps):
            now = t + 1 if keep else (t + 1) & 1
            before = t if keep else t & 1
            if unit < hidden_size:
                if lane == 0:
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_h[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_h[u32((t * batch + item) * hidden_size + unit)] = zero

    return (forward_loop,)


def backward_block(cuda, real, lanes, hidden_size):
    """The loop over time as one kernel, of which a block runs a sequence: `lanes` neighbouring threads share a unit."""
    u32, u64 = np.uint32, np.uint64
    halvings = lanes.bit_length() - 1
    one = real(1)
    zero = real(0)

    def backward_loop(
        batch: Count, steps: Count, lengths: Counts, error_h: Stored, last_error_h: Stored, kept_h: Reals, u: Stored,
        sums: Reals, adjoints_x: Stored, carry_h: Reals
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        if unit < hidden_size:
            own_u_ = u[u32(unit)]
        sum_u = zero
        sum_b = zero
        next_h_before_from_loop = zero
        for t in range(lengths[u32(item)], steps):
            if unit < hidden_size:
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * hidden_size + unit)] = zero
        for t in range(lengths[u32(item)] - 1, -1, -1):
            if unit < hidden_size:
                error_h_ = error_h[u32((t * batch + item) * hidden_size + unit)]
                last_error_h_ = last_error_h[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                h = kept_h[u32(((t + 1) * batch + item) * hidden_size + unit)]
                h_before = kept_h[u32((t * batch + item) * hidden_size + unit)]
            if unit < hidden_size:
                d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                d_a = (one if h > zero else zero if h <= zero else h + zero) * d_h  # (B.2)
                d_h_before_from_loop = own_u_ * d_a
                sum_u += h_before * d_a  # (B.5)
                sum_b += d_a  # (B.6)
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * hidden_size + unit)] = d_a
            if unit < hidden_size:
                next_h_before_from_loop = d_h_before_from_loop
        if unit < hidden_size:
            if lane == 0:
                carry_h[u32(item * hidden_size + unit)] = next_h_before_from_loop
                sums[u32(item * (2 * hidden_size) + unit)] += sum_u
                sums[u32(item * (2 * hidden_size) + hidden_size + unit)] += sum_b

    return (backward_loop,)


def forward_grid(cuda, real, lanes, items, hidden_size):
    """The loop over time as one kernel that all blocks run together: not yet run on a device.

    `lanes` neighbouring threads share a unit, and a block holds the operands of `items` sequences at a time.
    """
    u32, u64 = np.uint32, np.uint64
    load_acquire, store_release = ordered.accesses(cuda)
    halvings = lanes.bit_length() - 1
    tile, moves = min(grids.TILE, lanes), grids.MOVES
    zero = real(0)

    def forward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, products_x: Reals, kept_h: Reals, u:
        Stored, b: Stored, out_h: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_u = u[u32(unit)]
            own_b = b[u32(unit)]
        passed = 0
        for t in range(steps):
            now = t + 1 if keep else (t + 1) & 1
            before = t if keep else t & 1
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    W_product = products_x[u32((t * batch + item) * hidden_size + unit)]
                    h_before = kept_h[u32((before * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    a = W_product + own_u * h_before + own_b  # (F.1)
                    h = zero if a <= zero else a  # (F.2)
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                    out_h[u32((t * batch + item) * hidden_size + unit)] = h
                elif lane < rows and unit < hidden_size:
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_h[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_h[u32((t * batch + item) * hidden_size + unit)] = zero

    return (forward_grid_loop,)


def backward_grid(cuda, real, lanes, items, hidden_size):
    """The loop over time as one kernel that all blocks run together: not yet run on a device.

    `lanes` neighbouring threads share a unit, and a block holds the operands of `items` sequences at a time.
    """
    u32, u64 = np.uint32, np.uint64
    load_acquire, store_release = ordered.accesses(cuda)
    halvings = lanes.bit_length() - 1
    tile, moves = min(grids.TILE, lanes), grids.MOVES
    one = real(1)
    zero = real(0)

    def backward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, carry_h: Reals, error_h: Stored, last_error_h:
        Stored, kept_h: Reals, u: Stored, sums: Reals, adjoints_x: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_u = u[u32(unit)]
        sum_u = zero
        sum_b = zero
        passed = 0
        for t in range(steps - 1, -1, -1):
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    next_h_before_from_loop = carry_h[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    error_h_ = error_h[u32((t * batch + item) * hidden_size + unit)]
                    last_error_h_ = last_error_h[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    h = kept_h[u32(((t + 1) * batch + item) * hidden_size + unit)]
                    h_before = kept_h[u32((t * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                    d_a = (one if h > zero else zero if h <= zero else h + zero) * d_h  # (B.2)
                    d_h_before_from_loop = own_u * d_a
                    carry_h[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_h_before_from_loop
                    sum_u += h_before * d_a  # (B.5)
                    sum_b += d_a  # (B.6)
                    adjoints_x[u32((t * batch + item) * hidden_size + unit)] = d_a
                elif lane < rows and unit < hidden_size:
                    adjoints_x[u32((t * batch + item) * hidden_size + unit)] = zero
        if lane < batch and unit < hidden_size:
            sums[u32(lane * (2 * hidden_size) + unit)] += sum_u
            sums[u32(lane * (2 * hidden_size) + hidden_size + unit)] += sum_b

    return (backward_grid_loop,)


def forward_tensor(cuda, real, threads, lanes, items, hidden_size):
    """The loop over time as one kernel that all blocks run together, on tensor cores: not yet run on a device.

    Blocks have `threads`, of which `lanes` neighbouring ones share a unit, and hold sums of `items` sequences at a time.
    """
    u32, u64 = np.uint32, np.uint64
    load_acquire, store_release = ordered.accesses(cuda)
    load_run, multiply = tensor.operations(cuda)
    halvings = lanes.bit_length() - 1
    groups, pitch = threads // lanes, tensor.pitch(items)
    zero = real(0)

    def forward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, products_x: Reals, kept_h: Reals, u:
        Stored, b: Stored, out_h: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_u = u[u32(unit)]
            own_b = b[u32(unit)]
        passed = 0
        for t in range(steps):
            now = t + 1 if keep else (t + 1) & 1
            before = t if keep else t & 1
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    W_product = products_x[u32((t * batch + item) * hidden_size + unit)]
                    h_before = kept_h[u32((before * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    a = W_product + own_u * h_before + own_b  # (F.1)
                    h = zero if a <= zero else a  # (F.2)
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                    out_h[u32((t * batch + item) * hidden_size + unit)] = h
                elif lane < rows and unit < hidden_size:
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_h[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_h[u32((t * batch + item) * hidden_size + unit)] = zero

    return (forward_tensor_loop,)


def backward_tensor(cuda, real, threads, lanes, items, hidden_size):
    """The loop over time as one kernel that all blocks run together, on tensor cores: not yet run on a device.

    Blocks have `threads`, of which `lanes` neighbouring ones share a unit, and hold sums of `items` sequences at a time.
    """
    u32, u64 = np.uint32, np.uint64
    load_acquire, store_release = ordered.accesses(cuda)
    load_run, multiply = tensor.operations(cuda)
    halvings = lanes.bit_length() - 1
    groups, pitch = threads // lanes, tensor.pitch(items)
    one = real(1)
    zero = real(0)

    def backward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, carry_h: Reals, error_h: Stored, last_error_h:
        Stored, kept_h: Reals, u: Stored, sums: Reals, adjoints_x: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_u = u[u32(unit)]
        sum_u = zero
        sum_b = zero
        passed = 0
        for t in range(steps - 1, -1, -1):
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    next_h_before_from_loop = carry_h[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    error_h_ = error_h[u32((t * batch + item) * hidden_size + unit)]
                    last_error_h_ = last_error_h[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    h = kept_h[u32(((t + 1) * batch + item) * hidden_size + unit)]
                    h_before = kept_h[u32((t * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                    d_a = (one if h > zero else zero if h <= zero else h + zero) * d_h  # (B.2)
                    d_h_before_from_loop = own_u * d_a
                    carry_h[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_h_before_from_loop
                    sum_u += h_before * d_a  # (B.5)
                    sum_b += d_a  # (B.6)
                    adjoints_x[u32((t * batch + item) * hidden_size + unit)] = d_a
                elif lane < rows and unit < hidden_size:
                    adjoints_x[u32((t * batch + item) * hidden_size + unit)] = zero
        if lane < batch and unit < hidden_size:
            sums[u32(lane * (2 * hidden_size) + unit)] += sum_u
            sums[u32(lane * (2 * hidden_size) + hidden_size + unit)] += sum_b

    return (backward_tensor_loop,)


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    device = devices.current()
    with device.running(params):
        plain, sizes, dtype = calls.parameters(device, SIGNATURE, params, Params, "pack")
        return _packed(device, Params(*map(memory.copied, plain)), sizes, dtype)


def _packed(device, params, sizes, dtype):
    """Checked parameters as both passes read them."""
    packed_x = device.stacked((params.W,))
    u = params.u
    b = params.b
    return Packed(params, sizes, dtype, packed_x, u, b)


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
    (_, _, _, packed_x, u, b,) = packed
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    kept_h = device.empty((carried_rows, batch, hidden_size), real)
    products_x = device.empty((steps, batch, hidden_size), real)
    out_h = device.empty((steps, batch, hidden_size), dtype)
    kept_h[0] = call.state[0]
    kernels = device.kernels(sweeps, dtype)
    device.product(
        kept_x.reshape(steps * batch, input_size), packed_x.T, products_x.reshape(steps * batch, hidden_size)
    )
    keep = int(keep_tape)
    if call.plan.regime == "block":
        launches.block(
            device, forward_block, call, call.plan.forward, (hidden_size, ), (batch, steps, lengths, keep, products_x,
            u, b, out_h, kept_h, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, forward_grid, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, ), (batch, steps,
            lengths, keep, products_x, kept_h, u, b, out_h, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, forward_tensor, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, ), (batch,
            steps, lengths, keep, products_x, kept_h, u, b, out_h, )
        )
    else:
        def one_step(t):
            now, before, here = (t + 1, t, t) if keep_tape else ((t + 1) & 1, t & 1, 0)
            launches.sweep(
                device, kernels.forward_1, hidden_size, batch, (t, lengths, products_x, hidden_size, batch, kept_h,
                before, u, b, out_h, now)
            )

        device.repeated(one_step, range(steps))
    y = out_h
    state = State(calls.last_rows(kept_h, call))
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
    (_, _, _, packed_x, u, b,) = packed
    (error_h,) = errors
    (last_error_h,) = ends
    carry_h = device.zeros((2, batch, hidden_size), real)
    adjoints_x = device.empty((steps, batch, hidden_size), dtype)
    pulled_x = device.empty((steps, batch, input_size), dtype)
    sums = device.zeros((max(launches.parts(batch, hidden_size), batch, 1), 2 * hidden_size), real)
    kernels = device.kernels(sweeps, dtype)
    if call.plan.regime == "block":
        launches.block(
            device, backward_block, call, call.plan.backward, (hidden_size, ), (batch, steps, lengths, error_h,
            last_error_h, kept_h, u, sums, adjoints_x, carry_h, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, backward_grid, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, ), (batch,
            steps, lengths, carry_h, error_h, last_error_h, kept_h, u, sums, adjoints_x, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, backward_tensor, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, ), (batch,
            steps, lengths, carry_h, error_h, last_error_h, kept_h, u, sums, adjoints_x, )
        )
    else:
        def one_step(t):
            launches.sweep(
                device, kernels.backward_1, hidden_size, batch, (t, lengths, carry_h, hidden_size, batch, error_h,
                last_error_h, kept_h, u, sums, adjoints_x), summing=True
            )

        device.repeated(one_step, range(steps - 1, -1, -1))
    device.product(
        adjoints_x.reshape(steps * batch, hidden_size), packed_x, pulled_x.reshape(steps * batch, input_size)
    )
    sums = calls.total(device, sums, ((hidden_size, hidden_size), (hidden_size, hidden_size), ))
    sums = sums[0].astype(dtype, copy=False)
    weights_x = device.empty((hidden_size, input_size), dtype)
    device.product(
        adjoints_x.reshape(steps * batch, hidden_size).T, kept_x.reshape(steps * batch, input_size), weights_x
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            sums[0 : hidden_size],
            sums[hidden_size : 2 * hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_h, carry_h),
        ),
    )
