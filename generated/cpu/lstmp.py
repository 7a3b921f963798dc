"""LSTM with a recurrent projection layer: cpu kernels.

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
    kept_i: np.ndarray
    kept_f: np.ndarray
    kept_z: np.ndarray
    kept_c: np.ndarray
    kept_o: np.ndarray
    kept_function_1: np.ndarray
    kept_m: np.ndarray
    kept_r: np.ndarray


class Checkpoints(NamedTuple):
    """What the backward pass begins with where `forward` kept states only."""

    call: calls.Call
    kept: checkpoints.Kept


Workspace = workspaces.Workspace

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


@register_jitable
def _forward_pieces(itemsize, input_size, hidden_size, cell_size):
    """The shapes of what the forward pass reads of the parameters."""
    return (
        (1,),
        panel_shape(input_size, 4 * cell_size, itemsize),
        panel_shape(hidden_size, 4 * cell_size, itemsize),
        panel_shape(cell_size, hidden_size, itemsize),
        (cell_size,),
        (cell_size,),
        (cell_size,),
        (cell_size,),
        (cell_size,),
        (cell_size,),
        (cell_size,),
    )


@compiled
def _fill_forward(
    part, first, stop, parts, block, input_size, hidden_size, cell_size, given_W_ix, given_W_ir, given_w_ic, given_b_i,
    given_W_fx, given_W_fr, given_w_fc, given_b_f, given_W_cx, given_W_cr, given_b_c, given_W_ox, given_W_or,
    given_w_oc, given_b_o, given_W_rm
):
    """Write what the forward pass reads of the parameters into its block, of the panels one of `parts`."""
    (made_for, packed_x, packed_r_before, packed_m, w_ic, b_i, w_fc, b_f, b_c, w_oc, b_o,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size, cell_size))
    )
    edge = np.int64(0)
    fill_panels(given_W_ix.T, packed_x, edge, edge, part, parts)
    fill_panels(given_W_fx.T, packed_x, edge, cell_size, part, parts)
    fill_panels(given_W_cx.T, packed_x, edge, 2 * cell_size, part, parts)
    fill_panels(given_W_ox.T, packed_x, edge, 3 * cell_size, part, parts)
    fill_panels(given_W_ir.T, packed_r_before, edge, edge, part, parts)
    fill_panels(given_W_fr.T, packed_r_before, edge, cell_size, part, parts)
    fill_panels(given_W_cr.T, packed_r_before, edge, 2 * cell_size, part, parts)
    fill_panels(given_W_or.T, packed_r_before, edge, 3 * cell_size, part, parts)
    fill_panels(given_W_rm.T, packed_m, edge, edge, part, parts)
    if part == 0:
        made_for[0] = PANEL_BYTES
        copy_vector(given_w_ic, w_ic)
        copy_vector(given_b_i, b_i)
        copy_vector(given_w_fc, w_fc)
        copy_vector(given_b_f, b_f)
        copy_vector(given_b_c, b_c)
        copy_vector(given_w_oc, w_oc)
        copy_vector(given_b_o, b_o)


@compiled
def _forward_part(
    part, first, stop, board, steps, chunk, lengths, keep, block, input_size, hidden_size, cell_size, kept_x,
    products_x, kept_r, products_r_before, kept_c, kept_i, kept_f, kept_z, kept_o, kept_function_1, kept_m, products_m,
    out_r
):
    (made_for, packed_x, packed_r_before, packed_m, w_ic, b_i, w_fc, b_f, b_c, w_oc, b_o,) = (
        carved(block, _forward_pieces(block.itemsize, input_size, hidden_size, cell_size))
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
                kept_r[before, first:stop, 0 : hidden_size], packed_r_before, products_r_before[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, cell_size, width(kept_x)):
                        unit = units(start, cell_size, kept_x)
                        kept_c[now, item, unit] = kept_c[before, item, unit]
                        kept_m[here, item, unit] = zero
                    continue
                for start in range(0, cell_size, width(kept_x)):
                    unit = units(start, cell_size, kept_x)
                    W_ix_product = products_x[t - begin, item, unit]
                    W_ir_product = products_r_before[item, unit]
                    c_before = kept_c[before, item, unit]
                    W_fx_product = products_x[t - begin, item, cell_size + unit]
                    W_fr_product = products_r_before[item, cell_size + unit]
                    W_cx_product = products_x[t - begin, item, 2 * cell_size + unit]
                    W_cr_product = products_r_before[item, 2 * cell_size + unit]
                    W_ox_product = products_x[t - begin, item, 3 * cell_size + unit]
                    W_or_product = products_r_before[item, 3 * cell_size + unit]
                    i_bar = W_ix_product + W_ir_product + w_ic[unit] * c_before + b_i[unit]  # (F.1)
                    f_bar = W_fx_product + W_fr_product + w_fc[unit] * c_before + b_f[unit]  # (F.2)
                    z_bar = W_cx_product + W_cr_product + b_c[unit]  # (F.3)
                    i = sigmoid(i_bar)  # (F.4)
                    kept_i[here, item, unit] = i
                    f = sigmoid(f_bar)  # (F.5)
                    kept_f[here, item, unit] = f
                    z = tanh(z_bar)  # (F.6)
                    kept_z[here, item, unit] = z
                    c = f * c_before + i * z  # (F.7)
                    kept_c[now, item, unit] = c
                    o_bar = W_ox_product + W_or_product + w_oc[unit] * c + b_o[unit]  # (F.8)
                    o = sigmoid(o_bar)  # (F.9)
                    kept_o[here, item, unit] = o
                    function_1 = tanh(c)
                    kept_function_1[here, item, unit] = function_1
                    m = o * function_1  # (F.10)
                    kept_m[here, item, unit] = m
            product_of_step(kept_m[here, first:stop, 0 : cell_size], packed_m, products_m[first:stop], t, board)
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(kept_x)):
                        unit = units(start, hidden_size, kept_x)
                        kept_r[now, item, unit] = kept_r[before, item, unit]
                        out_r[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(kept_x)):
                    unit = units(start, hidden_size, kept_x)
                    W_rm_product = products_m[item, unit]
                    r = W_rm_product  # (F.11)
                    kept_r[now, item, unit] = r
                    out_r[t, item, unit] = r


@register_jitable
def _backward_pieces(itemsize, input_size, hidden_size, cell_size):
    """The shapes of what the backward pass reads of the parameters."""
    return (
        panel_shape(4 * cell_size, input_size, itemsize),
        panel_shape(4 * cell_size, hidden_size, itemsize),
        panel_shape(hidden_size, cell_size, itemsize),
        (cell_size,),
        (cell_size,),
        (cell_size,),
    )


@compiled
def _fill_backward(
    part, first, stop, parts, block, input_size, hidden_size, cell_size, given_W_ix, given_W_ir, given_w_ic, given_W_fx,
    given_W_fr, given_w_fc, given_W_cx, given_W_cr, given_W_ox, given_W_or, given_w_oc, given_W_rm
):
    """Write what the backward pass reads of the parameters into its block, of the panels one of `parts`."""
    (packed_x, packed_r_before, packed_m, w_ic, w_fc, w_oc,) = (
        carved(block, _backward_pieces(block.itemsize, input_size, hidden_size, cell_size))
    )
    edge = np.int64(0)
    fill_panels(given_W_ix, packed_x, edge, edge, part, parts)
    fill_panels(given_W_fx, packed_x, cell_size, edge, part, parts)
    fill_panels(given_W_cx, packed_x, 2 * cell_size, edge, part, parts)
    fill_panels(given_W_ox, packed_x, 3 * cell_size, edge, part, parts)
    fill_panels(given_W_ir, packed_r_before, edge, edge, part, parts)
    fill_panels(given_W_fr, packed_r_before, cell_size, edge, part, parts)
    fill_panels(given_W_cr, packed_r_before, 2 * cell_size, edge, part, parts)
    fill_panels(given_W_or, packed_r_before, 3 * cell_size, edge, part, parts)
    fill_panels(given_W_rm, packed_m, edge, edge, part, parts)
    if part == 0:
        copy_vector(given_w_ic, w_ic)
        copy_vector(given_w_fc, w_fc)
        copy_vector(given_w_oc, w_oc)


@compiled
def _backward_part(
    part, first, stop, board, steps, chunk, lengths, block, input_size, hidden_size, cell_size, carry_r, last_error_r,
    error_r, adjoints_m, pulled_m, kept_function_1, kept_o, carry_c, last_error_c, kept_i, kept_c, kept_z, kept_f, sums,
    adjoints_x, pulled_r_before, pulled_x
):
    (packed_x, packed_r_before, packed_m, w_ic, w_fc, w_oc,) = (
        carved(block, _backward_pieces(block.itemsize, input_size, hidden_size, cell_size))
    )
    real = carry_r.dtype.type
    one = real(1)
    zero = real(0)
    for end in range(steps, 0, -chunk):
        begin = max(end - chunk, 0)
        for t in range(end - 1, begin - 1, -1):
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, hidden_size, width(carry_r)):
                        unit = units(start, hidden_size, carry_r)
                        adjoints_m[t, item, unit] = zero
                    continue
                for start in range(0, hidden_size, width(carry_r)):
                    unit = units(start, hidden_size, carry_r)
                    prefetch(t - 1, item, unit, error_r, adjoints_m)
                    next_r_before_from_loop = carry_r[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    last_error_r_ = last_error_r[item, unit] if t + 1 == lengths[item] else zero
                    error_r_ = error_r[t, item, unit]
                    d_r = next_r_before_from_loop + last_error_r_ + error_r_  # (B.1)
                    adjoints_m[t, item, unit] = d_r
            product_of_step(adjoints_m[t, first:stop, 0 : hidden_size], packed_m, pulled_m[first:stop], t, board)
            for item in range(first, stop):
                if t >= lengths[item]:
                    for start in range(0, cell_size, width(carry_r)):
                        unit = units(start, cell_size, carry_r)
                        adjoints_x[t, item, unit] = zero
                        adjoints_x[t, item, cell_size + unit] = zero
                        adjoints_x[t, item, 2 * cell_size + unit] = zero
                        adjoints_x[t, item, 3 * cell_size + unit] = zero
                    continue
                for start in range(0, cell_size, width(carry_r)):
                    unit = units(start, cell_size, carry_r)
                    prefetch(t - 1, item, unit, kept_function_1, kept_o, kept_i, kept_c, kept_z, kept_f, adjoints_x)
                    prefetch(t - 1, item, cell_size + unit, adjoints_x)
                    prefetch(t - 1, item, 2 * cell_size + unit, adjoints_x)
                    prefetch(t - 1, item, 3 * cell_size + unit, adjoints_x)
                    pulled_product_9 = pulled_m[item, unit]
                    function_1 = kept_function_1[t, item, unit]
                    o = kept_o[t, item, unit]
                    next_c_before_from_loop = carry_c[(t + 1) & 1, item, unit] if t + 1 < lengths[item] else zero
                    last_error_c_ = last_error_c[item, unit] if t + 1 == lengths[item] else zero
                    i = kept_i[t, item, unit]
                    c_before = kept_c[t, item, unit]
                    z = kept_z[t, item, unit]
                    f = kept_f[t, item, unit]
                    c = kept_c[t + 1, item, unit]
                    d_m = pulled_product_9  # (B.2)
                    d_o = function_1 * d_m  # (B.3)
                    d_o_bar = o * d_o * (one - o)  # (B.4)
                    d_c = next_c_before_from_loop + o * d_m * (one - function_1 * function_1) + w_oc[unit] * d_o_bar + last_error_c_  # (B.5)
                    d_z = i * d_c  # (B.6)
                    d_f = c_before * d_c  # (B.7)
                    d_i = z * d_c  # (B.8)
                    d_z_bar = d_z * (one - z * z)  # (B.9)
                    d_f_bar = f * d_f * (one - f)  # (B.10)
                    d_i_bar = i * d_i * (one - i)  # (B.11)
                    d_c_before_from_loop = f * d_c + w_fc[unit] * d_f_bar + w_ic[unit] * d_i_bar
                    carry_c[t & 1, item, unit] = d_c_before_from_loop
                    sums[part, unit] += c_before * d_i_bar  # (B.15)
                    sums[part, cell_size + unit] += d_i_bar  # (B.16)
                    sums[part, 2 * cell_size + unit] += c_before * d_f_bar  # (B.19)
                    sums[part, 3 * cell_size + unit] += d_f_bar  # (B.20)
                    sums[part, 4 * cell_size + unit] += d_z_bar  # (B.23)
                    sums[part, 5 * cell_size + unit] += c * d_o_bar  # (B.26)
                    sums[part, 6 * cell_size + unit] += d_o_bar  # (B.27)
                    adjoints_x[t, item, unit] = d_i_bar
                    adjoints_x[t, item, cell_size + unit] = d_f_bar
                    adjoints_x[t, item, 2 * cell_size + unit] = d_z_bar
                    adjoints_x[t, item, 3 * cell_size + unit] = d_o_bar
            product_of_step(
                adjoints_x[t, first:stop, 0 : 4 * cell_size], packed_r_before, pulled_r_before[first:stop], t, board
            )
            for item in range(first, stop):
                if t >= lengths[item]:
                    continue
                for start in range(0, hidden_size, width(carry_r)):
                    unit = units(start, hidden_size, carry_r)
                    pulled_product_2 = pulled_r_before[item, unit]
                    carry_r[t & 1, item, unit] = pulled_product_2
        product_of_steps(adjoints_x[begin:end], 0, packed_x, pulled_x[begin:end], first, stop, board)


@register_jitable
def _step_pieces(batch, input_size, hidden_size, cell_size):
    """The shapes of what one step computes."""
    return (
        (1, batch, cell_size),
        (1, batch, cell_size),
        (1, batch, cell_size),
        (2, batch, cell_size),
        (1, batch, cell_size),
        (1, batch, cell_size),
        (1, batch, cell_size),
        (2, batch, hidden_size),
        (1, batch, 4 * cell_size),
        (batch, 4 * cell_size),
        (batch, hidden_size),
    )


@compiled
def _one_step(
    scratch, lengths, block, input_size, hidden_size, cell_size, given_x, before_c, before_r, y_r, after_c, after_r
):
    """One step of the sequence that `_forward_part` runs, for the whole batch and without a tape."""
    batch = len(given_x)
    out_r = y_r.reshape((1, batch, hidden_size))
    kept_x = given_x.reshape((1, batch, input_size))
    (kept_i, kept_f, kept_z, kept_c, kept_o, kept_function_1, kept_m, kept_r, products_x, products_r_before, products_m,) = (
        carved(scratch, _step_pieces(batch, input_size, hidden_size, cell_size))
    )
    copy_rows(before_c, kept_c[0])
    copy_rows(before_r, kept_r[0])
    # Not literal numbers, for which Numba would compile it once more.
    edge, one_step, keep = np.int64(0), np.int64(1), np.bool_(False)
    _forward_part(
        edge, edge, batch, lengths[:0], one_step, one_step, lengths, keep, block, input_size, hidden_size, cell_size,
        kept_x, products_x, kept_r, products_r_before, kept_c, kept_i, kept_f, kept_z, kept_o, kept_function_1, kept_m,
        products_m, out_r
    )
    copy_rows(kept_c[1], after_c)
    copy_rows(kept_r[1], after_r)


@partial(compiled, allocates=True)
def _step(block, input_size, hidden_size, cell_size, given_x, before_c, before_r, y_r, after_c, after_r):
    """The same in memory of its own."""
    batch = len(given_x)
    _one_step(
        room(block, _step_pieces(batch, input_size, hidden_size, cell_size)), np.ones(batch, np.int64), block,
        input_size, hidden_size, cell_size, given_x, before_c, before_r, y_r, after_c, after_r
    )


def pack(params):
    """Pack parameters once for many calls of `step` or `forward`; changing them afterwards has no effect on it."""
    return _packed(params, *arrays.param_sizes(SIGNATURE, params, "pack"))


def _packed(params, sizes, dtype):
    """Checked parameters as the forward pass reads them."""
    input_size = sizes["input_size"]
    hidden_size = sizes["hidden_size"]
    cell_size = sizes["cell_size"]
    block = new_block(dtype, _forward_pieces, input_size, hidden_size, cell_size)
    parts = threads.parts(len(block), FILLED)
    threads.run(
        _fill_forward, parts, len(parts), block, input_size, hidden_size, cell_size, *map(contiguous, (params.W_ix,
        params.W_ir, params.w_ic, params.b_i, params.W_fx, params.W_fr, params.w_fc, params.b_f, params.W_cx,
        params.W_cr, params.b_c, params.W_ox, params.W_or, params.w_oc, params.b_o, params.W_rm, ))
    )
    alone = threads.alone(
        (4 * cell_size) * input_size + (4 * cell_size) * hidden_size + (hidden_size) * cell_size + input_size +
        hidden_size + cell_size
    )
    return Packed(params, block, (input_size, hidden_size, cell_size, ), alone)


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
        _, block, (input_size, hidden_size, cell_size,), alone = params
        given_x = x_t
        (before_c, before_r,) = state
        dtype = block.dtype
        # Arrays for which `begin_step` has nothing to convert and nothing to say.
        if (
            type(given_x) is type(before_c) is type(before_r) is np.ndarray
            and given_x.dtype == before_c.dtype == before_r.dtype == dtype
            and given_x.flags.carray and before_c.flags.carray and before_r.flags.carray
            and given_x.ndim == 2
        ):
            batch = len(given_x)
            rows_input_size = (batch, input_size)
            rows_hidden_size = (batch, hidden_size)
            rows_cell_size = (batch, cell_size)
            if (
                batch <= alone
                and before_c.shape == rows_cell_size
                and before_r.shape == rows_hidden_size
                and given_x.shape == rows_input_size
            ):
                y_r = np.empty(rows_hidden_size, dtype)
                after_c = np.empty(rows_cell_size, dtype)
                after_r = np.empty(rows_hidden_size, dtype)
                _step(block, input_size, hidden_size, cell_size, given_x, before_c, before_r, y_r, after_c, after_r)
                state = tuple.__new__(State, (after_c, after_r, ))
                return y_r, state
    plain = params.params if isinstance(params, Packed) else params
    call = calls.begin_step(SIGNATURE, plain, x_t, state)
    y, state, _ = _run(params if isinstance(params, Packed) else _packed(plain, call.sizes, call.dtype), call, False)
    return y[0], state


def _run(packed, call, keep_tape):
    """The forward pass: batched before and behind the loop over time."""
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    cell_size = call.sizes["cell_size"]
    block = packed.block
    kept_x = call.inputs[0]
    # Without a tape two rows of a state and one of any other value are enough.
    rows, carried_rows = (steps, steps + 1) if keep_tape else (1, 2)
    out_r = memory.empty((steps, batch, hidden_size), dtype)
    (kept_i, kept_f, kept_z, kept_c, kept_o, kept_function_1, kept_m, kept_r,) = memory.arrays(
        dtype,
        (rows, batch, cell_size),
        (rows, batch, cell_size),
        (rows, batch, cell_size),
        (carried_rows, batch, cell_size),
        (rows, batch, cell_size),
        (rows, batch, cell_size),
        (rows, batch, cell_size),
        (carried_rows, batch, hidden_size),
    )
    (products_x, products_r_before, products_m,) = memory.arrays(
        dtype,
        (chunk, batch, 4 * cell_size),
        (batch, 4 * cell_size),
        (batch, hidden_size),
    )
    kept_c[0] = call.state[0]
    kept_r[0] = call.state[1]
    parts = threads.parts(
        batch, steps * ((4 * cell_size) * input_size + (4 * cell_size) * hidden_size + (hidden_size) * cell_size +
        input_size + hidden_size + cell_size)
    )
    sharing.run(
        _forward_part, parts, max((4 * cell_size) * hidden_size, (hidden_size) * cell_size), dtype, steps, chunk,
        call.lengths, keep_tape, block, input_size, hidden_size, cell_size, kept_x, products_x, kept_r,
        products_r_before, kept_c, kept_i, kept_f, kept_z, kept_o, kept_function_1, kept_m, products_m, out_r
    )
    y = out_r
    state = State(calls.last_rows(kept_c, call), calls.last_rows(kept_r, call))
    return y, state, Tape(
        call, kept_x, kept_i, kept_f, kept_z, kept_c, kept_o, kept_function_1, kept_m, kept_r
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
    cell_size = sizes["cell_size"]
    block = new_block(dtype, _backward_pieces, input_size, hidden_size, cell_size)
    parts = threads.parts(len(block), FILLED)
    threads.run(
        _fill_backward, parts, len(parts), block, input_size, hidden_size, cell_size, *map(contiguous, (params.W_ix,
        params.W_ir, params.w_ic, params.W_fx, params.W_fr, params.w_fc, params.W_cx, params.W_cr, params.W_ox,
        params.W_or, params.w_oc, params.W_rm, ))
    )
    return block


def _gradients(block, tape, errors, ends):
    """The backward pass, from the errors on the outputs, that of the loss included, and on the last state."""
    call = tape.call
    steps, batch, chunk, dtype = call.steps, call.batch, call.chunk, call.dtype
    input_size = call.sizes["input_size"]
    hidden_size = call.sizes["hidden_size"]
    cell_size = call.sizes["cell_size"]
    (_, kept_x, kept_i, kept_f, kept_z, kept_c, kept_o, kept_function_1, kept_m, kept_r,) = tape
    (error_r,) = errors
    (last_error_c, last_error_r,) = ends
    parts = threads.parts(
        batch, steps * ((4 * cell_size) * input_size + (4 * cell_size) * hidden_size + (hidden_size) * cell_size +
        input_size + hidden_size + cell_size)
    )
    carry_c = memory.zeros((2, batch, cell_size), dtype)
    carry_r = memory.zeros((2, batch, hidden_size), dtype)
    pulled_x = memory.empty((steps, batch, input_size), dtype)
    (adjoints_x, adjoints_m, pulled_r_before, pulled_m,) = memory.arrays(
        dtype,
        (steps, batch, memory.row(4 * cell_size, dtype)),
        (steps, batch, memory.row(hidden_size, dtype)),
        (batch, hidden_size),
        (batch, cell_size),
    )
    sums = memory.zeros((len(parts), 7 * cell_size))
    sharing.run(
        _backward_part, parts, max((4 * cell_size) * hidden_size, (hidden_size) * cell_size), dtype, steps, chunk,
        call.lengths, block, input_size, hidden_size, cell_size, carry_r, last_error_r, error_r, adjoints_m, pulled_m,
        kept_function_1, kept_o, carry_c, last_error_c, kept_i, kept_c, kept_z, kept_f, sums, adjoints_x,
        pulled_r_before, pulled_x
    )
    sums = calls.total(sums)
    sums = memory.copied(sums[0], dtype)
    weights_x = memory.empty((4 * cell_size, input_size), dtype)
    weights_r_before = memory.empty((4 * cell_size, hidden_size), dtype)
    weights_m = memory.empty((hidden_size, cell_size), dtype)
    widest = gradient_scratch(steps * batch, max(input_size, hidden_size, cell_size), dtype.itemsize)
    # A share is of rows of the results, whatever the batch is.
    shares = threads.parts(
        steps * batch, (4 * cell_size) * input_size + (4 * cell_size) * hidden_size + (hidden_size) * cell_size +
        input_size + hidden_size + cell_size
    )
    (scratch,) = memory.arrays(dtype, (len(shares), widest))
    threads.run(
        weight_gradients, shares, len(shares), scratch,
        (adjoints_x, 0, kept_x, weights_x),
        (adjoints_x, 0, kept_r[:-1], weights_r_before),
        (adjoints_m, 0, kept_m, weights_m),
    )
    return Grads(
        params=Params(
            weights_x[0 : cell_size],
            weights_r_before[0 : cell_size],
            sums[0 : cell_size],
            sums[cell_size : 2 * cell_size],
            weights_x[cell_size : 2 * cell_size],
            weights_r_before[cell_size : 2 * cell_size],
            sums[2 * cell_size : 3 * cell_size],
            sums[3 * cell_size : 4 * cell_size],
            weights_x[2 * cell_size : 3 * cell_size],
            weights_r_before[2 * cell_size : 3 * cell_size],
            sums[4 * cell_size : 5 * cell_size],
            weights_x[3 * cell_size : 4 * cell_size],
            weights_r_before[3 * cell_size : 4 * cell_size],
            sums[5 * cell_size : 6 * cell_size],
            sums[6 * cell_size : 7 * cell_size],
            weights_m[0 : hidden_size],
        ),
        x=pulled_x,
        state=State(
            calls.initial_gradient(call, last_error_c, carry_c),
            calls.initial_gradient(call, last_error_r, carry_r),
        ),
    )
