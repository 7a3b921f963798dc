"""The kernels need neither the tool nor what it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys

REFUSED = {"sympy", "mpmath", "jinja2", "networkx", "derive", "typer", "rich", "platformdirs", "scipy"}


class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ImportError(f"{name} is not installed")


sys.meta_path.insert(0, Refusal())
import importlib

import numpy as np

for name in ("lstm", "lstm_readout"):
    module = importlib.import_module(f"generated.{sys.argv[1]}.{name}")
    sizes = (3, 4, 5)[: len(module.SIGNATURE.sizes)]
    params = module.init(*sizes)
    x = np.ones((2, 3, 3), np.float32)
    target = (np.zeros((2, 3), np.int64),) if module.SIGNATURE.loss else ()
    *values, tape = module.forward(params, x, *target)
    grads = module.backward(params, tape, np.ones_like(values[-2]))
    assert np.isfinite(grads.x).all() and grads.x.any()
    assert module.step(module.pack(params), x[0])[0].shape == values[-2].shape[1:]
assert not REFUSED & {name.partition(".")[0] for name in sys.modules}
try:
    import sympy
except ImportError:
    print("ran alone")
"""


@pytest.mark.parametrize("target", ["reference", "cpu"])
def test_kernels_run_where_the_tool_and_what_it_imports_are_not_installed(target):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ran alone\n"
