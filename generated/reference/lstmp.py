"""LSTM with a recurrent projection layer: reference kernels.

Source: Sak, Senior and Beaufays 2014, Long Short-Term Memory Based Recurrent Neural Network Architectures for Large Vocabulary Speech Recognition, arXiv:1402.1128, equations 7 to 12, with g = h = tanh, without the non-recurrent projection and the softmax
Equations: 9e34926d3c536012, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

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

from generated.support import calls, functions, losses, unrolled
from generated.support import init as parameters
from generated.support.expected import contiguous
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


class Tape(NamedTuple):
    """Every value of every step: row t is step t, row 0 is before the first one."""

    call: calls.Call
    x: np.ndarray
    i_bar: np.ndarray
    f_bar: np.ndarray
    z_bar: np.ndarray
    i: np.ndarray
    f: np.ndarray
    z: np.ndarray
    c: np.ndarray
    o_bar: np.ndarray
    o: np.ndarray
    m: np.ndarray
    r: np.ndarray


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

    Raises TypeError or ValueError for a size that is no whole number of at least 1, or another dtype than float32
    and float64.
    """
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "cell_size": cell_size}
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
    (W_ix, W_ir, w_ic, b_i, W_fx, W_fr, w_fc, b_f, W_cx, W_cr, b_c, W_ox, W_or, w_oc, b_o, W_rm,) = (
        map(contiguous, params)
    )
    x = unrolled.placed(call.inputs[0], dtype)
    i_bar = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    f_bar = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    z_bar = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    i = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    f = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    z = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    c = unrolled.rows(steps, batch, sizes["cell_size"], dtype, call.state[0])
    o_bar = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    o = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    m = unrolled.rows(steps, batch, sizes["cell_size"], dtype)
    r = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[1])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            i_bar[t] = x[t] @ W_ix.T + r[t - 1] @ W_ir.T + w_ic * c[t - 1] + b_i  # (F.1)
            f_bar[t] = x[t] @ W_fx.T + r[t - 1] @ W_fr.T + w_fc * c[t - 1] + b_f  # (F.2)
            z_bar[t] = x[t] @ W_cx.T + r[t - 1] @ W_cr.T + b_c  # (F.3)
            i[t] = functions.sigmoid(i_bar[t])  # (F.4)
            f[t] = functions.sigmoid(f_bar[t])  # (F.5)
            z[t] = np.tanh(z_bar[t])  # (F.6)
            c[t] = f[t] * c[t - 1] + i[t] * z[t]  # (F.7)
            o_bar[t] = x[t] @ W_ox.T + r[t - 1] @ W_or.T + w_oc * c[t] + b_o  # (F.8)
            o[t] = functions.sigmoid(o_bar[t])  # (F.9)
            m[t] = o[t] * np.tanh(c[t])  # (F.10)
            r[t] = m[t] @ W_rm.T  # (F.11)
    return Tape(call, x, i_bar, f_bar, z_bar, i, f, z, c, o_bar, o, m, r)


