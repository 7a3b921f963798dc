"""What holds for whole sequences: ends, lengths, segments, steps, NaN, and the tape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels import oracle
from tests.kernels.cases import all_cases, case
from tests.kernels.harness import assert_agree, assert_same_bits, leaves, run_module


def _close(first, second, tolerance=1e-12):
    for one, other in zip(leaves(first), leaves(second), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@all_cases
@pytest.mark.parametrize("size", [None, 1])
def test_values_and_gradients_are_those_of_autograd(target, name, size):
    this = case(target, name)
    given = this.draw(size=size)
    assert_agree(run_module(this.module, this.cell, given), oracle.run(this.cell, given).values)


@all_cases
def test_the_same_call_gives_the_same_bits(target, name):
    this = case(target, name)
    given = this.draw()
    assert_same_bits(this.run(given), this.run(given))


@all_cases
def test_backward_may_be_called_twice_on_one_tape(target, name):
    this = case(target, name)
    given = this.draw()
    *_, tape = this.forward(given)
    assert_same_bits(this.backward(given, tape), this.backward(given, tape))


@all_cases
def test_without_a_tape_values_are_the_same_and_backward_says_what_is_missing(target, name):
    this = case(target, name)
    given = this.draw()
    *kept, tape = this.forward(given)
    *values, none = this.forward(given, keep_tape=False)
    assert tape is not None
    assert none is None
    assert_same_bits(tuple(kept), tuple(values))
    with pytest.raises(TypeError, match=rf"{name}\.backward: tape: .*received None: forward\(..., keep_tape=False\)"):
        this.backward(given, none)


@all_cases
def test_beyond_its_length_a_sequence_gives_zeros_and_its_state_stays(target, name):
    this = case(target, name)
    given = this.draw(steps=6)
    _, y, state, grads = this.run(given)
    for index, length in enumerate(given.lengths):
        short = replace(
            given,
            inputs=tuple(array[:length, index : index + 1] for array in given.inputs),
            state=tuple(array[index : index + 1] for array in given.state),
            lengths=np.array([length]),
            dy=tuple(array[:length, index : index + 1] for array in given.dy),
            target=None if given.target is None else given.target[:length, index : index + 1],
            weight=None if given.weight is None else given.weight[:length, index : index + 1],
        )
        _, alone, ended, _ = this.forward(short)
        for whole, part in zip(leaves(y), leaves(alone), strict=True):
            np.testing.assert_allclose(whole[:length, index], part[:, 0], rtol=1e-12)
            assert not whole[length:, index].any()
        _close(tuple(array[index] for array in state), tuple(array[0] for array in ended))
        assert not any(array[length:, index].any() for array in leaves(grads.x))


@all_cases
@pytest.mark.parametrize("garbage", [np.nan, np.inf, 1e300])
def test_what_stands_beyond_a_length_has_no_influence(target, name, garbage):
    this = case(target, name)
    given = this.draw()
    beyond = np.arange(5)[:, None] >= given.lengths

    def spoilt(array):
        return np.where(beyond[:, :, None], garbage, array)

    dirty = replace(given, inputs=tuple(map(spoilt, given.inputs)), dy=tuple(map(spoilt, given.dy)))
    if this.cell.loss and this.cell.loss.rule == "mse":
        dirty = replace(dirty, target=spoilt(given.target))
    if this.cell.loss:
        dirty = replace(dirty, weight=np.where(beyond, 7.0, given.weight))
    assert_same_bits(this.run(given), this.run(dirty))


@all_cases
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (4, 0), (0, 0)])
def test_no_steps_or_no_sequences_give_empty_results_and_zero_gradients(target, name, steps, batch):
    this = case(target, name)
    given = this.draw(steps, batch, full=True)
    loss, y, state, grads = this.run(given)
    assert loss in (None, 0.0)
    assert [array.shape for array in leaves(y)] == [dy.shape for dy in given.dy]
    if this.cell.states:
        assert_same_bits(state, given.state)
        assert_same_bits(grads.state, given.dstate)
    assert [array.shape for array in leaves(grads.x)] == [array.shape for array in given.inputs]
    assert [array.shape for array in grads.params] == [array.shape for array in given.params]
    assert not any(array.any() for array in grads.params)


@all_cases
def test_sequences_of_length_zero_hand_their_state_on(target, name):
    this = case(target, name)
    given = replace(this.draw(), lengths=np.zeros(3, np.int64))
    loss, y, state, grads = this.run(given)
    assert loss in (None, 0.0)
    if this.cell.states:
        assert_same_bits(state, given.state)
        assert_same_bits(grads.state, given.dstate)
    assert not any(array.any() for array in leaves((y, grads.params, grads.x)))


@all_cases
def test_nan_stays_in_its_own_sequence_and_reaches_every_parameter(target, name):
    this = case(target, name)
    clean = this.draw(full=True)
    inputs = tuple(array.copy() for array in clean.inputs)
    for array in inputs:
        array[1, 1, 0] = np.nan
    _, y, state, grads = this.run(replace(clean, inputs=inputs))
    _, clean_y, clean_state, clean_grads = this.run(clean)
    others = [0, 2]
    for got, wanted in zip(leaves((y, grads.x)), leaves((clean_y, clean_grads.x)), strict=True):
        assert np.isnan(got[:, 1]).any()
        np.testing.assert_array_equal(got[:, others], wanted[:, others])
        np.testing.assert_array_equal(np.isnan(got[:, others]), False)
    for got, wanted in zip(leaves((state, grads.state)), leaves((clean_state, clean_grads.state)), strict=True):
        np.testing.assert_array_equal(got[others], wanted[others])
    for array in grads.params:
        assert np.isnan(array).any()


@all_cases
def test_two_segments_chained_are_the_whole(target, name):
    """The losses get weight 0, since each segment divides by the sum of its own weights."""
    this = case(target, name)
    whole = this.draw(steps=7)
    if this.cell.loss:
        whole = replace(whole, weight=np.zeros_like(whole.weight))
    cut = 3

    def segment(part, lengths, state, dstate):
        rows = {key: getattr(whole, key) for key in ("target", "weight") if getattr(whole, key) is not None}
        return replace(
            whole,
            inputs=tuple(array[part] for array in whole.inputs),
            dy=tuple(array[part] for array in whole.dy),
            lengths=lengths,
            state=tuple(state),
            dstate=tuple(dstate),
            **{key: array[part] for key, array in rows.items()},
        )

    first = segment(slice(cut), np.minimum(whole.lengths, cut), whole.state, whole.dstate)
    _, y_1, middle, tape_1 = this.forward(first)
    second = segment(slice(cut, None), np.maximum(whole.lengths - cut, 0), middle, whole.dstate)
    _, y_2, last, grads_2 = this.run(second)
    grads_1 = this.backward(replace(first, dstate=tuple(grads_2.state)), tape_1)
    _, y, state, grads = this.run(whole)
    _close(tuple(map(np.concatenate, zip(leaves(y_1), leaves(y_2), strict=True))), tuple(leaves(y)))
    _close(last, state)
    _close(tuple(map(np.concatenate, zip(leaves(grads_1.x), leaves(grads_2.x), strict=True))), tuple(leaves(grads.x)))
    _close(grads_1.state, grads.state)
    _close(tuple(a + b for a, b in zip(grads_1.params, grads_2.params, strict=True)), grads.params)


@all_cases
def test_step_by_step_is_forward(target, name):
    this = case(target, name)
    given = this.draw(full=True)
    _, y, last, _ = this.forward(given)
    params, state = this.module.Params(*given.params), this.module.State(*given.state)
    for handed in (params, this.module.pack(params)):
        running = state
        for t in range(5):
            x_t = tuple(array[t] for array in given.inputs)
            y_t, running = this.module.step(handed, x_t if len(x_t) > 1 else x_t[0], running)
            _close(y_t, tuple(array[t] for array in leaves(y)) if len(leaves(y)) > 1 else y[t])
        _close(running, last)


@all_cases
def test_packed_parameters_give_the_same_bits(target, name):
    this = case(target, name)
    given = this.draw()
    packed = this.module.pack(this.module.Params(*given.params))
    *plain, _ = this.forward(given)
    *values, tape = this.forward(given, params=packed)
    assert_same_bits(tuple(plain), tuple(values))
    dy = given.dy[0] if len(given.dy) == 1 else this.module.Outputs(*given.dy)
    grads = this.module.backward(packed, tape, dy, this.module.State(*given.dstate))
    assert_same_bits(grads, this.run(given)[3])


@pytest.mark.parametrize("target", ["reference", "cpu"])
@pytest.mark.parametrize("name", ["lstm_readout", "lstm_regression"])
def test_weights_are_the_mask_of_the_loss(target, name):
    this = case(target, name)
    given = replace(this.draw(full=True), dy=tuple(map(np.zeros_like, this.draw().dy)))
    given = replace(given, dstate=tuple(map(np.zeros_like, given.dstate)))
    last = np.zeros((5, 3))
    last[-1] = 1.0
    loss, *_ = this.forward(replace(given, weight=last))
    ones = np.ones((1, 3))
    alone = replace(
        given,
        inputs=(given.inputs[0][-1:],),
        target=given.target[-1:],
        weight=ones,
        lengths=np.ones(3, np.int64),
        dy=(given.dy[0][-1:],),
        state=tuple(this.forward(replace(_first(given, 4), weight=last[:4]))[2]),
    )
    np.testing.assert_allclose(loss, this.forward(alone)[0], rtol=1e-12)
    loss, _, _, grads = this.run(replace(given, weight=np.zeros((5, 3))))
    assert loss == 0.0
    assert not any(array.any() for array in leaves(grads))


def _first(given, steps):
    """The first steps of full sequences."""
    return replace(
        given,
        inputs=(given.inputs[0][:steps],),
        target=given.target[:steps],
        dy=(given.dy[0][:steps],),
        lengths=np.full(3, steps),
    )
