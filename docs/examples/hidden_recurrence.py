"""Why the hidden state recurs: "I love you" and "I love carrots" in one song.

What follows "love" depends on who is sung to, three words before it. A network that remembers only the previous input
sees "I love" both times. A network that remembers its own hidden state can carry that word across.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from types import ModuleType

import numpy as np
from training import Adam, Array, adam_step, one_hot, softmax

from generated.cpu import rnn_input_recurrence, rnn_readout

VERSES = ("darling I love you", "rabbit I love carrots")
SONG = " ".join(VERSES * 8).split()
WORDS = sorted(set(SONG))
# Three words of four follow from the two before; behind "love", the fourth, two are equally frequent.
BOUND = math.log(2.0) / 4.0


def song() -> tuple[Array, Array]:
    """The ids (T, B) of the words sung and of the words to come, one sequence."""
    ids = np.array([[WORDS.index(word)] for word in [*SONG, SONG[0]]])
    return ids[:-1], ids[1:]


def train(network: ModuleType, hidden: int, steps: int, rate: float = 0.01, seed: int = 0) -> tuple[float, Array]:
    """Train one of the two networks: its loss in nats a word, and the probabilities (T, words) of the next word."""
    sung, target = song()
    x = one_hot(sung, len(WORDS))
    params = network.init(len(WORDS), hidden, len(WORDS), seed=seed)
    adam = Adam.start(params)
    for _ in range(steps):
        _, _, _, tape = network.forward(params, x, target)
        params, adam = adam_step(params, network.backward(params, tape).params, adam, rate)
    loss, logits, _, _ = network.forward(params, x, target, keep_tape=False)
    return float(loss), softmax(logits[:, 0])


def after_love(probabilities: Array) -> list[tuple[str, dict[str, float]]]:
    """For each verse of the song's last pair: its words so far, and what is expected behind "love"."""
    words_before = len(SONG) - len(" ".join(VERSES).split())
    places = [place for place in range(words_before, len(SONG)) if SONG[place] == "love"]
    return [
        (" ".join(SONG[place - 2 : place + 1]), dict(zip(WORDS, probabilities[place].tolist(), strict=True)))
        for place in places
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train both networks on the song and print what each expects behind "love"."""
    parser = argparse.ArgumentParser(description="One song, learned by hidden recurrence and not by input recurrence.")
    parser.add_argument("--steps", type=int, default=400, help="steps of Adam (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=16, help="hidden units (default: %(default)s)")
    options = parser.parse_args(arguments)

    print(f"the song: {' / '.join(VERSES)} / ... ({len(SONG)} words)\n")
    for title, network in (
        ("hidden recurrence, h[t-1] -> h[t]", rnn_readout),
        ("input recurrence, x[t-1] -> h[t]", rnn_input_recurrence),
    ):
        loss, probabilities = train(network, options.hidden, options.steps)
        print(f"{title}: loss {loss:.4f} nats a word")
        for words, expected in after_love(probabilities):
            likely = ", ".join(f"{word} {expected[word]:.3f}" for word in ("you", "carrots"))
            print(f"  {words} ... {likely}")
    print(
        "\nWith the previous input alone both verses look the same at this place: I love ... Half and half is the best"
    )
    print(f"there, so that the loss cannot fall below ln(2) / 4 = {BOUND:.4f} nats a word, whatever the training.")
    print("The hidden state has no such bound: the word sung three before is still in h[t-1].")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
