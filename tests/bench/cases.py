"""What is measured: cells, shapes, phases, and the arrays that every contender gets."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CELLS = ("lstm", "gru_reset_after", "rnn", "lstm_peephole", "lstm_cifg", "lstm_fgr", "gru")
QUICK_CELLS = ("lstm", "lstm_peephole")


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of one run: T, B, I, H."""

    steps: int
    batch: int
    input_size: int
    hidden_size: int

    def __str__(self) -> str:
        return f"{self.steps},{self.batch},{self.input_size},{self.hidden_size}"

    @classmethod
    def parse(cls, text: str) -> Shape:
        """The shape that `T,B,I,H` names. Raises ValueError for anything else."""
        sizes = [int(part) for part in text.split(",")]
        if len(sizes) != 4 or min(sizes) < 1:
            raise ValueError(f"{text}: expected four sizes of at least 1, T,B,I,H")
        return cls(*sizes)

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by the names that the dimensions of the cells have."""
        return {"input_size": self.input_size, "hidden_size": self.hidden_size}


SHAPES = tuple(
    map(
        Shape.parse,
        (
            "100,1,64,64",
            "100,1,128,256",
            "1000,1,32,32",
            "100,16,64,128",
            "28,64,28,128",
            "100,32,128,256",
            "100,64,256,512",
            "50,128,512,1024",
            "60,7,50,100",
            "200,3,13,77",
            "35,20,650,650",
        ),
    )
)
FEW_SHAPES = tuple(SHAPES[number] for number in (0, 1, 4, 6, 8))
"""One of each kind of size: small and middle at B = 1, a short sequence that can be compiled, large, odd."""
QUICK_SHAPES = (SHAPES[0], SHAPES[3])


class Phase(enum.Enum):
    """FORWARD: inference, nothing is kept. ALL: forward and the gradients of parameters, input and initial state."""

    FORWARD = "forward"
    ALL = "all"


def selected(cells: Sequence[str]) -> list[tuple[str, Shape]]:
    """The cells at their shapes where none are asked for: the first of all cells at all of them, the others at few."""
    return [(cell, shape) for cell in cells for shape in (SHAPES if cell == CELLS[0] else FEW_SHAPES)]


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: all contenders compute this."""

    cell: str
    shape: Shape
    phase: Phase
    threads: int


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arguments of a case by name: parameters, x (T, B, I), initial states (B, H), and dy (T, B, H)."""

    params: dict[str, np.ndarray]
    x: np.ndarray
    state: dict[str, np.ndarray]
    dy: np.ndarray


def arrays(cell: str, shape: Shape) -> Arrays:
    """float32 arrays drawn for a cell and a shape, the same in every process."""
    module = importlib.import_module(f"generated.cpu.{cell}")
    stream = np.random.default_rng(0)
    bound = shape.hidden_size**-0.5

    def draw(*sizes: int) -> np.ndarray:
        return stream.uniform(-bound, bound, sizes).astype(np.float32)

    signature = module.SIGNATURE
    dimensions = shape.sizes
    leading = (shape.steps, shape.batch)
    return Arrays(
        params={name: draw(*(dimensions[size] for size in sizes)) for name, sizes in signature.params},
        x=stream.standard_normal((*leading, shape.input_size), np.float32),
        state={name: draw(shape.batch, dimensions[size]) for name, size in signature.states},
        dy=stream.standard_normal((*leading, shape.hidden_size), np.float32),
    )
