"""What the modules of kernels promise about the arrays that they take and give, for both targets."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import replace

import numba
import numpy as np
import pytest

from derive.build import build, cache_folder
from derive.cell import Cell
from derive.equations import load, parse
from derive.errors import DeriveError
from tests.kernels.cases import TARGETS, all_cases, case
from tests.kernels.harness import assert_same_bits, leaves


def _refused(error, message, function, *arguments, **options):
    with pytest.raises(error, match=re.escape(message)):
        function(*arguments, **options)


@all_cases
def test_wrong_inputs_states_and_lengths_are_refused_in_the_words_of_the_caller(target, name):
    this = case(target, name)
    given = this.draw()
    x = given.inputs[0]
    size = x.shape[2]
    place = f"{name}.forward: x" + (f".{this.cell.inputs[0]}" if len(given.inputs) > 1 else "")
    dimension = this.cell.symbols[this.cell.inputs[0]].shape[0]

    def with_x(array):
        return replace(given, inputs=(array, *given.inputs[1:]))

    expected = f"{place}: expected float64 array of shape (T, B, {dimension}={size}), received "
    for wrong, error, received in (
        (x[0], ValueError, f"float64 array of shape (3, {size})"),
        (x[:, :, :1], ValueError, "float64 array of shape (5, 3, 1)"),
        (x.astype(np.float32), TypeError, f"float32 array of shape (5, 3, {size})"),
    ):
        _refused(error, expected + received, this.forward, with_x(wrong))
    if target == "cuda":
        expected = f"{place}: expected an array on the device, received "
    for wrong, received in ((x.tolist(), "a list"), (None, "None")):
        _refused(TypeError, expected + received, this.forward, with_x(wrong))
    _refused(
        ValueError,
        "lengths: expected lengths from 0 to T=5, received 6",
        this.forward,
        replace(given, lengths=np.array([1, 6, 2])),
    )
    _refused(
        TypeError, "lengths: expected integer array of shape (B=3,)", this.forward, replace(given, lengths=np.ones(3))
    )
    for state in this.cell.states[:1]:
        other = (given.state[0][:2], *given.state[1:])
        message = f"{name}.forward: state.{state}: expected float64 array of shape (B=3, "
        _refused(ValueError, message, this.forward, replace(given, state=other))
    _refused(
        TypeError, f"{name}.forward: params: expected Params with fields", this.forward, given, params=given.params
    )


@all_cases
def test_wrong_errors_tapes_and_parameters_of_backward_are_refused(target, name):
    this = case(target, name)
    module, given = this.module, this.draw()
    *_, tape = this.forward(given)
    params = module.Params(*given.params)
    place = f"{name}.backward: dy" + (f".{this.cell.outputs[0]}" if len(given.dy) > 1 else "")
    wrong = replace(given, dy=(given.dy[0][:4], *given.dy[1:]))
    _refused(ValueError, f"{place}: expected float64 array of shape (T=5, B=3, ", this.backward, wrong, tape)
    wrong = replace(given, dy=(given.dy[0].astype(np.float32), *given.dy[1:]))
    _refused(TypeError, f"{place}: expected float64 array", this.backward, wrong, tape)
    _refused(
        TypeError, f"{name}.backward: tape: expected the Tape of this module's forward", this.backward, given, (1, 2)
    )
    other = module.init(*[7] * len(this.cell.size_names), dtype=np.float64)
    _refused(ValueError, f"{name}.backward: params: expected the parameters of forward", module.backward, other, tape)
    if not this.cell.loss:
        _refused(ValueError, "no error to propagate: give dy, dstate or both", module.backward, params, tape)


@all_cases
def test_sizes_and_dtypes_of_init_are_checked(target, name):
    this = case(target, name)
    sizes = dict.fromkeys(this.cell.size_names, 3)
    first = this.cell.size_names[-1]
    _refused(
        ValueError, f"{name}.init: {first}: expected an integer of at least 1", this.module.init, **(sizes | {first: 0})
    )
    _refused(TypeError, f"{name}.init: {first}: expected an integer", this.module.init, **(sizes | {first: 2.0}))
    _refused(TypeError, f"{name}.init: dtype: expected float", this.module.init, **sizes, dtype=np.int64)


@pytest.mark.parametrize("target", TARGETS)
def test_wrong_targets_and_weights_are_refused(target):
    this = case(target, "lstm_readout")
    given = this.draw()
    size = given.dy[0].shape[2]
    high = given.target.copy()
    high[1, 2] = size
    _refused(
        ValueError,
        f"target: expected ids from 0 to {size - 1}, received {size} at [1, 2]",
        this.forward,
        replace(given, target=high),
    )
    values = f"float64 array of shape (T=5, B=3, output_size={size})"
    message = f"target: expected integer array of shape (T=5, B=3) or {values}, received float32 array"
    _refused(TypeError, message, this.forward, replace(given, target=given.target.astype(np.float32)))
    negative = replace(given, weight=given.weight - 2)
    _refused(ValueError, "weight: expected finite weights of at least 0", this.forward, negative)


@all_cases
@pytest.mark.parametrize(
    "layout",
    [
        lambda array: np.asarray(array, order="F"),
        lambda array: np.repeat(array, 2, axis=0)[::2] if array.ndim else array,
        lambda array: array[::-1].copy()[::-1] if array.ndim else array,
    ],
    ids=["Fortran order", "every other row", "negative stride"],
)
def test_the_layout_of_arrays_makes_no_difference(target, name, layout):
    this = case(target, name)
    given = this.draw()
    assert_same_bits(this.run(given), this.run(_each(layout, given)))


def _each(change, given):
    """Every array of `given` changed."""
    several = {key: tuple(map(change, getattr(given, key))) for key in ("params", "inputs", "state", "dy", "dstate")}
    single = {key: getattr(given, key) for key in ("lengths", "target", "weight")}
    return replace(given, **several, **{key: None if array is None else change(array) for key, array in single.items()})


@all_cases
def test_inputs_are_read_only(target, name):
    """Arrays that cannot be written to are accepted, and arrays that can be are left as they are."""
    this = case(target, name)
    given = this.draw()
    kept = copy.deepcopy(given)
    wanted = this.run(given)
    for key in ("params", "inputs", "state", "dy", "dstate"):
        for before, after in zip(getattr(kept, key), getattr(given, key), strict=True):
            np.testing.assert_array_equal(before, after, strict=True)

    def locked(array):
        array = array.copy()
        array.setflags(write=False)
        return array

    assert_same_bits(wanted, this.run(_each(locked, given)))


@all_cases
def test_results_are_the_callers_to_write_to(target, name):
    """Nothing that comes back is part of the tape, of the arguments, or of another result."""
    this = case(target, name)
    given = this.draw()
    _, y, state, tape = this.forward(given)
    first = this.backward(given, tape)
    kept = copy.deepcopy(first)
    for array in leaves((y, state, first.x, first.state)):
        array[...] = 7.0
    for number, array in enumerate(first.params):
        for other, wanted in zip(first.params[number + 1 :], kept.params[number + 1 :], strict=True):
            array[...] = 7.0
            np.testing.assert_array_equal(other, wanted)
    assert_same_bits(kept, this.backward(given, tape))


@all_cases
def test_tuples_are_pickled_replaced_copied_and_updated_in_place(target, name):
    this = case(target, name)
    given = this.draw()
    params = this.module.Params(*(array.copy() for array in given.params))
    _, y, state, tape = this.forward(given)
    grads = this.backward(given, tape)
    for value in (params, state, tape, grads):
        for twin in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert type(twin) is type(value)
            assert_same_bits((twin, y), (value, y))
    assert_same_bits(grads, this.backward(given, pickle.loads(pickle.dumps(tape))))
    field = params._fields[0]
    assert getattr(params._replace(**{field: params[0] + 1}), field).tolist() == (params[0] + 1).tolist()
    for array, gradient in zip(params, grads.params, strict=True):
        assert isinstance(array, np.ndarray)
        assert isinstance(gradient, np.ndarray)
        array -= 0.1 * gradient
        gradient *= 2.0
    assert this.forward(given, params=params)[1] is not None
    np.testing.assert_array_equal(params[0], given.params[0] - 0.05 * grads.params[0])


@all_cases
def test_float32_stays_float32_and_near_float64(target, name):
    this = case(target, name)
    given = this.draw()

    def narrow(array):
        return array.astype(np.float32) if array.dtype == np.float64 else array

    wide, small = this.run(given), this.run(_each(narrow, given))
    *_, tape = this.forward(_each(narrow, given))
    assert {array.dtype for array in leaves(small)} == {np.dtype(np.float32)}
    assert {array.dtype for array in leaves(tape[1:])} == {np.dtype(np.float32)}
    for got, wanted in zip(leaves(small), leaves(wide), strict=True):
        scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=200 * np.finfo(np.float32).eps * scale)


@pytest.mark.parametrize("name", ["gru", "lstm_peephole", "pair"])
@pytest.mark.parametrize("loop", ["_forward_part", "_backward_part"])
def test_no_scalar_of_a_float32_loop_is_a_float64(name, loop, monkeypatch):
    """What Numba inferred for every named value; the sums over steps are meant to be float64."""
    this = case("cpu", name)
    given = this.draw()
    given = _each(lambda array: array.astype(np.float32) if array.dtype == np.float64 else array, given)
    fresh = numba.njit(error_model="numpy", nogil=True)(getattr(this.module, loop).py_func)
    monkeypatch.setattr(this.module, loop, fresh)
    this.run(given)
    (compiled,) = fresh.overloads.values()
    types = {key: str(kind) for key, kind in compiled.type_annotation.typemap.items() if not key.startswith("$")}
    assert any("float32" in kind for kind in types.values())
    wide = {key for key, kind in types.items() if "float64" in kind}
    assert {key for key in wide if not re.match(r"(arg\.)?sum(_|s$)", key)} == set()


def test_a_built_module_is_cached_and_built_once(tmp_path, monkeypatch):
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path))
    text = "h = tanh(W @ x + u * h[t-1])"
    cell = Cell(parse(text, "built_once"))
    module = build(cell, "reference", "float64")
    assert cache_folder() == tmp_path
    (source,) = tmp_path.rglob("*.py")
    assert module.__file__ == str(source)
    assert build(Cell(parse(text, "built_once")), "reference", "float64") is module
    assert build(cell, "reference", "float32") is not module
    assert {array.dtype for array in module.init(2, 3)} == {np.dtype(np.float64)}
    assert {array.dtype for array in build(cell, "reference").init(2, 3)} == {np.dtype(np.float32)}
    params = module.init(2, 3)
    assert_same_bits(pickle.loads(pickle.dumps(params)), params)


def test_unknown_targets_and_dtypes_of_a_build_are_refused():
    cell = Cell(load("rnn"))
    _refused(DeriveError, "there is no target 'gpu' to build; the targets are cpu, cuda, reference", build, cell, "gpu")
    _refused(DeriveError, "there is no dtype 'float16'; the dtypes are float32, float64", build, cell, dtype="float16")
