"""Matrix products by cuBLAS, the library that CuPy finds, called through ctypes.

Not through CuPy: its wrapper refuses every call while a stream is captured into a graph (CuPy 13 and 14), though cuBLAS
can be captured. Not through nvmath-python: it is one package more, which machines that have CuPy mostly lack, for the
five functions that are called here.

Arrays of 16 bits are added up in float32, others in their own dtype. The tensor cores that round float32 to TF32 first
are not used, unless `tf32` allows them.
"""

from __future__ import annotations

import ctypes
import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ctypes import c_int, c_size_t, c_void_p
from typing import Any

from generated.support.cuda.devices import Array

PROTOTYPES = {
    "cublasCreate_v2": (ctypes.POINTER(c_void_p),),
    "cublasSetMathMode": (c_void_p, c_int),
    "cublasSetStream_v2": (c_void_p, c_void_p),
    "cublasSetWorkspace_v2": (c_void_p, c_void_p, c_size_t),
    "cublasGemmEx": (
        *(c_void_p, c_int, c_int, c_int, c_int, c_int),  # handle, two transpositions, m, n, k
        *(c_void_p, c_void_p, c_int, c_int, c_void_p, c_int, c_int),  # a factor; A, its dtype and its step; B likewise
        *(
            c_void_p,
            c_void_p,
            c_int,
            c_int,
            c_int,
            c_int,
        ),  # the other factor; C; the kind of sums; the algorithm
    ),
}
"""The functions of cuBLAS that are called, each of which returns a status, and their arguments."""
_DTYPES = {"float16": 2, "bfloat16": 14, "float32": 0, "float64": 1}
"""cudaDataType: CUDA_R_16F, CUDA_R_16BF, CUDA_R_32F, CUDA_R_64F."""
_COMPUTE_32F, _COMPUTE_64F, _COMPUTE_32F_FAST_TF32 = 68, 70, 77
"""cublasComputeType_t."""
_MATH_MODE = 16
"""CUBLAS_DEFAULT_MATH, and CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION: parts of a sum are added in float32."""
_DEFAULT_ALGORITHM = -1
_LARGEST = 2**31 - 1
"""The largest size that cublasGemmEx takes."""
_SINGLES = ctypes.c_float(1), ctypes.c_float(0)
_DOUBLES = ctypes.c_double(1), ctypes.c_double(0)
"""1 and 0, the factors of a product and of what its result held before, in the dtype of the sums."""
_TF32: ContextVar[bool] = ContextVar("tf32", default=False)


class CublasError(RuntimeError):
    """A call of cuBLAS failed; the message says which, and the name of the status."""


@contextmanager
def tf32() -> Iterator[None]:
    """Products of float32 may round their factors to TF32, 10 bits of 23, inside this context.

    It holds for the calls that are made inside, `forward` and `backward` each.
    """
    token = _TF32.set(True)
    try:
        yield
    finally:
        _TF32.reset(token)


def allows_tf32() -> bool:
    """Whether products of float32 may round their factors now."""
    return _TF32.get()


def load(library: Any = None) -> Any:
    """cuBLAS with the types of its functions: `library`, or the one that this process has or can find.

    Raises RuntimeError where there is none, and AttributeError for one that lacks a function.
    """
    if library is None:
        finder: Any = importlib.import_module("cuda.pathfinder")
        library = ctypes.CDLL(finder.load_nvidia_dynamic_lib("cublas").abs_path)
    for name, arguments in PROTOTYPES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, c_int
    library.cublasGetStatusName.argtypes, library.cublasGetStatusName.restype = (c_int,), ctypes.c_char_p
    return library


class Cublas:
    """cuBLAS with a handle for each device and memory to work in for each stream.

    The memory comes from CuPy, once and for all: cuBLAS would allocate its own inside a graph, and use what it has for
    streams that run at the same time.
    """

    def __init__(self, cupy: Any, library: Any) -> None:
        self._cupy = cupy
        self._library = library
        self._handles: dict[int, _Handle] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """See to it that products on the current stream allocate nothing."""
        with self._lock:
            self._handle()

    def product(self, a: Array, b: Array, out: Array) -> None:
        """out = a @ b on the current stream; no size is 0."""
        (flip_b, flip_a, n, m, k), (step_b, step_a, step_out) = gemm_arguments(a, b, out)
        if max(n, m, k, step_b, step_a, step_out) > _LARGEST:
            raise ValueError(f"cuBLAS multiplies matrices of {_LARGEST} rows and columns at most: split the batch")
        double = out.dtype.name == "float64"
        one, zero = map(ctypes.addressof, _DOUBLES if double else _SINGLES)
        compute = _COMPUTE_64F if double else _COMPUTE_32F
        if a.dtype.name == "float32" and allows_tf32():
            compute = _COMPUTE_32F_FAST_TF32
        first, second, result = (_DTYPES[matrix.dtype.name] for matrix in (b, a, out))
        with self._lock:
            self._call(
                "cublasGemmEx",
                *(self._handle().address, flip_b, flip_a, n, m, k),
                *(one, b.data.ptr, first, step_b, a.data.ptr, second, step_a),
                *(zero, out.data.ptr, result, step_out, compute, _DEFAULT_ALGORITHM),
            )

    def _handle(self) -> _Handle:
        """The handle of the current device, set to the current stream and to the memory of that."""
        number, stream = self._cupy.cuda.runtime.getDevice(), self._cupy.cuda.get_current_stream().ptr
        handle = self._handles.get(number)
        if handle is None:
            created = c_void_p()
            self._call("cublasCreate_v2", ctypes.byref(created))
            assert created.value is not None
            handle = self._handles[number] = _Handle(created.value, self._needed())
            self._call("cublasSetMathMode", handle.address, _MATH_MODE)
        if stream != handle.stream:
            if stream not in handle.memory:
                handle.memory[stream] = self._cupy.cuda.alloc(handle.needed)
            self._call("cublasSetStream_v2", handle.address, stream)
            # A handle forgets its memory when its stream is set.
            self._call("cublasSetWorkspace_v2", handle.address, handle.memory[stream].ptr, handle.needed)
            handle.stream = stream
        return handle

    def _needed(self) -> int:
        """Bytes to work in, as NVIDIA recommends: 32 MiB from compute capability 9.0 on, 4 MiB before."""
        return (32 if int(self._cupy.cuda.Device().compute_capability) >= 90 else 4) << 20

    def _call(self, name: str, *arguments: Any) -> None:
        """Call a function of cuBLAS. Raises CublasError for another status than that of success."""
        status = getattr(self._library, name)(*arguments)
        if status:
            raise CublasError(f"{name}: {self._library.cublasGetStatusName(status).decode()}")


class _Handle:
    """A handle of cuBLAS: the stream that it is set to, and the memory, so much, of every one that it was set to."""

    def __init__(self, address: int, needed: int) -> None:
        self.address = address
        self.needed = needed
        self.stream: int | None = None
        self.memory: dict[int, Any] = {}


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
