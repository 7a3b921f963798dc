"""The generated CUDA kernels as contenders: every regime, dtype and phase of a case."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from generated.support.cuda.devices import Device
from generated.support.cuda.regimes import REGIMES
from tests.bench.cases import Phase
from tests.bench.contender import Prepared, UnsupportedError
from tests.cuda.bench import drawn
from tests.cuda.bench.cases import DTYPES, Case, sizes
from tests.cuda.bench.correctness import allowed
from tests.cuda.bench.rounds import Clock, Contender, measured
from tests.kernels.arguments import Arguments, call_backward, call_forward, named_results


def timing(
    case: Case, device: Device, clock: Clock, tell: Callable[[str], None], without: Mapping[str, str]
) -> dict[str, Any]:
    """Ours alone."""
    return measured(list(ours(case, device, arguments(case))), clock, tolerance(case), tell, without)


def tolerance(case: Case) -> float:
    """What two contenders in float32 may differ by."""
    return allowed("float32", case.shape.steps)


def arguments(case: Case) -> Arguments:
    """What all contenders of a case get: sequences of the same length, errors on the outputs alone."""
    signature = importlib.import_module(f"generated.cuda.{case.cell}").SIGNATURE
    given = drawn.draw(signature, sizes(signature, case.shape), case.shape.steps, case.shape.batch, None)
    return replace(given, dstate=tuple(map(np.zeros_like, given.dstate)))


def ours(case: Case, device: Device, given: Arguments) -> Iterator[Contender]:
    """The module of a cell in every regime and dtype; what it does not take leaves itself out."""
    module = importlib.import_module(f"generated.cuda.{case.cell}")

    @cache
    def on_device(dtype: str) -> Arguments:
        real = drawn.taken(module, dtype)
        if real is None:
            raise UnsupportedError(f"init takes no {dtype}")
        return drawn.moved(drawn.cast(given, real), device.moved)

    def preparing(dtype: str, regime: str, phase: Phase) -> Callable[[], Prepared]:
        return lambda: _prepared(module, device, on_device(dtype), regime, phase)

    for dtype in DTYPES:
        for regime in REGIMES:
            for phase in Phase:
                yield Contender(f"ours, {regime}", dtype, phase.value, preparing(dtype, regime, phase))


def _prepared(module: Any, device: Device, given: Arguments, regime: str, phase: Phase) -> Prepared:
    """Either phase. Raises UnsupportedError where the regime does not run these sizes."""
    names = drawn.names(module.SIGNATURE)

    def forward() -> Any:
        loss, y, last, _ = call_forward(module, names, given, regime=regime, keep_tape=False)
        return loss, y, last, None

    def both() -> Any:
        loss, y, last, tape = call_forward(module, names, given, regime=regime)
        return loss, y, last, call_backward(module, names, given, tape)

    def read(result: Any) -> dict[str, np.ndarray]:
        found = drawn.host(device, named_results(names, *result))
        return {name: array.astype(np.float64) for name, array in found.items()}

    try:
        forward()
    except ValueError as refusal:
        if drawn.REFUSED in str(refusal):
            raise UnsupportedError(str(refusal)) from refusal
        raise
    return Prepared(forward if phase is Phase.FORWARD else both, read)
