"""Runs a kernel module on drawn arrays and compares what it gives with the oracle, name by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any

import numpy as np

from derive.equations import Equations
from derive.render import render_cpu
from generated.support import elementwise, scalar
from tests.kernels.arguments import Arguments, call_backward, call_forward, named_results

TOLERANCE = 1e-10


def draw_arguments(
    cell: Equations, sizes: Mapping[str, int], seed: int, steps: int | None = None, batch: int | None = None
) -> Arguments:
    """Arrays for `cell`: non-zero initial states, random lengths, errors on every output and last state."""
    stream = np.random.default_rng(seed)
    steps = int(stream.integers(1, 7)) if steps is None else steps
    batch = int(stream.integers(1, 4)) if batch is None else batch

    def shape(name: str) -> tuple[int, ...]:
        return tuple(sizes[dimension] for dimension in cell.symbols[name].shape)

    def parameter(name: str) -> np.ndarray:
        return np.asarray(stream.uniform(-1.0, 1.0, shape(name)) + (0.0 if shape(name) else 0.2))

    def rows(name: str, *leading: int) -> np.ndarray:
        return stream.normal(size=(*leading, *shape(name)))

    target = weight = None
    if cell.loss:
        size = shape(cell.outputs[0])[0]
        if cell.loss.rule == "mse":
            target = stream.normal(size=(steps, batch, size))
        else:
            target = stream.integers(0, size, (steps, batch))
        weight = stream.uniform(0.0, 1.0, (steps, batch))
    return Arguments(
        params=tuple(parameter(name) for name in cell.parameters),
        inputs=tuple(rows(name, steps, batch) for name in cell.inputs),
        state=tuple(0.7 * rows(name, batch) for name in cell.states),
        lengths=stream.integers(0, steps + 1, batch) if stream.integers(0, 3) else np.full(batch, steps),
        dy=tuple(rows(name, steps, batch) for name in cell.outputs),
        dstate=tuple(rows(name, batch) for name in cell.states),
        target=target,
        weight=weight,
    )


def run_module(module: ModuleType, cell: Equations, given: Arguments) -> dict[str, np.ndarray]:
    """Values and gradients by name, as the oracle names them."""
    loss, y, last, tape = call_forward(module, cell, given)
    assert_same_bits((loss, y, last), call_forward(module, cell, given, keep_tape=False)[:3])
    grads = call_backward(module, cell, given, tape)
    return named_results(cell, loss, y, last, grads)


def assert_agree(got: Mapping[str, Any], wanted: Mapping[str, np.ndarray], tolerance: float = TOLERANCE) -> None:
    """Every array has the shape of the wanted one, and its entries differ by `tolerance` of its largest or of 1."""
    assert set(got) == set(wanted)
    faults = []
    for name, expected in wanted.items():
        assert np.shape(got[name]) == expected.shape, name
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        worst = float(np.max(np.abs(got[name] - expected), initial=0.0))
        if not worst <= tolerance * scale:
            faults.append(f"{name}: off by {worst:.3g} where the largest value is {scale:.3g}")
    assert not faults, "\n".join(faults)


def leaves(value: Any) -> list[np.ndarray]:
    """All arrays inside nested tuples and the call of a tape, in order; what is no array is left out."""
    if is_dataclass(value):
        value = tuple(getattr(value, item.name) for item in fields(value))
    if isinstance(value, tuple):
        return [array for item in value for array in leaves(item)]
    return [np.asarray(value)] if isinstance(value, np.ndarray | np.generic) else []


def assert_same_bits(first: Any, second: Any) -> None:
    """Both hold the same arrays: shapes, dtypes and every value, where NaN equals NaN."""
    pairs = list(zip(leaves(first), leaves(second), strict=True))
    assert pairs
    for one, other in pairs:
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, strict=True)


def interpreted(plan: Any) -> ModuleType:
    """The CPU module of a plan, its loops run by Python itself: the same source, without compiling.

    Python's vectors have one element: a number.
    """
    source = render_cpu(plan, "float64")
    plain = re.sub(r"@(compiled|partial\(compiled, .*\))\n", "", source)
    assert plain != source
    assert not re.search(r"\n@(?!register_jitable\n)", plain)
    module = ModuleType("interpreted")
    exec(compile(plain, "<interpreted>", "exec", dont_inherit=True), module.__dict__)
    of_numbers = {name: function for name, function in vars(scalar).items() if name in vars(elementwise)}
    vars(module).update(
        {
            name: function
            for name, function in of_numbers.items()
            if vars(module).get(name) is getattr(elementwise, name)
        },
        width=lambda array: 1,
        prefetch=lambda *place_and_arrays: None,
        units=lambda start, size, array: start,
        total=lambda value, unit: value,
    )
    return module
