"""LSTM with a softmax readout: reference kernels.

Source: PyTorch 2.13 documentation, torch.nn.LSTM, the equations of one layer; the cell of Gers, Schmidhuber and Cummins 2000, Learning to Forget, Neural Computation 12(10); the readout of Goodfellow, Bengio and Courville 2016, Deep Learning, MIT Press, equations 10.10 and 10.11
Equations: 5c99bfe31f258ae8, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    i_bar = W_i @ x + U_i @ h[t-1] + b_i
    f_bar = W_f @ x + U_f @ h[t-1] + b_f
    g_bar = W_g @ x + U_g @ h[t-1] + b_g
    o_bar = W_o @ x + U_o @ h[t-1] + b_o
    i = sigmoid(i_bar)
    f = sigmoid(f_bar)
    g = tanh(g_bar)
    o = sigmoid(o_bar)
    c = f * c[t-1] + i * g
    h = o * tanh(c)
    y = V @ h + b_y
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

    W_i: np.ndarray  # (hidden_size, input_size)
    U_i: np.ndarray  # (hidden_size, hidden_size)
    b_i: np.ndarray  # (hidden_size,)
    W_f: np.ndarray  # (hidden_size, input_size)
    U_f: np.ndarray  # (hidden_size, hidden_size)
    b_f: np.ndarray  # (hidden_size,)
    W_g: np.ndarray  # (hidden_size, input_size)
    U_g: np.ndarray  # (hidden_size, hidden_size)
    b_g: np.ndarray  # (hidden_size,)
    W_o: np.ndarray  # (hidden_size, input_size)
    U_o: np.ndarray  # (hidden_size, hidden_size)
    b_o: np.ndarray  # (hidden_size,)
    V: np.ndarray  # (output_size, hidden_size)
    b_y: np.ndarray  # (output_size,)


class State(NamedTuple):
    """What one step hands to the next."""

    c: np.ndarray  # (B, hidden_size)
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
    i_bar: np.ndarray
    f_bar: np.ndarray
    g_bar: np.ndarray
    o_bar: np.ndarray
    i: np.ndarray
    f: np.ndarray
    g: np.ndarray
    o: np.ndarray
    c: np.ndarray
    h: np.ndarray
    y: np.ndarray


SIGNATURE = Signature(
    cell="lstm_readout",
    sizes=(("input_size",), ("hidden_size",), ("output_size",)),
    params=(
        ("W_i", ("hidden_size", "input_size")),
        ("U_i", ("hidden_size", "hidden_size")),
        ("b_i", ("hidden_size",)),
        ("W_f", ("hidden_size", "input_size")),
        ("U_f", ("hidden_size", "hidden_size")),
        ("b_f", ("hidden_size",)),
        ("W_g", ("hidden_size", "input_size")),
        ("U_g", ("hidden_size", "hidden_size")),
        ("b_g", ("hidden_size",)),
        ("W_o", ("hidden_size", "input_size")),
        ("U_o", ("hidden_size", "hidden_size")),
        ("b_o", ("hidden_size",)),
        ("V", ("output_size", "hidden_size")),
        ("b_y", ("output_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("y", "output_size"),),
    states=(("c", "hidden_size"), ("h", "hidden_size")),
    init=(
        ("W_i", "fan_in", 0.0),
        ("U_i", "fan_in", 0.0),
        ("b_i", "number", 0.0),
        ("W_f", "fan_in", 0.0),
        ("U_f", "fan_in", 0.0),
        ("b_f", "number", 1.0),
        ("W_g", "fan_in", 0.0),
        ("U_g", "fan_in", 0.0),
        ("b_g", "number", 0.0),
        ("W_o", "fan_in", 0.0),
        ("U_o", "fan_in", 0.0),
        ("b_o", "number", 0.0),
        ("V", "fan_in", 0.0),
        ("b_y", "number", 0.0),
    ),
    initial=(0.0, 0.0),
    loss="softmax_cross_entropy",
)


def init(input_size, hidden_size, output_size, *, dtype=np.float32, seed=0):
    """Draw parameters of the given sizes; the same seed gives the same numbers.

    Raises TypeError or ValueError for a size that is no whole number of at least 1, or another dtype than float32
    and float64.
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "output_size": output_size}
    return Params(*parameters.init_params(SIGNATURE, sizes, dtype, seed))


def init_state(params, batch, **sizes):
    """The state before the first step, for `batch` sequences; `sizes` gives those that no parameter states."""
    return State(*calls.init_state(SIGNATURE, params, batch, sizes))


