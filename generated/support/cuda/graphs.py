"""The loop over time as CUDA graphs: what it launches is captured once, and launched by one call from then on.

A graph holds the addresses of the arrays that it was captured with. They differ from call to call in general, but the
memory pool of CuPy gives the same blocks to calls that do the same, so that after the first calls of a training loop
their addresses come back. A loop is run as it is when its key is seen first, which also loads all machine code; it is
captured when the key is seen again, and its graph is launched whenever it is seen later.

Nothing is kept of the arrays themselves. A loop of many steps is several graphs, and a bounded number of graphs is
kept: those that were used last. More loops than these, in turn, are run as they are.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.devices import Array, Device

LOG = logging.getLogger("generated.cuda")
FEWEST = 8
"""Steps below which a loop is run as it is."""
STEPS = 512
"""Steps of a graph, at most."""
GRAPHS = 64
"""Graphs that are kept, at most."""

Step = Callable[[int], None]
"""One step of a loop over time: a function of t inside a driver, which knows arrays, kernels and sizes from there."""


class Graphs:
    """The graphs of a process. `cupy` is the module; `prepare` makes the current stream ready for a capture."""

    def __init__(self, cupy: Any, address: Callable[[Array], int], prepare: Callable[[], None]) -> None:
        self._cupy = cupy
        self._address = address
        self._prepare = prepare
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._streams: dict[tuple[int, int], Any] = {}
        self._lock = threading.Lock()
        self._wanted = True

    def run(self, step: Step, times: range, settings: Any) -> None:
        """step(t) for all t of `times` in order, on the current stream.

        `settings` are what the launches depend on besides the arrays and sizes that the step knows.
        """
        stream = self._cupy.cuda.get_current_stream()
        if len(times) < FEWEST or not self._wanted or _captured_by_caller(stream):
            each(step, times)
            return
        place = self._cupy.cuda.runtime.getDevice(), stream.ptr
        known = key(step, self._address)
        for first in range(0, len(times), STEPS):
            chunk = times[first : first + STEPS]
            graph = self._graph((place, settings, known, chunk), step, chunk, place)
            if graph is None:
                each(step, chunk)
            else:
                graph.launch(stream)

    def _graph(self, name: Any, step: Step, times: range, place: tuple[int, int]) -> Any:
        """The graph of this name, captured when it is asked for the second time; None before."""
        with self._lock:
            graph = self._kept.get(name)
            if graph is None and name in self._kept:
                graph = self._captured(step, times, place)
            self._kept[name] = graph
            self._kept.move_to_end(name)
            if len(self._kept) > GRAPHS:
                self._kept.popitem(last=False)
            return graph

    def _captured(self, step: Step, times: range, place: tuple[int, int]) -> Any:
        """What the steps launch, as a graph. None where it cannot be captured, and then nothing is any more.

        The stream of a capture is another than the caller's, which may be the default one, that cannot be captured. It
        is the same for all captures for one stream of the caller, so that graphs that may run at the same time do not
        work in the same memory of cuBLAS.
        """
        if place not in self._streams:
            self._streams[place] = self._cupy.cuda.Stream(non_blocking=True)
        stream = self._streams[place]
        with stream:
            self._prepare()
            try:
                stream.begin_capture()
                try:
                    each(step, times)
                except BaseException:
                    with suppress(Exception):
                        stream.end_capture()
                    raise
                return stream.end_capture()
            except Exception as error:
                self._wanted = False
                LOG.warning("loops run without CUDA graphs from now on, since one cannot be captured: %s", error)
                return None


def each(step: Step, times: range) -> None:
    """The steps as they are."""
    for t in times:
        step(t)


def key(step: Step, address: Callable[[Array], int]) -> tuple[Any, ...]:
    """What the launches of a step depend on: its code, and all that it knows from around it, arrays by their place.

    Raises TypeError for a step that knows something else than arrays, kernels, sizes and the device.
    """
    cells = step.__closure__ or ()
    return step.__code__, *(_known(cell.cell_contents, address) for cell in cells)


def _known(value: Any, address: Callable[[Array], int]) -> Any:
    if isinstance(value, SimpleNamespace):  # kernels
        return tuple(vars(value).values())
    if isinstance(value, int | np.dtype | Device):
        return value
    if hasattr(value, "strides"):
        return address(value), value.shape, value.strides, value.dtype
    raise TypeError(f"a step of a loop may know arrays, kernels, sizes and the device, not a {type(value).__name__}")


def _captured_by_caller(stream: Any) -> bool:
    """Whether a stream is being captured already; the default ones, 0 and 1, cannot be."""
    return stream.ptr not in (0, 1) and stream.is_capturing()
