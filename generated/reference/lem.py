"""Long expressive memory: reference kernels.

Source: Rusch, Mishra, Erichson and Mahoney 2022, Long Expressive Memory for Sequence Modeling, ICLR, section 2, equation 3
Equations: 98f821ce46acbe8b, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    Delta_1_bar = W_1 @ y[t-1] + V_1 @ x + b_1
    Delta_2_bar = W_2 @ y[t-1] + V_2 @ x + b_2
    Delta_1 = dt * sigmoid(Delta_1_bar)
    Delta_2 = dt * sigmoid(Delta_2_bar)
    z_bar = W_z @ y[t-1] + V_z @ x + b_z
    z = (1 - Delta_1) * z[t-1] + Delta_1 * tanh(z_bar)
    y_bar = W_y @ z + V_y @ x + b_y
    y = (1 - Delta_2) * y[t-1] + Delta_2 * tanh(y_bar)
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

    W_1: np.ndarray  # (hidden_size, hidden_size)
    V_1: np.ndarray  # (hidden_size, input_size)
    b_1: np.ndarray  # (hidden_size,)
    W_2: np.ndarray  # (hidden_size, hidden_size)
    V_2: np.ndarray  # (hidden_size, input_size)
    b_2: np.ndarray  # (hidden_size,)
    W_z: np.ndarray  # (hidden_size, hidden_size)
    V_z: np.ndarray  # (hidden_size, input_size)
    b_z: np.ndarray  # (hidden_size,)
    W_y: np.ndarray  # (hidden_size, hidden_size)
    V_y: np.ndarray  # (hidden_size, input_size)
    b_y: np.ndarray  # (hidden_size,)


class State(NamedTuple):
    """What one step hands to the next."""

    z: np.ndarray  # (B, hidden_size)
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
    Delta_1_bar: np.ndarray
    Delta_2_bar: np.ndarray
    Delta_1: np.ndarray
    Delta_2: np.ndarray
    z_bar: np.ndarray
    z: np.ndarray
    y_bar: np.ndarray
    y: np.ndarray


SIGNATURE = Signature(
    cell="lem",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W_1", ("hidden_size", "hidden_size")),
        ("V_1", ("hidden_size", "input_size")),
        ("b_1", ("hidden_size",)),
        ("W_2", ("hidden_size", "hidden_size")),
        ("V_2", ("hidden_size", "input_size")),
        ("b_2", ("hidden_size",)),
        ("W_z", ("hidden_size", "hidden_size")),
        ("V_z", ("hidden_size", "input_size")),
        ("b_z", ("hidden_size",)),
        ("W_y", ("hidden_size", "hidden_size")),
        ("V_y", ("hidden_size", "input_size")),
        ("b_y", ("hidden_size",)),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("y", "hidden_size"),),
    states=(("z", "hidden_size"), ("y", "hidden_size")),
    init=(
        ("W_1", "fan_in", 0.0),
        ("V_1", "fan_in", 0.0),
        ("b_1", "number", 0.0),
        ("W_2", "fan_in", 0.0),
        ("V_2", "fan_in", 0.0),
        ("b_2", "number", 0.0),
        ("W_z", "fan_in", 0.0),
        ("V_z", "fan_in", 0.0),
        ("b_z", "number", 0.0),
        ("W_y", "fan_in", 0.0),
        ("V_y", "fan_in", 0.0),
        ("b_y", "number", 0.0),
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
    (W_1, V_1, b_1, W_2, V_2, b_2, W_z, V_z, b_z, W_y, V_y, b_y,) = map(contiguous, params)
    dt = 1
    x = unrolled.placed(call.inputs[0], dtype)
    Delta_1_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    Delta_2_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    Delta_1 = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    Delta_2 = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    z_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    z = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    y_bar = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    y = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[1])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            Delta_1_bar[t] = y[t - 1] @ W_1.T + x[t] @ V_1.T + b_1  # (F.1)
            Delta_2_bar[t] = y[t - 1] @ W_2.T + x[t] @ V_2.T + b_2  # (F.2)
            Delta_1[t] = dt * functions.sigmoid(Delta_1_bar[t])  # (F.3)
            Delta_2[t] = dt * functions.sigmoid(Delta_2_bar[t])  # (F.4)
            z_bar[t] = y[t - 1] @ W_z.T + x[t] @ V_z.T + b_z  # (F.5)
            z[t] = (1 - Delta_1[t]) * z[t - 1] + Delta_1[t] * np.tanh(z_bar[t])  # (F.6)
            y_bar[t] = z[t] @ W_y.T + x[t] @ V_y.T + b_y  # (F.7)
            y[t] = (1 - Delta_2[t]) * y[t - 1] + Delta_2[t] * np.tanh(y_bar[t])  # (F.8)
    return Tape(call, x, Delta_1_bar, Delta_2_bar, Delta_1, Delta_2, z_bar, z, y_bar, y)


def _results(tape):
    """The output without its rows beyond each length, and the state at each sequence's end."""
    steps, ends = tape.call.steps, (tape.call.lengths, np.arange(tape.call.batch))
    y = calls.masked(tape.y[1 : steps + 1], tape.call.lengths).copy()
    return y, State(tape.z[ends], tape.y[ends])


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    call = calls.begin_backward(SIGNATURE, params, tape, Tape)
    errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
    steps, batch, sizes, dtype = call.steps, call.batch, call.sizes, call.dtype
    mask = unrolled.Mask(call.lengths, steps)
    (W_1, V_1, b_1, W_2, V_2, b_2, W_z, V_z, b_z, W_y, V_y, b_y,) = map(contiguous, params)
    dt = 1
    _, x, Delta_1_bar, Delta_2_bar, Delta_1, Delta_2, z_bar, z, y_bar, y = tape
    error_y = unrolled.placed(errors[0], dtype)
    last_error_z = unrolled.last(ends[0], call.lengths, steps)
    last_error_y = unrolled.last(ends[1], call.lengths, steps)
    d_y = np.zeros_like(y)
    d_y_bar = np.zeros_like(y_bar)
    d_z = np.zeros_like(z)
    d_z_bar = np.zeros_like(z_bar)
    d_Delta_2 = np.zeros_like(Delta_2)
    d_Delta_1 = np.zeros_like(Delta_1)
    d_Delta_2_bar = np.zeros_like(Delta_2_bar)
    d_Delta_1_bar = np.zeros_like(Delta_1_bar)
    d_x = np.zeros_like(x)
    d_W_1 = np.zeros(np.shape(W_1), dtype)
    d_V_1 = np.zeros(np.shape(V_1), dtype)
    d_b_1 = np.zeros(np.shape(b_1), dtype)
    d_W_2 = np.zeros(np.shape(W_2), dtype)
    d_V_2 = np.zeros(np.shape(V_2), dtype)
    d_b_2 = np.zeros(np.shape(b_2), dtype)
    d_W_z = np.zeros(np.shape(W_z), dtype)
    d_V_z = np.zeros(np.shape(V_z), dtype)
    d_b_z = np.zeros(np.shape(b_z), dtype)
    d_W_y = np.zeros(np.shape(W_y), dtype)
    d_V_y = np.zeros(np.shape(V_y), dtype)
    d_b_y = np.zeros(np.shape(b_y), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_y[t] = mask.at(  # (B.1)
                t,
                error_y[t]  # route 1: y[t] -> J[t]
                + mask.at(t + 1, (1 - Delta_2[t + 1]) * d_y[t + 1])  # route 2: y[t] -> y[t+1]
                + mask.at(t + 1, d_Delta_1_bar[t + 1] @ W_1)  # route 3: y[t] -> Delta_1_bar[t+1]
                + mask.at(t + 1, d_Delta_2_bar[t + 1] @ W_2)  # route 4: y[t] -> Delta_2_bar[t+1]
                + mask.at(t + 1, d_z_bar[t + 1] @ W_z)  # route 5: y[t] -> z_bar[t+1]
                + last_error_y[t]  # the error on the last state
            )
            d_y_bar[t] = mask.at(  # (B.2)
                t,
                Delta_2[t] * (1 - np.tanh(y_bar[t]) ** 2) * d_y[t]  # route 1: y_bar[t] -> y[t]
            )
            d_z[t] = mask.at(  # (B.3)
                t,
                d_y_bar[t] @ W_y  # route 1: z[t] -> y_bar[t]
                + mask.at(t + 1, (1 - Delta_1[t + 1]) * d_z[t + 1])  # route 2: z[t] -> z[t+1]
                + last_error_z[t]  # the error on the last state
            )
            d_z_bar[t] = mask.at(  # (B.4)
                t,
                Delta_1[t] * (1 - np.tanh(z_bar[t]) ** 2) * d_z[t]  # route 1: z_bar[t] -> z[t]
            )
            d_Delta_2[t] = mask.at(  # (B.5)
                t,
                (-y[t - 1]) * d_y[t]  # route 1: Delta_2[t] -> y[t], occurrence 1 of 2
                + np.tanh(y_bar[t]) * d_y[t]  # route 2: Delta_2[t] -> y[t], occurrence 2 of 2
            )
            d_Delta_1[t] = mask.at(  # (B.6)
                t,
                (-z[t - 1]) * d_z[t]  # route 1: Delta_1[t] -> z[t], occurrence 1 of 2
                + np.tanh(z_bar[t]) * d_z[t]  # route 2: Delta_1[t] -> z[t], occurrence 2 of 2
            )
            d_Delta_2_bar[t] = mask.at(  # (B.7)
                t,
                dt * functions.sigmoid(Delta_2_bar[t]) * (1 - functions.sigmoid(Delta_2_bar[t])) * d_Delta_2[t]  # route 1: Delta_2_bar[t] -> Delta_2[t]
            )
            d_Delta_1_bar[t] = mask.at(  # (B.8)
                t,
                dt * functions.sigmoid(Delta_1_bar[t]) * (1 - functions.sigmoid(Delta_1_bar[t])) * d_Delta_1[t]  # route 1: Delta_1_bar[t] -> Delta_1[t]
            )
            d_x[t] = mask.at(  # (B.9)
                t,
                d_Delta_1_bar[t] @ V_1  # route 1: x[t] -> Delta_1_bar[t]
                + d_Delta_2_bar[t] @ V_2  # route 2: x[t] -> Delta_2_bar[t]
                + d_z_bar[t] @ V_z  # route 3: x[t] -> z_bar[t]
                + d_y_bar[t] @ V_y  # route 4: x[t] -> y_bar[t]
            )
            d_W_1 += unrolled.outer(mask.at(t, d_Delta_1_bar[t]), mask.at(t, y[t - 1]))  # (B.10) route 1: W_1 -> Delta_1_bar[t]
            d_V_1 += unrolled.outer(mask.at(t, d_Delta_1_bar[t]), mask.at(t, x[t]))  # (B.11) route 1: V_1 -> Delta_1_bar[t]
            d_b_1 += unrolled.summed(mask.at(t, d_Delta_1_bar[t]), d_b_1.shape)  # (B.12) route 1: b_1 -> Delta_1_bar[t]
            d_W_2 += unrolled.outer(mask.at(t, d_Delta_2_bar[t]), mask.at(t, y[t - 1]))  # (B.13) route 1: W_2 -> Delta_2_bar[t]
            d_V_2 += unrolled.outer(mask.at(t, d_Delta_2_bar[t]), mask.at(t, x[t]))  # (B.14) route 1: V_2 -> Delta_2_bar[t]
            d_b_2 += unrolled.summed(mask.at(t, d_Delta_2_bar[t]), d_b_2.shape)  # (B.15) route 1: b_2 -> Delta_2_bar[t]
            d_W_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, y[t - 1]))  # (B.16) route 1: W_z -> z_bar[t]
            d_V_z += unrolled.outer(mask.at(t, d_z_bar[t]), mask.at(t, x[t]))  # (B.17) route 1: V_z -> z_bar[t]
            d_b_z += unrolled.summed(mask.at(t, d_z_bar[t]), d_b_z.shape)  # (B.18) route 1: b_z -> z_bar[t]
            d_W_y += unrolled.outer(mask.at(t, d_y_bar[t]), mask.at(t, z[t]))  # (B.19) route 1: W_y -> y_bar[t]
            d_V_y += unrolled.outer(mask.at(t, d_y_bar[t]), mask.at(t, x[t]))  # (B.20) route 1: V_y -> y_bar[t]
            d_b_y += unrolled.summed(mask.at(t, d_y_bar[t]), d_b_y.shape)  # (B.21) route 1: b_y -> y_bar[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_z[0] = (  # (B.3)
            mask.at(1, (1 - Delta_1[1]) * d_z[1])  # z[t] -> z[t+1]
            + last_error_z[0]  # a sequence of length 0
        )
        d_y[0] = (  # (B.1)
            mask.at(1, (1 - Delta_2[1]) * d_y[1])  # y[t] -> y[t+1]
            + mask.at(1, d_Delta_1_bar[1] @ W_1)  # y[t] -> Delta_1_bar[t+1]
            + mask.at(1, d_Delta_2_bar[1] @ W_2)  # y[t] -> Delta_2_bar[t+1]
            + mask.at(1, d_z_bar[1] @ W_z)  # y[t] -> z_bar[t+1]
            + last_error_y[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(d_W_1, d_V_1, d_b_1, d_W_2, d_V_2, d_b_2, d_W_z, d_V_z, d_b_z, d_W_y, d_V_y, d_b_y),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_z[0].copy(), d_y[0].copy()),
    )
