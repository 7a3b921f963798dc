"""A run that is killed, at any moment, breaks nothing; the next one finishes its work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from derive.generate import tree

_KILLED_BEFORE_REPLACE = """
import os, signal, sys
os.replace = lambda source, target: os.kill(os.getpid(), signal.SIGKILL)
from derive.generate.__main__ import main
sys.exit(main(["--jobs", "1"]))
"""
_MODULES = """
import sys
from derive.generate.__main__ import main
code = main([])
print(sorted({"sympy", "numpy", "numba", "jinja2"} & set(sys.modules)))
sys.exit(code)
"""


def start(root, *arguments):
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def make(root, *options):
    process = start(root, "-m", "derive.generate", *options)
    output = output_of_all(process)
    assert process.returncode == 0, output
    return output


def written(root):
    return {path: path.read_bytes() for cell in tree.cells(root) for path in tree.outputs(root, cell).values()}


def output_of_all(process):
    """What `process` and its workers write, which ends when the last of them does."""
    try:
        return process.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail("a worker outlives its parent")


def test_killed_at_random_moments(whole_clone):
    make(whole_clone)
    new = written(whole_clone)
    old = {path: content + b"# old\n" for path, content in new.items()}
    moments = random.Random(1)
    for attempt in range(5):
        for path, content in old.items():
            path.write_bytes(content)
        process = start(whole_clone, "-m", "derive.generate", "--jobs", "2")
        # Imports take most of a second; cells are written after that.
        time.sleep(moments.uniform(0.5, 2.0))
        if attempt % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        output_of_all(process)
        for path, content in written(whole_clone).items():
            assert content in (old[path], new[path]), path
    make(whole_clone)
    assert written(whole_clone) == new
    assert tree.leftovers(whole_clone) == ()
    make(whole_clone, "--check-only")


def test_killed_between_writing_and_replacing(whole_clone):
    make(whole_clone)
    new = written(whole_clone)
    victim = whole_clone / "generated/cpu/dense.py"
    victim.write_bytes(b"old\n")
    process = start(whole_clone, "-c", _KILLED_BEFORE_REPLACE)
    output_of_all(process)
    assert process.returncode == -signal.SIGKILL
    assert victim.read_bytes() == b"old\n"
    assert [path.parent for path in tree.leftovers(whole_clone)] == [victim.parent]
    make(whole_clone)
    assert tree.leftovers(whole_clone) == ()
    assert written(whole_clone) == new


def test_a_run_that_has_nothing_to_do_imports_no_library_of_the_pipeline(whole_clone):
    assert "4 made and checked" in make(whole_clone)
    process = start(whole_clone, "-c", _MODULES)
    output = output_of_all(process)
    assert process.returncode == 0, output
    assert output.splitlines()[-2:] == [
        "4 cells: 4 up to date, 0 made and checked; 0 files changed; all passed",
        "[]",
    ]


def test_a_fault_of_the_tool_names_the_cell(whole_clone):
    (whole_clone / "derive/check.py").write_text("def check(cell, *, fast):\n    return 1 / 0\n", encoding="utf-8")
    process = start(whole_clone, "-m", "derive.generate", "--jobs", "2", "--cells", "dense", "rnn")
    output = output_of_all(process)
    assert process.returncode == 1
    assert "ZeroDivisionError" in output
    assert output.splitlines()[-1] in [f"RuntimeError: the cell {name} could not be made" for name in ("dense", "rnn")]
