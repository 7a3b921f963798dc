"""LSTM without output gate: cpu kernels.

Source: Greff, Srivastava, Koutnik, Steunebrink and Schmidhuber 2017, LSTM: A Search Space Odyssey, IEEE Transactions on Neural Networks and Learning Systems 28(10), the variant NOG (no output gate)
Equations: b65b9e536630a475, written by derive 0.1.0 with support ac3346fb9970ec5c. Do not edit: derive writes this file.

    z_bar = W_z @ x + R_z @ y[t-1] + b_z
    i_bar = W_in @ x + R_in @ y[t-1] + p_in * c[t-1] + b_in
    f_bar = W_for @ x + R_for @ y[t-1] + p_for * c[t-1] + b_for
    z = tanh(z_bar)
    i = sigmoid(i_bar)
    f = sigmoid(f_bar)
    c = z * i + c[t-1] * f
    y = tanh(c)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from functools import partial

from numba.extending import register_jitable

from generated.support import arrays, calls, checkpoints, losses, memory, sharing, threads, workspaces
from generated.support import init as parameters
from generated.support.blocks import carved, copy_rows, copy_vector, new_block, room
from generated.support.compiling import compiled
from generated.support.elementwise import sigmoid, tanh
from generated.support.expected import contiguous
from generated.support.lanes import total, units, width
from generated.support.packing import FILLED, fill_panels
from generated.support.prefetching import prefetch
from generated.support.products import (
    check_panels, gradient_scratch, panel_shape, product, weight_gradients,
)
from generated.support.sharing import product_of_step, product_of_steps
from generated.support.signature import Signature
from generated.support.tiles import PANEL_BYTES


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


class State(NamedTuple):
    """What one step hands to the next."""

    c: np.ndarray  # (B, hidden_size)
    y: np.ndarray  # (B, hidden_size)


class Grads(NamedTuple):
    """The gradients of the parameters, the input and the initial state."""

    params: Params
    x: np.ndarray
    state: State


class Packed(NamedTuple):
    """Parameters as the forward pass reads them: one block, the sizes, and the most sequences worth one thread."""

    params: Params
    block: np.ndarray
    sizes: tuple[int, ...]
    alone: int


class Tape(NamedTuple):
    """What the backward pass reads."""

    call: calls.Call
    kept_x: np.ndarray
    kept_z: np.ndarray
    kept_i: np.ndarray
    kept_f: np.ndarray
    kept_c: np.ndarray
    kept_y: np.ndarray


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

SIGNATURE = Signature(
    cell="lstm_nog",
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


@register_jitable
def _forward_pieces(itemsize, input_size, hidden_size):
    """The shapes of what the forward pass reads of the parameters."""
    return (
        (1,),
        panel_shape(input_size, 3 * hidden_size, itemsize),
        panel_shape(hidden_size, 3 * hidden_size, itemsize),
        (hidden_size,),
        (hidden_size,),
        (hidden_size,),
        (hidden_size,),
        (hidden_size,),
    )


@compiled
def _fill_forward(
    part, first, stop, parts, block, input_size, hidden_size, given_W_z, given_R_z, given_b_z, given_W_in, given_R_in,
    given_p_in, given_b_in, given_W_for, given_R_for, given_p_for, given_b_for
):
    """Write what the forward pass reads of the parameters into its block, of the panels one of `parts`."""
    (made_for, packed_x, packed_y_before, b_z, p_in, b_in, p_for, b_for,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size))
    )
    edge = np.int64(0)
    fill_panels(given_W_z.T, packed_x, edge, edge, part, parts)
    fill_panels(given_W_in.T, packed_x, edge, hidden_size, part, parts)
    fill_panels(given_W_for.T, packed_x, edge, 2 * hidden_size, part, parts)
    fill_panels(given_R_z.T, packed_y_before, edge, edge, part, parts)
    fill_panels(given_R_in.T, packed_y_before, edge, hidden_size, part, parts)
    fill_panels(given_R_for.T, packed_y_before, edge, 2 * hidden_size, part, parts)
    if part == 0:
        made_for[0] = PANEL_BYTES
        copy_vector(given_b_z, b_z)
        copy_vector(given_p_in, p_in)
        copy_vector(given_b_in, b_in)
        copy_vector(given_p_for, p_for)
        copy_vector(given_b_for, b_for)


@compiled
def _forward_part(
    part, first, stop, board, steps, chunk, lengths, keep, block, input_size, hidden_size, kept_x, products_x, kept_y,
    products_y_before, kept_c, kept_z, kept_i, kept_f, out_y
):
    (made_for, packed_x, packed_y_before, b_z, p_in, b_in, p_for, b_for,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size))
    )
    check_panels(made_for)
    real = kept_x.dtype.type
    zero = real(0)
    for begin in range(0, steps, chunk):
        end = min(begin + chunk, steps)
        product_of_steps(kept_x[begin:end], 0, packed_x, products_x[: end - begin], first, stop, board)
        for t in range(begin, end):
            now, before, here = (t + 1, t, t) if keep else ((t + 1) & 1, t & 1, 0)
            product_of_step(
                kept_y[before, first:stop, 0 : hidden_size], packed_y_before, products_y_before[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_x)):
                        unit = units(start, hidden_size, kept_x)
                        kept_c[now, item, unit] = kept_c[before, item, unit]
                        kept_y[now, item, unit] = kept_y[before, item, unit]
                        out_y[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_z_product = products_x[t - begin, item, unit]
                    R_z_product = products_y_before[item, unit]
                    W_in_product = products_x[t - begin, item, hidden_size + unit]
                    R_in_product = products_y_before[item, hidden_size + unit]
                    c_before = kept_c[before, item, unit]
                    W_for_product = products_x[t - begin, item, 2 * hidden_size + unit]
                    R_for_product = products_y_before[item, 2 * hidden_size + unit]
                    z_bar = W_z_product + R_z_product + b_z[unit]  # (F.1)
                    i_bar = W_in_product + R_in_product + p_in[unit] * c_before + b_in[unit]  # (F.2)
                    f_bar = W_for_product + R_for_product + p_for[unit] * c_before + b_for[unit]  # (F.3)
                    z = tanh(z_bar)  # (F.4)
                    kept_z[here, item, unit] = z
                    i = sigmoid(i_bar)  # (F.5)
                    kept_i[here, item, unit] = i
                    f = sigmoid(f_bar)  # (F.6)
                    kept_f[here, item, unit] = f
                    c = z * i + c_before * f  # (F.7)
                    kept_c[now, item, unit] = c
                    y = tanh(c)  # (F.8)
                    kept_y[now, item, unit] = y
                    out_y[t, item, unit] = y


@register_jitable
def _backward_pieces(itemsize, input_size, hidden_size):
    """The shapes of what the backward pass reads of the parameters."""
    return (
        panel_shape(3 * hidden_size, input_size, itemsize),
        panel_shape(3 * hidden_size, hidden_size, itemsize),
        (hidden_size,),
        (hidden_size,),
    )


@compiled
def _fill_backward(
    part, first, stop, parts, block, input_size, hidden_size, given_W_z, given_R_z, given_W_in, given_R_in, given_p_in,
    given_W_for, given_R_for, given_p_for
):
    """Write what the backward pass reads of the parameters into its block, of the panels one of `parts`."""
    (packed_x, packed_y_before, p_in, p_for,) = carved(block, _backward_pieces(block.itemsize, input_size, hidden_size))
    edge = np.int64(0)
    fill_panels(given_W_z, packed_x, edge, edge, part, parts)
    fill_panels(given_W_in, packed_x, hidden_size, edge, part, parts)
    fill_panels(given_W_for, packed_x, 2 * hidden_size, edge, part, parts)
    fill_panels(given_R_z, packed_y_before, edge, edge, part, parts)
    fill_panels(given_R_in, packed_y_before, hidden_size, edge, part, parts)
    fill_panels(given_R_for, packed_y_before, 2 * hidden_size, edge, part, parts)
    if part == 0:
        copy_vector(given_p_in, p_in)
        copy_vector(given_p_for, p_for)


@compiled
def _backward_part(
    part, first, stop, board, steps, chunk, lengths, block, input_size, hidden_size, carry_y, last_error_y, error_y,
    kept_y, carry_c, last_error_c, kept_c, kept_z, kept_i, kept_f, sums, adjoints_x, pulled_y_before, pulled_x
):
    (packed_x, packed_y_before, p_in, p_for,) = carved(block, _backward_pieces(block.itemsize, input_size, hidden_size))
    real = carry_y.dtype.type
    one = real(1)
    zero = real(0)
    for end in range(steps, 0, -chunk):
        begin = max(end - chunk, 0)
        for t in range(end - 1, begin - 1, -1):
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(carry_y)):
                        unit = units(start, hidden_size, carry_y)
                        adjoints_x[t, item, unit] = zero
                        adjoints_x[t, item, hidden_size + unit] = zero
                        adjoints_x[t, item, 2 * hidden_size + unit] = zero
                    continue
                for start in range(0, hidden_size, width(carry_y)):
                    unit = units(start, hidden_size, carry_y)
                    prefetch(t - 1, item, unit, error_y, kept_c, kept_z, kept_i, kept_f, adjoints_x)
                    prefetch(t - 1, item, hidden_size + unit, adjoints_x)
                    prefetch(t - 1, item, 2 * hidden_size + unit, adjoints_x)
                    next_y_before_from_loop = carry_y[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    last_error_y_ = last_error_y[item, unit] if t + 1 == lengths[item] else zero
                    error_y_ = error_y[t, item, unit]
                    y = kept_y[t + 1, item, unit]
                    next_c_before_from_loop = carry_c[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[item, unit] if t + 1 == lengths[item] else zero
                    c_before = kept_c[t, item, unit]
                    z = kept_z[t, item, unit]
                    i = kept_i[t, item, unit]
                    f = kept_f[t, item, unit]
                    d_y = next_y_before_from_loop + last_error_y_ + error_y_  # (B.1)
                    d_c = next_c_before_from_loop + d_y * (one - y * y) + last_error_c_  # (B.2)
                    d_f = c_before * d_c  # (B.3)
                    d_i = z * d_c  # (B.4)
                    d_z = i * d_c  # (B.5)
                    d_f_bar = f * d_f * (one - f)  # (B.6)
                    d_i_bar = i * d_i * (one - i)  # (B.7)
                    d_c_before_from_loop = f * d_c + p_for[unit] * d_f_bar + p_in[unit] * d_i_bar
                    carry_c[t & 1, item, unit] = d_c_before_from_loop
                    d_z_bar = d_z * (one - z * z)  # (B.8)
                    sums[part, unit] += d_z_bar  # (B.12)
                    sums[part, hidden_size + unit] += c_before * d_i_bar  # (B.15)
                    sums[part, 2 * hidden_size + unit] += d_i_bar  # (B.16)
                    sums[part, 3 * hidden_size + unit] += c_before * d_f_bar  # (B.19)
                    sums[part, 4 * hidden_size + unit] += d_f_bar  # (B.20)
                    adjoints_x[t, item, unit] = d_z_bar
                    adjoints_x[t, item, hidden_size + unit] = d_i_bar
                    adjoints_x[t, item, 2 * hidden_size + unit] = d_f_bar
            product_of_step(
                adjoints_x[t, first:stop, 0 : 3 * hidden_size], packed_y_before, pulled_y_before[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    continue
                for start in range(0, hidden_size, width(carry_y)):
                    unit = units(start, hidden_size, carry_y)
                    pulled_product_2 = pulled_y_before[item, unit]
                    carry_y[t & 1, item, unit] = pulled_product_2
        product_of_steps(adjoints_x[begin:end], 0, packed_x, pulled_x[begin:end], first, stop, board)


@register_jitable
def _step_pieces(batch, input_size, hidden_size):
    """The shapes of what one step computes."""
    return (
        (1, batch, hidden_size),
        (1, batch, hidden_size),
        (1, batch, hidden_size),
        (2, batch, hidden_size),
        (2, batch, hidden_size),
        (1, batch, 3 * hidden_size),
        (batch, 3 * hidden_size),
    )


@compiled
def _one_step(scratch, lengths, block, input_size, hidden_size, given_x, before_c, before_y, y_y, after_c, after_y):
    """One step of the sequence that `_forward_part` runs, for the whole batch and without a tape."""
    batch = len(given_x)
    out_y = y_y.reshape((1, batch, hidden_size))
    kept_x = given_x.reshape((1, batch, input_size))
    (kept_z, kept_i, kept_f, kept_c, kept_y, products_x, products_y_before,) = (
        carved(scratch, _step_pieces(batch, input_size, hidden_size))
    )
    copy_rows(before_c, kept_c[0])
    copy_rows(before_y, kept_y[0])
    # Not literal numbers, for which Numba would compile it once more.
    edge, one_step, keep = np.int64(0), np.int64(1), np.bool_(False)
    _forward_part(
        edge, edge, batch, lengths[:0], one_step, one_step, lengths, keep, block, input_size, hidden_size, kept_x,
        products_x, kept_y, products_y_before, kept_c, kept_z, kept_i, kept_f, out_y
    )
    copy_rows(kept_c[1], after_c)
    copy_rows(kept_y[1], after_y)


@partial(compiled, allocates=True)
def _step(block, input_size, hidden_size, given_x, before_c, before_y, y_y, after_c, after_y):
    """The same in memory of its own."""
    batch = len(given_x)
    _one_step(
        room(block, _step_pieces(batch, input_size, hidden_size)), np.ones(batch, np.int64), block, input_size,
        hidden_size, given_x, before_c, before_y, y_y, after_c, after_y
    )


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    return _packed(params, *arrays.param_sizes(SIGNATURE, params, "pack"))


def _packed(params, sizes, dtype):
    """Checked parameters as the forward pass reads them."""
    input_size = sizes["input_size"]
    hidden_size = sizes["hidden_size"]
    block = new_block(dtype, _forward_pieces, input_size, hidden_size)
    parts = threads.parts(len(block), FILLED)
    threads.run(
        _fill_forward, parts, len(parts), block, input_size, hidden_size, *map(contiguous, (params.W_z, params.R_z,
        params.b_z, params.W_in, params.R_in, params.p_in, params.b_in, params.W_for, params.R_for, params.p_for,
        params.b_for, ))
    )
    alone = threads.alone((3 * hidden_size) * input_size + (3 * hidden_size) * hidden_size + input_size + hidden_size)
    return Packed(params, block, (input_size, hidden_size, ), alone)


def forward(
    params, x, state=None, lengths=None, *, keep_tape=True, workspace=None, checkpoint_every=None
):
    """Run whole sequences: x (T, B, input_size).

    `params` may be packed. Returns the output (T, B, size), the last state, and the tape for `backward`
    (None with keep_tape=False). With a `workspace` all arrays are in its memory, until the next call. With
    `checkpoint_every` the tape keeps the states of every so many steps, and `backward` computes the rest again. Raises
    ValueError or TypeError for arrays of another shape or dtype.
    """
    every = checkpoints.interval(SIGNATURE, checkpoint_every, keep_tape)
    plain = params.params if isinstance(params, Packed) else params
    with memory.within(workspace, SIGNATURE.cell):
        call = calls.begin(SIGNATURE, plain, x, state, lengths)
        packed = params if isinstance(params, Packed) else _packed(plain, call.sizes, call.dtype)
        if every is None:
            y, state, tape = _run(packed, call, keep_tape)
        else:
            y, state, kept = checkpoints.forward(SIGNATURE, memory, _run, packed, call, every)
            tape = Checkpoints(call, kept)
        memory.keep(call.lease)
    return y, state, tape


def step(params, x_t, state=None):
    """One step: x_t (B, size); `params` may be packed. Returns the output (B, size) and the new state."""
    if type(params) is Packed and type(state) is State:
        _, block, (input_size, hidden_size,), alone = params
        given_x = x_t
        (before_c, before_y,) = state
        dtype = block.dtype
        # Arrays for which `begin_step` has nothing to convert and nothing to say.
        if (
            type(given_x) is type(before_c) is type(before_y) is np.ndarray
            and given_x.dtype == before_c.dtype == before_y.dtype == dtype
            and given_x.flags.carray and before_c.flags.carray and before_y.flags.carray
            and given_x.ndim == 2
        ):
            batch = len(given_x)
            rows_input_size = (batch, input_size)
            rows_hidden_size = (batch, hidden_size)
            if (
                batch <= alone
                and before_c.shape == before_y.shape == rows_hidden_size
                and given_x.shape == rows_input_size
            ):
                y_y = np.empty(rows_hidden_size, dtype)
                after_c = np.empty(rows_hidden_size, dtype)
                after_y = np.empty(rows_hidden_size, dtype)
                _step(block, input_size, hidden_size, given_x, before_c, before_y, y_y, after_c, after_y)
                state = tuple.__new__(State, (after_c, after_y, ))
                return y_y, state
    plain = params.params if isinstance(params, Packed) else params
    call = calls.begin_step(SIGNATURE, plain, x_t, state)
    y, state, _ = _run(params if isinstance(params, Packed) else _packed(plain, call.sizes, call.dtype), call, False)
    return y[0], state


def _run(packed, call, keep_tape):
    """The forward pass: batched before and behind the loop over time."""
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    block = packed.block
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    out_y = memory.empty((steps, batch, hidden_size), dtype)
    (kept_z, kept_i, kept_f, kept_c, kept_y,) = memory.arrays(
        dtype,
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (carried_rows, batch, hidden_size),
        (carried_rows, batch, hidden_size),
    )
    (products_x, products_y_before,) = memory.arrays(
        dtype,
        (chunk, batch, 3 * hidden_size),
        (batch, 3 * hidden_size),
    )
    kept_c[0] = call.state[0]
    kept_y[0] = call.state[1]
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * input_size + (3 * hidden_size) * hidden_size + input_size + hidden_size)
    )
    sharing.run(
        _forward_part, parts, (3 * hidden_size) * hidden_size, dtype, steps, chunk, call.lengths, keep_tape, block,
        input_size, hidden_size, kept_x, products_x, kept_y, products_y_before, kept_c, kept_z, kept_i, kept_f, out_y
    )
    y = out_y
    state = State(calls.last_rows(kept_c, call), calls.last_rows(kept_y, call))
    return y, state, Tape(call, kept_x, kept_z, kept_i, kept_f, kept_c, kept_y) if keep_tape else None


def backward(params, tape, dy=None, dstate=None, *, consume_tape=False):
    """The gradients, from the errors dy (T, B, size) on the output and dstate on the last state.

    Raises ValueError or TypeError for arrays of another shape or dtype, ValueError for a tape that has been consumed.
    The tape is left whole, unless `consume_tape` gives it up.
    """
    plain = params.params if isinstance(params, Packed) else params
    call = calls.begin_backward(SIGNATURE, plain, tape, (Tape, Checkpoints))
    with memory.behind(call.lease, SIGNATURE.cell):
        errors, ends = calls.errors(SIGNATURE, call, dy, dstate)
        block = _backward_block(plain, call.sizes, call.dtype)
        if isinstance(tape, Checkpoints):
            packed = params if isinstance(params, Packed) else _packed(plain, call.sizes, call.dtype)
            grads = checkpoints.backward(
                memory, _run, partial(_gradients, block), packed, call, tape.kept, errors, ends
            )
        else:
            grads = _gradients(block, tape, errors, ends)
    call.lease.consumed = consume_tape
    return grads


def _backward_block(params, sizes, dtype):
    """What the backward pass reads of checked parameters."""
    input_size = sizes["input_size"]
    hidden_size = sizes["hidden_size"]
    block = new_block(dtype, _backward_pieces, input_size, hidden_size)
    parts = threads.parts(len(block), FILLED)
    threads.run(
        _fill_backward, parts, len(parts), block, input_size, hidden_size, *map(contiguous, (params.W_z, params.R_z,
        params.W_in, params.R_in, params.p_in, params.W_for, params.R_for, params.p_for, ))
    )
    return block


def _gradients(block, tape, errors, ends):
    """The backward pass, from the errors on the outputs, that of the loss included, and on the last state."""
    call = tape.call
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (_, kept_x, kept_z, kept_i, kept_f, kept_c, kept_y,) = tape
    (error_y,) = errors
    (last_error_c, last_error_y,) = ends
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * input_size + (3 * hidden_size) * hidden_size + input_size + hidden_size)
    )
    carry_c = memory.zeros((2, batch, hidden_size), dtype)
    carry_y = memory.zeros((2, batch, hidden_size), dtype)
    pulled_x = memory.empty((steps, batch, input_size), dtype)
    (adjoints_x, pulled_y_before,) = memory.arrays(
        dtype,
        (steps, batch, memory.row(3 * hidden_size, dtype)),
        (batch, hidden_size),
    )
    sums = memory.zeros((len(parts), 5 * hidden_size))
    sharing.run(
        _backward_part, parts, (3 * hidden_size) * hidden_size, dtype, steps, chunk, call.lengths, block, input_size,
        hidden_size, carry_y, last_error_y, error_y, kept_y, carry_c, last_error_c, kept_c, kept_z, kept_i, kept_f,
        sums, adjoints_x, pulled_y_before, pulled_x
    )
    sums = calls.total(sums)
    sums = memory.copied(sums[0], dtype)
    weights_x = memory.empty((3 * hidden_size, input_size), dtype)
    weights_y_before = memory.empty((3 * hidden_size, hidden_size), dtype)
    widest = gradient_scratch(steps * batch, max(input_size, hidden_size), dtype.itemsize)
    # A share is of rows of the results, whatever the batch is.
    shares = threads.parts(
        steps * batch, (3 * hidden_size) * input_size + (3 * hidden_size) * hidden_size + input_size + hidden_size
    )
    (scratch,) = memory.arrays(dtype, (len(shares), widest))
    threads.run(
        weight_gradients, shares, len(shares), scratch,
        (adjoints_x, 0, kept_x, weights_x),
        (adjoints_x, 0, kept_y[:-1], weights_y_before),
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            weights_y_before[0 : hidden_size],
            sums[0 : hidden_size],
            weights_x[hidden_size : 2 * hidden_size],
            weights_y_before[hidden_size : 2 * hidden_size],
            sums[hidden_size : 2 * hidden_size],
            sums[2 * hidden_size : 3 * hidden_size],
            weights_x[2 * hidden_size : 3 * hidden_size],
            weights_y_before[2 * hidden_size : 3 * hidden_size],
            sums[3 * hidden_size : 4 * hidden_size],
            sums[4 * hidden_size : 5 * hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_c, carry_c),
            calls.initial_gradient(call, last_error_y, carry_y),
        ),
    )
