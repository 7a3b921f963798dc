"""Kernels on arrays of 16 bits through the gate: they convert at each load and store, and compute in float32."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest

from generated.support.cuda.dtypes import asked
from generated.support.cuda.registers import WARP
from generated.support.cuda.tensor import tiling
from tests.cuda.gate.compiling import disassembler, instructions, missing, ptx_of
from tests.cuda.gate.entries import passed
from tests.cuda.gate.launched import Kernel, kernels, persistent

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
    assert {item.kernel for item in entries} >= {"forward_tensor_loop", "backward_tensor_loop"}


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


@pytest.mark.skipif(not disassembler(), reason="nvdisasm is not installed")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_persistent_kernels_are_on_tensor_cores(dtype, architecture):
    """Two instructions for each tile of 8 rows and each part of 32 columns of a warp; operands are 16 bytes a load."""
    forward, backward = persistent("lstm", importlib.import_module("numba.cuda"), np.dtype(asked(dtype)), (512,))
    suffix = {"float16": "", "bfloat16": ".BF16"}[dtype]
    for kernel, rows, depth in ((forward, 4, 512), (backward, 1, 2048)):
        shape = tiling(rows, depth, kernel.threads, WARP)
        found = instructions(kernel, architecture)
        products = {name: count for name, count in found.items() if name.startswith("HMMA")}
        assert products == {f"HMMA.16816.F32{suffix}": 2 * shape.rows * shape.parts}
        assert found["LDG.E.128"] == 2 * shape.parts


def _stores_float32(kernel: Kernel) -> bool:
    """The last sweep of a step hands float32 to the next step, and stores nothing else."""
    return kernel.function.__name__ == "backward_3"
