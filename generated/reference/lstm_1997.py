"""The first LSTM, without forget gate: reference kernels.

Source: Hochreiter and Schmidhuber 1997, Long Short-Term Memory, Neural Computation 9(8), section 4 and appendix A.1, memory cell blocks of size 1
Equations: 9652316b691b2cd1, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    z_bar = W_z @ x + R_z @ y[t-1] + b_z
    i_bar = W_in @ x + R_in @ y[t-1] + b_in
    o_bar = W_out @ x + R_out @ y[t-1] + b_out
    z = 4 * sigmoid(z_bar) - 2
    i = sigmoid(i_bar)
    o = sigmoid(o_bar)
    c = c[t-1] + i * z
    y = o * (2 * sigmoid(c) - 1)
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
    b_in: np.ndarray  # (hidden_size,)
    W_out: np.ndarray  # (hidden_size, input_size)
    R_out: np.ndarray  # (hidden_size, hidden_size)
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
    o_bar: np.ndarray
    z: np.ndarray
    i: np.ndarray
    o: np.ndarray
    c: np.ndarray
    y: np.ndarray


SIGNATURE = Signature(
    cell="lstm_1997",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_z", ("hidden_size", "input_size")),
        ("R_z", ("hidden_size", "hidden_size")),
        ("b_z", ("hidden_size",)),
        ("W_in", ("hidden_size", "input_size")),
        ("R_in", ("hidden_size", "hidden_size")),
        ("b_in", ("hidden_size",)),
        ("W_out", ("hidden_size", "input_size")),
        ("R_out", ("hidden_size", "hidden_size")),
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
        ("b_in", "number", 0.0),
        ("W_out", "fan_in", 0.0),
        ("R_out", "fan_in", 0.0),
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
    (W_z, R_z, b_z, W_in, R_in, b_in, W_out, R_out, b_out,) = map(contiguous, params)
    x = unrolled.placed(call.inputs[0], dtype)
    z_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    i_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    o_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    z = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    i = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    o = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    c = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    y = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[1])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            z_bar[t] = x[t] @ W_z.T + y[t - 1] @ R_z.T + b_z  # (F.1)
            i_bar[t] = x[t] @ W_in.T + y[t - 1] @ R_in.T + b_in  # (F.2)
            o_bar[t] = x[t] @ W_out.T + y[t - 1] @ R_out.T + b_out  # (F.3)
            z[t] = 4 * functions.sigmoid(z_bar[t]) - 2  # (F.4)
            i[t] = functions.sigmoid(i_bar[t])  # (F.5)
            o[t] = functions.sigmoid(o_bar[t])  # (F.6)
            c[t] = c[t - 1] + i[t] * z[t]  # (F.7)
            y[t] = o[t] * (2 * functions.sigmoid(c[t]) - 1)  # (F.8)
    return Tape(call, x, z_bar, i_bar, o_bar, z, i, o, c, y)


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
    (W_z, R_z, b_z, W_in, R_in, b_in, W_out, R_out, b_out,) = map(contiguous, params)
    _, x, z_bar, i_bar, o_bar, z, i, o, c, y = tape
    error_y = unrolled.placed(errors[0], dtype)
    last_error_c = unrolled.last(ends[0], call.lengths, steps)
    last_error_y = unrolled.last(ends[1], call.lengths, steps)
    d_y = np.zeros_like(y)
    d_c = np.zeros_like(c)
    d_o = np.zeros_like(o)
    d_i = np.zeros_like(i)
    d_z = np.zeros_like(z)
    d_o_bar = np.zeros_like(o_bar)
    d_i_bar = np.zeros_like(i_bar)
    d_z_bar = np.zeros_like(z_bar)
    d_x = np.zeros_like(x)
    d_W_z = np.zeros(np.shape(W_z), dtype)
    d_R_z = np.zeros(np.shape(R_z), dtype)
    d_b_z = np.zeros(np.shape(b_z), dtype)
    d_W_in = np.zeros(np.shape(W_in), dtype)
    d_R_in = np.zeros(np.shape(R_in), dtype)
    d_b_in = np.zeros(np.shape(b_in), dtype)
    d_W_out = np.zeros(np.shape(W_out), dtype)
    d_R_out = np.zeros(np.shape(R_out), dtype)
    d_b_out = np.zeros(np.shape(b_out), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_y[t] = mask.at(  # (B.1)
                t,
                error_y[t]  # route 1: y[t] -> J[t]
                + mask.at(t + 1, d_z_bar[t + 1] @ R_z)  # route 2: y[t] -> z_bar[t+1]
                + mask.at(t + 1, d_i_bar[t + 1] @ R_in)  # route 3: y[t] -> i_bar[t+1]
                + mask.at(t + 1, d_o_bar[t + 1] @ R_out)  # route 4: y[t] -> o_bar[t+1]
                + last_error_y[t]  # the error on the last state
            )
            d_c[t] = mask.at(  # (B.2)
                t,
                2 * o[t] * functions.sigmoid(c[t]) * (1 - functions.sigmoid(c[t])) * d_y[t]  # route 1: c[t] -> y[t]
                + mask.at(t + 1, d_c[t + 1])  # route 2: c[t] -> c[t+1]
                + last_error_c[t]  # the error on the last state
            )
            d_o[t] = mask.at(  # (B.3)
                t,
                (2 * functions.sigmoid(c[t]) - 1) * d_y[t]  # route 1: o[t] -> y[t]
            )
            d_i[t] = mask.at(  # (B.4)
                t,
                z[t] * d_c[t]  # route 1: i[t] -> c[t]
            )
            d_z[t] = mask.at(  # (B.5)
                t,
                i[t] * d_c[t]  # route 1: z[t] -> c[t]
            )
            d_o_bar[t] = mask.at(  # (B.6)
                t,
                o[t] * (1 - o[t]) * d_o[t]  # route 1: o_bar[t] -> o[t]
            )
            d_i_bar[t] = mask.at(  # (B.7)
                t,
                i[t] * (1 - i[t]) * d_i[t]  # route 1: i_bar[t] -> i[t]
            )
            d_z_bar[t] = mask.at(  # (B.8)
                t,
                4 * functions.sigmoid(z_bar[t]) * (1 - functions.sigmoid(z_bar[t])) * d_z[t]  # route 1: z_bar[t] -> z[t]
            )
            d_x[t] = mask.at(  # (B.9)
                t,
                d_z_bar[t] @ W_z  # route 1: x[t] -> z_bar[t]
                + d_i_bar[t] @ W_in  # route 2: x[t] -> i_bar[t]
                + d_o_bar[t] @ W_out  # route 3: x[t] -> o_bar[t]
            )
            d_W_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, x[t]))  # (B.10) route 1: W_z -> z_bar[t]
            d_R_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, y[t - 1]))  # (B.11) route 1: R_z -> z_bar[t]
            d_b_z += unrolled.summed(mask.at(t, d_z_bar[t]), d_b_z.shape)  # (B.12) route 1: b_z -> z_bar[t]
            d_W_in += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, x[t]))  # (B.13) route 1: W_in -> i_bar[t]
            d_R_in += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, y[t - 1]))  # (B.14) route 1: R_in -> i_bar[t]
            d_b_in += unrolled.summed(mask.at(t, d_i_bar[t]), d_b_in.shape)  # (B.15) route 1: b_in -> i_bar[t]
            d_W_out += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, x[t]))  # (B.16) route 1: W_out -> o_bar[t]
            d_R_out += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, y[t - 1]))  # (B.17) route 1: R_out -> o_bar[t]
            d_b_out += unrolled.summed(mask.at(t, d_o_bar[t]), d_b_out.shape)  # (B.18) route 1: b_out -> o_bar[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_c[0] = (  # (B.2)
            mask.at(1, d_c[1])  # c[t] -> c[t+1]
            + last_error_c[0]  # a sequence of length 0
        )
        d_y[0] = (  # (B.1)
            mask.at(1, d_z_bar[1] @ R_z)  # y[t] -> z_bar[t+1]
            + mask.at(1, d_i_bar[1] @ R_in)  # y[t] -> i_bar[t+1]
            + mask.at(1, d_o_bar[1] @ R_out)  # y[t] -> o_bar[t+1]
            + last_error_y[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(d_W_z, d_R_z, d_b_z, d_W_in, d_R_in, d_b_in, d_W_out, d_R_out, d_b_out),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_c[0].copy(), d_y[0].copy()),
    )
