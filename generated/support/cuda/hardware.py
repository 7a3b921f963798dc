"""The device there is: CuPy holds arrays, multiplies by cuBLAS and launches the kernels that numba-cuda compiles.

Both are imported when a call needs them, so that a machine without a device can import every generated module.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.compiler import INSTALL as EXTRA
from generated.support.cuda.compiler import Source
from generated.support.cuda.cublas import Cublas, allows_tf32, load
from generated.support.cuda.devices import Array, Device, Factory, UnavailableError
from generated.support.cuda.dtypes import INSTALL as BFLOAT16
from generated.support.cuda.dtypes import real
from generated.support.cuda.graphs import Graphs
from generated.support.cuda.grids import Limits
from generated.support.cuda.kernels import Kernel
from generated.support.expected import Dtype, describe

INSTALL = f"{EXTRA}, or the CuPy, numba-cuda and cuBLAS of your CUDA version"
"""What a machine with a device needs."""
_CUDA_DEVICE = 2
"""The number of CUDA devices in DLPack."""


@functools.cache
def hardware() -> Hardware:
    """The device of this process. Raises UnavailableError where there is none."""
    return Hardware()


class Hardware(Device):
    """A CUDA device."""

    def __init__(self) -> None:
        self.xp = self._cupy = _imported("cupy", "CuPy")
        _imported("numba_cuda", "numba-cuda")
        self._cuda = _imported("numba.cuda", "numba-cuda")
        try:
            self._cupy.cuda.runtime.getDeviceCount()
            self._cupy.zeros(1)
        except Exception as error:
            raise UnavailableError(f"CUDA kernels need a device and its driver, and CuPy says: {error}") from error
        self._types = importlib.import_module("numba").types
        self._cublas = Cublas(self._cupy, _cublas())
        self._graphs = Graphs(self._cupy, self.address, self._cublas.prepare)

    def array(self, value: object, place: str) -> Array:
        """A view of what lies on the device: an array of CuPy, or by its array interface or DLPack."""
        if isinstance(value, self._cupy.ndarray):
            return value
        # The array interface has no name for bfloat16, and DLPack has.
        unnamed = str(getattr(value, "dtype", "")).endswith("bfloat16")
        try:
            if not unnamed and hasattr(value, "__cuda_array_interface__"):
                return self._cupy.asarray(value)
            dlpack: Any = getattr(value, "__dlpack_device__", None)
            if dlpack is not None and dlpack()[0] == _CUDA_DEVICE:
                return self._cupy.from_dlpack(value)
        except NotImplementedError as error:
            raise TypeError(f"{place}: {BFLOAT16}, before CuPy is imported, and CuPy 14.1: {error}") from error
        except (RuntimeError, BufferError) as error:  # torch says so of a tensor that is part of its graph
            raise TypeError(f"{place}: give tensor.detach(): {error}") from error
        torch = type(value).__module__.partition(".")[0] == "torch"
        remedy = "tensor.cuda()" if torch else "cupy.asarray(array)"
        raise TypeError(f"{place}: expected an array on the device, received {describe(value)}: move it, {remedy}")

    def address(self, array: Array) -> int:
        """Where the first element of an array lies."""
        return int(array.data.ptr)

    def repeated(self, step: Callable[[int], None], times: range) -> None:
        """As CUDA graphs, from the second time on that the same is asked for."""
        self._graphs.run(step, times, allows_tf32())

    def running(self, *values: object) -> AbstractContextManager[object]:
        """The current stream of torch where tensors are given, else CuPy's own."""
        torch = sys.modules.get("torch")
        if torch is not None and any(isinstance(leaf, torch.Tensor) for leaf in _leaves(values)):
            stream = torch.cuda.current_stream().cuda_stream
            return self._cupy.cuda.ExternalStream(stream)  # type: ignore[no-any-return]
        return nullcontext()

    def host(self, array: Array) -> np.ndarray[Any, Any]:
        """A copy on the host, which waits for the device."""
        return self._cupy.asnumpy(array)  # type: ignore[no-any-return]

    def product(self, a: Array, b: Array, out: Array) -> None:
        """out = a @ b by cuBLAS."""
        if not out.size:
            return
        if a.shape[1]:
            self._cublas.product(a, b, out)
        else:
            out.fill(0)

    def kernels(self, factory: Factory, dtype: Dtype, *sizes: int, threads: int = 0) -> SimpleNamespace:
        """The kernels of a factory, each compiled when it is launched first."""
        return self._made(factory, dtype, sizes, threads or self.threads)

    @functools.lru_cache(maxsize=256)  # noqa: B019 - there is one device a process
    def _made(self, factory: Factory, dtype: Dtype, sizes: tuple[int, ...], threads: int) -> SimpleNamespace:
        def kernel(function: Callable[..., None]) -> Kernel:
            types = tuple(kernel_types(self._types, function, dtype))
            return Kernel(self._cupy, Source(function, types, launch_bounds(threads), factory, dtype, sizes))

        made = factory(self._cuda, real(dtype).type, *sizes)
        return SimpleNamespace(**{each.__name__: kernel(each) for each in made})

    @property
    def limits(self) -> Limits:
        """Those of the current device."""
        here = self._cupy.cuda.Device()
        attributes, digits = here.attributes, here.compute_capability
        capability = int(digits[:-1]), int(digits[-1])
        return Limits(attributes["MultiProcessorCount"], attributes["MaxSharedMemoryPerBlockOptin"], capability)

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
        """Run a kernel on the current stream of CuPy."""
        kernel.launch(blocks, threads, arguments, shared, cooperative)

    def resident(self, kernel: Any, threads: int, shared: int = 0) -> int:
        """By the occupancy of the current device."""
        return int(kernel.resident(threads, shared))


def launch_bounds(threads: int) -> tuple[int, int]:
    """The most threads of a block, and how many blocks a multiprocessor shall hold at least.

    One is enough: else ptxas saves registers for a second one, and spills.
    """
    return threads, 1


def kernel_types(types: Any, function: Any, dtype: Dtype) -> list[Any]:
    """The types of the arguments of a kernel, from its annotations: `types` is the module of Numba."""
    reals = types.CPointer({4: types.float32, 8: types.float64}[real(dtype).itemsize])
    stored = importlib.import_module("generated.support.cuda.halves").pointer(dtype) if dtype.itemsize == 2 else reals
    kinds = {"Count": types.int32, "Counts": types.CPointer(types.int32), "Reals": reals, "Stored": stored}
    return [kinds[kind] for kind in function.__annotations__.values()]


def _imported(name: str, title: str) -> Any:
    """A module, or UnavailableError with what to install.

    A version that does not go with those of other packages ends in errors of any kind.
    """
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise UnavailableError(f"CUDA kernels need {title}, which cannot be imported ({error}): {INSTALL}") from error


def _cublas() -> Any:
    """The library of matrix products, or UnavailableError with what to install.

    It is searched as CuPy does it, which finds that of a package too; to import CuPy's own module of it does not.
    """
    try:
        return load()
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise UnavailableError(f"CUDA kernels need cuBLAS, which cannot be loaded ({reason}): {INSTALL}") from error


def _leaves(value: object) -> list[object]:
    """What stands in nested tuples."""
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, tuple) else [value]
