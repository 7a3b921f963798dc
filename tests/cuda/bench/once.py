"""One small call of each pass in every regime, for a tool that watches the process."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from generated.support.cuda.devices import Device, current
from generated.support.cuda.regimes import REGIMES
from tests.bench.cases import Shape
from tests.cuda.bench import drawn
from tests.cuda.bench.cases import sizes
from tests.kernels.arguments import call_backward, call_forward


def main() -> None:
    """Run the cell and the shape that the command line names."""
    cell, shape = sys.argv[1], Shape.parse(sys.argv[2])
    device = current()
    # An array of a pool has neighbours, behind its end too; one that is allocated by itself has none.
    allocate: Any = getattr(getattr(device.xp, "cuda", None), "set_allocator", None)
    if allocate:
        allocate(None)
    print(cell, *regimes_of(cell, shape, device))


def regimes_of(cell: str, shape: Shape, device: Device) -> list[str]:
    """Run both passes in every regime that takes these sizes; which these are.

    In float32, and where other kernels run 16 bits in float16 too.
    """
    module = importlib.import_module(f"generated.cuda.{cell}")
    signature, ran = module.SIGNATURE, []
    lengths = drawn.ragged(shape.steps, shape.batch)
    given = drawn.draw(signature, sizes(signature, shape), shape.steps, shape.batch, lengths)
    names = drawn.names(signature)
    for regime, dtype in (*((each, np.float32) for each in REGIMES), ("grid", np.float16)):
        arrays = drawn.moved(drawn.cast(given, np.dtype(dtype)), device.moved)
        try:
            *_, tape = call_forward(module, names, arrays, regime=regime)
        except ValueError as refusal:
            if drawn.REFUSED not in str(refusal):
                raise
            continue
        # A copy to the host waits for the device.
        device.host(call_backward(module, names, arrays, tape).x)
        ran.append(regime if dtype is np.float32 else f"{regime} in float16")
    return ran


if __name__ == "__main__":
    main()
