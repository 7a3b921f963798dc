"""The four letters of "hello": a simple RNN learns which letter comes next.

The pairs are h -> e, e -> l, l -> l and l -> o. The letter l stands before two different letters, so that the letter
alone does not decide: the hidden state tells the first l from the second.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from training import Adam, Array, adam_step, one_hot, softmax

from generated.cpu import rnn_readout

LETTERS = "helo"
WORD = "hello"


def pairs() -> tuple[Array, Array]:
    """The ids (T, B) of the letters read and of the letters to come; T = 4, one sequence."""
    ids = np.array([[LETTERS.index(letter)] for letter in WORD])
    return ids[:-1], ids[1:]


def train(params: rnn_readout.Params, steps: int, rate: float = 0.02) -> rnn_readout.Params:
    """Parameters after `steps` of Adam on the whole word."""
    read, target = pairs()
    x = one_hot(read, len(LETTERS))
    adam = Adam.start(params)
    for _ in range(steps):
        _, _, _, tape = rnn_readout.forward(params, x, target)
        params, adam = adam_step(params, rnn_readout.backward(params, tape).params, adam, rate)
    return params


def probabilities(params: rnn_readout.Params) -> tuple[float, Array]:
    """The loss, and the probability (4,) that the network gives to the right letter of each pair."""
    read, target = pairs()
    loss, logits, _, _ = rnn_readout.forward(params, one_hot(read, len(LETTERS)), target, keep_tape=False)
    return float(loss), np.take_along_axis(softmax(logits), target[..., None], axis=-1).ravel()


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on the word and print each pair before and after."""
    parser = argparse.ArgumentParser(description='Learn the four training pairs of "hello" with a simple RNN.')
    parser.add_argument("--steps", type=int, default=200, help="steps of Adam (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=8, help="hidden units (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the start values (default: %(default)s)")
    options = parser.parse_args(arguments)

    start = rnn_readout.init(len(LETTERS), options.hidden, len(LETTERS), seed=options.seed)
    loss_before, before = probabilities(start)
    loss_after, after = probabilities(train(start, options.steps))
    print(f"pair      p before   p after {options.steps} steps")
    for letter, following, first, last in zip(WORD, WORD[1:], before, after, strict=False):
        print(f"{letter} -> {following}    {first:8.3f}   {last:7.3f}")
    print(f"loss      {loss_before:8.3f}   {loss_after:7.3f}")
    print("l stands before l and before o: only the hidden state tells the first l from the second.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
