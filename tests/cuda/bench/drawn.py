"""Arguments for a cell of which no more is known than its signature, in float64 and as a device takes them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from generated.support.cuda.devices import Device
from generated.support.expected import Dtype
from generated.support.signature import Signature
from tests.kernels.arguments import Arguments

FIELDS = ("params", "inputs", "state", "dy", "dstate")
"""What has the dtype of the parameters, beside the weight and a target that is no id."""

REFUSED = ": regime: "
"""What a ValueError says by which a regime refuses sizes or a dtype."""


@dataclass(frozen=True, slots=True)
class SignatureNames:
    """The names of a cell, from its signature."""

    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[str, ...]
    loss: str


def names(signature: Signature) -> SignatureNames:
    """The names as calls and results need them."""
    groups = (signature.params, signature.inputs, signature.outputs, signature.states)
    return SignatureNames(*(tuple(name for name, _ in group) for group in groups), signature.loss)


def draw(
    signature: Signature, sizes: Mapping[str, int], steps: int, batch: int, lengths: Sequence[int] | None, seed: int = 1
) -> Arguments:
    """Arrays in float64: non-zero initial states, errors on every output and last state; all steps without lengths.

    Matrices are small enough for values to stay bounded at any size.
    """
    stream = np.random.default_rng(seed)

    def parameter(dimensions: tuple[str, ...]) -> np.ndarray:
        shape = tuple(sizes[name] for name in dimensions)
        bound = shape[-1] ** -0.5 if len(shape) == 2 else 0.7
        return np.asarray(stream.uniform(-bound, bound, shape) + (0.0 if shape else 0.8))

    def rows(size: str, *leading: int) -> np.ndarray:
        return stream.normal(size=(*leading, sizes[size]))

    target = weight = None
    if signature.loss:
        size = sizes[signature.outputs[0][1]]
        if signature.loss == "mse":
            target = stream.normal(size=(steps, batch, size))
        else:
            target = stream.integers(0, size, (steps, batch))
        weight = stream.uniform(0.0, 1.0, (steps, batch))
    return Arguments(
        params=tuple(parameter(dimensions) for _, dimensions in signature.params),
        inputs=tuple(rows(size, steps, batch) for _, size in signature.inputs),
        state=tuple(0.7 * rows(size, batch) for _, size in signature.states),
        lengths=None if lengths is None else np.array(lengths),
        dy=tuple(rows(size, steps, batch) for _, size in signature.outputs),
        dstate=tuple(rows(size, batch) for _, size in signature.states),
        target=target,
        weight=weight,
    )


def ragged(steps: int, batch: int) -> list[int]:
    """Lengths from all steps down to none; the longest sequence is not the last one."""
    return [max(steps - 3 * number, 0) if number % 4 != 3 else steps for number in range(batch)]


def cast(given: Arguments, dtype: Dtype) -> Arguments:
    """The same numbers rounded to another dtype."""
    changed: dict[str, Any] = {name: tuple(array.astype(dtype) for array in getattr(given, name)) for name in FIELDS}
    if given.weight is not None:
        changed["weight"] = given.weight.astype(dtype)
    if given.target is not None and given.target.dtype.kind != "i":
        changed["target"] = given.target.astype(dtype)
    return replace(given, **changed)


def moved(given: Arguments, move: Any) -> Arguments:
    """Every array through `move`, but for the lengths, which may stay on the host."""
    changed = {name: tuple(map(move, getattr(given, name))) for name in FIELDS}
    optional = {name: move(value) for name in ("target", "weight") if (value := getattr(given, name)) is not None}
    return replace(given, **changed, **optional)


def taken(module: ModuleType, name: str) -> Dtype | None:
    """The dtype of that name, if `init` of the module takes it.

    NumPy knows bfloat16 once a package has registered it, which CuPy needs as well.
    """
    with suppress(ImportError):
        importlib.import_module("ml_dtypes")
    small = {size: 2 for dimension in module.SIGNATURE.sizes for size in dimension}
    try:
        params = module.init(**small, dtype=name)
    except (TypeError, ValueError):
        return None
    return np.dtype(params[0].dtype) if params else np.dtype(name)


def host(device: Device, results: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Results of a device as arrays of the host, which waits for it."""
    return {name: np.asarray(device.host(array)) for name, array in results.items()}
