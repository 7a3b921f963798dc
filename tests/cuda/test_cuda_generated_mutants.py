"""Faults planted in generated kernels are found: by the simulator, or as other values than the reference has."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from derive.build import in_memory
from derive.cell import Cell
from derive.equations import load
from derive.render import render
from generated.support.cuda import registers
from generated.support.cuda.devices import using
from tests.cuda.devices import SimulatedDevice
from tests.cuda.simulator import KernelError
from tests.cuda.test_cuda_kernels import InRegime, case
from tests.kernels.harness import assert_agree, draw_arguments, run_module

FAULTS = {
    "a dropped barrier": ("block", r"cuda\.syncthreads\(\)", "pass"),
    "a half of a buffer that does not alternate": ("block", r"\((t \+ 1|\(t \+ 1\)) & 1\) \* room", "(0) * room"),
    "a wrong stride": ("block", r"\+ lane \+ number \* lanes", "+ lane + number"),
    "a missing mask": ("block", r"column < hidden_size and ", ""),
    "a lane left out": ("block", r"range\(halvings\)", "range(halvings - 1)"),
    "a step too few": ("block", r"in range\(lengths\[u32\(item\)\]\)", "in range(lengths[u32(item)] - 1)"),
    "a store by every lane": ("block", r"if lane == 0:", "if lane >= 0:"),
    "no end of a sequence": ("library", r"if t >= lengths\[u32\(item\)\]", "if t >= 99"),
    "rows that overlap": ("library", r"first = part \* share", "first = part * share - part"),
    "an adjoint of the wrong step": ("library", r"\(t & 1\)", "((t + 1) & 1)"),
    "a sum that starts anew": ("library", r"\] \+= sum_", "] = sum_"),
}


HARMLESS = {
    "a missing mask 1": "the weight of another row, times an element that is 0",
    "no end of a sequence 1": "an operand behind the end, whose adjoint is 0",
}


@cache
def source(name):
    """The text of a module."""
    return render(Cell(load(name)), "cuda", "float64")


def planted():
    """Each fault in each of its places in the kernels of its regime: the text of the module with it."""
    text = source("gru")
    edges = {"library": (text.index("def sweeps"), text.index("def forward_block"))}
    edges["block"] = edges["library"][1], text.index("def forward_grid")
    for title, (regime, pattern, replacement) in FAULTS.items():
        start, end = edges[regime]
        for number, found in enumerate(re.finditer(pattern, text[start:end]), start=1):
            if f"{title} {number}" not in HARMLESS:
                mutant = text[: start + found.start()] + replacement + text[start + found.end() :]
                yield pytest.param(regime, mutant, id=f"{title} {number}")


@pytest.mark.parametrize(("regime", "text"), list(planted()))
def test_a_planted_fault_is_found(regime, text, monkeypatch):
    monkeypatch.setattr(registers, "COMFORTABLE", 12)
    mutant = in_memory(text, "mutant")
    cell = load("gru")
    given = draw_arguments(cell, {"input_size": 2, "hidden_size": 5}, seed=1, steps=4, batch=3)
    given = replace(given, lengths=np.array([4, 2, 0]))
    wanted = run_module(case("gru", "reference").module, cell, given)
    with using(SimulatedDevice()), pytest.raises((KernelError, AssertionError, IndexError)), np.errstate(all="ignore"):
        assert_agree(run_module(InRegime(mutant, regime), cell, given), wanted)
