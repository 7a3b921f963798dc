"""`cuda`: what a kernel uses of numba.cuda, for the thread that runs at the moment."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
from greenlet import getcurrent

from tests.cuda.simulator import tensor
from tests.cuda.simulator.arrays import Array, TrackedArray
from tests.cuda.simulator.faults import DivergenceError, KernelError, ResidencyError
from tests.cuda.simulator.source import place
from tests.cuda.simulator.threads import WARP, Dim3, Thread

FULL_MASK = 0xFFFFFFFF
SHARED_BYTES = 48 * 1024
"""The most shared memory that a block can declare as arrays of constant size."""


def _thread() -> Thread:
    thread = getcurrent()
    if not isinstance(thread, Thread):
        raise RuntimeError("a kernel runs by launch(kernel, grid, block, arguments): no thread is running here")
    return thread


class _Shared:
    """`cuda.shared`."""

    def array(self, shape: Any, dtype: Any) -> TrackedArray:
        """The array of this block that this line of the kernel declares; one line always gives the same one.

        Of size 0, it is the dynamic shared memory, as much as the launch gives.
        """
        thread, instruction = _thread(), sys._getframe(1).f_lasti
        arrays = thread.block.shared
        if instruction not in arrays:
            launch = thread.launch
            size = shape if shape != 0 else launch.shared // np.dtype(dtype).itemsize
            arrays[instruction] = TrackedArray(launch, launch.title("shared", instruction), size, dtype)
            thread.block.taken += arrays[instruction].size * arrays[instruction].dtype.itemsize if shape != 0 else 0
            if thread.block.taken > SHARED_BYTES:
                raise KernelError(
                    f"{launch.name}: the shared arrays of a block take {thread.block.taken} bytes; a block has "
                    f"{SHARED_BYTES}\n"
                    f"  {thread} at {place(launch.code, instruction)}"
                )
        return arrays[instruction]


class _Local:
    """`cuda.local`."""

    def array(self, shape: Any, dtype: Any) -> Array:
        """An array of this thread."""
        launch = _thread().launch
        return Array(launch, launch.title("local", sys._getframe(1).f_lasti), shape, dtype)


class _Grid:
    """`cuda.cg.this_grid()`."""

    def sync(self) -> None:
        """Wait for all threads of all blocks. ResidencyError where not all blocks are on the device."""
        thread, instruction = _thread(), sys._getframe(1).f_lasti
        launch = thread.launch
        if launch.resident < len(launch.blocks):
            raise ResidencyError(
                f"{launch.name}: a barrier of {len(launch.blocks)} blocks, of which {launch.resident} are on the "
                f"device at a time\n  {thread} at {place(launch.code, instruction)}"
            )
        thread.meet(launch.grid, "this_grid().sync", instruction)


class Cuda:
    """Stands for `numba.cuda` in a kernel. Warp operations take the full mask; a shuffle orders no memory access."""

    shared = _Shared()
    local = _Local()
    cg = SimpleNamespace(this_grid=_Grid)
    warpsize = WARP

    @property
    def threadIdx(self) -> Dim3:  # noqa: N802
        """The coordinates of this thread in its block."""
        return _thread().position

    @property
    def blockIdx(self) -> Dim3:  # noqa: N802
        """The coordinates of this thread's block in the grid."""
        return _thread().block.position

    @property
    def blockDim(self) -> Dim3:  # noqa: N802
        """The shape of a block."""
        return _thread().launch.block_shape

    @property
    def gridDim(self) -> Dim3:  # noqa: N802
        """The shape of the grid."""
        return _thread().launch.grid_shape

    @property
    def laneid(self) -> int:
        """The number of this thread in its warp."""
        return _thread().lane

    def grid(self, dimensions: int) -> Any:
        """The coordinates of this thread in the whole grid: a number for one dimension, else a tuple."""
        return _of_dimensions(
            dimensions,
            *(b * n + t for b, n, t in zip(self.blockIdx, self.blockDim, self.threadIdx, strict=True)),
        )

    def gridsize(self, dimensions: int) -> Any:
        """How many threads the whole grid has: a number for one dimension, else a tuple."""
        return _of_dimensions(dimensions, *(b * n for b, n in zip(self.gridDim, self.blockDim, strict=True)))

    def syncthreads(self) -> None:
        """Wait for all threads of the block."""
        thread = _thread()
        thread.meet(thread.block, "syncthreads", sys._getframe(1).f_lasti)

    def ordered_accesses(self) -> tuple[Any, Any]:
        """What `generated.support.cuda.ordered` makes of instructions on a device: load_acquire and store_release."""

        def load_acquire(array: TrackedArray, index: Any) -> Any:
            return array.acquire(index, sys._getframe(1).f_lasti)

        def store_release(array: TrackedArray, index: Any, value: Any) -> None:
            array.release(index, value, sys._getframe(1).f_lasti)

        return load_acquire, store_release

    def tensor_operations(self) -> tuple[Any, Any, Any]:
        """What `generated.support.cuda.tensor` makes of instructions on a device."""
        return tensor.operations()

    def syncwarp(self, mask: int = FULL_MASK) -> None:
        """Wait for all threads of the warp; orders their accesses to memory."""
        _check(mask)
        thread = _thread()
        thread.meet(thread.warp, "syncwarp", sys._getframe(1).f_lasti)

    def shfl_sync(self, mask: int, value: Any, source: int) -> Any:
        """The value that lane `source` brings."""
        thread = _thread()
        return _exchange(thread, mask, value, int(source) % WARP, sys._getframe(1).f_lasti)

    def shfl_xor_sync(self, mask: int, value: Any, lane_mask: int) -> Any:
        """The value of the lane whose number differs in the bits of `lane_mask`."""
        thread = _thread()
        return _exchange(thread, mask, value, thread.lane ^ int(lane_mask), sys._getframe(1).f_lasti)

    def shfl_up_sync(self, mask: int, value: Any, delta: int) -> Any:
        """The value of the lane `delta` below; its own where there is none."""
        thread = _thread()
        return _exchange(thread, mask, value, thread.lane - int(delta), sys._getframe(1).f_lasti)

    def shfl_down_sync(self, mask: int, value: Any, delta: int) -> Any:
        """The value of the lane `delta` above; its own where there is none."""
        thread = _thread()
        return _exchange(thread, mask, value, thread.lane + int(delta), sys._getframe(1).f_lasti)

    def ballot_sync(self, mask: int, predicate: Any) -> np.uint32:
        """A bit for each lane whose predicate holds."""
        _check(mask)
        thread = _thread()
        instruction = sys._getframe(1).f_lasti
        votes = thread.meet(thread.warp, "ballot_sync", instruction, bool(predicate), orders=False)
        return np.uint32(sum(vote << lane for lane, vote in enumerate(votes)))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the simulator has no cuda.{name}; docs/simulator.md says what it models")


def _of_dimensions(dimensions: int, *coordinates: int) -> Any:
    return coordinates[0] if dimensions == 1 else coordinates[:dimensions]


def _check(mask: int) -> None:
    if mask != FULL_MASK:
        raise ValueError(f"the simulator takes the full mask 0xffffffff, not {mask:#x}")


def _exchange(thread: Thread, mask: int, value: Any, source: int, instruction: int) -> Any:
    """One shuffle. A lane outside the warp gives the own value, one without a thread a report."""
    _check(mask)
    values = thread.meet(thread.warp, "shuffle", instruction, value, orders=False)
    if not 0 <= source < WARP:
        return value
    if source >= len(values):
        raise DivergenceError(
            f"{thread.launch.name}: a shuffle reads lane {source}, and this warp has {len(values)} threads\n"
            f"  {thread} at {place(thread.launch.code, instruction)}"
        )
    return values[source]


cuda = Cuda()
"""Handed to a factory of kernels where a device gets `numba.cuda`."""
