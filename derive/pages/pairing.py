"""The search for the names of two cells that stand for the same: found from the two graphs, whatever the names are.

Cells that share most of their names speak one language: there only equal names are partners.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import sympy

from derive.elementary import OccurrenceSymbol, ProductSymbol, Value
from derive.equations.model import Call, Equations, MatrixProduct, Negation, Operation, Role
from derive.graph import LOSS, Edge, Graph, Outer, Transfer
from derive.pages.neutral import Names, Neutral

_WIRE, _SAME_HEAD, _OTHER_HEAD, _SAME_NAME, _SAME_OUTPUT, _OTHER_STATE = 4, 3, -2, 2, 1, -6
_COMMON = 0.6


def paired_names(first: Graph, second: Graph) -> Names:
    """For each name of the second cell that has a partner in the first, the name of that.

    Values are paired by a search, then parameters by what they do in the equations of these.
    """
    values = _Search(first, second).run()
    names = {**{other: name for name, other in values.items()}, **_constants(first, second)}
    own, other = _uses(first, {name: name for name in names.values()}), _uses(second, names)
    for name, use in other.items():
        twins = [twin for twin, its in own.items() if its == use and twin not in names.values()]
        if twins:
            names[name] = name if name in twins else twins[0]
    return names


def ordered(equations: Equations) -> tuple[str, ...]:
    """All names of a cell: inputs, variables in order of evaluation, parameters, constants."""
    return (*equations.inputs, *equations.variables, *equations.parameters, *equations.constants)


class _Search:
    """Pairs values so that as many edges as possible agree, from pairs of equal names on by the best single change."""

    def __init__(self, first: Graph, second: Graph) -> None:
        self._second = second.equations
        self._wires = Counter(Neutral.own(first).wires())
        self._others = Counter(Neutral.own(second).wires())
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
    return (*equations.inputs, *equations.variables)


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
