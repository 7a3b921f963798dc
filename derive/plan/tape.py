"""What the tape holds and what the backward pass computes again: a minimum cut of the forward pass.

Each forward value that the backward pass reads is saved, or it is computed again from values that are had in the same
two ways. In the network a value is an edge from "computed" to "there" whose capacity is the price of saving it; an edge
from "start" to "computed" has the price of its operations; an edge without a limit leads from each value to what is
computed from it, and one to "end" from each value that the backward pass reads. Every finite cut is a choice under
which the backward pass has all that it reads, and the capacity of the cut is the price of the choice.

At hand whatever the choice are inputs, parameters, constants and what is computed once a call. Never computed again are

- products of matrices: they are most of the work of the forward pass;
- states: they are read at the step before, where the same question would stand again, back to the first step;
- right-hand vectors of products and what the loss judges: the backward pass reads these as whole arrays over the steps,
  and would have to allocate for them what the tape no longer holds;
- what reads a product of a stack over several dimensions that is not saved anyway: the products of a stack are saved
  together, and what these weigh against other values depends on the sizes.

Every sweep of the backward pass computes again what it needs, and stores none of it. So operations count in each sweep
that reads the value or something computed from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

import networkx as nx
import sympy

from derive.errors import DeriveError
from derive.plan.model import Assign, Pass, Region, Stack, Statement, Sweep, Tape
from derive.plan.prices import SAVED, operations
from derive.plan.symbols import SingleSymbol, unlagged

POLICIES = ("auto", "all", "least")
DEFAULT = "auto"


def require_policy(policy: str) -> None:
    """Raise DeriveError for a policy that there is not."""
    if policy not in POLICIES:
        raise DeriveError(f"there is no tape {policy!r}; the tapes are {', '.join(POLICIES)}")


def choose(policy: str, values: ForwardValues) -> Tape:
    """The tape under a policy.

    "all" saves every value that the backward pass reads. "least" saves the fewest, and of such choices takes the one
    with the fewest operations. "auto" weighs both by `derive.plan.prices`. Raises DeriveError for another policy.
    """
    require_policy(policy)
    again: set[sympy.Symbol] = set()
    if policy != "all":
        saved_price = SAVED if policy == "auto" else 1 + sum(map(values.price, values.computable))
        _, (_, needed) = nx.minimum_cut(values.network(saved_price), "start", "end")
        again = {symbol for symbol in values.computable if (symbol, "computed") in needed}
    saved, recomputed = set(values.read), []
    for symbol, statement in reversed(values.statements.items()):
        if symbol in again & saved:
            saved.remove(symbol)
            saved |= {source for source in sources(statement) if values.is_forward(source)}
            recomputed.append(statement)
    return Tape(policy, frozenset(saved), tuple(reversed(recomputed)))


def recompute(backward: Pass, tape: Tape) -> Pass:
    """The backward pass in which every sweep starts with the statements of the values that it needs again."""

    def extended(sweep: Sweep, region: Region) -> Sweep:
        needed = {symbol for statement in sweep.statements for symbol in sources(statement)}
        statements: tuple[Statement, ...] = sweep.statements
        for statement in reversed(tape.recomputed):
            if statement.symbol in needed:
                needed.update(sources(statement))
                statements = (replace(statement, region=region), *statements)
        return replace(sweep, statements=statements)

    return Pass(
        tuple(
            (
                region,
                tuple(
                    replace(stage, sweeps=tuple(extended(sweep, region) for sweep in stage.sweeps)) for stage in stages
                ),
            )
            for region, stages in backward.regions
        )
    )


def sources(statement: Statement) -> Iterator[sympy.Symbol]:
    """What a statement reads, without its lag, by name."""
    yield from sorted(map(unlagged, statement.expression.free_symbols), key=str)


@dataclass(frozen=True)
class ForwardValues:
    """The values of a scheduled forward pass, and what a scheduled backward pass can have each from.

    `whole` are the values that the backward pass reads as whole arrays, `states` the values that a step reads of the
    one before.
    """

    forward: Pass
    backward: Pass
    stacks: Sequence[Stack]
    whole: Set[sympy.Symbol]
    states: Set[sympy.Symbol]

    @cached_property
    def statements(self) -> dict[sympy.Symbol, Assign]:
        """The statement of every value but products, in order; products that are kept alone come first, to be read."""
        every = [item for item in self.forward.statements if isinstance(item, Assign)]
        single = {item.symbol: item for item in every if isinstance(item.symbol, SingleSymbol)}
        names = {item.expression: symbol for symbol, item in single.items()}
        others = (item for item in every if item.symbol not in single)
        return single | {item.symbol: replace(item, expression=item.expression.xreplace(names)) for item in others}

    @cached_property
    def stack_of(self) -> Mapping[sympy.Symbol, Stack]:
        """The stack of every product: its products are saved together."""
        return {product: stack for stack in self.stacks for product in stack.products}

    def is_forward(self, symbol: sympy.Symbol) -> bool:
        """Whether the forward pass computes the value."""
        return symbol in self.statements or symbol in self.stack_of

    @cached_property
    def readers(self) -> Mapping[sympy.Symbol, frozenset[int]]:
        """The sweeps of the backward pass that read a value, by number, for every value that any reads."""
        readers: dict[sympy.Symbol, set[int]] = {}
        sweeps = (sweep for _, stages in self.backward.regions for stage in stages for sweep in stage.sweeps)
        for number, sweep in enumerate(sweeps):
            for statement in sweep.statements:
                for symbol in filter(self.is_forward, sources(statement)):
                    readers.setdefault(symbol, set()).add(number)
        return {symbol: frozenset(numbers) for symbol, numbers in readers.items()}

    @cached_property
    def read(self) -> frozenset[sympy.Symbol]:
        """Every value that the backward pass reads, in its sweeps or whole."""
        return frozenset(self.readers) | frozenset(filter(self.is_forward, self.whole))

    @cached_property
    def computable(self) -> Mapping[sympy.Symbol, frozenset[int]]:
        """The values that may be computed again, with the sweeps that may do so: for themselves or for what follows."""
        asking: dict[sympy.Symbol, frozenset[int]] = dict(self.readers)
        computable: dict[sympy.Symbol, frozenset[int]] = {}
        for symbol, statement in reversed(self.statements.items()):
            sweeps = asking.get(symbol, frozenset())
            if sweeps and not self.is_fixed(statement):
                computable[symbol] = sweeps
                for source in sources(statement):
                    asking[source] = asking.get(source, frozenset()) | sweeps
        return computable

    def is_fixed(self, statement: Assign) -> bool:
        """Whether the value of a statement is never computed again."""
        if statement.symbol in self.states or statement.symbol in self.whole or statement.region is Region.PREAMBLE:
            return True
        stacks = (self.stack_of[source] for source in sources(statement) if source in self.stack_of)
        return any(len(set(stack.rows)) > 1 and not self.is_at_hand(stack.products[0]) for stack in stacks)

    def price(self, symbol: sympy.Symbol) -> int:
        """The price of the operations that compute a value again, in every sweep that may."""
        return operations(self.statements[symbol].expression) * len(self.computable[symbol])

    def is_at_hand(self, symbol: sympy.Symbol) -> bool:
        """Whether what is computed from a value need not care for it: it costs nothing, or it must be there anyway."""
        if symbol in self.stack_of:
            stack = self.stack_of[symbol]
            return stack.region is Region.PREAMBLE or not self.read.isdisjoint(stack.products)
        if symbol not in self.statements or self.statements[symbol].region is Region.PREAMBLE:
            return True
        return symbol in self.read

    def network(self, saved_price: int) -> nx.DiGraph:
        """The network to cut; an edge without a capacity has no limit."""
        network = nx.DiGraph()
        network.add_nodes_from(("start", "end"))
        for symbol in self.computable:
            network.add_edge("start", (symbol, "computed"), capacity=self.price(symbol))
            network.add_edge((symbol, "computed"), (symbol, "there"), capacity=saved_price)
            if symbol in self.read:
                network.add_edge((symbol, "there"), "end")
            for source in sources(self.statements[symbol]):
                if not self.is_at_hand(source):
                    node = self._supply(network, source, saved_price)
                    network.add_edge(node, (symbol, "computed"))
        return network

    def _supply(self, network: nx.DiGraph, source: sympy.Symbol, saved_price: int) -> object:
        """The node that gives the value of `source`; what is never computed again has an edge from "start" to it."""
        if source in self.computable:
            return source, "there"
        stack = self.stack_of.get(source)
        node = (stack.pulled if stack else source, "there")
        network.add_edge("start", node, capacity=saved_price * (len(stack.products) if stack else 1))
        return node
