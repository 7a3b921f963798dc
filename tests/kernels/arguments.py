"""The arguments of a module of kernels, calls with them, and what they give by name: NumPy is all that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np


class Names(Protocol):
    """The names of a cell, as `Equations` has them; `loss` is empty or None where there is none."""

    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[str, ...]
    loss: Any


@dataclass(frozen=True)
class Arguments:
    """Everything that `forward` and `backward` of a cell take, as NumPy arrays in the order of the cell's names."""

    params: tuple[np.ndarray, ...]
    inputs: tuple[np.ndarray, ...]
    state: tuple[np.ndarray, ...]
    lengths: np.ndarray
    dy: tuple[np.ndarray, ...]
    dstate: tuple[np.ndarray, ...]
    target: np.ndarray | None = None
    weight: np.ndarray | None = None


def call_forward(module: ModuleType, cell: Names, given: Arguments, **options: Any) -> tuple[Any, ...]:
    """(loss or None, y, state, tape) of a module's `forward`."""
    params = options.pop("params", None) or module.Params(*given.params)
    x = given.inputs[0] if len(given.inputs) == 1 else module.Inputs(*given.inputs)
    judged = (given.target, given.weight) if cell.loss else ()
    results = module.forward(params, x, *judged, module.State(*given.state), given.lengths, **options)
    return results if cell.loss else (None, *results)


def call_backward(module: ModuleType, cell: Names, given: Arguments, tape: Any) -> Any:
    """The gradients that a module's `backward` gives."""
    dy: Any = given.dy[0] if len(given.dy) == 1 else module.Outputs(*given.dy)
    return module.backward(module.Params(*given.params), tape, dy, module.State(*given.dstate))


def named_results(cell: Names, loss: Any, y: Any, last: Any, grads: Any) -> dict[str, Any]:
    """What one call of `forward` and, unless `grads` is None, one of `backward` give, by the names of the oracle."""
    values = {"loss": loss} if cell.loss else {}
    values |= _named("y", cell.outputs, y)
    values |= _named("state", cell.states, last, several=True)
    if grads is None:
        return values
    values |= _named("grads.params", cell.parameters, grads.params, several=True)
    values |= _named("grads.x", cell.inputs, grads.x)
    return values | _named("grads.state", cell.states, grads.state, several=True)


def _named(kind: str, names: tuple[str, ...], arrays: Any, *, several: bool = False) -> dict[str, Any]:
    arrays = arrays if several or len(names) > 1 else (arrays,)
    assert len(arrays) == len(names)
    return {f"{kind}.{name}": array for name, array in zip(names, arrays, strict=True)}
