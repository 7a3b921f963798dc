"""LSTM with a recurrent projection layer: cuda kernels.

Source: Sak, Senior and Beaufays 2014, Long Short-Term Memory Based Recurrent Neural Network Architectures for Large Vocabulary Speech Recognition, arXiv:1402.1128, equations 7 to 12, with g = h = tanh, without the non-recurrent projection and the softmax
Equations: 9e34926d3c536012, written by derive 0.1.0 with support f5f141087af9de20. Do not edit: derive writes this file.

    i_bar = W_ix @ x + W_ir @ r[t-1] + w_ic * c[t-1] + b_i
    f_bar = W_fx @ x + W_fr @ r[t-1] + w_fc * c[t-1] + b_f
    z_bar = W_cx @ x + W_cr @ r[t-1] + b_c
    i = sigmoid(i_bar)
    f = sigmoid(f_bar)
    z = tanh(z_bar)
    c = f * c[t-1] + i * z
    o_bar = W_ox @ x + W_or @ r[t-1] + w_oc * c + b_o
    o = sigmoid(o_bar)
    m = o * tanh(c)
    r = W_rm @ m
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

    W_ix: np.ndarray  # (cell_size, input_size)
    W_ir: np.ndarray  # (cell_size, hidden_size)
    w_ic: np.ndarray  # (cell_size,)
    b_i: np.ndarray  # (cell_size,)
    W_fx: np.ndarray  # (cell_size, input_size)
    W_fr: np.ndarray  # (cell_size, hidden_size)
    w_fc: np.ndarray  # (cell_size,)
    b_f: np.ndarray  # (cell_size,)
    W_cx: np.ndarray  # (cell_size, input_size)
    W_cr: np.ndarray  # (cell_size, hidden_size)
    b_c: np.ndarray  # (cell_size,)
    W_ox: np.ndarray  # (cell_size, input_size)
    W_or: np.ndarray  # (cell_size, hidden_size)
    w_oc: np.ndarray  # (cell_size,)
    b_o: np.ndarray  # (cell_size,)
    W_rm: np.ndarray  # (hidden_size, cell_size)


class State(NamedTuple):
    """What one step hands to the next."""

    c: np.ndarray  # (B, cell_size)
    r: np.ndarray  # (B, hidden_size)


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
    packed_r_before: devices.Array
    packed_m: devices.Array
    w_ic: devices.Array
    b_i: devices.Array
    w_fc: devices.Array
    b_f: devices.Array
    b_c: devices.Array
    w_oc: devices.Array
    b_o: devices.Array


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    packed: Packed
    kept_x: devices.Array
    kept_i: devices.Array
    kept_f: devices.Array
    kept_z: devices.Array
    kept_c: devices.Array
    kept_o: devices.Array
    kept_function_1: devices.Array
    kept_m: devices.Array
    kept_r: devices.Array


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    packed: Packed
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

SIGNATURE = Signature(
    cell="lstmp",
    sizes=(("input_size",), ("hidden_size",), ("cell_size",)),
    params=(
        ("W_ix", ("cell_size", "input_size")),
        ("W_ir", ("cell_size", "hidden_size")),
        ("w_ic", ("cell_size",)),
        ("b_i", ("cell_size",)),
        ("W_fx", ("cell_size", "input_size")),
        ("W_fr", ("cell_size", "hidden_size")),
        ("w_fc", ("cell_size",)),
        ("b_f", ("cell_size",)),
        ("W_cx", ("cell_size", "input_size")),
        ("W_cr", ("cell_size", "hidden_size")),
        ("b_c", ("cell_size",)),
        ("W_ox", ("cell_size", "input_size")),
        ("W_or", ("cell_size", "hidden_size")),
        ("w_oc", ("cell_size",)),
        ("b_o", ("cell_size",)),
        ("W_rm", ("hidden_size", "cell_size")),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("r", "hidden_size"),),
    states=(("c", "cell_size"), ("r", "hidden_size")),
    init=(
        ("W_ix", "fan_in", 0.0),
        ("W_ir", "fan_in", 0.0),
        ("w_ic", "number", 0.0),
        ("b_i", "number", 0.0),
        ("W_fx", "fan_in", 0.0),
        ("W_fr", "fan_in", 0.0),
        ("w_fc", "number", 0.0),
        ("b_f", "number", 1.0),
        ("W_cx", "fan_in", 0.0),
        ("W_cr", "fan_in", 0.0),
        ("b_c", "number", 0.0),
        ("W_ox", "fan_in", 0.0),
        ("W_or", "fan_in", 0.0),
        ("w_oc", "number", 0.0),
        ("b_o", "number", 0.0),
        ("W_rm", "fan_in", 0.0),
    ),
    initial=(0.0, 0.0),
    loss="",
)


def init(input_size, hidden_size, cell_size, *, dtype=np.float32, seed=0):
    """Draw parameters of the given sizes; the same seed gives the same numbers.

    Raises TypeError or ValueError for a size that is no whole number of at least 1, or another dtype than float16,
    bfloat16, float32 and float64.
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "cell_size": cell_size}
    return Params(*parameters.init_params(SIGNATURE, sizes, dtype, seed))


def init_state(params, batch, **sizes):
    """The state before the first step, for `batch` sequences; `sizes` gives those that no parameter states."""
    return State(*calls.init_state(SIGNATURE, params, batch, sizes))


LOOP = regimes.Loop(
    forward=(
        regimes.Product(("cell_size", "cell_size", "cell_size", "cell_size", ), "hidden_size", 0, 1),
        regimes.Product(("hidden_size", ), "cell_size", 1, 4),
    ),
    backward=(
        regimes.Product(("hidden_size", ), "cell_size", 1, 4), regimes.Product(("cell_size", "cell_size", "cell_size",
        "cell_size", ), "hidden_size", 2, 4),
    ),
    dimensions=("cell_size", "hidden_size", ),
    obstacle="",
    widest=4,
)


