"""Which names of two cells stand for the same thing: found from the two graphs, whatever the names are.

Cells from different papers call the same value differently, h and y, g and z. Two cells are compared under the renaming
that leaves the fewest differences. Cells that share most of their names speak one language: there only equal names are
partners.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy

from derive.elementary import OccurrenceSymbol, ProductSymbol, Value
from derive.equations.model import Call, Equations, MatrixProduct, Negation, Operation, Role
from derive.graph import LOSS, Diagonal, Edge, Graph, Outer, Transfer

Names = Mapping[str, str]
_WIRE, _SAME_HEAD, _OTHER_HEAD, _SAME_NAME, _SAME_OUTPUT, _OTHER_STATE = 4, 3, -2, 2, 1, -6
_COMMON = 0.6
_PRODUCT = sympy.Function("product")


@dataclass(frozen=True)
class Alignment:
    """Two cells, and for each name of the second the name of the first that stands for the same."""

    first: Graph
    second: Graph
    names: Names

    @cached_property
    def partners(self) -> Names:
        """For each name of the first cell that has one, its partner in the second."""
        return {first: second for second, first in self.names.items()}

    @cached_property
    def first_neutral(self) -> Neutral:
        """Writes what the first cell says with its own names."""
        return Neutral(self.first, {name: name for name in self.first.equations.symbols})

    @cached_property
    def second_neutral(self) -> Neutral:
        """Writes what the second cell says with the names of the first, where there are any."""
        return Neutral(self.second, self.names)

    @cached_property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Pairs of partners that have different names, in the order of the first cell."""
        return tuple((first, second) for first, second in self._paired() if first != second)

    @cached_property
    def rewritten(self) -> tuple[str, ...]:
        """Variables of the first cell whose partner has another equation."""
        targets = {formula.target: formula.expression for formula in self.first.formulas}
        others = {formula.target: formula.expression for formula in self.second.formulas}
        return tuple(
            first
            for first, second in self._paired()
            if first in targets
            and self.first_neutral.expression(targets[first]) != self.second_neutral.expression(others[second])
        )

    @cached_property
    def only_first(self) -> tuple[str, ...]:
        """Names without a partner in the second cell."""
        return tuple(name for name in ordered(self.first.equations) if name not in self.partners)

    @cached_property
    def only_second(self) -> tuple[str, ...]:
        """Names of the second cell without a partner in the first."""
        return tuple(name for name in ordered(self.second.equations) if name not in self.names)

    @cached_property
    def edges_only_first(self) -> tuple[Edge, ...]:
        """Edges between values of a step that the second cell lacks."""
        return _without(self.first, self.first_neutral, Counter(_wires(self.second, self.second_neutral)))

    @cached_property
    def edges_only_second(self) -> tuple[Edge, ...]:
        """Edges between values of a step that the first cell lacks."""
        return _without(self.second, self.second_neutral, Counter(_wires(self.first, self.first_neutral)))

    @cached_property
    def distance(self) -> int:
        """Names and edges that only one of the cells has, equations that differ otherwise, and another loss."""
        names = len(self.only_first) + len(self.only_second)
        edges = len(self.edges_only_first) + len(self.edges_only_second)
        touched = {edge.target for edge in self.edges_only_first}
        touched |= {self.names.get(edge.target, "") for edge in self.edges_only_second}
        # An equation that gained or lost an edge is counted by that edge, one that lost a bias by its name.
        lone = {*self.only_first, *self.only_second}
        otherwise = sum(name not in touched and not self._reads(name, lone) for name in self.rewritten)
        return names + edges + otherwise + (_loss(self.first) != _loss(self.second))

    def _reads(self, target: str, lone: set[str]) -> bool:
        """Whether the equation of `target`, in either cell, reads a name that only one has."""
        found = {edge.source for edge in self.first.edges if edge.target == target}
        found |= {edge.source for edge in self.second.edges if edge.target == self.partners[target]}
        return bool(found & lone)

    def _paired(self) -> Iterator[tuple[str, str]]:
        for name in ordered(self.first.equations):
            if name in self.partners:
                yield name, self.partners[name]


