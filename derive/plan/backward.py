"""Lower the adjoint equations: every term of every hop, in the region where its last factor is known.

A hop's term is its chain of factors applied to the adjoint of its target. Where the chain passes through a product,
the adjoint of that product is stored beside those of its stack, and the stacked matrices pull all of them back at
once: the hops through one stack share one product.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import sympy

from derive.elementary import ProductSymbol, value
from derive.equations.model import Kind, Role
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Diagonal, Edge, Outer, Transfer
from derive.plan import symbols
from derive.plan.forward import Forward
from derive.plan.model import REGIONS, Accumulate, Assign, Region, Stack, StateGradient, Statement, WeightGradient


@dataclass(frozen=True, slots=True)
class Term:
    """What one hop, or all hops through one stack, add to an adjoint: an expression and where it is computed."""

    expression: sympy.Expr
    region: Region
    lag: int
    dimension: str


@dataclass(frozen=True)
class Backward:
    """The backward pass before it is scheduled."""

    statements: tuple[Statement, ...]
    weight_gradients: tuple[WeightGradient, ...]
    state_gradients: tuple[StateGradient, ...]


@dataclass
class _Lowering:
    """Collects the adjoints of products while the hops are walked; `lower` below is its only user."""

    gradients: Gradients
    forward: Forward
    product_adjoints: dict[ProductSymbol, Term] = field(default_factory=dict)

    def dimension(self, name: str) -> str:
        shape = self.gradients.graph.equations.symbols[name].shape
        return shape[0] if shape else ""

    def walk(self, hop: Edge) -> Term | None:
        """The term of a hop; None where the term of another hop already stands for it.

        All products of a stack have the same operand, and the pulled value holds the adjoints of all of them: only
        the way through the first product of a stack goes on behind it. The adjoint of every product that the way
        reaches is noted.
        """
        expression: sympy.Expr = symbols.adjoint(hop.target)
        region = self.forward.regions[value(hop.target)]
        dimension = self.dimension(hop.target)
        for factor in hop.partial:
            match factor:
                case Diagonal(diagonal, _):
                    expression = diagonal.xreplace(dict(self.forward.same)) * expression
                case Transfer(product, _, _) | Outer(product, _, _):
                    self.product_adjoints[product] = Term(expression, region, 0, dimension)
                    stack = self.forward.stack_of[self.forward.same[product]]
                    if product != stack.products[0]:
                        return None
                    expression, region, dimension = stack.pulled, stack.region, stack.columns
        return Term(expression, region, hop.lag, dimension)

    def terms(self, adjoint: Adjoint) -> list[Term]:
        """The terms of an adjoint, in the order of its hops."""
        walked = [self.walk(hop) for hop in adjoint.hops if hop.target != LOSS]
        return [term for term in walked if term is not None]


def lower(gradients: Gradients, forward: Forward) -> Backward:
    """Lower the adjoint equations of all variables, inputs and parameters."""
    lowering = _Lowering(gradients, forward)
    equations = gradients.graph.equations
    statements: list[Statement] = []
    carried: dict[str, tuple[sympy.Symbol, ...]] = {}
    for adjoint in (*gradients.variables, *gradients.inputs):
        if not adjoint.timeless:
            statements.extend(_timed(lowering, adjoint, carried))
    for parameter in gradients.parameters:
        for hop in parameter.hops:
            lowering.walk(hop)
    timeless = [adjoint for adjoint in (*gradients.variables, *gradients.parameters) if adjoint.timeless]
    for adjoint in timeless:
        if equations.symbols[adjoint.name].kind is not Kind.MATRIX:
            label = f"B.{adjoint.number}"
            read_on = equations.symbols[adjoint.name].role is Role.VARIABLE
            dimension = lowering.dimension(adjoint.name)
            statements.extend(_timeless(adjoint.name, lowering.terms(adjoint), dimension, label, read_on=read_on))
    statements.extend(_product_adjoints(lowering))
    return Backward(
        tuple(statements),
        tuple(_weight_gradients(forward.stacks)),
        tuple(StateGradient(state, carried[state]) for state in equations.states),
    )


def _timed(lowering: _Lowering, adjoint: Adjoint, carried: dict[str, tuple[sympy.Symbol, ...]]) -> Iterator[Statement]:
    """The adjoint of a variable of step t, and what other regions and the following step contribute to it."""
    name = adjoint.name
    home = lowering.forward.regions[value(name)]
    dimension = lowering.dimension(name)
    terms = lowering.terms(adjoint)
    total: sympy.Expr = _sum(term.expression for term in terms if term.lag == 0 and term.region is home)
    across = []
    for region in reversed(REGIONS):
        for lag in (0, 1):
            elsewhere = [term.expression for term in terms if (term.lag, term.region) == (lag, region)]
            if not elsewhere or (lag == 0 and region is home):
                continue
            symbol = symbols.contribution(name, lag, region)
            yield Assign(symbol, _sum(elsewhere), dimension, region)
            total += symbols.following(symbol) if lag else symbol
            if lag:
                across.append(symbol)
    if adjoint.error_enters:
        total += symbols.error(name)
    if name in lowering.gradients.graph.equations.states:
        total += symbols.last_error(name)
        carried[name] = tuple(across)
    yield Assign(symbols.adjoint(name), total, dimension, home, f"B.{adjoint.number}")


def _timeless(name: str, terms: list[Term], dimension: str, label: str, *, read_on: bool) -> Iterator[Statement]:
    """The adjoint of a timeless name: summed where its terms are, then finished in the preamble.

    What the steps have summed is the whole adjoint where the preamble adds nothing; it is finished all the same where
    the preamble reads it on (`read_on`).
    """
    terms = [term for term in terms if term.expression != 0]
    summed = [term for term in terms if term.region is not Region.PREAMBLE or term.dimension != dimension]
    for term in summed:
        yield Accumulate(symbols.total(name), term.expression, term.dimension, term.region, label)
    total = _sum(term.expression for term in terms if term not in summed)
    if summed and total == 0 and not read_on:
        return
    if summed:
        total += symbols.total(name)
    yield Assign(symbols.adjoint(name), total, dimension, Region.PREAMBLE, label)


def _product_adjoints(lowering: _Lowering) -> Iterator[Statement]:
    """The adjoint of every product: the sum over the products of the text that are the same."""
    grouped: dict[ProductSymbol, list[Term]] = {}
    for product, term in sorted(lowering.product_adjoints.items(), key=lambda item: item[0].number):
        grouped.setdefault(lowering.forward.same[product], []).append(term)
    for product, terms in grouped.items():
        stack = lowering.forward.stack_of[product]
        dimension = stack.rows[stack.products.index(product)]
        if stack.region is Region.PREAMBLE:
            yield from _timeless(product.name, terms, dimension, "", read_on=True)
            continue
        last = min((term.region for term in terms), key=REGIONS.index)
        total: sympy.Expr = _sum(term.expression for term in terms if term.region is last)
        for region in REGIONS:
            elsewhere = [term.expression for term in terms if term.region is region]
            if region is not last and elsewhere:
                symbol = symbols.contribution(product.name, 0, region)
                yield Assign(symbol, _sum(elsewhere), dimension, region)
                total += symbol
        yield Assign(symbols.adjoint(product.name), total, dimension, last)


def _weight_gradients(stacks: tuple[Stack, ...]) -> Iterator[WeightGradient]:
    """The deferred products: one a stack."""
    for stack in stacks:
        matrices = zip(stack.matrices, stack.rows, strict=True)
        yield WeightGradient(stack, tuple((name, transposed, rows) for (name, transposed), rows in matrices))


def _sum(terms: Iterable[sympy.Expr]) -> sympy.Expr:
    return sympy.Add(*terms)
