"""Machine code of kernels: compiled by numba-cuda, assembled for a device, and kept on disk.

The dispatcher of numba-cuda is not used: every argument of a launch costs it time, and it cannot give a block more than
48 KB of shared memory. Its compiler alone needs no device, so that what runs is what the offline gate has seen. PTX is
assembled here where that is possible, and not by the driver, which may be older than the compiler and refuse it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import inspect
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated.support.cuda.devices import Factory
from generated.support.expected import Dtype

_PACKAGES = ("numba", "numba-cuda", "llvmlite")
"""The packages whose versions machine code depends on."""
_DIGEST = 32
"""Bytes of the digest that a file of the cache begins with."""


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


def cubin(source: Source, capability: tuple[int, int]) -> bytes:
    """The machine code of a kernel for devices of a compute capability, (9, 0).

    It comes from the folder in which Numba keeps the compiled code of the CPU kernels, if it is there. A file there is
    written whole or not at all; one that is damaged is not used. Where no file can be written, every process compiles.
    """
    path = _path(source, capability)
    code = _read(path) if path else b""
    if not code:
        code = assembled(ptx(source, capability), capability)
        if path:
            _write(path, code)
    return code


def ptx(source: Source, capability: tuple[int, int]) -> str:
    """The PTX of a kernel, its entry renamed from what Numba makes of all types to the name of the kernel."""
    cuda: Any = importlib.import_module("numba.cuda")
    text, _ = cuda.compile(
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
def ptxas() -> str | None:
    """The path of the assembler, from its package or from a CUDA toolkit; None where there is none."""
    try:
        finders: Any = importlib.import_module("cuda.pathfinder")
    except ImportError:
        return shutil.which("ptxas")
    return finders.find_nvidia_binary_utility("ptxas") or shutil.which("ptxas")


def assembled(text: str, capability: tuple[int, int]) -> bytes:
    """The machine code of PTX, by ptxas; where there is none the PTX itself, which the driver assembles as it loads it.

    Not by nvJitLink, which comes with numba-cuda. It assembles what is to be linked with other code, as ptxas does when
    told to compile only: then parts of a kernel are functions that it calls, and block kernels spill registers for the
    calls on sm_80, which they do not as programs of their own.
    """
    assembler = ptxas()
    if assembler is None:
        return text.encode()
    code, report = run_ptxas(assembler, text, "sm_{}{}".format(*capability))
    if not code:
        raise RuntimeError(f"ptxas refuses a kernel: {report.strip()}")
    return code


def run_ptxas(assembler: str, text: str, architecture: str, *options: str) -> tuple[bytes, str]:
    """The machine code of PTX for an architecture, "sm_90", b"" where ptxas refuses it; and what it says."""
    with tempfile.TemporaryDirectory(prefix="derive-ptx-") as folder:
        given, made = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        given.write_text(text, encoding="utf-8")
        command = [assembler, f"--gpu-name={architecture}", *options, str(given), "--output-file", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return b"" if done.returncode else made.read_bytes(), done.stdout + done.stderr


def _path(source: Source, capability: tuple[int, int]) -> Path | None:
    """Where the machine code is kept, with the key in the name. None for what is not from a file, and without a folder.

    The key holds the texts of the generated module and of this package, and the versions of the compiler.
    """
    caching: Any = importlib.import_module("numba.core.caching")
    file = Path(inspect.getfile(source.factory))
    try:
        texts = [file.read_bytes(), _support()]
        folder = caching.FunctionCache(source.factory).cache_path
    except (OSError, RuntimeError):  # the latter is what Numba raises where it can write to no folder
        return None
    made_by = [source.factory.__qualname__, str(source.dtype), source.sizes]
    made_for = [source.name, *map(str, source.types), source.bounds, capability, ptxas() is None]
    texts.append(repr([_versions(), made_by, made_for]).encode())
    key = hashlib.sha256(b"".join(hashlib.sha256(text).digest() for text in texts)).hexdigest()
    return Path(folder, f"{file.stem}.{source.name}-{key[:32]}.cubin")


@functools.cache
def _support() -> bytes:
    """The sources of this package; its own file alone where that holds all of them, exported."""
    own = Path(__file__)
    files = sorted(own.parent.glob("*.py")) if __package__ == "generated.support.cuda" else [own]
    return b"\0".join(path.read_bytes() for path in files)


@functools.cache
def _versions() -> list[str]:
    """The versions of what compiles: Python too, whose byte code the compiler starts from."""
    return [platform.python_version(), *map(importlib.metadata.version, _PACKAGES)]


def _read(path: Path) -> bytes:
    """The machine code of a file; b"" where there is no file, or a damaged one."""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    digest, code = content[:_DIGEST], content[_DIGEST:]
    return code if hashlib.sha256(code).digest() == digest else b""


def _write(path: Path, code: bytes) -> None:
    """Put machine code into a file in one step; a folder that is full, or gone, is no error."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError:
        return
