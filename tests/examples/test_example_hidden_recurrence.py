"""Hidden recurrence learns the song; input recurrence cannot fall below half and half behind "love"."""

import hidden_recurrence
import pytest

from generated.cpu import rnn_input_recurrence, rnn_readout


def test_hidden_recurrence_learns_both_verses():
    loss, probabilities = hidden_recurrence.train(rnn_readout, 16, 400)
    assert loss < 0.1 * hidden_recurrence.BOUND
    (darling, first), (rabbit, second) = hidden_recurrence.after_love(probabilities)
    assert (darling, rabbit) == ("darling I love", "rabbit I love")
    assert first["you"] > 0.9
    assert second["carrots"] > 0.9


def test_input_recurrence_reaches_its_bound_and_no_less():
    loss, probabilities = hidden_recurrence.train(rnn_input_recurrence, 16, 400)
    assert hidden_recurrence.BOUND - 1e-6 < loss < hidden_recurrence.BOUND + 0.01
    (_, first), (_, second) = hidden_recurrence.after_love(probabilities)
    assert first == second
    assert first["you"] == pytest.approx(0.5, abs=0.01)


def test_both_losses_are_printed(capsys):
    assert hidden_recurrence.main(["--steps", "2"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("nats a word\n  darling I love ... you") == 2
