"""What the head of a generated module states about its cell, for every target."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from derive.equations.model import Equations
from derive.version import VERSION


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a NamedTuple: its name, its shape in words, and for a vector its dimension."""

    name: str
    shape: str
    size: str


@dataclass(frozen=True, slots=True)
class ModuleView:
    """The head of a module: documentation, the NamedTuples and the signature."""

    cell: str
    title: str
    source: str
    target: str
    digest: str
    version: str
    support: str
    dtype: str
    text: tuple[str, ...]
    params: tuple[Field, ...]
    states: tuple[Field, ...]
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    size_names: tuple[str, ...]
    signature: str
    loss: str


def view(equations: Equations, target: str, support: str, dtype: str) -> ModuleView:
    """The head of the module of `equations` for `target`; `support` is the digest of the run-time support.

    `dtype` is the one that `init` draws by default.
    """
    lines = tuple(equation.text for equation in equations.equations)
    return ModuleView(
        cell=equations.name,
        title=equations.title,
        source=equations.source,
        target=target,
        digest=digest(equations),
        version=VERSION,
        support=support,
        dtype=dtype,
        text=lines,
        params=tuple(_field(equations, name, "") for name in equations.parameters),
        states=tuple(_field(equations, name, "B") for name in equations.states),
        inputs=tuple(_field(equations, name, "T, B") for name in equations.inputs),
        outputs=tuple(_field(equations, name, "T, B") for name in equations.outputs),
        size_names=equations.size_names,
        signature=_signature(equations),
        loss=equations.loss.rule if equations.loss else "",
    )


def digest(equations: Equations) -> str:
    """A short hash of everything in the cell that its kernels depend on."""
    parts = [
        *(f"{equation.target} = {equation.text}" for equation in equations.equations),
        _signature(equations),
        *(f"{name} = {number.text}" for name, number in equations.constants.items()),
        str(equations.loss),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _field(equations: Equations, name: str, leading: str) -> Field:
    shape = equations.symbols[name].shape
    axes = [*([leading] if leading else []), *shape]
    return Field(name, f"({', '.join(axes)}{',' if len(axes) == 1 and ',' not in axes[0] else ''})", "".join(shape[:1]))


def _signature(equations: Equations) -> str:
    """The Signature of a cell as code, one argument a line."""
    shapes = {name: symbol.shape for name, symbol in equations.symbols.items()}
    vectors = {
        "inputs": equations.inputs,
        "outputs": equations.outputs,
        "states": equations.states,
    }
    arguments = {
        "cell": repr(equations.name),
        "sizes": repr(tuple(dimension.names for dimension in equations.dimensions)),
        "params": _lines((name, shapes[name]) for name in equations.parameters),
        **{key: repr(tuple((name, shapes[name][0]) for name in names)) for key, names in vectors.items()},
        "init": _lines((name, equations.init[name].rule, equations.init[name].value) for name in equations.parameters),
        "initial": repr(tuple(equations.initial[name] for name in equations.states)),
        "loss": repr(equations.loss.rule if equations.loss else ""),
    }
    body = "".join(f"    {key}={value},\n" for key, value in arguments.items())
    return f"Signature(\n{body})".replace("'", '"')


def _lines(items: Iterable[object]) -> str:
    """A tuple with one item a line."""
    rows = "".join(f"        {item!r},\n" for item in items)
    return f"(\n{rows}    )" if rows else "()"
