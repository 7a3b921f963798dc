"""One kernel through the compiler of numba-cuda and through ptxas, as a device would get it."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import platform
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated.support.cuda.compiler import compiler, ptxas, ptxas_release, run_ptxas
from generated.support.cuda.dtypes import real
from generated.support.cuda.hardware import kernel_types, launch_bounds
from tests.cuda.gate.launched import Kernel

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
NUMBA_CUDA = "0.30.4"
"""The version of numba-cuda that `_library` is written for, that of the extra `gate`."""
INSTALL = "pip install 'derive[gate]'"
_PTXAS = ("--verbose", "--warn-on-spills", "--warn-on-local-memory-usage")
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


class RefusedError(AssertionError):
    """A kernel does not pass; the message says which, on which architecture, and why."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a kernel takes: registers of each thread, bytes of shared memory of each block."""

    registers: int
    shared: int


def missing() -> str:
    """Which package the gate lacks, in one line that says how to install it; "" where it lacks none."""
    found = _version("numba-cuda")
    if found != NUMBA_CUDA:
        return f"numba-cuda {NUMBA_CUDA} is needed, {found or 'none'} is installed: {INSTALL}"
    return "" if ptxas() else f"ptxas is not installed: {INSTALL}"


def versions() -> str:
    """What the figures depend on, Python among it, whose byte code the compiler starts from."""
    python = ".".join(platform.python_version_tuple()[:2])
    packages = [f"{name} {_version(name) or 'of the system'}" for name in ("numba", "numba-cuda", "nvidia-nvvm")]
    return ", ".join([f"Python {python}", *packages, f"ptxas {ptxas_release()}"])


def _version(package: str) -> str:
    """Of an installed package, "" where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def resources(kernel: Kernel, architecture: str) -> Resources:
    """What the kernel takes on an architecture, "sm_90". Raises RefusedError where it does not pass."""
    ptx = ptx_of(kernel, architecture)
    taken, report = assembled(ptx, architecture)
    found = faults(kernel, ptx, report) if taken else [report.strip()]
    if found:
        raise RefusedError(f"{kernel}, {architecture}: {'; '.join(found)}")
    shared = re.search(r"(\d+) bytes smem", report)
    (registers,) = re.findall(r"Used (\d+) registers", report)
    return Resources(int(registers), int(shared[1]) if shared else 0)


def ptx_of(kernel: Kernel, architecture: str) -> str:
    """The PTX of a kernel, by the options that `Hardware` compiles it with. Raises RefusedError where there is none."""
    try:
        (ptx,) = _library(kernel).get_asm_strs(cc=capability(architecture))
    except Exception as error:
        raise RefusedError(f"{kernel}, {architecture}: it does not compile: {error}") from error
    return str(ptx)


@functools.lru_cache(maxsize=1)
def _library(kernel: Kernel) -> Any:
    """The code of a kernel, of which PTX of every architecture is made.

    `cuda.compile` takes one architecture and infers all types again for the next one, which is nearly all of its time;
    it is this call with `get_asm_strs` behind it. A test holds the PTX of both together.
    """
    types = importlib.import_module("numba").types
    code, _ = compiler().compiler._compile_pyfunc_with_fixup(
        kernel.function,
        types.void(*kernel_types(types, kernel.function, kernel.dtype)),
        device=False,
        abi="numba",
        cc=capability(ARCHITECTURES[0]),
        launch_bounds=launch_bounds(kernel.threads),
    )
    return code


def capability(architecture: str) -> tuple[int, int]:
    """The two numbers of an architecture."""
    digits = architecture.removeprefix("sm_")
    return int(digits[:-1]), int(digits[-1])


def assembled(ptx: str, architecture: str) -> tuple[bool, str]:
    """Whether ptxas takes the PTX, and what it says; its machine code is dropped."""
    code, report = run_ptxas(str(ptxas()), ptx, architecture, *_PTXAS)
    return bool(code), report


def disassembler() -> str:
    """The path of nvdisasm, from its package or on the path; "" where it is not installed."""
    found = Path(str(ptxas())).with_name("nvdisasm")
    return str(found) if found.is_file() else shutil.which("nvdisasm") or ""


def instructions(kernel: Kernel, architecture: str) -> Counter[str]:
    """The instructions of the machine code of a kernel, by `disassembler`, each with how often it stands there."""
    code, _ = run_ptxas(str(ptxas()), ptx_of(kernel, architecture), architecture)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        command = [disassembler(), "--print-code", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Counter(re.findall(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([\w.]+)", text, re.MULTILINE))


def faults(kernel: Kernel, ptx: str, report: str) -> list[str]:
    """Why a kernel is refused, by its PTX and what ptxas reports of it; none where it is not."""
    found = []
    doubles = re.findall(r"^.*\.f64.*$", ptx, re.MULTILINE)
    if real(kernel.dtype).itemsize == 4 and doubles:
        found.append(f"float64 in {len(doubles)} instructions, the first `{doubles[0].strip()}`")
    if kernel.tensor and "mma.sync" not in ptx:
        found.append("no product on tensor cores")
    frames = _FRAME.findall(report)
    if not frames:
        found.append(f"ptxas does not say what is spilled: {report.strip()}")
    for stack, stores, loads in frames:
        if int(stores) or int(loads):
            found.append(f"{stores} bytes of registers spilled, {loads} bytes loaded again")
        if int(stack):
            found.append(f"{stack} bytes of local memory")
    warnings = re.findall(r"^ptxas.*?warning\s*: (.*)$", report, re.MULTILINE)
    return found or [f"ptxas warns: {warning}" for warning in warnings]
