"""`derive export`: one file that computes the same without `derive` and without `generated`."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import derive
from derive.cli import app
from derive.export import standalone

USE = """
import importlib.util, json, pickle, sys
import numpy as np
spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
alone = importlib.util.module_from_spec(spec)
sys.modules["alone"] = alone
spec.loader.exec_module(alone)
params = alone.init(3, 4, 5, dtype=np.float64, seed=1)
random = np.random.default_rng(0)
loss, y, state, tape = alone.forward(params, random.normal(size=(6, 2, 3)), random.integers(0, 5, size=(6, 2)))
grads = pickle.loads(pickle.dumps(alone.backward(params, tape)))
try:
    alone.forward(params, np.zeros((2, 3)), None)
except ValueError as error:
    message = str(error)
foreign = [name for name in sys.modules if name.partition(".")[0] in ("derive", "generated", "sympy", "jinja2")]
print(json.dumps([float(loss), [float(np.sum(g * g)) for g in grads.params], message, foreign]))
"""


@pytest.mark.parametrize("target", ["reference", "cpu", "cuda"])
@pytest.mark.parametrize("cell", derive.names())
def test_every_kernel_is_one_file_without_foreign_names(cell: str, target: str) -> None:
    tree = ast.parse(standalone(derive.load(cell), target))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in imported if name and name.partition(".")[0] in ("generated", "derive")]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(defined) == len(set(defined))
    assert {"init", "forward", "backward", "step"} <= set(defined)


def test_exported_files_compute_what_the_kernels_compute(tmp_path: Path) -> None:
    import numpy as np

    module = derive.build(derive.load("lstm_readout"), target="reference")
    params = module.init(3, 4, 5, dtype=np.float64, seed=1)
    random = np.random.default_rng(0)
    loss, _, _, tape = module.forward(params, random.normal(size=(6, 2, 3)), random.integers(0, 5, size=(6, 2)))
    squares = [float(np.sum(g * g)) for g in module.backward(params, tape).params]
    for target in ("reference", "cpu"):
        path = tmp_path / f"{target}.py"
        result = CliRunner().invoke(app, ["export", "lstm_readout", "--target", target, "--out", str(path)])
        assert result.exit_code == 0, result.output
        # -I keeps the repository off the path of the process.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [sys.executable, "-I", "-c", USE, str(path)]
        output = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout
        found_loss, found_squares, message, foreign = json.loads(output)
        assert found_loss == pytest.approx(float(loss), rel=1e-12)
        assert found_squares == pytest.approx(squares, rel=1e-10)
        assert "expected float64 array of shape (T, B, input_size=3)" in message
        assert foreign == []


def test_what_is_no_module_is_not_exported() -> None:
    with pytest.raises(derive.DeriveError, match="no target `tex`"):
        standalone(derive.load("rnn"), "tex")
