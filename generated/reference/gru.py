"""GRU, reset before the product: reference kernels.

Source: Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk and Bengio 2014, Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, EMNLP, section 2.3, equations 5 to 8, with the biases that the paper leaves out of its notation
Equations: 18edbd9058230cd7, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    r_bar = W_r @ x + U_r @ h[t-1] + b_r
    z_bar = W_z @ x + U_z @ h[t-1] + b_z
    r = sigmoid(r_bar)
    z = sigmoid(z_bar)
    n_bar = W_n @ x + U_n @ (r * h[t-1]) + b_n
    n = tanh(n_bar)
    h = z * h[t-1] + (1 - z) * n
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

    W_r: np.ndarray  # (hidden_size, input_size)
    U_r: np.ndarray  # (hidden_size, hidden_size)
    b_r: np.ndarray  # (hidden_size,)
    W_z: np.ndarray  # (hidden_size, input_size)
    U_z: np.ndarray  # (hidden_size, hidden_size)
    b_z: np.ndarray  # (hidden_size,)
    W_n: np.ndarray  # (hidden_size, input_size)
    U_n: np.ndarray  # (hidden_size, hidden_size)
    b_n: np.ndarray  # (hidden_size,)


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
    r_bar: np.ndarray
    z_bar: np.ndarray
    r: np.ndarray
    z: np.ndarray
    n_bar: np.ndarray
    n: np.ndarray
    h: np.ndarray


SIGNATURE = Signature(
    cell="gru",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_r", ("hidden_size", "input_size")),
        ("U_r", ("hidden_size", "hidden_size")),
        ("b_r", ("hidden_size",)),
        ("W_z", ("hidden_size", "input_size")),
        ("U_z", ("hidden_size", "hidden_size")),
        ("b_z", ("hidden_size",)),
        ("W_n", ("hidden_size", "input_size")),
        ("U_n", ("hidden_size", "hidden_size")),
        ("b_n", ("hidden_size",)),
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
        ("U_n", "fan_in", 0.0),
        ("b_n", "number", 0.0),
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
    (W_r, U_r, b_r, W_z, U_z, b_z, W_n, U_n, b_n,) = map(contiguous, params)
    x = unrolled.placed(call.inputs[0], dtype)
    r_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    z_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    r = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    z = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    n_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    n = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    h = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            r_bar[t] = x[t] @ W_r.T + h[t - 1] @ U_r.T + b_r  # (F.1)
            z_bar[t] = x[t] @ W_z.T + h[t - 1] @ U_z.T + b_z  # (F.2)
            r[t] = functions.sigmoid(r_bar[t])  # (F.3)
            z[t] = functions.sigmoid(z_bar[t])  # (F.4)
            n_bar[t] = x[t] @ W_n.T + (h[t - 1] * r[t]) @ U_n.T + b_n  # (F.5)
            n[t] = np.tanh(n_bar[t])  # (F.6)
            h[t] = z[t] * h[t - 1] + (1 - z[t]) * n[t]  # (F.7)
    return Tape(call, x, r_bar, z_bar, r, z, n_bar, n, h)


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
    (W_r, U_r, b_r, W_z, U_z, b_z, W_n, U_n, b_n,) = map(contiguous, params)
    _, x, r_bar, z_bar, r, z, n_bar, n, h = tape
    error_h = unrolled.placed(errors[0], dtype)
    last_error_h = unrolled.last(ends[0], call.lengths, steps)
    d_h = np.zeros_like(h)
    d_n = np.zeros_like(n)
    d_n_bar = np.zeros_like(n_bar)
    d_z = np.zeros_like(z)
    d_r = np.zeros_like(r)
    d_z_bar = np.zeros_like(z_bar)
    d_r_bar = np.zeros_like(r_bar)
    d_x = np.zeros_like(x)
    d_W_r = np.zeros(np.shape(W_r), dtype)
    d_U_r = np.zeros(np.shape(U_r), dtype)
    d_b_r = np.zeros(np.shape(b_r), dtype)
    d_W_z = np.zeros(np.shape(W_z), dtype)
    d_U_z = np.zeros(np.shape(U_z), dtype)
    d_b_z = np.zeros(np.shape(b_z), dtype)
    d_W_n = np.zeros(np.shape(W_n), dtype)
    d_U_n = np.zeros(np.shape(U_n), dtype)
    d_b_n = np.zeros(np.shape(b_n), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_h[t] = mask.at(  # (B.1)
                t,
                error_h[t]  # route 1: h[t] -> J[t]
                + mask.at(t + 1, z[t + 1] * d_h[t + 1])  # route 2: h[t] -> h[t+1]
                + mask.at(t + 1, d_r_bar[t + 1] @ U_r)  # route 3: h[t] -> r_bar[t+1]
                + mask.at(t + 1, d_z_bar[t + 1] @ U_z)  # route 4: h[t] -> z_bar[t+1]
                + mask.at(t + 1, r[t + 1] * (d_n_bar[t + 1] @ U_n))  # route 5: h[t] -> n_bar[t+1]
                + last_error_h[t]  # the error on the last state
            )
            d_n[t] = mask.at(  # (B.2)
                t,
                (1 - z[t]) * d_h[t]  # route 1: n[t] -> h[t]
            )
            d_n_bar[t] = mask.at(  # (B.3)
                t,
                (1 - n[t] ** 2) * d_n[t]  # route 1: n_bar[t] -> n[t]
            )
            d_z[t] = mask.at(  # (B.4)
                t,
                h[t - 1] * d_h[t]  # route 1: z[t] -> h[t], occurrence 1 of 2
                + (-n[t]) * d_h[t]  # route 2: z[t] -> h[t], occurrence 2 of 2
            )
            d_r[t] = mask.at(  # (B.5)
                t,
                h[t - 1] * (d_n_bar[t] @ U_n)  # route 1: r[t] -> n_bar[t]
            )
            d_z_bar[t] = mask.at(  # (B.6)
                t,
                z[t] * (1 - z[t]) * d_z[t]  # route 1: z_bar[t] -> z[t]
            )
            d_r_bar[t] = mask.at(  # (B.7)
                t,
                r[t] * (1 - r[t]) * d_r[t]  # route 1: r_bar[t] -> r[t]
            )
            d_x[t] = mask.at(  # (B.8)
                t,
                d_r_bar[t] @ W_r  # route 1: x[t] -> r_bar[t]
                + d_z_bar[t] @ W_z  # route 2: x[t] -> z_bar[t]
                + d_n_bar[t] @ W_n  # route 3: x[t] -> n_bar[t]
            )
            d_W_r += unrolled.outer(mask.at(t, d_r_bar[t]), mask.at(t, x[t]))  # (B.9) route 1: W_r -> r_bar[t]
            d_U_r += unrolled.outer(mask.at(t, d_r_bar[t]), mask.at(t, h[t - 1]))  # (B.10) route 1: U_r -> r_bar[t]
            d_b_r += unrolled.summed(mask.at(t, d_r_bar[t]), d_b_r.shape)  # (B.11) route 1: b_r -> r_bar[t]
            d_W_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, x[t]))  # (B.12) route 1: W_z -> z_bar[t]
            d_U_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, h[t - 1]))  # (B.13) route 1: U_z -> z_bar[t]
            d_b_z += unrolled.summed(mask.at(t, d_z_bar[t]), d_b_z.shape)  # (B.14) route 1: b_z -> z_bar[t]
            d_W_n += unrolled.outer(mask.at(t, d_n_bar[t]), mask.at(t, x[t]))  # (B.15) route 1: W_n -> n_bar[t]
            d_U_n += unrolled.outer(mask.at(t, d_n_bar[t]), mask.at(t, h[t - 1] * r[t]))  # (B.16) route 1: U_n -> n_bar[t]
            d_b_n += unrolled.summed(mask.at(t, d_n_bar[t]), d_b_n.shape)  # (B.17) route 1: b_n -> n_bar[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_h[0] = (  # (B.1)
            mask.at(1, z[1] * d_h[1])  # h[t] -> h[t+1]
            + mask.at(1, d_r_bar[1] @ U_r)  # h[t] -> r_bar[t+1]
            + mask.at(1, d_z_bar[1] @ U_z)  # h[t] -> z_bar[t+1]
            + mask.at(1, r[1] * (d_n_bar[1] @ U_n))  # h[t] -> n_bar[t+1]
            + last_error_h[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(d_W_r, d_U_r, d_b_r, d_W_z, d_U_z, d_b_z, d_W_n, d_U_n, d_b_n),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_h[0].copy()),
    )