@dataclass(frozen=True)
class Neutral:
    """Expressions and edges of a cell under other names; a name without one is marked, so that it equals no other."""

    graph: Graph
    names: Names

    def name(self, name: str) -> str:
        """The neutral name of a name of the cell."""
        return name if name == LOSS else self.names.get(name, f"{name}'")

    def expression(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression over neutral symbols: equal for two cells where it says the same in both."""
        return expression.xreplace({symbol: self._symbol(symbol) for symbol in expression.free_symbols})

    def edge(self, edge: Edge) -> tuple[object, ...]:
        """What the edge is, its immediate partial included, but not which of several occurrences it is."""
        judge = _loss(self.graph) if edge.target == LOSS else ""
        return *self.wire(edge), judge, tuple(self._factor(item) for item in edge.partial)

    def wire(self, edge: Edge) -> tuple[str, str, int]:
        """Where the edge leads from and to."""
        return self.name(edge.source), self.name(edge.target), edge.lag

    def _factor(self, factor: Diagonal | Transfer | Outer) -> tuple[object, ...]:
        match factor:
            case Diagonal():
                return "diagonal", self.expression(factor.primed)
            case Transfer():
                return "transfer", self.name(factor.matrix), factor.transposed
            case Outer():
                return "outer", self.expression(factor.operand), factor.transposed

    def _symbol(self, symbol: sympy.Symbol) -> sympy.Expr:
        if isinstance(symbol, ProductSymbol):
            product = self.graph.products[symbol]
            matrix = sympy.Symbol(self.name(product.matrix.name) + ("ᵀ" if product.transposed else ""))
            return _PRODUCT(matrix, self.expression(product.operand))
        held: Value = symbol.value if isinstance(symbol, OccurrenceSymbol) else symbol
        return sympy.Symbol(f"{self.name(held.variable)}@{held.lag}")


def align(first: Graph, second: Graph) -> Alignment:
    """Pair the names of two cells: values by a search, then parameters by what they do in the equations of these."""
    values = _Search(first, second).run()
    names = {**{other: name for name, other in values.items()}, **_constants(first, second)}
    own, other = _uses(first, {name: name for name in names.values()}), _uses(second, names)
    for name, use in other.items():
        twins = [twin for twin, its in own.items() if its == use and twin not in names.values()]
        if twins:
            names[name] = name if name in twins else twins[0]
    return Alignment(first, second, names)


def ordered(equations: Equations) -> tuple[str, ...]:
    """All names of a cell: inputs, variables in order of evaluation, parameters, constants."""
    targets = (equation.target for equation in equations.equations)
    return (*equations.inputs, *targets, *equations.parameters, *equations.constants)


class _Search:
    """Pairs values so that as many edges as possible agree, from pairs of equal names on by the best single change."""

    def __init__(self, first: Graph, second: Graph) -> None:
        self._second = second.equations
        self._wires = Counter(_wires(first, Neutral(first, {name: name for name in first.equations.symbols})))
        self._others = Counter(_wires(second, Neutral(second, {name: name for name in second.equations.symbols})))
        self._names, self._choices = _values(first.equations), _values(second.equations)
        self._affinity = {
            (name, other): _affinity(first.equations, name, second.equations, other)
            for name in self._names
            for other in self._choices
        }
        self._touching = {
            name: tuple(wire for wire in self._wires if name in wire[:2]) for name in (*self._names, LOSS)
        }
        self._pairs: dict[str, str] = {}
        one, two = set(ordered(first.equations)), set(ordered(second.equations))
        self._one_language = len(one & two) >= _COMMON * min(len(one), len(two))

    def run(self) -> dict[str, str]:
        """For each name of the first cell its partner, for as many as gain by it."""
        self._pairs = {name: name for name in self._names if self._affinity.get((name, name)) is not None}
        while not self._one_language:
            best, change = 0, None
            for name in self._names:
                for other in (*self._choices, None):
                    proposed = self._proposal(name, other)
                    gain = self._gain(proposed) if proposed else 0
                    if gain > best:
                        best, change = gain, proposed
            if change is None:
                break
            self._pairs = _applied(self._pairs, change)
        return self._pairs

    def _proposal(self, name: str, other: str | None) -> dict[str, str | None] | None:
        """Give `name` the partner `other`; who had it gets the one that `name` had, if they go together."""
        held = self._pairs.get(name)
        if other == held or (other is not None and self._affinity[name, other] is None):
            return None
        proposed: dict[str, str | None] = {name: other}
        owner = next((item for item, partner in self._pairs.items() if partner == other), None) if other else None
        if owner is not None:
            fits = held is not None and self._affinity[owner, held] is not None
            proposed[owner] = held if fits else None
        return proposed

    def _gain(self, change: Mapping[str, str | None]) -> int:
        touched = {wire for name in change for wire in self._touching[name]}
        after = _applied(self._pairs, change)
        return self._score(after, change, touched) - self._score(self._pairs, change, touched)

    def _score(
        self, pairs: Mapping[str, str], names: Mapping[str, str | None], wires: set[tuple[str, str, int]]
    ) -> int:
        total = sum(self._affinity[name, pairs[name]] or 0 for name in names if name in pairs)
        for source, target, lag in wires:
            other = pairs.get(source), LOSS if target == LOSS else pairs.get(target), lag
            total += _WIRE * min(self._wires[source, target, lag], self._others[other])  # type: ignore[index]
        return total


def _applied(pairs: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    kept = {name: other for name, other in pairs.items() if name not in change}
    return kept | {name: other for name, other in change.items() if other is not None}


def _affinity(first: Equations, name: str, second: Equations, other: str) -> int | None:
    """How well two values go together apart from their edges; None where their roles or kinds differ."""
    own, its = first.symbols[name], second.symbols[other]
    if (own.role, own.kind, own.timeless) != (its.role, its.kind, its.timeless):
        return None
    score = _SAME_NAME * (name == other) + _SAME_OUTPUT * ((name in first.outputs) == (other in second.outputs))
    if (name in first.states) != (other in second.states):
        score += _OTHER_STATE
    if own.role is Role.VARIABLE:
        score += _SAME_HEAD if _head(first, name) == _head(second, other) else _OTHER_HEAD
    return score


def _head(equations: Equations, name: str) -> str:
    """The operation at the top of an equation."""
    match equations.equation_of(name).expression:
        case Call(function, _):
            return function
        case Operation(operator, _, _):
            return "+" if operator == "-" else operator
        case MatrixProduct():
            return "@"
        case Negation():
            return "-"
    return ""


def _values(equations: Equations) -> tuple[str, ...]:
    """Inputs and variables."""
    return tuple(name for name in ordered(equations) if equations.symbols[name].role in (Role.INPUT, Role.VARIABLE))


def _wires(graph: Graph, neutral: Neutral) -> Iterator[tuple[str, str, int]]:
    """The edges that do not begin at a parameter."""
    for edge in graph.edges:
        if graph.equations.symbols[edge.source].role is not Role.PARAMETER:
            yield neutral.wire(edge)


def _without(graph: Graph, neutral: Neutral, others: Counter[tuple[str, str, int]]) -> tuple[Edge, ...]:
    """The edges between values that `others` does not hold, as often as they stand in the cell."""
    left, found = Counter(others), []
    for edge in graph.edges:
        if graph.equations.symbols[edge.source].role is Role.PARAMETER:
            continue
        if left[neutral.wire(edge)]:
            left[neutral.wire(edge)] -= 1
        else:
            found.append(edge)
    return tuple(found)


def _loss(graph: Graph) -> str:
    """The rule of the cell's own loss, "" for none."""
    return graph.equations.loss.rule if graph.equations.loss else ""


def _constants(first: Graph, second: Graph) -> dict[str, str]:
    """Constants of one name and one number."""
    held = {name: number.value for name, number in first.equations.constants.items()}
    return {name: name for name, number in second.equations.constants.items() if held.get(name) == number.value}


def _uses(graph: Graph, names: Names) -> dict[str, tuple[object, ...]]:
    """What every parameter does, apart from its name: its kind, and where its edges lead and by which factors.

    Other parameters in these factors count as unknown: they are about to be paired themselves.
    """
    neutral = Neutral(graph, names)
    uses: dict[str, tuple[object, ...]] = {}
    for name in graph.equations.parameters:
        edges = sorted(str(_use(graph, neutral, edge)) for edge in graph.edges if edge.source == name)
        uses[name] = (graph.equations.symbols[name].kind, tuple(edges))
    return uses


def _use(graph: Graph, neutral: Neutral, edge: Edge) -> tuple[object, ...]:
    """The target of a parameter's edge and the values that stand in its factors, read as a text that can be sorted."""
    read: list[str] = []
    for factor in edge.partial:
        if isinstance(factor, Transfer):
            continue
        expression = factor.operand if isinstance(factor, Outer) else factor.primed
        read.extend(sorted({text for symbol in expression.free_symbols for text in _steps(graph, neutral, symbol)}))
        read.append(type(factor).__name__)
    return neutral.name(edge.target), edge.lag, tuple(read)


def _steps(graph: Graph, neutral: Neutral, symbol: sympy.Symbol) -> Iterator[str]:
    """The values with their lags that a symbol of a factor reads; parameters are left out."""
    if isinstance(symbol, ProductSymbol):
        for inner in graph.products[symbol].operand.free_symbols:
            yield from _steps(graph, neutral, inner)
        return
    held: Value = symbol.value if isinstance(symbol, OccurrenceSymbol) else symbol
    if graph.equations.symbols[held.variable].role is not Role.PARAMETER:
        yield f"{neutral.name(held.variable)}@{held.lag}"