def sweeps(cuda, real):
    """The element-wise kernels, for the module `cuda` of a device or a simulator, computing in `real`."""
    u32 = np.uint32
    one = real(1)
    zero = real(0)

    def forward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, products_x: Reals, cell_size: Count, batch: Count,
        products_r_before: Reals, kept_c: Reals, before: Count, w_ic: Stored, b_i: Stored, w_fc: Stored, b_f: Stored,
        b_c: Stored, kept_i: Stored, here: Count, kept_f: Stored, kept_z: Stored, now: Count, w_oc: Stored, b_o: Stored,
        kept_o: Stored, kept_function_1: Stored, kept_m: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // cell_size
        unit = index - part * cell_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                kept_c[u32((now * batch + item) * cell_size + unit)] = (
                    kept_c[u32((before * batch + item) * cell_size + unit)]
                )
                kept_m[u32((here * batch + item) * cell_size + unit)] = zero
            else:
                W_ix_product = products_x[u32((t * batch + item) * (4 * cell_size) + unit)]
                W_ir_product = products_r_before[u32(item * (4 * cell_size) + unit)]
                c_before = kept_c[u32((before * batch + item) * cell_size + unit)]
                W_fx_product = products_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)]
                W_fr_product = products_r_before[u32(item * (4 * cell_size) + cell_size + unit)]
                W_cx_product = products_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)]
                W_cr_product = products_r_before[u32(item * (4 * cell_size) + 2 * cell_size + unit)]
                W_ox_product = products_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)]
                W_or_product = products_r_before[u32(item * (4 * cell_size) + 3 * cell_size + unit)]
                i_bar = W_ix_product + W_ir_product + w_ic[u32(unit)] * c_before + b_i[u32(unit)]  # (F.1)
                f_bar = W_fx_product + W_fr_product + w_fc[u32(unit)] * c_before + b_f[u32(unit)]  # (F.2)
                z_bar = W_cx_product + W_cr_product + b_c[u32(unit)]  # (F.3)
                i = one / (one + math.exp(-i_bar))  # (F.4)
                kept_i[u32((here * batch + item) * cell_size + unit)] = i
                f = one / (one + math.exp(-f_bar))  # (F.5)
                kept_f[u32((here * batch + item) * cell_size + unit)] = f
                z = math.tanh(z_bar)  # (F.6)
                kept_z[u32((here * batch + item) * cell_size + unit)] = z
                c = f * c_before + i * z  # (F.7)
                kept_c[u32((now * batch + item) * cell_size + unit)] = c
                o_bar = W_ox_product + W_or_product + w_oc[u32(unit)] * c + b_o[u32(unit)]  # (F.8)
                o = one / (one + math.exp(-o_bar))  # (F.9)
                kept_o[u32((here * batch + item) * cell_size + unit)] = o
                function_1 = math.tanh(c)
                kept_function_1[u32((here * batch + item) * cell_size + unit)] = function_1
                m = o * function_1  # (F.10)
                kept_m[u32((here * batch + item) * cell_size + unit)] = m


    def forward_2(
        rows: Count, share: Count, t: Count, lengths: Counts, products_m: Reals, hidden_size: Count, out_r: Stored,
        batch: Count, kept_r: Stored, now: Count, before: Count
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                kept_r[u32((now * batch + item) * hidden_size + unit)] = (
                    kept_r[u32((before * batch + item) * hidden_size + unit)]
                )
                out_r[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                W_rm_product = products_m[u32(item * hidden_size + unit)]
                r = W_rm_product  # (F.11)
                kept_r[u32((now * batch + item) * hidden_size + unit)] = r
                out_r[u32((t * batch + item) * hidden_size + unit)] = r


    def backward_1(
        rows: Count, share: Count, t: Count, lengths: Counts, carry_r: Reals, hidden_size: Count, batch: Count,
        last_error_r: Stored, error_r: Stored, adjoints_m: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                adjoints_m[u32((t * batch + item) * hidden_size + unit)] = zero
            else:
                next_r_before_from_loop = carry_r[u32(
                    (((t + 1) & 1) * batch + item) * hidden_size + unit
                )] if t + 1 < lengths[item] else zero
                last_error_r_ = last_error_r[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                error_r_ = error_r[u32((t * batch + item) * hidden_size + unit)]
                d_r = next_r_before_from_loop + last_error_r_ + error_r_  # (B.1)
                adjoints_m[u32((t * batch + item) * hidden_size + unit)] = d_r


    def backward_2(
        rows: Count, share: Count, t: Count, lengths: Counts, pulled_m: Reals, cell_size: Count, kept_function_1:
        Stored, batch: Count, kept_o: Stored, carry_c: Reals, last_error_c: Stored, w_oc: Stored, kept_i: Stored,
        kept_c: Reals, kept_z: Stored, kept_f: Stored, w_fc: Stored, w_ic: Stored, sums: Reals, adjoints_x: Stored
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // cell_size
        unit = index - part * cell_size
        first = part * share
        stop = min(first + share, rows)
        sum_w_ic = zero
        sum_b_i = zero
        sum_w_fc = zero
        sum_b_f = zero
        sum_b_c = zero
        sum_w_oc = zero
        sum_b_o = zero
        for item in range(first, stop):
            if t >= lengths[u32(item)]:
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = zero
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = zero
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = zero
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = zero
            else:
                pulled_product_9 = pulled_m[u32(item * cell_size + unit)]
                function_1 = kept_function_1[u32((t * batch + item) * cell_size + unit)]
                o = kept_o[u32((t * batch + item) * cell_size + unit)]
                next_c_before_from_loop = carry_c[u32(
                    (((t + 1) & 1) * batch + item) * cell_size + unit
                )] if t + 1 < lengths[item] else zero
                last_error_c_ = last_error_c[u32(item * cell_size + unit)] if t + 1 == lengths[item] else zero
                i = kept_i[u32((t * batch + item) * cell_size + unit)]
                c_before = kept_c[u32((t * batch + item) * cell_size + unit)]
                z = kept_z[u32((t * batch + item) * cell_size + unit)]
                f = kept_f[u32((t * batch + item) * cell_size + unit)]
                c = kept_c[u32(((t + 1) * batch + item) * cell_size + unit)]
                d_m = pulled_product_9  # (B.2)
                d_o = function_1 * d_m  # (B.3)
                d_o_bar = o * d_o * (one - o)  # (B.4)
                d_c = next_c_before_from_loop + o * d_m * (one - function_1 * function_1) + w_oc[u32(unit)] * d_o_bar + last_error_c_  # (B.5)
                d_z = i * d_c  # (B.6)
                d_f = c_before * d_c  # (B.7)
                d_i = z * d_c  # (B.8)
                d_z_bar = d_z * (one - z * z)  # (B.9)
                d_f_bar = f * d_f * (one - f)  # (B.10)
                d_i_bar = i * d_i * (one - i)  # (B.11)
                d_c_before_from_loop = f * d_c + w_fc[u32(unit)] * d_f_bar + w_ic[u32(unit)] * d_i_bar
                carry_c[u32(((t & 1) * batch + item) * cell_size + unit)] = d_c_before_from_loop
                sum_w_ic += c_before * d_i_bar  # (B.15)
                sum_b_i += d_i_bar  # (B.16)
                sum_w_fc += c_before * d_f_bar  # (B.19)
                sum_b_f += d_f_bar  # (B.20)
                sum_b_c += d_z_bar  # (B.23)
                sum_w_oc += c * d_o_bar  # (B.26)
                sum_b_o += d_o_bar  # (B.27)
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = d_i_bar
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = d_f_bar
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = d_z_bar
                adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = d_o_bar

        if first < rows:
            sums[u32(part * (7 * cell_size) + unit)] += sum_w_ic
            sums[u32(part * (7 * cell_size) + cell_size + unit)] += sum_b_i
            sums[u32(part * (7 * cell_size) + 2 * cell_size + unit)] += sum_w_fc
            sums[u32(part * (7 * cell_size) + 3 * cell_size + unit)] += sum_b_f
            sums[u32(part * (7 * cell_size) + 4 * cell_size + unit)] += sum_b_c
            sums[u32(part * (7 * cell_size) + 5 * cell_size + unit)] += sum_w_oc
            sums[u32(part * (7 * cell_size) + 6 * cell_size + unit)] += sum_b_o


    def backward_3(
        rows: Count, share: Count, t: Count, lengths: Counts, pulled_r_before: Reals, hidden_size: Count, carry_r:
        Reals, batch: Count
    ):
        index = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        part = index // hidden_size
        unit = index - part * hidden_size
        first = part * share
        stop = min(first + share, rows)
        for item in range(first, stop):
            if t < lengths[u32(item)]:
                pulled_product_2 = pulled_r_before[u32(item * hidden_size + unit)]
                carry_r[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2


    return (forward_1, forward_2, backward_1, backward_2, backward_3, )


def forward_block(cuda, real, lanes, hidden_size, cell_size):
    """The loop over time as one kernel, of which a block runs a sequence: `lanes` neighbouring threads share a unit."""
    u32, u64 = np.uint32, np.uint64
    halvings = lanes.bit_length() - 1
    one = real(1)
    zero = real(0)
    count_r = -(-(hidden_size) // lanes)
    room_r = count_r * lanes
    rooms_r = 2 * room_r
    count_m = -(-(cell_size) // lanes)
    room_m = count_m * lanes
    rooms_m = 2 * room_m

    def forward_loop(
        batch: Count, steps: Count, lengths: Counts, keep: Count, packed_r_before: Stored, packed_m: Stored, products_x:
        Reals, w_ic: Stored, b_i: Stored, w_fc: Stored, b_f: Stored, b_c: Stored, kept_i: Stored, kept_f: Stored,
        kept_z: Stored, kept_c: Reals, w_oc: Stored, b_o: Stored, kept_o: Stored, kept_function_1: Stored, kept_m:
        Stored, out_r: Stored, kept_r: Stored
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared_r = cuda.shared.array(rooms_r, real)
        for index in range(cuda.threadIdx.x, rooms_r, cuda.blockDim.x):
            shared_r[u32(index)] = zero
        shared_m = cuda.shared.array(rooms_m, real)
        for index in range(cuda.threadIdx.x, rooms_m, cuda.blockDim.x):
            shared_m[u32(index)] = zero
        weights_of_W_ir_product = cuda.local.array(count_r, real)
        for number in range(count_r - 1):
            column = number * lanes + lane
            weights_of_W_ir_product[u32(number)] = (
                packed_r_before[u64(unit * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r - 1) * lanes + lane
        weights_of_W_ir_product[u32(count_r - 1)] = (
            packed_r_before[u64(unit * hidden_size + column)] if column < hidden_size and unit < cell_size else zero
        )
        weights_of_W_fr_product = cuda.local.array(count_r, real)
        for number in range(count_r - 1):
            column = number * lanes + lane
            weights_of_W_fr_product[u32(number)] = (
                packed_r_before[u64((cell_size + unit) * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r - 1) * lanes + lane
        weights_of_W_fr_product[u32(count_r - 1)] = (
            packed_r_before[u64((cell_size + unit) * hidden_size + column)] if column < hidden_size and unit < cell_size
            else zero
        )
        weights_of_W_cr_product = cuda.local.array(count_r, real)
        for number in range(count_r - 1):
            column = number * lanes + lane
            weights_of_W_cr_product[u32(number)] = (
                packed_r_before[u64((2 * cell_size + unit) * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r - 1) * lanes + lane
        weights_of_W_cr_product[u32(count_r - 1)] = (
            packed_r_before[u64((2 * cell_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            cell_size else zero
        )
        weights_of_W_or_product = cuda.local.array(count_r, real)
        for number in range(count_r - 1):
            column = number * lanes + lane
            weights_of_W_or_product[u32(number)] = (
                packed_r_before[u64((3 * cell_size + unit) * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r - 1) * lanes + lane
        weights_of_W_or_product[u32(count_r - 1)] = (
            packed_r_before[u64((3 * cell_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            cell_size else zero
        )
        weights_of_W_rm_product = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = number * lanes + lane
            weights_of_W_rm_product[u32(number)] = (
                packed_m[u64(unit * cell_size + column)] if unit < hidden_size else zero
            )
        column = (count_m - 1) * lanes + lane
        weights_of_W_rm_product[u32(count_m - 1)] = (
            packed_m[u64(unit * cell_size + column)] if column < cell_size and unit < hidden_size else zero
        )
        if unit < cell_size:
            own_w_ic = w_ic[u32(unit)]
            own_b_i = b_i[u32(unit)]
            own_w_fc = w_fc[u32(unit)]
            own_b_f = b_f[u32(unit)]
            own_b_c = b_c[u32(unit)]
            own_w_oc = w_oc[u32(unit)]
            own_b_o = b_o[u32(unit)]
        cuda.syncthreads()
        c_before = zero
        if unit < cell_size:
            c_before = kept_c[u32(item * cell_size + unit)]
        if unit < hidden_size:
            if lane == 0:
                shared_r[u32(unit)] = kept_r[u32(item * hidden_size + unit)]
        for t in range(lengths[u32(item)]):
            now = t + 1 if keep else (t + 1) & 1
            here = t if keep else 0
            if unit < cell_size:
                W_ix_product = products_x[u32((t * batch + item) * (4 * cell_size) + unit)]
                W_fx_product = products_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)]
                W_cx_product = products_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)]
                W_ox_product = products_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)]
            cuda.syncthreads()
            W_ir_product = zero
            W_fr_product = zero
            W_cr_product = zero
            W_or_product = zero
            for number in range(count_r):
                operand = shared_r[u64((t & 1) * room_r + lane + number * lanes)]
                W_ir_product += weights_of_W_ir_product[u32(number)] * operand
                W_fr_product += weights_of_W_fr_product[u32(number)] * operand
                W_cr_product += weights_of_W_cr_product[u32(number)] * operand
                W_or_product += weights_of_W_or_product[u32(number)] * operand
            for halving in range(halvings):
                W_ir_product += cuda.shfl_xor_sync(0xFFFFFFFF, W_ir_product, 1 << halving)
                W_fr_product += cuda.shfl_xor_sync(0xFFFFFFFF, W_fr_product, 1 << halving)
                W_cr_product += cuda.shfl_xor_sync(0xFFFFFFFF, W_cr_product, 1 << halving)
                W_or_product += cuda.shfl_xor_sync(0xFFFFFFFF, W_or_product, 1 << halving)
            if unit < cell_size:
                i_bar = W_ix_product + W_ir_product + own_w_ic * c_before + own_b_i  # (F.1)
                f_bar = W_fx_product + W_fr_product + own_w_fc * c_before + own_b_f  # (F.2)
                z_bar = W_cx_product + W_cr_product + own_b_c  # (F.3)
                i = one / (one + math.exp(-i_bar))  # (F.4)
                f = one / (one + math.exp(-f_bar))  # (F.5)
                z = math.tanh(z_bar)  # (F.6)
                c = f * c_before + i * z  # (F.7)
                o_bar = W_ox_product + W_or_product + own_w_oc * c + own_b_o  # (F.8)
                o = one / (one + math.exp(-o_bar))  # (F.9)
                function_1 = math.tanh(c)
                m = o * function_1  # (F.10)
                if lane == 0:
                    kept_i[u32((here * batch + item) * cell_size + unit)] = i
                    kept_f[u32((here * batch + item) * cell_size + unit)] = f
                    kept_z[u32((here * batch + item) * cell_size + unit)] = z
                    kept_c[u32((now * batch + item) * cell_size + unit)] = c
                    kept_o[u32((here * batch + item) * cell_size + unit)] = o
                    kept_function_1[u32((here * batch + item) * cell_size + unit)] = function_1
                    kept_m[u32((here * batch + item) * cell_size + unit)] = m
                    shared_m[u32(((t + 1) & 1) * room_m + unit)] = m
            cuda.syncthreads()
            W_rm_product = zero
            for number in range(count_m):
                operand = shared_m[u64(((t + 1) & 1) * room_m + lane + number * lanes)]
                W_rm_product += weights_of_W_rm_product[u32(number)] * operand
            for halving in range(halvings):
                W_rm_product += cuda.shfl_xor_sync(0xFFFFFFFF, W_rm_product, 1 << halving)
            if unit < hidden_size:
                r = W_rm_product  # (F.11)
                if lane == 0:
                    kept_r[u32((now * batch + item) * hidden_size + unit)] = r
                    shared_r[u32(((t + 1) & 1) * room_r + unit)] = r
                    out_r[u32((t * batch + item) * hidden_size + unit)] = r
            if unit < cell_size:
                c_before = c
        # A sequence without steps: the other lanes may still read the row that the first one writes to.
        cuda.syncthreads()
        for t in range(lengths[u32(item)], steps):
            now = t + 1 if keep else (t + 1) & 1
            before = t if keep else t & 1
            here = t if keep else 0
            if unit < cell_size:
                if lane == 0:
                    kept_c[u32((now * batch + item) * cell_size + unit)] = (
                        kept_c[u32((before * batch + item) * cell_size + unit)]
                    )
                    kept_m[u32((here * batch + item) * cell_size + unit)] = zero
            if unit < hidden_size:
                if lane == 0:
                    kept_r[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_r[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_r[u32((t * batch + item) * hidden_size + unit)] = zero

    return (forward_loop,)


def backward_block(cuda, real, lanes, hidden_size, cell_size):
    """The loop over time as one kernel, of which a block runs a sequence: `lanes` neighbouring threads share a unit."""
    u32, u64 = np.uint32, np.uint64
    halvings = lanes.bit_length() - 1
    one = real(1)
    zero = real(0)
    count_m_ = -(-(hidden_size) // lanes)
    room_m_ = count_m_ * lanes
    rooms_m_ = 2 * room_m_
    count_r_before = -(-(4 * cell_size) // lanes)
    room_r_before = count_r_before * lanes
    rooms_r_before = 2 * room_r_before

    def backward_loop(
        batch: Count, steps: Count, lengths: Counts, packed_m: Stored, packed_r_before: Stored, last_error_r: Stored,
        error_r: Stored, adjoints_m: Stored, kept_function_1: Stored, kept_o: Stored, last_error_c: Stored, w_oc:
        Stored, kept_i: Stored, kept_c: Reals, kept_z: Stored, kept_f: Stored, w_fc: Stored, w_ic: Stored, sums: Reals,
        adjoints_x: Stored, carry_r: Reals, carry_c: Reals
    ):
        item = cuda.blockIdx.x
        unit = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared_m_ = cuda.shared.array(rooms_m_, real)
        for index in range(cuda.threadIdx.x, rooms_m_, cuda.blockDim.x):
            shared_m_[u32(index)] = zero
        shared_r_before = cuda.shared.array(rooms_r_before, real)
        for index in range(cuda.threadIdx.x, rooms_r_before, cuda.blockDim.x):
            shared_r_before[u32(index)] = zero
        weights_of_pulled_product_9 = cuda.local.array(count_m_, real)
        for number in range(count_m_ - 1):
            column = number * lanes + lane
            weights_of_pulled_product_9[u32(number)] = (
                packed_m[u64(column * cell_size + unit)] if unit < cell_size else zero
            )
        column = (count_m_ - 1) * lanes + lane
        weights_of_pulled_product_9[u32(count_m_ - 1)] = (
            packed_m[u64(column * cell_size + unit)] if column < hidden_size and unit < cell_size else zero
        )
        weights_of_pulled_product_2 = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = number * lanes + lane
            weights_of_pulled_product_2[u32(number)] = (
                packed_r_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = (count_r_before - 1) * lanes + lane
        weights_of_pulled_product_2[u32(count_r_before - 1)] = (
            packed_r_before[u64(column * hidden_size + unit)] if column < 4 * cell_size and unit < hidden_size else zero
        )
        if unit < cell_size:
            own_w_oc_ = w_oc[u32(unit)]
            own_w_fc_ = w_fc[u32(unit)]
            own_w_ic_ = w_ic[u32(unit)]
        sum_w_ic = zero
        sum_b_i = zero
        sum_w_fc = zero
        sum_b_f = zero
        sum_b_c = zero
        sum_w_oc = zero
        sum_b_o = zero
        cuda.syncthreads()
        next_r_before_from_loop = zero
        next_c_before_from_loop = zero
        for t in range(lengths[u32(item)], steps):
            if unit < hidden_size:
                if lane == 0:
                    adjoints_m[u32((t * batch + item) * hidden_size + unit)] = zero
            if unit < cell_size:
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = zero
        for t in range(lengths[u32(item)] - 1, -1, -1):
            if unit < hidden_size:
                last_error_r_ = last_error_r[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                error_r_ = error_r[u32((t * batch + item) * hidden_size + unit)]
            if unit < cell_size:
                function_1 = kept_function_1[u32((t * batch + item) * cell_size + unit)]
                o = kept_o[u32((t * batch + item) * cell_size + unit)]
                last_error_c_ = last_error_c[u32(item * cell_size + unit)] if t + 1 == lengths[item] else zero
                i = kept_i[u32((t * batch + item) * cell_size + unit)]
                c_before = kept_c[u32((t * batch + item) * cell_size + unit)]
                z = kept_z[u32((t * batch + item) * cell_size + unit)]
                f = kept_f[u32((t * batch + item) * cell_size + unit)]
                c = kept_c[u32(((t + 1) * batch + item) * cell_size + unit)]
            if unit < hidden_size:
                d_r = next_r_before_from_loop + last_error_r_ + error_r_  # (B.1)
                if lane == 0:
                    adjoints_m[u32((t * batch + item) * hidden_size + unit)] = d_r
                    shared_m_[u32((t & 1) * room_m_ + unit)] = d_r
            cuda.syncthreads()
            pulled_product_9 = zero
            for number in range(count_m_):
                operand = shared_m_[u64((t & 1) * room_m_ + lane + number * lanes)]
                pulled_product_9 += weights_of_pulled_product_9[u32(number)] * operand
            for halving in range(halvings):
                pulled_product_9 += cuda.shfl_xor_sync(0xFFFFFFFF, pulled_product_9, 1 << halving)
            if unit < cell_size:
                d_m = pulled_product_9  # (B.2)
                d_o = function_1 * d_m  # (B.3)
                d_o_bar = o * d_o * (one - o)  # (B.4)
                d_c = next_c_before_from_loop + o * d_m * (one - function_1 * function_1) + own_w_oc_ * d_o_bar + last_error_c_  # (B.5)
                d_z = i * d_c  # (B.6)
                d_f = c_before * d_c  # (B.7)
                d_i = z * d_c  # (B.8)
                d_z_bar = d_z * (one - z * z)  # (B.9)
                d_f_bar = f * d_f * (one - f)  # (B.10)
                d_i_bar = i * d_i * (one - i)  # (B.11)
                d_c_before_from_loop = f * d_c + own_w_fc_ * d_f_bar + own_w_ic_ * d_i_bar
                sum_w_ic += c_before * d_i_bar  # (B.15)
                sum_b_i += d_i_bar  # (B.16)
                sum_w_fc += c_before * d_f_bar  # (B.19)
                sum_b_f += d_f_bar  # (B.20)
                sum_b_c += d_z_bar  # (B.23)
                sum_w_oc += c * d_o_bar  # (B.26)
                sum_b_o += d_o_bar  # (B.27)
                if lane == 0:
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = d_i_bar
                    shared_r_before[u32((t & 1) * room_r_before + unit)] = d_i_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = d_f_bar
                    shared_r_before[u32((t & 1) * room_r_before + cell_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = d_z_bar
                    shared_r_before[u32((t & 1) * room_r_before + 2 * cell_size + unit)] = d_z_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = d_o_bar
                    shared_r_before[u32((t & 1) * room_r_before + 3 * cell_size + unit)] = d_o_bar
            cuda.syncthreads()
            pulled_product_2 = zero
            for number in range(count_r_before):
                operand = shared_r_before[u64((t & 1) * room_r_before + lane + number * lanes)]
                pulled_product_2 += weights_of_pulled_product_2[u32(number)] * operand
            for halving in range(halvings):
                pulled_product_2 += cuda.shfl_xor_sync(0xFFFFFFFF, pulled_product_2, 1 << halving)
            if unit < hidden_size:
                next_r_before_from_loop = pulled_product_2
            if unit < cell_size:
                next_c_before_from_loop = d_c_before_from_loop
        if unit < hidden_size:
            if lane == 0:
                carry_r[u32(item * hidden_size + unit)] = next_r_before_from_loop
        if unit < cell_size:
            if lane == 0:
                carry_c[u32(item * cell_size + unit)] = next_c_before_from_loop
                sums[u32(item * (7 * cell_size) + unit)] += sum_w_ic
                sums[u32(item * (7 * cell_size) + cell_size + unit)] += sum_b_i
                sums[u32(item * (7 * cell_size) + 2 * cell_size + unit)] += sum_w_fc
                sums[u32(item * (7 * cell_size) + 3 * cell_size + unit)] += sum_b_f
                sums[u32(item * (7 * cell_size) + 4 * cell_size + unit)] += sum_b_c
                sums[u32(item * (7 * cell_size) + 5 * cell_size + unit)] += sum_w_oc
                sums[u32(item * (7 * cell_size) + 6 * cell_size + unit)] += sum_b_o

    return (backward_loop,)


def forward_grid(cuda, real, lanes, items, hidden_size, cell_size):
    """The loop over time as one kernel that all blocks run together: not yet run on a device.

    `lanes` neighbouring threads share a unit, and a block holds the operands of `items` sequences at a time.
    """
    u32, u64 = np.uint32, np.uint64
    load_acquire, store_release = ordered.accesses(cuda)
    halvings = lanes.bit_length() - 1
    tile, moves = min(grids.TILE, lanes), grids.MOVES
    one = real(1)
    zero = real(0)
    count_r_before = -(-(hidden_size) // lanes)
    room_r_before = count_r_before * lanes
    begin_r_before = 0
    count_m = -(-(cell_size) // (4 * lanes))
    room_m = count_m * 4 * lanes
    begin_m = 0
    parts = items * room_m

    def forward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, packed_r_before: Stored, packed_m:
        Stored, kept_r: Stored, products_x: Reals, kept_c: Reals, w_ic: Stored, b_i: Stored, w_fc: Stored, b_f: Stored,
        b_c: Stored, kept_i: Stored, kept_f: Stored, kept_z: Stored, w_oc: Stored, b_o: Stored, kept_o: Stored,
        kept_function_1: Stored, kept_m: Stored, out_r: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        groups = cuda.blockDim.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        totals_W_ir_product = cuda.local.array(tile, real)
        weights_of_W_ir_product = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = number * lanes + lane
            weights_of_W_ir_product[u32(number)] = (
                packed_r_before[u64(unit * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r_before - 1) * lanes + lane
        weights_of_W_ir_product[u32(count_r_before - 1)] = (
            packed_r_before[u64(unit * hidden_size + column)] if column < hidden_size and unit < cell_size else zero
        )
        totals_W_fr_product = cuda.local.array(tile, real)
        weights_of_W_fr_product = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = number * lanes + lane
            weights_of_W_fr_product[u32(number)] = (
                packed_r_before[u64((cell_size + unit) * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r_before - 1) * lanes + lane
        weights_of_W_fr_product[u32(count_r_before - 1)] = (
            packed_r_before[u64((cell_size + unit) * hidden_size + column)] if column < hidden_size and unit < cell_size
            else zero
        )
        totals_W_cr_product = cuda.local.array(tile, real)
        weights_of_W_cr_product = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = number * lanes + lane
            weights_of_W_cr_product[u32(number)] = (
                packed_r_before[u64((2 * cell_size + unit) * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r_before - 1) * lanes + lane
        weights_of_W_cr_product[u32(count_r_before - 1)] = (
            packed_r_before[u64((2 * cell_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            cell_size else zero
        )
        totals_W_or_product = cuda.local.array(tile, real)
        weights_of_W_or_product = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = number * lanes + lane
            weights_of_W_or_product[u32(number)] = (
                packed_r_before[u64((3 * cell_size + unit) * hidden_size + column)] if unit < cell_size else zero
            )
        column = (count_r_before - 1) * lanes + lane
        weights_of_W_or_product[u32(count_r_before - 1)] = (
            packed_r_before[u64((3 * cell_size + unit) * hidden_size + column)] if column < hidden_size and unit <
            cell_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * (group & -4)
        totals_W_rm_product = cuda.local.array(tile, real)
        weights_of_W_rm_product = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_W_rm_product[u32(number)] = (
                packed_m[u64(unit * cell_size + column)] if unit < hidden_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_W_rm_product[u32(count_m - 1)] = (
            packed_m[u64(unit * cell_size + column)] if column < cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 1)
        totals_W_rm_product_2 = cuda.local.array(tile, real)
        weights_of_W_rm_product_2 = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_W_rm_product_2[u32(number)] = (
                packed_m[u64(unit * cell_size + column)] if unit < hidden_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_W_rm_product_2[u32(count_m - 1)] = (
            packed_m[u64(unit * cell_size + column)] if column < cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 2)
        totals_W_rm_product_3 = cuda.local.array(tile, real)
        weights_of_W_rm_product_3 = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_W_rm_product_3[u32(number)] = (
                packed_m[u64(unit * cell_size + column)] if unit < hidden_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_W_rm_product_3[u32(count_m - 1)] = (
            packed_m[u64(unit * cell_size + column)] if column < cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 3)
        totals_W_rm_product_4 = cuda.local.array(tile, real)
        weights_of_W_rm_product_4 = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_W_rm_product_4[u32(number)] = (
                packed_m[u64(unit * cell_size + column)] if unit < hidden_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_W_rm_product_4[u32(count_m - 1)] = (
            packed_m[u64(unit * cell_size + column)] if column < cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < cell_size:
            own_w_ic = w_ic[u32(unit)]
            own_b_i = b_i[u32(unit)]
            own_w_fc = w_fc[u32(unit)]
            own_b_f = b_f[u32(unit)]
            own_b_c = b_c[u32(unit)]
            own_w_oc = w_oc[u32(unit)]
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
                filled = (rows + tile - 1) // tile * tile * room_r_before
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_r_before))
                        column = u32(index - row * u32(room_r_before))
                        item = first + row
                        moved[u32(number)] = (
                            kept_r[u32((before * batch + item) * hidden_size + column)] if row < rows and column <
                            hidden_size else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_r_before + index)] = moved[u32(number)]
                    start += moves * cuda.blockDim.x
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < cell_size:
                    W_ix_product = products_x[u32((t * batch + item) * (4 * cell_size) + unit)]
                    c_before = kept_c[u32((before * batch + item) * cell_size + unit)]
                    W_fx_product = products_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)]
                    W_cx_product = products_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)]
                    W_ox_product = products_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)]
                cuda.syncthreads()
                W_ir_product = zero
                W_fr_product = zero
                W_cr_product = zero
                W_or_product = zero
                for number in range(0, rows, tile):
                    for each in range(tile):
                        totals_W_ir_product[u32(each)] = zero
                        totals_W_fr_product[u32(each)] = zero
                        totals_W_cr_product[u32(each)] = zero
                        totals_W_or_product[u32(each)] = zero
                    # In two halves: all columns in one loop are too many for the compiler to unroll on every device,
                    # and weights at an index that it does not know lie in local memory.
                    for column in range(count_r_before // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_r_before + (number + each) * room_r_before + column * lanes + lane
                            )]
                            totals_W_ir_product[u32(each)] += weights_of_W_ir_product[u32(column)] * operand
                            totals_W_fr_product[u32(each)] += weights_of_W_fr_product[u32(column)] * operand
                            totals_W_cr_product[u32(each)] += weights_of_W_cr_product[u32(column)] * operand
                            totals_W_or_product[u32(each)] += weights_of_W_or_product[u32(column)] * operand
                    for column in range(count_r_before // 2, count_r_before):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_r_before + (number + each) * room_r_before + column * lanes + lane
                            )]
                            totals_W_ir_product[u32(each)] += weights_of_W_ir_product[u32(column)] * operand
                            totals_W_fr_product[u32(each)] += weights_of_W_fr_product[u32(column)] * operand
                            totals_W_cr_product[u32(each)] += weights_of_W_cr_product[u32(column)] * operand
                            totals_W_or_product[u32(each)] += weights_of_W_or_product[u32(column)] * operand
                    for halving in range(halvings):
                        for each in range(tile):
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_ir_product[u32(each)], 1 << halving)
                            totals_W_ir_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_fr_product[u32(each)], 1 << halving)
                            totals_W_fr_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_cr_product[u32(each)], 1 << halving)
                            totals_W_cr_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_or_product[u32(each)], 1 << halving)
                            totals_W_or_product[u32(each)] += operand
                    for each in range(tile):
                        if lane == number + each:
                            W_ir_product = totals_W_ir_product[u32(each)]
                            W_fr_product = totals_W_fr_product[u32(each)]
                            W_cr_product = totals_W_cr_product[u32(each)]
                            W_or_product = totals_W_or_product[u32(each)]
                if runs and unit < cell_size:
                    i_bar = W_ix_product + W_ir_product + own_w_ic * c_before + own_b_i  # (F.1)
                    f_bar = W_fx_product + W_fr_product + own_w_fc * c_before + own_b_f  # (F.2)
                    z_bar = W_cx_product + W_cr_product + own_b_c  # (F.3)
                    i = one / (one + math.exp(-i_bar))  # (F.4)
                    kept_i[u32((here * batch + item) * cell_size + unit)] = i
                    f = one / (one + math.exp(-f_bar))  # (F.5)
                    kept_f[u32((here * batch + item) * cell_size + unit)] = f
                    z = math.tanh(z_bar)  # (F.6)
                    kept_z[u32((here * batch + item) * cell_size + unit)] = z
                    c = f * c_before + i * z  # (F.7)
                    kept_c[u32((now * batch + item) * cell_size + unit)] = c
                    o_bar = W_ox_product + W_or_product + own_w_oc * c + own_b_o  # (F.8)
                    o = one / (one + math.exp(-o_bar))  # (F.9)
                    kept_o[u32((here * batch + item) * cell_size + unit)] = o
                    function_1 = math.tanh(c)
                    kept_function_1[u32((here * batch + item) * cell_size + unit)] = function_1
                    m = o * function_1  # (F.10)
                    kept_m[u32((here * batch + item) * cell_size + unit)] = m
                elif lane < rows and unit < cell_size:
                    kept_c[u32((now * batch + item) * cell_size + unit)] = (
                        kept_c[u32((before * batch + item) * cell_size + unit)]
                    )
                    kept_m[u32((here * batch + item) * cell_size + unit)] = zero
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
                filled = (rows + tile - 1) // tile * tile * room_m
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_m))
                        column = u32(index - row * u32(room_m))
                        item = first + row
                        moved[u32(number)] = (
                            kept_m[u32((here * batch + item) * cell_size + column)] if row < rows and column < cell_size
                            else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_m + index)] = moved[u32(number)]
                    start += moves * cuda.blockDim.x
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                cuda.syncthreads()
                for number in range(0, rows, tile):
                    for each in range(tile):
                        totals_W_rm_product[u32(each)] = zero
                        totals_W_rm_product_2[u32(each)] = zero
                        totals_W_rm_product_3[u32(each)] = zero
                        totals_W_rm_product_4[u32(each)] = zero
                    # In two halves: all columns in one loop are too many for the compiler to unroll on every device,
                    # and weights at an index that it does not know lie in local memory.
                    for column in range(count_m // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_m + (number + each) * room_m + (column * 4 + (group & 3)) * lanes + lane
                            )]
                            totals_W_rm_product[u32(each)] += weights_of_W_rm_product[u32(column)] * operand
                            totals_W_rm_product_2[u32(each)] += weights_of_W_rm_product_2[u32(column)] * operand
                            totals_W_rm_product_3[u32(each)] += weights_of_W_rm_product_3[u32(column)] * operand
                            totals_W_rm_product_4[u32(each)] += weights_of_W_rm_product_4[u32(column)] * operand
                    for column in range(count_m // 2, count_m):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_m + (number + each) * room_m + (column * 4 + (group & 3)) * lanes + lane
                            )]
                            totals_W_rm_product[u32(each)] += weights_of_W_rm_product[u32(column)] * operand
                            totals_W_rm_product_2[u32(each)] += weights_of_W_rm_product_2[u32(column)] * operand
                            totals_W_rm_product_3[u32(each)] += weights_of_W_rm_product_3[u32(column)] * operand
                            totals_W_rm_product_4[u32(each)] += weights_of_W_rm_product_4[u32(column)] * operand
                    for halving in range(halvings):
                        for each in range(tile):
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_rm_product[u32(each)], 1 << halving)
                            totals_W_rm_product[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_rm_product_2[u32(each)], 1 << halving)
                            totals_W_rm_product_2[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_rm_product_3[u32(each)], 1 << halving)
                            totals_W_rm_product_3[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_W_rm_product_4[u32(each)], 1 << halving)
                            totals_W_rm_product_4[u32(each)] += operand
                    for each in range(tile):
                        if lane == number + each:
                            shared[u32(parts + (((group & 3)) * groups + (group & -4)) * items + lane)] = (
                                totals_W_rm_product[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 1) * items + lane)] = (
                                totals_W_rm_product_2[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 2) * items + lane)] = (
                                totals_W_rm_product_3[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 3) * items + lane)] = (
                                totals_W_rm_product_4[u32(each)]
                            )
                cuda.syncthreads()
                if lane < rows:
                    W_rm_product = shared[u32(parts + (0 * groups + group) * items + lane)]
                    W_rm_product += shared[u32(parts + (1 * groups + group) * items + lane)]
                    W_rm_product += shared[u32(parts + (2 * groups + group) * items + lane)]
                    W_rm_product += shared[u32(parts + (3 * groups + group) * items + lane)]
                if runs and unit < hidden_size:
                    r = W_rm_product  # (F.11)
                    kept_r[u32((now * batch + item) * hidden_size + unit)] = r
                    out_r[u32((t * batch + item) * hidden_size + unit)] = r
                elif lane < rows and unit < hidden_size:
                    kept_r[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_r[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_r[u32((t * batch + item) * hidden_size + unit)] = zero

    return (forward_grid_loop,)


def backward_grid(cuda, real, lanes, items, hidden_size, cell_size):
    """The loop over time as one kernel that all blocks run together: not yet run on a device.

    `lanes` neighbouring threads share a unit, and a block holds the operands of `items` sequences at a time.
    """
    u32, u64 = np.uint32, np.uint64
    load_acquire, store_release = ordered.accesses(cuda)
    halvings = lanes.bit_length() - 1
    tile, moves = min(grids.TILE, lanes), grids.MOVES
    one = real(1)
    zero = real(0)
    count_m = -(-(hidden_size) // (4 * lanes))
    room_m = count_m * 4 * lanes
    begin_m = 0
    parts = items * room_m
    count_r_before = -(-(4 * cell_size) // (4 * lanes))
    room_r_before = count_r_before * 4 * lanes
    begin_r_before = 0
    parts_ = items * room_r_before

    def backward_grid_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, packed_m: Stored, packed_r_before: Stored,
        carry_r: Reals, last_error_r: Stored, error_r: Stored, adjoints_m: Stored, kept_function_1: Stored, kept_o:
        Stored, carry_c: Reals, last_error_c: Stored, w_oc: Stored, kept_i: Stored, kept_c: Reals, kept_z: Stored,
        kept_f: Stored, w_fc: Stored, w_ic: Stored, sums: Reals, adjoints_x: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        groups = cuda.blockDim.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        shared = cuda.shared.array(0, real)
        moved = cuda.local.array(moves, real)
        unit = cuda.blockIdx.x + cuda.gridDim.x * (group & -4)
        totals_pulled_product_9 = cuda.local.array(tile, real)
        weights_of_pulled_product_9 = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_9[u32(number)] = (
                packed_m[u64(column * cell_size + unit)] if unit < cell_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_9[u32(count_m - 1)] = (
            packed_m[u64(column * cell_size + unit)] if column < hidden_size and unit < cell_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 1)
        totals_pulled_product_9_2 = cuda.local.array(tile, real)
        weights_of_pulled_product_9_2 = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_9_2[u32(number)] = (
                packed_m[u64(column * cell_size + unit)] if unit < cell_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_9_2[u32(count_m - 1)] = (
            packed_m[u64(column * cell_size + unit)] if column < hidden_size and unit < cell_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 2)
        totals_pulled_product_9_3 = cuda.local.array(tile, real)
        weights_of_pulled_product_9_3 = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_9_3[u32(number)] = (
                packed_m[u64(column * cell_size + unit)] if unit < cell_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_9_3[u32(count_m - 1)] = (
            packed_m[u64(column * cell_size + unit)] if column < hidden_size and unit < cell_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 3)
        totals_pulled_product_9_4 = cuda.local.array(tile, real)
        weights_of_pulled_product_9_4 = cuda.local.array(count_m, real)
        for number in range(count_m - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_9_4[u32(number)] = (
                packed_m[u64(column * cell_size + unit)] if unit < cell_size else zero
            )
        column = ((count_m - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_9_4[u32(count_m - 1)] = (
            packed_m[u64(column * cell_size + unit)] if column < hidden_size and unit < cell_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * (group & -4)
        totals_pulled_product_2 = cuda.local.array(tile, real)
        weights_of_pulled_product_2 = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2[u32(number)] = (
                packed_r_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_r_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2[u32(count_r_before - 1)] = (
            packed_r_before[u64(column * hidden_size + unit)] if column < 4 * cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 1)
        totals_pulled_product_2_2 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_2 = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_2[u32(number)] = (
                packed_r_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_r_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_2[u32(count_r_before - 1)] = (
            packed_r_before[u64(column * hidden_size + unit)] if column < 4 * cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 2)
        totals_pulled_product_2_3 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_3 = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_3[u32(number)] = (
                packed_r_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_r_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_3[u32(count_r_before - 1)] = (
            packed_r_before[u64(column * hidden_size + unit)] if column < 4 * cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * ((group & -4) + 3)
        totals_pulled_product_2_4 = cuda.local.array(tile, real)
        weights_of_pulled_product_2_4 = cuda.local.array(count_r_before, real)
        for number in range(count_r_before - 1):
            column = (number * 4 + (group & 3)) * lanes + lane
            weights_of_pulled_product_2_4[u32(number)] = (
                packed_r_before[u64(column * hidden_size + unit)] if unit < hidden_size else zero
            )
        column = ((count_r_before - 1) * 4 + (group & 3)) * lanes + lane
        weights_of_pulled_product_2_4[u32(count_r_before - 1)] = (
            packed_r_before[u64(column * hidden_size + unit)] if column < 4 * cell_size and unit < hidden_size else zero
        )
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < cell_size:
            own_w_oc = w_oc[u32(unit)]
            own_w_fc = w_fc[u32(unit)]
            own_w_ic = w_ic[u32(unit)]
        sum_w_ic = zero
        sum_b_i = zero
        sum_w_fc = zero
        sum_b_f = zero
        sum_b_c = zero
        sum_w_oc = zero
        sum_b_o = zero
        passed = 0
        for t in range(steps - 1, -1, -1):
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    next_r_before_from_loop = carry_r[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_r_ = last_error_r[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    error_r_ = error_r[u32((t * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_r = next_r_before_from_loop + last_error_r_ + error_r_  # (B.1)
                    adjoints_m[u32((t * batch + item) * hidden_size + unit)] = d_r
                elif lane < rows and unit < hidden_size:
                    adjoints_m[u32((t * batch + item) * hidden_size + unit)] = zero
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
                filled = (rows + tile - 1) // tile * tile * room_m
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_m))
                        column = u32(index - row * u32(room_m))
                        item = first + row
                        moved[u32(number)] = (
                            adjoints_m[u32((t * batch + item) * hidden_size + column)] if row < rows and column <
                            hidden_size else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_m + index)] = moved[u32(number)]
                    start += moves * cuda.blockDim.x
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < cell_size:
                    function_1 = kept_function_1[u32((t * batch + item) * cell_size + unit)]
                    o = kept_o[u32((t * batch + item) * cell_size + unit)]
                    next_c_before_from_loop = carry_c[u32(
                        (((t + 1) & 1) * batch + item) * cell_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[u32(item * cell_size + unit)] if t + 1 == lengths[item] else zero
                    i = kept_i[u32((t * batch + item) * cell_size + unit)]
                    c_before = kept_c[u32((t * batch + item) * cell_size + unit)]
                    z = kept_z[u32((t * batch + item) * cell_size + unit)]
                    f = kept_f[u32((t * batch + item) * cell_size + unit)]
                    c = kept_c[u32(((t + 1) * batch + item) * cell_size + unit)]
                cuda.syncthreads()
                for number in range(0, rows, tile):
                    for each in range(tile):
                        totals_pulled_product_9[u32(each)] = zero
                        totals_pulled_product_9_2[u32(each)] = zero
                        totals_pulled_product_9_3[u32(each)] = zero
                        totals_pulled_product_9_4[u32(each)] = zero
                    # In two halves: all columns in one loop are too many for the compiler to unroll on every device,
                    # and weights at an index that it does not know lie in local memory.
                    for column in range(count_m // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_m + (number + each) * room_m + (column * 4 + (group & 3)) * lanes + lane
                            )]
                            totals_pulled_product_9[u32(each)] += weights_of_pulled_product_9[u32(column)] * operand
                            totals_pulled_product_9_2[u32(each)] += weights_of_pulled_product_9_2[u32(column)] * operand
                            totals_pulled_product_9_3[u32(each)] += weights_of_pulled_product_9_3[u32(column)] * operand
                            totals_pulled_product_9_4[u32(each)] += weights_of_pulled_product_9_4[u32(column)] * operand
                    for column in range(count_m // 2, count_m):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_m + (number + each) * room_m + (column * 4 + (group & 3)) * lanes + lane
                            )]
                            totals_pulled_product_9[u32(each)] += weights_of_pulled_product_9[u32(column)] * operand
                            totals_pulled_product_9_2[u32(each)] += weights_of_pulled_product_9_2[u32(column)] * operand
                            totals_pulled_product_9_3[u32(each)] += weights_of_pulled_product_9_3[u32(column)] * operand
                            totals_pulled_product_9_4[u32(each)] += weights_of_pulled_product_9_4[u32(column)] * operand
                    for halving in range(halvings):
                        for each in range(tile):
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_9[u32(each)], 1 << halving)
                            totals_pulled_product_9[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_9_2[u32(each)], 1 << halving)
                            totals_pulled_product_9_2[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_9_3[u32(each)], 1 << halving)
                            totals_pulled_product_9_3[u32(each)] += operand
                            operand = cuda.shfl_xor_sync(0xFFFFFFFF, totals_pulled_product_9_4[u32(each)], 1 << halving)
                            totals_pulled_product_9_4[u32(each)] += operand
                    for each in range(tile):
                        if lane == number + each:
                            shared[u32(parts + (((group & 3)) * groups + (group & -4)) * items + lane)] = (
                                totals_pulled_product_9[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 1) * items + lane)] = (
                                totals_pulled_product_9_2[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 2) * items + lane)] = (
                                totals_pulled_product_9_3[u32(each)]
                            )
                            shared[u32(parts + (((group & 3)) * groups + (group & -4) + 3) * items + lane)] = (
                                totals_pulled_product_9_4[u32(each)]
                            )
                cuda.syncthreads()
                if lane < rows:
                    pulled_product_9 = shared[u32(parts + (0 * groups + group) * items + lane)]
                    pulled_product_9 += shared[u32(parts + (1 * groups + group) * items + lane)]
                    pulled_product_9 += shared[u32(parts + (2 * groups + group) * items + lane)]
                    pulled_product_9 += shared[u32(parts + (3 * groups + group) * items + lane)]
                if runs and unit < cell_size:
                    d_m = pulled_product_9  # (B.2)
                    d_o = function_1 * d_m  # (B.3)
                    d_o_bar = o * d_o * (one - o)  # (B.4)
                    d_c = next_c_before_from_loop + o * d_m * (one - function_1 * function_1) + own_w_oc * d_o_bar + last_error_c_  # (B.5)
                    d_z = i * d_c  # (B.6)
                    d_f = c_before * d_c  # (B.7)
                    d_i = z * d_c  # (B.8)
                    d_z_bar = d_z * (one - z * z)  # (B.9)
                    d_f_bar = f * d_f * (one - f)  # (B.10)
                    d_i_bar = i * d_i * (one - i)  # (B.11)
                    d_c_before_from_loop = f * d_c + own_w_fc * d_f_bar + own_w_ic * d_i_bar
                    carry_c[u32(((t & 1) * batch + item) * cell_size + unit)] = d_c_before_from_loop
                    sum_w_ic += c_before * d_i_bar  # (B.15)
                    sum_b_i += d_i_bar  # (B.16)
                    sum_w_fc += c_before * d_f_bar  # (B.19)
                    sum_b_f += d_f_bar  # (B.20)
                    sum_b_c += d_z_bar  # (B.23)
                    sum_w_oc += c * d_o_bar  # (B.26)
                    sum_b_o += d_o_bar  # (B.27)
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = d_i_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = d_z_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = d_o_bar
                elif lane < rows and unit < cell_size:
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = zero
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
                filled = (rows + tile - 1) // tile * tile * room_r_before
                start = cuda.threadIdx.x
                while start < filled:
                    for number in range(moves):
                        index = u32(start + number * cuda.blockDim.x)
                        row = u32(index // u32(room_r_before))
                        column = u32(index - row * u32(room_r_before))
                        item = first + row
                        moved[u32(number)] = (
                            adjoints_x[u32((t * batch + item) * (4 * cell_size) + column)] if row < rows and column < 4
                            * cell_size else zero
                        )
                    for number in range(moves):
                        index = start + number * cuda.blockDim.x
                        if index < filled:
                            shared[u32(begin_r_before + index)] = moved[u32(number)]
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
                    for column in range(count_r_before // 2):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_r_before + (number + each) * room_r_before + (column * 4 + (group & 3)) * lanes +
                                lane
                            )]
                            totals_pulled_product_2[u32(each)] += weights_of_pulled_product_2[u32(column)] * operand
                            totals_pulled_product_2_2[u32(each)] += weights_of_pulled_product_2_2[u32(column)] * operand
                            totals_pulled_product_2_3[u32(each)] += weights_of_pulled_product_2_3[u32(column)] * operand
                            totals_pulled_product_2_4[u32(each)] += weights_of_pulled_product_2_4[u32(column)] * operand
                    for column in range(count_r_before // 2, count_r_before):
                        for each in range(tile):
                            operand = shared[u64(
                                begin_r_before + (number + each) * room_r_before + (column * 4 + (group & 3)) * lanes +
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
                            shared[u32(parts_ + (((group & 3)) * groups + (group & -4)) * items + lane)] = (
                                totals_pulled_product_2[u32(each)]
                            )
                            shared[u32(parts_ + (((group & 3)) * groups + (group & -4) + 1) * items + lane)] = (
                                totals_pulled_product_2_2[u32(each)]
                            )
                            shared[u32(parts_ + (((group & 3)) * groups + (group & -4) + 2) * items + lane)] = (
                                totals_pulled_product_2_3[u32(each)]
                            )
                            shared[u32(parts_ + (((group & 3)) * groups + (group & -4) + 3) * items + lane)] = (
                                totals_pulled_product_2_4[u32(each)]
                            )
                cuda.syncthreads()
                if lane < rows:
                    pulled_product_2 = shared[u32(parts_ + (0 * groups + group) * items + lane)]
                    pulled_product_2 += shared[u32(parts_ + (1 * groups + group) * items + lane)]
                    pulled_product_2 += shared[u32(parts_ + (2 * groups + group) * items + lane)]
                    pulled_product_2 += shared[u32(parts_ + (3 * groups + group) * items + lane)]
                if runs and unit < hidden_size:
                    carry_r[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2
        if lane < batch and unit < cell_size:
            sums[u32(lane * (7 * cell_size) + unit)] += sum_w_ic
            sums[u32(lane * (7 * cell_size) + cell_size + unit)] += sum_b_i
            sums[u32(lane * (7 * cell_size) + 2 * cell_size + unit)] += sum_w_fc
            sums[u32(lane * (7 * cell_size) + 3 * cell_size + unit)] += sum_b_f
            sums[u32(lane * (7 * cell_size) + 4 * cell_size + unit)] += sum_b_c
            sums[u32(lane * (7 * cell_size) + 5 * cell_size + unit)] += sum_w_oc
            sums[u32(lane * (7 * cell_size) + 6 * cell_size + unit)] += sum_b_o

    return (backward_grid_loop,)


def forward_tensor(cuda, real, threads, lanes, items, hidden_size, cell_size):
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
    rows_r_before, slices_r_before, parts_r_before = shape = tensor.tiling(4, hidden_size, threads, lanes)
    words_r_before, count_r_before, room_r_before = shape.words, shape.sums, shape.room(items)
    begin_r_before = 0
    load_r_before = tensor.loader(cuda, hidden_size, 0, hidden_size)
    rows_m, slices_m, parts_m = shape = tensor.tiling(1, cell_size, threads, lanes)
    words_m, count_m, room_m = shape.words, shape.sums, shape.room(items)
    begin_m = 0
    load_m = tensor.loader(cuda, cell_size, 0, cell_size)

    def forward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, keep: Count, packed_r_before: Stored, packed_m:
        Stored, kept_r: Stored, products_x: Reals, kept_c: Reals, w_ic: Stored, b_i: Stored, w_fc: Stored, b_f: Stored,
        b_c: Stored, kept_i: Stored, kept_f: Stored, kept_z: Stored, w_oc: Stored, b_o: Stored, kept_o: Stored,
        kept_function_1: Stored, kept_m: Stored, out_r: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        totals_r_before = cuda.local.array(count_r_before, real)
        fragments_r_before = cuda.local.array(words_r_before, u32)
        for tile in range(rows_r_before):
            row = tile * 8 + (cuda.threadIdx.x >> 2 & 7)
            matrix = row // groups
            unit = cuda.blockIdx.x + cuda.gridDim.x * (row - matrix * groups)
            place = 0
            if matrix == 0 and unit < cell_size:
                place = unit * hidden_size
            if matrix == 1 and unit < cell_size:
                place = (cell_size + unit) * hidden_size
            if matrix == 2 and unit < cell_size:
                place = (2 * cell_size + unit) * hidden_size
            if matrix == 3 and unit < cell_size:
                place = (3 * cell_size + unit) * hidden_size
            for number in range(parts_r_before):
                column = (number * slices_r_before + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_r_before else hidden_size - column
                held = u32((number * rows_r_before + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(packed_r_before, u64(place + column), 1, inside)
                fragments_r_before[held] = word_1
                fragments_r_before[held + u32(1)] = word_2
                fragments_r_before[held + u32(2)] = word_3
                fragments_r_before[held + u32(3)] = word_4
        totals_m = cuda.local.array(count_m, real)
        fragments_m = cuda.local.array(words_m, u32)
        for tile in range(rows_m):
            row = tile * 8 + (cuda.threadIdx.x >> 2 & 7)
            matrix = row // groups
            unit = cuda.blockIdx.x + cuda.gridDim.x * (row - matrix * groups)
            place = 0
            if unit < hidden_size:
                place = unit * cell_size
            for number in range(parts_m):
                column = (number * slices_m + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_m else cell_size - column
                held = u32((number * rows_m + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(packed_m, u64(place + column), 1, inside)
                fragments_m[held] = word_1
                fragments_m[held + u32(1)] = word_2
                fragments_m[held + u32(2)] = word_3
                fragments_m[held + u32(3)] = word_4
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < cell_size:
            own_w_ic = w_ic[u32(unit)]
            own_b_i = b_i[u32(unit)]
            own_w_fc = w_fc[u32(unit)]
            own_b_f = b_f[u32(unit)]
            own_b_c = b_c[u32(unit)]
            own_w_oc = w_oc[u32(unit)]
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
                origin_r_before = (before * batch + item) * hidden_size
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < cell_size:
                    W_ix_product = products_x[u32((t * batch + item) * (4 * cell_size) + unit)]
                    c_before = kept_c[u32((before * batch + item) * cell_size + unit)]
                    W_fx_product = products_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)]
                    W_cx_product = products_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)]
                    W_ox_product = products_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)]
                if warp < slices_r_before:
                    for number in range(0, rows, 16):
                        for each in range(count_r_before):
                            totals_r_before[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_r_before + min(row, rows - 1) * hidden_size + place
                        lower = origin_r_before + min(row + 8, rows - 1) * hidden_size + place
                        for part in range(parts_r_before):
                            column = part * slices_r_before * 32
                            inside = 8 if part + 1 < parts_r_before else hidden_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_r_before(kept_r, u64(upper + column), 1, inside)
                            lower_1, lower_2, lower_3, lower_4 = load_r_before(kept_r, u64(lower + column), 1, inside)
                            for tile in range(rows_r_before):
                                held = u32((part * rows_r_before + tile) * 4)
                                multiply(
                                    kept_r, totals_r_before, 4 * tile, upper_1, lower_1, upper_2, lower_2,
                                    fragments_r_before[held], fragments_r_before[held + u32(1)]
                                )
                                multiply(
                                    kept_r, totals_r_before, 4 * tile, upper_3, lower_3, upper_4, lower_4,
                                    fragments_r_before[held + u32(2)], fragments_r_before[held + u32(3)]
                                )
                        for tile in range(rows_r_before):
                            place = begin_r_before + ((warp * rows_r_before + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_r_before[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_r_before[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_r_before[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_r_before[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    W_ir_product = zero
                    W_fr_product = zero
                    W_cr_product = zero
                    W_or_product = zero
                    for number in range(slices_r_before):
                        place = begin_r_before + (number * rows_r_before * 8 + group) * pitch + lane
                        W_ir_product += shared[u32(place)]
                        W_fr_product += shared[u32(place + groups * pitch)]
                        W_cr_product += shared[u32(place + 2 * groups * pitch)]
                        W_or_product += shared[u32(place + 3 * groups * pitch)]
                if runs and unit < cell_size:
                    i_bar = W_ix_product + W_ir_product + own_w_ic * c_before + own_b_i  # (F.1)
                    f_bar = W_fx_product + W_fr_product + own_w_fc * c_before + own_b_f  # (F.2)
                    z_bar = W_cx_product + W_cr_product + own_b_c  # (F.3)
                    i = one / (one + math.exp(-i_bar))  # (F.4)
                    kept_i[u32((here * batch + item) * cell_size + unit)] = i
                    f = one / (one + math.exp(-f_bar))  # (F.5)
                    kept_f[u32((here * batch + item) * cell_size + unit)] = f
                    z = math.tanh(z_bar)  # (F.6)
                    kept_z[u32((here * batch + item) * cell_size + unit)] = z
                    c = f * c_before + i * z  # (F.7)
                    kept_c[u32((now * batch + item) * cell_size + unit)] = c
                    o_bar = W_ox_product + W_or_product + own_w_oc * c + own_b_o  # (F.8)
                    o = one / (one + math.exp(-o_bar))  # (F.9)
                    kept_o[u32((here * batch + item) * cell_size + unit)] = o
                    function_1 = math.tanh(c)
                    kept_function_1[u32((here * batch + item) * cell_size + unit)] = function_1
                    m = o * function_1  # (F.10)
                    kept_m[u32((here * batch + item) * cell_size + unit)] = m
                elif lane < rows and unit < cell_size:
                    kept_c[u32((now * batch + item) * cell_size + unit)] = (
                        kept_c[u32((before * batch + item) * cell_size + unit)]
                    )
                    kept_m[u32((here * batch + item) * cell_size + unit)] = zero
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
                origin_m = (here * batch + item) * cell_size
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if warp < slices_m:
                    for number in range(0, rows, 16):
                        for each in range(count_m):
                            totals_m[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_m + min(row, rows - 1) * cell_size + place
                        lower = origin_m + min(row + 8, rows - 1) * cell_size + place
                        for part in range(parts_m):
                            column = part * slices_m * 32
                            inside = 8 if part + 1 < parts_m else cell_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_m(kept_m, u64(upper + column), 1, inside)
                            lower_1, lower_2, lower_3, lower_4 = load_m(kept_m, u64(lower + column), 1, inside)
                            for tile in range(rows_m):
                                held = u32((part * rows_m + tile) * 4)
                                multiply(
                                    kept_m, totals_m, 4 * tile, upper_1, lower_1, upper_2, lower_2, fragments_m[held],
                                    fragments_m[held + u32(1)]
                                )
                                multiply(
                                    kept_m, totals_m, 4 * tile, upper_3, lower_3, upper_4, lower_4, fragments_m[held +
                                    u32(2)], fragments_m[held + u32(3)]
                                )
                        for tile in range(rows_m):
                            place = begin_m + ((warp * rows_m + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_m[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_m[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_m[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_m[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    W_rm_product = zero
                    for number in range(slices_m):
                        place = begin_m + (number * rows_m * 8 + group) * pitch + lane
                        W_rm_product += shared[u32(place)]
                if runs and unit < hidden_size:
                    r = W_rm_product  # (F.11)
                    kept_r[u32((now * batch + item) * hidden_size + unit)] = r
                    out_r[u32((t * batch + item) * hidden_size + unit)] = r
                elif lane < rows and unit < hidden_size:
                    kept_r[u32((now * batch + item) * hidden_size + unit)] = (
                        kept_r[u32((before * batch + item) * hidden_size + unit)]
                    )
                    out_r[u32((t * batch + item) * hidden_size + unit)] = zero

    return (forward_tensor_loop,)


def backward_tensor(cuda, real, threads, lanes, items, hidden_size, cell_size):
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
    rows_m, slices_m, parts_m = shape = tensor.tiling(1, hidden_size, threads, lanes)
    words_m, count_m, room_m = shape.words, shape.sums, shape.room(items)
    begin_m = 0
    load_m = tensor.loader(cuda, hidden_size, 0, hidden_size)
    rows_r_before, slices_r_before, parts_r_before = shape = tensor.tiling(1, 4 * cell_size, threads, lanes)
    words_r_before, count_r_before, room_r_before = shape.words, shape.sums, shape.room(items)
    begin_r_before = 0
    load_r_before = tensor.loader(cuda, (4 * cell_size), 0, 4 * cell_size)

    def backward_tensor_loop(
        arrived: Counts, batch: Count, steps: Count, lengths: Counts, packed_m: Stored, packed_r_before: Stored,
        carry_r: Reals, last_error_r: Stored, error_r: Stored, adjoints_m: Stored, kept_function_1: Stored, kept_o:
        Stored, carry_c: Reals, last_error_c: Stored, w_oc: Stored, kept_i: Stored, kept_c: Reals, kept_z: Stored,
        kept_f: Stored, w_fc: Stored, w_ic: Stored, sums: Reals, adjoints_x: Stored
    ):
        group = cuda.threadIdx.x >> halvings
        lane = cuda.threadIdx.x & (lanes - 1)
        warp = cuda.threadIdx.x >> 5
        quarter = cuda.threadIdx.x & 3
        shared = cuda.shared.array(0, real)
        totals_m = cuda.local.array(count_m, real)
        fragments_m = cuda.local.array(words_m, u32)
        for tile in range(rows_m):
            row = tile * 8 + (cuda.threadIdx.x >> 2 & 7)
            matrix = row // groups
            unit = cuda.blockIdx.x + cuda.gridDim.x * (row - matrix * groups)
            place = 0
            if unit < cell_size:
                place = unit
            for number in range(parts_m):
                column = (number * slices_m + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_m else hidden_size - column
                held = u32((number * rows_m + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(packed_m, u64(place + column * cell_size), cell_size, inside)
                fragments_m[held] = word_1
                fragments_m[held + u32(1)] = word_2
                fragments_m[held + u32(2)] = word_3
                fragments_m[held + u32(3)] = word_4
        totals_r_before = cuda.local.array(count_r_before, real)
        fragments_r_before = cuda.local.array(words_r_before, u32)
        for tile in range(rows_r_before):
            row = tile * 8 + (cuda.threadIdx.x >> 2 & 7)
            matrix = row // groups
            unit = cuda.blockIdx.x + cuda.gridDim.x * (row - matrix * groups)
            place = 0
            if unit < hidden_size:
                place = unit
            for number in range(parts_r_before):
                column = (number * slices_r_before + warp) * 32 + quarter * 8
                inside = 8 if number + 1 < parts_r_before else 4 * cell_size - column
                held = u32((number * rows_r_before + tile) * 4)
                word_1, word_2, word_3, word_4 = load_run(
                    packed_r_before, u64(place + column * hidden_size), hidden_size, inside
                )
                fragments_r_before[held] = word_1
                fragments_r_before[held + u32(1)] = word_2
                fragments_r_before[held + u32(2)] = word_3
                fragments_r_before[held + u32(3)] = word_4
        unit = cuda.blockIdx.x + cuda.gridDim.x * group
        if unit < cell_size:
            own_w_oc = w_oc[u32(unit)]
            own_w_fc = w_fc[u32(unit)]
            own_w_ic = w_ic[u32(unit)]
        sum_w_ic = zero
        sum_b_i = zero
        sum_w_fc = zero
        sum_b_f = zero
        sum_b_c = zero
        sum_w_oc = zero
        sum_b_o = zero
        passed = 0
        for t in range(steps - 1, -1, -1):
            for first in range(0, batch, items):
                rows = min(items, batch - first)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < hidden_size:
                    next_r_before_from_loop = carry_r[u32(
                        (((t + 1) & 1) * batch + item) * hidden_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_r_ = last_error_r[u32(item * hidden_size + unit)] if t + 1 == lengths[item] else zero
                    error_r_ = error_r[u32((t * batch + item) * hidden_size + unit)]
                if runs and unit < hidden_size:
                    d_r = next_r_before_from_loop + last_error_r_ + error_r_  # (B.1)
                    adjoints_m[u32((t * batch + item) * hidden_size + unit)] = d_r
                elif lane < rows and unit < hidden_size:
                    adjoints_m[u32((t * batch + item) * hidden_size + unit)] = zero
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
                origin_m = (t * batch + item) * hidden_size
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if runs and unit < cell_size:
                    function_1 = kept_function_1[u32((t * batch + item) * cell_size + unit)]
                    o = kept_o[u32((t * batch + item) * cell_size + unit)]
                    next_c_before_from_loop = carry_c[u32(
                        (((t + 1) & 1) * batch + item) * cell_size + unit
                    )] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[u32(item * cell_size + unit)] if t + 1 == lengths[item] else zero
                    i = kept_i[u32((t * batch + item) * cell_size + unit)]
                    c_before = kept_c[u32((t * batch + item) * cell_size + unit)]
                    z = kept_z[u32((t * batch + item) * cell_size + unit)]
                    f = kept_f[u32((t * batch + item) * cell_size + unit)]
                    c = kept_c[u32(((t + 1) * batch + item) * cell_size + unit)]
                if warp < slices_m:
                    for number in range(0, rows, 16):
                        for each in range(count_m):
                            totals_m[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_m + min(row, rows - 1) * hidden_size + place
                        lower = origin_m + min(row + 8, rows - 1) * hidden_size + place
                        for part in range(parts_m):
                            column = part * slices_m * 32
                            inside = 8 if part + 1 < parts_m else hidden_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_m(adjoints_m, u64(upper + column), 1, inside)
                            lower_1, lower_2, lower_3, lower_4 = load_m(adjoints_m, u64(lower + column), 1, inside)
                            for tile in range(rows_m):
                                held = u32((part * rows_m + tile) * 4)
                                multiply(
                                    adjoints_m, totals_m, 4 * tile, upper_1, lower_1, upper_2, lower_2,
                                    fragments_m[held], fragments_m[held + u32(1)]
                                )
                                multiply(
                                    adjoints_m, totals_m, 4 * tile, upper_3, lower_3, upper_4, lower_4, fragments_m[held
                                    + u32(2)], fragments_m[held + u32(3)]
                                )
                        for tile in range(rows_m):
                            place = begin_m + ((warp * rows_m + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_m[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_m[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_m[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_m[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    pulled_product_9 = zero
                    for number in range(slices_m):
                        place = begin_m + (number * rows_m * 8 + group) * pitch + lane
                        pulled_product_9 += shared[u32(place)]
                if runs and unit < cell_size:
                    d_m = pulled_product_9  # (B.2)
                    d_o = function_1 * d_m  # (B.3)
                    d_o_bar = o * d_o * (one - o)  # (B.4)
                    d_c = next_c_before_from_loop + o * d_m * (one - function_1 * function_1) + own_w_oc * d_o_bar + last_error_c_  # (B.5)
                    d_z = i * d_c  # (B.6)
                    d_f = c_before * d_c  # (B.7)
                    d_i = z * d_c  # (B.8)
                    d_z_bar = d_z * (one - z * z)  # (B.9)
                    d_f_bar = f * d_f * (one - f)  # (B.10)
                    d_i_bar = i * d_i * (one - i)  # (B.11)
                    d_c_before_from_loop = f * d_c + own_w_fc * d_f_bar + own_w_ic * d_i_bar
                    carry_c[u32(((t & 1) * batch + item) * cell_size + unit)] = d_c_before_from_loop
                    sum_w_ic += c_before * d_i_bar  # (B.15)
                    sum_b_i += d_i_bar  # (B.16)
                    sum_w_fc += c_before * d_f_bar  # (B.19)
                    sum_b_f += d_f_bar  # (B.20)
                    sum_b_c += d_z_bar  # (B.23)
                    sum_w_oc += c * d_o_bar  # (B.26)
                    sum_b_o += d_o_bar  # (B.27)
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = d_i_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = d_f_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = d_z_bar
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = d_o_bar
                elif lane < rows and unit < cell_size:
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + cell_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 2 * cell_size + unit)] = zero
                    adjoints_x[u32((t * batch + item) * (4 * cell_size) + 3 * cell_size + unit)] = zero
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
                origin_r_before = (t * batch + item) * (4 * cell_size)
                item = first + lane
                runs = lane < rows and t < lengths[u32(item)]
                if warp < slices_r_before:
                    for number in range(0, rows, 16):
                        for each in range(count_r_before):
                            totals_r_before[u32(each)] = zero
                        row = number + (cuda.threadIdx.x >> 2 & 7)
                        place = warp * 32 + quarter * 8
                        # Items that are not there are read as the last one: nobody reads their sums.
                        upper = origin_r_before + min(row, rows - 1) * (4 * cell_size) + place
                        lower = origin_r_before + min(row + 8, rows - 1) * (4 * cell_size) + place
                        for part in range(parts_r_before):
                            column = part * slices_r_before * 32
                            inside = 8 if part + 1 < parts_r_before else 4 * cell_size - column - place
                            upper_1, upper_2, upper_3, upper_4 = load_r_before(
                                adjoints_x, u64(upper + column), 1, inside
                            )
                            lower_1, lower_2, lower_3, lower_4 = load_r_before(
                                adjoints_x, u64(lower + column), 1, inside
                            )
                            for tile in range(rows_r_before):
                                held = u32((part * rows_r_before + tile) * 4)
                                multiply(
                                    adjoints_x, totals_r_before, 4 * tile, upper_1, lower_1, upper_2, lower_2,
                                    fragments_r_before[held], fragments_r_before[held + u32(1)]
                                )
                                multiply(
                                    adjoints_x, totals_r_before, 4 * tile, upper_3, lower_3, upper_4, lower_4,
                                    fragments_r_before[held + u32(2)], fragments_r_before[held + u32(3)]
                                )
                        for tile in range(rows_r_before):
                            place = begin_r_before + ((warp * rows_r_before + tile) * 8 + quarter * 2) * pitch + row
                            shared[u32(place)] = totals_r_before[u32(4 * tile)]
                            shared[u32(place + pitch)] = totals_r_before[u32(4 * tile + 1)]
                            shared[u32(place + 8)] = totals_r_before[u32(4 * tile + 2)]
                            shared[u32(place + pitch + 8)] = totals_r_before[u32(4 * tile + 3)]
                cuda.syncthreads()
                if lane < rows:
                    pulled_product_2 = zero
                    for number in range(slices_r_before):
                        place = begin_r_before + (number * rows_r_before * 8 + group) * pitch + lane
                        pulled_product_2 += shared[u32(place)]
                if runs and unit < hidden_size:
                    carry_r[u32(((t & 1) * batch + item) * hidden_size + unit)] = pulled_product_2
        if lane < batch and unit < cell_size:
            sums[u32(lane * (7 * cell_size) + unit)] += sum_w_ic
            sums[u32(lane * (7 * cell_size) + cell_size + unit)] += sum_b_i
            sums[u32(lane * (7 * cell_size) + 2 * cell_size + unit)] += sum_w_fc
            sums[u32(lane * (7 * cell_size) + 3 * cell_size + unit)] += sum_b_f
            sums[u32(lane * (7 * cell_size) + 4 * cell_size + unit)] += sum_b_c
            sums[u32(lane * (7 * cell_size) + 5 * cell_size + unit)] += sum_w_oc
            sums[u32(lane * (7 * cell_size) + 6 * cell_size + unit)] += sum_b_o

    return (backward_tensor_loop,)


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    device = devices.current()
    with device.running(params):
        plain, sizes, dtype = calls.parameters(device, SIGNATURE, params, Params, "pack")
        return _packed(device, Params(*map(memory.copied, plain)), sizes, dtype)


def _packed(device, params, sizes, dtype):
    """Checked parameters as both passes read them."""
    packed_x = device.stacked((params.W_ix, params.W_fx, params.W_cx, params.W_ox,))
    packed_r_before = device.stacked((params.W_ir, params.W_fr, params.W_cr, params.W_or,))
    packed_m = device.stacked((params.W_rm,))
    w_ic = params.w_ic
    b_i = params.b_i
    w_fc = params.w_fc
    b_f = params.b_f
    b_c = params.b_c
    w_oc = params.w_oc
    b_o = params.b_o
    return Packed(params, sizes, dtype, packed_x, packed_r_before, packed_m, w_ic, b_i, w_fc, b_f, b_c, w_oc, b_o)


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
    cell_size = call.sizes["cell_size"]
    (_, _, _, packed_x, packed_r_before, packed_m, w_ic, b_i, w_fc, b_f, b_c, w_oc, b_o,) = packed
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    kept_i = device.empty((rows, batch, cell_size), dtype)
    kept_f = device.empty((rows, batch, cell_size), dtype)
    kept_z = device.empty((rows, batch, cell_size), dtype)
    kept_c = device.empty((carried_rows, batch, cell_size), real)
    kept_o = device.empty((rows, batch, cell_size), dtype)
    kept_function_1 = device.empty((rows, batch, cell_size), dtype)
    kept_m = device.empty((rows, batch, cell_size), dtype)
    kept_r = device.empty((carried_rows, batch, hidden_size), dtype)
    products_x = device.empty((steps, batch, 4 * cell_size), real)
    products_r_before = device.empty((batch, 4 * cell_size), real)
    products_m = device.empty((batch, hidden_size), real)
    out_r = device.empty((steps, batch, hidden_size), dtype)
    kept_c[0] = call.state[0]
    kept_r[0] = call.state[1]
    kernels = device.kernels(sweeps, dtype)
    device.product(
        kept_x.reshape(steps * batch, input_size), packed_x.T, products_x.reshape(steps * batch, 4 * cell_size)
    )
    keep = int(keep_tape)
    if call.plan.regime == "block":
        launches.block(
            device, forward_block, call, call.plan.forward, (hidden_size, cell_size, ), (batch, steps, lengths, keep,
            packed_r_before, packed_m, products_x, w_ic, b_i, w_fc, b_f, b_c, kept_i, kept_f, kept_z, kept_c, w_oc, b_o,
            kept_o, kept_function_1, kept_m, out_r, kept_r, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, forward_grid, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, cell_size, ),
            (batch, steps, lengths, keep, packed_r_before, packed_m, kept_r, products_x, kept_c, w_ic, b_i, w_fc, b_f,
            b_c, kept_i, kept_f, kept_z, w_oc, b_o, kept_o, kept_function_1, kept_m, out_r, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, forward_tensor, f"{SIGNATURE.cell}.forward", call, call.plan.forward, (hidden_size, cell_size, ),
            (batch, steps, lengths, keep, packed_r_before, packed_m, kept_r, products_x, kept_c, w_ic, b_i, w_fc, b_f,
            b_c, kept_i, kept_f, kept_z, w_oc, b_o, kept_o, kept_function_1, kept_m, out_r, )
        )
    else:
        def one_step(t):
            now, before, here = (t + 1, t, t) if keep_tape else ((t + 1) & 1, t & 1, 0)
            device.product(kept_r[before], packed_r_before.T, products_r_before)
            launches.sweep(
                device, kernels.forward_1, cell_size, batch, (t, lengths, products_x, cell_size, batch,
                products_r_before, kept_c, before, w_ic, b_i, w_fc, b_f, b_c, kept_i, here, kept_f, kept_z, now, w_oc,
                b_o, kept_o, kept_function_1, kept_m)
            )
            device.product(kept_m[here], packed_m.T, products_m)
            launches.sweep(
                device, kernels.forward_2, hidden_size, batch, (t, lengths, products_m, hidden_size, out_r, batch,
                kept_r, now, before)
            )

        device.repeated(one_step, range(steps))
    y = out_r
    state = State(calls.last_rows(kept_c, call), calls.last_rows(kept_r, call))
    return y, state, Tape(
        call, packed, kept_x, kept_i, kept_f, kept_z, kept_c, kept_o, kept_function_1, kept_m, kept_r
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
    (call, packed, kept_x, kept_i, kept_f, kept_z, kept_c, kept_o, kept_function_1, kept_m, kept_r,) = tape
    device, steps, batch, lengths, dtype, real = call.device, call.steps, call.batch, call.lengths, call.dtype, call.real
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    cell_size = call.sizes["cell_size"]
    (_, _, _, packed_x, packed_r_before, packed_m, w_ic, b_i, w_fc, b_f, b_c, w_oc, b_o,) = packed
    (error_r,) = errors
    (last_error_c, last_error_r,) = ends
    carry_c = device.zeros((2, batch, cell_size), real)
    carry_r = device.zeros((2, batch, hidden_size), real)
    adjoints_x = device.empty((steps, batch, 4 * cell_size), dtype)
    adjoints_m = device.empty((steps, batch, hidden_size), dtype)
    pulled_x = device.empty((steps, batch, input_size), dtype)
    pulled_r_before = device.empty((batch, hidden_size), real)
    pulled_m = device.empty((batch, cell_size), real)
    sums = device.zeros((max(launches.parts(batch, cell_size), batch, 1), 7 * cell_size), real)
    kernels = device.kernels(sweeps, dtype)
    if call.plan.regime == "block":
        launches.block(
            device, backward_block, call, call.plan.backward, (hidden_size, cell_size, ), (batch, steps, lengths,
            packed_m, packed_r_before, last_error_r, error_r, adjoints_m, kept_function_1, kept_o, last_error_c, w_oc,
            kept_i, kept_c, kept_z, kept_f, w_fc, w_ic, sums, adjoints_x, carry_r, carry_c, )
        )
    elif call.plan.regime == "grid" and dtype == real:
        launches.grid(
            device, backward_grid, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, cell_size, ),
            (batch, steps, lengths, packed_m, packed_r_before, carry_r, last_error_r, error_r, adjoints_m,
            kept_function_1, kept_o, carry_c, last_error_c, w_oc, kept_i, kept_c, kept_z, kept_f, w_fc, w_ic, sums,
            adjoints_x, )
        )
    elif call.plan.regime == "grid":
        launches.grid(
            device, backward_tensor, f"{SIGNATURE.cell}.backward", call, call.plan.backward, (hidden_size, cell_size, ),
            (batch, steps, lengths, packed_m, packed_r_before, carry_r, last_error_r, error_r, adjoints_m,
            kept_function_1, kept_o, carry_c, last_error_c, w_oc, kept_i, kept_c, kept_z, kept_f, w_fc, w_ic, sums,
            adjoints_x, )
        )
    else:
        def one_step(t):
            launches.sweep(
                device, kernels.backward_1, hidden_size, batch, (t, lengths, carry_r, hidden_size, batch, last_error_r,
                error_r, adjoints_m)
            )
            device.product(adjoints_m[t], packed_m, pulled_m)
            launches.sweep(
                device, kernels.backward_2, cell_size, batch, (t, lengths, pulled_m, cell_size, kept_function_1, batch,
                kept_o, carry_c, last_error_c, w_oc, kept_i, kept_c, kept_z, kept_f, w_fc, w_ic, sums, adjoints_x),
                summing=True
            )
            device.product(adjoints_x[t], packed_r_before, pulled_r_before)
            launches.sweep(
                device, kernels.backward_3, hidden_size, batch, (t, lengths, pulled_r_before, hidden_size, carry_r,
                batch)
            )

        device.repeated(one_step, range(steps - 1, -1, -1))
    device.product(
        adjoints_x.reshape(steps * batch, 4 * cell_size), packed_x, pulled_x.reshape(steps * batch, input_size)
    )
    sums = calls.total(
        device, sums, ((cell_size, cell_size), (cell_size, cell_size), (cell_size, cell_size), (cell_size, cell_size),
        (cell_size, cell_size), (cell_size, cell_size), (cell_size, cell_size), )
    )
    sums = sums[0].astype(dtype, copy=False)
    weights_x = device.empty((4 * cell_size, input_size), dtype)
    weights_r_before = device.empty((4 * cell_size, hidden_size), dtype)
    weights_m = device.empty((hidden_size, cell_size), dtype)
    device.product(
        adjoints_x.reshape(steps * batch, 4 * cell_size).T, kept_x.reshape(steps * batch, input_size), weights_x
    )
    device.product(
        adjoints_x.reshape(steps * batch, 4 * cell_size).T, kept_r[:-1].reshape(steps * batch, hidden_size),
        weights_r_before
    )
    device.product(
        adjoints_m.reshape(steps * batch, hidden_size).T, kept_m.reshape(steps * batch, cell_size), weights_m
    )
    return Grads(
        params=Params(
            weights_x[0 : cell_size],
            weights_r_before[0 : cell_size],
            sums[0 : cell_size],
            sums[cell_size : 2 * cell_size],
            weights_x[cell_size : 2 * cell_size],
            weights_r_before[cell_size : 2 * cell_size],
            sums[2 * cell_size : 3 * cell_size],
            sums[3 * cell_size : 4 * cell_size],
            weights_x[2 * cell_size : 3 * cell_size],
            weights_r_before[2 * cell_size : 3 * cell_size],
            sums[4 * cell_size : 5 * cell_size],
            weights_x[3 * cell_size : 4 * cell_size],
            weights_r_before[3 * cell_size : 4 * cell_size],
            sums[5 * cell_size : 6 * cell_size],
            sums[6 * cell_size : 7 * cell_size],
            weights_m[0 : hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_c, carry_c),
            calls.initial_gradient(call, last_error_r, carry_r),
        ),
    )
