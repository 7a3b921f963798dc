"""Compiled kernels on disk: processes at the same time, later processes, and a cell that was edited."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GENERATED = Path(__file__).parents[2] / "generated"
SCRIPT = """
import importlib
import sys
import numpy as np

kernel = importlib.import_module(f"generated.cpu.{sys.argv[1]}")
params = kernel.init(3, 5, dtype=np.float32)
y, _, tape = kernel.forward(params, np.ones((4, 2, 3), np.float32))
grads = kernel.backward(params, tape, y)
loops = (kernel._forward_part, kernel._backward_part)
print(y.tobytes().hex(), grads.x.tobytes().hex(), sep="")
print("compiled", sum(sum(loop.stats.cache_misses.values()) for loop in loops))
"""


def start(folder: Path, cell: str) -> subprocess.Popen[str]:
    """A process that runs a cell of the package in `folder`, which is also where its cache is."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", SCRIPT, cell]
    return subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[str, int]:
    """The results, and how many functions were compiled."""
    out, _ = process.communicate()
    assert process.returncode == 0
    values, last = out.splitlines()
    return values, int(last.removeprefix("compiled "))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The package of kernels with two cells, nothing compiled."""
    shutil.copytree(GENERATED / "support", tmp_path / "generated" / "support", ignore=shutil.ignore_patterns("*.nb?"))
    (tmp_path / "generated" / "cpu").mkdir()
    for name in ("__init__.py", "cpu/__init__.py", "cpu/rnn.py", "cpu/dense.py"):
        shutil.copy(GENERATED / name, tmp_path / "generated" / name)
    return tmp_path


def test_processes_that_compile_at_once_leave_a_whole_cache(folder: Path) -> None:
    first, second = [finish(process) for process in [start(folder, "rnn"), start(folder, "rnn")]]
    assert first[0] == second[0]
    assert finish(start(folder, "rnn")) == (first[0], 0)


def test_an_edited_cell_is_compiled_anew_and_no_other(folder: Path) -> None:
    before = {name: finish(start(folder, name)) for name in ("rnn", "dense")}
    edited = folder / "generated" / "cpu" / "rnn.py"
    edited.write_text(edited.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert finish(start(folder, "rnn")) == before["rnn"]
    assert finish(start(folder, "dense")) == (before["dense"][0], 0)
    assert before["rnn"][1] == 2
