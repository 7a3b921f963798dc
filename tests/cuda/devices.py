"""A device whose arrays are NumPy's and whose kernels run in the simulator: for the drivers of generated modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.devices import Array, Device, Factory
from generated.support.cuda.dtypes import real
from generated.support.cuda.graphs import key
from generated.support.cuda.grids import Limits
from generated.support.expected import Dtype, describe
from tests.cuda.limits import H200
from tests.cuda.simulator import FORWARD, Schedule, cuda, launch

KINDS = {
    "Count": lambda item, dtype: type(item) is int,
    "Counts": lambda item, dtype: item.dtype == np.int32,
    "Reals": lambda item, dtype: item.dtype == real(dtype),
    "Stored": lambda item, dtype: item.dtype == dtype,
}
"""What an argument must be for its annotation, by which a device compiles the kernel for a dtype."""


class SimulatedDevice(Device):
    """Runs kernels under one schedule; memory that nobody has written holds NaN.

    `launched` are names of kernels, `allocated` is how many arrays did not come from a workspace. The device holds
    `room` blocks for each of its multiprocessors at once, whatever these take.
    """

    xp = np
    threads = 8

    def __init__(self, schedule: Schedule = FORWARD, limits: Limits = H200, room: int = 1) -> None:
        self.schedule = schedule
        self.launched: list[str] = []
        self.allocated = 0
        self._dtypes: dict[Any, Dtype] = {}
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
        """By NumPy; shapes and dtypes must agree as they are."""
        assert out.shape == (a.shape[0], b.shape[1])
        assert a.dtype == b.dtype
        assert out.dtype in (a.dtype, real(a.dtype))
        out[...] = np.matmul(a.astype(real(a.dtype)), b.astype(real(a.dtype)))

    def kernels(self, factory: Factory, dtype: Dtype, *sizes: int, threads: int = 0) -> SimpleNamespace:
        """Plain functions."""
        made = factory(cuda, real(dtype).type, *sizes)
        self._dtypes.update(dict.fromkeys(made, dtype))
        return SimpleNamespace(**{item.__name__: item for item in made})

    def repeated(self, step: Callable[[int], None], times: range) -> None:
        """The steps as they are; what they know from around them could be the key of a graph."""
        assert key(step, lambda array: int(array.ctypes.data))
        super().repeated(step, times)

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
            assert KINDS[kind](item, self._dtypes[kernel]), (kernel.__name__, kind)
        flat = [item.reshape(-1) if isinstance(item, np.ndarray) else item for item in arguments]
        assert all(np.shares_memory(a, b) for a, b in zip(flat, arguments, strict=True) if getattr(a, "size", 0))
        resident = self.resident(kernel, threads, shared) if cooperative else 1
        if blocks > resident and cooperative:
            raise ValueError(f"{kernel.__name__}: {blocks} blocks are not on the device together: {resident} are")
        launch(kernel, blocks, threads, flat, self.schedule, resident, shared)
