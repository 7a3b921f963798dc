"""A device whose arrays are NumPy's and whose kernels run in the simulator: for the drivers of generated modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.devices import Array, Device, Factory
from generated.support.cuda.graphs import key
from generated.support.expected import Dtype, describe
from tests.cuda.simulator import FORWARD, Schedule, cuda, launch

KINDS = {
    "Count": lambda item: type(item) is int,
    "Counts": lambda item: item.dtype == np.int32,
    "Reals": lambda item: item.dtype in (np.float32, np.float64),
}
"""What an argument must be for its annotation, by which a device compiles the kernel."""


class SimulatedDevice(Device):
    """Runs kernels under one schedule; memory that nobody has written holds NaN.

    `launched` are names of kernels, `allocated` is how many arrays did not come from a workspace. It holds
    so many blocks at once, `blocks`, whatever these take.
    """

    xp = np
    threads = 8

    def __init__(self, schedule: Schedule = FORWARD, blocks: int = 132) -> None:
        self.schedule = schedule
        self.blocks = blocks
        self.launched: list[str] = []
        self.allocated = 0

    def array(self, value: object, place: str) -> Array:
        """Arrays of NumPy stand for those of a device."""
        if isinstance(value, np.ndarray):
            return value
        raise TypeError(f"{place}: expected an array on the device, received {describe(value)}")

    def address(self, array: Array) -> int:
        """That of the array of NumPy."""
        return int(array.ctypes.data)

    def fresh(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An array of NumPy, counted."""
        self.allocated += 1
        return super().fresh(shape, dtype)

    def empty(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An array of NaN, also in a workspace."""
        array = super().empty(shape, dtype)
        array.fill(np.nan if array.dtype.kind == "f" else -1)
        return array

    def product(self, a: Array, b: Array, out: Array) -> None:
        """By NumPy; shapes must agree as they are."""
        assert out.shape == (a.shape[0], b.shape[1])
        np.matmul(a, b, out=out)

    def kernels(self, factory: Factory, dtype: Dtype, *sizes: int, threads: int = 0) -> SimpleNamespace:
        """Plain functions."""
        return SimpleNamespace(**{item.__name__: item for item in factory(cuda, dtype.type, *sizes)})

    def repeated(self, step: Callable[[int], None], times: range) -> None:
        """The steps as they are; what they know from around them could be the key of a graph."""
        assert key(step, self.address)
        super().repeated(step, times)

    def resident(self, kernel: Any, threads: int, shared: int = 0) -> int:
        """The number that was given."""
        return self.blocks

    def launch(
        self,
        kernel: Any,
        blocks: int,
        threads: int,
        arguments: Sequence[Any],
        *,
        shared: int = 0,
        cooperative: bool = False,
    ) -> None:
        """Run a kernel in the simulator, with arrays as rows of elements."""
        if cooperative and blocks > self.blocks:
            raise ValueError(f"{kernel.__name__}: {blocks} blocks are not on the device together: {self.blocks} are")
        self.launched.append(kernel.__name__)
        for kind, item in zip(kernel.__annotations__.values(), arguments, strict=True):
            assert KINDS[kind](item), (kernel.__name__, kind)
        flat = [item.reshape(-1) if isinstance(item, np.ndarray) else item for item in arguments]
        assert all(np.shares_memory(a, b) for a, b in zip(flat, arguments, strict=True) if getattr(a, "size", 0))
        launch(kernel, blocks, threads, flat, self.schedule, self.blocks)
