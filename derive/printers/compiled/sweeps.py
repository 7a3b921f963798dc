"""Sweeps as text: what each reads, computes and stores for one unit of one sequence in one step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from derive.plan.model import Accumulate, Kept, Origin, Plan, Statement, Sweep
from derive.printers.compiled.body import Body
from derive.printers.compiled.model import Lines, SweepView


def sweep_view(sweep: Sweep, body: Body) -> SweepView:
    """The text of one sweep by itself: what it reads first, then its statements, each with its stores."""
    loads: dict[str, None] = {}
    statements: list[str] = []
    beyond: dict[str, None] = {}
    body.aliases.clear()
    body.rows.clear()
    for statement, lines in zip(sweep.statements, sweep_lines(sweep, body, set()), strict=True):
        loads.update(dict.fromkeys(lines.loads))
        texts = (*lines.computed, *lines.stored)
        # Products whose adjoints share one array give the same store twice.
        statements.extend(texts if isinstance(statement, Accumulate) else (x for x in texts if x not in statements))
        beyond.update(dict.fromkeys(lines.beyond))
    return SweepView(body.size(sweep.dimension), tuple(loads), tuple(statements), tuple(beyond))


def sweep_lines(sweep: Sweep, body: Body, defined: set[sympy.Symbol]) -> Iterator[Lines]:
    """The lines of each statement of a sweep; `defined` are the symbols that locals hold already, and grows."""
    for statement in sweep.statements:
        loads = []
        for symbol in sorted(statement.expression.free_symbols, key=str):
            if symbol not in defined and body.is_loaded(symbol):
                loads.append(f"{body.naming.local(symbol)} = {body.load(symbol)}")
        computed, stored = _statement(statement, body, sweep.dimension)
        defined.add(statement.symbol)
        yield Lines(tuple(loads), tuple(computed), tuple(stored), tuple(_beyond(statement.symbol, body)))


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


def _statement(statement: Statement, body: Body, dimension: str) -> tuple[list[str], list[str]]:
    """What one statement computes and stores; a symbol that merely repeats another one needs no scalar of its own."""
    lines: list[str] = []
    printer = body.printer(lines, _order(body.naming.plan, statement.label))
    text = printer.text(statement.expression)
    comment = f"  # ({statement.label})" if statement.label else ""
    place = body.naming.plan.places.get(statement.symbol)
    if body.backward and place is not None and place.array.origin is Origin.FORWARD:
        place = None  # computed again, to be read in this sweep alone
    if isinstance(statement, Accumulate):
        return [*lines, f"{body.added(body.naming.place(statement.symbol), text, dimension)}{comment}"], []
    output = body.output(statement.symbol)
    repeats = isinstance(statement.expression, sympy.Symbol) and body.may_stand_for(statement.expression)
    if place is not None and not output and repeats:
        body.aliases[statement.symbol] = text
        return lines, [f"{store}{comment}" for store in body.stores(statement.symbol, place, text)]
    name = body.naming.local(statement.symbol)
    stores = body.stores(statement.symbol, place, name) if place is not None else []
    stores += [f"{output} = {name}"] if output else []
    return [*lines, f"{name} = {text}{comment}"], stores


def _order(plan: Plan, label: str) -> Sequence[sympy.Symbol]:
    """The symbols of a forward equation in the order of its text."""
    if not label.startswith("F."):
        return ()
    return plan.graph.reading_order(plan.graph.formulas[int(label[2:]) - 1].target)
