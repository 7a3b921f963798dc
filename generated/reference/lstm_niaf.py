"""LSTM without input activation function: reference kernels.

Source: Greff, Srivastava, Koutnik, Steunebrink and Schmidhuber 2017, LSTM: A Search Space Odyssey, IEEE Transactions on Neural Networks and Learning Systems 28(10), the variant NIAF (no input activation function)
Equations: b70e50900e0e1007, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    z_bar = W_z @ x + R_z @ y[t-1] + b_z
    i_bar = W_in @ x + R_in @ y[t-1] + p_in * c[t-1] + b_in
    f_bar = W_for @ x + R_for @ y[t-1] + p_for * c[t-1] + b_for
    z = z_bar
    i = sigmoid(i_bar)
    f = sigmoid(f_bar)
    c = z * i + c[t-1] * f
    o_bar = W_out @ x + R_out @ y[t-1] + p_out * c + b_out
    o = sigmoid(o_bar)
    y = o * tanh(c)
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

    W_z: np.ndarray  # (hidden_size, input_size)
    R_z: np.ndarray  # (hidden_size, hidden_size)
    b_z: np.ndarray  # (hidden_size,)
    W_in: np.ndarray  # (hidden_size, input_size)
    R_in: np.ndarray  # (hidden_size, hidden_size)
    p_in: np.ndarray  # (hidden_size,)
    b_in: np.ndarray  # (hidden_size,)
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


class Tape(NamedTuple):
    """Every value of every step: row t is step t, row 0 is before the first one."""

    call: calls.Call
    x: np.ndarray
    z_bar: np.ndarray
    i_bar: np.ndarray
    f_bar: np.ndarray
    z: np.ndarray
    i: np.ndarray
    f: np.ndarray
    c: np.ndarray
    o_bar: np.ndarray
    o: np.ndarray
    y: np.ndarray


SIGNATURE = Signature(
    cell="lstm_niaf",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_z", ("hidden_size", "input_size")),
        ("R_z", ("hidden_size", "hidden_size")),
        ("b_z", ("hidden_size",)),
        ("W_in", ("hidden_size", "input_size")),
        ("R_in", ("hidden_size", "hidden_size")),
        ("p_in", ("hidden_size",)),
        ("b_in", ("hidden_size",)),
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
        ("W_in", "fan_in", 0.0),
        ("R_in", "fan_in", 0.0),
        ("p_in", "number", 0.0),
        ("b_in", "number", 0.0),
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
    (W_z, R_z, b_z, W_in, R_in, p_in, b_in, W_for, R_for, p_for, b_for, W_out, R_out, p_out, b_out,) = (
        map(contiguous, params)
    )
    x = unrolled.placed(call.inputs[0], dtype)
    z_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    i_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    f_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    z = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    i = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    f = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    c = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    o_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    o = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    y = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[1])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            z_bar[t] = x[t] @ W_z.T + y[t - 1] @ R_z.T + b_z  # (F.1)
            i_bar[t] = x[t] @ W_in.T + y[t - 1] @ R_in.T + p_in * c[t - 1] + b_in  # (F.2)
            f_bar[t] = x[t] @ W_for.T + y[t - 1] @ R_for.T + p_for * c[t - 1] + b_for  # (F.3)
            z[t] = z_bar[t]  # (F.4)
            i[t] = functions.sigmoid(i_bar[t])  # (F.5)
            f[t] = functions.sigmoid(f_bar[t])  # (F.6)
            c[t] = z[t] * i[t] + c[t - 1] * f[t]  # (F.7)
            o_bar[t] = x[t] @ W_out.T + y[t - 1] @ R_out.T + p_out * c[t] + b_out  # (F.8)
            o[t] = functions.sigmoid(o_bar[t])  # (F.9)
            y[t] = o[t] * np.tanh(c[t])  # (F.10)
    return Tape(call, x, z_bar, i_bar, f_bar, z, i, f, c, o_bar, o, y)


def _results(tape):
    """The output without its rows beyond each length, and the state at each sequence's end."""
    steps, ends = tape.call.steps, (tape.call.lengths, np.arange(tape.call.batch))
    y = calls.masked(tape.y[1 : steps + 1], tape.call.lengths).copy()
    return y, State(tape.c[ends], tape.y[ends])


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    call = calls.begin_backward(SIGNATURE, params, tape, Tape)
    errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
    steps, batch, sizes, dtype = call.steps, call.batch, call.sizes, call.dtype
    mask = unrolled.Mask(call.lengths, steps)
    (W_z, R_z, b_z, W_in, R_in, p_in, b_in, W_for, R_for, p_for, b_for, W_out, R_out, p_out, b_out,) = (
        map(contiguous, params)
    )
    _, x, z_bar, i_bar, f_bar, z, i, f, c, o_bar, o, y = tape
    error_y = unrolled.placed(errors[0], dtype)
    last_error_c = unrolled.last(ends[0], call.lengths, steps)
    last_error_y = unrolled.last(ends[1], call.lengths, steps)
    d_y = np.zeros_like(y)
    d_o = np.zeros_like(o)
    d_o_bar = np.zeros_like(o_bar)
    d_c = np.zeros_like(c)
    d_f = np.zeros_like(f)
    d_i = np.zeros_like(i)
    d_z = np.zeros_like(z)
    d_f_bar = np.zeros_like(f_bar)
    d_i_bar = np.zeros_like(i_bar)
    d_z_bar = np.zeros_like(z_bar)
    d_x = np.zeros_like(x)
    d_W_z = np.zeros(np.shape(W_z), dtype)
    d_R_z = np.zeros(np.shape(R_z), dtype)
    d_b_z = np.zeros(np.shape(b_z), dtype)
    d_W_in = np.zeros(np.shape(W_in), dtype)
    d_R_in = np.zeros(np.shape(R_in), dtype)
    d_p_in = np.zeros(np.shape(p_in), dtype)
    d_b_in = np.zeros(np.shape(b_in), dtype)
    d_W_for = np.zeros(np.shape(W_for), dtype)
    d_R_for = np.zeros(np.shape(R_for), dtype)
    d_p_for = np.zeros(np.shape(p_for), dtype)
    d_b_for = np.zeros(np.shape(b_for), dtype)
    d_W_out = np.zeros(np.shape(W_out), dtype)
    d_R_out = np.zeros(np.shape(R_out), dtype)
    d_p_out = np.zeros(np.shape(p_out), dtype)
    d_b_out = np.zeros(np.shape(b_out), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_y[t] = mask.at(  # (B.1)
                t,
                error_y[t]  # route 1: y[t] -> J[t]
                + mask.at(t + 1, d_z_bar[t + 1] @ R_z)  # route 2: y[t] -> z_bar[t+1]
                + mask.at(t + 1, d_i_bar[t + 1] @ R_in)  # route 3: y[t] -> i_bar[t+1]
                + mask.at(t + 1, d_f_bar[t + 1] @ R_for)  # route 4: y[t] -> f_bar[t+1]
                + mask.at(t + 1, d_o_bar[t + 1] @ R_out)  # route 5: y[t] -> o_bar[t+1]
                + last_error_y[t]  # the error on the last state
            )
            d_o[t] = mask.at(  # (B.2)
                t,
                np.tanh(c[t]) * d_y[t]  # route 1: o[t] -> y[t]
            )
            d_o_bar[t] = mask.at(  # (B.3)
                t,
                o[t] * (1 - o[t]) * d_o[t]  # route 1: o_bar[t] -> o[t]
            )
            d_c[t] = mask.at(  # (B.4)
                t,
                o[t] * (1 - np.tanh(c[t]) ** 2) * d_y[t]  # route 1: c[t] -> y[t]
                + p_out * d_o_bar[t]  # route 2: c[t] -> o_bar[t]
                + mask.at(t + 1, f[t + 1] * d_c[t + 1])  # route 3: c[t] -> c[t+1]
                + mask.at(t + 1, p_in * d_i_bar[t + 1])  # route 4: c[t] -> i_bar[t+1]
                + mask.at(t + 1, p_for * d_f_bar[t + 1])  # route 5: c[t] -> f_bar[t+1]
                + last_error_c[t]  # the error on the last state
            )
            d_f[t] = mask.at(  # (B.5)
                t,
                c[t - 1] * d_c[t]  # route 1: f[t] -> c[t]
            )
            d_i[t] = mask.at(  # (B.6)
                t,
                z[t] * d_c[t]  # route 1: i[t] -> c[t]
            )
            d_z[t] = mask.at(  # (B.7)
                t,
                i[t] * d_c[t]  # route 1: z[t] -> c[t]
            )
            d_f_bar[t] = mask.at(  # (B.8)
                t,
                f[t] * (1 - f[t]) * d_f[t]  # route 1: f_bar[t] -> f[t]
            )
            d_i_bar[t] = mask.at(  # (B.9)
                t,
                i[t] * (1 - i[t]) * d_i[t]  # route 1: i_bar[t] -> i[t]
            )
            d_z_bar[t] = mask.at(  # (B.10)
                t,
                d_z[t]  # route 1: z_bar[t] -> z[t]
            )
            d_x[t] = mask.at(  # (B.11)
                t,
                d_z_bar[t] @ W_z  # route 1: x[t] -> z_bar[t]
                + d_i_bar[t] @ W_in  # route 2: x[t] -> i_bar[t]
                + d_f_bar[t] @ W_for  # route 3: x[t] -> f_bar[t]
                + d_o_bar[t] @ W_out  # route 4: x[t] -> o_bar[t]
            )
            d_W_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, x[t]))  # (B.12) route 1: W_z -> z_bar[t]
            d_R_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, y[t - 1]))  # (B.13) route 1: R_z -> z_bar[t]
            d_b_z += unrolled.summed(mask.at(t, d_z_bar[t]), d_b_z.shape)  # (B.14) route 1: b_z -> z_bar[t]
            d_W_in += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, x[t]))  # (B.15) route 1: W_in -> i_bar[t]
            d_R_in += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, y[t - 1]))  # (B.16) route 1: R_in -> i_bar[t]
            d_p_in += unrolled.summed(mask.at(t, c[t - 1] * d_i_bar[t]), d_p_in.shape)  # (B.17) route 1: p_in -> i_bar[t]
            d_b_in += unrolled.summed(mask.at(t, d_i_bar[t]), d_b_in.shape)  # (B.18) route 1: b_in -> i_bar[t]
            d_W_for += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, x[t]))  # (B.19) route 1: W_for -> f_bar[t]
            d_R_for += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, y[t - 1]))  # (B.20) route 1: R_for -> f_bar[t]
            d_p_for += unrolled.summed(mask.at(t, c[t - 1] * d_f_bar[t]), d_p_for.shape)  # (B.21) route 1: p_for -> f_bar[t]
            d_b_for += unrolled.summed(mask.at(t, d_f_bar[t]), d_b_for.shape)  # (B.22) route 1: b_for -> f_bar[t]
            d_W_out += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, x[t]))  # (B.23) route 1: W_out -> o_bar[t]
            d_R_out += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, y[t - 1]))  # (B.24) route 1: R_out -> o_bar[t]
            d_p_out += unrolled.summed(mask.at(t, c[t] * d_o_bar[t]), d_p_out.shape)  # (B.25) route 1: p_out -> o_bar[t]
            d_b_out += unrolled.summed(mask.at(t, d_o_bar[t]), d_b_out.shape)  # (B.26) route 1: b_out -> o_bar[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_c[0] = (  # (B.4)
            mask.at(1, f[1] * d_c[1])  # c[t] -> c[t+1]
            + mask.at(1, p_in * d_i_bar[1])  # c[t] -> i_bar[t+1]
            + mask.at(1, p_for * d_f_bar[1])  # c[t] -> f_bar[t+1]
            + last_error_c[0]  # a sequence of length 0
        )
        d_y[0] = (  # (B.1)
            mask.at(1, d_z_bar[1] @ R_z)  # y[t] -> z_bar[t+1]
            + mask.at(1, d_i_bar[1] @ R_in)  # y[t] -> i_bar[t+1]
            + mask.at(1, d_f_bar[1] @ R_for)  # y[t] -> f_bar[t+1]
            + mask.at(1, d_o_bar[1] @ R_out)  # y[t] -> o_bar[t+1]
            + last_error_y[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(
            d_W_z, d_R_z, d_b_z, d_W_in, d_R_in, d_p_in, d_b_in, d_W_for, d_R_for, d_p_for, d_b_for, d_W_out, d_R_out,
            d_p_out, d_b_out
        ),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_c[0].copy(), d_y[0].copy()),
    )
