"""Workspaces on a device: a loop of equal calls allocates nothing and has all its arrays at the same addresses."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import numpy as np

from generated.support import memory, workspaces
from generated.support.cuda.devices import Array, Device

_BYTE = np.dtype(np.uint8)


class Workspace(workspaces.Workspace):
    """Memory of a device that one `forward` after the other, and `backward` with its tape, use again.

    One thread at a time may use a workspace, and the stream of all its calls is one.
    """

    device: Device

    @property
    def xp(self) -> Any:
        """The module that makes arrays on the device."""
        return self.device.xp

    def _block(self, number: int, size: int) -> Array:
        return self.device.fresh((size,), _BYTE)

    def _lies_in(self, value: object, blocks: Sequence[Array]) -> bool:
        """Whether `value` is an array of the device that begins in one of these blocks, as every view of them does."""
        with suppress(TypeError):  # What is no array of the device is refused where it is checked.
            address = self.device.address(self.device.array(value, "argument"))
            return any(0 <= address - self.device.address(block) < len(block) for block in blocks)
        return False


def within(device: Device, workspace: object, cell: str) -> AbstractContextManager[None]:
    """The arrays of a forward pass on `device` come from `workspace` as long as this context lasts.

    None changes nothing. Raises TypeError for what is no workspace, ValueError where another thread or a tape uses it.
    """
    context = memory.within(workspace, cell, Workspace)
    if isinstance(workspace, Workspace):
        workspace.device = device
    return context
