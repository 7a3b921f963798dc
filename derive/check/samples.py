"""Random data for the checks, and one way to run any target on it.

The quantity that is differentiated is J = loss + sum(dy * y) + sum(dstate * last state): every output, every last
state and the loss itself carry an error, so that no route is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from derive.equations.model import Equations, Kind

Array = npt.NDArray[Any]
Leaves = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a sample is: T, B, the sizes to take in turn for the dimensions, and what is special about it.

    `entrywise` asks for the difference by every single entry.
    """

    name: str
    steps: int
    batch: int
    sizes: tuple[int, ...]
    entrywise: bool = False
    ragged: bool = False
    last_only: bool = False


@dataclass(frozen=True)
class Sample:
    """Arrays for one run. `leaves` are what is differentiated: parameters, inputs and initial states.

    The keys of `leaves` are names of the cell; that of an initial state is `c[0]`. `lengths` is None for whole
    sequences; `target` and `weight` are None without a loss.
    """

    equations: Equations
    leaves: Leaves
    errors: tuple[Array, ...]
    ends: tuple[Array, ...]
    lengths: Array | None
    target: Array | None
    weight: Array | None

    def astype(self, dtype: npt.DTypeLike) -> Sample:
        """The same sample in another dtype; integer arrays stay."""

        def cast(array: Array | None) -> Array | None:
            return array if array is None or array.dtype.kind in "iu" else array.astype(dtype)

        return replace(
            self,
            leaves={name: array.astype(dtype) for name, array in self.leaves.items()},
            errors=tuple(array.astype(dtype) for array in self.errors),
            ends=tuple(array.astype(dtype) for array in self.ends),
            target=cast(self.target),
            weight=cast(self.weight),
        )

    def with_leaf(self, name: str, array: Array) -> Sample:
        """The sample with one leaf replaced."""
        return replace(self, leaves={**self.leaves, name: array})


def draw(equations: Equations, shape: Shape, seed: int, *, positive: bool = False) -> Sample:
    """A float64 sample with non-zero initial states; `positive` keeps it inside the domain of roots and logarithms."""
    stream = np.random.default_rng([seed, shape.steps, shape.batch, *shape.sizes])
    sizes = {
        dimension.name: shape.sizes[index % len(shape.sizes)] for index, dimension in enumerate(equations.dimensions)
    }

    def normal(*axes: int, scale: float = 1.0) -> Array:
        values = stream.normal(scale=scale, size=axes)
        return np.abs(values) + 0.05 if positive else values

    leaves: dict[str, Array] = {}
    for name in equations.parameters:
        symbol = equations.symbols[name]
        axes = tuple(sizes[dimension] for dimension in symbol.shape)
        if symbol.kind is Kind.MATRIX:
            leaves[name] = normal(*axes, scale=0.7 / np.sqrt(axes[1]))
        else:
            signs = 1.0 if positive else stream.choice([-1.0, 1.0], size=axes)
            leaves[name] = np.asarray(stream.uniform(0.15, 0.7, size=axes) * signs)
    for name in equations.inputs:
        leaves[name] = normal(shape.steps, shape.batch, sizes[equations.symbols[name].shape[0]])
    for name in equations.states:
        leaves[initial(name)] = normal(shape.batch, sizes[equations.symbols[name].shape[0]], scale=0.6)

    outputs = [sizes[equations.symbols[name].shape[0]] for name in equations.outputs]
    states = [sizes[equations.symbols[name].shape[0]] for name in equations.states]
    quiet = 0.0 if shape.last_only and states else 1.0
    target, weight = _target(equations, shape, outputs[0], stream)
    return Sample(
        equations,
        leaves,
        errors=tuple(quiet * stream.normal(size=(shape.steps, shape.batch, size)) for size in outputs),
        ends=tuple(stream.normal(size=(shape.batch, size)) for size in states),
        lengths=stream.integers(0, shape.steps + 1, size=shape.batch) if shape.ragged else None,
        target=target,
        weight=None if weight is None else quiet * weight,
    )


def _target(
    equations: Equations, shape: Shape, size: int, stream: np.random.Generator
) -> tuple[Array | None, Array | None]:
    if equations.loss is None:
        return None, None
    rows = (shape.steps, shape.batch)
    if equations.loss.rule == "mse":
        target: Array = stream.normal(size=(*rows, size))
    else:
        target = stream.integers(0, size, size=rows)
    return target, stream.uniform(0.2, 1.0, size=rows)


def initial(state: str) -> str:
    """The key of an initial state among the leaves."""
    return f"{state}[0]"


def value(module: ModuleType, sample: Sample) -> tuple[float, float]:
    """J, and the sum of the magnitudes that add up to it, which bounds its rounding error."""
    loss, outputs, states, _ = run(module, sample, keep_tape=False)
    pairs = [*zip(outputs, sample.errors, strict=True), *zip(states, sample.ends, strict=True)]
    total = float(loss) + sum(float((array * error).sum()) for array, error in pairs)
    size = abs(float(loss)) + sum(float(np.abs(array * error).sum()) for array, error in pairs)
    return total, size


def gradient(module: ModuleType, sample: Sample) -> dict[str, Array]:
    """The gradient of J by every leaf, from the module's backward pass."""
    equations = sample.equations
    _, _, _, tape = run(module, sample, keep_tape=True)
    dy = sample.errors[0] if len(sample.errors) == 1 else module.Outputs(*sample.errors)
    grads = module.backward(_params(module, sample), tape, dy, module.State(*sample.ends))
    inputs = (grads.x,) if len(equations.inputs) == 1 else grads.x
    return {
        **dict(zip(equations.parameters, grads.params, strict=True)),
        **dict(zip(equations.inputs, inputs, strict=True)),
        **{initial(name): array for name, array in zip(equations.states, grads.state, strict=True)},
    }


def run(module: ModuleType, sample: Sample, *, keep_tape: bool) -> tuple[float, tuple[Array, ...], Any, Any]:
    """Loss (0 without one), outputs, last state and tape of the module's forward pass."""
    equations = sample.equations
    inputs = [sample.leaves[name] for name in equations.inputs]
    x = inputs[0] if len(inputs) == 1 else module.Inputs(*inputs)
    state = module.State(*(sample.leaves[initial(name)] for name in equations.states))
    for_loss = (sample.target, sample.weight) if equations.loss else ()
    result = module.forward(
        _params(module, sample), x, *for_loss, state=state, lengths=sample.lengths, keep_tape=keep_tape
    )
    loss, y, last, tape = result if equations.loss else (0.0, *result)
    return loss, (y,) if len(equations.outputs) == 1 else tuple(y), last, tape


def _params(module: ModuleType, sample: Sample) -> Any:
    return module.Params(*(sample.leaves[name] for name in sample.equations.parameters))
