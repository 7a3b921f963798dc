"""The four pairs of "hello" are learned, and only the hidden state can learn them."""

import hello
import pytest

from generated.cpu import rnn_readout


@pytest.fixture(scope="module")
def start():
    return rnn_readout.init(4, 8, 4, seed=0)


def test_every_pair_is_learned(start):
    loss_before, before = hello.probabilities(start)
    loss_after, after = hello.probabilities(hello.train(start, 200))
    assert (before < 0.5).all()
    assert (after > 0.9).all()
    assert loss_after < 0.1 * loss_before


def test_without_the_hidden_state_the_two_l_cannot_both_be_learned(start):
    trained = hello.train(start, 200)
    _, probabilities = hello.probabilities(trained._replace(W=trained.W * 0))
    assert probabilities[2:].min() < 0.6


def test_the_pairs_are_printed(capsys):
    assert hello.main(["--steps", "3"]) == 0
    printed = capsys.readouterr().out
    for pair in ("h -> e", "e -> l", "l -> l", "l -> o"):
        assert pair in printed
