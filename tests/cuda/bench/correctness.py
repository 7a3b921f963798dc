"""Values and gradients beside the NumPy kernels in float64, and whether equal calls give equal bits.

The errors are bounded in the maximum norm, each array by its own largest value: 64 T eps of it in float32, 1e-12 in
float64, 2e-2 in bfloat16, and an eighth of that in float16, which has three bits more.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from generated.support.cuda.devices import Device
from tests.cuda.bench import drawn
from tests.cuda.bench.cases import Case, sizes
from tests.kernels.arguments import Arguments, call_backward, call_forward, named_results

REPEATED = 20
"""Equal calls, of which all but the first may be replays of a graph."""


def run(case: Case, device: Device, repeated: int = REPEATED) -> dict[str, Any]:
    """The outcome of a case: "met", "missed" or "left out", and why."""
    module = importlib.import_module(f"generated.cuda.{case.cell}")
    dtype = drawn.taken(module, case.dtype)
    if dtype is None:
        return {"outcome": "left out", "why": f"init takes no {case.dtype}"}
    shape, signature = case.shape, module.SIGNATURE
    lengths = drawn.ragged(shape.steps, shape.batch)
    exact = drawn.draw(signature, sizes(signature, shape), shape.steps, shape.batch, lengths)
    given = drawn.cast(exact, dtype)
    on_device = drawn.moved(given, device.moved)
    try:
        first = drawn.host(device, _results(module, on_device, case.regime))
    except ValueError as refusal:
        if drawn.REFUSED not in str(refusal):
            raise
        return {"outcome": "left out", "why": str(refusal)}
    if case.kind == "torch":
        return _on_a_stream_of_torch(module, case, given, first)
    wanted = _reference(case.cell, drawn.cast(given, np.dtype(np.float64)))
    result = judged(first, wanted, case)
    others = _other_bits(module, device, on_device, case.regime, first, repeated)
    if others:
        result["outcome"], result["why"] = "missed", "; ".join(filter(None, (result["why"], others)))
    return result


def judged(got: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray], case: Case) -> dict[str, Any]:
    """Whether every array is within its bound; `arrays` has the largest error and the bound of each."""
    arrays = {name: _error(got[name], array, case) for name, array in wanted.items()}
    faults = [name for name, (off, allowed) in arrays.items() if off is None or off > allowed]
    if set(got) != set(wanted):
        faults.append(f"names: {sorted(got)} for {sorted(wanted)}")
    shares = [off / allowed for off, allowed in arrays.values() if off is not None and allowed]
    return {
        "outcome": "missed" if faults else "met",
        "why": "off by more than allowed: " + ", ".join(faults) if faults else "",
        "share": max(shares, default=0.0),
        "arrays": arrays,
    }


def allowed(dtype: str, steps: int) -> float:
    """The bound on errors, as a part of the largest value."""
    return {
        "float32": 64 * max(steps, 1) * float(np.finfo(np.float32).eps),
        "float64": 1e-12,
        "bfloat16": 2e-2,
        "float16": 2e-2 / 8,
    }[dtype]


def _error(got: np.ndarray, wanted: np.ndarray, case: Case) -> tuple[float | None, float]:
    """The largest difference, None where it is no finite number or shapes differ, and how large it may be."""
    bound = allowed(case.dtype, case.shape.steps) * float(np.abs(wanted).max(initial=0.0))
    if got.shape != wanted.shape:
        return None, bound
    off = float(np.abs(got.astype(np.float64) - wanted).max(initial=0.0))
    return off if np.isfinite(off) else None, bound


def _results(module: ModuleType, given: Arguments, regime: str) -> dict[str, Any]:
    """Values and gradients by name, of one call of each pass."""
    names = drawn.names(module.SIGNATURE)
    loss, y, last, tape = call_forward(module, names, given, regime=regime)
    return named_results(names, loss, y, last, call_backward(module, names, given, tape))


def _reference(cell: str, given: Arguments) -> dict[str, np.ndarray]:
    """The same by the NumPy kernels."""
    module = importlib.import_module(f"generated.reference.{cell}")
    names = drawn.names(module.SIGNATURE)
    loss, y, last, tape = call_forward(module, names, given)
    results = named_results(names, loss, y, last, call_backward(module, names, given, tape))
    return {name: np.asarray(array) for name, array in results.items()}


def _other_bits(
    module: ModuleType,
    device: Device,
    given: Arguments,
    regime: str,
    first: Mapping[str, np.ndarray],
    repeated: int,
) -> str:
    """In which of several equal calls, and in that without a tape, which arrays have other bits."""
    names = drawn.names(module.SIGNATURE)
    loss, y, last, _ = call_forward(module, names, given, regime=regime, keep_tape=False)
    values = drawn.host(device, named_results(names, loss, y, last, None))
    found = [f"without a tape: {name}" for name in differing(values, first)]
    for number in range(1, repeated):
        again = drawn.host(device, _results(module, given, regime))
        found += [f"call {number + 1}: {name}" for name in differing(again, first)]
    return f"other bits: {', '.join(found[:8])}" if found else ""


def differing(some: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> list[str]:
    """The names of arrays whose bits are others."""
    return [name for name, array in some.items() if array.tobytes() != others[name].tobytes()]


def _on_a_stream_of_torch(
    module: ModuleType, case: Case, given: Arguments, first: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Tensors that are written late on a stream of torch, and results read on it without waiting, have equal bits."""
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        return {"outcome": "left out", "why": f"torch cannot be imported: {error}"}
    tensors = drawn.moved(given, lambda array: torch.from_numpy(array).cuda())
    late = tuple(torch.full_like(tensor, float("nan")) for tensor in tensors.inputs)
    busy = torch.ones((4096, 4096), device="cuda")
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(50):
            torch.mm(busy, busy)
        for tensor, source in zip(late, tensors.inputs, strict=True):
            tensor.copy_(source)
        results = _results(module, replace(tensors, inputs=late), case.regime)
        read = {name: torch.from_dlpack(array).clone() for name, array in results.items()}
    stream.synchronize()
    found = differing({name: tensor.cpu().numpy() for name, tensor in read.items()}, first)
    return {"outcome": "missed" if found else "met", "why": f"other bits: {', '.join(found)}" if found else ""}
