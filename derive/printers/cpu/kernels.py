"""The compiled functions of the CPU target: sweeps as loads, statements and stores; stages; regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy

from derive.elementary import Value
from derive.plan.model import Accumulate, Kept, Origin, Pass, Plan, Region, Stack, Stage, Statement, Sweep
from derive.plan.symbols import adjoint
from derive.printers.code import ScalarPrinter
from derive.printers.cpu.body import Body
from derive.printers.cpu.model import Kernel, RegionView, StageView, SweepView
from derive.printers.cpu.naming import Naming


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
            view = RegionView(False, (StageView((), (_sweep(sweep, body),)),))
            yield _kernel(f"_{direction}_preamble_{number}", body, (view,))


def _stage(stage: Stage, body: Body) -> StageView:
    return StageView(
        tuple(_product(stack, body) for stack in stage.products), tuple(_sweep(sweep, body) for sweep in stage.sweeps)
    )


def _sweep(sweep: Sweep, body: Body) -> SweepView:
    """The text of one sweep: what it reads first, then its statements, each with its stores."""
    defined: set[sympy.Symbol] = set()
    loads: dict[str, None] = {}
    statements: list[str] = []
    beyond: dict[str, None] = {}
    body.aliases.clear()
    for statement in sweep.statements:
        for symbol in sorted(statement.expression.free_symbols, key=str):
            if symbol not in defined and body.is_loaded(symbol):
                loads[f"{body.naming.local(symbol)} = {body.load(symbol)}"] = None
        # Products whose adjoints share one array give the same store twice.
        lines = _statement(statement, body, sweep.dimension)
        statements.extend(lines if isinstance(statement, Accumulate) else (x for x in lines if x not in statements))
        defined.add(statement.symbol)
        beyond.update(dict.fromkeys(_beyond(statement.symbol, body)))
    return SweepView(body.size(sweep.dimension), tuple(loads), tuple(statements), tuple(beyond))


def _beyond(symbol: sympy.Symbol, body: Body) -> Iterator[str]:
    """The stores for a sequence that has ended: a state is handed on, what others read of every step is 0."""
    place = body.naming.plan.places.get(symbol)
    if place is not None and place.array.kept is Kept.CARRIED:
        yield f"{body.element(place)} = {body.element(place, lag=1)}"
    elif place is not None and body.is_read_whole(place.array):
        yield f"{body.element(place)} = {body.constant(sympy.S.Zero)}"
    output = body.output(symbol)
    if output:
        yield f"{output} = {body.constant(sympy.S.Zero)}"


def _statement(statement: Statement, body: Body, dimension: str) -> list[str]:
    """The lines of one statement; a symbol that merely repeats another one needs no scalar of its own."""
    printer = ScalarPrinter(body.leaf, body.constant, _order(body.naming.plan, statement.label))
    text = printer.text(statement.expression)
    comment = f"  # ({statement.label})" if statement.label else ""
    place = body.naming.plan.places.get(statement.symbol)
    if body.backward and place is not None and place.array.origin is Origin.FORWARD:
        place = None  # computed again, to be read in this sweep alone
    if isinstance(statement, Accumulate):
        if dimension and body.naming.place(statement.symbol).array.columns == ("",):
            text = f"total({text}, unit)"
        return [f"{body.element(body.naming.place(statement.symbol))} += {text}{comment}"]
    output = body.output(statement.symbol)
    if place is not None and not output and isinstance(statement.expression, sympy.Symbol):
        body.aliases[statement.symbol] = text
        return [f"{body.element(place)} = {text}{comment}"]
    name = body.naming.local(statement.symbol)
    stores = [f"{body.element(place)} = {name}"] if place is not None else []
    stores += [f"{output} = {name}"] if output else []
    return [f"{name} = {text}{comment}", *stores]


def _order(plan: Plan, label: str) -> Sequence[sympy.Symbol]:
    """The symbols of a forward equation in the order of its text."""
    if not label.startswith("F."):
        return ()
    return plan.graph.reading_order(plan.graph.formulas[int(label[2:]) - 1].target)


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
        lag = stack.operand.lag if isinstance(stack.operand, Value) else 0
        result = places[stack.products[0]]
    if stack.region is Region.LOOP:
        # The columns also where these are all: so every product has arrays of one type and is compiled once.
        left = body.running_rows(factor.array, lag, " : ".join(body.columns(factor, factor_rows)))
        return f"product({left}, {packed}, {body.running_rows(result.array)}, t)"
    left = f"{body.chunk_rows(factor.array, lag)}, {body.columns(factor, factor_rows)[0]}"
    return f"product_of_steps({left}, {packed}, {body.chunk_rows(result.array)}, first, stop)"
