"""LSTM: cuda kernels.

Source: PyTorch 2.13 documentation, torch.nn.LSTM, the equations of one layer; the cell of Gers, Schmidhuber and Cummins 2000, Learning to Forget, Neural Computation 12(10)
Equations: cc6b1fe0df5fc905, written by derive 0.1.0 with support f5f141087af9de20. Do not edit: derive writes this file.

    i_bar = W_i @ x + U_i @ h[t-1] + b_i
    f_bar = W_f @ x + U_f @ h[t-1] + b_f
    g_bar = W_g @ x + U_g @ h[t-1] + b_g
    o_bar = W_o @ x + U_o @ h[t-1] + b_o
    i = sigmoid(i_bar)
    f = sigmoid(f_bar)
    g = tanh(g_bar)
    o = sigmoid(o_bar)
    c = f * c[t-1] + i * g
    h = o * tanh(c)
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

    W_i: np.ndarray  # (hidden_size, input_size)
    U_i: np.ndarray  # (hidden_size, hidden_size)
    b_i: np.ndarray  # (hidden_size,)
    W_f: np.ndarray  # (hidden_size, input_size)
    U_f: np.ndarray  # (hidden_size, hidden_size)
    b_f: np.ndarray  # (hidden_size,)
    W_g: np.ndarray  # (hidden_size, input_size)
    U_g: np.ndarray  # (hidden_size, hidden_size)
    b_g: np.ndarray  # (hidden_size,)
    W_o: np.ndarray  # (hidden_size, input_size)
    U_o: np.ndarray  # (hidden_size, hidden_size)
    b_o: np.ndarray  # (hidden_size,)


class State(NamedTuple):
    """What one step hands to the next."""

    c: np.ndarray  # (B, hidden_size)
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
    packed_h_before: devices.Array
    b_i: devices.Array
    b_f: devices.Array
    b_g: devices.Array
    b_o: devices.Array


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    packed: Packed
    kept_x: devices.Array
    kept_i: devices.Array
    kept_f: devices.Array
    kept_g: devices.Array
    kept_o: devices.Array
    kept_c: devices.Array
    kept_function_1: devices.Array
    kept_h: devices.Array


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    packed: Packed
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

SIGNATURE = Signature(
    cell="lstm",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_i", ("hidden_size", "input_size")),
        ("U_i", ("hidden_size", "hidden_size")),
        ("b_i", ("hidden_size",)),
        ("W_f", ("hidden_size", "input_size")),
        ("U_f", ("hidden_size", "hidden_size")),
        ("b_f", ("hidden_size",)),
        ("W_g", ("hidden_size", "input_size")),
        ("U_g", ("hidden_size", "hidden_size")),
        ("b_g", ("hidden_size",)),
        ("W_o", ("hidden_size", "input_size")),
        ("U_o", ("hidden_size", "hidden_size")),
        ("b_o", ("hidden_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(("c", "hidden_size"), ("h", "hidden_size")),
    init=(
        ("W_i", "fan_in", 0.0),
        ("U_i", "fan_in", 0.0),
        ("b_i", "number", 0.0),
        ("W_f", "fan_in", 0.0),
        ("U_f", "fan_in", 0.0),
        ("b_f", "number", 1.0),
        ("W_g", "fan_in", 0.0),
        ("U_g", "fan_in", 0.0),
        ("b_g", "number", 0.0),
        ("W_o", "fan_in", 0.0),
        ("U_o", "fan_in", 0.0),
        ("b_o", "number", 0.0),
    ),
    initial=(0.0, 0.0),
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
    forward=(regimes.Product(("hidden_size", "hidden_size", "hidden_size", "hidden_size", ), "hidden_size", 0, 1), ),
    backward=(regimes.Product(("hidden_size", "hidden_size", "hidden_size", "hidden_size", ), "hidden_size", 1, 4), ),
    dimensions=("hidden_size", ),
    obstacle="",
    widest=4,
)


def sweeps(cuda, real):
    """The element-wise kernels, for the module `cuda` of a device or a simulator, computing in `real`."""
    u32 = np.uint32
    one = real(1)
    zero = real(0)

    def forward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, products_x: Reals, hidden_size: Count, batch: Count,
        products_h_before: Reals, b_i: Stored, b_f: Stored, b_g: Stored, b_o: Stored, kept_i: Stored, here: Count,
        kept_f: Stored, kept_g: Stored, kept_o: Stored, kept_c: Reals, before: Count, now: Count, kept_function_1:
        Stored, out_h: Stored, kept_h: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                kept_c[u32((now * batch + item) * hidden_size + unit)] = (
                    kept_c[u32((before * batch + item) * hidden_size + unit)]
                )
                kept_h[u32((now * batch + item) * hidden_size + unit)] = (
                    kept_h[u32((before * batch + item) * hidden_size + unit)]
                )
                out_h[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                W_i_product = products_x[u32((t * batch + item) * (4 * hidden_size) + unit)]
                U_i_product = products_h_before[u32(item * (4 * hidden_size) + unit)]
                W_f_product = products_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)]
                U_f_product = products_h_before[u32(item * (4 * hidden_size) + hidden_size + unit)]
                W_g_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)]
                U_g_product = products_h_before[u32(item * (4 * hidden_size) + 2 * hidden_size + unit)]
                W_o_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)]
                U_o_product = products_h_before[u32(item * (4 * hidden_size) + 3 * hidden_size + unit)]
                c_before = kept_c[u32((before * batch + item) * hidden_size + unit)]
                i_bar = W_i_product + U_i_product + b_i[u32(unit)]  # (F.1)
                f_bar = W_f_product + U_f_product + b_f[u32(unit)]  # (F.2)
                g_bar = W_g_product + U_g_product + b_g[u32(unit)]  # (F.3)
                o_bar = W_o_product + U_o_product + b_o[u32(unit)]  # (F.4)
                i = one / (one + math.exp(-i_bar))  # (F.5)
                kept_i[u32((here * batch + item) * hidden_size + unit)] = i
                f = one / (one + math.exp(-f_bar))  # (F.6)
                kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                g = math.tanh(g_bar)  # (F.7)
                kept_g[u32((here * batch + item) * hidden_size + unit)] = g
                o = one / (one + math.exp(-o_bar))  # (F.8)
                kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                c = f * c_before + i * g  # (F.9)
                kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                function_1 = math.tanh(c)
                kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                h = o * function_1  # (F.10)
                kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                out_h[u32((t * batch + item) * hidden_size + unit)] = h


    def backward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, carry_h: Reals, hidden_size: Count, batch: Count, error_h:
        Stored, last_error_h: Stored, kept_function_1: Stored, kept_o: Stored, carry_c: Reals, last_error_c: Stored,
        kept_f: Stored, kept_i: Stored, kept_c: Reals, kept_g: Stored, sums: Reals, adjoints_x: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        sum_b_i = zero
        sum_b_f = zero
        sum_b_g = zero
        sum_b_o = zero
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = zero
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = zero
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = zero
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = zero
            else:
                next_h_before_from_loop = carry_h[u32(
                    (((t + 1) & 1) * batch + item) * hidden_size + unit
                )] if t + 1 < lengths[item] else zero
                error_h_ = error_h[u32((t * batch + item) * hidden_size + unit)]
                last_error_h_ = last_error_h[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                next_c_before_from_loop = carry_c[u32(
                    (((t + 1) & 1) * batch + item) * hidden_size + unit
                )] if t + 1 < lengths[item] else zero
                last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                i = kept_i[u32((t * batch + item) * hidden_size + unit)]
                c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                g = kept_g[u32((t * batch + item) * hidden_size + unit)]
                d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                d_c = next_c_before_from_loop + o * d_h * (one - function_1 * function_1) + last_error_c_  # (B.2)
                d_c_before_from_loop = f * d_c
                carry_c[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_c_before_from_loop
                d_o = function_1 * d_h  # (B.3)
                d_g = i * d_c  # (B.4)
                d_f = c_before * d_c  # (B.5)
                d_i = g * d_c  # (B.6)
                d_o_bar = o * d_o * (one - o)  # (B.7)
                d_g_bar = d_g * (one - g * g)  # (B.8)
                d_f_bar = f * d_f * (one - f)  # (B.9)
                d_i_bar = i * d_i * (one - i)  # (B.10)
                sum_b_i += d_i_bar  # (B.14)
                sum_b_f += d_f_bar  # (B.17)
                sum_b_g += d_g_bar  # (B.20)
                sum_b_o += d_o_bar  # (B.23)
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = d_i_bar
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = d_f_bar
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = d_g_bar
                adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = d_o_bar

        if first < rows:
            sums[u32(part * (4 * hidden_size) + unit)] += sum_b_i
            sums[u32(part * (4 * hidden_size) + hidden_size + unit)] += sum_b_f
            sums[u32(part * (4 * hidden_size) + 2 * hidden_size + unit)] += sum_b_g
            sums[u32(part * (4 * hidden_size) + 3 * hidden_size + unit)] += sum_b_o


    def backward_2(
        rows: Count, share: Count, t: Count, lengths: Counts, pulled_h_before: Reals, hidden_size: Count, carry_h:
        Reals, batch: Count
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t < lengths[u32(item)]:
                pulled_product_2 = pulled_h_before[u32(item * hidden_size + unit)]
                carry_h[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2


    return (forward_1, backward_1, backward_2, )


def forward_block(cuda, real, lanes, hidden_size):
    """The loop over time as one kernel, of which a block runs a sequence: `lanes` neighbouring threads share a unit."""
    u32, u64 = np.uint32, np.uint64
    halvings = lanes.bit_length() - 1
    one = real(1)
    zero = real(0)
    count_h = -(-(hidden_size) // lanes)
    room_h = count_h * lanes
    rooms_h = 2 * room_h

    def forward_loop(
        batch: Count, steps: Count, lengths: Counts, keep: Count, packed_h_before: Stored, products_x: Reals, b_i:
        Stored, b_f: Stored, b_g: Stored, b_o: Stored, kept_i: Stored, kept_f: Stored, kept_g: Stored, kept_o: Stored,
        kept_c: Reals, kept_function_1: Stored, out_h: Stored, kept_h: Stored
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared_h = cuda.shared.array(rooms_h, real)
        for index in range(cuda.threadIdx.x, rooms_h, cuda.blockDim.x):
            shared_h[u32(index)] = zero
        weights_of_U_i_product = cuda.local.array(count_h, real)
        for number in range(count_h - 1):
            column = number * lanes + lane
            weights_of_U_i_product[u32(number)] = (
                packed_h_before[u64(unit * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h - 1) * lanes + lane
        weights_of_U_i_product[u32(count_h - 1)] = (
            packed_h_before[u64(unit * hidden_size + column)] if column < hidden_size and unit < hidden_size else zero
        )
        weights_of_U_f_product = cuda.local.array(count_h, real)
        for number in range(count_h - 1):
            column = number * lanes + lane
            weights_of_U_f_product[u32(number)] = (
                packed_h_before[u64((hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h - 1) * lanes + lane
        weights_of_U_f_product[u32(count_h - 1)] = (
            packed_h_before[u64((hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        weights_of_U_g_product = cuda.local.array(count_h, real)
        for number in range(count_h - 1):
            column = number * lanes + lane
            weights_of_U_g_product[u32(number)] = (
                packed_h_before[u64((2 * hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h - 1) * lanes + lane
        weights_of_U_g_product[u32(count_h - 1)] = (
            packed_h_before[u64((2 * hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        weights_of_U_o_product = cuda.local.array(count_h, real)
        for number in range(count_h - 1):
            column = number * lanes + lane
            weights_of_U_o_product[u32(number)] = (
                packed_h_before[u64((3 * hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h - 1) * lanes + lane
        weights_of_U_o_product[u32(count_h - 1)] = (
            packed_h_before[u64((3 * hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        if unit < hidden_size:
            own_b_i = b_i[u32(unit)]
            own_b_f = b_f[u32(unit)]
            own_b_g = b_g[u32(unit)]
            own_b_o = b_o[u32(unit)]
        cuda.syncthreads()
        c_before = zero
        if unit < hidden_size:
            c_before = kept_c[u32(item * hidden_size + unit)]
            if lane == 0:
                shared_h[u32(unit)] = kept_h[u32(item * hidden_size + unit)]
        for t in range(lengths[u32(item)]):
            now = t + 1 if keep else (t + 1) & 1
            here = t if keep else 0
            if unit < hidden_size:
                W_i_product = products_x[u32((t * batch + item) * (4 * hidden_size) + unit)]
                W_f_product = products_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)]
                W_g_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)]
                W_o_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)]
            cuda.syncthreads()
            U_i_product = zero
            U_f_product = zero
            U_g_product = zero
            U_o_product = zero
            for number in range(count_h):
                operand = shared_h[u64((t & 1) * room_h + lane + number * lanes)]
                U_i_product += weights_of_U_i_product[u32(number)] * operand
                U_f_product += weights_of_U_f_product[u32(number)] * operand
                U_g_product += weights_of_U_g_product[u32(number)] * operand
                U_o_product += weights_of_U_o_product[u32(number)] * operand
            for halving in range(halvings):
                U_i_product += cuda.shfl_xor_sync(0xFFFFFFFF, U_i_product, 1 << halving)
                U_f_product += cuda.shfl_xor_sync(0xFFFFFFFF, U_f_product, 1 << halving)
                U_g_product += cuda.shfl_xor_sync(0xFFFFFFFF, U_g_product, 1 << halving)
                U_o_product += cuda.shfl_xor_sync(0xFFFFFFFF, U_o_product, 1 << halving)
            if unit < hidden_size:
                i_bar = W_i_product + U_i_product + own_b_i  # (F.1)
                f_bar = W_f_product + U_f_product + own_b_f  # (F.2)
                g_bar = W_g_product + U_g_product + own_b_g  # (F.3)
                o_bar = W_o_product + U_o_product + own_b_o  # (F.4)
                i = one / (one + math.exp(-i_bar))  # (F.5)
                f = one / (one + math.exp(-f_bar))  # (F.6)
                g = math.tanh(g_bar)  # (F.7)
                o = one / (one + math.exp(-o_bar))  # (F.8)
                c = f * c_before + i * g  # (F.9)
                function_1 = math.tanh(c)
                h = o * function_1  # (F.10)
                if lane == 0:
                    kept_i[u32((here * batch + item) * hidden_size + unit)] = i
                    kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                    kept_g[u32((here * batch + item) * hidden_size + unit)] = g
                    kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                    kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                    shared_h[u32(((t + 1) & 1) * room_h + unit)] = h
                    out_h[u32((t * batch + item) * hidden_size + unit)] = h
            if unit < hidden_size:
                c_before = c
        # A sequence without steps: the other lanes may still read the row that the first one writes to.
        cuda.syncthreads()
        for t in range(lengths[u32(item)], steps):
            now = t + 1 if keep else (t + 1) & 1
            before = t if keep else t & 1
            if unit < hidden_size:
                if lane == 0:
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_c[u32((before * batch + item) * hidden_size + unit)]
                    )
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
    count_h_before = -(-(4 * hidden_size) // lanes)
    room_h_before = count_h_before * lanes
    rooms_h_before = 2 * room_h_before

    def backward_loop(
        batch: Count, steps: Count, lengths: Counts, packed_h_before: Stored, error_h: Stored, last_error_h: Stored,
        kept_function_1: Stored, kept_o: Stored, last_error_c: Stored, kept_f: Stored, kept_i: Stored, kept_c: Reals,
        kept_g: Stored, sums: Reals, adjoints_x: Stored, carry_h: Reals, carry_c: Reals
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared_h_before = cuda.shared.array(rooms_h_before, real)
        for index in range(cuda.threadIdx.x, rooms_h_before, cuda.blockDim.x):
            shared_h_before[u32(index)] = zero
        weights_of_pulled_product_2 = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = number * lanes + lane
            weights_of_pulled_product_2[u32(number)] = (
                packed_h_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = (count_h_before - 1) * lanes + lane
        weights_of_pulled_product_2[u32(count_h_before - 1)] = (
            packed_h_before[u64(column * hidden_size + unit)] if column < 4 * hidden_size and unit < hidden_size else
            zero
        )
        sum_b_i = zero
        sum_b_f = zero
        sum_b_g = zero
        sum_b_o = zero
        cuda.syncthreads()
        next_h_before_from_loop = zero
        next_c_before_from_loop = zero
        for t in range(lengths[u32(item)], steps):
            if unit < hidden_size:
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = zero
        for t in range(lengths[u32(item)] - 1, -1, -1):
            if unit < hidden_size:
                error_h_ = error_h[u32((t * batch + item) * hidden_size + unit)]
                last_error_h_ = last_error_h[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                i = kept_i[u32((t * batch + item) * hidden_size + unit)]
                c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                g = kept_g[u32((t * batch + item) * hidden_size + unit)]
            if unit < hidden_size:
                d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                d_c = next_c_before_from_loop + o * d_h * (one - function_1 * function_1) + last_error_c_  # (B.2)
                d_c_before_from_loop = f * d_c
                d_o = function_1 * d_h  # (B.3)
                d_g = i * d_c  # (B.4)
                d_f = c_before * d_c  # (B.5)
                d_i = g * d_c  # (B.6)
                d_o_bar = o * d_o * (one - o)  # (B.7)
                d_g_bar = d_g * (one - g * g)  # (B.8)
                d_f_bar = f * d_f * (one - f)  # (B.9)
                d_i_bar = i * d_i * (one - i)  # (B.10)
                sum_b_i += d_i_bar  # (B.14)
                sum_b_f += d_f_bar  # (B.17)
                sum_b_g += d_g_bar  # (B.20)
                sum_b_o += d_o_bar  # (B.23)
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = d_i_bar
                    shared_h_before[u32((t & 1) * room_h_before + unit)] = d_i_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = d_f_bar
                    shared_h_before[u32((t & 1) * room_h_before + hidden_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = d_g_bar
                    shared_h_before[u32((t & 1) * room_h_before + 2 * hidden_size + unit)] = d_g_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = d_o_bar
                    shared_h_before[u32((t & 1) * room_h_before + 3 * hidden_size + unit)] = d_o_bar
            cuda.syncthreads()
            pulled_product_2 = zero
            for number in range(count_h_before):
                operand = shared_h_before[u64((t & 1) * room_h_before + lane + number * lanes)]
                pulled_product_2 += weights_of_pulled_product_2[u32(number)] * operand
            for halving in range(halvings):
                pulled_product_2 += cuda.shfl_xor_sync(0xFFFFFFFF, pulled_product_2, 1 << halving)
            if unit < hidden_size:
                next_h_before_from_loop = pulled_product_2
                next_c_before_from_loop = d_c_before_from_loop
        if unit < hidden_size:
            if lane == 0:
                carry_h[u32(item * hidden_size + unit)] = next_h_before_from_loop
                carry_c[u32(item * hidden_size + unit)] = next_c_before_from_loop
                sums[u32(item * (4 * hidden_size) + unit)] += sum_b_i
                sums[u32(item * (4 * hidden_size) + hidden_size + unit)] += sum_b_f
                sums[u32(item * (4 * hidden_size) + 2 * hidden_size + unit)] += sum_b_g
                sums[u32(item * (4 * hidden_size) + 3 * hidden_size + unit)] += sum_b_o

    return (backward_loop,)


def forward_grid(cuda, real, lanes, items, hidden_size):
    """The loop over time as one kernel that all blocks run together: not yet run on a device.

    `lanes` neighbouring threads share a unit, and a block holds the operands of `items` sequences at a time.
    """
    u32, u64 = np.uint32, np.uint64
    load_acquire, store_release = ordered.accesses(cuda)
    halvings = lanes.bit_length() - 1
    tile, moves = min(grids.TILE, lanes), grids.MOVES
    one = real(1)
    zero = real(0)
    count_h_before = -(-(hidden_size) // lanes)
    room_h_before = count_h_before * lanes
    begin_h_before = 0

    def forward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, packed_h_before: Stored, kept_h:
        Stored, products_x: Reals, b_i: Stored, b_f: Stored, b_g: Stored, b_o: Stored, kept_i: Stored, kept_f: Stored,
        kept_g: Stored, kept_o: Stored, kept_c: Reals, kept_function_1: Stored, out_h: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        totals_U_i_product = cuda.local.array(tile, real)
        weights_of_U_i_product = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = number * lanes + lane
            weights_of_U_i_product[u32(number)] = (
                packed_h_before[u64(unit * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h_before - 1) * lanes + lane
        weights_of_U_i_product[u32(count_h_before - 1)] = (
            packed_h_before[u64(unit * hidden_size + column)] if column < hidden_size and unit < hidden_size else zero
        )
        totals_U_f_product = cuda.local.array(tile, real)
        weights_of_U_f_product = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = number * lanes + lane
            weights_of_U_f_product[u32(number)] = (
                packed_h_before[u64((hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h_before - 1) * lanes + lane
        weights_of_U_f_product[u32(count_h_before - 1)] = (
            packed_h_before[u64((hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        totals_U_g_product = cuda.local.array(tile, real)
        weights_of_U_g_product = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = number * lanes + lane
            weights_of_U_g_product[u32(number)] = (
                packed_h_before[u64((2 * hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h_before - 1) * lanes + lane
        weights_of_U_g_product[u32(count_h_before - 1)] = (
            packed_h_before[u64((2 * hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        totals_U_o_product = cuda.local.array(tile, real)
        weights_of_U_o_product = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = number * lanes + lane
            weights_of_U_o_product[u32(number)] = (
                packed_h_before[u64((3 * hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_h_before - 1) * lanes + lane
        weights_of_U_o_product[u32(count_h_before - 1)] = (
            packed_h_before[u64((3 * hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_b_i = b_i[u32(unit)]
            own_b_f = b_f[u32(unit)]
            own_b_g = b_g[u32(unit)]
            own_b_o = b_o[u32(unit)]
        passed = 0
        for t in range(steps):
            now = t + 1 if keep else (t + 1) & 1
            before = t if keep else t & 1
            here = t if keep else 0
            # A barrier of the grid: every block says how many it has come to, and waits until all say so.
            passed += 1
            cuda.syncthreads()
            if cuda.threadIdx.x == 0:
                store_release(arrived, u32(cuda.blockIdx.x), passed)
            other = cuda.threadIdx.x
            while other < cuda.gridDim.x:
                while load_acquire(arrived, u32(other)) < passed:
                    pass
                other += cuda.blockDim.x
            cuda.syncthreads()
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                if first:
                    cuda.syncthreads()  # other threads may still read what lies there of the items before
                # The operands of these items, several at a time on their way for each thread.
                filled = (rows + tile - 1) // tile * tile * room_h_before
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_h_before))
                        column = u32(index - row * u32(room_h_before))
                        item = first + row
                        moved[u32(number)] = (
                            kept_h[u32((before * batch + item) * hidden_size + column)] if row < rows and column <
                            hidden_size else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_h_before + index)] = moved[u32(number)]
                    start += moves * cuda.blockDim.x
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    W_i_product = products_x[u32((t * batch + item) * (4 * hidden_size) + unit)]
                    W_f_product = products_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)]
                    W_g_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)]
                    W_o_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)]
                    c_before = kept_c[u32((before * batch + item) * hidden_size + unit)]
                cuda.syncthreads()
                U_i_product = zero
                U_f_product = zero
                U_g_product = zero
                U_o_product = zero
                for number in range(0, rows, tile):
                    for each in range(tile):
                        totals_U_i_product[u32(each)] = zero
                        totals_U_f_product[u32(each)] = zero
                        totals_U_g_product[u32(each)] = zero
                        totals_U_o_product[u32(each)] = zero
                    # In two halves: all columns in one loop are too many for the compiler to unroll on every device,
                    # and weights at an index that it does not know lie in local memory.
                    for column in range(count_h_before // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_h_before + (number + each) * room_h_before + column * lanes + lane
                            )]
                            totals_U_i_product[u32(each)] += weights_of_U_i_product[u32(column)] * operand
                            totals_U_f_product[u32(each)] += weights_of_U_f_product[u32(column)] * operand
                            totals_U_g_product[u32(each)] += weights_of_U_g_product[u32(column)] * operand
                            totals_U_o_product[u32(each)] += weights_of_U_o_product[u32(column)] * operand
                    for column in range(count_h_before // 2, count_h_before):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_h_before + (number + each) * room_h_before + column * lanes + lane
                            )]
                            totals_U_i_product[u32(each)] += weights_of_U_i_product[u32(column)] * operand
                            totals_U_f_product[u32(each)] += weights_of_U_f_product[u32(column)] * operand
                            totals_U_g_product[u32(each)] += weights_of_U_g_product[u32(column)] * operand
                            totals_U_o_product[u32(each)] += weights_of_U_o_product[u32(column)] * operand
                    for halving in range(halvings):
                        for each in range(tile):
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_U_i_product[u32(each)], 1 << halving)
                            totals_U_i_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_U_f_product[u32(each)], 1 << halving)
                            totals_U_f_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_U_g_product[u32(each)], 1 << halving)
                            totals_U_g_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_U_o_product[u32(each)], 1 << halving)
                            totals_U_o_product[u32(each)] += operand
                    for each in range(tile):
                        if lane == number + each:
                            U_i_product = totals_U_i_product[u32(each)]
                            U_f_product = totals_U_f_product[u32(each)]
                            U_g_product = totals_U_g_product[u32(each)]
                            U_o_product = totals_U_o_product[u32(each)]
                if runs and unit < hidden_size:
                    i_bar = W_i_product + U_i_product + own_b_i  # (F.1)
                    f_bar = W_f_product + U_f_product + own_b_f  # (F.2)
                    g_bar = W_g_product + U_g_product + own_b_g  # (F.3)
                    o_bar = W_o_product + U_o_product + own_b_o  # (F.4)
                    i = one / (one + math.exp(-i_bar))  # (F.5)
                    kept_i[u32((here * batch + item) * hidden_size + unit)] = i
                    f = one / (one + math.exp(-f_bar))  # (F.6)
                    kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                    g = math.tanh(g_bar)  # (F.7)
                    kept_g[u32((here * batch + item) * hidden_size + unit)] = g
                    o = one / (one + math.exp(-o_bar))  # (F.8)
                    kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                    c = f * c_before + i * g  # (F.9)
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                    function_1 = math.tanh(c)
                    kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                    h = o * function_1  # (F.10)
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                    out_h[u32((t * batch + item) * hidden_size + unit)] = h
                elif lane < rows and unit < hidden_size:
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_c[u32((before * batch + item) * hidden_size + unit)]
                    )
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
    count_h_before = -(-(4 * hidden_size) // (4 * lanes))
    room_h_before = count_h_before * 4 * lanes
    begin_h_before = 0
    parts = items * room_h_before

    def backward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, packed_h_before: Stored, carry_h: Reals, error_h:
        Stored, last_error_h: Stored, kept_function_1: Stored, kept_o: Stored, carry_c: Reals, last_error_c: Stored,
        kept_f: Stored, kept_i: Stored, kept_c: Reals, kept_g: Stored, sums: Reals, adjoints_x: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        groups = cuda.blockDim.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * (group & -4)
        totals_pulled_product_2 = cuda.local.array(tile, real)
        weights_of_pulled_product_2 = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2[u32(number)] = (
                packed_h_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_h_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2[u32(count_h_before - 1)] = (
            packed_h_before[u64(column * hidden_size + unit)] if column < 4 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 1)
        totals_pulled_product_2_2 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_2 = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_2[u32(number)] = (
                packed_h_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_h_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_2[u32(count_h_before - 1)] = (
            packed_h_before[u64(column * hidden_size + unit)] if column < 4 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 2)
        totals_pulled_product_2_3 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_3 = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_3[u32(number)] = (
                packed_h_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_h_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_3[u32(count_h_before - 1)] = (
            packed_h_before[u64(column * hidden_size + unit)] if column < 4 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 3)
        totals_pulled_product_2_4 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_4 = cuda.local.array(count_h_before, real)
        for number in range(count_h_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_4[u32(number)] = (
                packed_h_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_h_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_4[u32(count_h_before - 1)] = (
            packed_h_before[u64(column * hidden_size + unit)] if column < 4 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        sum_b_i = zero
        sum_b_f = zero
        sum_b_g = zero
        sum_b_o = zero
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
                    function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                    o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                    next_c_before_from_loop = carry_c[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                    i = kept_i[u32((t * batch + item) * hidden_size + unit)]
                    c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                    g = kept_g[u32((t * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                    d_c = next_c_before_from_loop + o * d_h * (one - function_1 * function_1) + last_error_c_  # (B.2)
                    d_c_before_from_loop = f * d_c
                    carry_c[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_c_before_from_loop
                    d_o = function_1 * d_h  # (B.3)
                    d_g = i * d_c  # (B.4)
                    d_f = c_before * d_c  # (B.5)
                    d_i = g * d_c  # (B.6)
                    d_o_bar = o * d_o * (one - o)  # (B.7)
                    d_g_bar = d_g * (one - g * g)  # (B.8)
                    d_f_bar = f * d_f * (one - f)  # (B.9)
                    d_i_bar = i * d_i * (one - i)  # (B.10)
                    sum_b_i += d_i_bar  # (B.14)
                    sum_b_f += d_f_bar  # (B.17)
                    sum_b_g += d_g_bar  # (B.20)
                    sum_b_o += d_o_bar  # (B.23)
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = d_i_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = d_g_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = d_o_bar
                elif lane < rows and unit < hidden_size:
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = zero
            # A barrier of the grid: every block says how many it has come to, and waits until all say so.
            passed += 1
            cuda.syncthreads()
            if cuda.threadIdx.x == 0:
                store_release(arrived, u32(cuda.blockIdx.x), passed)
            other = cuda.threadIdx.x
            while other < cuda.gridDim.x:
                while load_acquire(arrived, u32(other)) < passed:
                    pass
                other += cuda.blockDim.x
            cuda.syncthreads()
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                # The operands of these items, several at a time on their way for each thread.
                filled = (rows + tile - 1) // tile * tile * room_h_before
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_h_before))
                        column = u32(index - row * u32(room_h_before))
                        item = first + row
                        moved[u32(number)] = (
                            adjoints_x[u32((t * batch + item) * (4 * hidden_size) + column)] if row < rows and column <
                            4 * hidden_size else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_h_before + index)] = moved[u32(number)]
                    start += moves * cuda.blockDim.x
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                cuda.syncthreads()
                for number in range(0, rows, tile):
                    for each in range(tile):
                        totals_pulled_product_2[u32(each)] = zero
                        totals_pulled_product_2_2[u32(each)] = zero
                        totals_pulled_product_2_3[u32(each)] = zero
                        totals_pulled_product_2_4[u32(each)] = zero
                    # In two halves: all columns in one loop are too many for the compiler to unroll on every device,
                    # and weights at an index that it does not know lie in local memory.
                    for column in range(count_h_before // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_h_before + (number + each) * room_h_before + (column * 4 + (group & 3)) * lanes +
                                lane
                            )]
                            totals_pulled_product_2[u32(each)] += weights_of_pulled_product_2[u32(column)] * operand
                            totals_pulled_product_2_2[u32(each)] += weights_of_pulled_product_2_2[u32(column)] * operand
                            totals_pulled_product_2_3[u32(each)] += weights_of_pulled_product_2_3[u32(column)] * operand
                            totals_pulled_product_2_4[u32(each)] += weights_of_pulled_product_2_4[u32(column)] * operand
                    for column in range(count_h_before // 2, count_h_before):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_h_before + (number + each) * room_h_before + (column * 4 + (group & 3)) * lanes +
                                lane
                            )]
                            totals_pulled_product_2[u32(each)] += weights_of_pulled_product_2[u32(column)] * operand
                            totals_pulled_product_2_2[u32(each)] += weights_of_pulled_product_2_2[u32(column)] * operand
                            totals_pulled_product_2_3[u32(each)] += weights_of_pulled_product_2_3[u32(column)] * operand
                            totals_pulled_product_2_4[u32(each)] += weights_of_pulled_product_2_4[u32(column)] * operand
                    for halving in range(halvings):
                        for each in range(tile):
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_2[u32(each)], 1 << halving)
                            totals_pulled_product_2[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_2_2[u32(each)], 1 << halving)
                            totals_pulled_product_2_2[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_2_3[u32(each)], 1 << halving)
                            totals_pulled_product_2_3[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_2_4[u32(each)], 1 << halving)
                            totals_pulled_product_2_4[u32(each)] += operand
                    for each in range(tile):
                        if lane == number + each:
                            shared[u32(parts + (((group & 3)) * groups + (group & -4)) * items + lane)] = (
                                totals_pulled_product_2[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 1) * items + lane)] = (
                                totals_pulled_product_2_2[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 2) * items + lane)] = (
                                totals_pulled_product_2_3[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 3) * items + lane)] = (
                                totals_pulled_product_2_4[u32(each)]
                            )
                cuda.syncthreads()
                if lane < rows:
                    pulled_product_2 = shared[u32(parts + (0 * groups + group) * items + lane)]
                    pulled_product_2 += shared[u32(parts + (1 * groups + group) * items + lane)]
                    pulled_product_2 += shared[u32(parts + (2 * groups + group) * items + lane)]
                    pulled_product_2 += shared[u32(parts + (3 * groups + group) * items + lane)]
                if runs and unit < hidden_size:
                    carry_h[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2
        if lane < batch and unit < hidden_size:
            sums[u32(lane * (4 * hidden_size) + unit)] += sum_b_i
            sums[u32(lane * (4 * hidden_size) + hidden_size + unit)] += sum_b_f
            sums[u32(lane * (4 * hidden_size) + 2 * hidden_size + unit)] += sum_b_g
            sums[u32(lane * (4 * hidden_size) + 3 * hidden_size + unit)] += sum_b_o

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
    one = real(1)
    zero = real(0)
    rows_h_before, slices_h_before, parts_h_before = shape = tensor.tiling(4, hidden_size, threads, lanes)
    words_h_before, count_h_before, room_h_before = shape.words, shape.sums, shape.room(items)
    begin_h_before = 0
    load_h_before = tensor.loader(cuda, hidden_size, 0, hidden_size)

    def forward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, packed_h_before: Stored, kept_h:
        Stored, products_x: Reals, b_i: Stored, b_f: Stored, b_g: Stored, b_o: Stored, kept_i: Stored, kept_f: Stored,
        kept_g: Stored, kept_o: Stored, kept_c: Reals, kept_function_1: Stored, out_h: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        totals_h_before = cuda.local.array(count_h_before, real)
        fragments_h_before = cuda.local.array(words_h_before, u32)
        for tile in range(rows_h_before):
            row = tile * 8 + (cuda.threadIdx.x >> 2 & 7)
            matrix = row // groups
            unit = cuda.blockIdx.x + cuda.gridDim.x * (row - matrix * groups)
            place = 0
            if matrix == 0 and unit < hidden_size:
                place = unit * hidden_size
            if matrix == 1 and unit < hidden_size:
                place = (hidden_size + unit) * hidden_size
            if matrix == 2 and unit < hidden_size:
                place = (2 * hidden_size + unit) * hidden_size
            if matrix == 3 and unit < hidden_size:
                place = (3 * hidden_size + unit) * hidden_size
            for number in range(parts_h_before):
                column = (number * slices_h_before + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_h_before else hidden_size - column
                held = u32((number * rows_h_before + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(packed_h_before, u64(place + column), 1, inside)
                fragments_h_before[held] = word_1
                fragments_h_before[held + u32(1)] = word_2
                fragments_h_before[held + u32(2)] = word_3
                fragments_h_before[held + u32(3)] = word_4
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_b_i = b_i[u32(unit)]
            own_b_f = b_f[u32(unit)]
            own_b_g = b_g[u32(unit)]
            own_b_o = b_o[u32(unit)]
        passed = 0
        for t in range(steps):
            now = t + 1 if keep else (t + 1) & 1
            before = t if keep else t & 1
            here = t if keep else 0
            # A barrier of the grid: every block says how many it has come to, and waits until all say so.
            passed += 1
            cuda.syncthreads()
            if cuda.threadIdx.x == 0:
                store_release(arrived, u32(cuda.blockIdx.x), passed)
            other = cuda.threadIdx.x
            while other < cuda.gridDim.x:
                while load_acquire(arrived, u32(other)) < passed:
                    pass
                other += cuda.blockDim.x
            cuda.syncthreads()
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                if first:
                    cuda.syncthreads()  # other threads may still read what lies there of the items before
                item = first
                origin_h_before = (before * batch + item) * hidden_size
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    W_i_product = products_x[u32((t * batch + item) * (4 * hidden_size) + unit)]
                    W_f_product = products_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)]
                    W_g_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)]
                    W_o_product = products_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)]
                    c_before = kept_c[u32((before * batch + item) * hidden_size + unit)]
                if warp < slices_h_before:
                    for number in range(0, rows, 16):
                        for each in range(count_h_before):
                            totals_h_before[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_h_before + min(row, rows - 1) * hidden_size + place
                        lower = origin_h_before + min(row + 8, rows - 1) * hidden_size + place
                        for part in range(parts_h_before):
                            column = part * slices_h_before * 32
                            inside = 8 if part + 1 < parts_h_before else hidden_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_h_before(kept_h, u64(upper + column), 1, inside)
                            lower_1, lower_2, lower_3, lower_4 = load_h_before(kept_h, u64(lower + column), 1, inside)
                            for tile in range(rows_h_before):
                                held = u32((part * rows_h_before + tile) * 4)
                                multiply(
                                    kept_h, totals_h_before, 4 * tile, upper_1, lower_1, upper_2, lower_2,
                                    fragments_h_before[held], fragments_h_before[held + u32(1)]
                                )
                                multiply(
                                    kept_h, totals_h_before, 4 * tile, upper_3, lower_3, upper_4, lower_4,
                                    fragments_h_before[held + u32(2)], fragments_h_before[held + u32(3)]
                                )
                        for tile in range(rows_h_before):
                            place = begin_h_before + ((warp * rows_h_before + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_h_before[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_h_before[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_h_before[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_h_before[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    U_i_product = zero
                    U_f_product = zero
                    U_g_product = zero
                    U_o_product = zero
                    for number in range(slices_h_before):
                        place = begin_h_before + (number * rows_h_before * 8 + group) * pitch + lane
                        U_i_product += shared[u32(place)]
                        U_f_product += shared[u32(place + groups * pitch)]
                        U_g_product += shared[u32(place + 2 * groups * pitch)]
                        U_o_product += shared[u32(place + 3 * groups * pitch)]
                if runs and unit < hidden_size:
                    i_bar = W_i_product + U_i_product + own_b_i  # (F.1)
                    f_bar = W_f_product + U_f_product + own_b_f  # (F.2)
                    g_bar = W_g_product + U_g_product + own_b_g  # (F.3)
                    o_bar = W_o_product + U_o_product + own_b_o  # (F.4)
                    i = one / (one + math.exp(-i_bar))  # (F.5)
                    kept_i[u32((here * batch + item) * hidden_size + unit)] = i
                    f = one / (one + math.exp(-f_bar))  # (F.6)
                    kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                    g = math.tanh(g_bar)  # (F.7)
                    kept_g[u32((here * batch + item) * hidden_size + unit)] = g
                    o = one / (one + math.exp(-o_bar))  # (F.8)
                    kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                    c = f * c_before + i * g  # (F.9)
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                    function_1 = math.tanh(c)
                    kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                    h = o * function_1  # (F.10)
                    kept_h[u32((now * batch + item) * hidden_size + unit)] = h
                    out_h[u32((t * batch + item) * hidden_size + unit)] = h
                elif lane < rows and unit < hidden_size:
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_c[u32((before * batch + item) * hidden_size + unit)]
                    )
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
    rows_h_before, slices_h_before, parts_h_before = shape = tensor.tiling(1, 4 * hidden_size, threads, lanes)
    words_h_before, count_h_before, room_h_before = shape.words, shape.sums, shape.room(items)
    begin_h_before = 0
    load_h_before = tensor.loader(cuda, (4 * hidden_size), 0, 4 * hidden_size)

    def backward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, packed_h_before: Stored, carry_h: Reals, error_h:
        Stored, last_error_h: Stored, kept_function_1: Stored, kept_o: Stored, carry_c: Reals, last_error_c: Stored,
        kept_f: Stored, kept_i: Stored, kept_c: Reals, kept_g: Stored, sums: Reals, adjoints_x: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        totals_h_before = cuda.local.array(count_h_before, real)
        fragments_h_before = cuda.local.array(words_h_before, u32)
        for tile in range(rows_h_before):
            row = tile * 8 + (cuda.threadIdx.x >> 2 & 7)
            matrix = row // groups
            unit = cuda.blockIdx.x + cuda.gridDim.x * (row - matrix * groups)
            place = 0
            if unit < hidden_size:
                place = unit
            for number in range(parts_h_before):
                column = (number * slices_h_before + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_h_before else 4 * hidden_size - column
                held = u32((number * rows_h_before + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(
                    packed_h_before, u64(place + column * hidden_size), hidden_size, inside
                )
                fragments_h_before[held] = word_1
                fragments_h_before[held + u32(1)] = word_2
                fragments_h_before[held + u32(2)] = word_3
                fragments_h_before[held + u32(3)] = word_4
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        sum_b_i = zero
        sum_b_f = zero
        sum_b_g = zero
        sum_b_o = zero
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
                    function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                    o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                    next_c_before_from_loop = carry_c[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                    i = kept_i[u32((t * batch + item) * hidden_size + unit)]
                    c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                    g = kept_g[u32((t * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_h = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                    d_c = next_c_before_from_loop + o * d_h * (one - function_1 * function_1) + last_error_c_  # (B.2)
                    d_c_before_from_loop = f * d_c
                    carry_c[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_c_before_from_loop
                    d_o = function_1 * d_h  # (B.3)
                    d_g = i * d_c  # (B.4)
                    d_f = c_before * d_c  # (B.5)
                    d_i = g * d_c  # (B.6)
                    d_o_bar = o * d_o * (one - o)  # (B.7)
                    d_g_bar = d_g * (one - g * g)  # (B.8)
                    d_f_bar = f * d_f * (one - f)  # (B.9)
                    d_i_bar = i * d_i * (one - i)  # (B.10)
                    sum_b_i += d_i_bar  # (B.14)
                    sum_b_f += d_f_bar  # (B.17)
                    sum_b_g += d_g_bar  # (B.20)
                    sum_b_o += d_o_bar  # (B.23)
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = d_i_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = d_g_bar
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = d_o_bar
                elif lane < rows and unit < hidden_size:
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 2 * hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * hidden_size) + 3 * hidden_size + unit)] = zero
            # A barrier of the grid: every block says how many it has come to, and waits until all say so.
            passed += 1
            cuda.syncthreads()
            if cuda.threadIdx.x == 0:
                store_release(arrived, u32(cuda.blockIdx.x), passed)
            other = cuda.threadIdx.x
            while other < cuda.gridDim.x:
                while load_acquire(arrived, u32(other)) < passed:
                    pass
                other += cuda.blockDim.x
            cuda.syncthreads()
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                if first:
                    cuda.syncthreads()  # other threads may still read what lies there of the items before
                item = first
                origin_h_before = (t * batch + item) * (4 * hidden_size)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if warp < slices_h_before:
                    for number in range(0, rows, 16):
                        for each in range(count_h_before):
                            totals_h_before[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_h_before + min(row, rows - 1) * (4 * hidden_size) + place
                        lower = origin_h_before + min(row + 8, rows - 1) * (4 * hidden_size) + place
                        for part in range(parts_h_before):
                            column = part * slices_h_before * 32
                            inside = 8 if part + 1 < parts_h_before else 4 * hidden_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_h_before(
                                adjoints_x, u64(upper + column), 1, inside
                            )
                            lower_1, lower_2, lower_3, lower_4 = load_h_before(
                                adjoints_x, u64(lower + column), 1, inside
                            )
                            for tile in range(rows_h_before):
                                held = u32((part * rows_h_before + tile) * 4)
                                multiply(
                                    adjoints_x, totals_h_before, 4 * tile, upper_1, lower_1, upper_2, lower_2,
                                    fragments_h_before[held], fragments_h_before[held + u32(1)]
                                )
                                multiply(
                                    adjoints_x, totals_h_before, 4 * tile, upper_3, lower_3, upper_4, lower_4,
                                    fragments_h_before[held + u32(2)], fragments_h_before[held + u32(3)]
                                )
                        for tile in range(rows_h_before):
                            place = begin_h_before + ((warp * rows_h_before + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_h_before[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_h_before[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_h_before[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_h_before[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    pulled_product_2 = zero
                    for number in range(slices_h_before):
                        place = begin_h_before + (number * rows_h_before * 8 + group) * pitch + lane
                        pulled_product_2 += shared[u32(place)]
                if runs and unit < hidden_size:
                    carry_h[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2
        if lane < batch and unit < hidden_size:
            sums[u32(lane * (4 * hidden_size) + unit)] += sum_b_i
            sums[u32(lane * (4 * hidden_size) + hidden_size + unit)] += sum_b_f
            sums[u32(lane * (4 * hidden_size) + 2 * hidden_size + unit)] += sum_b_g
            sums[u32(lane * (4 * hidden_size) + 3 * hidden_size + unit)] += sum_b_o

    return (backward_tensor_loop,)


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    device = devices.current()
    with device.running(params):
        plain, sizes, dtype = calls.parameters(device, SIGNATURE, params, Params, "pack")
        return _packed(device, Params(*map(memory.copied, plain)), sizes, dtype)


def _packed(device, params, sizes, dtype):
    """Checked parameters as both passes read them."""
    packed_x = device.stacked((params.W_i, params.W_f, params.W_g, params.W_o,))
    packed_h_before = device.stacked((params.U_i, params.U_f, params.U_g, params.U_o,))
    b_i = params.b_i
    b_f = params.b_f
    b_g = params.b_g
    b_o = params.b_o
    return Packed(params, sizes, dtype, packed_x, packed_h_before, b_i, b_f, b_g, b_o)


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
    (_, _, _, packed_x, packed_h_before, b_i, b_f, b_g, b_o,) = packed
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    kept_i = device.empty((rows, batch, hidden_size), dtype)
    kept_f = device.empty((rows, batch, hidden_size), dtype)
    kept_g = device.empty((rows, batch, hidden_size), dtype)
    kept_o = device.empty((rows, batch, hidden_size), dtype)
    kept_c = device.empty((carried_rows, batch, hidden_size), real)
    kept_function_1 = device.empty((rows, batch, hidden_size), dtype)
    kept_h = device.empty((carried_rows, batch, hidden_size), dtype)
    products_x = device.empty((steps, batch, 4 * hidden_size), real)
    products_h_before = device.empty((batch, 4 * hidden_size), real)
    out_h = device.empty((steps, batch, hidden_size), dtype)
    kept_c[0] = call.state[0]
    kept_h[0] = call.state[1]
    kernels = device.kernels(sweeps, dtype)
    device.product(
        kept_x.reshape(steps * batch, input_size), packed_x.T, products_x.reshape(steps * batch, 4 * hidden_size)
    )
    keep = int(keep_tape)
    if call.plan.regime == "block":
        launches.block(
            device, forward_block, call, call.plan.forward, (hidden_size, ), (batch, steps, lengths, keep,
            packed_h_before, products_x, b_i, b_f, b_g, b_o, kept_i, kept_f, kept_g, kept_o, kept_c, kept_function_1,
            out_h, kept_h, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, forward_grid, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, ), (batch, steps,
            lengths, keep, packed_h_before, kept_h, products_x, b_i, b_f, b_g, b_o, kept_i, kept_f, kept_g, kept_o,
            kept_c, kept_function_1, out_h, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, forward_tensor, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, ), (batch,
            steps, lengths, keep, packed_h_before, kept_h, products_x, b_i, b_f, b_g, b_o, kept_i, kept_f, kept_g,
            kept_o, kept_c, kept_function_1, out_h, )
        )
    else:
        def one_step(t):
            now, before, here = (t + 1, t, t) if keep_tape else ((t + 1) & 1, t & 1, 0)
            device.product(kept_h[before], packed_h_before.T, products_h_before)
            launches.sweep(
                device, kernels.forward_1, hidden_size, batch, (t, lengths, products_x, hidden_size, batch,
                products_h_before, b_i, b_f, b_g, b_o, kept_i, here, kept_f, kept_g, kept_o, kept_c, before, now,
                kept_function_1, out_h, kept_h)
            )

        device.repeated(one_step, range(steps))
    y = out_h
    state = State(calls.last_rows(kept_c, call), calls.last_rows(kept_h, call))
    return y, state, Tape(
        call, packed, kept_x, kept_i, kept_f, kept_g, kept_o, kept_c, kept_function_1, kept_h
    ) if keep_tape else None


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
    (call, packed, kept_x, kept_i, kept_f, kept_g, kept_o, kept_c, kept_function_1, kept_h,) = tape
    device, steps, batch, lengths, dtype, real = call.device, call.steps, call.batch, call.lengths, call.dtype, call.real
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (_, _, _, packed_x, packed_h_before, b_i, b_f, b_g, b_o,) = packed
    (error_h,) = errors
    (last_error_c, last_error_h,) = ends
    carry_c = device.zeros((2, batch, hidden_size), real)
    carry_h = device.zeros((2, batch, hidden_size), real)
    adjoints_x = device.empty((steps, batch, 4 * hidden_size), dtype)
    pulled_x = device.empty((steps, batch, input_size), dtype)
    pulled_h_before = device.empty((batch, hidden_size), real)
    sums = device.zeros((max(launches.parts(batch, hidden_size), batch, 1), 4 * hidden_size), real)
    kernels = device.kernels(sweeps, dtype)
    if call.plan.regime == "block":
        launches.block(
            device, backward_block, call, call.plan.backward, (hidden_size, ), (batch, steps, lengths, packed_h_before,
            error_h, last_error_h, kept_function_1, kept_o, last_error_c, kept_f, kept_i, kept_c, kept_g, sums,
            adjoints_x, carry_h, carry_c, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, backward_grid, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, ), (batch,
            steps, lengths, packed_h_before, carry_h, error_h, last_error_h, kept_function_1, kept_o, carry_c,
            last_error_c, kept_f, kept_i, kept_c, kept_g, sums, adjoints_x, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, backward_tensor, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, ), (batch,
            steps, lengths, packed_h_before, carry_h, error_h, last_error_h, kept_function_1, kept_o, carry_c,
            last_error_c, kept_f, kept_i, kept_c, kept_g, sums, adjoints_x, )
        )
    else:
        def one_step(t):
            launches.sweep(
                device, kernels.backward_1, hidden_size, batch, (t, lengths, carry_h, hidden_size, batch, error_h,
                last_error_h, kept_function_1, kept_o, carry_c, last_error_c, kept_f, kept_i, kept_c, kept_g, sums,
                adjoints_x), summing=True
            )
            device.product(adjoints_x[t], packed_h_before, pulled_h_before)
            launches.sweep(
                device, kernels.backward_2, hidden_size, batch, (t, lengths, pulled_h_before, hidden_size, carry_h,
                batch)
            )

        device.repeated(one_step, range(steps - 1, -1, -1))
    device.product(
        adjoints_x.reshape(steps * batch, 4 * hidden_size), packed_x, pulled_x.reshape(steps * batch, input_size)
    )
    sums = calls.total(
        device, sums, ((hidden_size, hidden_size), (hidden_size, hidden_size), (hidden_size, hidden_size), (hidden_size,
        hidden_size), )
    )
    sums = sums[0].astype(dtype, copy=False)
    weights_x = device.empty((4 * hidden_size, input_size), dtype)
    weights_h_before = device.empty((4 * hidden_size, hidden_size), dtype)
    device.product(
        adjoints_x.reshape(steps * batch, 4 * hidden_size).T, kept_x.reshape(steps * batch, input_size), weights_x
    )
    device.product(
        adjoints_x.reshape(steps * batch, 4 * hidden_size).T, kept_h[:-1].reshape(steps * batch, hidden_size),
        weights_h_before
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            weights_h_before[0 : hidden_size],
            sums[0 : hidden_size],
            weights_x[hidden_size : 2 * hidden_size],
            weights_h_before[hidden_size : 2 * hidden_size],
            sums[hidden_size : 2 * hidden_size],
            weights_x[2 * hidden_size : 3 * hidden_size],
            weights_h_before[2 * hidden_size : 3 * hidden_size],
            sums[2 * hidden_size : 3 * hidden_size],
            weights_x[3 * hidden_size : 4 * hidden_size],
            weights_h_before[3 * hidden_size : 4 * hidden_size],
            sums[3 * hidden_size : 4 * hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_c, carry_c),
            calls.initial_gradient(call, last_error_h, carry_h),
        ),
    )
