"""What was made from what, by hashes. A stamp says that the files of a cell follow from its inputs and were checked."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from derive.files import write_whole
from derive.generate.tree import CELLS, STAMPS

# A new version of one of these may change the text of a file or the outcome of a check.
_PACKAGES = ("jinja2", "mpmath", "networkx", "numba", "numpy", "sympy")


def digests(root: Path, cells: Sequence[str]) -> dict[str, str]:
    """The hash of everything that the files of each cell, and its check, depend on."""
    tool = generator(root)
    return {cell: _hashed(root, [root / CELLS / f"{cell}.toml"], tool) for cell in cells}


def is_fresh(root: Path, name: str, files: Iterable[Path], inputs: str) -> bool:
    """Whether `files` are those that the stamp `name` says were made from `inputs` and passed their check."""
    stamp = root / STAMPS / name
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _stamp(root, files, inputs)


def write_stamp(root: Path, name: str, files: Iterable[Path], inputs: str) -> None:
    """Note under `name` that `files` were made from `inputs` and passed their check."""
    write_whole(root / STAMPS / name, _stamp(root, files, inputs))


def _stamp(root: Path, files: Iterable[Path], inputs: str) -> str:
    return _hashed(root, files, inputs) + "\n"


def generator(root: Path) -> str:
    """The hash of all code and templates, and of the versions that they run with."""
    files = [
        *(root / "derive").rglob("*.py"),
        *(root / "generated/support").rglob("*.py"),
        *(path for path in (root / "templates").rglob("*") if path.is_file()),
    ]
    versions = [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)]
    return _hashed(root, sorted(files), "\n".join(versions))


def _hashed(root: Path, files: Iterable[Path], start: str) -> str:
    """One hash of `start` and of the names and contents of `files`; a missing file has a hash of its own."""
    digest = hashlib.sha256(start.encode())
    for path in files:
        content = path.read_bytes() if path.is_file() else b"missing"
        name = path.relative_to(root).as_posix()
        digest.update(f"\0{name}\0{hashlib.sha256(content).hexdigest()}".encode())
    return digest.hexdigest()
