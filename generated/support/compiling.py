"""Compilation of the functions that run over arrays, those of generated modules among them, cached on disk.

Numba keys its cache on the file of a function alone: a change in a module that the function calls would leave stale
machine code. Here the key holds all sources of this package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache


class _SupportCache(FunctionCache):
    """Numba's cache of one function, with the digest of this package in the key of every entry."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), digest())


def compiled(function: Callable[..., Any], *, inline: str = "never", allocates: bool = False) -> Any:
    """`function` compiled by Numba; the error model makes x / 0 infinite or NaN, and spares loops a branch.

    Where it is always inlined, compiled functions that call it contain its code, and it is not compiled by itself.

    Arrays belong to who calls it, for as long as it runs: it counts no references to them, which in the loops of a
    small step took as long as the arithmetic. So only one that `allocates` may make a new array.
    """
    dispatcher = njit(error_model="numpy", nogil=True, inline=inline, _nrt=allocates)(function)
    dispatcher._cache = _SupportCache(function)
    return dispatcher


@cache
def digest() -> str:
    """The hash of all sources of this package; of its own file alone where that holds all of them, exported."""
    own = Path(__file__)
    sources = sorted(own.parent.glob("*.py")) if __package__ == "generated.support" else [own]
    return hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in sources)).hexdigest()
