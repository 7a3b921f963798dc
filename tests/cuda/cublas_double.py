"""A double of cuBLAS that multiplies in the memory of the host, by addresses, and writes down what it was told."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda import cublas, hardware
from tests.cuda.cupy_double import Cupy

DTYPES = {0: np.float32, 1: np.float64, 2: np.float16}
SUMS = {68: np.float32, 70: np.float64, 77: np.float32}


class Cublas:
    """A library. `calls` are the names of functions with their arguments; `status` is what they return from now on.

    `do` does the work of a product, or has it done later.
    """

    def __init__(self, do: Callable[[tuple[Any, ...], Callable[[], Any]], Any] = lambda call, work: work()) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._do = do
        self.status = 0
        self.created = 0
        functions = {
            "cublasCreate_v2": self._create,
            "cublasSetMathMode": partial(self._set, "math mode"),
            "cublasSetStream_v2": partial(self._set, "stream"),
            "cublasSetWorkspace_v2": partial(self._set, "workspace"),
            "cublasGetStatusName": lambda status: b"CUBLAS_STATUS_" + str(status).encode(),
            "cublasGemmEx": self._gemm,
        }
        for name, function in functions.items():
            setattr(self, name, partial(function))

    def taken(self) -> list[tuple[Any, ...]]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def _create(self, handle):
        self.created += 1
        handle._obj.value = 1000 + self.created
        self.calls.append(("create",))
        return self.status

    def _set(self, what, *arguments):
        self.calls.append((what, *arguments))
        return self.status

    def _gemm(self, handle, flip_a, flip_b, m, n, k, one, a, dtype_a, step_a, b, dtype_b, step_b, zero, c,
                      dtype_c, step_c, compute, algorithm):  # fmt: skip
        self.calls.append(("gemm", handle, compute, algorithm))
        sums = SUMS[compute]
        assert (memory(one, 1, sums)[0], memory(zero, 1, sums)[0]) == (1, 0)
        left = matrix(a, DTYPES[dtype_a], *((k, m) if flip_a else (m, k)), step_a)
        right = matrix(b, DTYPES[dtype_b], *((n, k) if flip_b else (k, n)), step_b)
        left, right = left.T if flip_a else left, right.T if flip_b else right
        result = matrix(c, DTYPES[dtype_c], m, n, step_c)

        def work():
            result[...] = left.astype(sums) @ right.astype(sums)

        self._do(("gemm", a, b, c, m, n, k), work)
        return self.status


def memory(address: int, count: int, dtype: Any) -> np.ndarray:
    """The elements at an address."""
    size = count * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)


def matrix(address: int, dtype: Any, rows: int, columns: int, step: int) -> np.ndarray:
    """A matrix whose columns begin `step` elements apart, which BLAS wants to be at least the rows."""
    assert step >= max(1, rows)
    found = memory(address, (columns - 1) * step + rows, dtype)
    return np.lib.stride_tricks.as_strided(found, (rows, columns), (found.itemsize, step * found.itemsize))


def hardware_on(cupy: Cupy, monkeypatch: Any, module: Any) -> hardware.Hardware:
    """The device for hardware, with doubles of CuPy and cuBLAS; `module` is what kernels are written for."""
    for name, item in {"cupy": cupy, "numba_cuda": SimpleNamespace(), "numba.cuda": module}.items():
        monkeypatch.setitem(sys.modules, name, item)
    library = Cublas(cupy.do)
    monkeypatch.setattr(hardware, "load", lambda: cublas.load(library))
    return hardware.Hardware()
