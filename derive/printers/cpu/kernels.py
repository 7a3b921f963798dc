"""The compiled functions of the CPU target: sweeps as loads, statements and stores; stages; regions."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.plan.model import Accumulate, Kept, Origin, Pass, Plan, Region, Stack, Statement, Sweep
from derive.plan.symbols import adjoint
from derive.printers.code import ScalarPrinter
from derive.printers.cpu.body import Body
from derive.printers.cpu.model import Kernel, StageView, SweepView
from derive.printers.cpu.naming import Naming

Schedule = list[tuple[Region, list[Kernel | Stack]]]


def kernels(naming: Naming, one_pass: Pass, direction: str) -> Schedule:
    """What the driver runs, region by region: compiled functions and batched products.

    The loop over time is one function, whatever its stages; outside it every sweep is one.
    """
    schedule: Schedule = []
    for region, stages in one_pass.regions:
        entries: list[Kernel | Stack] = []
        if region is Region.LOOP:
            body = Body(naming, direction == "backward")
            views = tuple(
                StageView(
                    tuple(_product(stack, body) for stack in stage.products),
                    tuple(_sweep(sweep, body) for sweep in stage.sweeps),
                )
                for stage in stages
            )
            entries.append(_kernel(f"_{direction}_loop", region, body, views))
        else:
            for stage in stages:
                entries.extend(stage.products)
                for sweep in stage.sweeps:
                    body = Body(naming, direction == "backward")
                    views = (StageView((), (_sweep(sweep, body),)),)
                    number = 1 + sum(isinstance(entry, Kernel) for entry in entries)
                    entries.append(_kernel(f"_{direction}_{region.value}_{number}", region, body, views))
        schedule.append((region, entries))
    return schedule


def _sweep(sweep: Sweep, body: Body) -> SweepView:
    """The text of one sweep: what it reads first, then its statements, each with its store."""
    defined: set[sympy.Symbol] = set()
    loads: dict[str, None] = {}
    statements: list[str] = []
    carried: list[str] = []
    body.aliases.clear()
    for statement in sweep.statements:
        for symbol in sorted(statement.expression.free_symbols, key=str):
            if symbol not in defined and body.is_loaded(symbol):
                loads[f"{body.naming.local(symbol)} = {body.load(symbol)}"] = None
        statements.extend(_statement(statement, body, sweep.dimension))
        defined.add(statement.symbol)
        place = body.naming.plan.places.get(statement.symbol)
        if place is not None and place.array.kept is Kept.CARRIED:
            carried.append(f"{body.element(place)} = {body.element(place, lag=1)}")
    return SweepView(body.size(sweep.dimension), tuple(loads), tuple(statements), tuple(carried))


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
    if place is not None and isinstance(statement.expression, sympy.Symbol):
        body.aliases[statement.symbol] = text
        return [f"{body.element(place)} = {text}{comment}"]
    name = body.naming.local(statement.symbol)
    store = [f"{body.element(place)} = {name}"] if place is not None else []
    return [f"{name} = {text}{comment}", *store]


def _order(plan: Plan, label: str) -> Sequence[sympy.Symbol]:
    """The symbols of a forward equation in the order of its text."""
    if not label.startswith("F."):
        return ()
    return plan.graph.reading_order(plan.graph.formulas[int(label[2:]) - 1].target)


def _kernel(name: str, region: Region, body: Body, stages: tuple[StageView, ...]) -> Kernel:
    constants = tuple(f"{name} = real({text})" for name, text in sorted(body.constants.items()))
    # Where nothing but sums of constants is left, these have the type of the sums.
    typed = body.typed or body.summed
    if constants:
        constants = (f"real = {typed}.dtype.type", *constants)
    return Kernel(name, region.value, tuple(body.arguments), constants, typed, stages)


def _product(stack: Stack, body: Body) -> str:
    """A product inside the loop."""
    packed = f"packed_{stack.name}"
    body.arguments[packed] = None
    places = body.naming.plan.places
    if body.backward:
        adjoints = places[adjoint(stack.products[0].name)].array
        return f"product({body.rows_of(adjoints)}, {packed}, {body.rows_of(places[stack.pulled].array)})"
    products = places[stack.products[0]].array
    return f"product({body.operand(stack.operand)}, {packed}, {body.rows_of(products)})"
