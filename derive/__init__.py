"""Write the equations of a recurrent cell once; get graph, gradients, LaTeX, kernels and proof."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from derive.cell import Cell
from derive.equations import names
from derive.errors import DeriveError
from derive.version import VERSION

if TYPE_CHECKING:
    from derive.check import Report
    from derive.graph import Edge
    from derive.routes import Route

__version__ = VERSION

__all__ = ["Cell", "DeriveError", "Edge", "Route", "__version__", "build", "check", "load", "names", "parse"]


def parse(text: str, name: str = "cell") -> Cell:
    """The cell that `text` defines: a whole TOML document, or the bare equations.

    `name` is the cell's name unless the document gives one. Raises DeriveError for every mistake in the text.
    """
    from derive import equations

    return Cell(equations.parse(text, name))


def load(name_or_path: str | os.PathLike[str]) -> Cell:
    """A cell of the zoo, by its name, or of a file, by a path that ends in `.toml`.

    Raises DeriveError for an unknown name, a file that cannot be read, and every mistake in its text.
    """
    from derive import equations

    return Cell(equations.load(name_or_path))


def build(cell: Cell, target: str = "cpu", dtype: str = "float32", tape: str = "auto") -> ModuleType:
    """The kernels of `cell` as a module in memory, cached on disk; see `derive.build.build`.

    Raises DeriveError for an unknown target, dtype or tape.
    """
    from derive.build import build as build_module

    return build_module(cell, target, dtype, tape)


def check(cell: Cell, *, fast: bool = False) -> Report:
    """Climb the ladder of checks for `cell`, from the proof to the mutants; see `derive.check.check`.

    `fast` stops after the proof, the unrolled recursion and one run of differences.
    """
    from derive.check import check as check_cell

    return check_cell(cell, fast=fast)


def __getattr__(name: str) -> Any:
    """Route and Edge come when they are asked for, because they need SymPy."""
    if name == "Route":
        from derive.routes import Route

        return Route
    if name == "Edge":
        from derive.graph import Edge

        return Edge
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """This package. Importing a submodule sets an attribute of its name; it must not hide a function of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
