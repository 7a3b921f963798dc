"""Compiled cells against the reference target, on the instruction set of the process: run as a script."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np

from generated import cpu

CELLS = tuple(path.stem for path in sorted(Path(cpu.__path__[0]).glob("*.py")) if path.stem != "__init__")
IN_BOTH_DTYPES = ("gru", "lem", "lstm_peephole", "lstm_readout")
LENGTHS = np.array([7, 4, 0])
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}


def main() -> None:
    """Every cell, four of them in both dtypes."""
    for name in CELLS:
        for dtype, tolerance in TOLERANCE.items():
            if dtype is np.float32 or name in IN_BOTH_DTYPES:
                compare(name, dtype, tolerance)


def compare(name: str, dtype: type, tolerance: float) -> None:
    """A forward and a backward pass, with rows longer than a vector that end within one."""
    kernel, reference = (importlib.import_module(f"generated.{target}.{name}") for target in ("cpu", "reference"))
    stream = np.random.default_rng(0)
    sizes = (3, 21, 5)[: len(kernel.SIGNATURE.sizes)]
    params = kernel.init(*sizes, dtype=dtype)
    x = stream.standard_normal((7, 3, sizes[0])).astype(dtype)
    target = _target(kernel, stream, dtype)
    found = []
    for module in (kernel, reference):
        given = module.Params(*params)
        *_, y, _, tape = module.forward(given, x, *target, lengths=LENGTHS)
        grads = module.backward(given, tape, y)
        found.append((y, *grads.params, grads.x, *grads.state))
    for got, wanted in zip(*found, strict=True):
        scale = np.abs(wanted).max(initial=0) + 1e-3
        assert np.abs(got - wanted).max(initial=0) <= tolerance * scale, (name, dtype)


def _target(kernel: ModuleType, stream: np.random.Generator, dtype: type) -> tuple[np.ndarray, ...]:
    """What the loss compares the output with, where there is one."""
    match kernel.SIGNATURE.loss:
        case "":
            return ()
        case "mse":
            return (stream.standard_normal((7, 3, 5)).astype(dtype),)
        case _:
            return (stream.integers(0, 5, (7, 3)),)


if __name__ == "__main__":
    main()
