"""GRU, reset after the product: cpu kernels.

Source: PyTorch 2.13 documentation, torch.nn.GRU, the equations of one layer; this order first in Cho et al. 2014, arXiv:1406.1078v1
Equations: 63190d6a73b3e84c, written by derive 0.1.0 with support 26f9e6ddb4c12b3d. Do not edit: derive writes this file.

    r_bar = W_r @ x + U_r @ h[t-1] + b_r
    z_bar = W_z @ x + U_z @ h[t-1] + b_z
    r = sigmoid(r_bar)
    z = sigmoid(z_bar)
    n_bar = W_n @ x + b_n + r * (U_n @ h[t-1] + b_un)
    n = tanh(n_bar)
    h = (1 - z) * n + z * h[t-1]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numba import njit

from generated.support import arrays, calls, losses, memory, threads
from generated.support import init as parameters
from generated.support.elementwise import sigmoid, tanh
from generated.support.lanes import total, units, width
from generated.support.products import panels, product, product_of_steps, weight_gradient
from generated.support.signature import Signature


class Params(NamedTuple):
    """The parameters, plain arrays of one dtype."""

    W_r: np.ndarray  # (hidden_size, input_size)
    U_r: np.ndarray  # (hidden_size, hidden_size)
    b_r: np.ndarray  # (hidden_size,)
    W_z: np.ndarray  # (hidden_size, input_size)
    U_z: np.ndarray  # (hidden_size, hidden_size)
    b_z: np.ndarray  # (hidden_size,)
    W_n: np.ndarray  # (hidden_size, input_size)
    b_n: np.ndarray  # (hidden_size,)
    U_n: np.ndarray  # (hidden_size, hidden_size)
    b_un: np.ndarray  # (hidden_size,)


class State(NamedTuple):
    """What one step hands to the next."""

    h: np.ndarray  # (B, hidden_size)


class Grads(NamedTuple):
    """The gradients of the parameters, the input and the initial state."""

    params: Params
    x: np.ndarray
    state: State


class Packed(NamedTuple):
    """Parameters whose matrices are packed for the products of the forward pass."""

    params: Params
    packed_x: np.ndarray
    packed_h_before: np.ndarray


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    kept_x: np.ndarray
    kept_r: np.ndarray
    kept_z: np.ndarray
    kept_n: np.ndarray
    kept_h: np.ndarray
    kept_product_6: np.ndarray


SIGNATURE = Signature(
    cell="gru_reset_after",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_r", ("hidden_size", "input_size")),
        ("U_r", ("hidden_size", "hidden_size")),
        ("b_r", ("hidden_size",)),
        ("W_z", ("hidden_size", "input_size")),
        ("U_z", ("hidden_size", "hidden_size")),
        ("b_z", ("hidden_size",)),
        ("W_n", ("hidden_size", "input_size")),
        ("b_n", ("hidden_size",)),
        ("U_n", ("hidden_size", "hidden_size")),
        ("b_un", ("hidden_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(("h", "hidden_size"),),
    init=(
        ("W_r", "fan_in", 0.0),
        ("U_r", "fan_in", 0.0),
        ("b_r", "number", 0.0),
        ("W_z", "fan_in", 0.0),
        ("U_z", "fan_in", 0.0),
        ("b_z", "number", 0.0),
        ("W_n", "fan_in", 0.0),
        ("b_n", "number", 0.0),
        ("U_n", "fan_in", 0.0),
        ("b_un", "number", 0.0),
    ),
    initial=(0.0,),
    loss="",
)


def init(input_size, hidden_size, *, dtype=np.float32, seed=0):
    """Draw parameters of the given sizes; the same seed gives the same numbers.

    Raises TypeError or ValueError for a size that is no whole number of at least 1, or another dtype than float32
    and float64.
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    return Params(*parameters.init_params(SIGNATURE, sizes, dtype, seed))


