"""The blocks of packed parameters, and the step that reads one: what a compiled function takes as one argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from derive.elementary import value
from derive.plan.model import Array, Kept, Origin, Stack
from derive.printers.compiled.driver import parameter_operand
from derive.printers.compiled.model import Allocation
from derive.printers.compiled.naming import Naming, columns
from derive.printers.cpu.kernels import Functions
from derive.printers.cpu.model import BlockView, Kernel, StepView

_ROWS = {Kept.STEPS: "1, ", Kept.CHUNK: "1, ", Kept.CARRIED: "2, ", Kept.ONE: ""}
"""The rows along time of one step without a tape: of a state the one before it and its own."""


def forward_block(naming: Naming, functions: Functions, preamble: Iterable[str]) -> BlockView:
    """Panels, parameters that the forward pass reads, and what the lines of `preamble` compute from these alone."""
    plan = naming.plan
    stacks, read = plan.stacks, _parameters_read(naming, functions)
    once = [array for array in plan.arrays if array.origin is Origin.FORWARD and array.kept is Kept.ONCE]
    made_for = (Allocation("made_for", "(1,)"),) if stacks else ()
    made = ("made_for[0] = PANEL_BYTES",) if stacks else ()
    return BlockView(
        direction="forward",
        sizes=_stated(naming),
        pieces=(
            *made_for,
            *(_panels(stack, stack.columns, columns(stack.rows)) for stack in stacks),
            *_vectors(naming, read),
            *(Allocation(array.name, f"(1, {columns(array.columns)})") for array in once),
        ),
        once=tuple(array.name for array in once),
        given=_given(naming, stacks, read),
        fills=tuple(_fills(naming, stacks, backward=False)),
        rest=(*made, *_copies(naming, read), *preamble),
    )


def backward_block(naming: Naming, functions: Functions) -> BlockView:
    """Panels of the stacks that errors go back through, and the parameters that the backward pass reads."""
    multiplied = {stack for _, stages in naming.plan.backward.regions for stage in stages for stack in stage.products}
    stacks = [stack for stack in naming.plan.stacks if stack in multiplied]
    read = _parameters_read(naming, functions)
    return BlockView(
        direction="backward",
        sizes=_stated(naming),
        pieces=(
            *(_panels(stack, columns(stack.rows), stack.columns) for stack in stacks),
            *_vectors(naming, read),
        ),
        once=(),
        given=_given(naming, stacks, read),
        fills=tuple(_fills(naming, stacks, backward=True)),
        rest=tuple(_copies(naming, read)),
    )


def carving(block: BlockView, kernel: Kernel, dimensions: Sequence[str]) -> Kernel:
    """A compiled function that takes the block, and carves the pieces from it, in the place of these as arguments."""
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


def _parameters_read(naming: Naming, functions: Functions) -> list[str]:
    """The parameters other than stacked matrices that a pass reads."""
    plan, equations = naming.plan, naming.plan.graph.equations
    read = {argument for item in functions.kernels for argument in item.arguments}
    read |= {naming.names[name] for stack in plan.stacks if (name := parameter_operand(naming, stack))}
    return [name for name in equations.parameters if naming.names[name] in read]


def _stated(naming: Naming) -> tuple[str, ...]:
    """The dimensions that parameters state: those of all pieces are among them."""
    equations = naming.plan.graph.equations
    stated = {dimension for name in equations.parameters for dimension in equations.symbols[name].shape}
    return tuple(item.name for item in equations.dimensions if item.name in stated)


def _panels(stack: Stack, depth: str, across: str) -> Allocation:
    return Allocation(f"packed_{stack.name}", f"panel_shape({depth or '1'}, {across or '1'}, itemsize)")


def _vectors(naming: Naming, read: Sequence[str]) -> Iterator[Allocation]:
    """The pieces of vectors; a scalar is one of a single element."""
    for name in read:
        shape = naming.plan.graph.equations.symbols[name].shape
        yield Allocation(naming.names[name], f"({columns(shape or ('1',))},)")


def _given(naming: Naming, stacks: Sequence[Stack], read: Sequence[str]) -> tuple[Allocation, ...]:
    """The parameters that go into a block: the name inside the function that fills it, and where each comes from."""
    equations = naming.plan.graph.equations
    used = {*read, *(name for stack in stacks for name, _ in stack.matrices)}
    return tuple(
        Allocation(naming.given[name], f"params.{name}{'' if equations.symbols[name].shape else '.reshape(1)'}")
        for name in equations.parameters
        if name in used
    )


def _fills(naming: Naming, stacks: Sequence[Stack], *, backward: bool) -> Iterator[str]:
    """The lines that copy matrices to their panels, of which each part writes its share.

    The way back multiplies by the stack, whose matrices lie below each other; the way forward by its transpose.
    """
    if stacks:
        # Not the literal 0, for which Numba would compile `fill_panels` once more.
        yield "edge = np.int64(0)"
    for stack in stacks:
        for number, (name, transposed) in enumerate(stack.matrices):
            matrix = f"{naming.given[name]}{'.T' if transposed is backward else ''}"
            before = columns(stack.rows[:number]) or "edge"
            place = f"{before}, edge" if backward else f"edge, {before}"
            yield f"fill_panels({matrix}, packed_{stack.name}, {place}, part, parts)"


def _copies(naming: Naming, read: Sequence[str]) -> Iterator[str]:
    """The lines that copy the other parameters to their places."""
    for name in read:
        yield f"copy_vector({naming.given[name]}, {naming.names[name]})"
