"""What a proof found: where the derived equations are not the derivatives of the equations."""

from __future__ import annotations

from dataclasses import dataclass

import mpmath

from derive.equations.model import Equations
from derive.graph import LOSS, Edge
from derive.proof.interpreter import Scalar

_NONE = mpmath.mpf(0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One failure.

    `item` is "sum" (the adjoint of `name` is not its total derivative), "hop" (one term is not the derivative of its
    occurrence), "unrolled" (the recursion differs from differences), or "loss". `route` names the term that is at
    fault, as far as it is known.
    """

    item: str
    name: str
    route: str
    message: str

    def __str__(self) -> str:
        where = f", {self.route}" if self.route else ""
        return f"{self.item} of {self.name}{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class ProofResult:
    """How much was proved, and what was not.

    `identities` counts equalities of scalar components over all cases, `hops` the terms proved alone, `entries` the
    numbers compared in the unrolled recursion, and `worst` is the largest difference among them, each relative to 1 and
    the size of the number.
    """

    identities: int
    hops: int
    entries: int
    findings: tuple[Finding, ...]
    worst: Scalar = _NONE

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return not self.findings


def route_text(equations: Equations, edge: Edge, number: int) -> str:
    """A first hop in words: `route 3 of δc: c[t] -> c[t+1]`. What carries no step has no index."""

    def standing(name: str, step: str) -> str:
        return name if name in equations.symbols and equations.symbols[name].timeless else f"{name}[{step}]"

    target = standing(edge.target, "t+1" if edge.crosses_step else "t")
    return f"route {number} of δ{edge.source}: {standing(edge.source, 't')} -> {target}"


def occurrence_text(edge: Edge) -> str:
    """The occurrence that a hop differentiates, in words."""
    if edge.target == LOSS:
        return f"error at {edge.source}"
    lag = "[t-1]" if edge.lag else ""
    return f"occurrence {edge.occurrence} of {edge.source}{lag} in the equation of {edge.target}"
