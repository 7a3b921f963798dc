"""Names for everything that compiled code speaks of: symbols, elements of arrays, typed constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

import sympy

from derive.elementary import Elementary, ProductSymbol, Value, value
from derive.names import Namer
from derive.plan.model import Array, Kept, Place, Plan
from derive.plan.symbols import adjoint, code, unlagged
from derive.printers.code import decimal

WORDS = {0: "zero", 1: "one", 2: "two", 3: "three", 4: "four"}


class Naming:
    """The names of one plan, each given once and never to two things, nor to what is `reserved`.

    `functions` are the elementary functions by the names under which they are imported. `given` are the names of
    parameters as the caller gives them, where `names` stand for what is made of them.
    """

    def __init__(self, plan: Plan, reserved: Iterable[str], functions: Iterable[str] = ()) -> None:
        self.plan = plan
        self.equations = plan.graph.equations
        self.functions = tuple(functions)
        arrays = [array.name for array in plan.arrays]
        stacks = [f"{kind}_{stack.name}" for stack in plan.stacks for kind in ("packed", "weights")]
        self._namer = Namer((*reserved, *arrays, *stacks, *self.equations.size_names, *self.functions))
        self.names = {name: self._namer.new(name) for name in self.equations.symbols}
        self.given = {name: self._namer.new(f"given_{name}") for name in self.equations.parameters}
        self._locals: dict[sympy.Symbol, str] = {}
        self._constants: dict[sympy.Rational, str] = {}

    @cached_property
    def sums(self) -> dict[Array, tuple[str, ...]]:
        """The sums over steps and batch, side by side in one array: each with the columns of those before it."""
        before: dict[Array, tuple[str, ...]] = {}
        taken: tuple[str, ...] = ()
        for array in self.plan.arrays:
            if array.kept is Kept.SUM:
                before[array] = taken
                taken += array.columns
        return before

    @cached_property
    def read_whole(self) -> frozenset[Array]:
        """The arrays of the forward pass that products or the loss read, whatever the lengths of the sequences."""
        operands = [stack.operand for stack in self.plan.stacks if unlagged(stack.operand) in self.plan.places]
        read_by_loss = [value(self.equations.loss.variable)] if self.equations.loss else []
        return frozenset(self.place(symbol).array for symbol in (*operands, *read_by_loss))

    @cached_property
    def padded(self) -> frozenset[Array]:
        """The adjoints of products at every step: products read them by rows, weight gradients by columns."""
        arrays = {self.plan.places[adjoint(str(stack.products[0]))].array for stack in self.plan.stacks}
        return frozenset(array for array in arrays if array.kept is Kept.STEPS)

    def place(self, symbol: sympy.Symbol) -> Place:
        """Where the value of `symbol`, of this step or of the one before, is stored."""
        return self.plan.places[value(symbol.variable) if isinstance(symbol, Value) else symbol]

    def constant(self, number: sympy.Rational) -> str:
        """The name of a number that is not negative."""
        if number not in self._constants:
            digits = decimal(number).replace(".", "_").replace("-", "m").replace("+", "p")
            self._constants[number] = self._namer.new(WORDS.get(number, f"number_{digits}"))
        return self._constants[number]

    def fresh(self, wanted: str) -> str:
        """A name for something that no symbol stands for."""
        return self._namer.new(wanted)

    def local(self, symbol: sympy.Symbol) -> str:
        """The name of the scalar that holds the value of `symbol` inside a sweep."""
        if symbol not in self._locals:
            name = self.names.get(symbol.name) or self._namer.new(self._wanted(symbol))
            self._locals[symbol] = name
        return self._locals[symbol]

    def _wanted(self, symbol: sympy.Symbol) -> str:
        """A product is called after its matrix, everything else after what it holds."""
        if isinstance(symbol, ProductSymbol):
            return f"{self.plan.graph.products[symbol].matrix.name}_product"
        return code(symbol)


def columns(dimensions: Iterable[str]) -> str:
    """The text of a sum of sizes: `input_size + 3 * hidden_size`; "" is 1, a scalar."""
    counts = Counter(name or "1" for name in dimensions)
    return " + ".join(f"{count} * {name}" if count > 1 else name for name, count in counts.items())


def imported(plan: Plan) -> tuple[str, ...]:
    """The elementary functions of a plan by the names under which a kernel imports them."""
    return tuple(sorted({item.rule.scalar for item in _applications(plan) if item.rule.scalar}))


def _applications(plan: Plan) -> Iterable[Elementary]:
    for one_pass in (plan.forward, plan.backward):
        for statement in one_pass.statements:
            yield from statement.expression.atoms(Elementary)
