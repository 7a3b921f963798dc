"""What the examples share: Adam, one-hot vectors, softmax, a bigram model, checkpoints, and a bar for the terminal."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Array = npt.NDArray[Any]
P = TypeVar("P", bound=tuple[Array, ...])
T = TypeVar("T")


def one_hot(ids: Array, size: int) -> Array:
    """Unit vectors float32 (..., size) for integer ids (...)."""
    vectors = np.zeros((*ids.shape, size), np.float32)
    np.put_along_axis(vectors, ids[..., None], 1.0, axis=-1)
    return vectors


def softmax(logits: Array, temperature: float = 1.0) -> Array:
    """Probabilities float64 along the last axis; a temperature below 1 sharpens them, above 1 flattens them."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@dataclass(frozen=True, slots=True)
class Adam(Generic[P]):
    """The state of Adam (Kingma and Ba 2015): steps done, running means of the gradient and of its square."""

    step: int
    mean: P
    square: P

    @classmethod
    def start(cls, params: P) -> Adam[P]:
        """No step done, and zeros like `params`, the NamedTuple of arrays of any cell."""
        kind = type(params)
        zeros = tuple(np.zeros_like(array) for array in params)
        return cls(0, kind(*zeros), kind(*zeros))


def adam_step(params: P, gradient: P, state: Adam[P], rate: float) -> tuple[P, Adam[P]]:
    """New parameters and a new state, by Kingma and Ba 2015, algorithm 1; the arguments are never written to."""
    kind, step = type(params), state.step + 1
    mean = kind(*(0.9 * m + 0.1 * g for m, g in zip(state.mean, gradient, strict=True)))
    square = kind(*(0.999 * s + 0.001 * g * g for s, g in zip(state.square, gradient, strict=True)))
    scale_mean, scale_square = 1.0 / (1.0 - 0.9**step), 1.0 / (1.0 - 0.999**step)
    renewed = (
        p - rate * (m * scale_mean) / (np.sqrt(s * scale_square) + 1e-8)
        for p, m, s in zip(params, mean, square, strict=True)
    )
    return kind(*renewed), Adam(step, mean, square)


@dataclass(frozen=True, slots=True)
class Bigram:
    """Probabilities (size, size) of the next id, one row for each id before it."""

    table: Array

    @classmethod
    def fit(cls, ids: Array, size: int) -> Bigram:
        """Count pairs in `ids` (N,) and smooth them as Witten and Bell 1991 (method C) do.

        p(b after a) = (n(a, b) + k(a) p(b)) / (n(a) + k(a)), where k(a) is the number of different ids seen after a,
        and p(b) is the share of b with one added to each count. An id that was never followed has p(b) as its row.
        """
        pairs = np.zeros((size, size))
        np.add.at(pairs, (ids[:-1], ids[1:]), 1.0)
        alone = (np.bincount(ids, minlength=size) + 1.0) / (len(ids) + size)
        kinds = np.maximum((pairs > 0.0).sum(axis=1, keepdims=True), 1.0)
        return cls((pairs + kinds * alone) / (pairs.sum(axis=1, keepdims=True) + kinds))

    def bits(self, ids: Array) -> float:
        """The mean of -log2 p over all ids but the first, which only stands before the second."""
        return float(-np.log2(self.table[ids[:-1], ids[1:]]).mean())


def save_checkpoint(path: Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Write arrays and JSON values to one .npz file, whole or not at all: a kill at any moment leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(
                file, facts=np.array(json.dumps(facts)), **{f"array_{key}": value for key, value in arrays.items()}
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def load_checkpoint(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """What `save_checkpoint` wrote: the arrays, bit for bit, and the JSON values. Nothing in the file is executed.

    Raises OSError where the file cannot be read, ValueError where it is something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {key.removeprefix("array_"): stored[key] for key in stored.files if key != "facts"}
            return arrays, json.loads(stored["facts"].item())
    except (AttributeError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a checkpoint of this example") from error


class Interrupt:
    """Within `with Interrupt() as interrupt`, Ctrl-C and a request to terminate only set `interrupt.requested`.

    The loop looks at it between two steps, where there is something whole to save. A second signal acts as usual.
    """

    def __enter__(self) -> Interrupt:
        self.requested = False
        self._usual = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)


def bar(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """`items`, with a progress bar on standard error where that is a terminal and nothing otherwise."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress:
        yield from progress.track(items, total=total, description=description)
