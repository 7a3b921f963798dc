"""A double of CuPy on the host: what the device for hardware calls of it, with the same arguments, all written down.

Its arrays are those of NumPy. Work is done where it is called, or, while a stream is captured, whenever the graph of
the capture is launched. A kernel does what `code` says for its machine code, in the simulator, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.cuda.simulator import launch


class Array(np.ndarray):
    """An array of the double, with the address that CuPy's have; a copy lies where `double` says."""

    double: Cupy | None = None

    def __array_finalize__(self, base):
        self.double = getattr(base, "double", None)

    def astype(self, dtype, order="K", copy=True):
        """As that of NumPy."""
        result = np.ndarray.astype(self, dtype, order=order, copy=copy)
        return self.double.placed(result) if self.double else result

    @property
    def data(self) -> Any:
        """Where it lies."""
        return SimpleNamespace(ptr=self.ctypes.data)


class Function:
    """A kernel in a module. `ptr` is what the driver knows it by."""

    def __init__(self, double: Cupy, name: str, work: Callable[..., None] | None) -> None:
        self.ptr = name
        self._double = double
        self._work = work

    def __call__(self, grid, block, args, shared_mem=0, stream=None, enable_cooperative_groups=False):
        assert stream is None
        assert type(grid) is type(block) is tuple
        for item in args:
            assert isinstance(item, Array) or type(item) is np.int32, item
        told = tuple(("array", item.data.ptr) if isinstance(item, Array) else int(item) for item in args)
        given = [item.view(np.ndarray).reshape(-1) if isinstance(item, Array) else int(item) for item in args]
        call = "launch", self.ptr, grid, block, told, shared_mem, enable_cooperative_groups
        self._double.do(call, lambda: self._work and launch(self._work, grid[0], block[0], given))


class Stream:
    """A stream; 0 is the default one."""

    def __init__(self, double: Cupy, ptr: int) -> None:
        self.ptr = ptr
        self._double = double
        self._before: list[Stream] = []
        self.captured: list[Callable[[], Any]] | None = None

    def __enter__(self):
        self._before.append(self._double.stream)
        self._double.stream = self
        return self

    def __exit__(self, *_):
        self._double.stream = self._before.pop()

    def is_capturing(self):
        """Whether it is."""
        assert self.ptr
        return self.captured is not None

    def begin_capture(self, mode=None):
        """From here on work is not done but recorded."""
        assert self.ptr not in (0, 1)
        assert self.captured is None
        self._double.note("begin", self.ptr)
        self.captured = []

    def end_capture(self):
        """The graph of what was recorded."""
        recorded, self.captured = self.captured, None
        assert recorded is not None
        self._double.note("end", self.ptr)
        return Graph(self._double, recorded)


class Graph:
    """What was recorded."""

    def __init__(self, double: Cupy, recorded: list[Callable[[], Any]]) -> None:
        self._double = double
        self._recorded = recorded

    def launch(self, stream=None):
        """Do it."""
        assert stream is self._double.stream
        self._double.note("graph", stream.ptr, len(self._recorded))
        for work in self._recorded:
            work()


class DriverError(RuntimeError):
    """What CuPy raises for an error of the driver."""


class Cupy:
    """The module. `calls` is what was called, `own` the bytes of static shared memory of every kernel.

    `code` are the functions of Python by machine code; `refused` is what the driver says of all of it, if anything.
    Arrays lie where those of an equal size lay that were made as the first, the second and so on since the last call of
    `again`, as the memory pool of CuPy does for equal calls.
    """

    ndarray = Array

    def __init__(self, own: int = 1024, capability: str = "90") -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.code: dict[bytes, Callable[..., None]] = {}
        self.refused = ""
        self.allocated: list[int] = []
        self.own = own
        self.number = 0
        self.stream = Stream(self, 0)
        self._blocks: dict[tuple[int, int], np.ndarray] = {}
        self._made = 0
        self._streams = 100
        attributes = {"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 232448}
        self.cuda = SimpleNamespace(
            Device=lambda: SimpleNamespace(compute_capability=capability, attributes=attributes),
            ExternalStream=lambda ptr: Stream(self, ptr),
            Stream=self._new_stream,
            alloc=self._alloc,
            driver=SimpleNamespace(
                CUDADriverError=DriverError,
                CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES=1,
                CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES=8,
                funcGetAttribute=lambda attribute, pointer: {1: self.own}[attribute],
                funcSetAttribute=lambda *given: self.note("set", *given),
                occupancyMaxActiveBlocksPerMultiprocessor=self._occupancy,
            ),
            function=SimpleNamespace(Module=lambda: Module(self)),
            get_current_stream=lambda: self.stream,
            runtime=SimpleNamespace(getDevice=lambda: self.number, getDeviceCount=lambda: 2),
        )

    def __getattr__(self, name: str) -> Any:
        """A function of NumPy; an array that it gives lies where an equal call found it."""
        function = getattr(np, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            return self.placed(result) if isinstance(result, np.ndarray) else result

        return call

    def note(self, *call: Any) -> None:
        """Write a call down."""
        self.calls.append(call)

    def do(self, call: tuple[Any, ...], work: Callable[[], Any]) -> Any:
        """Write a call down, and do its work, now or in a graph."""
        self.note(*call)
        if self.stream.captured is None:
            return work()
        self.stream.captured.append(work)
        return 0

    def taken(self) -> list[tuple[Any, ...]]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def again(self) -> None:
        """All memory is free again."""
        self._made = 0

    def asnumpy(self, array: Array) -> np.ndarray:
        """A copy."""
        return np.array(array)

    def asarray(self, value: Any) -> Array:
        """An array as it is, or a copy of another."""
        return value if isinstance(value, Array) else self.placed(np.asarray(value))

    def placed(self, result: np.ndarray) -> Array:
        """The same array where an equal call found it."""
        self._made += 1
        block = self._blocks.setdefault((self._made, result.nbytes), np.empty(result.nbytes + 1, np.uint8))
        placed = block[: result.nbytes].view(result.dtype).reshape(result.shape).view(Array)
        placed[...] = result
        placed.double = self
        return placed

    def _new_stream(self, *, non_blocking: bool) -> Stream:
        assert non_blocking
        self._streams += 1
        return Stream(self, self._streams)

    def _alloc(self, size: int) -> Any:
        assert self.stream.captured is None
        self.allocated.append(size)
        return SimpleNamespace(ptr=4096 * len(self.allocated))

    def _occupancy(self, pointer: str, threads: int, shared: int) -> int:
        return min(2048 // threads, 233472 // (self.own + shared + 1024))


class Module:
    """A module of machine code; it has the functions whose names are in the code."""

    def __init__(self, double: Cupy) -> None:
        self._double = double

    def load(self, cubin):
        """Take machine code."""
        assert type(cubin) is bytes
        if self._double.refused:
            raise DriverError(self._double.refused)
        self._cubin = cubin
        self._double.note("load", cubin[:4])

    def get_function(self, name):
        """A function by its name."""
        assert name.encode() in self._cubin
        return Function(self._double, name, self._double.code.get(self._cubin))
