"""Machine code of kernels, kept on disk."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import inspect
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from generated.support.cuda.compiler import Source, assembled, ptx, ptxas

_PACKAGES = ("numba", "numba-cuda", "llvmlite")
"""The packages whose versions machine code depends on."""
_DIGEST = 32
"""Bytes of the digest that a file of the cache begins with."""


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
