"""The Makefile and what stands at the top of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "derive",
    "docs",
    "generated",
    "pyproject.toml",
    "templates",
    "tests",
}

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def run(folder, *arguments):
    # These tests may themselves run under make, which tells its children so.
    told = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CELL", "CELLS", "PART", "BUDGET", "OUT", "ARGS", "QUICK")
    clean = {name: value for name, value in os.environ.items() if name not in told}
    return subprocess.run(["make", *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path):
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


@needs_make
def test_a_python_that_is_missing_or_too_old_is_named(folder):
    for python in ("false", "no-such-python"):
        finished = run(folder, f"PYTHON={python}")
        assert finished.returncode != 0
        assert f"derive needs Python 3.11 or newer, and {python} is not that" in finished.stderr
        assert not (folder / ".venv").exists()


@needs_make
def test_clean_removes_what_is_written_and_leaves_what_is_not(folder):
    kept = ["generated/support/scalar.py", "generated/cpu/__init__.py", "docs/guide.md", ".venv/bin/python"]
    lost = [f"generated/{target}/rnn.py" for target in ("cpu", "cuda", "reference")]
    lost += ["docs/cells/rnn.tex", "build/stamps/rnn"]
    lost += [
        "generated/cpu/__pycache__/rnn.nbi",
        ".coverage",
        "dist/derive.whl",
        "derive/__pycache__/a.pyc",
        "tests/__pycache__/a.pyc",
    ]
    for name in kept + lost:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert run(folder, "clean").returncode == 0
    assert [name for name in kept if not (folder / name).exists()] == []
    assert [name for name in lost if (folder / name).exists()] == []
    assert run(folder, "distclean").returncode == 0
    assert not (folder / ".venv").exists()


@needs_make
def test_one_or_several_cells_reach_the_driver(folder):
    for stamp in (".venv/.created", ".venv/.installed"):
        (folder / stamp).parent.mkdir(exist_ok=True)
        (folder / stamp).touch()
    assert run(folder, "-n").stdout == ".venv/bin/python -m derive.generate \n"
    assert run(folder, "-n", "CELL=lstm gru").stdout == ".venv/bin/python -m derive.generate --cells lstm gru\n"
    assert run(folder, "-n", "check", "CELL=lstm").stdout.endswith("derive.generate --cells lstm --check-only\n")


@needs_make
def test_a_short_benchmark_and_its_options_reach_the_benchmark(folder):
    for stamp in (".venv/.created", ".venv/.installed", ".venv/.benched"):
        (folder / stamp).parent.mkdir(exist_ok=True)
        (folder / stamp).touch()
    assert run(folder, "-n", "bench").stdout.split() == [".venv/bin/python", "-m", "tests.bench"]
    called = run(folder, "-n", "bench", "QUICK=1", "ARGS=--rounds 3").stdout
    assert called == ".venv/bin/python -m tests.bench --quick --rounds 3\n"


@needs_make
def test_options_reach_the_gate_of_cuda_kernels(folder):
    for stamp in (".venv/.created", ".venv/.installed", ".venv/.gated"):
        (folder / stamp).parent.mkdir(exist_ok=True)
        (folder / stamp).touch()
    assert run(folder, "-n", "gate", "ARGS=--jobs 1").stdout == ".venv/bin/python -m tests.cuda.gate --jobs 1\n"


@needs_make
def test_the_kernels_are_run_on_a_device_by_the_python_there_is(folder):
    called = run(folder, "-n", "bench-cuda").stdout.split()
    assert called == ["python3", "-m", "tests.cuda.bench", "\\", "--out", "build/bench-cuda"]
    told = ("PYTHON=python3.12", "PART=timing peers", "BUDGET=60", "CELLS=lstm gru", "OUT=found", "ARGS=--jobs 2")
    called = run(folder, "-n", "bench-cuda", *told).stdout.replace("\\\n", " ").split()
    wanted = "python3.12 -m tests.cuda.bench --part timing peers --cells lstm gru --budget 60 --out found --jobs 2"
    assert called == wanted.split()
    assert not (folder / ".venv").exists()


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="this is not a clone")
def test_the_top_level_holds_the_customary_files_and_nothing_else():
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=REPOSITORY, text=True)
    assert {name.split("/")[0] for name in tracked.split("\0") if name} <= TOP_LEVEL
