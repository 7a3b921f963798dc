"""Compiled cells against the reference target, on the instruction set of the process: run as a script."""

from __future__ import annotations

import importlib

import numpy as np

CELLS = ("gru", "lem", "lstm_peephole", "lstm_readout")
LENGTHS = np.array([7, 4, 0])
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}


def main() -> None:
    """A forward and a backward pass, with rows longer than a vector that end within one."""
    for name in CELLS:
        kernel, reference = (importlib.import_module(f"generated.{target}.{name}") for target in ("cpu", "reference"))
        for dtype, tolerance in TOLERANCE.items():
            stream = np.random.default_rng(0)
            params = kernel.init(*(3, 21, 5)[: len(kernel.SIGNATURE.sizes)], dtype=dtype)
            x = stream.standard_normal((7, 3, 3)).astype(dtype)
            target = (stream.integers(0, 5, (7, 3)),) if kernel.SIGNATURE.loss else ()
            found = []
            for module in (kernel, reference):
                given = module.Params(*params)
                *_, y, _, tape = module.forward(given, x, *target, lengths=LENGTHS)
                grads = module.backward(given, tape, y)
                found.append((y, *grads.params, grads.x, *grads.state))
            for got, wanted in zip(*found, strict=True):
                scale = np.abs(wanted).max(initial=0) + 1e-3
                assert np.abs(got - wanted).max(initial=0) <= tolerance * scale, (name, dtype)


if __name__ == "__main__":
    main()
