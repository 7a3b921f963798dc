"""The kernels that a generated module launches, and the threads of the blocks that it launches them with."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import generated.cuda
from generated.support.cuda import regimes, registers
from generated.support.cuda.devices import Device
from generated.support.cuda.dtypes import real
from generated.support.cuda.grids import TensorGrid
from generated.support.expected import Dtype
from tests.cuda.limits import H200

CELLS = tuple(sorted(path.stem for path in Path(generated.cuda.__path__[0]).glob("[a-z]*.py")))
GRIDS = (1024, 512, 256, 128)
"""Numbers of units, of which persistent kernels are compiled for the first that a grid can run: it spares the least.

The grids are those of an H200, for all architectures.
"""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of a cell: `size` is the number of units that it is made for, 0 where it serves any.

    A launch gives each block of it `shared` bytes beside what it declares. With `tensor` it has products, on tensor
    cores.
    """

    cell: str
    function: Callable[..., None]
    dtype: Dtype
    size: int
    threads: int
    shared: int = 0
    tensor: bool = False

    @property
    def persistent(self) -> bool:
        """Whether its blocks wait for each other."""
        return self.function.__name__.endswith(("_grid_loop", "_tensor_loop"))

    def __str__(self) -> str:
        size = f"{self.size} units" if self.size else "any size"
        return f"{self.cell}: {self.function.__name__} in {self.dtype}, {size}, {self.threads} threads"


def kernels(
    cell: str, cuda: Any, dtype: Dtype, sizes: Iterable[int] | None = None, of_grid: tuple[int, ...] = GRIDS
) -> Iterator[Kernel]:
    """All kernels of a cell, in the shapes that a device launches them in.

    `cuda` is the module that they are written for. Every size of the cell is the same, each of `sizes` in turn, by
    default of `tightest`; there are block kernels for those that `regimes.choose` gives to a block, and persistent ones
    for one of `of_grid`. Of 16 bits the default is persistent ones alone: the others are those of float32, but for what
    they load and store.
    """
    if sizes is None and dtype.itemsize == 2:
        yield from persistent(cell, cuda, dtype, of_grid)
        return
    module = importlib.import_module(f"generated.cuda.{cell}")
    computed = real(dtype).type
    for function in module.sweeps(cuda, computed):
        yield Kernel(cell, function, dtype, 0, Device.threads)
    for size in tightest(cell, dtype) if sizes is None else sizes:
        plan = _plan(module, dtype, size)
        if plan.regime != "block":
            continue
        for factory, shape in ((module.forward_block, plan.forward), (module.backward_block, plan.backward)):
            names = tuple(inspect.signature(factory).parameters)
            for function in factory(cuda, computed, shape.lanes, *(size for _ in names[3:])):
                yield Kernel(cell, function, dtype, size, shape.threads)
    yield from persistent(cell, cuda, dtype, of_grid)


def persistent(cell: str, cuda: Any, dtype: Dtype, sizes: tuple[int, ...] = GRIDS) -> Iterator[Kernel]:
    """The persistent kernels of a cell, for the first of `sizes` that a grid can run; of 16 bits on tensor cores."""
    module = importlib.import_module(f"generated.cuda.{cell}")
    for size in sizes:
        try:
            plan = _plan(module, dtype, size, "grid")
        except ValueError:
            continue
        passes = ("forward", plan.forward, module.LOOP.forward), ("backward", plan.backward, module.LOOP.backward)
        for direction, shape, products in passes:
            tensor = isinstance(shape, TensorGrid)
            factory = getattr(module, f"{direction}_{'tensor' if tensor else 'grid'}")
            names = tuple(inspect.signature(factory).parameters)
            same = (size for _ in names[2 + len(shape.numbers) :])
            for function in factory(cuda, real(dtype).type, *shape.numbers, *same):
                yield Kernel(cell, function, dtype, size, shape.threads, shape.shared, tensor and bool(products))
        return


def tightest(cell: str, dtype: Dtype) -> tuple[int, ...]:
    """The numbers of units for which a block has the fewest registers to spare, smallest first.

    With the same threads to a unit, more units need more registers for weights and leave a thread fewer: so these are
    the largest sizes before the threads to a unit change, and with them the largest of all. Sizes are left out whose
    blocks are so small that each thread can have as many registers as there are for one.
    """
    module = importlib.import_module(f"generated.cuda.{cell}")
    plans = [_plan(module, dtype, size) for size in range(1, registers.MOST_THREADS + 2)]
    return tuple(
        size
        for size, (plan, following) in enumerate(pairwise(plans), 1)
        if plan.regime == "block" and _lanes(plan) != _lanes(following)
        if registers.registers(max(plan.forward.threads, plan.backward.threads)) < registers.MOST_REGISTERS
    )


def _lanes(plan: regimes.Plan) -> tuple[int, int]:
    return plan.forward.lanes, plan.backward.lanes


def _plan(module: ModuleType, dtype: Dtype, size: int, regime: str = "auto") -> regimes.Plan:
    """What runs a cell all of whose sizes are the same."""
    sizes = {name: size for names in module.SIGNATURE.sizes for name in names}
    return regimes.choose(module.SIGNATURE.cell, module.LOOP, regime, sizes, np.dtype(dtype), H200)
