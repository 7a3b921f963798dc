"""Launches of kernels: how many blocks and threads, and how rows are divided among threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from generated.support.cuda.devices import Device, Factory
from generated.support.cuda.grids import Grid
from generated.support.cuda.registers import Block

_ENOUGH = 1 << 18
"""Threads that keep any device busy: more of them add nothing but rows of sums."""
LARGEST = 1 << 32
"""Elements that the index of a kernel can tell apart."""


def parts(rows: int, units: int) -> int:
    """Into how many parts rows are divided where each thread adds up those of its part."""
    return min(rows, max(1, _ENOUGH // units))


def sweep(
    device: Device, kernel: Any, units: int, rows: int, arguments: Sequence[Any], *, summing: bool = False
) -> None:
    """Run an element-wise kernel: a thread for each unit of each row, or of each part of the rows where it sums.

    The kernel takes the number of rows and how many one thread takes, and then `arguments`.
    """
    if not rows:
        return
    share = -(-rows // parts(rows, units)) if summing else 1
    threads = units * -(-rows // share)
    device.launch(kernel, -(-threads // device.threads), device.threads, (rows, share, *arguments))


def block(
    device: Device, factory: Factory, call: Any, shape: Block, sizes: Sequence[int], arguments: Sequence[Any]
) -> None:
    """Run the loop over time of a call: the one kernel that `factory` makes for these sizes, a block a sequence."""
    if not call.batch:
        return
    made = device.kernels(factory, call.dtype, shape.lanes, *sizes, threads=shape.threads)
    (kernel,) = vars(made).values()
    device.launch(kernel, call.batch, shape.threads, arguments)


def grid(
    device: Device,
    factory: Factory,
    place: str,
    call: Any,
    shape: Grid,
    sizes: Sequence[int],
    arguments: Sequence[Any],
) -> None:
    """Run the loop over time of a call: the one kernel that `factory` makes for these sizes, in all blocks together.

    Raises ValueError where not all blocks can be on the device at a time: those that wait would wait for ever.
    """
    if not call.batch or not call.steps:
        return
    made = device.kernels(factory, call.dtype, *shape.numbers, *sizes, threads=shape.threads)
    (kernel,) = vars(made).values()
    resident = device.resident(kernel, shape.threads, shape.shared)
    if resident < shape.blocks:
        raise ValueError(
            f"{place}: regime: 'grid' cannot run this call, because {shape.blocks} blocks wait for each other, and "
            f"{resident} can be on the device at a time; 'library' can"
        )
    arrived = device.zeros((shape.blocks,), np.dtype(np.int32))
    device.launch(kernel, shape.blocks, shape.threads, (arrived, *arguments), shared=shape.shared, cooperative=True)


def units(device: Device, kernel: Any, count: int, arguments: Sequence[Any]) -> None:
    """Run a kernel over units alone, a thread for each."""
    device.launch(kernel, -(-count // device.threads), min(count, device.threads), arguments)
