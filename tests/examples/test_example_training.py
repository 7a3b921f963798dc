"""What the examples share, against values worked out by hand."""

import math
import os
import signal
from typing import NamedTuple

import numpy as np
import pytest
from training import Adam, Bigram, Interrupt, adam_step, bar, load_checkpoint, one_hot, save_checkpoint, softmax


class Pair(NamedTuple):
    a: np.ndarray
    b: np.ndarray


def test_bigram_of_a_tiny_text_worked_out_by_hand():
    # "aab": the pairs are aa and ab, so n(a, a) = n(a, b) = 1 and two kinds follow a; b was never followed.
    # Alone, with one added to each of three ids: p(a) = 3/6, p(b) = 2/6, p(c) = 1/6.
    table = Bigram.fit(np.array([0, 0, 1]), 3).table
    np.testing.assert_allclose(table[0], [(1 + 2 * 3 / 6) / 4, (1 + 2 * 2 / 6) / 4, (2 * 1 / 6) / 4])
    np.testing.assert_allclose(table[1], [3 / 6, 2 / 6, 1 / 6])
    np.testing.assert_allclose(table.sum(axis=1), 1.0)


def test_bits_of_a_tiny_text_worked_out_by_hand():
    bigram = Bigram(np.array([[0.5, 0.5], [0.25, 0.75]]))
    assert bigram.bits(np.array([0, 1, 0])) == (1.0 + 2.0) / 2.0


def test_the_first_two_steps_of_adam_worked_out_by_hand():
    params = Pair(np.array([1.0]), np.array([-2.0]))
    first, state = adam_step(params, Pair(np.array([3.0]), np.array([-0.5])), Adam.start(params), 0.1)
    # Behind the first step both means are unbiased: the step is the rate, against the sign of the gradient.
    np.testing.assert_allclose(first, [[0.9], [-1.9]], rtol=1e-7)
    second, state = adam_step(first, Pair(np.array([0.0]), np.array([-0.5])), state, 0.1)
    mean, square = 0.9 * 0.3 / (1 - 0.9**2), 0.999 * 0.009 / (1 - 0.999**2)
    np.testing.assert_allclose(second.a, 0.9 - 0.1 * mean / math.sqrt(square), rtol=1e-7)
    assert state.step == 2
    assert params.a.item() == 1.0


def test_one_hot_and_softmax():
    vectors = one_hot(np.array([[2], [0]]), 3)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, [[[0, 0, 1]], [[1, 0, 0]]])
    np.testing.assert_allclose(softmax(np.array([1000.0, 1000.0 + math.log(3.0)])), [0.25, 0.75])
    np.testing.assert_allclose(softmax(np.array([0.0, math.log(3.0)]), temperature=0.5), [0.1, 0.9])


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path):
    arrays = {"params.a": np.array([0.1, np.nan, -0.0], np.float32), "b": np.arange(6.0).reshape(2, 3)}
    facts = {"step": 3, "rng": np.random.default_rng(0).bit_generator.state}
    path = tmp_path / "new" / "file.npz"
    save_checkpoint(path, arrays, facts)
    stored, told = load_checkpoint(path)
    assert told == facts
    assert {name: (a.dtype, a.tobytes()) for name, a in stored.items()} == {
        name: (a.dtype, a.tobytes()) for name, a in arrays.items()
    }


def test_a_checkpoint_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.npz"
    save_checkpoint(path, {"a": np.array([1.0])}, {})

    def killed(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, {"a": np.array([2.0])}, {})
    assert load_checkpoint(path)[0]["a"].item() == 1.0
    assert list(tmp_path.iterdir()) == [path]


def test_another_file_is_not_taken_for_a_checkpoint(tmp_path):
    path = tmp_path / "file.npz"
    save_checkpoint(path, {"a": np.zeros(9)}, {})
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    np.save(tmp_path / "single.npy", np.zeros(2))
    for content in (
        b"",
        b"text",
        whole[:-30],
        (tmp_path / "other.npz").read_bytes(),
        (tmp_path / "single.npy").read_bytes(),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a checkpoint"):
            load_checkpoint(path)


@pytest.fixture
def _interruptible():
    """A process in the background may ignore interrupts."""
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)


@pytest.mark.usefixtures("_interruptible")
def test_the_first_signal_is_noted_and_the_second_acts_as_usual():
    usual = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual


def test_no_bar_outside_a_terminal(capfd):
    assert list(bar(range(3), "training", 3)) == [0, 1, 2]
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
