"""The page of registers, and what the gate takes for the kernels of a cell: no compiler is needed."""

from __future__ import annotations

import importlib
import tomllib

import numpy as np
import pytest

from generated.support.cuda import regimes
from generated.support.cuda.dtypes import asked
from tests.cuda.gate import compiling
from tests.cuda.gate.compiling import ARCHITECTURES
from tests.cuda.gate.entries import DTYPES, RECORDED
from tests.cuda.gate.launched import CELLS, Kernel, kernels, tightest
from tests.cuda.gate.page import PAGE, Entry, read, written
from tests.cuda.simulator import cuda

REPORT = """\
ptxas info    : Compiling entry function 'kernel' for 'sm_90'
    {} bytes stack frame, {} bytes spill stores, {} bytes spill loads
ptxas info    : Used 64 registers, used 1 barriers, 512 bytes smem
{}"""


def sample(dtype="float32", size=32, architecture="sm_90", registers=90):
    return Entry(dtype, "gru", size, "forward_loop", 64, 512, architecture, registers)


def test_a_page_is_read_as_it_was_written():
    entries = [
        sample(size=0),
        sample(size=0, architecture="sm_80", registers=91),
        sample(size=32),
        sample("float64", registers=128),
    ]
    text = written(entries, "ptxas 13.0.88, numba 0.68", ("sm_80", "sm_90"))
    assert read(text) == (set(entries), "ptxas 13.0.88, numba 0.68")
    assert "| `gru` | `forward_loop` | any | 64 | 512 | 91 | 90 |\n" in text
    assert "| `gru` | `forward_loop` | 32 | 64 | 512 |  | 128 |\n" in text


@pytest.mark.parametrize("cell", CELLS)
def test_the_page_names_every_kernel_in_the_blocks_that_it_runs_in(cell):
    entries, _ = read(PAGE.read_text(encoding="utf-8"))
    stated = {
        (item.dtype, item.kernel, item.size, item.threads, item.architecture) for item in entries if item.cell == cell
    }
    assert stated == {
        (dtype, kernel.function.__name__, kernel.size, kernel.threads, architecture)
        for dtype in RECORDED
        for kernel in kernels(cell, cuda, np.dtype(asked(dtype)))
        for architecture in ARCHITECTURES
    }


def test_a_cell_has_its_sweeps_and_the_blocks_of_sizes_that_fit():
    found = [
        (item.function.__name__, item.size, item.threads)
        for item in kernels("lstm", cuda, np.dtype(np.float64), (32, 96))
    ]
    loops = ["forward_loop", "backward_loop", "forward_grid_loop", "backward_grid_loop"]
    assert [item[0] for item in found] == ["forward_1", "backward_1", "backward_2", *loops]
    assert [item[1:] for item in found] == [(0, 256)] * 3 + [(32, 128)] * 2 + [(512, 128)] * 2


def test_products_of_16_bits_are_on_tensor_cores():
    found = list(kernels("lstm", cuda, np.dtype(np.float16)))
    assert [(item.function.__name__, item.size, item.threads) for item in found] == [
        ("forward_tensor_loop", 1024, 256),
        ("backward_tensor_loop", 1024, 256),
    ]
    kernel = found[0]
    report = REPORT.format(0, 0, 0, "")
    assert compiling.faults(kernel, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", report) == []
    assert compiling.faults(kernel, "fma.rn.f32", report) == ["no product on tensor cores"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_the_sizes_are_those_with_the_fewest_registers_to_spare(cell, dtype):
    """Every size that a block runs is below one of these that has the same lanes, or has few threads."""
    loop, kind = importlib.import_module(f"generated.cuda.{cell}").LOOP, np.dtype(dtype)

    def plan(size):
        return regimes.choose(cell, loop, "auto", dict.fromkeys(("input_size", "hidden_size", "cell_size"), size), kind)

    plans = {size: plan(size) for size in range(1, 1200)}
    fit = [size for size, each in plans.items() if each.regime == "block"]
    chosen = tightest(cell, kind)
    assert max(chosen, default=0) == max(fit, default=0)
    for size in fit:
        shapes = plans[size].forward, plans[size].backward
        same = [each for each in chosen if lanes(plans[each]) == lanes(plans[size])]
        assert any(size <= each for each in same) or all(shape.threads <= 256 for shape in shapes)


def lanes(plan):
    return plan.forward.lanes, plan.backward.lanes


def test_a_kernel_is_named_with_all_that_it_was_compiled_for():
    def forward_loop(): ...

    kernel = Kernel("gru", forward_loop, np.dtype(np.float32), 64, 256)
    assert str(kernel) == "gru: forward_loop in float32, 64 units, 256 threads"


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ((0, 0, 0, ""), []),
        ((8, 16, 24, ""), ["16 bytes of registers spilled, 24 bytes loaded again", "8 bytes of local memory"]),
        ((0, 0, 4, ""), ["0 bytes of registers spilled, 4 bytes loaded again"]),
        ((0, 0, 0, "ptxas warning : Local memory used for function 'kernel'\n"), ["Local memory used"]),
    ],
)
def test_a_report_with_spills_local_memory_or_a_warning_is_a_fault(report, expected):
    kernel = Kernel("gru", print, np.dtype(np.float32), 0, 256)
    found = compiling.faults(kernel, "add.f32 %f1, %f2, %f3;", REPORT.format(*report))
    assert len(found) == len(expected)
    assert all(text in line for text, line in zip(expected, found, strict=True))


def test_a_report_that_does_not_say_what_is_spilled_is_a_fault():
    kernel = Kernel("gru", print, np.dtype(np.float32), 0, 256)
    assert compiling.faults(kernel, "", "ptxas info    : Used 64 registers") == [
        "ptxas does not say what is spilled: ptxas info    : Used 64 registers"
    ]


def test_float64_is_a_fault_of_float32_alone():
    ptx = "add.f32 %f1, %f2, %f3;\n  cvt.f64.f32 %fd1, %f1;\n  mul.f64 %fd2, %fd1, %fd1;\n"
    report = REPORT.format(0, 0, 0, "")
    found = [compiling.faults(Kernel("gru", print, np.dtype(dtype), 0, 256), ptx, report) for dtype in DTYPES]
    assert found == [["float64 in 2 instructions, the first `cvt.f64.f32 %fd1, %f1;`"], []]


def test_what_is_missing_is_said_with_how_to_install_it(monkeypatch):
    install = "pip install 'derive[gate]'"
    for found in ("", "0.22.0"):
        monkeypatch.setattr(compiling, "_version", lambda package, found=found: found)
        needed = f"numba-cuda {compiling.NUMBA_CUDA} is needed, {found or 'none'} is installed: {install}"
        assert compiling.missing() == needed
    monkeypatch.setattr(compiling, "_version", lambda package: compiling.NUMBA_CUDA)
    monkeypatch.setattr(compiling, "ptxas", lambda: None)
    assert compiling.missing() == f"ptxas is not installed: {install}"


def test_the_gate_is_written_for_the_version_that_its_extra_installs():
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"numba-cuda[cu13]=={compiling.NUMBA_CUDA}" in project["optional-dependencies"]["gate"]
