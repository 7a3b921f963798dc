"""What processes that work side by side may use: as many of them as there are cores, with one thread each."""

from __future__ import annotations

import os

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def single_threaded() -> None:
    """Let the processes that this one starts have one thread each, where its environment says nothing else."""
    for name in _LIMITS:
        os.environ.setdefault(name, "1")
