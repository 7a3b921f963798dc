"""The block of packed parameters, and the step that reads it: what a compiled function takes as one argument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from derive.elementary import Value, value
from derive.equations.model import Kind
from derive.plan.model import Array, Kept, Origin, Stack
from derive.printers.cpu.kernels import Functions
from derive.printers.cpu.model import Allocation, BlockView, Kernel, StepView
from derive.printers.cpu.naming import Naming, columns

_ROWS = {Kept.STEPS: "1, ", Kept.CHUNK: "1, ", Kept.CARRIED: "2, ", Kept.ONE: ""}
"""The rows along time of one step without a tape: of a state the one before it and its own."""


def block_view(naming: Naming, forward: Functions) -> BlockView:
    """The pieces of the block: panels, parameters that the forward pass reads, and what it computes from these alone.

    `sizes` are the dimensions that parameters state; those of the pieces are among them.
    """
    plan, equations = naming.plan, naming.plan.graph.equations
    read = parameters_read(naming, forward)
    stated = {dimension for name in equations.parameters for dimension in equations.symbols[name].shape}
    once = [array for array in plan.arrays if array.origin is Origin.FORWARD and array.kept is Kept.ONCE]
    return BlockView(
        sizes=tuple(item.name for item in equations.dimensions if item.name in stated),
        panels=tuple(_panels(stack) for stack in plan.stacks),
        parameters=tuple(
            Allocation(naming.names[name], f"({columns(equations.symbols[name].shape or ('1',))},)") for name in read
        ),
        once=tuple(Allocation(array.name, f"(1, {columns(array.columns)})") for array in once),
        fills=tuple(_fills(naming, read)),
    )


def carving(block: BlockView, kernel: Kernel | None, dimensions: Sequence[str]) -> Kernel:
    """A compiled function that takes the block, and carves the pieces from it, in the place of these as arguments."""
    assert kernel is not None
    pieces = {item.name for item in block.pieces}
    rest = [name for name in kernel.arguments if name not in pieces and name not in dimensions]
    return replace(kernel, arguments=("block", *dimensions, *rest))


def step_view(naming: Naming, block: BlockView, kernel: Kernel) -> StepView | None:
    """One step around the compiled function of the sequence; None where parameters do not state every size."""
    plan, equations = naming.plan, naming.plan.graph.equations
    if len(block.sizes) < len(equations.dimensions):
        return None

    def named(kind: str, names: Sequence[str]) -> tuple[Allocation, ...]:
        return tuple(
            Allocation(naming.fresh(f"{kind}_{name}"), columns(equations.symbols[name].shape)) for name in names
        )

    inputs, before = named("given", equations.inputs), named("before", equations.states)
    after, outputs = named("after", equations.states), named("y", equations.outputs)
    arrays = {array.name: array for array in plan.arrays if array.name in kernel.arguments}
    handed = {plan.outputs[name].name: item for name, item in zip(equations.outputs, outputs, strict=True)}
    handed |= {
        plan.places[value(name)].array.name: item
        for name, item in zip(equations.inputs, inputs, strict=True)
        if name not in equations.states
    }
    states = [plan.places[value(name)].array.name for name in equations.states]
    return StepView(
        inputs=inputs,
        before=before,
        after=after,
        outputs=outputs,
        reshaped=tuple(
            Allocation(name, f"{item.name}.reshape((1, batch, {item.text}))") for name, item in handed.items()
        ),
        room=tuple(Allocation(name, _one_step(array)) for name, array in arrays.items() if name not in handed),
        starts=(
            *(f"copy_rows({item.name}, {array}[0])" for array, item in zip(states, before, strict=True)),
            *(
                f"copy_rows({item.name}, {plan.places[value(name)].array.name}[1])"
                for name, item in zip(equations.inputs, inputs, strict=True)
                if name in equations.states
            ),
        ),
        ends=tuple(f"copy_rows({array}[1], {item.name})" for array, item in zip(states, after, strict=True)),
    )


def _one_step(array: Array) -> str:
    return f"({_ROWS[array.kept]}batch, {columns(array.columns)})"


def parameters_read(naming: Naming, functions: Functions) -> list[str]:
    """The parameters other than stacked matrices that a pass reads."""
    plan, equations = naming.plan, naming.plan.graph.equations
    read = {argument for item in functions.kernels for argument in item.arguments}
    read |= {naming.names[name] for stack in plan.stacks if (name := parameter_operand(naming, stack))}
    return [name for name in equations.parameters if naming.names[name] in read]


def parameter_operand(naming: Naming, stack: Stack) -> str:
    """The parameter that is the right-hand vector of a stack; "" for any other vector."""
    name = stack.operand.variable if isinstance(stack.operand, Value) else ""
    return name if name in naming.plan.graph.equations.parameters else ""


def _panels(stack: Stack) -> Allocation:
    return Allocation(f"packed_{stack.name}", f"panel_shape({stack.columns or '1'}, {columns(stack.rows)}, itemsize)")


def _fills(naming: Naming, read: Sequence[str]) -> Iterator[str]:
    """The lines that copy matrices and other parameters to their places."""
    if naming.plan.stacks:
        yield "made_for[0] = PANEL_BYTES"
    for stack in naming.plan.stacks:
        matrices = [f"params.{name}{'.T' if transposed else ''}" for name, transposed in stack.matrices]
        yield f"fill_stacked(packed_{stack.name}, {', '.join(matrices)})"
    for name in read:
        kind = naming.plan.graph.equations.symbols[name].kind
        yield f"{naming.names[name]}[{'0' if kind is Kind.SCALAR else ':'}] = params.{name}"
