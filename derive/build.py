"""A kernel module in memory, cached on disk: the source is rendered once, the machine code compiled once."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import platformdirs

from derive.errors import DeriveError
from derive.files import write_whole
from derive.render import render

if TYPE_CHECKING:
    from derive.cell import Cell

TARGETS = ("cpu", "cuda", "reference")
DTYPES = ("float32", "float64")


def build(cell: Cell, target: str = "cpu", dtype: str = "float32", tape: str = "auto") -> ModuleType:
    """The kernels of `cell` as a module with `init`, `forward`, `backward`, `step` and the rest of the interface.

    `dtype` is what `init` draws by default; the kernels take float32 and float64. `tape` chooses what the forward pass
    of a compiled target saves for the backward pass: "all" that it reads, "least", of which it computes the rest again,
    or "auto", which computes again what is cheaper so. The source is kept in the user's cache folder (or in
    $DERIVE_CACHE), where Numba keeps the compiled code beside it.

    Raises DeriveError for an unknown target, dtype or tape, and for "least" on the reference target, which keeps all.
    """
    if target not in TARGETS:
        raise DeriveError(f"there is no target {target!r} to build; the targets are {', '.join(TARGETS)}")
    if dtype not in DTYPES:
        raise DeriveError(f"there is no dtype {dtype!r}; the dtypes are {', '.join(DTYPES)}")
    return load_source(render(cell, target, dtype, tape), cell.name)


def load_source(source: str, name: str) -> ModuleType:
    """Import `source` from the cache under a name of its own, so that what it makes can be pickled."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    module_name = f"derive_kernels_{digest}_{name}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    path = cache_folder() / digest / f"{module_name}.py"
    write_whole(path, source)
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module


def in_memory(source: str, name: str) -> ModuleType:
    """Run `source` as a module that is neither kept nor cached: for targets that need no compiler."""
    module = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module


def cache_folder() -> Path:
    """Where built kernels are kept: $DERIVE_CACHE, or the user's cache folder."""
    return Path(os.environ.get("DERIVE_CACHE") or platformdirs.user_cache_dir("derive", appauthor=False))
