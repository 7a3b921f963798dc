"""LSTM without input gate: cuda kernels.

Source: Greff, Srivastava, Koutnik, Steunebrink and Schmidhuber 2017, LSTM: A Search Space Odyssey, IEEE Transactions on Neural Networks and Learning Systems 28(10), the variant NIG (no input gate)
Equations: ffc122a08011b73a, written by derive 0.1.0 with support f5f141087af9de20. Do not edit: derive writes this file.

    z_bar = W_z @ x + R_z @ y[t-1] + b_z
    f_bar = W_for @ x + R_for @ y[t-1] + p_for * c[t-1] + b_for
    z = tanh(z_bar)
    f = sigmoid(f_bar)
    c = z + c[t-1] * f
    o_bar = W_out @ x + R_out @ y[t-1] + p_out * c + b_out
    o = sigmoid(o_bar)
    y = o * tanh(c)
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

    W_z: np.ndarray  # (hidden_size, input_size)
    R_z: np.ndarray  # (hidden_size, hidden_size)
    b_z: np.ndarray  # (hidden_size,)
    W_for: np.ndarray  # (hidden_size, input_size)
    R_for: np.ndarray  # (hidden_size, hidden_size)
    p_for: np.ndarray  # (hidden_size,)
    b_for: np.ndarray  # (hidden_size,)
    W_out: np.ndarray  # (hidden_size, input_size)
    R_out: np.ndarray  # (hidden_size, hidden_size)
    p_out: np.ndarray  # (hidden_size,)
    b_out: np.ndarray  # (hidden_size,)


class State(NamedTuple):
    """What one step hands to the next."""

    c: np.ndarray  # (B, hidden_size)
    y: np.ndarray  # (B, hidden_size)


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
    packed_y_before: devices.Array
    b_z: devices.Array
    p_for: devices.Array
    b_for: devices.Array
    p_out: devices.Array
    b_out: devices.Array


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    packed: Packed
    kept_x: devices.Array
    kept_z: devices.Array
    kept_f: devices.Array
    kept_c: devices.Array
    kept_o: devices.Array
    kept_function_1: devices.Array
    kept_y: devices.Array


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    packed: Packed
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

SIGNATURE = Signature(
    cell="lstm_nig",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_z", ("hidden_size", "input_size")),
        ("R_z", ("hidden_size", "hidden_size")),
        ("b_z", ("hidden_size",)),
        ("W_for", ("hidden_size", "input_size")),
        ("R_for", ("hidden_size", "hidden_size")),
        ("p_for", ("hidden_size",)),
        ("b_for", ("hidden_size",)),
        ("W_out", ("hidden_size", "input_size")),
        ("R_out", ("hidden_size", "hidden_size")),
        ("p_out", ("hidden_size",)),
        ("b_out", ("hidden_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("y", "hidden_size"),),
    states=(("c", "hidden_size"), ("y", "hidden_size")),
    init=(
        ("W_z", "fan_in", 0.0),
        ("R_z", "fan_in", 0.0),
        ("b_z", "number", 0.0),
        ("W_for", "fan_in", 0.0),
        ("R_for", "fan_in", 0.0),
        ("p_for", "number", 0.0),
        ("b_for", "number", 1.0),
        ("W_out", "fan_in", 0.0),
        ("R_out", "fan_in", 0.0),
        ("p_out", "number", 0.0),
        ("b_out", "number", 0.0),
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
    forward=(regimes.Product(("hidden_size", "hidden_size", "hidden_size", ), "hidden_size", 0, 1), ),
    backward=(regimes.Product(("hidden_size", "hidden_size", "hidden_size", ), "hidden_size", 1, 4), ),
    dimensions=("hidden_size", ),
    obstacle="",
    widest=3,
)


def sweeps(cuda, real):
    """The element-wise kernels, for the module `cuda` of a device or a simulator, computing in `real`."""
    u32 = np.uint32
    one = real(1)
    zero = real(0)

    def forward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, products_x: Reals, hidden_size: Count, batch: Count,
        products_y_before: Reals, b_z: Stored, kept_c: Reals, before: Count, p_for: Stored, b_for: Stored, kept_z:
        Stored, here: Count, kept_f: Stored, now: Count, p_out: Stored, b_out: Stored, kept_o: Stored, kept_function_1:
        Stored, out_y: Stored, kept_y: Stored
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
                kept_y[u32((now * batch + item) * hidden_size + unit)] = (
                    kept_y[u32((before * batch + item) * hidden_size + unit)]
                )
                out_y[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                W_z_product = products_x[u32((t * batch + item) * (3 * hidden_size) + unit)]
                R_z_product = products_y_before[u32(item * (3 * hidden_size) + unit)]
                W_for_product = products_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)]
                R_for_product = products_y_before[u32(item * (3 * hidden_size) + hidden_size + unit)]
                c_before = kept_c[u32((before * batch + item) * hidden_size + unit)]
                W_out_product = products_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)]
                R_out_product = products_y_before[u32(item * (3 * hidden_size) + 2 * hidden_size + unit)]
                z_bar = W_z_product + R_z_product + b_z[u32(unit)]  # (F.1)
                f_bar = W_for_product + R_for_product + p_for[u32(unit)] * c_before + b_for[u32(unit)]  # (F.2)
                z = math.tanh(z_bar)  # (F.3)
                kept_z[u32((here * batch + item) * hidden_size + unit)] = z
                f = one / (one + math.exp(-f_bar))  # (F.4)
                kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                c = z + c_before * f  # (F.5)
                kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                o_bar = W_out_product + R_out_product + p_out[u32(unit)] * c + b_out[u32(unit)]  # (F.6)
                o = one / (one + math.exp(-o_bar))  # (F.7)
                kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                function_1 = math.tanh(c)
                kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                y = o * function_1  # (F.8)
                kept_y[u32((now * batch + item) * hidden_size + unit)] = y
                out_y[u32((t * batch + item) * hidden_size + unit)] = y


    def backward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, carry_y: Reals, hidden_size: Count, batch: Count,
        last_error_y: Stored, error_y: Stored, kept_function_1: Stored, kept_o: Stored, carry_c: Reals, last_error_c:
        Stored, p_out: Stored, kept_c: Reals, kept_f: Stored, p_for: Stored, kept_z: Stored, sums: Reals, adjoints_x:
        Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        sum_b_z = zero
        sum_p_for = zero
        sum_b_for = zero
        sum_p_out = zero
        sum_b_out = zero
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = zero
                adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = zero
                adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = zero
            else:
                next_y_before_from_loop = carry_y[u32(
                    (((t + 1) & 1) * batch + item) * hidden_size + unit
                )] if t + 1 < lengths[item] else zero
                last_error_y_ = last_error_y[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                error_y_ = error_y[u32((t * batch + item) * hidden_size + unit)]
                function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                next_c_before_from_loop = carry_c[u32(
                    (((t + 1) & 1) * batch + item) * hidden_size + unit
                )] if t + 1 < lengths[item] else zero
                last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                z = kept_z[u32((t * batch + item) * hidden_size + unit)]
                c = kept_c[u32(((t + 1) * batch + item) * hidden_size + unit)]
                d_y = next_y_before_from_loop + last_error_y_ + error_y_  # (B.1)
                d_o = function_1 * d_y  # (B.2)
                d_o_bar = o * d_o * (one - o)  # (B.3)
                d_c = next_c_before_from_loop + p_out[u32(unit)] * d_o_bar + o * d_y * (one - function_1 * function_1) + last_error_c_  # (B.4)
                d_f = c_before * d_c  # (B.5)
                d_z = d_c  # (B.6)
                d_f_bar = f * d_f * (one - f)  # (B.7)
                d_c_before_from_loop = f * d_c + p_for[u32(unit)] * d_f_bar
                carry_c[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_c_before_from_loop
                d_z_bar = d_z * (one - z * z)  # (B.8)
                sum_b_z += d_z_bar  # (B.12)
                sum_p_for += c_before * d_f_bar  # (B.15)
                sum_b_for += d_f_bar  # (B.16)
                sum_p_out += c * d_o_bar  # (B.19)
                sum_b_out += d_o_bar  # (B.20)
                adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = d_z_bar
                adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = d_f_bar
                adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = d_o_bar

        if first < rows:
            sums[u32(part * (5 * hidden_size) + unit)] += sum_b_z
            sums[u32(part * (5 * hidden_size) + hidden_size + unit)] += sum_p_for
            sums[u32(part * (5 * hidden_size) + 2 * hidden_size + unit)] += sum_b_for
            sums[u32(part * (5 * hidden_size) + 3 * hidden_size + unit)] += sum_p_out
            sums[u32(part * (5 * hidden_size) + 4 * hidden_size + unit)] += sum_b_out


    def backward_2(
        rows: Count, share: Count, t: Count, lengths: Counts, pulled_y_before: Reals, hidden_size: Count, carry_y:
        Reals, batch: Count
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t < lengths[u32(item)]:
                pulled_product_2 = pulled_y_before[u32(item * hidden_size + unit)]
                carry_y[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2


    return (forward_1, backward_1, backward_2, )


def forward_block(cuda, real, lanes, hidden_size):
    """The loop over time as one kernel, of which a block runs a sequence: `lanes` neighbouring threads share a unit."""
    u32, u64 = np.uint32, np.uint64
    halvings = lanes.bit_length() - 1
    one = real(1)
    zero = real(0)
    count_y = -(-(hidden_size) // lanes)
    room_y = count_y * lanes
    rooms_y = 2 * room_y

    def forward_loop(
        batch: Count, steps: Count, lengths: Counts, keep: Count, packed_y_before: Stored, products_x: Reals, b_z:
        Stored, p_for: Stored, b_for: Stored, kept_z: Stored, kept_f: Stored, kept_c: Reals, p_out: Stored, b_out:
        Stored, kept_o: Stored, kept_function_1: Stored, out_y: Stored, kept_y: Stored
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared_y = cuda.shared.array(rooms_y, real)
        for index in range(cuda.threadIdx.x, rooms_y, cuda.blockDim.x):
            shared_y[u32(index)] = zero
        weights_of_R_z_product = cuda.local.array(count_y, real)
        for number in range(count_y - 1):
            column = number * lanes + lane
            weights_of_R_z_product[u32(number)] = (
                packed_y_before[u64(unit * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_y - 1) * lanes + lane
        weights_of_R_z_product[u32(count_y - 1)] = (
            packed_y_before[u64(unit * hidden_size + column)] if column < hidden_size and unit < hidden_size else zero
        )
        weights_of_R_for_product = cuda.local.array(count_y, real)
        for number in range(count_y - 1):
            column = number * lanes + lane
            weights_of_R_for_product[u32(number)] = (
                packed_y_before[u64((hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_y - 1) * lanes + lane
        weights_of_R_for_product[u32(count_y - 1)] = (
            packed_y_before[u64((hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        weights_of_R_out_product = cuda.local.array(count_y, real)
        for number in range(count_y - 1):
            column = number * lanes + lane
            weights_of_R_out_product[u32(number)] = (
                packed_y_before[u64((2 * hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_y - 1) * lanes + lane
        weights_of_R_out_product[u32(count_y - 1)] = (
            packed_y_before[u64((2 * hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        if unit < hidden_size:
            own_b_z = b_z[u32(unit)]
            own_p_for = p_for[u32(unit)]
            own_b_for = b_for[u32(unit)]
            own_p_out = p_out[u32(unit)]
            own_b_out = b_out[u32(unit)]
        cuda.syncthreads()
        c_before = zero
        if unit < hidden_size:
            c_before = kept_c[u32(item * hidden_size + unit)]
            if lane == 0:
                shared_y[u32(unit)] = kept_y[u32(item * hidden_size + unit)]
        for t in range(lengths[u32(item)]):
            now = t + 1 if keep else (t + 1) & 1
            here = t if keep else 0
            if unit < hidden_size:
                W_z_product = products_x[u32((t * batch + item) * (3 * hidden_size) + unit)]
                W_for_product = products_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)]
                W_out_product = products_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)]
            cuda.syncthreads()
            R_z_product = zero
            R_for_product = zero
            R_out_product = zero
            for number in range(count_y):
                operand = shared_y[u64((t & 1) * room_y + lane + number * lanes)]
                R_z_product += weights_of_R_z_product[u32(number)] * operand
                R_for_product += weights_of_R_for_product[u32(number)] * operand
                R_out_product += weights_of_R_out_product[u32(number)] * operand
            for halving in range(halvings):
                R_z_product += cuda.shfl_xor_sync(0xFFFFFFFF, R_z_product, 1 << halving)
                R_for_product += cuda.shfl_xor_sync(0xFFFFFFFF, R_for_product, 1 << halving)
                R_out_product += cuda.shfl_xor_sync(0xFFFFFFFF, R_out_product, 1 << halving)
            if unit < hidden_size:
                z_bar = W_z_product + R_z_product + own_b_z  # (F.1)
                f_bar = W_for_product + R_for_product + own_p_for * c_before + own_b_for  # (F.2)
                z = math.tanh(z_bar)  # (F.3)
                f = one / (one + math.exp(-f_bar))  # (F.4)
                c = z + c_before * f  # (F.5)
                o_bar = W_out_product + R_out_product + own_p_out * c + own_b_out  # (F.6)
                o = one / (one + math.exp(-o_bar))  # (F.7)
                function_1 = math.tanh(c)
                y = o * function_1  # (F.8)
                if lane == 0:
                    kept_z[u32((here * batch + item) * hidden_size + unit)] = z
                    kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                    kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                    kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                    kept_y[u32((now * batch + item) * hidden_size + unit)] = y
                    shared_y[u32(((t + 1) & 1) * room_y + unit)] = y
                    out_y[u32((t * batch + item) * hidden_size + unit)] = y
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
                    kept_y[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_y[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_y[u32((t * batch + item) * hidden_size + unit)] = zero

    return (forward_loop,)


def backward_block(cuda, real, lanes, hidden_size):
    """The loop over time as one kernel, of which a block runs a sequence: `lanes` neighbouring threads share a unit."""
    u32, u64 = np.uint32, np.uint64
    halvings = lanes.bit_length() - 1
    one = real(1)
    zero = real(0)
    count_y_before = -(-(3 * hidden_size) // lanes)
    room_y_before = count_y_before * lanes
    rooms_y_before = 2 * room_y_before

    def backward_loop(
        batch: Count, steps: Count, lengths: Counts, packed_y_before: Stored, last_error_y: Stored, error_y: Stored,
        kept_function_1: Stored, kept_o: Stored, last_error_c: Stored, p_out: Stored, kept_c: Reals, kept_f: Stored,
        p_for: Stored, kept_z: Stored, sums: Reals, adjoints_x: Stored, carry_y: Reals, carry_c: Reals
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared_y_before = cuda.shared.array(rooms_y_before, real)
        for index in range(cuda.threadIdx.x, rooms_y_before, cuda.blockDim.x):
            shared_y_before[u32(index)] = zero
        weights_of_pulled_product_2 = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = number * lanes + lane
            weights_of_pulled_product_2[u32(number)] = (
                packed_y_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = (count_y_before - 1) * lanes + lane
        weights_of_pulled_product_2[u32(count_y_before - 1)] = (
            packed_y_before[u64(column * hidden_size + unit)] if column < 3 * hidden_size and unit < hidden_size else
            zero
        )
        if unit < hidden_size:
            own_p_out_ = p_out[u32(unit)]
            own_p_for_ = p_for[u32(unit)]
        sum_b_z = zero
        sum_p_for = zero
        sum_b_for = zero
        sum_p_out = zero
        sum_b_out = zero
        cuda.syncthreads()
        next_y_before_from_loop = zero
        next_c_before_from_loop = zero
        for t in range(lengths[u32(item)], steps):
            if unit < hidden_size:
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = zero
        for t in range(lengths[u32(item)] - 1, -1, -1):
            if unit < hidden_size:
                last_error_y_ = last_error_y[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                error_y_ = error_y[u32((t * batch + item) * hidden_size + unit)]
                function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                z = kept_z[u32((t * batch + item) * hidden_size + unit)]
                c = kept_c[u32(((t + 1) * batch + item) * hidden_size + unit)]
            if unit < hidden_size:
                d_y = next_y_before_from_loop + last_error_y_ + error_y_  # (B.1)
                d_o = function_1 * d_y  # (B.2)
                d_o_bar = o * d_o * (one - o)  # (B.3)
                d_c = next_c_before_from_loop + own_p_out_ * d_o_bar + o * d_y * (one - function_1 * function_1) + last_error_c_  # (B.4)
                d_f = c_before * d_c  # (B.5)
                d_z = d_c  # (B.6)
                d_f_bar = f * d_f * (one - f)  # (B.7)
                d_c_before_from_loop = f * d_c + own_p_for_ * d_f_bar
                d_z_bar = d_z * (one - z * z)  # (B.8)
                sum_b_z += d_z_bar  # (B.12)
                sum_p_for += c_before * d_f_bar  # (B.15)
                sum_b_for += d_f_bar  # (B.16)
                sum_p_out += c * d_o_bar  # (B.19)
                sum_b_out += d_o_bar  # (B.20)
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = d_z_bar
                    shared_y_before[u32((t & 1) * room_y_before + unit)] = d_z_bar
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = d_f_bar
                    shared_y_before[u32((t & 1) * room_y_before + hidden_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = d_o_bar
                    shared_y_before[u32((t & 1) * room_y_before + 2 * hidden_size + unit)] = d_o_bar
            cuda.syncthreads()
            pulled_product_2 = zero
            for number in range(count_y_before):
                operand = shared_y_before[u64((t & 1) * room_y_before + lane + number * lanes)]
                pulled_product_2 += weights_of_pulled_product_2[u32(number)] * operand
            for halving in range(halvings):
                pulled_product_2 += cuda.shfl_xor_sync(0xFFFFFFFF, pulled_product_2, 1 << halving)
            if unit < hidden_size:
                next_y_before_from_loop = pulled_product_2
                next_c_before_from_loop = d_c_before_from_loop
        if unit < hidden_size:
            if lane == 0:
                carry_y[u32(item * hidden_size + unit)] = next_y_before_from_loop
                carry_c[u32(item * hidden_size + unit)] = next_c_before_from_loop
                sums[u32(item * (5 * hidden_size) + unit)] += sum_b_z
                sums[u32(item * (5 * hidden_size) + hidden_size + unit)] += sum_p_for
                sums[u32(item * (5 * hidden_size) + 2 * hidden_size + unit)] += sum_b_for
                sums[u32(item * (5 * hidden_size) + 3 * hidden_size + unit)] += sum_p_out
                sums[u32(item * (5 * hidden_size) + 4 * hidden_size + unit)] += sum_b_out

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
    count_y_before = -(-(hidden_size) // lanes)
    room_y_before = count_y_before * lanes
    begin_y_before = 0

    def forward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, packed_y_before: Stored, kept_y:
        Stored, products_x: Reals, b_z: Stored, kept_c: Reals, p_for: Stored, b_for: Stored, kept_z: Stored, kept_f:
        Stored, p_out: Stored, b_out: Stored, kept_o: Stored, kept_function_1: Stored, out_y: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        totals_R_z_product = cuda.local.array(tile, real)
        weights_of_R_z_product = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = number * lanes + lane
            weights_of_R_z_product[u32(number)] = (
                packed_y_before[u64(unit * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_y_before - 1) * lanes + lane
        weights_of_R_z_product[u32(count_y_before - 1)] = (
            packed_y_before[u64(unit * hidden_size + column)] if column < hidden_size and unit < hidden_size else zero
        )
        totals_R_for_product = cuda.local.array(tile, real)
        weights_of_R_for_product = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = number * lanes + lane
            weights_of_R_for_product[u32(number)] = (
                packed_y_before[u64((hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_y_before - 1) * lanes + lane
        weights_of_R_for_product[u32(count_y_before - 1)] = (
            packed_y_before[u64((hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        totals_R_out_product = cuda.local.array(tile, real)
        weights_of_R_out_product = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = number * lanes + lane
            weights_of_R_out_product[u32(number)] = (
                packed_y_before[u64((2 * hidden_size + unit) * hidden_size + column)] if unit < hidden_size else zero
            )
        column = (count_y_before - 1) * lanes + lane
        weights_of_R_out_product[u32(count_y_before - 1)] = (
            packed_y_before[u64((2 * hidden_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_b_z = b_z[u32(unit)]
            own_p_for = p_for[u32(unit)]
            own_b_for = b_for[u32(unit)]
            own_p_out = p_out[u32(unit)]
            own_b_out = b_out[u32(unit)]
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
                filled = (rows + tile - 1) // tile * tile * room_y_before
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_y_before))
                        column = u32(index - row * u32(room_y_before))
                        item = first + row
                        moved[u32(number)] = (
                            kept_y[u32((before * batch + item) * hidden_size + column)] if row < rows and column <
                            hidden_size else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_y_before + index)] = moved[u32(number)]
                    start += moves * cuda.blockDim.x
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    W_z_product = products_x[u32((t * batch + item) * (3 * hidden_size) + unit)]
                    W_for_product = products_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)]
                    c_before = kept_c[u32((before * batch + item) * hidden_size + unit)]
                    W_out_product = products_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)]
                cuda.syncthreads()
                R_z_product = zero
                R_for_product = zero
                R_out_product = zero
                for number in range(0, rows, tile):
                    for each in range(tile):
                        totals_R_z_product[u32(each)] = zero
                        totals_R_for_product[u32(each)] = zero
                        totals_R_out_product[u32(each)] = zero
                    # In two halves: all columns in one loop are too many for the compiler to unroll on every device,
                    # and weights at an index that it does not know lie in local memory.
                    for column in range(count_y_before // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_y_before + (number + each) * room_y_before + column * lanes + lane
                            )]
                            totals_R_z_product[u32(each)] += weights_of_R_z_product[u32(column)] * operand
                            totals_R_for_product[u32(each)] += weights_of_R_for_product[u32(column)] * operand
                            totals_R_out_product[u32(each)] += weights_of_R_out_product[u32(column)] * operand
                    for column in range(count_y_before // 2, count_y_before):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_y_before + (number + each) * room_y_before + column * lanes + lane
                            )]
                            totals_R_z_product[u32(each)] += weights_of_R_z_product[u32(column)] * operand
                            totals_R_for_product[u32(each)] += weights_of_R_for_product[u32(column)] * operand
                            totals_R_out_product[u32(each)] += weights_of_R_out_product[u32(column)] * operand
                    for halving in range(halvings):
                        for each in range(tile):
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_R_z_product[u32(each)], 1 << halving)
                            totals_R_z_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_R_for_product[u32(each)], 1 << halving)
                            totals_R_for_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_R_out_product[u32(each)], 1 << halving)
                            totals_R_out_product[u32(each)] += operand
                    for each in range(tile):
                        if lane == number + each:
                            R_z_product = totals_R_z_product[u32(each)]
                            R_for_product = totals_R_for_product[u32(each)]
                            R_out_product = totals_R_out_product[u32(each)]
                if runs and unit < hidden_size:
                    z_bar = W_z_product + R_z_product + own_b_z  # (F.1)
                    f_bar = W_for_product + R_for_product + own_p_for * c_before + own_b_for  # (F.2)
                    z = math.tanh(z_bar)  # (F.3)
                    kept_z[u32((here * batch + item) * hidden_size + unit)] = z
                    f = one / (one + math.exp(-f_bar))  # (F.4)
                    kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                    c = z + c_before * f  # (F.5)
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                    o_bar = W_out_product + R_out_product + own_p_out * c + own_b_out  # (F.6)
                    o = one / (one + math.exp(-o_bar))  # (F.7)
                    kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                    function_1 = math.tanh(c)
                    kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                    y = o * function_1  # (F.8)
                    kept_y[u32((now * batch + item) * hidden_size + unit)] = y
                    out_y[u32((t * batch + item) * hidden_size + unit)] = y
                elif lane < rows and unit < hidden_size:
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_c[u32((before * batch + item) * hidden_size + unit)]
                    )
                    kept_y[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_y[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_y[u32((t * batch + item) * hidden_size + unit)] = zero

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
    count_y_before = -(-(3 * hidden_size) // (4 * lanes))
    room_y_before = count_y_before * 4 * lanes
    begin_y_before = 0
    parts = items * room_y_before

    def backward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, packed_y_before: Stored, carry_y: Reals,
        last_error_y: Stored, error_y: Stored, kept_function_1: Stored, kept_o: Stored, carry_c: Reals, last_error_c:
        Stored, p_out: Stored, kept_c: Reals, kept_f: Stored, p_for: Stored, kept_z: Stored, sums: Reals, adjoints_x:
        Stored
    ):
        group = cuda.threadIdx.x >> halvings
        groups = cuda.blockDim.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * (group & -4)
        totals_pulled_product_2 = cuda.local.array(tile, real)
        weights_of_pulled_product_2 = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2[u32(number)] = (
                packed_y_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_y_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2[u32(count_y_before - 1)] = (
            packed_y_before[u64(column * hidden_size + unit)] if column < 3 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 1)
        totals_pulled_product_2_2 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_2 = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_2[u32(number)] = (
                packed_y_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_y_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_2[u32(count_y_before - 1)] = (
            packed_y_before[u64(column * hidden_size + unit)] if column < 3 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 2)
        totals_pulled_product_2_3 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_3 = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_3[u32(number)] = (
                packed_y_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_y_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_3[u32(count_y_before - 1)] = (
            packed_y_before[u64(column * hidden_size + unit)] if column < 3 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 3)
        totals_pulled_product_2_4 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_4 = cuda.local.array(count_y_before, real)
        for number in range(count_y_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_4[u32(number)] = (
                packed_y_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_y_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_4[u32(count_y_before - 1)] = (
            packed_y_before[u64(column * hidden_size + unit)] if column < 3 * hidden_size and unit < hidden_size else
            zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_p_out = p_out[u32(unit)]
            own_p_for = p_for[u32(unit)]
        sum_b_z = zero
        sum_p_for = zero
        sum_b_for = zero
        sum_p_out = zero
        sum_b_out = zero
        passed = 0
        for t in range(steps - 1, -1, -1):
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    next_y_before_from_loop = carry_y[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_y_ = last_error_y[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    error_y_ = error_y[u32((t * batch + item) * hidden_size + unit)]
                    function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                    o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                    next_c_before_from_loop = carry_c[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                    f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                    z = kept_z[u32((t * batch + item) * hidden_size + unit)]
                    c = kept_c[u32(((t + 1) * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_y = next_y_before_from_loop + last_error_y_ + error_y_  # (B.1)
                    d_o = function_1 * d_y  # (B.2)
                    d_o_bar = o * d_o * (one - o)  # (B.3)
                    d_c = next_c_before_from_loop + own_p_out * d_o_bar + o * d_y * (one - function_1 * function_1) + last_error_c_  # (B.4)
                    d_f = c_before * d_c  # (B.5)
                    d_z = d_c  # (B.6)
                    d_f_bar = f * d_f * (one - f)  # (B.7)
                    d_c_before_from_loop = f * d_c + own_p_for * d_f_bar
                    carry_c[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_c_before_from_loop
                    d_z_bar = d_z * (one - z * z)  # (B.8)
                    sum_b_z += d_z_bar  # (B.12)
                    sum_p_for += c_before * d_f_bar  # (B.15)
                    sum_b_for += d_f_bar  # (B.16)
                    sum_p_out += c * d_o_bar  # (B.19)
                    sum_b_out += d_o_bar  # (B.20)
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = d_z_bar
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = d_o_bar
                elif lane < rows and unit < hidden_size:
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = zero
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
                filled = (rows + tile - 1) // tile * tile * room_y_before
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_y_before))
                        column = u32(index - row * u32(room_y_before))
                        item = first + row
                        moved[u32(number)] = (
                            adjoints_x[u32((t * batch + item) * (3 * hidden_size) + column)] if row < rows and column <
                            3 * hidden_size else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_y_before + index)] = moved[u32(number)]
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
                    for column in range(count_y_before // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_y_before + (number + each) * room_y_before + (column * 4 + (group & 3)) * lanes +
                                lane
                            )]
                            totals_pulled_product_2[u32(each)] += weights_of_pulled_product_2[u32(column)] * operand
                            totals_pulled_product_2_2[u32(each)] += weights_of_pulled_product_2_2[u32(column)] * operand
                            totals_pulled_product_2_3[u32(each)] += weights_of_pulled_product_2_3[u32(column)] * operand
                            totals_pulled_product_2_4[u32(each)] += weights_of_pulled_product_2_4[u32(column)] * operand
                    for column in range(count_y_before // 2, count_y_before):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_y_before + (number + each) * room_y_before + (column * 4 + (group & 3)) * lanes +
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
                    carry_y[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2
        if lane < batch and unit < hidden_size:
            sums[u32(lane * (5 * hidden_size) + unit)] += sum_b_z
            sums[u32(lane * (5 * hidden_size) + hidden_size + unit)] += sum_p_for
            sums[u32(lane * (5 * hidden_size) + 2 * hidden_size + unit)] += sum_b_for
            sums[u32(lane * (5 * hidden_size) + 3 * hidden_size + unit)] += sum_p_out
            sums[u32(lane * (5 * hidden_size) + 4 * hidden_size + unit)] += sum_b_out

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
    rows_y_before, slices_y_before, parts_y_before = shape = tensor.tiling(3, hidden_size, threads, lanes)
    words_y_before, count_y_before, room_y_before = shape.words, shape.sums, shape.room(items)
    begin_y_before = 0
    load_y_before = tensor.loader(cuda, hidden_size, 0, hidden_size)

    def forward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, packed_y_before: Stored, kept_y:
        Stored, products_x: Reals, b_z: Stored, kept_c: Reals, p_for: Stored, b_for: Stored, kept_z: Stored, kept_f:
        Stored, p_out: Stored, b_out: Stored, kept_o: Stored, kept_function_1: Stored, out_y: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        totals_y_before = cuda.local.array(count_y_before, real)
        fragments_y_before = cuda.local.array(words_y_before, u32)
        for tile in range(rows_y_before):
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
            for number in range(parts_y_before):
                column = (number * slices_y_before + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_y_before else hidden_size - column
                held = u32((number * rows_y_before + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(packed_y_before, u64(place + column), 1, inside)
                fragments_y_before[held] = word_1
                fragments_y_before[held + u32(1)] = word_2
                fragments_y_before[held + u32(2)] = word_3
                fragments_y_before[held + u32(3)] = word_4
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_b_z = b_z[u32(unit)]
            own_p_for = p_for[u32(unit)]
            own_b_for = b_for[u32(unit)]
            own_p_out = p_out[u32(unit)]
            own_b_out = b_out[u32(unit)]
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
                origin_y_before = (before * batch + item) * hidden_size
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    W_z_product = products_x[u32((t * batch + item) * (3 * hidden_size) + unit)]
                    W_for_product = products_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)]
                    c_before = kept_c[u32((before * batch + item) * hidden_size + unit)]
                    W_out_product = products_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)]
                if warp < slices_y_before:
                    for number in range(0, rows, 16):
                        for each in range(count_y_before):
                            totals_y_before[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_y_before + min(row, rows - 1) * hidden_size + place
                        lower = origin_y_before + min(row + 8, rows - 1) * hidden_size + place
                        for part in range(parts_y_before):
                            column = part * slices_y_before * 32
                            inside = 8 if part + 1 < parts_y_before else hidden_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_y_before(kept_y, u64(upper + column), 1, inside)
                            lower_1, lower_2, lower_3, lower_4 = load_y_before(kept_y, u64(lower + column), 1, inside)
                            for tile in range(rows_y_before):
                                held = u32((part * rows_y_before + tile) * 4)
                                multiply(
                                    kept_y, totals_y_before, 4 * tile, upper_1, lower_1, upper_2, lower_2,
                                    fragments_y_before[held], fragments_y_before[held + u32(1)]
                                )
                                multiply(
                                    kept_y, totals_y_before, 4 * tile, upper_3, lower_3, upper_4, lower_4,
                                    fragments_y_before[held + u32(2)], fragments_y_before[held + u32(3)]
                                )
                        for tile in range(rows_y_before):
                            place = begin_y_before + ((warp * rows_y_before + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_y_before[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_y_before[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_y_before[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_y_before[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    R_z_product = zero
                    R_for_product = zero
                    R_out_product = zero
                    for number in range(slices_y_before):
                        place = begin_y_before + (number * rows_y_before * 8 + group) * pitch + lane
                        R_z_product += shared[u32(place)]
                        R_for_product += shared[u32(place + groups * pitch)]
                        R_out_product += shared[u32(place + 2 * groups * pitch)]
                if runs and unit < hidden_size:
                    z_bar = W_z_product + R_z_product + own_b_z  # (F.1)
                    f_bar = W_for_product + R_for_product + own_p_for * c_before + own_b_for  # (F.2)
                    z = math.tanh(z_bar)  # (F.3)
                    kept_z[u32((here * batch + item) * hidden_size + unit)] = z
                    f = one / (one + math.exp(-f_bar))  # (F.4)
                    kept_f[u32((here * batch + item) * hidden_size + unit)] = f
                    c = z + c_before * f  # (F.5)
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = c
                    o_bar = W_out_product + R_out_product + own_p_out * c + own_b_out  # (F.6)
                    o = one / (one + math.exp(-o_bar))  # (F.7)
                    kept_o[u32((here * batch + item) * hidden_size + unit)] = o
                    function_1 = math.tanh(c)
                    kept_function_1[u32((here * batch + item) * hidden_size + unit)] = function_1
                    y = o * function_1  # (F.8)
                    kept_y[u32((now * batch + item) * hidden_size + unit)] = y
                    out_y[u32((t * batch + item) * hidden_size + unit)] = y
                elif lane < rows and unit < hidden_size:
                    kept_c[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_c[u32((before * batch + item) * hidden_size + unit)]
                    )
                    kept_y[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_y[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_y[u32((t * batch + item) * hidden_size + unit)] = zero

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
    rows_y_before, slices_y_before, parts_y_before = shape = tensor.tiling(1, 3 * hidden_size, threads, lanes)
    words_y_before, count_y_before, room_y_before = shape.words, shape.sums, shape.room(items)
    begin_y_before = 0
    load_y_before = tensor.loader(cuda, (3 * hidden_size), 0, 3 * hidden_size)

    def backward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, packed_y_before: Stored, carry_y: Reals,
        last_error_y: Stored, error_y: Stored, kept_function_1: Stored, kept_o: Stored, carry_c: Reals, last_error_c:
        Stored, p_out: Stored, kept_c: Reals, kept_f: Stored, p_for: Stored, kept_z: Stored, sums: Reals, adjoints_x:
        Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        totals_y_before = cuda.local.array(count_y_before, real)
        fragments_y_before = cuda.local.array(words_y_before, u32)
        for tile in range(rows_y_before):
            row = tile * 8 + (cuda.threadIdx.x >> 2 & 7)
            matrix = row // groups
            unit = cuda.blockIdx.x + cuda.gridDim.x * (row - matrix * groups)
            place = 0
            if unit < hidden_size:
                place = unit
            for number in range(parts_y_before):
                column = (number * slices_y_before + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_y_before else 3 * hidden_size - column
                held = u32((number * rows_y_before + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(
                    packed_y_before, u64(place + column * hidden_size), hidden_size, inside
                )
                fragments_y_before[held] = word_1
                fragments_y_before[held + u32(1)] = word_2
                fragments_y_before[held + u32(2)] = word_3
                fragments_y_before[held + u32(3)] = word_4
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < hidden_size:
            own_p_out = p_out[u32(unit)]
            own_p_for = p_for[u32(unit)]
        sum_b_z = zero
        sum_p_for = zero
        sum_b_for = zero
        sum_p_out = zero
        sum_b_out = zero
        passed = 0
        for t in range(steps - 1, -1, -1):
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    next_y_before_from_loop = carry_y[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_y_ = last_error_y[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    error_y_ = error_y[u32((t * batch + item) * hidden_size + unit)]
                    function_1 = kept_function_1[u32((t * batch + item) * hidden_size + unit)]
                    o = kept_o[u32((t * batch + item) * hidden_size + unit)]
                    next_c_before_from_loop = carry_c[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    c_before = kept_c[u32((t * batch + item) * hidden_size + unit)]
                    f = kept_f[u32((t * batch + item) * hidden_size + unit)]
                    z = kept_z[u32((t * batch + item) * hidden_size + unit)]
                    c = kept_c[u32(((t + 1) * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_y = next_y_before_from_loop + last_error_y_ + error_y_  # (B.1)
                    d_o = function_1 * d_y  # (B.2)
                    d_o_bar = o * d_o * (one - o)  # (B.3)
                    d_c = next_c_before_from_loop + own_p_out * d_o_bar + o * d_y * (one - function_1 * function_1) + last_error_c_  # (B.4)
                    d_f = c_before * d_c  # (B.5)
                    d_z = d_c  # (B.6)
                    d_f_bar = f * d_f * (one - f)  # (B.7)
                    d_c_before_from_loop = f * d_c + own_p_for * d_f_bar
                    carry_c[u32(((t & 1) * batch + item) * hidden_size + unit)] = d_c_before_from_loop
                    d_z_bar = d_z * (one - z * z)  # (B.8)
                    sum_b_z += d_z_bar  # (B.12)
                    sum_p_for += c_before * d_f_bar  # (B.15)
                    sum_b_for += d_f_bar  # (B.16)
                    sum_p_out += c * d_o_bar  # (B.19)
                    sum_b_out += d_o_bar  # (B.20)
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = d_z_bar
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = d_o_bar
                elif lane < rows and unit < hidden_size:
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + hidden_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (3 * hidden_size) + 2 * hidden_size + unit)] = zero
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
                origin_y_before = (t * batch + item) * (3 * hidden_size)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if warp < slices_y_before:
                    for number in range(0, rows, 16):
                        for each in range(count_y_before):
                            totals_y_before[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_y_before + min(row, rows - 1) * (3 * hidden_size) + place
                        lower = origin_y_before + min(row + 8, rows - 1) * (3 * hidden_size) + place
                        for part in range(parts_y_before):
                            column = part * slices_y_before * 32
                            inside = 8 if part + 1 < parts_y_before else 3 * hidden_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_y_before(
                                adjoints_x, u64(upper + column), 1, inside
                            )
                            lower_1, lower_2, lower_3, lower_4 = load_y_before(
                                adjoints_x, u64(lower + column), 1, inside
                            )
                            for tile in range(rows_y_before):
                                held = u32((part * rows_y_before + tile) * 4)
                                multiply(
                                    adjoints_x, totals_y_before, 4 * tile, upper_1, lower_1, upper_2, lower_2,
                                    fragments_y_before[held], fragments_y_before[held + u32(1)]
                                )
                                multiply(
                                    adjoints_x, totals_y_before, 4 * tile, upper_3, lower_3, upper_4, lower_4,
                                    fragments_y_before[held + u32(2)], fragments_y_before[held + u32(3)]
                                )
                        for tile in range(rows_y_before):
                            place = begin_y_before + ((warp * rows_y_before + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_y_before[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_y_before[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_y_before[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_y_before[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    pulled_product_2 = zero
                    for number in range(slices_y_before):
                        place = begin_y_before + (number * rows_y_before * 8 + group) * pitch + lane
                        pulled_product_2 += shared[u32(place)]
                if runs and unit < hidden_size:
                    carry_y[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2
        if lane < batch and unit < hidden_size:
            sums[u32(lane * (5 * hidden_size) + unit)] += sum_b_z
            sums[u32(lane * (5 * hidden_size) + hidden_size + unit)] += sum_p_for
            sums[u32(lane * (5 * hidden_size) + 2 * hidden_size + unit)] += sum_b_for
            sums[u32(lane * (5 * hidden_size) + 3 * hidden_size + unit)] += sum_p_out
            sums[u32(lane * (5 * hidden_size) + 4 * hidden_size + unit)] += sum_b_out

    return (backward_tensor_loop,)


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    device = devices.current()
    with device.running(params):
        plain, sizes, dtype = calls.parameters(device, SIGNATURE, params, Params, "pack")
        return _packed(device, Params(*map(memory.copied, plain)), sizes, dtype)


def _packed(device, params, sizes, dtype):
    """Checked parameters as both passes read them."""
    packed_x = device.stacked((params.W_z, params.W_for, params.W_out,))
    packed_y_before = device.stacked((params.R_z, params.R_for, params.R_out,))
    b_z = params.b_z
    p_for = params.p_for
    b_for = params.b_for
    p_out = params.p_out
    b_out = params.b_out
    return Packed(params, sizes, dtype, packed_x, packed_y_before, b_z, p_for, b_for, p_out, b_out)


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
    (_, _, _, packed_x, packed_y_before, b_z, p_for, b_for, p_out, b_out,) = packed
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    kept_z = device.empty((rows, batch, hidden_size), dtype)
    kept_f = device.empty((rows, batch, hidden_size), dtype)
    kept_c = device.empty((carried_rows, batch, hidden_size), real)
    kept_o = device.empty((rows, batch, hidden_size), dtype)
    kept_function_1 = device.empty((rows, batch, hidden_size), dtype)
    kept_y = device.empty((carried_rows, batch, hidden_size), dtype)
    products_x = device.empty((steps, batch, 3 * hidden_size), real)
    products_y_before = device.empty((batch, 3 * hidden_size), real)
    out_y = device.empty((steps, batch, hidden_size), dtype)
    kept_c[0] = call.state[0]
    kept_y[0] = call.state[1]
    kernels = device.kernels(sweeps, dtype)
    device.product(
        kept_x.reshape(steps * batch, input_size), packed_x.T, products_x.reshape(steps * batch, 3 * hidden_size)
    )
    keep = int(keep_tape)
    if call.plan.regime == "block":
        launches.block(
            device, forward_block, call, call.plan.forward, (hidden_size, ), (batch, steps, lengths, keep,
            packed_y_before, products_x, b_z, p_for, b_for, kept_z, kept_f, kept_c, p_out, b_out, kept_o,
            kept_function_1, out_y, kept_y, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, forward_grid, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, ), (batch, steps,
            lengths, keep, packed_y_before, kept_y, products_x, b_z, kept_c, p_for, b_for, kept_z, kept_f, p_out, b_out,
            kept_o, kept_function_1, out_y, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, forward_tensor, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, ), (batch,
            steps, lengths, keep, packed_y_before, kept_y, products_x, b_z, kept_c, p_for, b_for, kept_z, kept_f, p_out,
            b_out, kept_o, kept_function_1, out_y, )
        )
    else:
        def one_step(t):
            now, before, here = (t + 1, t, t) if keep_tape else ((t + 1) & 1, t & 1, 0)
            device.product(kept_y[before], packed_y_before.T, products_y_before)
            launches.sweep(
                device, kernels.forward_1, hidden_size, batch, (t, lengths, products_x, hidden_size, batch,
                products_y_before, b_z, kept_c, before, p_for, b_for, kept_z, here, kept_f, now, p_out, b_out, kept_o,
                kept_function_1, out_y, kept_y)
            )

        device.repeated(one_step, range(steps))
    y = out_y
    state = State(calls.last_rows(kept_c, call), calls.last_rows(kept_y, call))
    return y, state, Tape(
        call, packed, kept_x, kept_z, kept_f, kept_c, kept_o, kept_function_1, kept_y
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
    (call, packed, kept_x, kept_z, kept_f, kept_c, kept_o, kept_function_1, kept_y,) = tape
    device, steps, batch, lengths, dtype, real = call.device, call.steps, call.batch, call.lengths, call.dtype, call.real
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (_, _, _, packed_x, packed_y_before, b_z, p_for, b_for, p_out, b_out,) = packed
    (error_y,) = errors
    (last_error_c, last_error_y,) = ends
    carry_c = device.zeros((2, batch, hidden_size), real)
    carry_y = device.zeros((2, batch, hidden_size), real)
    adjoints_x = device.empty((steps, batch, 3 * hidden_size), dtype)
    pulled_x = device.empty((steps, batch, input_size), dtype)
    pulled_y_before = device.empty((batch, hidden_size), real)
    sums = device.zeros((max(launches.parts(batch, hidden_size), batch, 1), 5 * hidden_size), real)
    kernels = device.kernels(sweeps, dtype)
    if call.plan.regime == "block":
        launches.block(
            device, backward_block, call, call.plan.backward, (hidden_size, ), (batch, steps, lengths, packed_y_before,
            last_error_y, error_y, kept_function_1, kept_o, last_error_c, p_out, kept_c, kept_f, p_for, kept_z, sums,
            adjoints_x, carry_y, carry_c, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, backward_grid, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, ), (batch,
            steps, lengths, packed_y_before, carry_y, last_error_y, error_y, kept_function_1, kept_o, carry_c,
            last_error_c, p_out, kept_c, kept_f, p_for, kept_z, sums, adjoints_x, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, backward_tensor, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, ), (batch,
            steps, lengths, packed_y_before, carry_y, last_error_y, error_y, kept_function_1, kept_o, carry_c,
            last_error_c, p_out, kept_c, kept_f, p_for, kept_z, sums, adjoints_x, )
        )
    else:
        def one_step(t):
            launches.sweep(
                device, kernels.backward_1, hidden_size, batch, (t, lengths, carry_y, hidden_size, batch, last_error_y,
                error_y, kept_function_1, kept_o, carry_c, last_error_c, p_out, kept_c, kept_f, p_for, kept_z, sums,
                adjoints_x), summing=True
            )
            device.product(adjoints_x[t], packed_y_before, pulled_y_before)
            launches.sweep(
                device, kernels.backward_2, hidden_size, batch, (t, lengths, pulled_y_before, hidden_size, carry_y,
                batch)
            )

        device.repeated(one_step, range(steps - 1, -1, -1))
    device.product(
        adjoints_x.reshape(steps * batch, 3 * hidden_size), packed_x, pulled_x.reshape(steps * batch, input_size)
    )
    sums = calls.total(
        device, sums, ((hidden_size, hidden_size), (hidden_size, hidden_size), (hidden_size, hidden_size), (hidden_size,
        hidden_size), (hidden_size, hidden_size), )
    )
    sums = sums[0].astype(dtype, copy=False)
    weights_x = device.empty((3 * hidden_size, input_size), dtype)
    weights_y_before = device.empty((3 * hidden_size, hidden_size), dtype)
    device.product(
        adjoints_x.reshape(steps * batch, 3 * hidden_size).T, kept_x.reshape(steps * batch, input_size), weights_x
    )
    device.product(
        adjoints_x.reshape(steps * batch, 3 * hidden_size).T, kept_y[:-1].reshape(steps * batch, hidden_size),
        weights_y_before
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            weights_y_before[0 : hidden_size],
            sums[0 : hidden_size],
            weights_x[hidden_size : 2 * hidden_size],
            weights_y_before[hidden_size : 2 * hidden_size],
            sums[hidden_size : 2 * hidden_size],
            sums[2 * hidden_size : 3 * hidden_size],
            weights_x[2 * hidden_size : 3 * hidden_size],
            weights_y_before[2 * hidden_size : 3 * hidden_size],
            sums[3 * hidden_size : 4 * hidden_size],
            sums[4 * hidden_size : 5 * hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_c, carry_c),
            calls.initial_gradient(call, last_error_y, carry_y),
        ),
    )
