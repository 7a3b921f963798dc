"""All contenders, and which of them this interpreter can run. A new one is a module of its own and an entry here."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace

from tests.bench import contender_jax, contender_onnx, contender_ours, contender_torch
from tests.bench.cases import Arrays, Case
from tests.bench.contender import Contender, Prepared, UnsupportedError

CONTENDERS: tuple[Contender, ...] = (
    contender_ours.OURS,
    contender_ours.REUSE,
    contender_torch.LAYER,
    contender_torch.LOOP,
    contender_torch.COMPILED,
    contender_jax.JAX,
    contender_onnx.ONNX,
)
NAMES = tuple(contender.name for contender in CONTENDERS)
_BUILDERS = {"onnxruntime": ("onnx",)}
"""Packages that one needs besides its own."""


def installed(name: str) -> bool:
    """Whether a package can be imported."""
    return importlib.util.find_spec(name) is not None


def missing(contender: Contender) -> tuple[str, ...]:
    """The packages that a contender needs and this interpreter lacks."""
    needed = (contender.package, *_BUILDERS.get(contender.package, ()))
    return tuple(name for name in needed if not installed(name))


def only_for(cells: Sequence[str], contender: Contender) -> Contender:
    """The contender for these cells alone."""

    def prepare(case: Case, arrays: Arrays) -> Prepared:
        if case.cell not in cells:
            raise UnsupportedError(f"asked for with {', '.join(cells)} alone")
        return contender.prepare(case, arrays)

    return replace(contender, prepare=prepare)


def chosen(names: Sequence[str], compiled: Sequence[str]) -> tuple[list[Contender], dict[str, str]]:
    """The contenders of these names that can run, ours always first, and why each of the others is left out.

    `compiled` are the cells whose loop is to be compiled.
    """
    found, left_out = [], {}
    for contender in CONTENDERS:
        if contender.name not in names and contender is not contender_ours.OURS:
            continue
        absent = missing(contender)
        if absent:
            left_out[contender.name] = f"not installed: {', '.join(absent)}"
        elif contender is contender_torch.COMPILED and not compiled:
            left_out[contender.name] = (
                f"only with --compile, for T <= {contender_torch.COMPILED_STEPS}: compiling the unrolled loop takes "
                "about half a minute a case"
            )
        elif contender is contender_torch.COMPILED and not contender_torch.has_compiler():
            left_out[contender.name] = f"no C++ compiler: {contender_torch.compiler()} is not there, CXX names another"
        else:
            found.append(contender)
    return found, left_out
