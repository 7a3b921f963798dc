"""Minimal gated unit: cpu kernels.

Source: Zhou, Wu, Zhang and Zhou 2016, Minimal Gated Unit for Recurrent Neural Networks, International Journal of Automation and Computing 13(3), section 3, the equations of MGU
Equations: 1477a251b467fa7f, written by derive 0.1.0 with support 26f9e6ddb4c12b3d. Do not edit: derive writes this file.

    f_bar = W_f @ x + U_f @ h[t-1] + b_f
    f = sigmoid(f_bar)
    n_bar = W_h @ x + U_h @ (f * h[t-1]) + b_h
    n = tanh(n_bar)
    h = (1 - f) * h[t-1] + f * n
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

    W_f: np.ndarray  # (hidden_size, input_size)
    U_f: np.ndarray  # (hidden_size, hidden_size)
    b_f: np.ndarray  # (hidden_size,)
    W_h: np.ndarray  # (hidden_size, input_size)
    U_h: np.ndarray  # (hidden_size, hidden_size)
    b_h: np.ndarray  # (hidden_size,)


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
    packed_operand_4: np.ndarray


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    kept_x: np.ndarray
    kept_f: np.ndarray
    kept_operand_4: np.ndarray
    kept_n: np.ndarray
    kept_h: np.ndarray


SIGNATURE = Signature(
    cell="mgu",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_f", ("hidden_size", "input_size")),
        ("U_f", ("hidden_size", "hidden_size")),
        ("b_f", ("hidden_size",)),
        ("W_h", ("hidden_size", "input_size")),
        ("U_h", ("hidden_size", "hidden_size")),
        ("b_h", ("hidden_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(("h", "hidden_size"),),
    init=(
        ("W_f", "fan_in", 0.0),
        ("U_f", "fan_in", 0.0),
        ("b_f", "number", 0.0),
        ("W_h", "fan_in", 0.0),
        ("U_h", "fan_in", 0.0),
        ("b_h", "number", 0.0),
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
    products_h_before, b_f, kept_f, kept_operand_4, hidden_size, packed_operand_4, products_operand_4, b_h, kept_n,
    out_h
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
                        kept_operand_4[here, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_f_product = products_x[t - begin, item, unit]
                    U_f_product = products_h_before[item, unit]
                    h_before = kept_h[before, item, unit]
                    f_bar = W_f_product + U_f_product + b_f[unit]  # (F.1)
                    f = sigmoid(f_bar)  # (F.2)
                    kept_f[here, item, unit] = f
                    operand_4 = f * h_before
                    kept_operand_4[here, item, unit] = operand_4
            product(kept_operand_4[here, first:stop], packed_operand_4, products_operand_4[first:stop], t)
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_x)):
                        unit = units(start, hidden_size, kept_x)
                        kept_h[now, item, unit] = kept_h[before, item, unit]
                        out_h[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_h_product = products_x[t - begin, item, hidden_size + unit]
                    U_h_product = products_operand_4[item, unit]
                    f = kept_f[here, item, unit]
                    h_before = kept_h[before, item, unit]
                    n_bar = W_h_product + U_h_product + b_h[unit]  # (F.3)
                    n = tanh(n_bar)  # (F.4)
                    kept_n[here, item, unit] = n
                    h = f * n + (one - f) * h_before  # (F.5)
                    kept_h[now, item, unit] = h
                    out_h[t, item, unit] = h


@njit(cache=True, error_model="numpy", nogil=True)
def _backward_part(
    part, first, stop, steps, chunk, lengths, carry_h, error_h, last_error_h, d_h, kept_f, kept_n, sum_b_h, adjoints_x,
    hidden_size, packed_operand_4, pulled_operand_4, kept_h, sum_b_f, packed_h_before, pulled_h_before, packed_x,
    pulled_x
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
                        adjoints_x[t, item, hidden_size + unit] = zero
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    next_h_before_from_loop = carry_h[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    error_h_ = error_h[t, item, unit]
                    last_error_h_ = last_error_h[item, unit] if t + 1 == lengths[item] else zero
                    f = kept_f[t, item, unit]
                    n = kept_n[t, item, unit]
                    d_h_ = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                    d_h[item, unit] = d_h_
                    d_n = f * d_h_  # (B.2)
                    d_n_bar = d_n * (one - n * n)  # (B.3)
                    sum_b_h[part, unit] += d_n_bar  # (B.12)
                    adjoints_x[t, item, hidden_size + unit] = d_n_bar
            product(
                adjoints_x[t, first:stop, hidden_size : 2 * hidden_size], packed_operand_4,
                pulled_operand_4[first:stop], t
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(carry_h)):
                        unit = units(start, hidden_size, carry_h)
                        adjoints_x[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    pulled_product_4 = pulled_operand_4[item, unit]
                    h_before = kept_h[t, item, unit]
                    n = kept_n[t, item, unit]
                    d_h_ = d_h[item, unit]
                    f = kept_f[t, item, unit]
                    d_f = -h_before * d_h_ + pulled_product_4 * h_before + n * d_h_  # (B.4)
                    d_f_bar = f * d_f * (one - f)  # (B.5)
                    sum_b_f[part, unit] += d_f_bar  # (B.9)
                    adjoints_x[t, item, unit] = d_f_bar
            product(adjoints_x[t, first:stop, 0 : hidden_size], packed_h_before, pulled_h_before[first:stop], t)
            for item in range(first, stop):
                if t >= lengths[item]:
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    pulled_product_2 = pulled_h_before[item, unit]
                    pulled_product_4 = pulled_operand_4[item, unit]
                    f = kept_f[t, item, unit]
                    d_h_ = d_h[item, unit]
                    d_h_before_from_loop = pulled_product_2 + pulled_product_4 * f + d_h_ * (one - f)
                    carry_h[t & 1, item, unit] = d_h_before_from_loop
        product_of_steps(adjoints_x[begin:end], 0, packed_x, pulled_x[begin:end], first, stop)


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    arrays.param_sizes(SIGNATURE, params, "pack")
    (W_f, U_f, b_f, W_h, U_h, b_h,) = params
    return Packed(
        params,
        panels(np.concatenate((W_f, W_h)).T),
        panels(U_f.T),
        panels(U_h.T),
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
    (params, packed_x, packed_h_before, packed_operand_4,) = packed
    b_f = calls.plain(params.b_f)
    b_h = calls.plain(params.b_h)
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    out_h = np.empty((steps, batch, hidden_size), dtype)
    (kept_f, kept_operand_4, kept_n, kept_h,) = memory.arrays(
        dtype,
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (carried_rows, batch, hidden_size),
    )
    (products_x, products_h_before, products_operand_4,) = memory.arrays(
        dtype,
        (chunk, batch, 2 * hidden_size),
        (batch, hidden_size),
        (batch, hidden_size),
    )
    kept_h[0] = call.state[0]
    parts = threads.parts(
        batch, steps * ((2 * hidden_size) * input_size + (hidden_size) * hidden_size + (hidden_size) * hidden_size +
        input_size + hidden_size)
    )
    threads.run(
        _forward_part, parts, steps, chunk, call.lengths, keep_tape, packed_x, kept_x, input_size, products_x,
        packed_h_before, kept_h, products_h_before, b_f, kept_f, kept_operand_4, hidden_size, packed_operand_4,
        products_operand_4, b_h, kept_n, out_h
    )
    y = out_h
    state = State(calls.last_rows(kept_h, call))
    return y, state, Tape(call, kept_x, kept_f, kept_operand_4, kept_n, kept_h) if keep_tape else None


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype. The tape is left whole.
    """
    params = params.params if isinstance(params, Packed) else params
    call, errors, ends = calls.begin_backward(SIGNATURE, params, tape, Tape, dy, dstate)
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    W_f = calls.plain(params.W_f)
    U_f = calls.plain(params.U_f)
    W_h = calls.plain(params.W_h)
    U_h = calls.plain(params.U_h)
    packed_x = panels(np.concatenate((W_f, W_h)))
    packed_h_before = panels(U_f)
    packed_operand_4 = panels(U_h)
    (_, kept_x, kept_f, kept_operand_4, kept_n, kept_h,) = tape
    (error_h,) = errors
    (last_error_h,) = ends
    parts = threads.parts(
        batch, steps * ((2 * hidden_size) * input_size + (hidden_size) * hidden_size + (hidden_size) * hidden_size +
        input_size + hidden_size)
    )
    sum_b_h = np.zeros((len(parts), hidden_size))
    sum_b_f = np.zeros((len(parts), hidden_size))
    carry_h = np.zeros((2, batch, hidden_size), dtype)
    pulled_x = np.empty((steps, batch, input_size), dtype)
    (d_h, adjoints_x, pulled_h_before, pulled_operand_4,) = memory.arrays(
        dtype,
        (batch, hidden_size),
        (steps, batch, memory.row(2 * hidden_size, dtype)),
        (batch, hidden_size),
        (batch, hidden_size),
    )
    threads.run(
        _backward_part, parts, steps, chunk, call.lengths, carry_h, error_h, last_error_h, d_h, kept_f, kept_n, sum_b_h,
        adjoints_x, hidden_size, packed_operand_4, pulled_operand_4, kept_h, sum_b_f, packed_h_before, pulled_h_before,
        packed_x, pulled_x
    )
    sum_b_h = calls.total(sum_b_h)
    sum_b_f = calls.total(sum_b_f)
    weights_x = weight_gradient(
        adjoints_x.reshape(steps * batch, adjoints_x.shape[2])[:, 0 : 2 * hidden_size], kept_x.reshape(steps * batch,
        input_size), parts
    )
    weights_h_before = weight_gradient(
        adjoints_x.reshape(steps * batch, adjoints_x.shape[2])[:, 0 : hidden_size], kept_h[:-1].reshape(steps * batch,
        hidden_size), parts
    )
    weights_operand_4 = weight_gradient(
        adjoints_x.reshape(steps * batch, adjoints_x.shape[2])[:, hidden_size : 2 * hidden_size],
        kept_operand_4.reshape(steps * batch, hidden_size), parts
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            weights_h_before[0 : hidden_size],
            sum_b_f[0].astype(dtype),
            weights_x[hidden_size : 2 * hidden_size],
            weights_operand_4[0 : hidden_size],
            sum_b_h[0].astype(dtype),
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_h, carry_h),
        ),
    )
