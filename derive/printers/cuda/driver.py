"""The lines of the CUDA driver: what it allocates, launches and returns, in Python around kernels and products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import sympy

from derive.elementary import value
from derive.plan.model import Array, Kept, Origin, Pass, Plan, Region, Stack
from derive.plan.symbols import adjoint, error, lag_of, last_error
from derive.printers.compiled.driver import Driver, parameter_operand
from derive.printers.compiled.model import Allocation
from derive.printers.compiled.naming import columns
from derive.printers.cuda.block import block_kernel
from derive.printers.cuda.body import Run, width
from derive.printers.cuda.grid import grid_kernel
from derive.printers.cuda.kernels import Printed, sweep_kernel
from derive.printers.cuda.loop import loop_view
from derive.printers.cuda.model import Arrays, CudaView, PassLines, SweepKernel
from derive.printers.cuda.naming import DeviceNaming

_CLEARED = (Kept.ONCE, Kept.PAIR)
_GIVEN_BY_LAUNCH = ("rows", "share")


def view(plan: Plan) -> CudaView:
    """Everything the CUDA template needs, as text."""
    return _Driver(plan).view()


class _Driver(Driver):
    """Builds the lines of one plan's driver, and its kernels on the way."""

    memory = "device"

    def __init__(self, plan: Plan) -> None:
        self.device_naming = DeviceNaming(plan)
        super().__init__(self.device_naming)
        self.printed: list[Printed] = []

    def view(self) -> CudaView:
        plan, equations, naming = self.plan, self.equations, self.device_naming
        forward, preamble = self._pass(plan.forward, "forward")
        backward, backward_preamble = self._pass(plan.backward, "backward")
        of_forward = [array for array in plan.arrays if array.origin is Origin.FORWARD]
        of_backward = [array for array in plan.arrays if array.origin is Origin.BACKWARD]
        once = [array for array in of_forward if array.kept is Kept.ONCE]
        kernels = tuple(item.kernel for item in self.printed)
        loop = loop_view(plan)
        directions = () if loop.obstacle else (("forward", plan.forward), ("backward", plan.backward))
        blocks = tuple(block_kernel(naming, one_pass, direction) for direction, one_pass in directions)
        grids, tensors = (
            tuple(grid_kernel(plan, one_pass, direction, tensor=tensor) for direction, one_pass in directions)
            for tensor in (False, True)
        )
        return CudaView(
            sizes=tuple(dimension.name for dimension in equations.dimensions),
            loop=loop,
            zero=naming.constant(sympy.S.Zero),
            constants=self._constants(),
            kernels=kernels,
            blocks=blocks,
            grids=grids,
            tensors=tensors,
            packed=tuple(self._packed(kernels)),
            once=tuple(Allocation(array.name, self._shape(array)) for array in once),
            preamble=preamble,
            taken=tuple(self.given(plan.places[value(name)].array) for name in equations.inputs),
            forward_arrays=self._arrays([array for array in of_forward if array not in once]),
            backward_arrays=self._arrays([array for array in of_backward if array.kept is not Kept.SUM]),
            starts=tuple(self.start(array) for array in of_forward if array.kept is Kept.CARRIED),
            carried=tuple(line for array, pair in naming.carried.items() for line in self._carried(array, pair)),
            forward=forward,
            backward=backward,
            saved=tuple(array.name for array in plan.arrays if array.saved and array not in once),
            sums=width(naming),
            parts=self._parts(),
            totals=tuple(self._total(array) for array in naming.sums),
            narrow=columns(dimension for array in naming.sums for dimension in array.columns),
            backward_preamble=backward_preamble,
            loss_variable=self.rows_of(equations.loss.variable) if equations.loss else "",
            outputs=tuple(plan.outputs[name].name for name in equations.outputs),
            final=tuple(f"calls.last_rows({self.kept(name)}, call)" for name in equations.states),
            errors=tuple(self.external_name(error(name)) for name in equations.outputs),
            ends=tuple(self.external_name(last_error(name)) for name in equations.states),
            weights=self.weights(),
            weight_products=tuple(self._weight_product(item.stack) for item in plan.weight_gradients),
            parameter_gradients=tuple(self.parameter_gradient(name) for name in equations.parameters),
            input_gradients=tuple(plan.places[adjoint(name)].array.name for name in equations.inputs),
            state_gradients=tuple(self.state_gradient(index) for index in range(len(equations.states))),
        )

    def _constants(self) -> tuple[Allocation, ...]:
        """The typed numbers of all kernels, by name."""
        found: dict[str, str] = {}
        for item in self.printed:
            found |= item.constants
        return tuple(Allocation(name, f"real({text})") for name, text in sorted(found.items()))

    def _pass(self, one_pass: Pass, direction: str) -> tuple[PassLines, tuple[str, ...]]:
        """The lines of one direction, and those of its preamble, which runs once a call."""
        lines: dict[Region, list[str]] = {}
        for region, stages in one_pass.regions:
            lines[region] = []
            for stage in stages:
                lines[region] += [self._product(stack, direction) for stack in stage.products]
                for sweep in stage.sweeps:
                    number = 1 + sum(item.kernel.backward is (direction == "backward") for item in self.printed)
                    name = self.naming.fresh(f"{direction}_{number}")
                    backward = direction == "backward"
                    printed = sweep_kernel(self.device_naming, name, region, sweep, backward=backward)
                    self.printed.append(printed)
                    lines[region].append(self._launch(printed))
        first, last = (Region.PREFIX, Region.SUFFIX) if direction == "forward" else (Region.SUFFIX, Region.PREFIX)
        before, step, behind = (tuple(lines.get(region, ())) for region in (first, Region.LOOP, last))
        return PassLines(before, step, behind), tuple(lines.get(Region.PREAMBLE, ()))

    def _launch(self, printed: Printed) -> str:
        """The call that launches a kernel over its units and rows."""
        kernel = printed.kernel
        given = [item.name for item in kernel.arguments if item.name not in _GIVEN_BY_LAUNCH]
        arguments = f"({', '.join(given)}{',' if len(given) == 1 else ''})"
        if kernel.run == Run.UNITS.value:
            return (
                f"launches.units(device, kernels.{kernel.name}, {'1' if kernel.alone else printed.units}, {arguments})"
            )
        rows = "batch" if kernel.run == Run.STEP.value or kernel.in_order else "steps * batch"
        summing = ", summing=True" if kernel.sums else ""
        return f"launches.sweep(device, kernels.{kernel.name}, {printed.units}, {rows}, {arguments}{summing})"

    def _parts(self) -> str:
        """The most parts into which a kernel divides its rows to add them up."""
        counts = []
        for item in self.printed:
            if item.kernel.sums:
                alone = item.kernel.run == Run.STEP.value or item.kernel.in_order
                counts.append(f"launches.parts({'batch' if alone else 'steps * batch'}, {item.units})")
        counts = list(dict.fromkeys(counts))
        return f"max({', '.join(counts)})" if len(counts) > 1 else "".join(counts)

    def _packed(self, kernels: Sequence[SweepKernel]) -> Iterator[Allocation]:
        """What kernels and products read of the parameters: stacks of matrices, vectors, and scalars of one element."""
        for stack in self.plan.stacks:
            matrices = ", ".join(f"params.{name}{'.T' if transposed else ''}" for name, transposed in stack.matrices)
            yield Allocation(f"packed_{stack.name}", f"device.stacked(({matrices},))")
        read = {item.name for kernel in kernels for item in kernel.arguments}
        read |= {
            self.naming.names[name] for stack in self.plan.stacks if (name := parameter_operand(self.naming, stack))
        }
        for name in self.equations.parameters:
            if self.naming.names[name] in read:
                shape = "" if self.equations.symbols[name].shape else ".reshape(1)"
                yield Allocation(self.naming.names[name], f"params.{name}{shape}")

    def _arrays(self, arrays: Sequence[Array]) -> Arrays:
        named = [(array, Allocation(array.name, f"{self._shape(array)}, {self._dtype(array)}")) for array in arrays]
        return Arrays(
            cleared=tuple(item for array, item in named if array.kept in _CLEARED),
            empty=tuple(item for array, item in named if array.kept not in _CLEARED),
        )

    def _carried(self, state: Array, pair: Array) -> Iterator[str]:
        """The lines that make the two rows beside a state, with what it is before the first step."""
        yield f"{pair.name} = device.empty({self._shape(pair)}, real)"
        yield self.start(replace(state, name=pair.name))

    def _dtype(self, array: Array) -> str:
        """The dtype of an array: that of the call, or the one in which kernels compute."""
        return "real" if array.name in self.device_naming.real else "dtype"

    def _shape(self, array: Array) -> str:
        """The shape of an array, which is smaller where no tape is kept."""
        rows = {
            Kept.STEPS: "rows, batch, " if array.shrinks else "steps, batch, ",
            Kept.CARRIED: "carried_rows, batch, " if array.shrinks else "steps + 1, batch, ",
            Kept.CHUNK: "steps, batch, ", Kept.PAIR: "2, batch, ", Kept.ONE: "batch, ", Kept.ONCE: "1, ",
        }[array.kept]  # fmt: skip
        return f"({rows}{columns(array.columns)})"

    def _total(self, array: Array) -> tuple[str, str]:
        """How many columns of the sums belong to one array, and how many it has."""
        parts = [dimension for owner, dimension in self.device_naming.parts if owner is array]
        return columns(parts) or "0", columns(array.columns)

    def _product(self, stack: Stack, direction: str) -> str:
        """A product: in the loop of the running step's rows, elsewhere of those of all steps."""
        places, packed = self.plan.places, f"packed_{stack.name}"
        if direction == "backward":
            in_loop = stack.region is Region.LOOP
            left, factor, result = self._adjoint_rows(stack, running=in_loop), packed, places[stack.pulled].array
        elif stack.region is Region.LOOP:
            lag = lag_of(stack.operand)
            left = self._step_rows(self.naming.place(stack.operand).array, lag)
            factor, result = f"{packed}.T", places[stack.products[0]].array
        else:
            left, factor, result = self.operand(stack), f"{packed}.T", places[stack.products[0]].array
        into = self._step_rows(result) if stack.region is Region.LOOP else self.rows(result)
        return f"device.product({left}, {factor}, {into})"

    def _adjoint_rows(self, stack: Stack, *, running: bool) -> str:
        """The adjoints of the products of a stack, one row a sequence, of the running step or of all."""
        place = self.adjoints(stack)
        rows = self._step_rows(place.array) if running else self.rows(place.array)
        if place.array.columns == stack.rows:
            return rows
        return f"{rows}[:, {columns(place.before) or '0'} : {columns((*place.before, *stack.rows))}]"

    def _step_rows(self, array: Array, lag: int = 0) -> str:
        """The rows of the running step, one a sequence."""
        forward = array.origin is Origin.FORWARD and array.shrinks
        match array.kept:
            case Kept.STEPS | Kept.CHUNK:
                return f"{array.name}[{'here' if forward else 't'}]"
            case Kept.CARRIED if lag:
                return f"{array.name}[{'before' if forward else 't'}]"
            case Kept.CARRIED:
                return f"{array.name}[{'now' if forward else 't + 1'}]"
            case _:
                return array.name

    def _weight_product(self, stack: Stack) -> str:
        """The deferred product of a stack: adjoints transposed times right-hand vectors, over all rows."""
        adjoints = self._adjoint_rows(stack, running=False)
        return f"device.product({adjoints}.T, {self.operand(stack)}, weights_{stack.name})"
