"""The lines of the CPU driver: what it allocates, runs and returns, in Python around the compiled functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from derive.elementary import value
from derive.plan.model import Array, Kept, Origin, Plan, Region
from derive.plan.symbols import adjoint, error, last_error
from derive.printers.compiled.driver import Driver, parameter_operand
from derive.printers.compiled.model import Allocation
from derive.printers.compiled.naming import Naming, columns, imported
from derive.printers.cpu.block import backward_block, carving, forward_block, step_view
from derive.printers.cpu.kernels import Functions, functions
from derive.printers.cpu.model import Arrays, CpuView, Kernel, WeightsView
from derive.printers.cpu.naming import RESERVED

_CLEARED = (Kept.ONCE, Kept.PAIR)


def view(plan: Plan) -> CpuView:
    """Everything the CPU template needs, as text."""
    return _Driver(plan).view()


class _Driver(Driver):
    """Builds the lines of one plan's driver."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(Naming(plan, RESERVED, imported(plan)))

    def view(self) -> CpuView:
        plan, equations, naming = self.plan, self.equations, self.naming
        forward = functions(naming, plan.forward, "forward")
        backward = functions(naming, plan.backward, "backward")
        dimensions = tuple(dimension.name for dimension in equations.dimensions)
        read_forward = forward_block(naming, forward, self._preamble(forward, backward=False))
        read_backward = backward_block(naming, backward)
        kernel = carving(read_forward, forward.sequence, dimensions)
        backward_preamble = tuple(self._preamble(backward, backward=True))
        operands = [parameter_operand(naming, item.stack) for item in plan.weight_gradients]
        inputs = [plan.places[value(name)].array for name in equations.inputs]
        used_forward = [array for array in plan.arrays if array.origin is Origin.FORWARD]
        used_backward = [array for array in plan.arrays if array.origin is Origin.BACKWARD]
        return CpuView(
            functions=naming.functions,
            sizes=dimensions,
            forward_block=read_forward,
            backward_block=read_backward,
            names_pieces=bool(backward_preamble) or any(operands),
            preamble_kernels=tuple(
                item for item in (*forward.preamble, *backward.preamble) if isinstance(item, Kernel)
            ),
            forward_kernel=kernel,
            backward_kernel=carving(read_backward, backward.sequence, dimensions),
            taken=tuple(self.given(array) for array in inputs),
            forward_arrays=self._arrays([array for array in used_forward if array.kept is not Kept.ONCE]),
            backward_arrays=self._arrays(used_backward),
            starts=tuple(self.start(array) for array in used_forward if array.kept is Kept.CARRIED),
            step=step_view(naming, read_forward, kernel),
            saved=tuple(array.name for array in plan.arrays if array.saved),
            sums=columns(dimension for array in naming.sums for dimension in array.columns),
            work=self._work(),
            largest=self._largest(),
            backward_preamble=backward_preamble,
            loss_variable=self.rows_of(equations.loss.variable) if equations.loss else "",
            outputs=tuple(plan.outputs[name].name for name in equations.outputs),
            final=tuple(f"calls.last_rows({self.kept(name)}, call)" for name in equations.states),
            errors=tuple(self.external_name(error(name)) for name in equations.outputs),
            ends=tuple(self.external_name(last_error(name)) for name in equations.states),
            weights=self._weights(),
            parameter_gradients=tuple(self.parameter_gradient(name) for name in equations.parameters),
            input_gradients=tuple(plan.places[adjoint(name)].array.name for name in equations.inputs),
            state_gradients=tuple(self.state_gradient(index) for index in range(len(equations.states))),
        )

    def _work(self) -> str:
        """About how many multiply-adds one sequence takes in one step."""
        products = self._sizes(region for region in Region if region is not Region.PREAMBLE)
        return " + ".join((*products, *(dimension.name for dimension in self.equations.dimensions)))

    def _largest(self) -> str:
        """How many elements the largest matrix has that is read in every step of the loop."""
        sizes = tuple(dict.fromkeys(self._sizes([Region.LOOP])))
        return f"max({', '.join(sizes)})" if len(sizes) > 1 else "".join(sizes) or "0"

    def _sizes(self, regions: Iterable[Region]) -> list[str]:
        """How many elements the matrices have that products of these regions read, each once for all its gates."""
        among = set(regions)
        return [
            f"({columns(stack.rows)}) * {columns([stack.columns])}"
            for stack in self.plan.stacks
            if stack.region in among
        ]

    def _arrays(self, arrays: Sequence[Array]) -> Arrays:
        """The arrays of one pass by who keeps them: the caller, the tape, or this call alone."""
        handed_out = {*self.plan.outputs.values(), *(self.plan.places[adjoint(x)].array for x in self.equations.inputs)}
        arrays = [array for array in arrays if array.kept is not Kept.SUM]
        lent = [array for array in arrays if array.kept not in _CLEARED and array not in handed_out]
        return Arrays(
            cleared=tuple(Allocation(array.name, self._cleared(array)) for array in arrays if array.kept in _CLEARED),
            handed_out=tuple(Allocation(array.name, self._shape(array)) for array in arrays if array in handed_out),
            saved=tuple(Allocation(array.name, self._shape(array)) for array in lent if array.saved),
            lent=tuple(Allocation(array.name, self._shape(array)) for array in lent if not array.saved),
        )

    def _cleared(self, array: Array) -> str:
        """An array that starts as zeros: what is added to, and what a sequence without steps leaves as it is."""
        return f"memory.zeros(({'2, batch' if array.kept is Kept.PAIR else '1'}, {columns(array.columns)}), dtype)"

    def _shape(self, array: Array) -> str:
        """The shape of an array, which is smaller where no tape is kept."""
        whole, shrunk = {
            Kept.STEPS: ("steps, ", "rows, "), Kept.CARRIED: ("steps + 1, ", "carried_rows, "),
            Kept.CHUNK: ("chunk, ", ""), Kept.ONE: ("", ""),
        }[array.kept]  # fmt: skip
        across = columns(array.columns)
        row = f"memory.row({across}, dtype)" if array in self.naming.padded else across
        return f"({shrunk if array.shrinks else whole}batch, {row})"

    def _preamble(self, functions: Functions, *, backward: bool) -> Iterator[str]:
        """The calls of what runs once a call, outside the steps."""
        places = self.plan.places
        for item in functions.preamble:
            if isinstance(item, Kernel):
                yield f"{item.name}({', '.join(item.arguments)})"
            elif backward:
                yield f"product({self.adjoints(item).array.name}, packed_{item.name}, {places[item.pulled].array.name})"
            else:
                products = places[item.products[0]].array.name
                yield f"product({self.operand(item)}, packed_{item.name}, {products})"

    def _weights(self) -> WeightsView:
        """The deferred products of the stacks: adjoints transposed times right-hand vectors."""
        made, products = self.weights(), []
        for array, item in zip(made, self.plan.weight_gradients, strict=True):
            place = self.adjoints(item.stack)
            before = columns(place.before) or "0"
            products.append(f"({place.array.name}, {before}, {self.vectors(item.stack)}, {array.name})")
        widths = tuple(dict.fromkeys(item.stack.columns or "1" for item in self.plan.weight_gradients))
        widest = f"max({', '.join(widths)})" if len(widths) > 1 else "".join(widths)
        return WeightsView(made, widest, tuple(products))
