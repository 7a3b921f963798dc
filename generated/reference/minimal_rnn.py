"""MinimalRNN: reference kernels.

Source: Chen 2017, MinimalRNN: Toward More Interpretable and Trainable Recurrent Neural Networks, arXiv:1711.06788, with one tanh layer as the map of the input
Equations: ae05a124f37be1f8, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    z_bar = W_x @ x + b_z
    z = tanh(z_bar)
    u_bar = U_h @ h[t-1] + U_z @ z + b_u
    u = sigmoid(u_bar)
    h = u * h[t-1] + (1 - u) * z
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from generated.support import calls, functions, losses, unrolled
from generated.support import init as parameters
from generated.support.expected import contiguous
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


class Tape(NamedTuple):
    """Every value of every step: row t is step t, row 0 is before the first one."""

    call: calls.Call
    x: np.ndarray
    z_bar: np.ndarray
    z: np.ndarray
    u_bar: np.ndarray
    u: np.ndarray
    h: np.ndarray


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


def forward(params, x, state=None, lengths=None, *, keep_tape=True):
    """Run whole sequences: x (T, B, input_size).

    Returns the output (T, B, size), the last state, and the tape for `backward` (None with keep_tape=False).
    Raises ValueError or TypeError for arrays of another shape or dtype.
    """
    call = calls.begin(SIGNATURE, params, x, state, lengths)
    tape = _run(params, call)
    y, state = _results(tape)
    return y, state, tape if keep_tape else None


def step(params, x_t, state=None):
    """One step: x_t (B, size). Returns the output (B, size) and the new state."""
    y, state = _results(_run(params, calls.begin_step(SIGNATURE, params, x_t, state)))
    return y[0], state


def pack(params):
    """The parameters as they are: this target packs nothing."""
    return params


def _run(params, call):
    """The forward equations, step by step."""
    steps, batch, sizes, dtype = call.steps, call.batch, call.sizes, call.dtype
    (W_x, b_z, U_h, U_z, b_u,) = map(contiguous, params)
    x = unrolled.placed(call.inputs[0], dtype)
    z_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    z = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    u_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    u = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    h = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            z_bar[t] = x[t] @ W_x.T + b_z  # (F.1)
            z[t] = np.tanh(z_bar[t])  # (F.2)
            u_bar[t] = h[t - 1] @ U_h.T + z[t] @ U_z.T + b_u  # (F.3)
            u[t] = functions.sigmoid(u_bar[t])  # (F.4)
            h[t] = u[t] * h[t - 1] + (1 - u[t]) * z[t]  # (F.5)
    return Tape(call, x, z_bar, z, u_bar, u, h)


def _results(tape):
    """The output without its rows beyond each length, and the state at each sequence's end."""
    steps, ends = tape.call.steps, (tape.call.lengths, np.arange(tape.call.batch))
    y = calls.masked(tape.h[1 : steps + 1], tape.call.lengths).copy()
    return y, State(tape.h[ends])


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    call = calls.begin_backward(SIGNATURE, params, tape, Tape)
    errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
    steps, batch, sizes, dtype = call.steps, call.batch, call.sizes, call.dtype
    mask = unrolled.Mask(call.lengths, steps)
    (W_x, b_z, U_h, U_z, b_u,) = map(contiguous, params)
    _, x, z_bar, z, u_bar, u, h = tape
    error_h = unrolled.placed(errors[0], dtype)
    last_error_h = unrolled.last(ends[0], call.lengths, steps)
    d_h = np.zeros_like(h)
    d_u = np.zeros_like(u)
    d_u_bar = np.zeros_like(u_bar)
    d_z = np.zeros_like(z)
    d_z_bar = np.zeros_like(z_bar)
    d_x = np.zeros_like(x)
    d_W_x = np.zeros(np.shape(W_x), dtype)
    d_b_z = np.zeros(np.shape(b_z), dtype)
    d_U_h = np.zeros(np.shape(U_h), dtype)
    d_U_z = np.zeros(np.shape(U_z), dtype)
    d_b_u = np.zeros(np.shape(b_u), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_h[t] = mask.at(  # (B.1)
                t,
                error_h[t]  # route 1: h[t] -> J[t]
                + mask.at(t + 1, u[t + 1] * d_h[t + 1])  # route 2: h[t] -> h[t+1]
                + mask.at(t + 1, d_u_bar[t + 1] @ U_h)  # route 3: h[t] -> u_bar[t+1]
                + last_error_h[t]  # the error on the last state
            )
            d_u[t] = mask.at(  # (B.2)
                t,
                h[t - 1] * d_h[t]  # route 1: u[t] -> h[t], occurrence 1 of 2
                + (-z[t]) * d_h[t]  # route 2: u[t] -> h[t], occurrence 2 of 2
            )
            d_u_bar[t] = mask.at(  # (B.3)
                t,
                u[t] * (1 - u[t]) * d_u[t]  # route 1: u_bar[t] -> u[t]
            )
            d_z[t] = mask.at(  # (B.4)
                t,
                (1 - u[t]) * d_h[t]  # route 1: z[t] -> h[t]
                + d_u_bar[t] @ U_z  # route 2: z[t] -> u_bar[t]
            )
            d_z_bar[t] = mask.at(  # (B.5)
                t,
                (1 - z[t] ** 2) * d_z[t]  # route 1: z_bar[t] -> z[t]
            )
            d_x[t] = mask.at(  # (B.6)
                t,
                d_z_bar[t] @ W_x  # route 1: x[t] -> z_bar[t]
            )
            d_W_x += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, x[t]))  # (B.7) route 1: W_x -> z_bar[t]
            d_b_z += unrolled.summed(mask.at(t, d_z_bar[t]), d_b_z.shape)  # (B.8) route 1: b_z -> z_bar[t]
            d_U_h += unrolled.outer(mask.at(t, d_u_bar[t]), mask.at(t, h[t - 1]))  # (B.9) route 1: U_h -> u_bar[t]
            d_U_z += unrolled.outer(mask.at(t, d_u_bar[t]), mask.at(t, z[t]))  # (B.10) route 1: U_z -> u_bar[t]
            d_b_u += unrolled.summed(mask.at(t, d_u_bar[t]), d_b_u.shape)  # (B.11) route 1: b_u -> u_bar[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_h[0] = (  # (B.1)
            mask.at(1, u[1] * d_h[1])  # h[t] -> h[t+1]
            + mask.at(1, d_u_bar[1] @ U_h)  # h[t] -> u_bar[t+1]
            + last_error_h[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(d_W_x, d_b_z, d_U_h, d_U_z, d_b_u),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_h[0].copy()),
    )
