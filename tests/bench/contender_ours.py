"""The generated CPU kernels with plain parameters; arrays come from each call, or from what the caller keeps."""

from __future__ import annotations

import importlib
from typing import Any

import numba
import numpy as np

from tests.bench.cases import Arrays, Case, Phase
from tests.bench.contender import Contender, Prepared


def prepare(case: Case, arrays: Arrays) -> Prepared:
    """The generated module of the cell, called as anyone calls it."""
    return _prepared(case, arrays, reuse=False)


def prepare_reuse(case: Case, arrays: Arrays) -> Prepared:
    """The same in a workspace, which a training loop keeps. Its parameters change in each step, so none are packed."""
    return _prepared(case, arrays, reuse=True)


def _prepared(case: Case, arrays: Arrays, reuse: bool) -> Prepared:
    numba.set_num_threads(case.threads)
    module = importlib.import_module(f"generated.cpu.{case.cell}")
    params = module.Params(**arrays.params)
    state = module.State(**arrays.state)
    workspace = module.Workspace() if reuse else None

    def forward() -> Any:
        return module.forward(params, arrays.x, state, keep_tape=False, workspace=workspace)[0]

    def both() -> Any:
        y, _, tape = module.forward(params, arrays.x, state, workspace=workspace)
        return y, module.backward(params, tape, dy=arrays.dy, consume_tape=reuse)

    return Prepared(forward, lambda y: {"y": y}) if case.phase is Phase.FORWARD else Prepared(both, _gradients)


def _gradients(result: Any) -> dict[str, np.ndarray]:
    y, grads = result
    states = {f"state.{name}": value for name, value in grads.state._asdict().items()}
    return {"y": y, "x": grads.x, **grads.params._asdict(), **states}


OURS = Contender("ours", "numba", prepare)
REUSE = Contender("ours, reuse", "numba", prepare_reuse)
