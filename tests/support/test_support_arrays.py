"""Every check of a caller's array: what is accepted, and what each refusal says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from generated.support import arrays
from generated.support.host import HOST, Holder
from generated.support.signature import Signature

STEPS, BATCH, INPUT, HIDDEN = 5, 2, 3, 4
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
SIZES = {"input_size": INPUT, "hidden_size": HIDDEN}

CELL = Signature(
    cell="lstm",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W", ("hidden_size", "input_size")),
        ("R", ("hidden_size", "hidden_size")),
        ("b", ("hidden_size",)),
        ("beta", ()),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("y", "hidden_size"),),
    states=(("c", "hidden_size"), ("y", "hidden_size")),
    init=(("W", "fan_in", 0.0), ("R", "fan_in", 0.0), ("b", "number", 0.0), ("beta", "number", 1.0)),
    initial=(0.5, 0.0),
)
PAIR = Signature(
    cell="pair",
    sizes=(("u_size",), ("v_size",)),
    params=(),
    inputs=(("u", "u_size"), ("v", "v_size")),
    outputs=(("y", "u_size"), ("z", "v_size")),
    states=(),
    init=(),
    initial=(),
)


class Params(NamedTuple):
    W: Any
    R: Any
    b: Any
    beta: Any


class OtherParams(NamedTuple):
    W: Any
    b: Any
    R: Any
    gamma: Any


class State(NamedTuple):
    c: Any
    y: Any


class Swapped(NamedTuple):
    v: Any
    u: Any


def zeros(*shape: int, dtype: Any = np.float32) -> Any:
    return np.zeros(shape, dtype)


def params(**changes: Any) -> Params:
    whole = Params(zeros(HIDDEN, INPUT), zeros(HIDDEN, HIDDEN), zeros(HIDDEN), zeros())
    return whole._replace(**changes)


def state(**changes: Any) -> State:
    return State(zeros(BATCH, HIDDEN), zeros(BATCH, HIDDEN))._replace(**changes)


def of_params(value: Any, device: Holder = HOST) -> Any:
    if device is HOST:
        return arrays.param_sizes(CELL, value, "forward")
    return arrays.check_params(CELL, value, "forward", device)[1:]


def of_x(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_inputs(CELL, value, SIZES, F32, "forward", ("T", "B"), device)


def of_pair(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_inputs(PAIR, value, {"u_size": 3, "v_size": 4}, F32, "forward", ("T", "B"), device)


def of_step(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_inputs(CELL, value, SIZES, F32, "step", ("B",), device)


def of_state(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_state(CELL, value, SIZES, BATCH, F32, "forward", device)


def of_lengths(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_lengths(CELL, value, STEPS, BATCH, "forward", device)


def of_dy(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_errors(CELL, value, None, SIZES, STEPS, BATCH, F32, "backward", device)


def of_pair_dy(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_errors(PAIR, value, None, {"u_size": 3, "v_size": 4}, STEPS, BATCH, F32, "backward", device)


def of_dstate(value: Any, device: Holder = HOST) -> Any:
    return arrays.check_errors(CELL, None, value, SIZES, STEPS, BATCH, F32, "backward", device)


def of_batch(value: Any) -> Any:
    return arrays.check_batch(CELL, value, "init_state")


TENSOR = type("Tensor", (), {"__module__": "torch"})()
MATRIX = zeros(BATCH, HIDDEN).view(np.matrix)
REFUSALS: list[tuple[Callable[..., Any], Any, type[Exception], str]] = [
    (
        of_x,
        zeros(5, 2, 3, dtype=np.float64),
        TypeError,
        "lstm.forward: x: expected float32 array of shape (T, B, input_size=3), "
        "received float64 array of shape (5, 2, 3)",
    ),
    (of_x, zeros(5, 2, 4), ValueError, "(T, B, input_size=3), received float32 array of shape (5, 2, 4)"),
    (of_x, zeros(5, 3), ValueError, "(T, B, input_size=3), received float32 array of shape (5, 3)"),
    (of_x, zeros(5, 2, 3, 1), ValueError, "received float32 array of shape (5, 2, 3, 1)"),
    (of_x, zeros(5, 2, 3, dtype=np.int64), TypeError, "received int64 array"),
    (of_x, zeros(5, 2, 3, dtype=">f4"), TypeError, "received float32 array of shape (5, 2, 3) in foreign byte order"),
    (of_x, [[[0.0]]], TypeError, "received a list: give a NumPy array, np.array(..., dtype=...)"),
    (of_x, None, TypeError, "received None"),
    (of_x, 1.0, TypeError, "received 1.0"),
    (of_x, (zeros(5, 2, 3),), TypeError, "received a plain tuple of 1"),
    (
        of_x,
        TENSOR,
        TypeError,
        "received a torch.Tensor: give a NumPy array, tensor.detach().cpu().numpy()",
    ),
    (
        of_x,
        np.ma.masked_array(zeros(5, 2, 3)),
        TypeError,
        "MaskedArray, float32 array of shape (5, 2, 3): its mask would",
    ),
    (of_step, MATRIX, TypeError, "matrix, float32 array of shape (2, 4): give a plain array"),
    (of_step, zeros(5, 2, 3), ValueError, "lstm.step: x: expected float32 array of shape (B, input_size=3), received"),
    (
        of_pair,
        (zeros(5, 2, 3), zeros(5, 3, 4)),
        ValueError,
        "x.v: expected float32 array of shape (T=5, B=2, v_size=4)",
    ),
    (of_pair, (zeros(5, 2, 3), zeros(4, 2, 4)), ValueError, "received float32 array of shape (4, 2, 4)"),
    (of_pair, zeros(5, 2, 3), TypeError, "expected a tuple of 2 arrays in the order (u, v), received float32 array"),
    (of_pair, (zeros(5, 2, 3),), TypeError, "received a plain tuple of 1"),
    (of_pair, Swapped(zeros(5, 2, 4), zeros(5, 2, 3)), TypeError, "received Swapped with fields (v, u)"),
    (of_params, tuple(params()), TypeError, "expected Params with fields (W, R, b, beta), received a plain tuple of 4"),
    (of_params, params()._asdict(), TypeError, "received a dict"),
    (of_params, OtherParams(*params()), TypeError, "(W, b, R, gamma): missing are (beta), unknown are (gamma)"),
    (of_params, State(zeros(), zeros()), TypeError, "received State with fields (c, y): missing are (W, R, b, beta)"),
    (
        of_params,
        params(b=zeros(5)),
        ValueError,
        "b: expected float32 array of shape (hidden_size=4,), received float32",
    ),
    (of_params, params(b=zeros(5)), ValueError, "array of shape (5,): hidden_size is 4 in params.W"),
    (
        of_params,
        params(R=zeros(4, 5)),
        ValueError,
        "params.R: expected float32 array of shape (hidden_size=4, hidden_size",
    ),
    (
        of_params,
        params(b=zeros(4, 1)),
        ValueError,
        "params.b: expected float32 or float64 array of shape (hidden_size,)",
    ),
    (
        of_params,
        params(W=zeros(4)),
        ValueError,
        "params.W: expected float32 or float64 array of shape (hidden_size, inp",
    ),
    (
        of_params,
        params(W=zeros(4, 0)),
        ValueError,
        "expected input_size of at least 1, received float32 array of shape (4",
    ),
    (of_params, params(W=zeros(0, 3)), ValueError, "params.W: expected hidden_size of at least 1"),
    (
        of_params,
        params(b=zeros(4, dtype=np.float64)),
        TypeError,
        "received float64 array of shape (4,): params.W is float32",
    ),
    (of_params, params(b=zeros(4, dtype=np.float16)), TypeError, "received float16 array"),
    (of_params, params(b=zeros(4, dtype=">f4")), TypeError, "in foreign byte order"),
    (
        of_params,
        params(beta=1.0),
        TypeError,
        "params.beta: expected float32 or float64 array of shape (), received 1.0: give",
    ),
    (of_params, params(beta=np.float64(1)), TypeError, "received float64 array of shape (): params.W is float32"),
    (of_params, params(beta=zeros(1)), ValueError, "expected float32 or float64 array of shape (), received"),
    (
        of_state,
        state(c=zeros(3, 4)),
        ValueError,
        "state.c: expected float32 array of shape (B=2, hidden_size=4), received",
    ),
    (of_state, state(c=zeros(3, 4)), ValueError, "(3, 4): the state must be of the same batch as the input"),
    (of_state, state(y=zeros(2, 4, dtype=np.float64)), TypeError, "state.y: expected float32 array"),
    (
        of_state,
        state(y=None),
        TypeError,
        "state.y: expected float32 array of shape (B=2, hidden_size=4), received None",
    ),
    (of_state, tuple(state()), TypeError, "state: expected State with fields (c, y), received a plain tuple of 2"),
    (of_state, zeros(2, 4), TypeError, "expected State with fields (c, y), received float32 array of shape (2, 4)"),
    (of_lengths, [5, 5], TypeError, "lengths: expected integer array of shape (B=2,), received a list"),
    (of_lengths, zeros(2), TypeError, "received float32 array of shape (2,)"),
    (of_lengths, zeros(2, dtype=bool), TypeError, "received bool array"),
    (of_lengths, zeros(3, dtype=np.int64), ValueError, "(B=2,), received int64 array of shape (3,)"),
    (
        of_lengths,
        np.array([5, 6]),
        ValueError,
        "lstm.forward: lengths: expected lengths from 0 to T=5, received 6 at [1]",
    ),
    (of_lengths, np.array([-1, 6]), ValueError, "received -1 at [0]"),
    (of_lengths, np.array([1, 2**64 - 1], np.uint64), ValueError, "received 18446744073709551615 at [1]"),
    (of_dy, None, ValueError, "lstm.backward: no error to propagate: give dy, dstate or both"),
    (
        of_dy,
        zeros(5, 2, 3),
        ValueError,
        "dy: expected float32 array of shape (T=5, B=2, hidden_size=4), received float32",
    ),
    (of_dy, zeros(5, 2, 4, dtype=np.float64), TypeError, "received float64 array"),
    (of_pair_dy, (None, None), ValueError, "pair.backward: no error to propagate"),
    (
        of_pair_dy,
        (None, zeros(5, 2, 3)),
        ValueError,
        "pair.backward: dy.z: expected float32 array of shape (T=5, B=2, v_",
    ),
    (of_pair_dy, zeros(5, 2, 3), TypeError, "dy: expected a tuple of 2 arrays in the order (y, z), received float32"),
    (of_dstate, State(None, None), ValueError, "no error to propagate"),
    (
        of_dstate,
        state(c=zeros(3, 4)),
        ValueError,
        "dstate.c: expected float32 array of shape (B=2, hidden_size=4), rec",
    ),
    (of_dstate, tuple(state()), TypeError, "dstate: expected State with fields (c, y), received a plain tuple of 2"),
    (of_batch, -1, ValueError, "lstm.init_state: batch: expected an integer of at least 0, received -1"),
    (of_batch, 2.0, TypeError, "batch: expected an integer of at least 0, received 2.0"),
    (of_batch, True, TypeError, "received True"),
    (of_batch, np.array([2]), TypeError, "received int64 array of shape (1,)"),
]


@pytest.mark.parametrize(
    ("check", "value", "error", "fragment"),
    REFUSALS,
    ids=[f"{check.__name__}-{index}" for index, (check, *_) in enumerate(REFUSALS)],
)
def test_refusal(check: Callable[..., Any], value: Any, error: type[Exception], fragment: str) -> None:
    with pytest.raises(error, match=re.escape(fragment)) as caught:
        check(value)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_sizes_and_dtype_come_from_the_parameters() -> None:
    assert of_params(params()) == (SIZES, F32)
    assert arrays.param_sizes(CELL, Params(*(array.astype(F64) for array in params())), "forward") == (SIZES, F64)
    assert of_params(params(beta=np.float32(2))) == (SIZES, F32)


def test_sizes_that_no_parameter_states_come_from_the_inputs() -> None:
    sizes, dtype = arrays.param_sizes(PAIR, (), "forward")
    assert (sizes, dtype) == ({}, F64)
    given = (zeros(5, 2, 3, dtype=F64), zeros(5, 2, 4, dtype=F64))
    inputs, _ = arrays.check_inputs(PAIR, given, sizes, F64, "f", ("T", "B"))
    assert arrays.complete_sizes(PAIR.inputs, inputs, sizes) == {"u_size": 3, "v_size": 4}
    with pytest.raises(ValueError, match=r"x.u: expected u_size of at least 1"):
        arrays.check_inputs(PAIR, (zeros(5, 2, 0, dtype=F64), given[1]), sizes, F64, "f", ("T", "B"))
    with pytest.raises(ValueError, match=r"state.c: no array given states the sizes of \(B=2, hidden_size\)"):
        arrays.check_state(CELL, None, {}, BATCH, F32, "init_state")


def test_a_dimension_named_like_an_axis_is_no_axis() -> None:
    cell = Signature("odd", (("B",),), (), (("x", "B"),), (("y", "B"),), (), (), ())
    _, rows = arrays.check_inputs(cell, zeros(5, 2, 3), {"B": 3}, F32, "forward", ("T", "B"))
    assert rows == (5, 2)


@pytest.mark.parametrize(("steps", "batch"), [(5, 2), (0, 2), (5, 0), (0, 0)])
def test_inputs_may_be_empty(steps: int, batch: int) -> None:
    (x,), rows = of_x(zeros(steps, batch, INPUT))
    assert x.shape == (steps, batch, INPUT)
    assert rows == (steps, batch)
    (x,), rows = of_step(zeros(batch, INPUT))
    assert (x.shape, rows) == ((batch, INPUT), (batch,))


def test_several_inputs_come_in_order() -> None:
    u, v = zeros(5, 2, 3), zeros(5, 2, 4)
    (first, second), rows = of_pair((u, v))
    assert first is u
    assert second is v
    assert rows == (5, 2)


def awkward_views(x: Any, folder: Any) -> dict[str, Any]:
    bytes_ = np.zeros(x.nbytes + 1, np.uint8)
    unaligned = bytes_[1:].view(x.dtype).reshape(x.shape)
    unaligned[...] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    on_disk = np.memmap(folder / "x", x.dtype, "w+", shape=x.shape)
    on_disk[...] = x
    return {
        "fortran": np.asfortranarray(x),
        "reversed": x[::-1].copy()[::-1],
        "strided": np.repeat(x, 2, axis=2)[:, :, ::2],
        "broadcast": np.broadcast_to(x[:1], x.shape),
        "unaligned": unaligned,
        "frozen": frozen,
        "memmap": on_disk,
    }


def test_any_layout_comes_back_as_kernels_read_it(tmp_path: Any) -> None:
    x = np.arange(STEPS * BATCH * INPUT, dtype=np.float32).reshape(STEPS, BATCH, INPUT)
    for name, view in awkward_views(x, tmp_path).items():
        expected = np.array(view)
        (result,), _ = of_x(view)
        np.testing.assert_array_equal(result, expected, err_msg=name)
        np.testing.assert_array_equal(view, expected, err_msg=name)
        assert type(result) is np.ndarray, name
        assert result.flags.c_contiguous, name
        assert result.flags.aligned, name
        assert result.flags.writeable, name
    assert of_x(x)[0][0] is x


def test_a_missing_state_has_the_start_values() -> None:
    c, y = of_state(None)
    np.testing.assert_array_equal(c, np.full((BATCH, HIDDEN), 0.5, F32))
    np.testing.assert_array_equal(y, zeros(BATCH, HIDDEN))
    assert c.dtype == y.dtype == F32
    given = state(c=np.asfortranarray(np.arange(8, dtype=F32).reshape(2, 4)))
    np.testing.assert_array_equal(of_state(given)[0], given.c)
    assert arrays.check_state(PAIR, None, {}, BATCH, F32, "forward") == ()
    assert arrays.check_state(PAIR, (), {}, BATCH, F32, "forward") == ()


def test_lengths() -> None:
    full = of_lengths(None)
    np.testing.assert_array_equal(full, [5, 5])
    assert full.dtype == np.int64
    for dtype in (np.uint8, np.int32, ">i8", np.uint64):
        given = np.array([0, 5], dtype)
        result = of_lengths(given)
        np.testing.assert_array_equal(result, [0, 5])
        assert result.dtype == np.int64
        assert result.dtype.isnative


def test_missing_errors_are_zero() -> None:
    dy = np.ones((STEPS, BATCH, HIDDEN), F32)
    (given,), last = arrays.check_errors(CELL, dy, None, SIZES, STEPS, BATCH, F32, "backward")
    assert given is dy
    assert [array.shape for array in last] == [(BATCH, HIDDEN)] * 2
    assert not np.any(last)
    (missing,), (c, y) = of_dstate(state(c=None, y=np.ones((BATCH, HIDDEN), F32)))
    assert missing.shape == dy.shape
    assert missing.dtype == F32
    assert not missing.any()
    assert not c.any()
    assert y.all()
    (first, second), nothing = of_pair_dy((None, np.ones((STEPS, BATCH, 4), F32)))
    assert not first.any()
    assert second.all()
    assert nothing == ()


def test_a_batch_may_be_empty() -> None:
    assert [of_batch(count) for count in (0, 3, np.int32(2))] == [0, 3, 2]
