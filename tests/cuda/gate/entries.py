"""The kernels of a cell through the gate: what those take that pass, and why the others do not."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

import numpy as np

from generated.support.cuda.dtypes import asked
from tests.cuda.gate.compiling import RefusedError, resources
from tests.cuda.gate.launched import GRIDS, kernels
from tests.cuda.gate.page import Entry

DTYPES = ("float32", "float64")
RECORDED = (*DTYPES, "bfloat16")
"""Those on the page; float16 takes what bfloat16 does, but for the conversions."""


def passed(
    cell: str,
    dtype: str,
    architectures: Iterable[str],
    sizes: Iterable[int] | None = None,
    of_grid: tuple[int, ...] = GRIDS,
) -> tuple[list[Entry], list[str]]:
    """The entries of the kernels of a cell on these architectures, and the messages of those that are refused.

    `sizes` are those of `kernels`.
    """
    entries, refused = [], []
    made = kernels(cell, importlib.import_module("numba.cuda"), np.dtype(asked(dtype)), sizes, of_grid)
    names = tuple(architectures)
    cases = ((each, name) for each in made for name in names)
    for kernel, architecture in cases:
        try:
            found = resources(kernel, architecture)
        except RefusedError as error:
            refused.append(str(error))
            continue
        name = kernel.function.__name__
        entries.append(
            Entry(
                dtype,
                cell,
                kernel.size,
                name,
                kernel.threads,
                found.shared + kernel.shared,
                architecture,
                found.registers,
            )
        )
    return entries, refused
