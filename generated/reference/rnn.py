"""Simple recurrent network: reference kernels.

Source: Goodfellow, Bengio and Courville 2016, Deep Learning, MIT Press, section 10.2, equations 10.8 and 10.9
Equations: 6676e59a187a8af8, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    a = b + W @ h[t-1] + U @ x
    h = tanh(a)
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

    b: np.ndarray  # (hidden_size,)
    W: np.ndarray  # (hidden_size, hidden_size)
    U: np.ndarray  # (hidden_size, input_size)


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
    a: np.ndarray
    h: np.ndarray


SIGNATURE = Signature(
    cell="rnn",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("b", ("hidden_size",)),
        ("W", ("hidden_size", "hidden_size")),
        ("U", ("hidden_size", "input_size")),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(("h", "hidden_size"),),
    init=(
        ("b", "number", 0.0),
        ("W", "fan_in", 0.0),
        ("U", "fan_in", 0.0),
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
    (b, W, U,) = map(contiguous, params)
    x = unrolled.placed(call.inputs[0], dtype)
    a = unrolled.rows(steps, batch, sizes["hidden_size"], dtype)
    h = unrolled.rows(steps, batch, sizes["hidden_size"], dtype, call.state[0])
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            a[t] = b + h[t - 1] @ W.T + x[t] @ U.T  # (F.1)
            h[t] = np.tanh(a[t])  # (F.2)
    return Tape(call, x, a, h)


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
    (b, W, U,) = map(contiguous, params)
    _, x, a, h = tape
    error_h = unrolled.placed(errors[0], dtype)
    last_error_h = unrolled.last(ends[0], call.lengths, steps)
    d_h = np.zeros_like(h)
    d_a = np.zeros_like(a)
    d_x = np.zeros_like(x)
    d_b = np.zeros(np.shape(b), dtype)
    d_W = np.zeros(np.shape(W), dtype)
    d_U = np.zeros(np.shape(U), dtype)
    with np.errstate(all="ignore"):
        for t in range(steps, 0, -1):
            d_h[t] = mask.at(  # (B.1)
                t,
                error_h[t]  # route 1: h[t] -> J[t]
                + mask.at(t + 1, d_a[t + 1] @ W)  # route 2: h[t] -> a[t+1]
                + last_error_h[t]  # the error on the last state
            )
            d_a[t] = mask.at(  # (B.2)
                t,
                (1 - h[t] ** 2) * d_h[t]  # route 1: a[t] -> h[t]
            )
            d_x[t] = mask.at(  # (B.3)
                t,
                d_a[t] @ U  # route 1: x[t] -> a[t]
            )
            d_b += unrolled.summed(mask.at(t, d_a[t]), d_b.shape)  # (B.4) route 1: b -> a[t]
            d_W += unrolled.outer(mask.at(t, d_a[t]), mask.at(t, h[t - 1]))  # (B.5) route 1: W -> a[t]
            d_U += unrolled.outer(mask.at(t, d_a[t]), mask.at(t, x[t]))  # (B.6) route 1: U -> a[t]
        # Only the hops that cross into step 1 reach an initial state.
        d_h[0] = (  # (B.1)
            mask.at(1, d_a[1] @ W)  # h[t] -> a[t+1]
            + last_error_h[0]  # a sequence of length 0
        )
    call.lease.consumed = consume_tape
    return Grads(
        params=Params(d_b, d_W, d_U),
        x=d_x[1 : steps + 1].copy(),
        state=State(d_h[0].copy()),
    )
