"""The ladder of checks of one cell, from the proof to the check of the checker.

Each rung stands on the one below: the proof and the unrolled recursion settle the derived equations, the differences
settle the generated code, and the mutants settle that both judges can see an error.
"""

from __future__ import annotations

from collections.abc import Callable

from derive.cell import Cell
from derive.check import rungs
from derive.check.checker import checker_checked
from derive.check.exact import exact_agrees
from derive.check.report import MutantCount, Report, Rung
from derive.check.subject import SHAPES, SMALL, Subject

__all__ = ["MutantCount", "Report", "Rung", "check"]


def check(cell: Cell, *, fast: bool = False, progress: Callable[[str], None] = lambda rung: None) -> Report:
    """Climb the ladder for `cell`; `progress` is told the name of each rung before it is climbed.

    `fast` stops after the proof, the unrolled recursion and one run of differences. Raises DeriveError where no random
    sample lies in the domain of the cell.
    """
    subject = Subject(cell)
    done: list[Rung] = []
    fast_rungs: list[tuple[str, Callable[[], Rung]]] = [
        ("proof", lambda: rungs.proved(subject)),
        ("unrolled", lambda: rungs.unrolled_agrees(subject)),
        ("differences", lambda: rungs.differences(subject, (SMALL,) if fast else SHAPES)),
    ]
    full_rungs: list[tuple[str, Callable[[], Rung]]] = [
        ("50 digits", lambda: exact_agrees(subject)),
        ("reference and cpu", lambda: rungs.targets_agree(subject)),
        ("float32", lambda: rungs.single_precision(subject)),
    ]
    for name, climb in fast_rungs if fast else fast_rungs + full_rungs:
        progress(name)
        done.append(climb())
    if fast:
        return Report(cell.name, tuple(done))
    progress("mutants")
    last, counts = checker_checked(subject)
    return Report(cell.name, (*done, last), counts)
