"""The gate refuses the kernels that it is there to refuse, and says which, where and why."""

from __future__ import annotations

import importlib
import itertools
import re

import numpy as np
import pytest

from generated.support.cuda import registers
from generated.support.cuda.hardware import kernel_types
from generated.support.cuda.kinds import Reals
from tests.cuda.gate import planted
from tests.cuda.gate.compiling import ARCHITECTURES, RefusedError, assembled, capability, missing, ptx_of, resources
from tests.cuda.gate.entries import passed
from tests.cuda.gate.launched import Kernel, kernels, tightest

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def planted_kernel(name, threads, dtype="float32"):
    functions = planted.kernels(importlib.import_module("numba.cuda"), np.dtype(dtype).type)
    (function,) = (function for function in functions if function.__name__ == name)
    return Kernel("planted", function, np.dtype(dtype), planted.HELD, threads)


def refusal(given, architecture):
    with pytest.raises(RefusedError) as raised:
        resources(given, architecture)
    return str(raised.value)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_fits_the_registers_passes(architecture):
    found = resources(planted_kernel("sound", 256), architecture)
    assert planted.HELD < found.registers <= 65536 // 256
    assert found.shared == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_registers_that_spill_are_refused(architecture):
    message = refusal(planted_kernel("sound", 1024), architecture)
    assert message.startswith(f"planted: sound in float32, 96 units, 1024 threads, {architecture}: ")
    assert "bytes of registers spilled" in message


@pytest.mark.parametrize("threads", [544, 640, 672, 1024])
def test_a_kernel_that_spills_has_all_registers_that_the_choice_of_regime_counts_on(threads):
    _, report = assembled(ptx_of(planted_kernel("sound", threads), "sm_90"), "sm_90")
    assert f"Used {registers.registers(threads)} registers" in report


def test_blocks_chosen_with_fewer_registers_to_spare_are_refused(monkeypatch):
    monkeypatch.setattr(registers, "OTHERS", 42)
    (largest,) = tightest("gru", np.dtype("float64"))[-1:]
    _, refused = passed("gru", "float64", ("sm_90",), [largest], ())
    assert len(refused) == 1
    assert "gru: forward_loop in float64, 72 units, 576 threads, sm_90: 16 bytes of registers spilled" in refused[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_local_memory_is_refused(architecture):
    message = refusal(planted_kernel("indexed", 256), architecture)
    assert message.startswith(f"planted: indexed in float32, 96 units, 256 threads, {architecture}: ")
    assert message.endswith("384 bytes of local memory")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_float64_in_a_kernel_of_float32_is_refused(architecture):
    message = refusal(planted_kernel("double", 256), architecture)
    assert message.startswith(f"planted: double in float32, 96 units, 256 threads, {architecture}: float64 in ")
    assert ".f64" in message
    resources(planted_kernel("double", 256, "float64"), architecture)


def test_the_ptx_is_that_of_the_compiler_for_one_architecture():
    cuda, types = importlib.import_module("numba.cuda"), importlib.import_module("numba").types
    found = [item for item in kernels("gru", cuda, np.dtype("float32"), [64]) if item.size]
    for each, architecture in itertools.product(found, ARCHITECTURES):
        signature = types.void(*kernel_types(types, each.function, each.dtype))
        bounds = each.threads, 1
        options = {"device": False, "abi": "numba", "cc": capability(architecture), "launch_bounds": bounds}
        expected, _ = cuda.compile(each.function, signature, **options)
        assert without_names(ptx_of(each, architecture)) == without_names(expected)


def without_names(ptx):
    """Names as numbers: those of kernels hold the options of the compiler, those of shared arrays are counted on."""
    names = {}
    return re.sub(r"_Z\w+|_cudapy_smem_\d+", lambda found: names.setdefault(found[0], f"name_{len(names)}"), ptx)


def test_a_kernel_that_does_not_compile_is_refused():
    def undefined(out: Reals):
        out[0] = nowhere  # noqa: F821

    message = refusal(Kernel("planted", undefined, np.dtype("float32"), 0, 32), "sm_90")
    assert message.startswith("planted: undefined in float32, any size, 32 threads, sm_90: it does not compile: ")


def test_an_architecture_that_ptxas_does_not_know_is_refused():
    assert "sm_10" in refusal(planted_kernel("double", 256, "float64"), "sm_10")
