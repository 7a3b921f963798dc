"""The kernels that a generated module launches, and the threads of the blocks that it launches them with."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import generated.cuda
from generated.support.cuda import regimes
from generated.support.cuda.devices import Device
from generated.support.expected import Dtype

CELLS = tuple(sorted(path.stem for path in Path(generated.cuda.__path__[0]).glob("[a-z]*.py")))
SIZES = (32, 64, 96)
"""Numbers of units for which block kernels are compiled, where a block can run them."""


GRIDS = (1024, 512, 256, 128)
"""Numbers of units, of which persistent kernels are compiled for the first that a grid can run: it spares the least."""
H200 = regimes.Limits(multiprocessors=132, shared=227 * 1024)
"""The device whose grids are compiled, for all architectures: another one deals units and lanes differently."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of a cell: `size` is the number of units that it is made for, 0 where it serves any.

    A launch gives each block of it `shared` bytes beside what it declares.
    """

    cell: str
    function: Callable[..., None]
    dtype: Dtype
    size: int
    threads: int
    shared: int = 0

    def __str__(self) -> str:
        size = f"{self.size} units" if self.size else "any size"
        return f"{self.cell}: {self.function.__name__} in {self.dtype}, {size}, {self.threads} threads"


def kernels(
    cell: str, cuda: Any, dtype: Dtype, sizes: tuple[int, ...] = SIZES, of_grid: tuple[int, ...] = GRIDS
) -> Iterator[Kernel]:
    """All kernels of a cell, in the shapes that a device launches them in.

    `cuda` is the module that they are written for. Every size of the cell is the same, each of `sizes` in turn; a cell
    has block kernels for those that `regimes.choose` gives to a block, and persistent ones for one of `of_grid`.
    """
    module = importlib.import_module(f"generated.cuda.{cell}")
    for function in module.sweeps(cuda, dtype.type):
        yield Kernel(cell, function, dtype, 0, Device.threads)
    for size in sizes:
        for factory, shape in blocks(module, dtype, size):
            names = tuple(inspect.signature(factory).parameters)
            for function in factory(cuda, dtype.type, shape.lanes, *(size for _ in names[3:])):
                yield Kernel(cell, function, dtype, size, shape.threads)
    yield from grids(cell, cuda, dtype, of_grid)


def grids(cell: str, cuda: Any, dtype: Dtype, sizes: tuple[int, ...] = GRIDS) -> Iterator[Kernel]:
    """The persistent kernels of a cell, for the first of `sizes` that a grid can run."""
    module = importlib.import_module(f"generated.cuda.{cell}")
    for size in sizes:
        every = {name: size for names in module.SIGNATURE.sizes for name in names}
        try:
            plan = regimes.choose(cell, module.LOOP, "grid", every, dtype, H200)
        except ValueError:
            continue
        for factory, shape in ((module.forward_grid, plan.forward), (module.backward_grid, plan.backward)):
            names = tuple(inspect.signature(factory).parameters)
            for function in factory(cuda, dtype.type, shape.lanes, shape.items, *(size for _ in names[4:])):
                yield Kernel(cell, function, dtype, size, shape.threads, shape.shared)
        return


def blocks(module: ModuleType, dtype: Dtype, size: int) -> tuple[tuple[Callable[..., Any], regimes.Block], ...]:
    """The factories of both passes with the shapes of their blocks; none where the library runs this size."""
    sizes = {name: size for names in module.SIGNATURE.sizes for name in names}
    plan = regimes.choose(module.SIGNATURE.cell, module.LOOP, "auto", sizes, np.dtype(dtype))
    if plan.regime != "block":
        return ()
    return (module.forward_block, plan.forward), (module.backward_block, plan.backward)
