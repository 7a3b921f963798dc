"""Small clones of the repository, made for a test each."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# A check that costs nothing, for clones whose whole tool is a copy.
_NO_CHECK = """
from types import SimpleNamespace


def check(cell, *, fast):
    return SimpleNamespace(passed=True, summary="nothing was checked")
"""


@dataclass
class Checks:
    """Stands for `derive.check`: notes which cells were checked, and fails those that it is told to."""

    seen: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def taken(self) -> list[str]:
        """The cells that were checked since this was last asked."""
        seen, self.seen = self.seen, []
        return sorted(seen)


def _copy(root: Path, cells: tuple[str, ...]) -> Path:
    for name in cells:
        (root / "derive/cells").mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / f"derive/cells/{name}.toml", root / "derive/cells")
    shutil.copytree(REPOSITORY / "templates", root / "templates")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "generated/support", root / "generated/support", ignore=ignored)
    shutil.copy(REPOSITORY / "generated/__init__.py", root / "generated")
    for target in ("cpu", "cuda", "reference"):
        (root / "generated" / target).mkdir()
        shutil.copy(REPOSITORY / "generated" / target / "__init__.py", root / "generated" / target)
    return root


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Three cells, their templates, and a file that stands for the tool; the tool itself is this repository's."""
    root = _copy(tmp_path / "clone", ("dense", "indrnn", "rnn"))
    shutil.copy(REPOSITORY / "derive/version.py", root / "derive")
    return root


@pytest.fixture
def whole_clone(tmp_path: Path) -> Path:
    """Four cells and a copy of the whole tool, but for its check; `python -m derive.generate` runs in it."""
    root = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "cells", "check")
    shutil.copytree(REPOSITORY / "derive", root / "derive", ignore=ignored)
    (root / "derive/check.py").write_text(_NO_CHECK, encoding="utf-8")
    return _copy(root, ("dense", "gru", "lstm", "rnn"))


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    """In the place of the real check."""
    made = Checks()

    @dataclass
    class Report:
        passed: bool
        summary: str

    def check(cell, *, fast):
        assert fast
        made.seen.append(cell.name)
        failed = cell.name in made.failing
        return Report(not failed, "route 3 of δh is missing" if failed else "proof: 24 identities")

    monkeypatch.setattr(importlib.import_module("derive.check"), "check", check)
    return made
