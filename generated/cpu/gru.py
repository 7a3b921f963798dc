"""GRU, reset before the product: cpu kernels.

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
    kept_r: np.ndarray
    kept_z: np.ndarray
    kept_operand_6: np.ndarray
    kept_n: np.ndarray
    kept_h: np.ndarray


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

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


@register_jitable
def _forward_pieces(itemsize, input_size, hidden_size):
    """The shapes of what the forward pass reads of the parameters."""
    return (
        (1,),
        panel_shape(input_size, 3 * hidden_size, itemsize),
        panel_shape(hidden_size, 2 * hidden_size, itemsize),
        panel_shape(hidden_size, hidden_size, itemsize),
        (hidden_size,),
        (hidden_size,),
        (hidden_size,),
    )


@compiled
def _fill_forward(
    part, first, stop, parts, block, input_size, hidden_size, given_W_r, given_U_r, given_b_r, given_W_z, given_U_z,
    given_b_z, given_W_n, given_U_n, given_b_n
):
    """Write what the forward pass reads of the parameters into its block, of the panels one of `parts`."""
    (made_for, packed_x, packed_h_before, packed_operand_6, b_r, b_z, b_n,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size))
    )
    edge = np.int64(0)
    fill_panels(given_W_r.T, packed_x, edge, edge, part, parts)
    fill_panels(given_W_z.T, packed_x, edge, hidden_size, part, parts)
    fill_panels(given_W_n.T, packed_x, edge, 2 * hidden_size, part, parts)
    fill_panels(given_U_r.T, packed_h_before, edge, edge, part, parts)
    fill_panels(given_U_z.T, packed_h_before, edge, hidden_size, part, parts)
    fill_panels(given_U_n.T, packed_operand_6, edge, edge, part, parts)
    if part == 0:
        made_for[0] = PANEL_BYTES
        copy_vector(given_b_r, b_r)
        copy_vector(given_b_z, b_z)
        copy_vector(given_b_n, b_n)


@compiled
def _forward_part(
    part, first, stop, board, steps, chunk, lengths, keep, block, input_size, hidden_size, kept_x, products_x, kept_h,
    products_h_before, kept_r, kept_z, kept_operand_6, products_operand_6, kept_n, out_h
):
    (made_for, packed_x, packed_h_before, packed_operand_6, b_r, b_z, b_n,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size))
    )
    check_panels(made_for)
    real = kept_x.dtype.type
    one = real(1)
    zero = real(0)
    for begin in range(0, steps, chunk):
        end = min(begin + chunk, steps)
        product_of_steps(kept_x[begin:end], 0, packed_x, products_x[: end - begin], first, stop, board)
        for t in range(begin, end):
            now, before, here = (t + 1, t, t) if keep else ((t + 1) & 1, t & 1, 0)
            product_of_step(
                kept_h[before, first:stop, 0 : hidden_size], packed_h_before, products_h_before[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_x)):
                        unit = units(start, hidden_size, kept_x)
                        kept_operand_6[here, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_r_product = products_x[t - begin, item, unit]
                    U_r_product = products_h_before[item, unit]
                    W_z_product = products_x[t - begin, item, hidden_size + unit]
                    U_z_product = products_h_before[item, hidden_size + unit]
                    h_before = kept_h[before, item, unit]
                    r_bar = W_r_product + U_r_product + b_r[unit]  # (F.1)
                    z_bar = W_z_product + U_z_product + b_z[unit]  # (F.2)
                    r = sigmoid(r_bar)  # (F.3)
                    kept_r[here, item, unit] = r
                    z = sigmoid(z_bar)  # (F.4)
                    kept_z[here, item, unit] = z
                    operand_6 = h_before * r
                    kept_operand_6[here, item, unit] = operand_6
            product_of_step(
                kept_operand_6[here, first:stop, 0 : hidden_size], packed_operand_6, products_operand_6[first:stop], t,
                board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_x)):
                        unit = units(start, hidden_size, kept_x)
                        kept_h[now, item, unit] = kept_h[before, item, unit]
                        out_h[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_n_product = products_x[t - begin, item, 2 * hidden_size + unit]
                    U_n_product = products_operand_6[item, unit]
                    h_before = kept_h[before, item, unit]
                    z = kept_z[here, item, unit]
                    n_bar = W_n_product + U_n_product + b_n[unit]  # (F.5)
                    n = tanh(n_bar)  # (F.6)
                    kept_n[here, item, unit] = n
                    h = z * h_before + (one - z) * n  # (F.7)
                    kept_h[now, item, unit] = h
                    out_h[t, item, unit] = h


@register_jitable
def _backward_pieces(itemsize, input_size, hidden_size):
    """The shapes of what the backward pass reads of the parameters."""
    return (
        panel_shape(3 * hidden_size, input_size, itemsize),
        panel_shape(2 * hidden_size, hidden_size, itemsize),
        panel_shape(hidden_size, hidden_size, itemsize),
    )


@compiled
def _fill_backward(
    part, first, stop, parts, block, input_size, hidden_size, given_W_r, given_U_r, given_W_z, given_U_z, given_W_n,
    given_U_n
):
    """Write what the backward pass reads of the parameters into its block, of the panels one of `parts`."""
    (packed_x, packed_h_before, packed_operand_6,) = (
        carved(block, _backward_pieces(block.itemsize, input_size, hidden_size))
    )
    edge = np.int64(0)
    fill_panels(given_W_r, packed_x, edge, edge, part, parts)
    fill_panels(given_W_z, packed_x, hidden_size, edge, part, parts)
    fill_panels(given_W_n, packed_x, 2 * hidden_size, edge, part, parts)
    fill_panels(given_U_r, packed_h_before, edge, edge, part, parts)
    fill_panels(given_U_z, packed_h_before, hidden_size, edge, part, parts)
    fill_panels(given_U_n, packed_operand_6, edge, edge, part, parts)


@compiled
def _backward_part(
    part, first, stop, board, steps, chunk, lengths, block, input_size, hidden_size, carry_h, error_h, last_error_h,
    d_h, kept_z, kept_n, kept_h, sums, adjoints_x, pulled_operand_6, kept_r, pulled_h_before, pulled_x
):
    (packed_x, packed_h_before, packed_operand_6,) = (
        carved(block, _backward_pieces(block.itemsize, input_size, hidden_size))
    )
    real = carry_h.dtype.type
    one = real(1)
    zero = real(0)
    for end in range(steps, 0, -chunk):
        begin = max(end - chunk, 0)
        for t in range(end - 1, begin - 1, -1):
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(carry_h)):
                        unit = units(start, hidden_size, carry_h)
                        adjoints_x[t, item, hidden_size + unit] = zero
                        adjoints_x[t, item, 2 * hidden_size + unit] = zero
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    prefetch(t - 1, item, unit, error_h, kept_z, kept_n, kept_h)
                    prefetch(t - 1, item, hidden_size + unit, adjoints_x)
                    prefetch(t - 1, item, 2 * hidden_size + unit, adjoints_x)
                    next_h_before_from_loop = carry_h[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    error_h_ = error_h[t, item, unit]
                    last_error_h_ = last_error_h[item, unit] if t + 1 == lengths[item] else zero
                    z = kept_z[t, item, unit]
                    n = kept_n[t, item, unit]
                    h_before = kept_h[t, item, unit]
                    d_h_ = next_h_before_from_loop + error_h_ + last_error_h_  # (B.1)
                    d_h[item, unit] = d_h_
                    common_1 = one - z
                    d_n = common_1 * d_h_  # (B.2)
                    d_n_bar = d_n * (one - n * n)  # (B.3)
                    d_z = -n * d_h_ + h_before * d_h_  # (B.4)
                    d_z_bar = common_1 * z * d_z  # (B.6)
                    sums[part, unit] += d_z_bar  # (B.14)
                    sums[part, hidden_size + unit] += d_n_bar  # (B.17)
                    adjoints_x[t, item, hidden_size + unit] = d_z_bar
                    adjoints_x[t, item, 2 * hidden_size + unit] = d_n_bar
            product_of_step(
                adjoints_x[t, first:stop, 2 * hidden_size : 3 * hidden_size], packed_operand_6,
                pulled_operand_6[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(carry_h)):
                        unit = units(start, hidden_size, carry_h)
                        adjoints_x[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    prefetch(t - 1, item, unit, kept_h, kept_r, adjoints_x)
                    pulled_product_6 = pulled_operand_6[item, unit]
                    h_before = kept_h[t, item, unit]
                    r = kept_r[t, item, unit]
                    d_r = pulled_product_6 * h_before  # (B.5)
                    d_r_bar = r * d_r * (one - r)  # (B.7)
                    sums[part, 2 * hidden_size + unit] += d_r_bar  # (B.11)
                    adjoints_x[t, item, unit] = d_r_bar
            product_of_step(
                adjoints_x[t, first:stop, 0 : 2 * hidden_size], packed_h_before, pulled_h_before[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    continue
                for start in range(0, hidden_size, width(carry_h)):
                    unit = units(start, hidden_size, carry_h)
                    prefetch(t - 1, item, unit, kept_r, kept_z)
                    pulled_product_2 = pulled_h_before[item, unit]
                    pulled_product_6 = pulled_operand_6[item, unit]
                    r = kept_r[t, item, unit]
                    z = kept_z[t, item, unit]
                    d_h_ = d_h[item, unit]
                    d_h_before_from_loop = pulled_product_2 + pulled_product_6 * r + z * d_h_
                    carry_h[t & 1, item, unit] = d_h_before_from_loop
        product_of_steps(adjoints_x[begin:end], 0, packed_x, pulled_x[begin:end], first, stop, board)


@register_jitable
def _step_pieces(batch, input_size, hidden_size):
    """The shapes of what one step computes."""
    return (
        (1, batch, hidden_size),
        (1, batch, hidden_size),
        (1, batch, hidden_size),
        (1, batch, hidden_size),
        (2, batch, hidden_size),
        (1, batch, 3 * hidden_size),
        (batch, 2 * hidden_size),
        (batch, hidden_size),
    )


@compiled
def _one_step(scratch, lengths, block, input_size, hidden_size, given_x, before_h, y_h, after_h):
    """One step of the sequence that `_forward_part` runs, for the whole batch and without a tape."""
    batch = len(given_x)
    out_h = y_h.reshape((1, batch, hidden_size))
    kept_x = given_x.reshape((1, batch, input_size))
    (kept_r, kept_z, kept_operand_6, kept_n, kept_h, products_x, products_h_before, products_operand_6,) = (
        carved(scratch, _step_pieces(batch, input_size, hidden_size))
    )
    copy_rows(before_h, kept_h[0])
    # Not literal numbers, for which Numba would compile it once more.
    edge, one_step, keep = np.int64(0), np.int64(1), np.bool_(False)
    _forward_part(
        edge, edge, batch, lengths[:0], one_step, one_step, lengths, keep, block, input_size, hidden_size, kept_x,
        products_x, kept_h, products_h_before, kept_r, kept_z, kept_operand_6, products_operand_6, kept_n, out_h
    )
    copy_rows(kept_h[1], after_h)


@partial(compiled, allocates=True)
def _step(block, input_size, hidden_size, given_x, before_h, y_h, after_h):
    """The same in memory of its own."""
    batch = len(given_x)
    _one_step(
        room(block, _step_pieces(batch, input_size, hidden_size)), np.ones(batch, np.int64), block, input_size,
        hidden_size, given_x, before_h, y_h, after_h
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
        _fill_forward, parts, len(parts), block, input_size, hidden_size, *map(contiguous, (params.W_r, params.U_r,
        params.b_r, params.W_z, params.U_z, params.b_z, params.W_n, params.U_n, params.b_n, ))
    )
    alone = threads.alone(
        (3 * hidden_size) * input_size + (2 * hidden_size) * hidden_size + (hidden_size) * hidden_size + input_size +
        hidden_size
    )
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
        (before_h,) = state
        dtype = block.dtype
        # Arrays for which `begin_step` has nothing to convert and nothing to say.
        if (
            type(given_x) is type(before_h) is np.ndarray
            and given_x.dtype == before_h.dtype == dtype
            and given_x.flags.carray and before_h.flags.carray
            and given_x.ndim == 2
        ):
            batch = len(given_x)
            rows_input_size = (batch, input_size)
            rows_hidden_size = (batch, hidden_size)
            if (
                batch <= alone
                and before_h.shape == rows_hidden_size
                and given_x.shape == rows_input_size
            ):
                y_h = np.empty(rows_hidden_size, dtype)
                after_h = np.empty(rows_hidden_size, dtype)
                _step(block, input_size, hidden_size, given_x, before_h, y_h, after_h)
                state = tuple.__new__(State, (after_h, ))
                return y_h, state
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
    out_h = memory.empty((steps, batch, hidden_size), dtype)
    (kept_r, kept_z, kept_operand_6, kept_n, kept_h,) = memory.arrays(
        dtype,
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (carried_rows, batch, hidden_size),
    )
    (products_x, products_h_before, products_operand_6,) = memory.arrays(
        dtype,
        (chunk, batch, 3 * hidden_size),
        (batch, 2 * hidden_size),
        (batch, hidden_size),
    )
    kept_h[0] = call.state[0]
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * input_size + (2 * hidden_size) * hidden_size + (hidden_size) * hidden_size +
        input_size + hidden_size)
    )
    sharing.run(
        _forward_part, parts, max((2 * hidden_size) * hidden_size, (hidden_size) * hidden_size), dtype, steps, chunk,
        call.lengths, keep_tape, block, input_size, hidden_size, kept_x, products_x, kept_h, products_h_before, kept_r,
        kept_z, kept_operand_6, products_operand_6, kept_n, out_h
    )
    y = out_h
    state = State(calls.last_rows(kept_h, call))
    return y, state, Tape(call, kept_x, kept_r, kept_z, kept_operand_6, kept_n, kept_h) if keep_tape else None


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
        _fill_backward, parts, len(parts), block, input_size, hidden_size, *map(contiguous, (params.W_r, params.U_r,
        params.W_z, params.U_z, params.W_n, params.U_n, ))
    )
    return block


def _gradients(block, tape, errors, ends):
    """The backward pass, from the errors on the outputs, that of the loss included, and on the last state."""
    call = tape.call
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (_, kept_x, kept_r, kept_z, kept_operand_6, kept_n, kept_h,) = tape
    (error_h,) = errors
    (last_error_h,) = ends
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * input_size + (2 * hidden_size) * hidden_size + (hidden_size) * hidden_size +
        input_size + hidden_size)
    )
    carry_h = memory.zeros((2, batch, hidden_size), dtype)
    pulled_x = memory.empty((steps, batch, input_size), dtype)
    (d_h, adjoints_x, pulled_h_before, pulled_operand_6,) = memory.arrays(
        dtype,
        (batch, hidden_size),
        (steps, batch, memory.row(3 * hidden_size, dtype)),
        (batch, hidden_size),
        (batch, hidden_size),
    )
    sums = memory.zeros((len(parts), 3 * hidden_size))
    sharing.run(
        _backward_part, parts, max((2 * hidden_size) * hidden_size, (hidden_size) * hidden_size), dtype, steps, chunk,
        call.lengths, block, input_size, hidden_size, carry_h, error_h, last_error_h, d_h, kept_z, kept_n, kept_h, sums,
        adjoints_x, pulled_operand_6, kept_r, pulled_h_before, pulled_x
    )
    sums = calls.total(sums)
    sums = memory.copied(sums[0], dtype)
    weights_x = memory.empty((3 * hidden_size, input_size), dtype)
    weights_h_before = memory.empty((2 * hidden_size, hidden_size), dtype)
    weights_operand_6 = memory.empty((hidden_size, hidden_size), dtype)
    widest = gradient_scratch(steps * batch, max(input_size, hidden_size), dtype.itemsize)
    # A share is of rows of the results, whatever the batch is.
    shares = threads.parts(
        steps * batch, (3 * hidden_size) * input_size + (2 * hidden_size) * hidden_size + (hidden_size) * hidden_size +
        input_size + hidden_size
    )
    (scratch,) = memory.arrays(dtype, (len(shares), widest))
    threads.run(
        weight_gradients, shares, len(shares), scratch,
        (adjoints_x, 0, kept_x, weights_x),
        (adjoints_x, 0, kept_h[:-1], weights_h_before),
        (adjoints_x, 2 * hidden_size, kept_operand_6, weights_operand_6),
    )
    return Grads(
        params=Params(
            weights_x[0 : hidden_size],
            weights_h_before[0 : hidden_size],
            sums[2 * hidden_size : 3 * hidden_size],
            weights_x[hidden_size : 2 * hidden_size],
            weights_h_before[hidden_size : 2 * hidden_size],
            sums[0 : hidden_size],
            weights_x[2 * hidden_size : 3 * hidden_size],
            weights_operand_6[0 : hidden_size],
            sums[hidden_size : 2 * hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_h, carry_h),
        ),
    )
