"""What is run on a device: the cases of every part, the most telling ones first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import generated.cuda
from generated.support.cuda.regimes import REGIMES
from generated.support.signature import Signature
from tests.bench.cases import Shape

PARTS = ("correctness", "sanitizer", "timing", "peers")
DTYPES = ("float32", "float64", "float16", "bfloat16")
TOOLS = ("memcheck", "racecheck", "synccheck")
FIRST = ("lstm", "gru", "lstm_peephole")
"""Cells that between them have most of what can go wrong: two states, a product behind another one, peepholes."""
CELLS = (*FIRST, *sorted({path.stem for path in Path(generated.cuda.__path__[0]).glob("[a-z]*.py")} - set(FIRST)))

RAGGED = Shape(7, 5, 13, 33)
SHAPES = (RAGGED, Shape(19, 17, 40, 64), Shape(5, 3, 8, 96), Shape(1, 1, 1, 1), Shape(12, 16, 130, 512))
"""Of correctness: sizes that fill no warp, whole warps, the widest block, the smallest, and one beyond a block."""
TIMED = (
    *(Shape(256, batch, size, size) for size in (64, 32, 96) for batch in (16, 128, 512)),
    *(Shape(256, batch, size, size) for size in (512, 1024, 2048) for batch in (16, 64)),
)
TIMED_CELLS = ("lstm", "gru", "lstm_peephole", "lstm_fgr")
PEER_CELLS = ("lstm", "gru_reset_after")
OWN_CELLS = ("lstm_peephole", "gru", "lstm_cifg", "lstm_fgr")
"""Cells that torch.nn lacks, beside a loop."""
PEER_SHAPES = tuple(
    Shape(256, batch, size, size)
    for size, batch in ((64, 16), (1024, 16), (64, 128), (512, 16), (2048, 64), (96, 512), (32, 64), (768, 16))
)
LOOP_SHAPES = (Shape(28, 16, 64, 64), Shape(28, 16, 512, 512), Shape(28, 64, 1024, 1024))
SECONDS = {"correctness": 120.0, "sanitizer": 300.0, "timing": 240.0, "peers": 420.0}
"""The longest that a case of a part may take; one that takes longer has failed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to run, alone. What a part does not need is empty; `kind` is "torch" for tensors on a stream of torch,
    or the tool of the sanitizer.
    """

    part: str
    cell: str
    shape: Shape
    regime: str = ""
    dtype: str = ""
    kind: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.cell, self.kind, self.regime, self.dtype, str(self.shape))))

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Case:
        """The inverse of `data`."""
        return cls(**{**data, "shape": Shape(**data["shape"])})


def sizes(signature: Signature, shape: Shape) -> dict[str, int]:
    """A size for every dimension of a cell; those beside the input and the hidden state are none of the two."""
    known = {**shape.sizes, "output_size": shape.hidden_size // 3 + 2}
    return {names[0]: known.get(names[0], shape.hidden_size + 3) for names in signature.sizes}


def cases(part: str, cells: Sequence[str], simulated: bool = False) -> list[Case]:
    """The cases of a part, of these cells alone; `simulated` ones are so small that a simulator can run them."""
    if simulated:
        return [
            Case(part, cell, Shape(3, 2, 3, 5), regime, dtype)
            for cell in cells
            for regime in REGIMES
            for dtype in DTYPES[:2]
        ]
    return list({"correctness": _correctness, "sanitizer": _sanitizer, "timing": _timing, "peers": _peers}[part](cells))


def _correctness(cells: Sequence[str]) -> Iterator[Case]:
    """The first cells in full before the others: a fault in what all share shows early."""
    first = [cell for cell in cells if cell in FIRST]
    others = [cell for cell in cells if cell not in FIRST]

    def each(cells: Sequence[str], shapes: Sequence[Shape], dtypes: Sequence[str]) -> Iterator[Case]:
        for dtype in dtypes:
            for shape in shapes:
                for cell in cells:
                    for regime in REGIMES:
                        yield Case("correctness", cell, shape, regime, dtype)

    yield from each(first, SHAPES[:1], DTYPES)
    for cell in first[:1]:
        yield from (Case("correctness", cell, RAGGED, regime, "float32", "torch") for regime in REGIMES)
    yield from each(others, SHAPES[:1], DTYPES[:1])
    yield from each(first, SHAPES[1:], DTYPES[:1])
    yield from each(others, SHAPES[:1], DTYPES[1:])
    yield from each(others, SHAPES[1:2], DTYPES[:1])
    yield from each(first, SHAPES[1:], DTYPES[1:])
    yield from each(others, SHAPES[2:], DTYPES[:1])


def _sanitizer(cells: Sequence[str]) -> Iterator[Case]:
    first = [cell for cell in cells if cell in FIRST]
    others = [cell for cell in cells if cell not in FIRST]
    for group in (first, others):
        for tool in TOOLS:
            yield from (Case("sanitizer", cell, Shape(3, 3, 5, 33), kind=tool) for cell in group)


def _timing(cells: Sequence[str]) -> Iterator[Case]:
    """All cells that were asked for; those of TIMED_CELLS where these are all there are."""
    chosen = [cell for cell in TIMED_CELLS if cell in cells] if set(cells) == set(CELLS) else cells
    for cell in chosen[:1]:
        yield from (Case("timing", cell, shape) for shape in TIMED)
    for shape in TIMED:
        yield from (Case("timing", cell, shape) for cell in chosen[1:])


def _peers(cells: Sequence[str]) -> Iterator[Case]:
    for shape in PEER_SHAPES:
        yield from (Case("peers", cell, shape) for cell in PEER_CELLS if cell in cells)
    for shape in LOOP_SHAPES:
        yield from (Case("peers", cell, shape) for cell in OWN_CELLS if cell in cells)
