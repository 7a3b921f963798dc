"""One step at a time: the bits of `forward` over one step, in the compiled step and around it."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import derive
from tests.kernels.cases import Case, all_cases, case
from tests.kernels.harness import assert_same_bits, leaves

CELLS = ("pair", *sorted(path.stem for path in (Path(derive.__file__).parent / "cells").glob("*.toml")))
FORMS = ((1, np.float32), (3, np.float64))
"""Batch and dtype; each pair of cell and dtype takes a compilation."""
STEPS = 3


@pytest.fixture
def compiled_steps(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Counts the calls of a module's compiled step."""

    def count(module: Any) -> list[int]:
        calls, compiled = [0], module._step

        def counted(*arguments: Any) -> None:
            calls[0] += 1
            compiled(*arguments)

        monkeypatch.setattr(module, "_step", counted)
        return calls

    return count


def _arrays(this: Case, batch: int, dtype: type, size: int | None = None) -> Any:
    given = this.draw(STEPS, batch, full=True, size=size)
    several = ("params", "inputs", "state", "dy", "dstate")
    single = {key: getattr(given, key) for key in ("target", "weight")}
    return replace(
        given,
        **{key: tuple(array.astype(dtype) for array in getattr(given, key)) for key in several},
        **{key: a.astype(dtype) for key, a in single.items() if a is not None and a.dtype == np.float64},
    )


def _run(this: Case, handed: Any, given: Any) -> list[Any]:
    """What every step gives: (y_t, state)."""
    state, results = this.module.State(*given.state), []
    for t in range(STEPS):
        x_t = tuple(array[t] for array in given.inputs)
        y_t, state = this.module.step(handed, x_t if len(x_t) > 1 else x_t[0], state)
        results.append((y_t, state))
    return results


@pytest.mark.parametrize(
    ("name", "batch", "dtype"),
    [
        *((name, *FORMS[number % 2]) for number, name in enumerate(CELLS)),
        *((name, *FORMS[1 - number % 2]) for number, name in enumerate(CELLS) if name in ("gru", "lstm", "pair")),
    ],
)
def test_packed_steps_are_compiled_and_have_the_bits_of_forward(name, batch, dtype, compiled_steps):
    """forward over one step runs the same loop; that over several may sum its products in another order."""
    this = case("cpu", name)
    calls = compiled_steps(this.module)
    given = _arrays(this, batch, dtype)
    params = this.module.Params(*given.params)
    packed = this.module.pack(params)
    steps = _run(this, packed, given)
    assert calls == [STEPS]
    assert_same_bits(tuple(steps), tuple(_run(this, params, given)))
    assert calls == [STEPS]
    state = given.state
    for t, (y_t, after) in enumerate(steps):
        _, y, last, _ = this.forward(_one_step(given, t, state), params=packed)
        assert_same_bits(tuple(leaves(y_t)), tuple(array[0] for array in leaves(y)))
        if this.cell.states:
            assert_same_bits(after, last)
        state = after


def _one_step(given: Any, t: int, state: Any) -> Any:
    """Step t alone, from the state before it."""
    cut = {key: getattr(given, key) for key in ("target", "weight") if getattr(given, key) is not None}
    return replace(
        given,
        inputs=tuple(array[t : t + 1] for array in given.inputs),
        state=tuple(state),
        lengths=np.ones(len(given.lengths), np.int64),
        **{key: array[t : t + 1] for key, array in cut.items()},
    )


@pytest.mark.parametrize("name", ["lstm", "pair", "rnn_input_recurrence", "lstmp"])
@pytest.mark.parametrize("size", [1, 21])
def test_sizes_of_no_whole_vectors_have_the_same_bits(name, size):
    this = case("cpu", name)
    given = _arrays(this, 3, np.float64, size)
    params = this.module.Params(*given.params)
    assert_same_bits(tuple(_run(this, this.module.pack(params), given)), tuple(_run(this, params, given)))


@all_cases
def test_results_of_a_step_are_arrays_of_their_own(target, name):
    this = case(target, name)
    given = _arrays(this, 3, np.float64)
    kept = copy.deepcopy(given)
    packed = this.module.pack(this.module.Params(*given.params))
    results = _run(this, packed, given)
    wanted = copy.deepcopy(results)
    arrays = [array for pair in results for array in leaves(pair)]
    for number, array in enumerate(arrays):
        assert array.flags.carray
        for other in (*arrays[:number], *arrays[number + 1 :], *given.inputs, *given.state, *given.params):
            assert not np.may_share_memory(array, other)
    for array in arrays:
        array[...] = 7.0
    assert_same_bits(given, kept)
    assert_same_bits(tuple(_run(this, packed, given)), tuple(wanted))


