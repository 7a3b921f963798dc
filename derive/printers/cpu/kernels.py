"""The compiled functions of the CPU target: products and sweeps in stages, stages in regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from derive.plan.model import Pass, Region, Stack, Stage, Sweep
from derive.plan.symbols import adjoint, lag_of
from derive.printers.compiled.body import Body
from derive.printers.compiled.model import SweepView
from derive.printers.compiled.naming import Naming
from derive.printers.compiled.sweeps import sweep_view
from derive.printers.cpu.model import Kernel, RegionView, StageView


@dataclass(frozen=True, slots=True)
class Functions:
    """What the driver of one pass runs: the whole sequence in one function, and the preamble, in order."""

    sequence: Kernel
    preamble: tuple[Kernel | Stack, ...]

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """All compiled functions."""
        return (*(item for item in self.preamble if isinstance(item, Kernel)), self.sequence)


def functions(naming: Naming, one_pass: Pass, direction: str) -> Functions:
    """The compiled functions of a pass and the products of its preamble."""
    backward = direction == "backward"
    preamble: list[Kernel | Stack] = []
    body = Body(naming, backward)
    regions = []
    for region, stages in one_pass.regions:
        if region is Region.PREAMBLE:
            preamble.extend(_preamble(naming, stages, direction))
        else:
            regions.append(RegionView(region is Region.LOOP, tuple(_stage(stage, body) for stage in stages)))
    return Functions(_kernel(f"_{direction}_part", body, tuple(regions)), tuple(preamble))


def _preamble(naming: Naming, stages: Sequence[Stage], direction: str) -> Iterator[Kernel | Stack]:
    """The products of the preamble, and a function for each of its sweeps."""
    number = 0
    for stage in stages:
        yield from stage.products
        for sweep in stage.sweeps:
            number += 1
            body = Body(naming, direction == "backward", part="0")
            view = RegionView(False, (StageView((), (sweep_view(sweep, body),)),))
            yield _kernel(f"_{direction}_preamble_{number}", body, (view,))


def _stage(stage: Stage, body: Body) -> StageView:
    return StageView(
        tuple(_product(stack, body) for stack in stage.products),
        tuple(_sweep(sweep, body) for sweep in stage.sweeps),
    )


def _sweep(sweep: Sweep, body: Body) -> SweepView:
    """A sweep, which in the backward pass asks for what it will visit in the step after: the one before in time.

    The forward pass gains nothing by that: what it reads was just computed.
    """
    view = sweep_view(sweep, body)
    if not body.backward:
        return view
    ahead = (
        f"prefetch(t - 1, item, {columns}, {', '.join(names)})"
        for columns, names in body.rows.items()
        if columns.endswith("unit")
    )
    return replace(view, ahead=tuple(ahead))


def _kernel(name: str, body: Body, regions: tuple[RegionView, ...]) -> Kernel:
    constants = tuple(f"{name} = real({text})" for name, text in sorted(body.constants.items()))
    # Where nothing but sums of constants is left, these have the type of the sums.
    typed = body.typed or body.summed
    if constants:
        constants = (f"real = {typed}.dtype.type", *constants)
    return Kernel(name, tuple(body.arguments), constants, typed, regions)


def _product(stack: Stack, body: Body) -> str:
    """A product: in the loop of the running step's rows, elsewhere of those of all steps of the chunk."""
    packed = f"packed_{stack.name}"
    body.arguments[packed] = None
    places = body.naming.plan.places
    columns: tuple[str, ...] = (stack.columns,)
    if body.backward:
        factor, factor_rows, lag = places[adjoint(stack.products[0].name)], stack.rows, 0
        result = places[stack.pulled]
    else:
        factor, factor_rows = body.naming.place(stack.operand), columns
        lag = lag_of(stack.operand)
        result = places[stack.products[0]]
    if stack.region is Region.LOOP:
        # The columns also where these are all: so every product has arrays of one type and is compiled once.
        left = body.running_rows(factor.array, lag, " : ".join(body.columns(factor, factor_rows)))
        return f"product_of_step({left}, {packed}, {body.running_rows(result.array)}, t, board)"
    left = f"{body.chunk_rows(factor.array, lag)}, {body.columns(factor, factor_rows)[0]}"
    return f"product_of_steps({left}, {packed}, {body.chunk_rows(result.array)}, first, stop, board)"
