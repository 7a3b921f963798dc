"""What holds the arrays of a call: the host, or a device. The rules of `arrays` are the same for both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from generated.support import memory
from generated.support.expected import REAL, Array, Dtype, Expected, contiguous, is_ready, plain


class Holder(ABC):
    """Takes a caller's arrays, and makes those that he left out.

    Floating arrays have one of the dtypes `reals`; `length` is that of lengths, as kernels read them.
    """

    reals: tuple[Dtype, ...]
    length: Dtype

    def ready(self, value: object, dtype: Dtype, shape: tuple[int | None, ...] | None) -> bool:
        """Whether `value` is an array of this dtype, and of this shape if given, in the form that kernels read.

        True spares the full check; False says nothing.
        """
        return False

    @abstractmethod
    def checked(self, value: object, *wanted: Expected) -> Array:
        """`value` as kernels read it, if it is an array that lies here and one of `wanted`, as its dtype says.

        Raises TypeError (place, dtype) or ValueError (rank, size).
        """

    @abstractmethod
    def empty(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An uninitialised array, in the workspace of the running call if it has one."""

    def full(self, shape: Sequence[int], number: float, dtype: Dtype) -> Array:
        """An array with the same number everywhere."""
        array = self.empty(shape, dtype)
        array.fill(number)
        return array

    def zeros(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An array of zeros."""
        return self.full(shape, 0, dtype)

    @abstractmethod
    def host(self, array: Array) -> Array:
        """An array of NumPy with what stands in one that lies here."""

    @abstractmethod
    def moved(self, array: Array) -> Array:
        """An array that lies here with what stands in one of NumPy."""


class Host(Holder):
    """Arrays of NumPy, for the CPU."""

    reals = REAL
    length = np.dtype(np.int64)
    ready = staticmethod(is_ready)
    empty = staticmethod(memory.empty)
    zeros = staticmethod(memory.zeros)

    def checked(self, value: object, *wanted: Expected) -> Array:
        """`value` as `contiguous` gives it."""
        return contiguous(plain(value, *wanted))

    def host(self, array: Array) -> Array:
        """The array itself."""
        return array

    def moved(self, array: Array) -> Array:
        """The array itself."""
        return array


HOST = Host()
