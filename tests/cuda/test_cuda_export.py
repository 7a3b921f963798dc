"""`derive export --target cuda`: one file that runs in the simulator without `derive` and without `generated`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from derive.cli import app
from tests.cuda.test_cuda_kernels import case
from tests.kernels.harness import leaves

ROOT = Path(__file__).parents[2]
USE = """
import importlib.util, json, pickle, sys
from types import ModuleType
import numpy as np

spec = importlib.util.spec_from_file_location("alone", "alone.py")
alone = importlib.util.module_from_spec(spec)
sys.modules["alone"] = alone
spec.loader.exec_module(alone)

# The simulator gets what it needs of the support from the exported file.
for name in ("cuda.devices", "cuda.dtypes", "cuda.graphs", "cuda.grids", "expected"):
    module = sys.modules[f"generated.support.{name}"] = ModuleType(name)
    front = f"_{name.replace('.', '_')}_"
    vars(module).update({key.removeprefix(front): value for key, value in vars(alone).items() if key.startswith(front)})
sys.path.append(sys.argv[1])
from tests.cuda.devices import SimulatedDevice

given = np.load("given.npz")
arrays = [given[key] for key in given]
params, (x, dy) = alone.Params(*arrays[:-2]), arrays[-2:]
try:
    alone.forward(params, x)
    message = "a device"
except alone._cuda_devices_UnavailableError as error:
    message = str(error)
found = []
with alone._cuda_devices_using(SimulatedDevice()):
    for options in ({}, {"workspace": alone.Workspace(), "checkpoint_every": 2, "regime": "library"}):
        y, state, tape = alone.forward(params, x, **options)
        grads = alone.backward(params, pickle.loads(pickle.dumps(tape)), dy)
        found.append([float(np.sum(array * array)) for array in (y, *state, *grads.params, grads.x, *grads.state)])
    y_t, _ = alone.step(alone.pack(params), x[0])
foreign = [name for name, module in sys.modules.items() if name.partition(".")[0] in ("derive", "generated", "sympy")
           and getattr(module, "__file__", None)]
print(json.dumps([found, message, foreign, float(np.abs(y_t - y[0]).max())]))
"""


@pytest.mark.parametrize("name", ["gru", "lstmp"])
def test_an_exported_file_runs_from_an_empty_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / "alone.py"
    result = CliRunner().invoke(app, ["export", name, "--target", "cuda", "--out", str(path)])
    assert result.exit_code == 0, result.output
    this = case(name, "reference")
    given = this.draw()
    given = replace(given, lengths=np.full(3, 5), state=tuple(np.zeros_like(array) for array in given.state))
    given = replace(given, dstate=tuple(np.zeros_like(array) for array in given.state))
    np.savez(tmp_path / "given.npz", *given.params, given.inputs[0], given.dy[0])
    _, y, state, tape = this.forward(given)
    wanted = [float(np.sum(array * array)) for array in leaves((y, state, *this.backward(given, tape)))]
    # -I keeps the repository off the path of the process.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-I", "-c", USE, str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found, message, foreign, difference = json.loads(done.stdout)
    for each in found:
        assert each == pytest.approx(wanted, rel=1e-10)
    assert difference < 1e-12
    assert message == "a device" or message.startswith("CUDA kernels need")
    assert foreign == []
