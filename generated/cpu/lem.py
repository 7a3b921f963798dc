"""Long expressive memory: cpu kernels.

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
    kept_function_1: np.ndarray
    kept_function_2: np.ndarray
    kept_function_4: np.ndarray
    kept_z: np.ndarray
    kept_function_3: np.ndarray
    kept_y: np.ndarray


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

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


@register_jitable
def _forward_pieces(itemsize, input_size, hidden_size):
    """The shapes of what the forward pass reads of the parameters."""
    return (
        (1,),
        panel_shape(hidden_size, 3 * hidden_size, itemsize),
        panel_shape(input_size, 4 * hidden_size, itemsize),
        panel_shape(hidden_size, hidden_size, itemsize),
        (hidden_size,),
        (hidden_size,),
        (hidden_size,),
        (hidden_size,),
    )


@compiled
def _fill_forward(
    part, first, stop, parts, block, input_size, hidden_size, given_W_1, given_V_1, given_b_1, given_W_2, given_V_2,
    given_b_2, given_W_z, given_V_z, given_b_z, given_W_y, given_V_y, given_b_y
):
    """Write what the forward pass reads of the parameters into its block, of the panels one of `parts`."""
    (made_for, packed_y_before, packed_x, packed_z, b_1, b_2, b_z, b_y,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size))
    )
    edge = np.int64(0)
    fill_panels(given_W_1.T, packed_y_before, edge, edge, part, parts)
    fill_panels(given_W_2.T, packed_y_before, edge, hidden_size, part, parts)
    fill_panels(given_W_z.T, packed_y_before, edge, 2 * hidden_size, part, parts)
    fill_panels(given_V_1.T, packed_x, edge, edge, part, parts)
    fill_panels(given_V_2.T, packed_x, edge, hidden_size, part, parts)
    fill_panels(given_V_z.T, packed_x, edge, 2 * hidden_size, part, parts)
    fill_panels(given_V_y.T, packed_x, edge, 3 * hidden_size, part, parts)
    fill_panels(given_W_y.T, packed_z, edge, edge, part, parts)
    if part == 0:
        made_for[0] = PANEL_BYTES
        copy_vector(given_b_1, b_1)
        copy_vector(given_b_2, b_2)
        copy_vector(given_b_z, b_z)
        copy_vector(given_b_y, b_y)


@compiled
def _forward_part(
    part, first, stop, board, steps, chunk, lengths, keep, block, input_size, hidden_size, kept_x, products_x, kept_y,
    products_y_before, kept_function_1, kept_function_2, kept_Delta_2, kept_function_4, kept_z, products_z,
    kept_function_3, out_y
):
    (made_for, packed_y_before, packed_x, packed_z, b_1, b_2, b_z, b_y,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size))
    )
    check_panels(made_for)
    real = kept_x.dtype.type
    dt = real(1)
    one = real(1)
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
                        kept_z[now, item, unit] = kept_z[before, item, unit]
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_1_product = products_y_before[item, unit]
                    V_1_product = products_x[t - begin, item, unit]
                    W_2_product = products_y_before[item, hidden_size + unit]
                    V_2_product = products_x[t - begin, item, hidden_size + unit]
                    W_z_product = products_y_before[item, 2 * hidden_size + unit]
                    V_z_product = products_x[t - begin, item, 2 * hidden_size + unit]
                    z_before = kept_z[before, item, unit]
                    Delta_1_bar = W_1_product + V_1_product + b_1[unit]  # (F.1)
                    Delta_2_bar = W_2_product + V_2_product + b_2[unit]  # (F.2)
                    function_1 = sigmoid(Delta_1_bar)
                    kept_function_1[here, item, unit] = function_1
                    Delta_1 = dt * function_1  # (F.3)
                    function_2 = sigmoid(Delta_2_bar)
                    kept_function_2[here, item, unit] = function_2
                    Delta_2 = dt * function_2  # (F.4)
                    kept_Delta_2[item, unit] = Delta_2
                    z_bar = W_z_product + V_z_product + b_z[unit]  # (F.5)
                    function_4 = tanh(z_bar)
                    kept_function_4[here, item, unit] = function_4
                    z = Delta_1 * function_4 + (one - Delta_1) * z_before  # (F.6)
                    kept_z[now, item, unit] = z
            product_of_step(kept_z[now, first:stop, 0 : hidden_size], packed_z, products_z[first:stop], t, board)
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_x)):
                        unit = units(start, hidden_size, kept_x)
                        kept_y[now, item, unit] = kept_y[before, item, unit]
                        out_y[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_y_product = products_z[item, unit]
                    V_y_product = products_x[t - begin, item, 3 * hidden_size + unit]
                    Delta_2 = kept_Delta_2[item, unit]
                    y_before = kept_y[before, item, unit]
                    y_bar = W_y_product + V_y_product + b_y[unit]  # (F.7)
                    function_3 = tanh(y_bar)
                    kept_function_3[here, item, unit] = function_3
                    y = Delta_2 * function_3 + (one - Delta_2) * y_before  # (F.8)
                    kept_y[now, item, unit] = y
                    out_y[t, item, unit] = y


@register_jitable
def _backward_pieces(itemsize, input_size, hidden_size):
    """The shapes of what the backward pass reads of the parameters."""
    return (
        panel_shape(3 * hidden_size, hidden_size, itemsize),
        panel_shape(4 * hidden_size, input_size, itemsize),
        panel_shape(hidden_size, hidden_size, itemsize),
    )


@compiled
def _fill_backward(
    part, first, stop, parts, block, input_size, hidden_size, given_W_1, given_V_1, given_W_2, given_V_2, given_W_z,
    given_V_z, given_W_y, given_V_y
):
    """Write what the backward pass reads of the parameters into its block, of the panels one of `parts`."""
    (packed_y_before, packed_x, packed_z,) = carved(block, _backward_pieces(block.itemsize, input_size, hidden_size))
    edge = np.int64(0)
    fill_panels(given_W_1, packed_y_before, edge, edge, part, parts)
    fill_panels(given_W_2, packed_y_before, hidden_size, edge, part, parts)
    fill_panels(given_W_z, packed_y_before, 2 * hidden_size, edge, part, parts)
    fill_panels(given_V_1, packed_x, edge, edge, part, parts)
    fill_panels(given_V_2, packed_x, hidden_size, edge, part, parts)
    fill_panels(given_V_z, packed_x, 2 * hidden_size, edge, part, parts)
    fill_panels(given_V_y, packed_x, 3 * hidden_size, edge, part, parts)
    fill_panels(given_W_y, packed_z, edge, edge, part, parts)


@compiled
def _backward_part(
    part, first, stop, board, steps, chunk, lengths, block, input_size, hidden_size, kept_function_2, carry_y,
    last_error_y, error_y, d_y, kept_function_3, kept_y, sums, adjoints_x, pulled_z, kept_function_1, carry_z,
    last_error_z, kept_function_4, kept_z, pulled_y_before, pulled_x
):
    (packed_y_before, packed_x, packed_z,) = carved(block, _backward_pieces(block.itemsize, input_size, hidden_size))
    real = kept_function_2.dtype.type
    dt = real(1)
    one = real(1)
    zero = real(0)
    for end in range(steps, 0, -chunk):
        begin = max(end - chunk, 0)
        for t in range(end - 1, begin - 1, -1):
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_function_2)):
                        unit = units(start, hidden_size, kept_function_2)
                        adjoints_x[t, item, hidden_size + unit] = zero
                        adjoints_x[t, item, 3 * hidden_size + unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_function_2)):
                    unit = units(start, hidden_size, kept_function_2)
                    prefetch(t - 1, item, unit, kept_function_2, error_y, kept_function_3, kept_y)
                    prefetch(t - 1, item, hidden_size + unit, adjoints_x)
                    prefetch(t - 1, item, 3 * hidden_size + unit, adjoints_x)
                    function_2 = kept_function_2[t, item, unit]
                    next_y_before_from_loop = carry_y[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    last_error_y_ = last_error_y[item, unit] if t + 1 == lengths[item] else zero
                    error_y_ = error_y[t, item, unit]
                    function_3 = kept_function_3[t, item, unit]
                    y_before = kept_y[t, item, unit]
                    Delta_2 = dt * function_2  # (F.4)
                    d_y_ = next_y_before_from_loop + last_error_y_ + error_y_  # (B.1)
                    d_y[item, unit] = d_y_
                    d_y_bar = Delta_2 * d_y_ * (one - function_3 * function_3)  # (B.2)
                    d_Delta_2 = -y_before * d_y_ + function_3 * d_y_  # (B.5)
                    d_Delta_2_bar = Delta_2 * d_Delta_2 * (one - function_2)  # (B.7)
                    sums[part, unit] += d_Delta_2_bar  # (B.15)
                    sums[part, hidden_size + unit] += d_y_bar  # (B.21)
                    adjoints_x[t, item, hidden_size + unit] = d_Delta_2_bar
                    adjoints_x[t, item, 3 * hidden_size + unit] = d_y_bar
            product_of_step(
                adjoints_x[t, first:stop, 3 * hidden_size : 4 * hidden_size], packed_z, pulled_z[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_function_2)):
                        unit = units(start, hidden_size, kept_function_2)
                        adjoints_x[t, item, unit] = zero
                        adjoints_x[t, item, 2 * hidden_size + unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_function_2)):
                    unit = units(start, hidden_size, kept_function_2)
                    prefetch(t - 1, item, unit, kept_function_1, kept_function_4, kept_z, adjoints_x)
                    prefetch(t - 1, item, 2 * hidden_size + unit, adjoints_x)
                    function_1 = kept_function_1[t, item, unit]
                    pulled_product_7 = pulled_z[item, unit]
                    next_z_before_from_loop = carry_z[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    last_error_z_ = last_error_z[item, unit] if t + 1 == lengths[item] else zero
                    function_4 = kept_function_4[t, item, unit]
                    z_before = kept_z[t, item, unit]
                    Delta_1 = dt * function_1  # (F.3)
                    d_z = pulled_product_7 + next_z_before_from_loop + last_error_z_  # (B.3)
                    d_z_before_from_loop = d_z * (one - Delta_1)
                    carry_z[t & 1, item, unit] = d_z_before_from_loop
                    d_z_bar = Delta_1 * d_z * (one - function_4 * function_4)  # (B.4)
                    d_Delta_1 = -z_before * d_z + function_4 * d_z  # (B.6)
                    d_Delta_1_bar = Delta_1 * d_Delta_1 * (one - function_1)  # (B.8)
                    sums[part, 2 * hidden_size + unit] += d_Delta_1_bar  # (B.12)
                    sums[part, 3 * hidden_size + unit] += d_z_bar  # (B.18)
                    adjoints_x[t, item, unit] = d_Delta_1_bar
                    adjoints_x[t, item, 2 * hidden_size + unit] = d_z_bar
            product_of_step(
                adjoints_x[t, first:stop, 0 : 3 * hidden_size], packed_y_before, pulled_y_before[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    continue
                for start in range(0, hidden_size, width(kept_function_2)):
                    unit = units(start, hidden_size, kept_function_2)
                    prefetch(t - 1, item, unit, kept_function_2)
                    function_2 = kept_function_2[t, item, unit]
                    pulled_product_1 = pulled_y_before[item, unit]
                    d_y_ = d_y[item, unit]
                    Delta_2 = dt * function_2  # (F.4)
                    d_y_before_from_loop = pulled_product_1 + d_y_ * (one - Delta_2)
                    carry_y[t & 1, item, unit] = d_y_before_from_loop
        product_of_steps(adjoints_x[begin:end], 0, packed_x, pulled_x[begin:end], first, stop, board)


@register_jitable
def _step_pieces(batch, input_size, hidden_size):
    """The shapes of what one step computes."""
    return (
        (1, batch, hidden_size),
        (1, batch, hidden_size),
        (batch, hidden_size),
        (1, batch, hidden_size),
        (2, batch, hidden_size),
        (1, batch, hidden_size),
        (2, batch, hidden_size),
        (batch, 3 * hidden_size),
        (1, batch, 4 * hidden_size),
        (batch, hidden_size),
    )


@compiled
def _one_step(scratch, lengths, block, input_size, hidden_size, given_x, before_z, before_y, y_y, after_z, after_y):
    """One step of the sequence that `_forward_part` runs, for the whole batch and without a tape."""
    batch = len(given_x)
    out_y = y_y.reshape((1, batch, hidden_size))
    kept_x = given_x.reshape((1, batch, input_size))
    (kept_function_1, kept_function_2, kept_Delta_2, kept_function_4, kept_z, kept_function_3, kept_y, products_y_before, products_x, products_z,) = (
        carved(scratch, _step_pieces(batch, input_size, hidden_size))
    )
    copy_rows(before_z, kept_z[0])
    copy_rows(before_y, kept_y[0])
    # Not literal numbers, for which Numba would compile it once more.
    edge, one_step, keep = np.int64(0), np.int64(1), np.bool_(False)
    _forward_part(
        edge, edge, batch, lengths[:0], one_step, one_step, lengths, keep, block, input_size, hidden_size, kept_x,
        products_x, kept_y, products_y_before, kept_function_1, kept_function_2, kept_Delta_2, kept_function_4, kept_z,
        products_z, kept_function_3, out_y
    )
    copy_rows(kept_z[1], after_z)
    copy_rows(kept_y[1], after_y)


@partial(compiled, allocates=True)
def _step(block, input_size, hidden_size, given_x, before_z, before_y, y_y, after_z, after_y):
    """The same in memory of its own."""
    batch = len(given_x)
    _one_step(
        room(block, _step_pieces(batch, input_size, hidden_size)), np.ones(batch, np.int64), block, input_size,
        hidden_size, given_x, before_z, before_y, y_y, after_z, after_y
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
        _fill_forward, parts, len(parts), block, input_size, hidden_size, *map(contiguous, (params.W_1, params.V_1,
        params.b_1, params.W_2, params.V_2, params.b_2, params.W_z, params.V_z, params.b_z, params.W_y, params.V_y,
        params.b_y, ))
    )
    alone = threads.alone(
        (3 * hidden_size) * hidden_size + (4 * hidden_size) * input_size + (hidden_size) * hidden_size + input_size +
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
        (before_z, before_y,) = state
        dtype = block.dtype
        # Arrays for which `begin_step` has nothing to convert and nothing to say.
        if (
            type(given_x) is type(before_z) is type(before_y) is np.ndarray
            and given_x.dtype == before_z.dtype == before_y.dtype == dtype
            and given_x.flags.carray and before_z.flags.carray and before_y.flags.carray
            and given_x.ndim == 2
        ):
            batch = len(given_x)
            rows_input_size = (batch, input_size)
            rows_hidden_size = (batch, hidden_size)
            if (
                batch <= alone
                and before_z.shape == before_y.shape == rows_hidden_size
                and given_x.shape == rows_input_size
            ):
                y_y = np.empty(rows_hidden_size, dtype)
                after_z = np.empty(rows_hidden_size, dtype)
                after_y = np.empty(rows_hidden_size, dtype)
                _step(block, input_size, hidden_size, given_x, before_z, before_y, y_y, after_z, after_y)
                state = tuple.__new__(State, (after_z, after_y, ))
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
    (kept_function_1, kept_function_2, kept_function_4, kept_z, kept_function_3, kept_y,) = memory.arrays(
        dtype,
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (carried_rows, batch, hidden_size),
        (rows, batch, hidden_size),
        (carried_rows, batch, hidden_size),
    )
    (kept_Delta_2, products_y_before, products_x, products_z,) = memory.arrays(
        dtype,
        (batch, hidden_size),
        (batch, 3 * hidden_size),
        (chunk, batch, 4 * hidden_size),
        (batch, hidden_size),
    )
    kept_z[0] = call.state[0]
    kept_y[0] = call.state[1]
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * hidden_size + (4 * hidden_size) * input_size + (hidden_size) * hidden_size +
        input_size + hidden_size)
    )
    sharing.run(
        _forward_part, parts, max((3 * hidden_size) * hidden_size, (hidden_size) * hidden_size), dtype, steps, chunk,
        call.lengths, keep_tape, block, input_size, hidden_size, kept_x, products_x, kept_y, products_y_before,
        kept_function_1, kept_function_2, kept_Delta_2, kept_function_4, kept_z, products_z, kept_function_3, out_y
    )
    y = out_y
    state = State(calls.last_rows(kept_z, call), calls.last_rows(kept_y, call))
    return y, state, Tape(
        call, kept_x, kept_function_1, kept_function_2, kept_function_4, kept_z, kept_function_3, kept_y
    ) if keep_tape else None


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
        _fill_backward, parts, len(parts), block, input_size, hidden_size, *map(contiguous, (params.W_1, params.V_1,
        params.W_2, params.V_2, params.W_z, params.V_z, params.W_y, params.V_y, ))
    )
    return block


def _gradients(block, tape, errors, ends):
    """The backward pass, from the errors on the outputs, that of the loss included, and on the last state."""
    call = tape.call
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    (_, kept_x, kept_function_1, kept_function_2, kept_function_4, kept_z, kept_function_3, kept_y,) = tape
    (error_y,) = errors
    (last_error_z, last_error_y,) = ends
    parts = threads.parts(
        batch, steps * ((3 * hidden_size) * hidden_size + (4 * hidden_size) * input_size + (hidden_size) * hidden_size +
        input_size + hidden_size)
    )
    carry_z = memory.zeros((2, batch, hidden_size), dtype)
    carry_y = memory.zeros((2, batch, hidden_size), dtype)
    pulled_x = memory.empty((steps, batch, input_size), dtype)
    (d_y, adjoints_x, pulled_y_before, pulled_z,) = memory.arrays(
        dtype,
        (batch, hidden_size),
        (steps, batch, memory.row(4 * hidden_size, dtype)),
        (batch, hidden_size),
        (batch, hidden_size),
    )
    sums = memory.zeros((len(parts), 4 * hidden_size))
    sharing.run(
        _backward_part, parts, max((3 * hidden_size) * hidden_size, (hidden_size) * hidden_size), dtype, steps, chunk,
        call.lengths, block, input_size, hidden_size, kept_function_2, carry_y, last_error_y, error_y, d_y,
        kept_function_3, kept_y, sums, adjoints_x, pulled_z, kept_function_1, carry_z, last_error_z, kept_function_4,
        kept_z, pulled_y_before, pulled_x
    )
    sums = calls.total(sums)
    sums = memory.copied(sums[0], dtype)
    weights_y_before = memory.empty((3 * hidden_size, hidden_size), dtype)
    weights_x = memory.empty((4 * hidden_size, input_size), dtype)
    weights_z = memory.empty((hidden_size, hidden_size), dtype)
    widest = gradient_scratch(steps * batch, max(hidden_size, input_size), dtype.itemsize)
    # A share is of rows of the results, whatever the batch is.
    shares = threads.parts(
        steps * batch, (3 * hidden_size) * hidden_size + (4 * hidden_size) * input_size + (hidden_size) * hidden_size +
        input_size + hidden_size
    )
    (scratch,) = memory.arrays(dtype, (len(shares), widest))
    threads.run(
        weight_gradients, shares, len(shares), scratch,
        (adjoints_x, 0, kept_y[:-1], weights_y_before),
        (adjoints_x, 0, kept_x, weights_x),
        (adjoints_x, 3 * hidden_size, kept_z[1:], weights_z),
    )
    return Grads(
        params=Params(
            weights_y_before[0 : hidden_size],
            weights_x[0 : hidden_size],
            sums[2 * hidden_size : 3 * hidden_size],
            weights_y_before[hidden_size : 2 * hidden_size],
            weights_x[hidden_size : 2 * hidden_size],
            sums[0 : hidden_size],
            weights_y_before[2 * hidden_size : 3 * hidden_size],
            weights_x[2 * hidden_size : 3 * hidden_size],
            sums[3 * hidden_size : 4 * hidden_size],
            weights_z[0 : hidden_size],
            weights_x[3 * hidden_size : 4 * hidden_size],
            sums[hidden_size : 2 * hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_z, carry_z),
            calls.initial_gradient(call, last_error_y, carry_y),
        ),
    )