def forward(params, x, target, weight=None, state=None, lengths=None, *, keep_tape=True):
    """Run whole sequences: x (T, B, input_size).

    Returns the loss, the output (T, B, size), the last state, and the tape for `backward` (None with keep_tape=False).
    Raises ValueError or TypeError for arrays of another shape or dtype.
    """
    call = calls.begin(SIGNATURE, params, x, state, lengths, target, weight)
    tape = _run(params, call)
    y, state = _results(tape)
    loss = losses.VALUE["softmax_cross_entropy"](y, call.target, call.weight)
    return loss, y, state, tape if keep_tape else None


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
    (W_i, U_i, b_i, W_f, U_f, b_f, W_g, U_g, b_g, W_o, U_o, b_o, V, b_y,) = map(contiguous, params)
    x = unrolled.placed(call.inputs[0], dtype)
    i_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    f_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    g_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    o_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    i = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    f = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    g = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    o = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    c = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    h = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[1])
    y = unrolled.rows(steps, batch, sizes["output_size"], dtype)
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            i_bar[t] = x[t] @ W_i.T + h[t - 1] @ U_i.T + b_i  # (F.1)
            f_bar[t] = x[t] @ W_f.T + h[t - 1] @ U_f.T + b_f  # (F.2)
            g_bar[t] = x[t] @ W_g.T + h[t - 1] @ U_g.T + b_g  # (F.3)
            o_bar[t] = x[t] @ W_o.T + h[t - 1] @ U_o.T + b_o  # (F.4)
            i[t] = functions.sigmoid(i_bar[t])  # (F.5)
            f[t] = functions.sigmoid(f_bar[t])  # (F.6)
            g[t] = np.tanh(g_bar[t])  # (F.7)
            o[t] = functions.sigmoid(o_bar[t])  # (F.8)
            c[t] = f[t] * c[t - 1] + i[t] * g[t]  # (F.9)
            h[t] = o[t] * np.tanh(c[t])  # (F.10)
            y[t] = h[t] @ V.T + b_y  # (F.11)
    return Tape(call, x, i_bar, f_bar, g_bar, o_bar, i, f, g, o, c, h, y)


