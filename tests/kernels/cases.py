"""The cells and targets on which the interface of the kernels is tested."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from derive.build import build
from derive.cell import Cell
from derive.equations import Equations, load, parse
from derive.printers.compiled.naming import WORDS
from tests.kernels.arguments import Arguments
from tests.kernels.harness import call_backward, call_forward, draw_arguments

ZOO = ("lstm_peephole", "gru", "lstm_readout", "lstm_regression", "dense", "rnn_input_recurrence", "lstmp")
TARGETS = ("reference", "cpu")

PAIR = """
name = "pair"
inputs = ["u", "v"]
outputs = ["h", "g"]
equations = '''
k = beta * tanh(V @ b)
g = sigmoid(A @ u + B @ v[t-1] + k)
h = gamma * h[t-1] + (1 - g) * tanh(A @ u + R @ h[t-1] + B @ v)
'''
[parameters]
beta = "scalar"
gamma = "scalar"
[init]
beta = 0.5
gamma = 0.9
"""
"""Two inputs, two outputs, scalar parameters, a variable of parameters alone, an input as state."""


@dataclass(frozen=True)
class Case:
    """One module of kernels and the cell that it is of."""

    module: ModuleType
    cell: Equations

    def sizes(self, size: int | None = None) -> dict[str, int]:
        """A size for each dimension: all different, or all `size`."""
        return {item.name: size or index for index, item in enumerate(self.cell.dimensions, start=2)}

    def draw(
        self, steps: int = 5, batch: int = 3, *, full: bool = False, seed: int = 1, size: int | None = None
    ) -> Arguments:
        """Arrays in float64; `full` sequences all have `steps` steps, others at least one step each, and end apart."""
        given = draw_arguments(self.cell, self.sizes(size), seed, steps, batch)
        lengths = np.full(batch, steps) if full else steps - np.arange(batch) % max(steps, 1)
        return replace(given, lengths=lengths)

    def forward(self, given: Arguments, **options: Any) -> tuple[Any, ...]:
        """(loss or None, y, state, tape)."""
        return call_forward(self.module, self.cell, given, **options)

    def backward(self, given: Arguments, tape: Any) -> Any:
        """The gradients, from the errors of `given`."""
        return call_backward(self.module, self.cell, given, tape)

    def run(self, given: Arguments) -> tuple[Any, ...]:
        """(loss, y, state, gradients)."""
        *values, tape = self.forward(given)
        return *values, self.backward(given, tape)


@cache
def case(target: str, name: str) -> Case:
    """The committed module of a cell of the zoo, or the built one of PAIR."""
    if name == "pair":
        cell = parse(PAIR, "pair")
        return Case(build(Cell(cell), target, "float64"), cell)
    return Case(importlib.import_module(f"generated.{target}.{name}"), load(name))


def crowded(reserved):
    """A cell whose variables are called like what the code around them uses."""
    names = [name for name in sorted({*reserved, *WORDS.values()}) if name not in ("abs", "t")]
    lines = [f"{name} = tanh(x + {names[i - 1] if i else 'h[t-1]'})" for i, name in enumerate(names)]
    weights = [f"h = {' + '.join(f'{name}_W @ {name}' for name in names[:8])}"]
    return parse("\n".join([*lines, *weights]), "crowded")


all_cases = pytest.mark.parametrize(
    ("target", "name"),
    [(target, name) for target in TARGETS for name in (*ZOO, "pair")],
)
