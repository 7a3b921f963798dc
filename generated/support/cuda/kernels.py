"""Kernels on hardware: loaded and launched by CuPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from generated.support.cuda.compiler import INSTALL, Source
from generated.support.cuda.cubins import cubin
from generated.support.cuda.devices import UnavailableError

_GRANTED = 48 * 1024
"""Bytes of dynamic shared memory that a kernel may have without being allowed more."""


class Kernel:
    """A kernel, which is compiled and loaded on a device when it is needed there first. `cupy` is the module."""

    def __init__(self, cupy: Any, source: Source) -> None:
        self._cupy = cupy
        self._source = source
        self._functions: dict[int, Any] = {}
        self._allowed: dict[int, int] = {}

    def launch(self, blocks: int, threads: int, arguments: Sequence[Any], shared: int, cooperative: bool) -> None:
        """Run the kernel on the current stream with so many bytes of dynamic shared memory for each block.

        CuPy hands an array over as a structure that begins with its address, which is all that the kernel takes of it.
        Raises ValueError for a cooperative launch of more blocks than are `resident`.
        """
        if cooperative and blocks > (most := self.resident(threads, shared)):
            given = f"{blocks} blocks of {threads} threads with {shared} bytes of shared memory"
            raise ValueError(f"{self._source.name}: {given} are not on the device together: {most} are")
        values = [item if isinstance(item, self._cupy.ndarray) else np.int32(item) for item in arguments]
        self._function(shared)((blocks,), (threads,), values, shared_mem=shared, enable_cooperative_groups=cooperative)

    def resident(self, threads: int, shared: int) -> int:
        """How many blocks the multiprocessors of the current device hold together; 0 where they hold none."""
        driver, attributes = self._cupy.cuda.driver, self._cupy.cuda.Device().attributes
        own = driver.funcGetAttribute(driver.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, self._function(0).ptr)
        if own + shared > attributes["MaxSharedMemoryPerBlockOptin"]:
            return 0
        each = driver.occupancyMaxActiveBlocksPerMultiprocessor(self._function(shared).ptr, threads, shared)
        return int(each * attributes["MultiProcessorCount"])

    def _function(self, shared: int) -> Any:
        """The function of CuPy on the current device, allowed so much dynamic shared memory."""
        number = self._cupy.cuda.runtime.getDevice()
        if number not in self._functions:
            self._functions[number] = self._loaded()
            self._allowed[number] = _GRANTED
        function = self._functions[number]
        if shared > self._allowed[number]:
            driver = self._cupy.cuda.driver
            driver.funcSetAttribute(function.ptr, driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared)
            self._allowed[number] = shared
        return function

    def _loaded(self) -> Any:
        """The function of CuPy, loaded on the current device."""
        digits = self._cupy.cuda.Device().compute_capability
        module = self._cupy.cuda.function.Module()
        code = cubin(self._source, (int(digits[:-1]), int(digits[-1])))
        try:
            module.load(code)
        except self._cupy.cuda.driver.CUDADriverError as error:
            if "UNSUPPORTED_PTX_VERSION" not in str(error):
                raise
            unread = "there is none, and the driver is too old for the PTX of libNVVM"
            raise UnavailableError(f"CUDA kernels need ptxas: {unread}: {INSTALL}") from error
        return module.get_function(self._source.name)
