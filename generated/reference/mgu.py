"""Minimal gated unit: reference kernels.

Source: Zhou, Wu, Zhang and Zhou 2016, Minimal Gated Unit for Recurrent Neural Networks, International Journal of Automation and Computing 13(3), section 3, the equations of MGU
Equations: 1477a251b467fa7f, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    f_bar = W_f @ x + U_f @ h[t-1] + b_f
    f = sigmoid(f_bar)
    n_bar = W_h @ x + U_h @ (f * h[t-1]) + b_h
    n = tanh(n_bar)
    h = (1 - f) * h[t-1] + f * n
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


class Tape(NamedTuple):
    """Every value of every step: row t is step t, row 0 is before the first one."""

    call: calls.Call
    x: np.ndarray
    f_bar: np.ndarray
    f: np.ndarray
    n_bar: np.ndarray
    n: np.ndarray
    h: np.ndarray


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
    (W_f, U_f, b_f, W_h, U_h, b_h,) = map(contiguous, params)
    x = unrolled.placed(call.inputs[0], dtype)
    f_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    f = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    n_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    n = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    h = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            f_bar[t] = x[t] @ W_f.T + h[t - 1] @ U_f.T + b_f  # (F.1)
            f[t] = functions.sigmoid(f_bar[t])  # (F.2)
            n_bar[t] = x[t] @ W_h.T + (f[t] * h[t - 1]) @ U_h.T + b_h  # (F.3)
            n[t] = np.tanh(n_bar[t])  # (F.4)
            h[t] = (1 - f[t]) * h[t - 1] + f[t] * n[t]  # (F.5)
    return Tape(call, x, f_bar, f, n_bar, n, h)


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
    (W_f, U_f, b_f, W_h, U_h, b_h,) = map(contiguous, params)
    _, x, f_bar, f, n_bar, n, h = tape
    error_h = unrolled.placed(errors[0], dtype)
    last_error_h = unrolled.last(ends[0], call.lengths, steps)
    d_h = np.zeros_like(h)
    d_n = np.zeros_like(n)
    d_n_bar = np.zeros_like(n_bar)
    d_f = np.zeros_like(f)
    d_f_bar = np.zeros_like(f_bar)
    d_x = np.zeros_like(x)
    d_W_f = np.zeros(np.shape(W_f), dtype)
    d_U_f = np.zeros(np.shape(U_f), dtype)
    d_b_f = np.zeros(np.shape(b_f), dtype)
    d_W_h = np.zeros(np.shape(W_h), dtype)
    d_U_h = np.zeros(np.shape(U_h), dtype)
    d_b_h = np.zeros(np.shape(b_h), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_h[t] = mask.at(  # (B.1)
                t,
                error_h[t]  # route 1: h[t] -> J[t]
                + mask.at(t + 1, (1 - f[t + 1]) * d_h[t + 1])  # route 2: h[t] -> h[t+1]
                + mask.at(t + 1, d_f_bar[t + 1] @ U_f)  # route 3: h[t] -> f_bar[t+1]
                + mask.at(t + 1, f[t + 1] * (d_n_bar[t + 1] @ U_h))  # route 4: h[t] -> n_bar[t+1]
                + last_error_h[t]  # the error on the last state
            )
            d_n[t] = mask.at(  # (B.2)
                t,
                f[t] * d_h[t]  # route 1: n[t] -> h[t]
            )
            d_n_bar[t] = mask.at(  # (B.3)
                t,
                (1 - n[t] ** 2) * d_n[t]  # route 1: n_bar[t] -> n[t]
            )
            d_f[t] = mask.at(  # (B.4)
                t,
                (-h[t - 1]) * d_h[t]  # route 1: f[t] -> h[t], occurrence 1 of 2
                + n[t] * d_h[t]  # route 2: f[t] -> h[t], occurrence 2 of 2
                + h[t - 1] * (d_n_bar[t] @ U_h)  # route 3: f[t] -> n_bar[t]
            )
            d_f_bar[t] = mask.at(  # (B.5)
                t,
                f[t] * (1 - f[t]) * d_f[t]  # route 1: f_bar[t] -> f[t]
            )
            d_x[t] = mask.at(  # (B.6)
                t,
                d_f_bar[t] @ W_f  # route 1: x[t] -> f_bar[t]
                + d_n_bar[t] @ W_h  # route 2: x[t] -> n_bar[t]
            )
            d_W_f += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, x[t]))  # (B.7) route 1: W_f -> f_bar[t]
            d_U_f += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, h[t - 1]))  # (B.8) route 1: U_f -> f_bar[t]
            d_b_f += unrolled.summed(mask.at(t, d_f_bar[t]), d_b_f.shape)  # (B.9) route 1: b_f -> f_bar[t]
            d_W_h += unrolled.outer(mask.at(t, d_n_bar[t]), mask.at(t, x[t]))  # (B.10) route 1: W_h -> n_bar[t]
            d_U_h += unrolled.outer(mask.at(t, d_n_bar[t]), mask.at(t, f[t] * h[t - 1]))  # (B.11) route 1: U_h -> n_bar[t]
            d_b_h += unrolled.summed(mask.at(t, d_n_bar[t]), d_b_h.shape)  # (B.12) route 1: b_h -> n_bar[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_h[0] = (  # (B.1)
            mask.at(1, (1 - f[1]) * d_h[1])  # h[t] -> h[t+1]
            + mask.at(1, d_f_bar[1] @ U_f)  # h[t] -> f_bar[t+1]
            + mask.at(1, f[1] * (d_n_bar[1] @ U_h))  # h[t] -> n_bar[t+1]
            + last_error_h[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(d_W_f, d_U_f, d_b_f, d_W_h, d_U_h, d_b_h),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_h[0].copy()),
    )
