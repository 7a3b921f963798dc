"""A character-level LSTM learns real text: truncated BPTT, Adam, clipping, checkpoints, and a bigram model to beat.

The training text is cut into parallel streams. Each step trains on the next segment of every stream and hands the last
state on to the segment after it, so that the network reads on without forgetting while the gradient stays within one
segment (truncated BPTT).
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
from training import Adam, Array, Bigram, Interrupt, adam_step, bar, load_checkpoint, one_hot, save_checkpoint, softmax

from generated.cpu import lstm_readout
from generated.support.clipping import clip_by_norm


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the trained parameters depend on, besides the text."""

    steps: int = 2400
    hidden: int = 256
    batch: int = 32
    segment: int = 32
    rate: float = 0.008
    max_norm: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """Ids of the characters: nine tenths to train on, and the last tenth held out."""

    alphabet: str
    training: Array
    held_out: Array  # begins with the last character of the training part, which predicts the first one held out
    digest: str

    @classmethod
    def split(cls, text: str) -> Text:
        """The alphabet is that of the whole text, for every model alike: no character is unknown."""
        alphabet = "".join(sorted(set(text)))
        codes = {character: code for code, character in enumerate(alphabet)}
        ids = np.array([codes[character] for character in text])
        border = len(ids) - len(ids) // 10
        return cls(alphabet, ids[:border], ids[border - 1 :], hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Training:
    """A moment between two steps. It is never written to, so that it can be saved at any time."""

    params: lstm_readout.Params
    adam: Adam[lstm_readout.Params]
    state: lstm_readout.State  # where every stream stands, carried from segment to segment
    position: int  # characters that every stream has read since it began
    offset: int  # where in the text the first stream began
    rng: dict[str, Any]

    @classmethod
    def start(cls, text: Text, settings: Settings) -> Training:
        """Nothing learned: parameters from the seed, streams at the beginning."""
        size = len(text.alphabet)
        params = lstm_readout.init(size, settings.hidden, size, seed=settings.seed)
        state = lstm_readout.init_state(params, settings.batch)
        rng = np.random.default_rng(settings.seed).bit_generator.state
        return cls(params, Adam.start(params), state, 0, 0, rng)

    def save(self, path: Path, text: Text, settings: Settings) -> None:
        """Write all of it, with what it was trained on."""
        groups = {"params": self.params, "mean": self.adam.mean, "square": self.adam.square, "state": self.state}
        arrays = {f"{group}.{name}": array for group, values in groups.items() for name, array in _named(values)}
        facts = {"step": self.adam.step, "position": self.position, "offset": self.offset, "rng": self.rng}
        save_checkpoint(path, arrays, facts | {"settings": asdict(settings), "text": text.digest})

    @classmethod
    def load(cls, path: Path, text: Text, settings: Settings) -> Training:
        """Read what `save` wrote. Raises ValueError where text or settings are not those it was trained with."""
        arrays, facts = load_checkpoint(path)
        if facts["text"] != text.digest:
            raise ValueError(f"{path}: it was trained on another text")
        for field in fields(settings):
            stored, given = facts["settings"][field.name], getattr(settings, field.name)
            if stored != given:
                option = field.name.replace("_", "-")
                raise ValueError(f"{path}: it was trained with --{option} {stored}, not with {given}")
        params, mean, square = (
            lstm_readout.Params(*(arrays[f"{group}.{name}"] for name in lstm_readout.Params._fields))
            for group in ("params", "mean", "square")
        )
        state = lstm_readout.State(*(arrays[f"state.{name}"] for name in lstm_readout.State._fields))
        return cls(params, Adam(facts["step"], mean, square), state, facts["position"], facts["offset"], facts["rng"])


def _named(values: lstm_readout.Params | lstm_readout.State) -> list[tuple[str, Array]]:
    """The fields of a NamedTuple of arrays with their names."""
    return list(zip(values._fields, values, strict=True))


def next_segment(training: Training, text: Text, settings: Settings) -> tuple[Training, Array]:
    """The ids (segment + 1, batch) of the next segment of every stream, and `training` moved on behind it.

    The streams share the text equally and go round its end. When they are used up they begin again at a random
    place, with a state of zeros.
    """
    count = len(text.training)
    width = count // settings.batch
    position, offset, state, rng = training.position, training.offset, training.state, training.rng
    if position + settings.segment > width:
        generator = np.random.default_rng()
        generator.bit_generator.state = rng
        position, offset = 0, int(generator.integers(count))
        state, rng = lstm_readout.init_state(training.params, settings.batch), generator.bit_generator.state
    begin = offset + position + width * np.arange(settings.batch)
    ids = text.training[(begin + np.arange(settings.segment + 1)[:, None]) % count]
    return Training(training.params, training.adam, state, position + settings.segment, offset, rng), ids


def advance(training: Training, text: Text, settings: Settings) -> tuple[Training, float]:
    """One step: forward and backward over one segment, clipping, Adam at a rate that falls as a cosine to 0.

    Returns the new moment, with the last state of the segment, and the loss in bits per character.
    """
    moved, ids = next_segment(training, text, settings)
    x = one_hot(ids[:-1], len(text.alphabet))
    loss, _, state, tape = lstm_readout.forward(moved.params, x, ids[1:], state=moved.state)
    grads, _ = clip_by_norm(lstm_readout.backward(moved.params, tape), settings.max_norm)
    rate = settings.rate * 0.5 * (1.0 + math.cos(math.pi * moved.adam.step / settings.steps))
    params, adam = adam_step(moved.params, grads.params, moved.adam, rate)
    return Training(params, adam, state, moved.position, moved.offset, moved.rng), float(loss) / math.log(2.0)


def train(training: Training, text: Text, settings: Settings, path: Path, save_every: int = 100) -> Training:
    """Train to the last step, or until Ctrl-C; what is returned has been saved to `path`."""
    bits = []
    with Interrupt() as interrupt:
        left = range(training.adam.step, settings.steps)
        for _ in bar(left, "training", len(left)):
            training, loss = advance(training, text, settings)
            bits.append(loss)
            step = training.adam.step
            if interrupt.requested or step % save_every == 0 or step == settings.steps:
                training.save(path, text, settings)
                print(f"step {step:5d}: {np.mean(bits):.3f} bits per character in training", flush=True)
                bits.clear()
            if interrupt.requested:
                break
    return training


def held_out_bits(params: lstm_readout.Params, text: Text, chunk: int = 2048) -> float:
    """Bits per character on the held-out part, read as one stream from a state of zeros."""
    packed, state, total = lstm_readout.pack(params), None, 0.0
    read, target = text.held_out[:-1, None], text.held_out[1:, None]
    for begin in range(0, len(read), chunk):
        x = one_hot(read[begin : begin + chunk], len(text.alphabet))
        wanted = target[begin : begin + chunk]
        loss, _, state, _ = lstm_readout.forward(packed, x, wanted, state=state, keep_tape=False)
        total += float(loss) * len(wanted)
    return total / len(read) / math.log(2.0)


def sample(params: lstm_readout.Params, alphabet: str, length: int, temperature: float, seed: int) -> str:
    """`length` characters drawn one by one from what the network expects, behind the first of the alphabet."""
    rng, packed, state, code = np.random.default_rng(seed), lstm_readout.pack(params), None, 0
    written = []
    for _ in range(length):
        logits, state = lstm_readout.step(packed, one_hot(np.array([code]), len(alphabet)), state)
        code = int(rng.choice(len(alphabet), p=softmax(logits[0], temperature)))
        written.append(alphabet[code])
    return "".join(written)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line; those of `Settings` have its names."""
    parser = argparse.ArgumentParser(description="Train a character-level LSTM with truncated BPTT and sample from it.")
    parser.add_argument("--text", type=Path, help="a UTF-8 text (default: the help topics that ship inside Python)")
    parser.add_argument("--checkpoint", type=Path, default=Path("build/characters.npz"), help="default: %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, to the same bits")
    parser.add_argument("--temperature", type=float, default=0.7, help="of the sample (default: %(default)s)")
    parser.add_argument("--sample", type=int, default=600, help="characters to sample (default: %(default)s)")
    for field in fields(Settings):
        kind = type(field.default)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=kind, default=field.default, help="default: %(default)s"
        )
    options = parser.parse_args(arguments)
    options.settings = Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})
    try:
        options.text = Text.split(options.text.read_text("utf-8") if options.text else "\n".join(topics.values()))
        options.training = _begin(options.checkpoint, options.resume, options.text, options.settings)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return options


def _begin(path: Path, resume: bool, text: Text, settings: Settings) -> Training:
    """Where to begin. Raises ValueError for a text that is too short, or a checkpoint in the way or not there."""
    if len(text.training) < settings.batch * settings.segment or len(text.held_out) < 2:
        needed = settings.batch * settings.segment
        raise ValueError(
            f"the text is too short: its first nine tenths have {len(text.training)} characters, and "
            f"{settings.batch} streams of segments of {settings.segment} need {needed}"
        )
    if resume:
        return Training.load(path, text, settings)
    if path.exists():
        facts = load_checkpoint(path)[1]
        if facts["step"] < facts["settings"]["steps"]:
            raise ValueError(
                f"{path} holds a run interrupted at step {facts['step']} of {facts['settings']['steps']}:"
                " go on with --resume, or name another file with --checkpoint"
            )
    return Training.start(text, settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, compare with the bigram model on the held-out tenth, and sample."""
    options = parse(arguments)
    text, settings = options.text, options.settings
    size = len(text.alphabet)
    print(f"{len(text.training)} characters to train on, {len(text.held_out) - 1} held out, {size} different")
    began = time.perf_counter()
    training = train(options.training, text, settings, options.checkpoint)
    if training.adam.step < settings.steps:
        print(f"stopped after step {training.adam.step} of {settings.steps} and saved; --resume goes on from there")
        return 130
    print(f"trained in {time.perf_counter() - began:.0f} s")
    print("bits per character on the held-out tenth:")
    print(f"  bigram model  {Bigram.fit(text.training, size).bits(text.held_out):.3f}")
    print(f"  LSTM          {held_out_bits(training.params, text):.3f}")
    print(f"a sample at temperature {options.temperature}:\n")
    print(sample(training.params, text.alphabet, options.sample, options.temperature, settings.seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
