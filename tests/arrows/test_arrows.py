"""The way of the data is one-directional: no stage imports a later one, and generated code never the tool."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = (
    "version",
    "errors",
    "names",
    "files",
    "templates",
    "tex",
    "workers",
    "rules",
    "definitions",
    "equations",
    "families",
    "elementary",
    "graph",
    "routes",
    "gradients",
    "plan",
    "circuit",
    "printers",
    "proof",
    "explain",
    "book",
    "cell",
    "render",
    "build",
    "export",
    "check",
    "pages",
    "cli",
    "__init__",
    "__main__",
    "generate",
)
MODULES = sorted((ROOT / "derive").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its head or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stage(path: Path) -> str:
    """The stage that a file of the tool belongs to."""
    return path.relative_to(ROOT / "derive").parts[0].removesuffix(".py")


def test_every_stage_is_listed() -> None:
    assert {stage(path) for path in MODULES} == set(STAGES)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_leads_to_a_later_stage(path: Path) -> None:
    own = STAGES.index(stage(path))
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "derive" and len(parts) > 1 and parts[1] in STAGES:
            assert STAGES.index(parts[1]) <= own, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "generated").rglob("*.py")), ids=lambda path: path.name)
def test_generated_code_needs_numpy_numba_and_llvmlite_alone(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)} - sys.stdlib_module_names
    assert roots <= {"numpy", "numba", "llvmlite", "generated"}
