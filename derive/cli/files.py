"""`derive build`: rendered files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from derive.cell import Cell
from derive.errors import DeriveError
from derive.files import write_whole
from derive.render import TARGETS, render

ALL = "all"
_SUFFIXES = {"tex": ".tex"}


def write_targets(cells: Sequence[Cell], target: str, out: Path) -> Iterator[str]:
    """Render `cells` and say of each file what became of it.

    One target writes `<cell>.py` or `<cell>.tex` into `out`; all targets write into a folder each. Raises DeriveError
    for an unknown target, for two cells of one name, and where a file cannot be written.
    """
    if target not in (*TARGETS, ALL):
        raise DeriveError(f"there is no target `{target}`; targets are {', '.join((*TARGETS, ALL))}")
    _refuse_twins(cells)
    for cell in cells:
        for each in TARGETS if target == ALL else (target,):
            folder = out / each if target == ALL else out
            path = folder / f"{cell.name}{_SUFFIXES.get(each, '.py')}"
            yield f"{path.as_posix()}: {'written' if write_whole(path, render(cell, each)) else 'is up to date'}"


def _refuse_twins(cells: Sequence[Cell]) -> None:
    """Two cells of one name would write to one file."""
    files: dict[str, str] = {}
    for cell in cells:
        other = files.setdefault(cell.name, cell.equations.file)
        if other != cell.equations.file:
            raise DeriveError(f"{other} and {cell.equations.file} are both called `{cell.name}`: they share a file")
