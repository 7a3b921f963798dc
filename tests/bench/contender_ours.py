"""The generated CPU kernels, called as anyone calls them: plain parameters, arrays allocated by the call."""

from __future__ import annotations

import importlib
from typing import Any

import numba
import numpy as np

from tests.bench.cases import Arrays, Case, Phase
from tests.bench.contender import Contender, Prepared


def prepare(case: Case, arrays: Arrays) -> Prepared:
    """The generated module of the cell."""
    numba.set_num_threads(case.threads)
    module = importlib.import_module(f"generated.cpu.{case.cell}")
    params = module.Params(**arrays.params)
    state = module.State(**arrays.state)

    def forward() -> Any:
        return module.forward(params, arrays.x, state, keep_tape=False)[0]

    def both() -> Any:
        y, _, tape = module.forward(params, arrays.x, state)
        return y, module.backward(params, tape, dy=arrays.dy)

    return Prepared(forward, lambda y: {"y": y}) if case.phase is Phase.FORWARD else Prepared(both, _gradients)


def _gradients(result: Any) -> dict[str, np.ndarray]:
    y, grads = result
    states = {f"state.{name}": value for name, value in grads.state._asdict().items()}
    return {"y": y, "x": grads.x, **grads.params._asdict(), **states}


OURS = Contender("ours", "numba", prepare)
