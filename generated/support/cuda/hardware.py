"""The device there is: CuPy holds arrays and multiplies by cuBLAS, numba-cuda compiles and launches kernels.

Both are imported when a call needs them, so that a machine without a device can import every generated module.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.devices import Array, Device, Factory
from generated.support.cuda.regimes import Limits
from generated.support.expected import Dtype, describe

INSTALL = "pip install 'derive[cuda]', or the CuPy and numba-cuda of your CUDA version"
"""What a machine with a device needs."""
_CUDA_DEVICE = 2
"""The number of CUDA devices in DLPack."""


class UnavailableError(RuntimeError):
    """There is no device, or what it needs is not installed; the message is one line that says which."""


@functools.cache
def hardware() -> Hardware:
    """The device of this process. Raises UnavailableError where there is none."""
    return Hardware()


class Hardware(Device):
    """A CUDA device."""

    def __init__(self) -> None:
        self.xp = self._cupy = _imported("cupy", "CuPy")
        _imported("numba_cuda", "numba-cuda")
        self._cuda = importlib.import_module("numba.cuda")
        try:
            self._cupy.cuda.runtime.getDeviceCount()
            self._cupy.zeros(1)
        except Exception as error:
            raise UnavailableError(f"CUDA kernels need a device and its driver, and CuPy says: {error}") from error
        self._types = importlib.import_module("numba").types
        self._cublas = importlib.import_module("cupy_backends.cuda.libs.cublas")

    def array(self, value: object, place: str) -> Array:
        """A view of what lies on the device: an array of CuPy, or by its array interface or DLPack."""
        if isinstance(value, self._cupy.ndarray):
            return value
        try:
            if hasattr(value, "__cuda_array_interface__"):
                return self._cupy.asarray(value)
        except RuntimeError as error:  # torch says so of a tensor that is part of its graph
            raise TypeError(f"{place}: give tensor.detach(): {error}") from error
        dlpack: Any = getattr(value, "__dlpack_device__", None)
        if dlpack is not None and dlpack()[0] == _CUDA_DEVICE:
            return self._cupy.from_dlpack(value)
        torch = type(value).__module__.partition(".")[0] == "torch"
        remedy = "tensor.cuda()" if torch else "cupy.asarray(array)"
        raise TypeError(f"{place}: expected an array on the device, received {describe(value)}: move it, {remedy}")

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
        """out = a @ b by cuBLAS, in the dtype of the arrays and no other, TF32 included."""
        if not out.size:
            return
        if not a.shape[1]:
            out.fill(0)
            return
        gemm = {4: self._cublas.sgemm, 8: self._cublas.dgemm}[out.dtype.itemsize]
        factors = np.array([1, 0], out.dtype)
        one, zero = factors.ctypes.data, factors.ctypes.data + out.dtype.itemsize
        (flip_b, flip_a, n, m, k), (step_b, step_a, step_out) = gemm_arguments(a, b, out)
        handle = self._cupy.cuda.device.get_cublas_handle()
        addresses = b.data.ptr, a.data.ptr, out.data.ptr
        gemm(
            handle,
            flip_b,
            flip_a,
            n,
            m,
            k,
            one,
            addresses[0],
            step_b,
            addresses[1],
            step_a,
            zero,
            addresses[2],
            step_out,
        )

    def kernels(self, factory: Factory, dtype: Dtype, *sizes: int, threads: int = 0) -> SimpleNamespace:
        """The kernels of a factory, each compiled when it is launched first."""
        return self._made(factory, dtype, sizes, threads or self.threads)

    @functools.lru_cache(maxsize=256)  # noqa: B019 - there is one device a process
    def _made(self, factory: Factory, dtype: Dtype, sizes: tuple[int, ...], threads: int) -> SimpleNamespace:
        made = factory(self._cuda, dtype.type, *sizes)
        return SimpleNamespace(**{item.__name__: _Kernel(self, item, dtype, threads) for item in made})

    def compiled(self, function: Any, dtype: Dtype, threads: int) -> Any:
        """A kernel compiled for blocks of so many threads."""
        signature = self._types.void(*kernel_types(self._types, function, dtype))
        # A kernel is all of its program, so that optimising at link time gives nothing but other registers than those
        # that the offline gate has seen.
        return self._cuda.jit(signature, launch_bounds=launch_bounds(threads), lto=False)(function)

    @property
    def limits(self) -> Limits:
        """Those of the current device."""
        attributes = self._cupy.cuda.Device().attributes
        return Limits(attributes["MultiProcessorCount"], attributes["MaxSharedMemoryPerBlockOptin"])

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
        """Run a kernel on the current stream of CuPy; arrays go to it by their address."""
        given = [item.data.ptr if isinstance(item, self._cupy.ndarray) else item for item in arguments]
        (made,) = kernel.compiled.overloads.values()
        made.cooperative = cooperative
        stream = self._stream(self._cupy.cuda.get_current_stream().ptr)
        kernel.compiled[blocks, threads, stream, shared](*given)

    def resident(self, kernel: Any, threads: int, shared: int = 0) -> int:
        """By the occupancy of the current device."""
        (made,) = kernel.compiled.overloads.values()
        return int(made.max_cooperative_grid_blocks(threads, shared))

    @functools.lru_cache(maxsize=64)  # noqa: B019 - there is one device a process
    def _stream(self, address: int) -> Any:
        """A stream of CuPy as one of numba-cuda; 0 is the default stream of both."""
        return self._cuda.external_stream(address) if address else 0


class _Kernel:
    """A kernel that is compiled when it is launched first."""

    def __init__(self, device: Hardware, function: Any, dtype: Dtype, threads: int) -> None:
        self._arguments = device, function, dtype, threads

    @functools.cached_property
    def compiled(self) -> Any:
        """What numba-cuda launches."""
        device, *rest = self._arguments
        return device.compiled(*rest)


def launch_bounds(threads: int) -> tuple[int, int]:
    """The most threads of a block, and how many blocks a multiprocessor shall hold at least.

    One is enough: else ptxas saves registers for a second one, and spills.
    """
    return threads, 1


def kernel_types(types: Any, function: Any, dtype: Dtype) -> list[Any]:
    """The types of the arguments of a kernel, from its annotations: `types` is the module of Numba."""
    real = {4: types.float32, 8: types.float64}[dtype.itemsize]
    kinds = {"Count": types.int32, "Counts": types.CPointer(types.int32), "Reals": types.CPointer(real)}
    return [kinds[kind] for kind in function.__annotations__.values()]


def gemm_arguments(a: Array, b: Array, out: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What gemm is told for out = a @ b: which operands it transposes, n, m, k; and the steps from row to row.

    cuBLAS counts down columns, so it computes the transpose of `out`, that of b times that of a. Matrices here have
    their rows in one piece, which are columns to it, or are such matrices transposed.
    """
    (flip_b, step_b), (flip_a, step_a), (flip_out, step_out) = map(_layout, (b, a, out))
    if flip_out:
        raise ValueError(f"the result of a product must have rows in one piece, received strides {out.strides}")
    return (flip_b, flip_a, b.shape[1], a.shape[0], a.shape[1]), (step_b, step_a, step_out)


def _layout(matrix: Array) -> tuple[int, int]:
    """Whether a matrix is to be transposed as cuBLAS sees it, and the elements from one of its columns to the next."""
    rows, columns = matrix.shape
    down, along = (stride // matrix.dtype.itemsize for stride in matrix.strides)
    if (along == 1 or columns == 1) and (down >= columns or rows == 1):
        return 0, down if rows > 1 else columns
    if (down == 1 or rows == 1) and (along >= rows or columns == 1):
        return 1, along if columns > 1 else rows
    raise ValueError(f"a factor must have its rows or its columns in one piece, received strides {matrix.strides}")


def _imported(name: str, title: str) -> Any:
    """A module, or UnavailableError with what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UnavailableError(f"CUDA kernels need {title}, which cannot be imported ({error}): {INSTALL}") from error


def _leaves(value: object) -> list[object]:
    """What stands in nested tuples."""
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, tuple) else [value]