def _results(tape):
    """The output without its rows beyond each length, and the state at each sequence's end."""
    steps, ends = tape.call.steps, (tape.call.lengths, np.arange(tape.call.batch))
    y = calls.masked(tape.r[1 : steps + 1], tape.call.lengths).copy()
    return y, State(tape.c[ends], tape.r[ends])


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    call = calls.begin_backward(SIGNATURE, params, tape, Tape)
    errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
    steps, batch, sizes, dtype = call.steps, call.batch, call.sizes, call.dtype
    mask = unrolled.Mask(call.lengths, steps)
    (W_ix, W_ir, w_ic, b_i, W_fx, W_fr, w_fc, b_f, W_cx, W_cr, b_c, W_ox, W_or, w_oc, b_o, W_rm,) = (
        map(contiguous, params)
    )
    _, x, i_bar, f_bar, z_bar, i, f, z, c, o_bar, o, m, r = tape
    error_r = unrolled.placed(errors[0], dtype)
    last_error_c = unrolled.last(ends[0], call.lengths, steps)
    last_error_r = unrolled.last(ends[1], call.lengths, steps)
    d_r = np.zeros_like(r)
    d_m = np.zeros_like(m)
    d_o = np.zeros_like(o)
    d_o_bar = np.zeros_like(o_bar)
    d_c = np.zeros_like(c)
    d_z = np.zeros_like(z)
    d_f = np.zeros_like(f)
    d_i = np.zeros_like(i)
    d_z_bar = np.zeros_like(z_bar)
    d_f_bar = np.zeros_like(f_bar)
    d_i_bar = np.zeros_like(i_bar)
    d_x = np.zeros_like(x)
    d_W_ix = np.zeros(np.shape(W_ix), dtype)
    d_W_ir = np.zeros(np.shape(W_ir), dtype)
    d_w_ic = np.zeros(np.shape(w_ic), dtype)
    d_b_i = np.zeros(np.shape(b_i), dtype)
    d_W_fx = np.zeros(np.shape(W_fx), dtype)
    d_W_fr = np.zeros(np.shape(W_fr), dtype)
    d_w_fc = np.zeros(np.shape(w_fc), dtype)
    d_b_f = np.zeros(np.shape(b_f), dtype)
    d_W_cx = np.zeros(np.shape(W_cx), dtype)
    d_W_cr = np.zeros(np.shape(W_cr), dtype)
    d_b_c = np.zeros(np.shape(b_c), dtype)
    d_W_ox = np.zeros(np.shape(W_ox), dtype)
    d_W_or = np.zeros(np.shape(W_or), dtype)
    d_w_oc = np.zeros(np.shape(w_oc), dtype)
    d_b_o = np.zeros(np.shape(b_o), dtype)
    d_W_rm = np.zeros(np.shape(W_rm), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_r[t] = mask.at(  # (B.1)
                t,
                error_r[t]  # route 1: r[t] -> J[t]
                + mask.at(t + 1, d_i_bar[t + 1] @ W_ir)  # route 2: r[t] -> i_bar[t+1]
                + mask.at(t + 1, d_f_bar[t + 1] @ W_fr)  # route 3: r[t] -> f_bar[t+1]
                + mask.at(t + 1, d_z_bar[t + 1] @ W_cr)  # route 4: r[t] -> z_bar[t+1]
                + mask.at(t + 1, d_o_bar[t + 1] @ W_or)  # route 5: r[t] -> o_bar[t+1]
                + last_error_r[t]  # the error on the last state
            )
            d_m[t] = mask.at(  # (B.2)
                t,
                d_r[t] @ W_rm  # route 1: m[t] -> r[t]
            )
            d_o[t] = mask.at(  # (B.3)
                t,
                np.tanh(c[t]) * d_m[t]  # route 1: o[t] -> m[t]
            )
            d_o_bar[t] = mask.at(  # (B.4)
                t,
                o[t] * (1 - o[t]) * d_o[t]  # route 1: o_bar[t] -> o[t]
            )
            d_c[t] = mask.at(  # (B.5)
                t,
                w_oc * d_o_bar[t]  # route 1: c[t] -> o_bar[t]
                + o[t] * (1 - np.tanh(c[t]) ** 2) * d_m[t]  # route 2: c[t] -> m[t]
                + mask.at(t + 1, f[t + 1] * d_c[t + 1])  # route 3: c[t] -> c[t+1]
                + mask.at(t + 1, w_ic * d_i_bar[t + 1])  # route 4: c[t] -> i_bar[t+1]
                + mask.at(t + 1, w_fc * d_f_bar[t + 1])  # route 5: c[t] -> f_bar[t+1]
                + last_error_c[t]  # the error on the last state
            )
            d_z[t] = mask.at(  # (B.6)
                t,
                i[t] * d_c[t]  # route 1: z[t] -> c[t]
            )
            d_f[t] = mask.at(  # (B.7)
                t,
                c[t - 1] * d_c[t]  # route 1: f[t] -> c[t]
            )
            d_i[t] = mask.at(  # (B.8)
                t,
                z[t] * d_c[t]  # route 1: i[t] -> c[t]
            )
            d_z_bar[t] = mask.at(  # (B.9)
                t,
                (1 - z[t] ** 2) * d_z[t]  # route 1: z_bar[t] -> z[t]
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
                d_i_bar[t] @ W_ix  # route 1: x[t] -> i_bar[t]
                + d_f_bar[t] @ W_fx  # route 2: x[t] -> f_bar[t]
                + d_z_bar[t] @ W_cx  # route 3: x[t] -> z_bar[t]
                + d_o_bar[t] @ W_ox  # route 4: x[t] -> o_bar[t]
            )
            d_W_ix += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, x[t]))  # (B.13) route 1: W_ix -> i_bar[t]
            d_W_ir += unrolled.outer(mask.at(t, d_i_bar[t]), mask.at(t, r[t - 1]))  # (B.14) route 1: W_ir -> i_bar[t]
            d_w_ic += unrolled.summed(mask.at(t, c[t - 1] * d_i_bar[t]), d_w_ic.shape)  # (B.15) route 1: w_ic -> i_bar[t]
            d_b_i += unrolled.summed(mask.at(t, d_i_bar[t]), d_b_i.shape)  # (B.16) route 1: b_i -> i_bar[t]
            d_W_fx += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, x[t]))  # (B.17) route 1: W_fx -> f_bar[t]
            d_W_fr += unrolled.outer(mask.at(t, d_f_bar[t]), mask.at(t, r[t - 1]))  # (B.18) route 1: W_fr -> f_bar[t]
            d_w_fc += unrolled.summed(mask.at(t, c[t - 1] * d_f_bar[t]), d_w_fc.shape)  # (B.19) route 1: w_fc -> f_bar[t]
            d_b_f += unrolled.summed(mask.at(t, d_f_bar[t]), d_b_f.shape)  # (B.20) route 1: b_f -> f_bar[t]
            d_W_cx += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, x[t]))  # (B.21) route 1: W_cx -> z_bar[t]
            d_W_cr += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, r[t - 1]))  # (B.22) route 1: W_cr -> z_bar[t]
            d_b_c += unrolled.summed(mask.at(t, d_z_bar[t]), d_b_c.shape)  # (B.23) route 1: b_c -> z_bar[t]
            d_W_ox += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, x[t]))  # (B.24) route 1: W_ox -> o_bar[t]
            d_W_or += unrolled.outer(mask.at(t, d_o_bar[t]), mask.at(t, r[t - 1]))  # (B.25) route 1: W_or -> o_bar[t]
            d_w_oc += unrolled.summed(mask.at(t, c[t] * d_o_bar[t]), d_w_oc.shape)  # (B.26) route 1: w_oc -> o_bar[t]
            d_b_o += unrolled.summed(mask.at(t, d_o_bar[t]), d_b_o.shape)  # (B.27) route 1: b_o -> o_bar[t]
            d_W_rm += unrolled.outer(mask.at(t, d_r[t]), mask.at(t, m[t]))  # (B.28) route 1: W_rm -> r[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_c[0] = (  # (B.5)
            mask.at(1, f[1] * d_c[1])  # c[t] -> c[t+1]
            + mask.at(1, w_ic * d_i_bar[1])  # c[t] -> i_bar[t+1]
            + mask.at(1, w_fc * d_f_bar[1])  # c[t] -> f_bar[t+1]
            + last_error_c[0]  # a sequence of length 0
        )
        d_r[0] = (  # (B.1)
            mask.at(1, d_i_bar[1] @ W_ir)  # r[t] -> i_bar[t+1]
            + mask.at(1, d_f_bar[1] @ W_fr)  # r[t] -> f_bar[t+1]
            + mask.at(1, d_z_bar[1] @ W_cr)  # r[t] -> z_bar[t+1]
            + mask.at(1, d_o_bar[1] @ W_or)  # r[t] -> o_bar[t+1]
            + last_error_r[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(
            d_W_ix, d_W_ir, d_w_ic, d_b_i, d_W_fx, d_W_fr, d_w_fc, d_b_f, d_W_cx, d_W_cr, d_b_c, d_W_ox, d_W_or, d_w_oc,
            d_b_o, d_W_rm
        ),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_c[0].copy(), d_r[0].copy()),
    )
