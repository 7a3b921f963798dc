"""The lines of the CPU driver: what it allocates, runs and returns, in Python around the compiled functions."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.elementary import Value, value
from derive.equations.model import Kind
from derive.plan.model import Array, Kept, Origin, Plan, Region, Stack
from derive.plan.symbols import adjoint, error, last_error, total
from derive.printers.cpu.kernels import kernels
from derive.printers.cpu.model import Allocation, CpuView, Kernel, PackedStack
from derive.printers.cpu.naming import Naming


def view(plan: Plan) -> CpuView:
    """Everything the CPU template needs, as text."""
    return _Driver(plan).view()


class _Driver:
    """Builds the lines of one plan's driver."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.equations = plan.graph.equations
        self.naming = Naming(plan)

    def view(self) -> CpuView:
        plan, equations, naming = self.plan, self.equations, self.naming
        forward = kernels(naming, plan.forward, "forward")
        backward = kernels(naming, plan.backward, "backward")
        pulled = {stack for _, stages in plan.backward.regions for stage in stages for stack in stage.products}
        inputs = [plan.places[value(name)].array for name in equations.inputs]
        used_forward = [array for array in plan.arrays if array.origin is Origin.FORWARD or array in inputs]
        used_backward = [array for array in plan.arrays if array.origin is Origin.BACKWARD]
        return CpuView(
            functions=naming.functions,
            sizes=tuple(dimension.name for dimension in equations.dimensions),
            params=tuple(naming.names[name] for name in equations.parameters),
            forward_params=self._read_params(forward, ()),
            backward_params=self._read_params(backward, [stack for stack in plan.stacks if stack in pulled]),
            stacks=tuple(self._packed(stack, stack in pulled) for stack in plan.stacks),
            forward_kernels=tuple(item for _, entries in forward for item in entries if isinstance(item, Kernel)),
            backward_kernels=tuple(item for _, entries in backward for item in entries if isinstance(item, Kernel)),
            forward_arrays=tuple(Allocation(array.name, self._allocation(array)) for array in used_forward),
            backward_arrays=tuple(Allocation(array.name, self._allocation(array)) for array in used_backward),
            saved=tuple(array.name for array in plan.arrays if array.saved),
            forward=tuple(self._lines(forward, backward=False)),
            backward=tuple(self._lines(backward, backward=True)),
            judged=self._rows_of(equations.loss.variable) if equations.loss else "",
            outputs=tuple(self._output(name) for name in equations.outputs),
            final=tuple(f"calls.last_rows({self._kept(name)}, call)" for name in equations.states),
            errors=tuple(self._external_name(error(name)) for name in equations.outputs),
            ends=tuple(self._external_name(last_error(name)) for name in equations.states),
            weights=tuple(self._weight(item.stack) for item in plan.weight_gradients),
            parameter_gradients=tuple(self._parameter_gradient(name) for name in equations.parameters),
            input_gradients=tuple(plan.places[adjoint(name)].array.name for name in equations.inputs),
            state_gradients=tuple(self._state_gradient(index) for index in range(len(equations.states))),
        )

    def _read_params(
        self, regions: Sequence[tuple[Region, Sequence[Kernel | Stack]]], packed: Sequence[Stack]
    ) -> tuple[tuple[str, str], ...]:
        """The parameters that a driver names, with the field of Params that gives each; a scalar gets one element."""
        read = {
            argument
            for _, entries in regions
            for item in entries
            if isinstance(item, Kernel)
            for argument in item.arguments
        }
        read |= {self.naming.names[matrix] for stack in packed for matrix, _ in stack.matrices}
        read |= {
            self.naming.names[str(stack.operand)]
            for stack in self.plan.stacks
            if str(stack.operand) in self.equations.parameters
        }
        return tuple(
            (self.naming.names[name], f"params.{name}){'' if self.equations.symbols[name].shape else '.reshape(1)'}")
            for name in self.equations.parameters
            if self.naming.names[name] in read
        )

    def _external_name(self, symbol: sympy.Symbol) -> str:
        return self.plan.places[symbol].array.name

    def _kept(self, name: str) -> str:
        return self.plan.places[value(name)].array.name

    def _columns(self, columns: Sequence[str]) -> str:
        counts: dict[str, int] = {}
        for name in columns:
            counts[name or "1"] = counts.get(name or "1", 0) + 1
        return " + ".join(f"{count} * {name}" if count > 1 else name for name, count in counts.items())

    def _allocation(self, array: Array) -> str:
        """The code that makes an array; an input is taken as it comes."""
        states = self.equations.states
        if array.holds in self.equations.inputs:
            given = f"call.inputs[{self.equations.inputs.index(array.holds)}]"
            if array.kept is Kept.STEPS:
                return given
            return f"np.concatenate((call.state[{states.index(array.holds)}][None], {given}))"
        columns = self._columns(array.columns)
        shrunk = {Kept.STEPS: "1", Kept.CARRIED: "2"}
        full = {
            Kept.STEPS: "steps", Kept.CARRIED: "steps + 1", Kept.PAIR: "2", Kept.ONE: "", Kept.ONCE: "1", Kept.SUM: "",
        }[array.kept]  # fmt: skip
        if array.kept is Kept.SUM:
            return f"np.zeros({columns})"
        if array.kept is Kept.ONCE:
            return f"np.zeros((1, {columns}), dtype)"
        rows = f"{full} if keep_tape else {shrunk[array.kept]}, " if array.shrinks else f"{full}, " if full else ""
        shape = f"np.zeros(({rows}batch, {columns}), dtype)"
        if array.holds in states:
            return f"calls.carried({shape}, call.state[{states.index(array.holds)}])"
        return shape

    def _packed(self, stack: Stack, read_back: bool) -> PackedStack:
        """The matrices of a stack below each other."""
        names = self.naming.names
        matrices = [f"{names[matrix]}{'.T' if transposed else ''}" for matrix, transposed in stack.matrices]
        stacked = matrices[0] if len(matrices) == 1 else f"np.concatenate(({', '.join(matrices)}))"
        return PackedStack(f"packed_{stack.name}", stacked, read_back)

    def _lines(self, regions: Sequence[tuple[Region, Sequence[Kernel | Stack]]], *, backward: bool) -> list[str]:
        lines = []
        for _, entries in regions:
            for entry in entries:
                if isinstance(entry, Kernel):
                    leading = ("steps", "batch", "call.lengths", *(() if backward else ("keep_tape",)))
                    arguments = (*leading, *entry.arguments) if entry.region != "preamble" else entry.arguments
                    lines.append(f"{entry.name}({', '.join(arguments)})")
                elif backward:
                    adjoints = self._adjoints(entry)
                    pulled = self.plan.places[entry.pulled].array
                    lines.append(f"product({self._rows(adjoints)}, packed_{entry.name}, {self._rows(pulled)})")
                else:
                    products = self.plan.places[entry.products[0]].array
                    lines.append(f"product({self._operand(entry)}, packed_{entry.name}, {self._rows(products)})")
        return lines

    def _adjoints(self, stack: Stack) -> Array:
        return self.plan.places[adjoint(str(stack.products[0]))].array

    def _rows(self, array: Array, lag: int = 0) -> str:
        """An array as rows for a batched product."""
        if array.kept is Kept.ONCE:
            return array.name
        rows = {Kept.CARRIED: "[:-1]" if lag else "[1:]"}.get(array.kept, "")
        return f"{array.name}{rows}.reshape(steps * batch, {self._columns(array.columns)})"

    def _operand(self, stack: Stack, *, masked: bool = False) -> str:
        """The right-hand vectors of a stack, one a row."""
        symbol = stack.operand
        name = symbol.variable if isinstance(symbol, Value) else ""
        if name in self.equations.parameters:
            return f"{self.naming.names[name]}.reshape(1, {self._columns([stack.columns])})"
        array = self.naming.place(symbol).array
        lag = symbol.lag if isinstance(symbol, Value) else 0
        if not masked or array.kept is Kept.ONCE:
            return self._rows(array, lag)
        rows = {Kept.CARRIED: "[:-1]" if lag else "[1:]"}.get(array.kept, "")
        return f"calls.masked({array.name}{rows}, call.lengths).reshape(steps * batch, {self._columns(array.columns)})"

    def _rows_of(self, name: str) -> str:
        """The rows of a variable at the steps 1 to T."""
        array = self.plan.places[value(name)].array
        return f"{array.name}{'[1:]' if array.kept is Kept.CARRIED else ''}"

    def _output(self, name: str) -> str:
        return f"calls.masked({self._rows_of(name)}, call.lengths).copy()"

    def _weight(self, stack: Stack) -> Allocation:
        """The deferred product of a stack: adjoints transposed times right-hand vectors."""
        text = f"weight_gradient({self._rows(self._adjoints(stack))}, {self._operand(stack, masked=True)})"
        return Allocation(f"weights_{stack.name}", text)

    def _parameter_gradient(self, name: str) -> str:
        """The gradient of one parameter, from the deferred products or the sums."""
        symbol = self.equations.symbols[name]
        if symbol.kind is Kind.MATRIX:
            return " + ".join(self._slices(name))
        place = self.plan.places.get(adjoint(name))
        array = place.array if place else self.plan.places[total(name)].array
        text = f"{array.name}[0]" if array.kept is Kept.ONCE else f"{array.name}.astype(dtype)"
        return f"{text}.reshape(())" if symbol.kind is Kind.SCALAR else text

    def _slices(self, name: str) -> list[str]:
        """The rows of deferred products that belong to a matrix, one piece an occurrence."""
        pieces = []
        for item in self.plan.weight_gradients:
            for index, (matrix, transposed, rows) in enumerate(item.parameters):
                if matrix == name:
                    before = self._columns(item.stack.rows[:index]) if index else "0"
                    after = self._columns((*item.stack.rows[:index], rows))
                    piece = f"weights_{item.stack.name}[{before} : {after}]"
                    pieces.append(f"{piece}.T" if transposed else piece)
        return pieces

    def _state_gradient(self, index: int) -> str:
        """What the hops into step 1 carried, and for an empty sequence the error on the last state."""
        item = self.plan.state_gradients[index]
        terms = ", ".join(self.plan.places[symbol].array.name for symbol in item.carried)
        return f"calls.initial_gradient(call, {self._external_name(last_error(item.state))}, {terms})"
