"""A double of CuPy: what the device for hardware calls, with the same arguments; nothing runs, all is written down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np


class Array(np.ndarray):
    """An array of the double, with the address that CuPy's have."""

    @property
    def data(self) -> Any:
        """Where it lies."""
        return SimpleNamespace(ptr=self.ctypes.data)


class Function:
    """A kernel in a module. `ptr` is what the driver knows it by."""

    def __init__(self, double: Cupy, name: str) -> None:
        self.ptr = name
        self._double = double

    def __call__(self, grid, block, args, shared_mem=0, stream=None, enable_cooperative_groups=False):
        assert stream is None
        assert type(grid) is tuple
        assert type(block) is tuple
        for item in args:
            assert isinstance(item, Array) or type(item) is np.int32, item
        self._double.note("launch", self.ptr, grid, block, tuple(map(_plain, args)), shared_mem,
                          enable_cooperative_groups)  # fmt: skip


class Module:
    """A module of machine code; it has the functions whose names are in the code."""

    double: Cupy

    def load(self, cubin):
        """Take machine code."""
        assert type(cubin) is bytes
        self._cubin = cubin
        self.double.note("load", cubin[:4])

    def get_function(self, name):
        """A function by its name."""
        assert name.encode() in self._cubin
        return Function(self.double, name)


class Cupy:
    """The module. `calls` is what was called, `own` the bytes of static shared memory of every kernel."""

    ndarray = Array

    def __init__(self, own: int = 1024) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.own = own
        self.number = 0
        attributes = {"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 232448}
        self.cuda = SimpleNamespace(
            Device=lambda: SimpleNamespace(compute_capability="90", attributes=attributes),
            runtime=SimpleNamespace(getDevice=lambda: self.number, getDeviceCount=lambda: 2),
            function=SimpleNamespace(Module=type("Module", (Module,), {"double": self})),
            driver=SimpleNamespace(
                CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES=1,
                CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES=8,
                funcGetAttribute=lambda attribute, pointer: {1: self.own}[attribute],
                funcSetAttribute=lambda *given: self.note("set", *given),
                occupancyMaxActiveBlocksPerMultiprocessor=self._occupancy,
            ),
        )

    def note(self, *call: Any) -> None:
        """Write a call down."""
        self.calls.append(call)

    def taken(self) -> list[tuple[Any, ...]]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def zeros(self, shape, dtype=np.float64):
        """As that of NumPy."""
        return np.zeros(shape, dtype).view(Array)

    def _occupancy(self, pointer: str, threads: int, shared: int) -> int:
        return min(2048 // threads, 233472 // (self.own + shared + 1024))


def _plain(item: Any) -> Any:
    return ("array", item.data.ptr) if isinstance(item, Array) else int(item)
