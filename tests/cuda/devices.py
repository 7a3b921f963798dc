"""A device whose arrays are NumPy's and whose kernels run in the simulator: for the drivers of generated modules."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.devices import Array, Device, Factory
from generated.support.cuda.regimes import Limits
from generated.support.expected import Dtype
from tests.cuda.simulator import FORWARD, Schedule, cuda, launch

H200 = Limits(multiprocessors=132, shared=227 * 1024)
KINDS = {
    "Count": lambda item: type(item) is int,
    "Counts": lambda item: item.dtype == np.int32,
    "Reals": lambda item: item.dtype in (np.float32, np.float64),
}
"""What an argument must be for its annotation, by which a device compiles the kernel."""


class SimulatedDevice(Device):
    """Runs kernels under one schedule; memory that nobody has written holds NaN. `launched` are names of kernels."""

    xp = np
    threads = 8

    def __init__(self, schedule: Schedule = FORWARD, limits: Limits = H200, room: int = 1) -> None:
        self.schedule = schedule
        self.launched: list[str] = []
        self._limits, self._room = limits, room

    @property
    def limits(self) -> Limits:
        """As given."""
        return self._limits

    def resident(self, kernel: Any, threads: int, shared: int = 0) -> int:
        """`room` blocks for each multiprocessor."""
        return self.limits.multiprocessors * self._room

    def array(self, value: object, place: str) -> Array:
        """Arrays of NumPy stand for those of a device."""
        if isinstance(value, np.ndarray):
            return value
        raise TypeError(f"{place}: expected an array on the device, received {type(value).__name__}")

    def empty(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An array of NaN."""
        return np.full(shape, np.nan, dtype)

    def product(self, a: Array, b: Array, out: Array) -> None:
        """By NumPy; shapes must agree as they are."""
        assert out.shape == (a.shape[0], b.shape[1])
        np.matmul(a, b, out=out)

    def kernels(self, factory: Factory, dtype: Dtype, *sizes: int, threads: int = 0) -> SimpleNamespace:
        """Plain functions."""
        return SimpleNamespace(**{item.__name__: item for item in factory(cuda, dtype.type, *sizes)})

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
        """Run a kernel in the simulator, with arrays as rows of elements.

        Blocks that may not wait for each other run one behind the other.
        """
        assert shared <= self.limits.shared
        self.launched.append(kernel.__name__)
        for kind, item in zip(kernel.__annotations__.values(), arguments, strict=True):
            assert KINDS[kind](item), (kernel.__name__, kind)
        flat = [item.reshape(-1) if isinstance(item, np.ndarray) else item for item in arguments]
        assert all(np.shares_memory(a, b) for a, b in zip(flat, arguments, strict=True) if getattr(a, "size", 0))
        resident = self.resident(kernel, threads, shared) if cooperative else 1
        assert not cooperative or blocks <= resident
        launch(kernel, blocks, threads, flat, self.schedule, resident, shared)
