"""One cell: render, write, check, stamp. Runs in a worker process; SymPy is imported here and no earlier."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from derive.errors import DeriveError
from derive.files import write_whole
from derive.generate.stamps import write_stamp
from derive.generate.tree import CELLS, outputs

if TYPE_CHECKING:
    from derive.cell import Cell


@dataclass(frozen=True, slots=True)
class Task:
    """A cell of the clone at `root` to be made; `inputs` is the hash of what it is made from."""

    root: Path
    cell: str
    inputs: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cell: files that changed, what the check says, and the seconds it took."""

    cell: str
    passed: bool
    summary: str
    changed: int
    seconds: float


def make_cell(task: Task) -> Outcome:
    """Write the files of a cell, check it, and stamp it if it passed. A mistake in the cell is an outcome too."""
    started = time.perf_counter()
    changed = 0
    try:
        cell = load_cell(task.root, task.cell)
        for path, text in rendered(task.root, cell).items():
            changed += write_whole(path, text)
        passed, summary = _checked(cell)
    except DeriveError as error:
        passed, summary = False, str(error)
    if passed:
        write_stamp(task.root, task.cell, outputs(task.root, task.cell).values(), task.inputs)
    return Outcome(task.cell, passed, summary, changed, time.perf_counter() - started)


def load_cell(root: Path, name: str) -> Cell:
    """The cell of the file called `name`. Raises DeriveError for mistakes in it, and where it has another name."""
    from derive import load

    cell = load(root / CELLS / f"{name}.toml")
    if cell.name != name:
        raise DeriveError(f"{CELLS}/{name}.toml holds a cell called `{cell.name}`: a cell is called like its file")
    return cell


def rendered(root: Path, cell: Cell) -> dict[Path, str]:
    """The files that are written from `cell`, with their texts."""
    from derive.render import render

    return {path: render(cell, target) for target, path in outputs(root, cell.name).items()}


def _checked(cell: Cell) -> tuple[bool, str]:
    """Whether the fast check of `cell` passes, and what it says in one line."""
    from derive.check import check

    report = check(cell, fast=True)
    return report.passed, report.summary
