"""Which files of the repository are written from which cell."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import derive
from derive.errors import DeriveError

CELLS = "derive/cells"
BUILD = "build"
STAMPS = f"{BUILD}/stamps"
IMAGES = "docs/images"
PICTURES = ".pictures"
"""The stamp of the pictures, a name that no cell has."""
OUTPUTS = {
    "cpu": ("generated/cpu", ".py"),
    "cuda": ("generated/cuda", ".py"),
    "reference": ("generated/reference", ".py"),
    "tex": ("docs/cells", ".tex"),
    "appendix": ("docs/appendices", ".tex"),
}
# What the head of a generated file says, and no other file: such a file may be removed.
_MARKS = {".py": b"Do not edit: derive writes this file.", ".tex": b"% Made by derive from the equations of the cell"}
_HEAD = 8192
_LEFTOVER = re.compile(r"\.\w+(\.py|\.tex|\.svg)?\.\w{8}")


def repository() -> Path:
    """The clone that this package is imported from. Raises DeriveError where it is an installed wheel."""
    root = Path(derive.__file__).parents[1]
    if not (root / "templates").is_dir() or not (root / "generated").is_dir():
        raise DeriveError("only a clone of the repository can be regenerated; this is an installed package")
    return root


def cells(root: Path) -> tuple[str, ...]:
    """The names of the cells of the clone, sorted."""
    return tuple(sorted(path.stem for path in (root / CELLS).glob("*.toml")))


def chosen(root: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """The cells that are asked for, all without a wish. Raises DeriveError for a name that no cell has."""
    known = cells(root)
    for name in wanted:
        if name not in known:
            raise DeriveError(f"there is no cell `{name}`; cells are {', '.join(known)}")
    return tuple(name for name in known if not wanted or name in wanted)


def outputs(root: Path, cell: str) -> dict[str, Path]:
    """The file of each target that is written from `cell`."""
    return {target: root / folder / f"{cell}{suffix}" for target, (folder, suffix) in OUTPUTS.items()}


def forgotten(root: Path) -> tuple[Path, ...]:
    """Generated files, and stamps, of cells that are no more. What does not carry the generator's mark is not named."""
    known = cells(root)
    files = [
        path
        for folder, suffix in OUTPUTS.values()
        for path in _files(root / folder)
        if path.suffix == suffix and path.stem not in known and _is_generated(path)
    ]
    return (*files, *(path for path in _files(root / STAMPS) if path.name not in (*known, PICTURES)))


def leftovers(root: Path) -> tuple[Path, ...]:
    """Temporary files of a run that was killed while it wrote; `derive.files.write_whole` names them so."""
    folders = [*(folder for folder, _ in OUTPUTS.values()), IMAGES, STAMPS]
    return tuple(path for folder in folders for path in _files(root / folder) if _LEFTOVER.fullmatch(path.name))


@contextmanager
def lock(root: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Be the only run on this clone; `busy` is called before waiting for another. A killed run holds no lock."""
    (root / BUILD).mkdir(exist_ok=True)
    with (root / BUILD / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def _is_generated(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARKS[path.suffix] in file.read(_HEAD)
