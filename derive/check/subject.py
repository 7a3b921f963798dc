"""A cell under check: its built targets, and samples of every shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np

from derive.build import load_source
from derive.cell import Cell
from derive.check import kinks
from derive.check.samples import Sample, Shape, draw, value
from derive.errors import DeriveError
from derive.render import render

SMALL = Shape("small", 3, 2, (3, 2), entrywise=True)
ALONE = Shape("sizes of 1", 1, 1, (1,), entrywise=True)
RAGGED = Shape("random lengths", 5, 4, (2, 3), entrywise=True, ragged=True)
ODD = Shape("odd sizes", 7, 3, (5, 7, 3))
LONG = Shape("T = 64", 64, 2, (2, 3))
LAST = Shape("errors at the last state only", 9, 2, (4, 3), last_only=True)
LARGE = Shape("large", 5, 4, (17, 33))
SHAPES = (SMALL, ALONE, RAGGED, ODD, LONG, LAST, LARGE)
ATTEMPTS = 40


@dataclass(frozen=True)
class Subject:
    """A cell with its built targets and one sample a shape, made when first asked for."""

    cell: Cell

    @cached_property
    def reference(self) -> ModuleType:
        """The NumPy target."""
        return load_source(render(self.cell, "reference", "float64"), self.cell.name)

    @cached_property
    def cpu(self) -> ModuleType:
        """The compiled target."""
        return load_source(render(self.cell, "cpu", "float64"), self.cell.name)

    def sample(self, shape: Shape) -> Sample:
        """A sample on which the cell is finite and away from its kinks; DeriveError where none is found."""
        best: tuple[float, Sample] | None = None
        for seed in range(ATTEMPTS):
            sample = draw(self.cell.equations, shape, seed % (ATTEMPTS // 2), positive=seed >= ATTEMPTS // 2)
            total, _ = value(self.reference, sample)
            if not np.isfinite(total):
                continue
            distance = kinks.distance(self.cell.graph, self.reference, sample)
            if distance > 2 * kinks.DISTANCE:
                return sample
            if best is None or distance > best[0]:
                best = (distance, sample)
        if best is None:
            raise DeriveError(
                f"{self.cell.name}: no random sample gives finite values (shape {shape.name}): "
                "is an argument of log, sqrt or a power negative for every start?"
            )
        return best[1]
