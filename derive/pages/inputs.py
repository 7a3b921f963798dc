"""What every page depends on beside its cell: all code, all templates, and the versions that they run with."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from derive.templates import folder

# A new version of one of these may change the text of a page.
_PACKAGES = ("jinja2", "markdown-it-py", "matplotlib", "mpmath", "networkx", "numpy", "pygments", "sympy")


def digest(*parts: str | bytes) -> str:
    """One hash of `parts` and of the tool."""
    whole = hashlib.sha256(_tool())
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()


@cache
def _tool() -> bytes:
    whole = hashlib.sha256(f"python {platform.python_version()}".encode())
    for name in _PACKAGES:
        whole.update(f"\0{name} {version(name)}".encode())
    package = Path(__file__).parents[1]
    files = (*package.rglob("*.py"), *(path for path in folder().rglob("*") if path.is_file()))
    for path in sorted(files):
        whole.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.digest()