def init_state(params, batch, **sizes):
    """The state before the first step, for `batch` sequences; `sizes` gives those that no parameter states."""
    return State(*calls.init_state(SIGNATURE, params, batch, sizes))


@njit(cache=True, error_model="numpy", nogil=True)
def _forward_part(
    part, first, stop, steps, chunk, lengths, keep, packed_x, kept_x, input_size, products_x, packed_h_before, kept_h,
    products_h_before, b_r, hidden_size, b_z, kept_r, kept_z, b_n, b_un, kept_n, out_h, kept_product_6
):
    real = kept_x.dtype.type
    one = real(1)
    zero = real(0)
    for begin in range(0, steps, chunk):
        end = min(begin + chunk, steps)
        product_of_steps(kept_x[begin:end], 0, packed_x, products_x[: end - begin], first, stop)
        for t in range(begin, end):
            now, before, here = (t + 1, t, t) if keep else ((t + 1) & 1, t & 1, 0)
            product(kept_h[before, first:stop], packed_h_before, products_h_before[first:stop], t)
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_x)):
                        unit = units(start, hidden_size, kept_x)
                        kept_h[now, item, unit] = kept_h[before, item, unit]
                        out_h[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_r_product = products_x[t - begin, item, unit]
                    U_r_product = products_h_before[item, unit]
                    W_z_product = products_x[t - begin, item, hidden_size + unit]
                    U_z_product = products_h_before[item, hidden_size + unit]
                    W_n_product = products_x[t - begin, item, 2 * hidden_size + unit]
                    U_n_product = products_h_before[item, 2 * hidden_size + unit]
                    h_before = kept_h[before, item, unit]
                    r_bar = W_r_product + U_r_product + b_r[unit]  # (F.1)
                    z_bar = W_z_product + U_z_product + b_z[unit]  # (F.2)
                    r = sigmoid(r_bar)  # (F.3)
                    kept_r[here, item, unit] = r
                    z = sigmoid(z_bar)  # (F.4)
                    kept_z[here, item, unit] = z
                    n_bar = W_n_product + b_n[unit] + r * (U_n_product + b_un[unit])  # (F.5)
                    n = tanh(n_bar)  # (F.6)
                    kept_n[here, item, unit] = n
                    h = z * h_before + (one - z) * n  # (F.7)
                    kept_h[now, item, unit] = h
                    out_h[t, item, unit] = h
                    kept_product_6[here, item, unit] = U_n_product


@njit(cache=True, error_model="numpy", nogil=True)
def _backward_part(
    part, first, stop, steps, chunk, lengths, carry_h, error_h, last_error_h, d_h, kept_z, kept_n, kept_h,
    kept_product_6, b_un, kept_r, sum_b_r, sum_b_z, sum_b_n, sum_b_un, adjoints_x, adjoints_h_before, hidden_size,
    packed_h_before, pulled_h_before, packed_x, pulled_x
):
    real = carry_h.dtype.type
    one = real(1)
    zero = real(0)
    for end in range(steps, 0, -chunk):
        begin = max(end - chunk, 0)
        for t in range(end - 1, begin - 1, -1):
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(carry_h)):
                        unit = units(start, hidden_size, carry_h)
                        adjoints_x[t, item, unit] = zero
                        adjoints_h_before[t, item, unit] = zero
                        adjoints_x[t, item, hidden_size + unit] = zero
                        adjoints_h_before[t, item, hidden_size + unit] = zero
                        adjoints_x[t, item, 2 * hidden_size + unit] = zero
                        adjoints_h_before[t, item, 2 * hidden_size + unit] = zero
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    next_h_before_from_loop = carry_h[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    error_h_ = error_h[t, item, unit]
                    last_error_h_ = last_error_h[item, unit] if t + 1 == lengths[item] else zero
                    z = kept_z[t, item, unit]
                    n = kept_n[t, item, unit]
                    h_before = kept_h[t, item, unit]
                    product_6 = kept_product_6[t, item, unit]
                    r = kept_r[t, item, unit]
                    d_h_ = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                    d_h[item, unit] = d_h_
                    common_1 = one - z
                    d_n = common_1 * d_h_  # (B.2)
                    d_n_bar = d_n * (one - n * n)  # (B.3)
                    d_z = -n * d_h_ + h_before * d_h_  # (B.4)
                    d_r = d_n_bar * (product_6 + b_un[unit])  # (B.5)
                    d_z_bar = common_1 * z * d_z  # (B.6)
                    d_r_bar = r * d_r * (one - r)  # (B.7)
                    sum_b_r[part, unit] += d_r_bar  # (B.11)
                    sum_b_z[part, unit] += d_z_bar  # (B.14)
                    sum_b_n[part, unit] += d_n_bar  # (B.16)
                    common_2 = r * d_n_bar
                    sum_b_un[part, unit] += common_2  # (B.18)
                    adjoints_x[t, item, unit] = d_r_bar
                    adjoints_h_before[t, item, unit] = d_r_bar
                    adjoints_x[t, item, hidden_size + unit] = d_z_bar
                    adjoints_h_before[t, item, hidden_size + unit] = d_z_bar
                    adjoints_x[t, item, 2 * hidden_size + unit] = d_n_bar
                    adjoints_h_before[t, item, 2 * hidden_size + unit] = common_2
            product(
                adjoints_h_before[t, first:stop, 0 : 3 * hidden_size], packed_h_before, pulled_h_before[first:stop], t
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    pulled_product_2 = pulled_h_before[item, unit]
                    z = kept_z[t, item, unit]
                    d_h_ = d_h[item, unit]
                    d_h_before_from_loop = pulled_product_2 + z * d_h_
                    carry_h[t & 1, item, unit] = d_h_before_from_loop
        product_of_steps(adjoints_x[begin:end], 0, packed_x, pulled_x[begin:end], first, stop)


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    arrays.param_sizes(SIGNATURE, params, "pack")
    (W_r, U_r, b_r, W_z, U_z, b_z, W_n, b_n, U_n, b_un,) = params
    return Packed(
        params,
        panels(np.concatenate((W_r, W_z, W_n)).T),
        panels(np.concatenate((U_r, U_z, U_n)).T),
    )


def forward(params, x, state=None, lengths=None, *, keep_tape=True):
    """Run whole sequences: x (T, B, input_size).

    `params` may be packed. Returns the output (T, B, size), the last state, and the tape for `backward`
    (None with keep_tape=False). Raises ValueError or TypeError for arrays of another shape or dtype.
    """
    plain = params.params if isinstance(params, Packed) else params
    call = calls.begin(SIGNATURE, plain, x, state, lengths)
    y, state, tape = _run(params if isinstance(params, Packed) else pack(plain), call, keep_tape)
    return y, state, tape


def step(params, x_t, state=None):
    """One step: x_t (B, size); `params` may be packed. Returns the output (B, size) and the new state."""
    plain = params.params if isinstance(params, Packed) else params
    call = calls.begin_step(SIGNATURE, plain, x_t, state)
    y, state, _ = _run(params if isinstance(params, Packed) else pack(plain), call, False)
    return y[0], state


def _run(packed, call, keep_tape):
    """The forward pass: batched before and behind the loop over time."""
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (params, packed_x, packed_h_before,) = packed
    b_r = calls.plain(params.b_r)
    b_z = calls.plain(params.b_z)
    b_n = calls.plain(params.b_n)
    b_un = calls.plain(params.b_un)
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    out_h = np.empty((steps, batch, hidden_size), dtype)
    (kept_r, kept_z, kept_n, kept_h, kept_product_6,) = memory.arrays(
        dtype,
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (carried_rows, batch, hidden_size),
        (rows, batch, hidden_size),
    )
    (products_x, products_h_before,) = memory.arrays(
        dtype,
        (chunk, batch, 3 * hidden_size),
        (batch, 3 * hidden_size),
    )
    kept_h[0] = call.state[0]
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * input_size + (3 * hidden_size) * hidden_size + input_size + hidden_size)
    )
    threads.run(
        _forward_part, parts, steps, chunk, call.lengths, keep_tape, packed_x, kept_x, input_size, products_x,
        packed_h_before, kept_h, products_h_before, b_r, hidden_size, b_z, kept_r, kept_z, b_n, b_un, kept_n, out_h,
        kept_product_6
    )
    y = out_h
    state = State(calls.last_rows(kept_h, call))
    return y, state, Tape(call, kept_x, kept_r, kept_z, kept_n, kept_h, kept_product_6) if keep_tape else None


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype. The tape is left whole.
    """
    params = params.params if isinstance(params, Packed) else params
    call, errors, ends = calls.begin_backward(SIGNATURE, params, tape, Tape, dy, dstate)
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    W_r = calls.plain(params.W_r)
    U_r = calls.plain(params.U_r)
    W_z = calls.plain(params.W_z)
    U_z = calls.plain(params.U_z)
    W_n = calls.plain(params.W_n)
    U_n = calls.plain(params.U_n)
    b_un = calls.plain(params.b_un)
    packed_x = panels(np.concatenate((W_r, W_z, W_n)))
    packed_h_before = panels(np.concatenate((U_r, U_z, U_n)))
    (_, kept_x, kept_r, kept_z, kept_n, kept_h, kept_product_6,) = tape
    (error_h,) = errors
    (last_error_h,) = ends
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * input_size + (3 * hidden_size) * hidden_size + input_size + hidden_size)
    )
    sum_b_r = np.zeros((len(parts), hidden_size))
    sum_b_z = np.zeros((len(parts), hidden_size))
    sum_b_n = np.zeros((len(parts), hidden_size))
    sum_b_un = np.zeros((len(parts), hidden_size))
    carry_h = np.zeros((2, batch, hidden_size), dtype)
    pulled_x = np.empty((steps, batch, input_size), dtype)
    (d_h, adjoints_x, adjoints_h_before, pulled_h_before,) = memory.arrays(
        dtype,
        (batch, hidden_size),
        (steps, batch, memory.row(3 * hidden_size, dtype)),
        (steps, batch, memory.row(3 * hidden_size, dtype)),
        (batch, hidden_size),
    )
    threads.run(
        _backward_part, parts, steps, chunk, call.lengths, carry_h, error_h, last_error_h, d_h, kept_z, kept_n, kept_h,
        kept_product_6, b_un, kept_r, sum_b_r, sum_b_z, sum_b_n, sum_b_un, adjoints_x, adjoints_h_before, hidden_size,
        packed_h_before, pulled_h_before, packed_x, pulled_x
    )
    sum_b_r = calls.total(sum_b_r)
    sum_b_z = calls.total(sum_b_z)
    sum_b_n = calls.total(sum_b_n)
    sum_b_un = calls.total(sum_b_un)
    weights_x = weight_gradient(
        adjoints_x.reshape(steps * batch, adjoints_x.shape[2])[:, 0 : 3 * hidden_size], kept_x.reshape(steps * batch,
        input_size), parts
    )
    weights_h_before = weight_gradient(
        adjoints_h_before.reshape(steps * batch, adjoints_h_before.shape[2])[:, 0 : 3 * hidden_size],
        kept_h[:-1].reshape(steps * batch, hidden_size), parts
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            weights_h_before[0 : hidden_size],
            sum_b_r[0].astype(dtype),
            weights_x[hidden_size : 2 * hidden_size],
            weights_h_before[hidden_size : 2 * hidden_size],
            sum_b_z[0].astype(dtype),
            weights_x[2 * hidden_size : 3 * hidden_size],
            sum_b_n[0].astype(dtype),
            weights_h_before[2 * hidden_size : 3 * hidden_size],
            sum_b_un[0].astype(dtype),
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_h, carry_h),
        ),
    )
