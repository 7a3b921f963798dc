"""Adjoint equations as sets of terms, so that they can be held against those of a paper term by term."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from derive.elementary import elementary, slope, value
from derive.gradients import Gradients
from derive.graph import LOSS, Diagonal, Edge, Outer, Transfer


@dataclass(frozen=True)
class Term:
    """matrixᵀ (factor ⊙ δtarget), at t or t+1; for a gradient of a matrix the outer product with `operand`."""

    target: str
    ahead: int = 0
    factor: sympy.Expr = sympy.S.One
    matrix: str = ""
    operand: sympy.Expr | None = None


def term(edge: Edge) -> Term:
    """The term of a hop with its slopes as the paper prints them, tanh'(c)."""
    result = Term(edge.target, edge.lag)
    factor, matrix, operand = result.factor, "", None
    for item in edge.partial:
        match item:
            case Diagonal(_, primed):
                factor *= primed
            case Transfer(_, name, False):
                matrix = name
            case Outer(_, vector, False):
                operand = vector
            case _:
                raise AssertionError(f"a term of another form: {item}")
    return Term(edge.target, edge.lag, factor, matrix, operand)


def terms(gradients: Gradients, name: str, eliminate: tuple[str, ...] = ()) -> set[Term]:
    """The terms of an adjoint; those whose target is in `eliminate` are replaced by that target's one hop."""
    result = set()
    for hop in gradients.adjoints[name].hops:
        found = term(hop)
        while found.target in eliminate:
            (only,) = (term(inner) for inner in gradients.adjoints[found.target].hops)
            found = Term(only.target, found.ahead + only.ahead, found.factor * only.factor, found.matrix, found.operand)
        result.add(found)
    return result


def error() -> Term:
    """The error from outside, or from the loss."""
    return Term(LOSS)


def of(name: str, lag: int = 0) -> sympy.Symbol:
    """A value at the step of the term's target."""
    return value(name, lag)


def prime(function: str, name: str) -> sympy.Expr:
    """σ'(ō) and the like."""
    return slope(function, 0)(of(name))


def apply(function: str, name: str) -> sympy.Expr:
    """tanh(c) and the like."""
    return elementary(function)(of(name))