@all_cases
def test_arrays_of_any_layout_give_the_same_step(target, name):
    this = case(target, name)
    given = _arrays(this, 3, np.float64)
    packed = this.module.pack(this.module.Params(*given.params))
    wanted = tuple(_run(this, packed, given))
    for layout in (np.asfortranarray, lambda array: np.repeat(array, 2, axis=-1)[..., ::2], _locked):
        other = replace(given, inputs=tuple(map(layout, given.inputs)), state=tuple(map(layout, given.state)))
        assert_same_bits(tuple(_run(this, packed, other)), wanted)


def _locked(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


@all_cases
@pytest.mark.parametrize("is_packed", [True, False])
def test_wrong_arrays_are_refused_by_a_step(target, name, is_packed):
    this = case(target, name)
    module, given = this.module, _arrays(this, 3, np.float64)
    params = module.Params(*given.params)
    handed = module.pack(params) if is_packed else params
    x, state = given.inputs[0][0], module.State(*given.state)
    place = f"{name}.step: x" + (f".{this.cell.inputs[0]}" if len(given.inputs) > 1 else "")
    size = this.cell.symbols[this.cell.inputs[0]].shape[0]
    expected = f"{place}: expected float64 array of shape (B, {size}={x.shape[1]}), received "

    def refused(error: type[Exception], message: str, array: Any, before: Any = state) -> None:
        rest = tuple(other[0] for other in given.inputs[1:])
        with pytest.raises(error, match=re.escape(message)):
            module.step(handed, (array, *rest) if rest else array, before)

    refused(ValueError, expected + f"float64 array of shape (1, 3, {x.shape[1]})", x[None])
    refused(ValueError, expected + "float64 array of shape ()", np.array(1.0))
    refused(ValueError, expected + "float64 array of shape (3, 1)", x[:, :1].copy())
    refused(TypeError, expected + "float32 array", x.astype(np.float32))
    refused(TypeError, expected + "a list", x.tolist())
    refused(TypeError, expected + "None", None)
    refused(TypeError, expected + "numpy.ma.MaskedArray", np.ma.masked_array(x))
    for index, field in enumerate(this.cell.states):
        message = f"{name}.step: state.{field}: expected float64 array of shape (B=3, "

        def changed(array: Any, index: int = index) -> Any:
            return module.State(*given.state[:index], array, *given.state[index + 1 :])

        refused(ValueError, message, x, changed(given.state[index][:2].copy()))
        refused(ValueError, message, x, changed(np.repeat(given.state[index], 2, axis=1)))
        refused(TypeError, message, x, changed(given.state[index].astype(np.float32)))
        refused(TypeError, message, x, changed(given.state[index].tolist()))
    if this.cell.states:
        refused(TypeError, f"{name}.step: state: expected State with fields", x, tuple(given.state))


@pytest.mark.parametrize("name", ["lstm", "pair", "dense"])
def test_a_step_without_a_state_or_sequences_and_a_large_batch(name, compiled_steps):
    this = case("cpu", name)
    given = _arrays(this, 3, np.float64)
    packed = this.module.pack(this.module.Params(*given.params))
    x_t = tuple(array[0] for array in given.inputs) if len(given.inputs) > 1 else given.inputs[0][0]
    start = this.module.init_state(packed.params, 3)
    wanted = this.module.step(packed, x_t, start)
    assert_same_bits(this.module.step(packed, x_t), wanted)
    calls = compiled_steps(this.module)
    assert_same_bits(this.module.step(packed._replace(alone=2), x_t, start), wanted)
    assert calls == [0]
    none = _arrays(this, 0, np.float64)
    assert [array.shape[0] for pair in _run(this, packed, none) for array in leaves(pair)].count(0) >= STEPS


@all_cases
def test_packed_parameters_are_pickled_and_copied_and_keep_what_they_were(target, name):
    this = case(target, name)
    given = _arrays(this, 3, np.float64)
    params = this.module.Params(*(array.copy() for array in given.params))
    packed = this.module.pack(params)
    wanted = tuple(_run(this, packed, given))
    for twin in (pickle.loads(pickle.dumps(packed)), copy.deepcopy(packed)):
        assert_same_bits(tuple(_run(this, twin, given)), wanted)
        *values, _ = this.forward(given, params=twin)
        assert_same_bits(tuple(values), tuple(this.forward(given, params=packed)[:-1]))
    if target == "cpu":
        for array in params:
            array[...] = 7.0
        assert_same_bits(tuple(_run(this, packed, given)), wanted)


def test_panels_of_another_cpu_are_refused():
    this = case("cpu", "lstm")
    given = _arrays(this, 3, np.float64)
    packed = this.module.pack(this.module.Params(*given.params))
    packed.block[0] /= 2
    with pytest.raises(ValueError, match="the panels do not fit"):
        _run(this, packed, given)
    with pytest.raises(ValueError, match="the panels do not fit"):
        this.forward(given, params=packed)
