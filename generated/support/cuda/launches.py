"""Launches of kernels: how many blocks and threads, and how rows are divided among threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generated.support.cuda.devices import Device, Factory
from generated.support.cuda.regimes import Block

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


def units(device: Device, kernel: Any, count: int, arguments: Sequence[Any]) -> None:
    """Run a kernel over units alone, a thread for each."""
    device.launch(kernel, -(-count // device.threads), min(count, device.threads), arguments)
