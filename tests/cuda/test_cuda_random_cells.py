"""Any cell of the language agrees with automatic differentiation in the simulator, in every regime that it has."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings

from derive.build import in_memory
from derive.cell import Cell
from derive.render import render
from generated.support.cuda import grids, registers
from generated.support.cuda.devices import using
from tests.cuda.devices import SimulatedDevice
from tests.cuda.test_cuda_kernels import InRegime
from tests.kernels.harness import assert_agree, run_module
from tests.kernels.strategies import Drawn, cells
from tests.kernels.test_random_cells import ALWAYS, wanted_of

CELLS = 40


def test_random_cells_agree_with_autograd_in_all_regimes(monkeypatch):
    monkeypatch.setattr(registers, "COMFORTABLE", 6)
    monkeypatch.setattr(grids, "_MOST_LANES", 2)
    monkeypatch.setattr(grids, "TILE", 2)
    monkeypatch.setattr(grids, "MOVES", 2)
    limits = grids.Limits(multiprocessors=2, shared=16 * 1024)
    runs: Counter[str] = Counter()

    @settings(max_examples=CELLS, **ALWAYS)
    @given(cells())
    def check(drawn: Drawn) -> None:
        arguments, wanted = wanted_of(drawn)
        module = in_memory(render(Cell(drawn.equations), "cuda", "float64"), "drawn")
        for regime in ("library", "block", "grid")[: 1 if module.LOOP.obstacle else 3]:
            with using(SimulatedDevice(limits=limits)), np.errstate(all="ignore"):
                assert_agree(run_module(InRegime(module, regime), drawn.equations, arguments), wanted.values)
            runs[regime] += 1

    check()
    assert runs["library"] >= CELLS
    assert runs["block"] == runs["grid"] >= CELLS // 2
