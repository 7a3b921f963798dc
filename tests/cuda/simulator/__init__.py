"""A simulator of CUDA kernels for tests: threads are greenlets, and a fault of barriers or memory is an exception.

What it models, what it reports and what it cannot show stands in docs/simulator.md.
"""

from tests.cuda.simulator.device import cuda
from tests.cuda.simulator.faults import (
    BoundsError,
    DivergenceError,
    KernelError,
    RaceError,
    ReadOnlyError,
    ResidencyError,
    UninitialisedError,
)
from tests.cuda.simulator.launches import launch
from tests.cuda.simulator.schedules import FORWARD, REVERSE, Schedule, shuffled

__all__ = [
    "FORWARD",
    "REVERSE",
    "BoundsError",
    "DivergenceError",
    "KernelError",
    "RaceError",
    "ReadOnlyError",
    "ResidencyError",
    "Schedule",
    "UninitialisedError",
    "cuda",
    "launch",
    "shuffled",
]
