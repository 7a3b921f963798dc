"""What the drivers of compiled targets have in common: the texts of rows, operands and gradients."""

from __future__ import annotations

import sympy

from derive.elementary import Value, value
from derive.equations.model import Kind
from derive.plan.model import Array, Kept, Place, Plan, Stack
from derive.plan.symbols import adjoint, lag_of, last_error, total
from derive.printers.compiled.model import Allocation
from derive.printers.compiled.naming import Naming, columns


def parameter_operand(naming: Naming, stack: Stack) -> str:
    """The parameter that is the right-hand vector of a stack; "" for any other vector."""
    name = stack.operand.variable if isinstance(stack.operand, Value) else ""
    return name if name in naming.plan.graph.equations.parameters else ""


class Driver:
    """Builds the lines of one plan's driver.

    `memory` is what gives arrays, as the lines call it.
    """

    memory = "memory"

    def __init__(self, naming: Naming) -> None:
        self.plan: Plan = naming.plan
        self.equations = naming.plan.graph.equations
        self.naming = naming

    def external_name(self, symbol: sympy.Symbol) -> str:
        """The name of the array of a symbol."""
        return self.plan.places[symbol].array.name

    def kept(self, name: str) -> str:
        """The name of the array of a variable or an input."""
        return self.plan.places[value(name)].array.name

    def given(self, array: Array) -> Allocation:
        """An input is taken as it comes; one that is a state gets the row before the first step."""
        given = f"call.inputs[{self.equations.inputs.index(array.holds)}]"
        if array.kept is Kept.STEPS:
            return Allocation(array.name, given)
        before = f"call.state[{self.equations.states.index(array.holds)}][None]"
        return Allocation(array.name, f"{self.memory}.concatenated(({before}, {given}))")

    def start(self, array: Array) -> str:
        """The line that puts a state before the first step into its array."""
        return f"{array.name}[0] = call.state[{self.equations.states.index(array.holds)}]"

    def adjoints(self, stack: Stack) -> Place:
        """Where the adjoints of the products of a stack lie: as many columns as it has rows, from this place on."""
        return self.plan.places[adjoint(str(stack.products[0]))]

    def steps_of(self, array: Array, lag: int = 0) -> str:
        """An array at the steps 1 to T, or so many steps before them; as it is where it has no steps."""
        return f"{array.name}{'[:-1]' if lag else '[1:]'}" if array.kept is Kept.CARRIED else array.name

    def rows(self, array: Array, lag: int = 0) -> str:
        """An array as rows for a batched product."""
        if array.kept is Kept.ONCE:
            return array.name
        return f"{self.steps_of(array, lag)}.reshape(steps * batch, {columns(array.columns)})"

    def vectors(self, stack: Stack) -> str:
        """The right-hand vectors of a stack, by their steps and sequences."""
        parameter = parameter_operand(self.naming, stack)
        if parameter:
            return f"{self.naming.names[parameter]}.reshape(1, {columns([stack.columns])})"
        return self.steps_of(self.naming.place(stack.operand).array, lag_of(stack.operand))

    def operand(self, stack: Stack) -> str:
        """The right-hand vectors of a stack, one a row."""
        if parameter_operand(self.naming, stack):
            return self.vectors(stack)
        return self.rows(self.naming.place(stack.operand).array, lag_of(stack.operand))

    def rows_of(self, name: str) -> str:
        """The rows of a variable at the steps 1 to T."""
        return self.steps_of(self.plan.places[value(name)].array)

    def weights(self) -> tuple[Allocation, ...]:
        """The arrays of the deferred products, with their shapes: of a stack the gradients of all its matrices."""
        return tuple(
            Allocation(f"weights_{item.stack.name}", f"({columns(item.stack.rows)}, {item.stack.columns or '1'})")
            for item in self.plan.weight_gradients
        )

    def parameter_gradient(self, name: str) -> str:
        """The gradient of one parameter, from the deferred products or the sums."""
        symbol = self.equations.symbols[name]
        if symbol.kind is Kind.MATRIX:
            pieces = self.slices(name)
            return pieces[0] if len(pieces) == 1 else f"calls.added({', '.join(pieces)})"
        place = self.plan.places.get(adjoint(name))
        array = place.array if place else self.plan.places[total(name)].array
        text = f"{array.name}[0]"
        if array.kept is Kept.SUM:
            before = self.naming.sums[array]
            text = f"sums[{columns(before) or '0'} : {columns((*before, *array.columns))}]"
        return f"{text}.reshape(())" if symbol.kind is Kind.SCALAR else text

    def slices(self, name: str) -> list[str]:
        """The rows of deferred products that belong to a matrix, one piece an occurrence."""
        pieces = []
        for item in self.plan.weight_gradients:
            for index, (matrix, transposed, rows) in enumerate(item.parameters):
                if matrix == name:
                    before = columns(item.stack.rows[:index]) if index else "0"
                    after = columns((*item.stack.rows[:index], rows))
                    piece = f"weights_{item.stack.name}[{before} : {after}]"
                    pieces.append(f"{piece}.T" if transposed else piece)
        return pieces

    def state_gradient(self, index: int) -> str:
        """What the hops into step 1 carried, and for an empty sequence the error on the last state."""
        item = self.plan.state_gradients[index]
        terms = ", ".join(self.plan.places[symbol].array.name for symbol in item.carried)
        return f"calls.initial_gradient(call, {self.external_name(last_error(item.state))}, {terms})"
