"""Calls on arrays of 16 bits, beside the reference in float64 on the same numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np

from generated.support.cuda.devices import using
from tests.cuda.devices import SimulatedDevice
from tests.cuda.test_cuda_kernels import InRegime, case
from tests.kernels.arguments import Arguments
from tests.kernels.harness import call_backward, call_forward, draw_arguments, named_results

DTYPES = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
TOLERANCE = {"float16": 2.5e-3, "bfloat16": 2e-2}
"""How far what a call gives may be from the exact values, where the largest of them is 1: 5 roundings of a dtype.

A single parameter may be four times as far, where the largest of its own gradients is 1: these are sums over steps and
batch, of terms of both signs.
"""
_FLOATING = ("params", "inputs", "state", "dy", "dstate")


def drawn(cell: Any, dtype: np.dtype, sizes: dict[str, int], lengths: list[int], seed: int = 0) -> Arguments:
    """Arguments of a dtype, with weights as small as a cell begins with: 1 / sqrt(columns) at most."""
    given = draw_arguments(cell, sizes, seed, steps=max(lengths), batch=len(lengths))
    shrunk = tuple(array / np.sqrt(array.shape[1]) if array.ndim == 2 else array for array in given.params)
    given = replace(given, params=shrunk, lengths=np.array(lengths))
    return in_dtype(given, dtype)


def in_dtype(given: Arguments, dtype: np.dtype) -> Arguments:
    """The same call with arrays of another dtype; lengths and ids stay."""
    changed: dict[str, Any] = {
        field: tuple(array.astype(dtype) for array in getattr(given, field)) for field in _FLOATING
    }
    for field in ("target", "weight"):
        array = getattr(given, field)
        if array is not None and array.dtype.kind not in "iu":
            changed[field] = array.astype(dtype)
    return replace(given, **changed)


def run(
    module: ModuleType, cell: Any, given: Arguments, regime: str, device: SimulatedDevice | None = None
) -> dict[str, np.ndarray]:
    """Values and gradients by name, from one call of each pass in the simulator."""
    with using(device or SimulatedDevice()):
        loss, y, last, tape = call_forward(InRegime(module, regime), cell, given)
        return named_results(cell, loss, y, last, call_backward(module, cell, given, tape))


@cache
def exact(name: str, dtype: str, sizes: tuple[tuple[str, int], ...], lengths: tuple[int, ...]) -> dict[str, np.ndarray]:
    """What the reference gives in float64."""
    each = case(name, "reference")
    given = in_dtype(drawn(each.cell, DTYPES[dtype], dict(sizes), list(lengths)), np.dtype(np.float64))
    loss, y, last, tape = call_forward(each.module, each.cell, given)
    return named_results(each.cell, loss, y, last, call_backward(each.module, each.cell, given, tape))


def assert_near(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray], dtype: str) -> None:
    """What a call gave is as near as `TOLERANCE` says, in the dtype of the call; a loss is of float32."""
    assert set(got) == set(wanted)
    largest: dict[str, float] = {}
    errors: dict[str, float] = {}
    for name, expected in wanted.items():
        assert got[name].dtype == (np.dtype(np.float32) if name == "loss" else DTYPES[dtype]), name
        assert got[name].shape == expected.shape
        largest[name] = float(np.max(np.abs(expected), initial=0.0))
        errors[name] = float(np.max(np.abs(got[name].astype(np.float64) - expected), initial=0.0))
    faults = []
    for kind in sorted({_kind(name) for name in wanted}):
        names = [name for name in wanted if _kind(name) == kind]
        scale = max(largest[name] for name in names)
        for name in names:
            allowed = TOLERANCE[dtype] * min(scale, 4 * largest[name])
            if not errors[name] <= allowed:
                faults.append(f"{name}: off by {errors[name]:.3g} where {allowed:.3g} is allowed")
    assert not faults, "\n".join(faults)


def _kind(name: str) -> str:
    """What arrays are compared with: "y", "state", "grads.params", "grads.x", "grads.state", "loss"."""
    return name.rpartition(".")[0] or name
