"""The adjoints of the losses, proved by themselves on three components with symbolic targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy

from derive.equations.model import Loss
from derive.proof.field import Field
from derive.proof.findings import Finding
from derive.proof.signs import Choices

CLASSES = 3
Vector = Sequence[Any]


def prove_loss(loss: Loss) -> Iterator[Finding]:
    """Prove that the derivative of the loss of one row by what it reads is its adjoint.

    With output o and target q: softmax cross entropy, -sum of q log softmax(o), gives (sum of q) softmax(o) - q; the
    mean of (o - q)**2 gives 2 (o - q) / size.
    """
    outputs = [sympy.Symbol(f"o.{place}", real=True) for place in range(CLASSES)]
    targets = [sympy.Symbol(f"q.{place}", real=True) for place in range(CLASSES)]
    field = Field(Choices(), {}, ())
    value = VALUE[loss.rule](outputs, targets, sympy)
    for output, claimed in zip(outputs, ADJOINT[loss.rule](outputs, targets, sympy), strict=True):
        if not field.is_zero(field.element(sympy.diff(value, output)) - field.element(claimed)):
            route = f"route 1 of δ{loss.variable}: {loss.variable}[t] -> J[t]"
            yield Finding("loss", loss.variable, route, f"its term is not the derivative of {loss.rule}")
            return


def _softmax(outputs: Vector, library: Any) -> list[Any]:
    total = sum(library.exp(output) for output in outputs)
    return [library.exp(output) / total for output in outputs]


def _cross_entropy(outputs: Vector, targets: Vector, library: Any) -> Any:
    return -sum(q * library.log(p) for p, q in zip(_softmax(outputs, library), targets, strict=True))


def _cross_entropy_adjoint(outputs: Vector, targets: Vector, library: Any) -> list[Any]:
    return [sum(targets) * p - q for p, q in zip(_softmax(outputs, library), targets, strict=True)]


def _mse(outputs: Vector, targets: Vector, library: Any) -> Any:
    return sum((o - q) ** 2 for o, q in zip(outputs, targets, strict=True)) / len(outputs)


def _mse_adjoint(outputs: Vector, targets: Vector, library: Any) -> list[Any]:
    return [2 * (o - q) / len(outputs) for o, q in zip(outputs, targets, strict=True)]


VALUE: Mapping[str, Callable[[Vector, Vector, Any], Any]] = {"softmax_cross_entropy": _cross_entropy, "mse": _mse}
"""The loss of one row of outputs and targets; the last argument gives exp and log: `sympy` or `mpmath`."""

ADJOINT: Mapping[str, Callable[[Vector, Vector, Any], list[Any]]] = {
    "softmax_cross_entropy": _cross_entropy_adjoint,
    "mse": _mse_adjoint,
}
"""The derivative of that loss by every output."""
