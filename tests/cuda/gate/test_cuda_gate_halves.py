"""Kernels on arrays of 16 bits through the gate: they convert at each load and store, and compute in float32."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest

from generated.support.cuda.dtypes import asked
from tests.cuda.gate.compiling import missing, ptx_of
from tests.cuda.gate.entries import passed
from tests.cuda.gate.launched import Kernel, kernels

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
ARCHITECTURES = "sm_80", "sm_90"
CELLS = "gru", "lstm", "lstm_peephole"
DTYPES = "float16", "bfloat16"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_all_kernels_pass(cell, dtype):
    entries, refused = passed(cell, asked(dtype), ARCHITECTURES, (64, 96))
    assert not refused
    assert {item.kernel for item in entries} >= {"forward_loop", "backward_loop"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_are_converted_and_nothing_is_computed_in_16_bits(dtype):
    found = kernels("gru", importlib.import_module("numba.cuda"), np.dtype(asked(dtype)), (64,))
    for kernel in found:
        ptx = ptx_of(kernel, "sm_90")
        wide = {"float16": "cvt.f32.f16", "bfloat16": "shl.b32"}[dtype]
        assert wide in ptx, kernel
        assert {"float16": "cvt.rn.f16.f32", "bfloat16": "cvt.rn.bf16.f32"}[dtype] in ptx or _stores_float32(kernel)
        assert not re.search(r"\b(add|sub|mul|fma|neg|ex2|tanh)\S*\.b?f16", ptx), kernel
        assert "call" not in re.sub(r"//.*", "", ptx), kernel


def _stores_float32(kernel: Kernel) -> bool:
    """The last sweep of a step hands float32 to the next step, and stores nothing else."""
    return kernel.function.__name__ == "backward_3"
