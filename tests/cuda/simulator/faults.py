"""What the simulator reports: an exception for each kind of fault. Its message says who, what and in which lines."""

from __future__ import annotations


class KernelError(Exception):
    """A kernel did what a device does not define. The base of all reports."""


class RaceError(KernelError):
    """Two threads touch one element, one of them writes, and no barrier orders the two."""


class BoundsError(KernelError):
    """An index outside the array: too large, or negative, which NumPy alone would take."""


class UninitialisedError(KernelError):
    """An element of shared or local memory is read that nothing was written to."""


class ReadOnlyError(KernelError):
    """A write to an argument that is read only."""


class DivergenceError(KernelError):
    """Threads wait for each other in different places, or for one that has returned."""


class ResidencyError(KernelError):
    """A barrier of the grid while not all blocks are on the device at the same time."""
