"""The compiler of kernels: PTX by numba-cuda, and machine code of it by ptxas. Neither needs a device.

The dispatcher of numba-cuda is not used: every argument of a launch costs it time, and it cannot give a block more than
48 KB of shared memory. Its compiler alone needs no device, so that what runs is what the offline gate has seen. PTX is
assembled here where that is possible, and not by the driver, which may be older than the compiler and refuse it.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generated.support.cuda.devices import Factory, UnavailableError
from generated.support.expected import Dtype

INSTALL = "pip install 'derive[cuda]'"
"""What brings libNVVM and a ptxas that agree."""
USUAL = "/usr/local/cuda", "/opt/cuda"
"""Where CUDA toolkits are mostly installed."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kernel as a function of Python, with the types of its arguments, and what made it.

    `bounds` are the most threads of a block and the fewest blocks of a multiprocessor, for which it is compiled.
    """

    function: Callable[..., None]
    types: tuple[Any, ...]
    bounds: tuple[int, int]
    factory: Factory
    dtype: Dtype
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of the kernel, also that of its entry."""
        return self.function.__name__


def ptx(source: Source, capability: tuple[int, int]) -> str:
    """The PTX of a kernel, its entry renamed from what Numba makes of all types to the name of the kernel."""
    text, _ = compiler().compile(
        source.function,
        importlib.import_module("numba").types.void(*source.types),
        device=False,
        abi="numba",
        output="ptx",
        cc=capability,
        launch_bounds=source.bounds,
    )
    (entry,) = re.findall(r"\.visible \.entry ([\w$]+)\(", text)
    return str(text.replace(entry, source.name))


@functools.cache
def compiler() -> Any:
    """The module `numba.cuda`, able to compile. Raises UnavailableError where there is no libNVVM."""
    cuda = importlib.import_module("numba.cuda")
    _load_nvvm()
    with _names_of_numpy():
        importlib.import_module("numba.cuda.cudaimpl")
    return cuda


@contextmanager
def _names_of_numpy() -> Iterator[None]:
    """`numpy.row_stack` for as long as numba-cuda registers what it compiles, which it does once.

    NumPy 2.5 has it no more, and numba-cuda names it all the same, to its last version (its issue 907).
    """
    if hasattr(np, "row_stack"):
        yield
        return
    np.row_stack = lambda arrays: np.vstack(arrays)
    try:
        yield
    finally:
        del np.row_stack


def _load_nvvm() -> None:
    """See to it that numba-cuda finds libNVVM and libdevice: of a package, of the system, or of a CUDA toolkit.

    A toolkit keeps libNVVM in a folder where the system does not search, so it is not found unless CUDA_HOME or
    CUDA_PATH name the toolkit (issue 1157 of NVIDIA/cuda-python). Once it is loaded, it is found. libdevice, which lies
    beside it, is found by CUDA_HOME.
    """
    finder: Any = importlib.import_module("cuda.pathfinder")
    try:
        finder.load_nvidia_dynamic_lib("nvvm")
    except finder.DynamicLibNotFoundError as error:
        home = toolkit()
        if home is None:
            remedy = f"{INSTALL}, or set CUDA_HOME to the folder of a CUDA toolkit"
            raise UnavailableError(f"CUDA kernels need libNVVM, which is not found: {remedy}") from error
        ctypes.CDLL(str(_nvvm(home)))
        os.environ["CUDA_HOME"] = str(home)


@functools.cache
def toolkit() -> Path | None:
    """The folder of the first CUDA toolkit that has libNVVM."""
    return next((folder for folder in toolkits() if _nvvm(folder)), None)


def toolkits() -> list[Path]:
    """Where a CUDA toolkit may be: by the variables for it, by nvcc, and where it usually is."""
    nvcc = shutil.which("nvcc")
    named = [os.environ.get("CUDA_PATH"), os.environ.get("CUDA_HOME"), nvcc and Path(nvcc).resolve().parent.parent]
    return [Path(folder) for folder in (*named, *USUAL) if folder]


def _nvvm(home: Path) -> Path | None:
    """The libNVVM of a toolkit; None where it has none."""
    return next(iter(sorted(home.glob("nvvm/lib64/libnvvm.so.*"))), None)


@functools.cache
def ptxas() -> str | None:
    """The path of the assembler, from its package or from a CUDA toolkit; None where there is none."""
    found: str | None = None
    with suppress(ImportError):
        found = importlib.import_module("cuda.pathfinder").find_nvidia_binary_utility("ptxas")
    found = found or shutil.which("ptxas")
    if found is None and (home := toolkit()):
        found = shutil.which("ptxas", path=str(home / "bin"))
    return found


def ptxas_release() -> str:
    """The release of `ptxas`, "13.0.88"; "" where there is none."""
    assembler = ptxas()
    if assembler is None:
        return ""
    told = subprocess.run([assembler, "--version"], capture_output=True, text=True, check=True).stdout
    release = re.search(r"\bV([\d.]+)", told)
    return release[1] if release else told.strip()


def assembled(text: str, capability: tuple[int, int]) -> bytes:
    """The machine code of PTX, by ptxas; where there is none the PTX itself, which the driver assembles as it loads it.

    Not by nvJitLink, which comes with numba-cuda. It assembles what is to be linked with other code, as ptxas does when
    told to compile only: then parts of a kernel are functions that it calls, and block kernels spill registers for the
    calls on sm_80, which they do not as programs of their own.

    Raises UnavailableError where ptxas is older than the compiler, and RuntimeError where it refuses PTX otherwise.
    """
    assembler = ptxas()
    if assembler is None:
        return text.encode()
    code, report = run_ptxas(assembler, text, "sm_{}{}".format(*capability))
    if not code:
        raise _refusal(assembler, report.strip())
    return code


def _refusal(assembler: str, report: str) -> RuntimeError:
    """The error that says why ptxas refuses PTX."""
    versions = re.search(r"Unsupported \.version ([\d.]+); current version is '([\d.]+)'", report)
    if versions is None:
        return RuntimeError(f"ptxas refuses a kernel: {report}")
    written, read = versions.groups()
    return UnavailableError(
        f"CUDA kernels need a ptxas as new as libNVVM, which writes PTX {written}; {assembler} reads {read}: {INSTALL}"
    )


def run_ptxas(assembler: str, text: str, architecture: str, *options: str) -> tuple[bytes, str]:
    """The machine code of PTX for an architecture, "sm_90", b"" where ptxas refuses it; and what it says."""
    with tempfile.TemporaryDirectory(prefix="derive-ptx-") as folder:
        given, made = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        given.write_text(text, encoding="utf-8")
        command = [assembler, f"--gpu-name={architecture}", *options, str(given), "--output-file", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return b"" if done.returncode else made.read_bytes(), done.stdout + done.stderr
