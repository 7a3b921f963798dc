"""What a sweep asks for ahead of time changes nothing, wherever it lies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import generated.cpu
from generated.support.lanes import units, width
from generated.support.prefetching import prefetch

CPU = Path(generated.cpu.__path__[0])
PASSES = ("_forward", "_backward")


@numba.njit
def copied(first, second, out, ahead):
    for t in range(out.shape[0]):
        for item in range(out.shape[1]):
            for start in range(0, out.shape[2], width(out)):
                unit = units(start, out.shape[2], out)
                prefetch(t + ahead, item, unit, first, second)
                prefetch(t + ahead, item, out.shape[2] + unit, second)
                out[t, item, unit] = first[t, item, unit] + second[t, item, out.shape[2] + unit]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ahead", [-1, 0, 1, 10**9, -(10**9)])
def test_nothing_depends_on_it_outside_of_the_arrays_either(dtype: Any, ahead: int) -> None:
    random = np.random.default_rng(0)
    first, second = (random.standard_normal((3, 2, size)).astype(dtype) for size in (21, 42))
    kept, out = (first.copy(), second.copy()), np.empty_like(first)
    copied(first, second, out, ahead)
    np.testing.assert_array_equal(out, first + second[:, :, 21:])
    np.testing.assert_array_equal(first, kept[0])
    np.testing.assert_array_equal(second, kept[1])


def test_only_units_of_arrays_of_steps_can_be_asked_for() -> None:
    @numba.njit
    def flat(array):
        prefetch(0, 0, units(0, 3, array), array)

    @numba.njit
    def plain(array):
        prefetch(0, 0, 0, array)

    for function, array in ((flat, np.ones((2, 3))), (plain, np.ones((1, 2, 3)))):
        with pytest.raises(numba.TypingError, match="prefetch is of units of arrays with three axes"):
            function(array)


@pytest.mark.parametrize("cell", sorted(path.stem for path in CPU.glob("*.py") if path.stem != "__init__"))
def test_a_backward_sweep_asks_for_every_row_that_it_visits_and_no_other(cell: str) -> None:
    """In one step less it asks for what it reads and writes in this one; the forward pass asks for nothing."""
    source = (CPU / f"{cell}.py").read_text(encoding="utf-8")
    forward, backward = (source.partition(f"def {name}_part(")[2].partition("\n\n\n")[0] for name in PASSES)
    assert "prefetch(" not in forward
    bodies = re.findall(r"\n +unit = units\(.*\n((?: +\S.*\n)+?)(?= +for |product_of_steps?\(|\Z)", backward + "\n")
    sweeps = [" ".join(body.split()) for body in bodies if "# (B." in body or "prefetch(" in body]
    assert sweeps
    for sweep in sweeps:
        asked = {
            (name, columns)
            for columns, names in re.findall(r"prefetch\( ?t - 1, item, (.*?unit), (.*?) ?\)", sweep)
            for name in names.split(", ")
        }
        assert asked == set(re.findall(r"(\w+)\[t, item, ([^\]]*unit)\]", sweep))
