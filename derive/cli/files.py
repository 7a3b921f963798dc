"""`derive build`: rendered files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from derive.cell import Cell
from derive.errors import DeriveError
from derive.files import write_whole
from derive.plan import DEFAULT, require_policy
from derive.render import TARGETS, render

ALL = "all"
_SUFFIXES = {"tex": ".tex", "appendix": ".tex"}


def write_targets(cells: Sequence[Cell], target: str, out: Path, tape: str) -> Iterator[str]:
    """Render `cells` and say of each file what became of it.

    One target writes `<cell>.py` or `<cell>.tex` into `out`; all targets write into a folder each, of which `tape`
    concerns cpu and cuda alone. Raises DeriveError for an unknown target or tape, for a tape that the target does not
    have, for two cells of one name, and where a file cannot be written.
    """
    if target not in (*TARGETS, ALL):
        raise DeriveError(f"there is no target `{target}`; targets are {', '.join((*TARGETS, ALL))}")
    require_policy(tape)
    _refuse_twins(cells)
    for cell in cells:
        for each in TARGETS if target == ALL else (target,):
            folder = out / each if target == ALL else out
            path = folder / f"{cell.name}{_SUFFIXES.get(each, '.py')}"
            text = render(cell, each, tape=tape if each in ("cpu", "cuda") or target != ALL else DEFAULT)
            yield f"{path.as_posix()}: {'written' if write_whole(path, text) else 'is up to date'}"


def _refuse_twins(cells: Sequence[Cell]) -> None:
    """Two cells of one name would write to one file."""
    files: dict[str, str] = {}
    for cell in cells:
        other = files.setdefault(cell.name, cell.equations.file)
        if other != cell.equations.file:
            raise DeriveError(f"{other} and {cell.equations.file} are both called `{cell.name}`: they share a file")