def _results(tape):
    """The output without its rows beyond each length, and the state at each sequence's end."""
    steps, ends = tape.call.steps, (tape.call.lengths, np.arange(tape.call.batch))
    y = calls.masked(tape.y[1 : steps + 1], tape.call.lengths).copy()
    return y, State(tape.c[ends], tape.h[ends])


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    The error of the loss itself is always counted; dy adds to it.
    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    call = calls.begin_backward(SIGNATURE, params, tape, Tape)
    errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
    steps, batch, sizes, dtype = call.steps, call.batch, call.sizes, call.dtype
    mask = unrolled.Mask(call.lengths, steps)
    (W_i, U_i, b_i, W_f, U_f, b_f, W_g, U_g, b_g, W_o, U_o, b_o, V, b_y,) = map(contiguous, params)
    _, x, i_bar, f_bar, g_bar, o_bar, i, f, g, o, c, h, y = tape
    error_y = unrolled.placed(
        errors[0] + losses.ADJOINT["softmax_cross_entropy"](y[1 : steps + 1], call.target, call.weight), dtype
    )
    last_error_c = unrolled.last(ends[0], call.lengths, steps)
    last_error_h = unrolled.last(ends[1], call.lengths, steps)
    d_y = np.zeros_like(y)
    d_h = np.zeros_like(h)
    d_c = np.zeros_like(c)
    d_o = np.zeros_like(o)
    d_g = np.zeros_like(g)
    d_f = np.zeros_like(f)
    d_i = np.zeros_like(i)
    d_o_bar = np.zeros_like(o_bar)
    d_g_bar = np.zeros_like(g_bar)
    d_f_bar = np.zeros_like(f_bar)
    d_i_bar = np.zeros_like(i_bar)
    d_x = np.zeros_like(x)
    d_W_i = np.zeros(np.shape(W_i), dtype)
    d_U_i = np.zeros(np.shape(U_i), dtype)
    d_b_i = np.zeros(np.shape(b_i), dtype)
    d_W_f = np.zeros(np.shape(W_f), dtype)
    d_U_f = np.zeros(np.shape(U_f), dtype)
    d_b_f = np.zeros(np.shape(b_f), dtype)
    d_W_g = np.zeros(np.shape(W_g), dtype)
    d_U_g = np.zeros(np.shape(U_g), dtype)
    d_b_g = np.zeros(np.shape(b_g), dtype)
    d_W_o = np.zeros(np.shape(W_o), dtype)
    d_U_o = np.zeros(np.shape(U_o), dtype)
    d_b_o = np.zeros(np.shape(b_o), dtype)
    d_V = np.zeros(np.shape(V), dtype)
    d_b_y = np.zeros(np.shape(b_y), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_y[t] = mask.at(  # (B.1)
                t,
                error_y[t]  # route 1: y[t] -> J[t]
            )
            d_h[t] = mask.at(  # (B.2)
                t,
                d_y[t] @ V  # route 1: h[t] -> y[t]
                + mask.at(t + 1, d_i_bar[t + 1] @ U_i)  # route 2: h[t] -> i_bar[t+1]
                + mask.at(t + 1, d_f_bar[t + 1] @ U_f)  # route 3: h[t] -> f_bar[t+1]
                + mask.at(t + 1, d_g_bar[t + 1] @ U_g)  # route 4: h[t] -> g_bar[t+1]
                + mask.at(t + 1, d_o_bar[t + 1] @ U_o)  # route 5: h[t] -> o_bar[t+1]
                + last_error_h[t]  # the error on the last state
            )
            d_c[t] = mask.at(  # (B.3)
                t,
                o[t] * (1 - np.tanh(c[t]) ** 2) * d_h[t]  # route 1: c[t] -> h[t]
                + mask.at(t + 1, f[t + 1] * d_c[t + 1])  # route 2: c[t] -> c[t+1]
                + last_error_c[t]  # the error on the last state
            )
            d_o[t] = mask.at(  # (B.4)
                t,
                np.tanh(c[t]) * d_h[t]  # route 1: o[t] -> h[t]
            )
            d_g[t] = mask.at(  # (B.5)
                t,
                i[t] * d_c[t]  # route 1: g[t] -> c[t]
            )
            d_f[t] = mask.at(  # (B.6)
                t,
                c[t - 1] * d_c[t]  # route 1: f[t] -> c[t]
            )
            d_i[t] = mask.at(  # (B.7)
                t,
                g[t] * d_c[t]  # route 1: i[t] -> c[t]
            )
            d_o_bar[t] = mask.at(  # (B.8)
                t,
                o[t] * (1 - o[t]) * d_o[t]  # route 1: o_bar[t] -> o[t]
            )
            d_g_bar[t] = mask.at(  # (B.9)
                t,
                (1 - g[t] ** 2) * d_g[t]  # route 1: g_bar[t] -> g[t]
            )
            d_f_bar[t] = mask.at(  # (B.10)
                t,
                f[t] * (1 - f[t]) * d_f[t]  # route 1: f_bar[t] -> f[t]
            )
            d_i_bar[t] = mask.at(  # (B.11)
                t,
                i[t] * (1 - i[t]) * d_i[t]  # route 1: i_bar[t] -> i[t]
            )
            d_x[t] = mask.at(  # (B.12)
                t,
                d_i_bar[t] @ W_i  # route 1: x[t] -> i_bar[t]
                + d_f_bar[t] @ W_f  # route 2: x[t] -> f_bar[t]
                + d_g_bar[t] @ W_g  # route 3: x[t] -> g_bar[t]
                + d_o_bar[t] @ W_o  # route 4: x[t] -> o_bar[t]
            )
            d_W_i += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, x[t]))  # (B.13) route 1: W_i -> i_bar[t]
            d_U_i += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, h[t - 1]))  # (B.14) route 1: U_i -> i_bar[t]
            d_b_i += unrolled.summed(mask.at(t, d_i_bar[t]), d_b_i.shape)  # (B.15) route 1: b_i -> i_bar[t]
            d_W_f += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, x[t]))  # (B.16) route 1: W_f -> f_bar[t]
            d_U_f += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, h[t - 1]))  # (B.17) route 1: U_f -> f_bar[t]
            d_b_f += unrolled.summed(mask.at(t, d_f_bar[t]), d_b_f.shape)  # (B.18) route 1: b_f -> f_bar[t]
            d_W_g += unrolled.outer(mask.at(t, d_g_bar[t]), mask.at(t, x[t]))  # (B.19) route 1: W_g -> g_bar[t]
            d_U_g += unrolled.outer(mask.at(t, d_g_bar[t]), mask.at(t, h[t - 1]))  # (B.20) route 1: U_g -> g_bar[t]
            d_b_g += unrolled.summed(mask.at(t, d_g_bar[t]), d_b_g.shape)  # (B.21) route 1: b_g -> g_bar[t]
            d_W_o += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, x[t]))  # (B.22) route 1: W_o -> o_bar[t]
            d_U_o += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, h[t - 1]))  # (B.23) route 1: U_o -> o_bar[t]
            d_b_o += unrolled.summed(mask.at(t, d_o_bar[t]), d_b_o.shape)  # (B.24) route 1: b_o -> o_bar[t]
            d_V += unrolled.outer(mask.at(t, d_y[t]), mask.at(t, h[t]))  # (B.25) route 1: V -> y[t]
            d_b_y += unrolled.summed(mask.at(t, d_y[t]), d_b_y.shape)  # (B.26) route 1: b_y -> y[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_c[0] = (  # (B.3)
            mask.at(1, f[1] * d_c[1])  # c[t] -> c[t+1]
            + last_error_c[0]  # a sequence of length 0
        )
        d_h[0] = (  # (B.2)
            mask.at(1, d_i_bar[1] @ U_i)  # h[t] -> i_bar[t+1]
            + mask.at(1, d_f_bar[1] @ U_f)  # h[t] -> f_bar[t+1]
            + mask.at(1, d_g_bar[1] @ U_g)  # h[t] -> g_bar[t+1]
            + mask.at(1, d_o_bar[1] @ U_o)  # h[t] -> o_bar[t+1]
            + last_error_h[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(d_W_i, d_U_i, d_b_i, d_W_f, d_U_f, d_b_f, d_W_g, d_U_g, d_b_g, d_W_o, d_U_o, d_b_o, d_V, d_b_y),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_c[0].copy(), d_h[0].copy()),
    )
