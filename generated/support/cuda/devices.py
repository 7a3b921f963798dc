"""Devices: what holds arrays, multiplies matrices and runs kernels.

The arrays of a device behave like those of NumPy, and `xp` is the module that makes them: CuPy on hardware, NumPy
itself where a simulator runs the kernels. So the drivers are written once, and tests run them without a device.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.dtypes import taken
from generated.support.cuda.grids import Limits
from generated.support.expected import Dtype, Expected, refuse_other
from generated.support.host import Holder
from generated.support.workspaces import RUNNING

Array = Any
"""An array of a device: of CuPy on hardware, of NumPy in a simulator."""
Factory = Callable[..., tuple[Callable[..., None], ...]]
"""Makes kernels from the CUDA module, the dtype and the sizes that they are made for."""


class UnavailableError(RuntimeError):
    """There is no device, or what it needs is not installed; the message is one line that says which."""


class Device(Holder):
    """One device. A subclass says what `xp` is, which arrays it takes, how it multiplies and how it launches."""

    xp: Any
    threads = 256
    """Threads of a block of an element-wise kernel."""
    length = np.dtype(np.int32)

    @property
    def reals(self) -> tuple[Dtype, ...]:
        """Those that are there, see `taken`."""
        return taken()

    @abstractmethod
    def array(self, value: object, place: str) -> Array:
        """`value` as an array of this device, without a copy; TypeError for what does not lie there."""

    @abstractmethod
    def address(self, array: Array) -> int:
        """Where the first element of an array of this device lies."""

    @abstractmethod
    def product(self, a: Array, b: Array, out: Array) -> None:
        """out = a @ b, for matrices whose rows or columns lie together; zeros where nothing is summed.

        `a` and `b` have one dtype, and `out` has it too. Products of factors of 16 bits are added up in float32; there
        `out` may be of float32, and one of their dtype is rounded once.
        """

    @abstractmethod
    def kernels(self, factory: Factory, dtype: Dtype, *sizes: int, threads: int = 0) -> SimpleNamespace:
        """The kernels that `factory` makes for this dtype and these sizes, by name, made once.

        `dtype` is that of the call: a factory gets `dtypes.real` of it, in which its kernels compute.
        `threads`, if given, is the number of threads of every block that they are launched with.
        """

    @abstractmethod
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
        """Run a kernel of `kernels` with numbers and arrays, in the order of its arguments.

        Each block gets `shared` bytes of dynamic shared memory, more than 48 KB too. Blocks of a cooperative launch are
        all on the device at once, so that they may wait for each other; ValueError where there are more than
        `resident`.
        """

    @abstractmethod
    def resident(self, kernel: Any, threads: int, shared: int = 0) -> int:
        """How many blocks of so many threads, each with `shared` bytes of dynamic memory, can be there at once."""

    @property
    @abstractmethod
    def limits(self) -> Limits:
        """What the device has that a grid is cut to."""

    def repeated(self, step: Callable[[int], None], times: range) -> None:
        """step(t) for all t of `times` in order.

        A step launches kernels and products and does nothing else; it takes what it needs from the function around it,
        arrays, `kernels`, sizes and this device. So that a device may launch again what it has launched before.
        """
        for t in times:
            step(t)

    def checked(self, value: object, *wanted: Expected) -> Array:
        """`value` in C order, if it is an array of this device and one of `wanted`."""
        array = self.array(value, wanted[0].place)
        refuse_other(array, *wanted)
        return self.xp.ascontiguousarray(array) if array.ndim else array

    def running(self, *values: object) -> AbstractContextManager[object]:
        """The stream on which the caller of these arrays works is the current one inside this context."""
        return nullcontext()

    def host(self, array: Array) -> np.ndarray[Any, Any]:
        """A copy on the host, which waits for the device: for small arrays that must be checked."""
        return np.array(array)

    def moved(self, array: np.ndarray[Any, Any]) -> Array:
        """An array of the host on the device."""
        return self.xp.asarray(array)

    def fresh(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An uninitialised array in memory that nothing else uses."""
        return self.xp.empty(shape, dtype)

    def empty(self, shape: Sequence[int], dtype: Dtype) -> Array:
        """An uninitialised array, in the workspace of the running call if it has one."""
        return self.fresh(shape, dtype) if RUNNING.workspace is None else RUNNING.workspace.take(shape, dtype)

    def concatenated(self, pieces: Sequence[Array], axis: int = 0) -> Array:
        """The pieces one behind the other along an axis."""
        shape = list(pieces[0].shape)
        shape[axis] = sum(piece.shape[axis] for piece in pieces)
        return self.xp.concatenate(pieces, axis, out=self.empty(shape, pieces[0].dtype))

    def stacked(self, matrices: Sequence[Array]) -> Array:
        """Matrices below each other, one array in C order: the one there is, where that is what it is."""
        whole = len(matrices) == 1 and matrices[0].flags.c_contiguous
        return matrices[0] if whole else self.concatenated(matrices)

    def __reduce__(self) -> tuple[Callable[[], Device], tuple[()]]:
        """A copy of a tape belongs to the device that is current where it is made."""
        return current, ()


_CHOSEN: ContextVar[Device | None] = ContextVar("device", default=None)


def current() -> Device:
    """The device that calls run on: the hardware, unless `using` names another.

    Raises UnavailableError, in one line that says what to install, where there is none.
    """
    chosen = _CHOSEN.get()
    if chosen is not None:
        return chosen
    from generated.support.cuda.hardware import hardware

    return hardware()


@contextmanager
def using(device: Device) -> Iterator[Device]:
    """Calls inside this context run on `device`."""
    token = _CHOSEN.set(device)
    try:
        yield device
    finally:
        _CHOSEN.reset(token)
