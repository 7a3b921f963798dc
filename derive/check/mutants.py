"""The check of the checker: wrong gradients, made on purpose, must be caught.

Fixed and exhaustive families: each route dropped, each sign flipped, each step index shifted, each pair of like
parameters swapped, each factor missing. A mutant that the proof shows equal to the original is equivalent; every other
must be caught by the proof and, separately, by the differences.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import sympy

from derive.elementary import Value, value
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Diagonal, Edge, Factor, Outer, Transfer
from derive.printers.text import arrow

FAMILIES = ("dropped", "flipped", "shifted", "swapped", "missing")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed set of hops: `originals` and `changes` pair each changed hop with what stands in its place (or None).

    `number` is that of the route among the hops of its adjoint, 0 where several adjoints are changed.
    """

    family: str
    name: str
    number: int
    description: str
    originals: tuple[Edge, ...]
    changes: tuple[Edge | None, ...]

    def apply(self, gradients: Gradients) -> Gradients:
        """The gradients with the changed hops in place of the originals."""
        return gradients.changed(dict(zip(self.originals, self.changes, strict=True)))


def mutants(gradients: Gradients) -> Iterator[Mutant]:
    """All mutants of a cell, family by family within each route, then the swaps."""
    for adjoint in gradients.adjoints.values():
        for number, hop in enumerate(adjoint.hops, start=1):
            yield from of_hop(gradients, adjoint, number, hop)
    yield from _swapped(gradients)


def of_hop(gradients: Gradients, adjoint: Adjoint, number: int, hop: Edge) -> Iterator[Mutant]:
    """The mutants of one route: dropped, flipped, shifted, and with each of its factors missing."""
    timeless = gradients.graph.equations.symbols[adjoint.name].timeless
    route = f"route {number} of δ{adjoint.name}: {arrow(hop, timeless=timeless)}"

    def mutant(family: str, what: str, change: Edge | None) -> Mutant:
        return Mutant(family, adjoint.name, number, f"{route}, {what}", (hop,), (change,))

    yield mutant("dropped", "left out", None)
    if hop.target == LOSS:
        return
    yield mutant("flipped", "with the wrong sign", replace(hop, partial=_negative(hop.partial)))
    if not gradients.graph.equations.symbols[hop.target].timeless:
        # At step t the adjoint of the target must be there before that of the source; else nothing could be read.
        if not timeless and (not hop.crosses_step or gradients.adjoints[hop.target].number < adjoint.number):
            other = "t" if hop.crosses_step else "t+1"
            yield mutant("shifted", f"taken at step {other}", replace(hop, lag=1 - hop.lag))
        for partial, what in _shifted_values(gradients, hop.partial):
            yield mutant("shifted", f"with {what}", replace(hop, partial=partial))
    for partial, what in _without_a_factor(gradients, hop):
        yield mutant("missing", f"without the factor {what}", replace(hop, partial=partial))


def _negative(partial: tuple[Factor, ...]) -> tuple[Factor, ...]:
    return (Diagonal(sympy.Integer(-1), sympy.Integer(-1)), *partial)


def _shifted_values(gradients: Gradients, partial: tuple[Factor, ...]) -> Iterator[tuple[tuple[Factor, ...], str]]:
    """Each value of a step, in each factor, read one step earlier or later than it should."""
    for index, factor in enumerate(partial):
        expression = _expression(factor)
        if expression is None:
            continue
        for symbol in sorted(expression.atoms(Value), key=str):
            if gradients.graph.equations.symbols[symbol.variable].timeless:
                continue
            other = value(symbol.variable, 1 - symbol.lag)
            changed = _with_expression(factor, expression.xreplace({symbol: other}))
            yield (*partial[:index], changed, *partial[index + 1 :]), f"{other.name} for {symbol.name}"


def _without_a_factor(gradients: Gradients, hop: Edge) -> Iterator[tuple[tuple[Factor, ...], str]]:
    """Each multiplier of each factor left out; a matrix only where it is square, else shapes would give it away."""
    for index, factor in enumerate(hop.partial):
        rest = (*hop.partial[:index], *hop.partial[index + 1 :])
        match factor:
            case Diagonal(expression, _):
                multipliers = sympy.Mul.make_args(expression)
                for place, multiplier in enumerate(multipliers):
                    kept = sympy.Mul(*multipliers[:place], *multipliers[place + 1 :])
                    changed = (*hop.partial[:index], Diagonal(kept, kept), *hop.partial[index + 1 :])
                    yield changed if kept != 1 else rest, str(multiplier)
            case Transfer(_, matrix, _):
                rows, columns = gradients.graph.equations.symbols[matrix].shape
                if rows == columns:
                    yield rest, matrix
            case Outer():
                pass


def _swapped(gradients: Gradients) -> Iterator[Mutant]:
    """Each pair of parameters of one shape exchanged: in all hops that multiply by them, and as results."""
    equations = gradients.graph.equations
    for first, second in itertools.combinations(equations.parameters, 2):
        if equations.symbols[first].shape != equations.symbols[second].shape:
            continue
        exchange = {first: second, second: first}
        hops = [hop for adjoint in gradients.adjoints.values() for hop in adjoint.hops]
        renamed = {hop: replace(hop, partial=_renamed(hop.partial, exchange)) for hop in hops}
        changed = {hop: other for hop, other in renamed.items() if other != hop}
        if changed:
            what = f"{first} and {second} exchanged in every route"
            yield Mutant("swapped", first, 0, what, tuple(changed), tuple(changed.values()))
        own, others = gradients.adjoints[first].hops, gradients.adjoints[second].hops
        if len(own) == len(others):
            exchanged = (*(replace(hop, source=first) for hop in others), *(replace(hop, source=second) for hop in own))
            what = f"the gradients of {first} and {second} exchanged"
            yield Mutant("swapped", first, 0, what, (*own, *others), exchanged)


def _renamed(partial: tuple[Factor, ...], exchange: Mapping[str, str]) -> tuple[Factor, ...]:
    symbols = {value(name): value(other) for name, other in exchange.items()}

    def rename(factor: Factor) -> Factor:
        match factor:
            case Transfer(product, matrix, transposed):
                return Transfer(product, exchange.get(matrix, matrix), transposed)
            case _:
                expression = _expression(factor)
                assert expression is not None
                renamed = expression.xreplace(symbols)
                return factor if renamed == expression else _with_expression(factor, renamed)

    return tuple(rename(factor) for factor in partial)


def _expression(factor: Factor) -> sympy.Expr | None:
    """The element-wise expression of a factor, if it has one."""
    match factor:
        case Diagonal(expression, _):
            return expression
        case Outer(_, operand, _):
            return operand
        case Transfer():
            return None


def _with_expression(factor: Factor, expression: sympy.Expr) -> Factor:
    match factor:
        case Diagonal():
            return Diagonal(expression, expression)
        case Outer(product, _, transposed):
            return Outer(product, expression, transposed)
        case Transfer():
            return factor
