"""MinimalRNN: cpu kernels.

Source: Chen 2017, MinimalRNN: Toward More Interpretable and Trainable Recurrent Neural Networks, arXiv:1711.06788, with one tanh layer as the map of the input
Equations: ae05a124f37be1f8, written by derive 0.1.0 with support 06715a44c1c6cf88. Do not edit: derive writes this file.

    z_bar = W_x @ x + b_z
    z = tanh(z_bar)
    u_bar = U_h @ h[t-1] + U_z @ z + b_u
    u = sigmoid(u_bar)
    h = u * h[t-1] + (1 - u) * z
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numba import njit

from generated.support import arrays, calls, losses
from generated.support import init as parameters
from generated.support.elementwise import sigmoid, tanh
from generated.support.lanes import total, units, width
from generated.support.products import panels, product, weight_gradient
from generated.support.signature import Signature


class Params(NamedTuple):
    """The parameters, plain arrays of one dtype."""

    W_x: np.ndarray  # (hidden_size, input_size)
    b_z: np.ndarray  # (hidden_size,)
    U_h: np.ndarray  # (hidden_size, hidden_size)
    U_z: np.ndarray  # (hidden_size, hidden_size)
    b_u: np.ndarray  # (hidden_size,)


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
    packed_z: np.ndarray


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    kept_x: np.ndarray
    kept_z: np.ndarray
    kept_u: np.ndarray
    kept_h: np.ndarray


SIGNATURE = Signature(
    cell="minimal_rnn",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_x", ("hidden_size", "input_size")),
        ("b_z", ("hidden_size",)),
        ("U_h", ("hidden_size", "hidden_size")),
        ("U_z", ("hidden_size", "hidden_size")),
        ("b_u", ("hidden_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(("h", "hidden_size"),),
    init=(
        ("W_x", "fan_in", 0.0),
        ("b_z", "number", 0.0),
        ("U_h", "fan_in", 0.0),
        ("U_z", "fan_in", 0.0),
        ("b_u", "number", 0.0),
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


@njit(cache=True, error_model="numpy")
def _forward_prefix_1(steps, batch, lengths, keep, products_x, b_z, kept_z, hidden_size):
    for t in range(steps):
        for item in range(batch):
            if t >= lengths[item]:
                continue
            for start in range(0, hidden_size, width(products_x)):
                unit = units(start, hidden_size, products_x)
                W_x_product = products_x[t, item, unit]
                z_bar = W_x_product + b_z[unit]  # (F.1)
                z = tanh(z_bar)  # (F.2)
                kept_z[t, item, unit] = z


@njit(cache=True, error_model="numpy")
def _forward_loop(
    steps, batch, lengths, keep, packed_h_before, kept_h, products_h_before, products_z, b_u, kept_u, kept_z,
    hidden_size
):
    real = kept_h.dtype.type
    one = real(1)
    for t in range(steps):
        # Without a tape two rows of a state and one of any other value are enough.
        now, before, here = (t + 1, t, t) if keep else ((t + 1) & 1, t & 1, 0)
        product(kept_h[t], packed_h_before, products_h_before)
        for item in range(batch):
            if t >= lengths[item]:
                for start in range(0, hidden_size, width(kept_h)):
                    unit = units(start, hidden_size, kept_h)
                    kept_h[t + 1, item, unit] = kept_h[t, item, unit]
                continue
            for start in range(0, hidden_size, width(kept_h)):
                unit = units(start, hidden_size, kept_h)
                U_h_product = products_h_before[item, unit]
                U_z_product = products_z[t, item, unit]
                h_before = kept_h[t, item, unit]
                z = kept_z[t, item, unit]
                u_bar = U_h_product + U_z_product + b_u[unit]  # (F.3)
                u = sigmoid(u_bar)  # (F.4)
                kept_u[here, item, unit] = u
                h = u * h_before + (one - u) * z  # (F.5)
                kept_h[t + 1, item, unit] = h


@njit(cache=True, error_model="numpy")
def _backward_loop(
    steps, batch, lengths, carry_h, error_h, last_error_h, d_h, kept_h, kept_z, kept_u, d_z_from_loop, sum_b_u,
    adjoints_h_before, adjoints_z, hidden_size, packed_h_before, pulled_h_before
):
    real = carry_h.dtype.type
    one = real(1)
    zero = real(0)
    for t in range(steps - 1, -1, -1):
        for item in range(batch):
            if t >= lengths[item]:
                continue
            for start in range(0, hidden_size, width(carry_h)):
                unit = units(start, hidden_size, carry_h)
                next_h_before_from_loop = carry_h[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                error_h_ = error_h[t, item, unit]
                last_error_h_ = last_error_h[item, unit] if t + 1 == lengths[item] else zero
                h_before = kept_h[t, item, unit]
                z = kept_z[t, item, unit]
                u = kept_u[t, item, unit]
                d_h_ = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                d_h[item, unit] = d_h_
                d_u = -z * d_h_ + h_before * d_h_  # (B.2)
                common_1 = one - u
                d_u_bar = common_1 * u * d_u  # (B.3)
                d_z_from_loop_ = common_1 * d_h_
                d_z_from_loop[t, item, unit] = d_z_from_loop_
                sum_b_u[unit] += d_u_bar  # (B.11)
                adjoints_h_before[t, item, unit] = d_u_bar
                adjoints_z[t, item, unit] = d_u_bar
        product(adjoints_h_before[t], packed_h_before, pulled_h_before)
        for item in range(batch):
            if t >= lengths[item]:
                continue
            for start in range(0, hidden_size, width(carry_h)):
                unit = units(start, hidden_size, carry_h)
                pulled_product_2 = pulled_h_before[item, unit]
                u = kept_u[t, item, unit]
                d_h_ = d_h[item, unit]
                d_h_before_from_loop = pulled_product_2 + u * d_h_
                carry_h[t & 1, item, unit] = d_h_before_from_loop


@njit(cache=True, error_model="numpy")
def _backward_prefix_1(steps, batch, lengths, pulled_z, d_z_from_loop, kept_z, sum_b_z, adjoints_x, hidden_size):
    real = pulled_z.dtype.type
    one = real(1)
    for t in range(steps - 1, -1, -1):
        for item in range(batch):
            if t >= lengths[item]:
                continue
            for start in range(0, hidden_size, width(pulled_z)):
                unit = units(start, hidden_size, pulled_z)
                pulled_product_3 = pulled_z[t, item, unit]
                d_z_from_loop_ = d_z_from_loop[t, item, unit]
                z = kept_z[t, item, unit]
                d_z = pulled_product_3 + d_z_from_loop_  # (B.4)
                d_z_bar = d_z * (one - z * z)  # (B.5)
                sum_b_z[unit] += d_z_bar  # (B.8)
                adjoints_x[t, item, unit] = d_z_bar


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    arrays.param_sizes(SIGNATURE, params, "pack")
    (W_x, b_z, U_h, U_z, b_u,) = params
    return Packed(
        params,
        panels(W_x.T),
        panels(U_h.T),
        panels(U_z.T),
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
    steps, batch, dtype = call.steps, call.batch, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (params, packed_x, packed_h_before, packed_z,) = packed
    b_z = calls.plain(params.b_z)
    b_u = calls.plain(params.b_u)
    kept_x = call.inputs[0]
    kept_z = np.zeros((steps, batch, hidden_size), dtype)
    kept_u = np.zeros((steps if keep_tape else 1, batch, hidden_size), dtype)
    kept_h = calls.carried(np.zeros((steps + 1, batch, hidden_size), dtype), call.state[0])
    products_x = np.zeros((steps, batch, hidden_size), dtype)
    products_h_before = np.zeros((batch, hidden_size), dtype)
    products_z = np.zeros((steps, batch, hidden_size), dtype)
    product(kept_x.reshape(steps * batch, input_size), packed_x, products_x.reshape(steps * batch, hidden_size))
    _forward_prefix_1(steps, batch, call.lengths, keep_tape, products_x, b_z, kept_z, hidden_size)
    product(kept_z.reshape(steps * batch, hidden_size), packed_z, products_z.reshape(steps * batch, hidden_size))
    _forward_loop(
        steps, batch, call.lengths, keep_tape, packed_h_before, kept_h, products_h_before, products_z, b_u, kept_u,
        kept_z, hidden_size
    )
    y = calls.masked(kept_h[1:], call.lengths).copy()
    state = State(calls.last_rows(kept_h, call))
    return y, state, Tape(call, kept_x, kept_z, kept_u, kept_h) if keep_tape else None


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype. The tape is left whole.
    """
    params = params.params if isinstance(params, Packed) else params
    call, errors, ends = calls.begin_backward(SIGNATURE, params, tape, Tape, dy, dstate)
    steps, batch, dtype = call.steps, call.batch, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    W_x = calls.plain(params.W_x)
    U_h = calls.plain(params.U_h)
    U_z = calls.plain(params.U_z)
    packed_x = panels(W_x)
    packed_h_before = panels(U_h)
    packed_z = panels(U_z)
    (_, kept_x, kept_z, kept_u, kept_h,) = tape
    (error_h,) = errors
    (last_error_h,) = ends
    d_h = np.zeros((batch, hidden_size), dtype)
    d_z_from_loop = np.zeros((steps, batch, hidden_size), dtype)
    sum_b_u = np.zeros(hidden_size)
    carry_h = np.zeros((2, batch, hidden_size), dtype)
    sum_b_z = np.zeros(hidden_size)
    adjoints_x = np.zeros((steps, batch, hidden_size), dtype)
    pulled_x = np.zeros((steps, batch, input_size), dtype)
    adjoints_h_before = np.zeros((steps, batch, hidden_size), dtype)
    pulled_h_before = np.zeros((batch, hidden_size), dtype)
    adjoints_z = np.zeros((steps, batch, hidden_size), dtype)
    pulled_z = np.zeros((steps, batch, hidden_size), dtype)
    _backward_loop(
        steps, batch, call.lengths, carry_h, error_h, last_error_h, d_h, kept_h, kept_z, kept_u, d_z_from_loop, sum_b_u,
        adjoints_h_before, adjoints_z, hidden_size, packed_h_before, pulled_h_before
    )
    product(adjoints_z.reshape(steps * batch, hidden_size), packed_z, pulled_z.reshape(steps * batch, hidden_size))
    _backward_prefix_1(steps, batch, call.lengths, pulled_z, d_z_from_loop, kept_z, sum_b_z, adjoints_x, hidden_size)
    product(adjoints_x.reshape(steps * batch, hidden_size), packed_x, pulled_x.reshape(steps * batch, input_size))
    weights_x = weight_gradient(
        adjoints_x.reshape(steps * batch, hidden_size), calls.masked(kept_x, call.lengths).reshape(steps * batch,
        input_size)
    )
    weights_h_before = weight_gradient(
        adjoints_h_before.reshape(steps * batch, hidden_size), calls.masked(kept_h[:-1], call.lengths).reshape(steps *
        batch, hidden_size)
    )
    weights_z = weight_gradient(
        adjoints_z.reshape(steps * batch, hidden_size), calls.masked(kept_z, call.lengths).reshape(steps * batch,
        hidden_size)
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            sum_b_z.astype(dtype),
            weights_h_before[0 : hidden_size],
            weights_z[0 : hidden_size],
            sum_b_u.astype(dtype),
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_h, carry_h),
        ),
    )
