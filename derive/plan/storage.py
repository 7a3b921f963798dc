"""Decide what is stored, and where.

A value that is read only in the sweep that computes it, and that the tape does not save, needs no storage. Everything
else gets an array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import sympy

from derive.elementary import value
from derive.equations.model import Equations
from derive.names import Namer
from derive.plan import symbols
from derive.plan.model import Array, Kept, Origin, Pass, Place, Region, Stack, Sweep
from derive.plan.symbols import unlagged


@dataclass(frozen=True)
class Storage:
    """All arrays of a plan, the place of every symbol that is stored, and the arrays of the outputs by name."""

    arrays: tuple[Array, ...]
    places: Mapping[sympy.Symbol, Place]
    outputs: Mapping[str, Array]


def store(
    equations: Equations,
    forward: Pass,
    backward: Pass,
    stacks: Sequence[Stack],
    saved: Set[sympy.Symbol],
    regions: Mapping[sympy.Symbol, Region],
    same: Mapping[sympy.Symbol, sympy.Symbol],
) -> Storage:
    """Give every value that outlives its sweep a place; `same` names symbols that share the place of another.

    `saved` are the forward values on the tape; `backward` is the pass without what it computes again.
    """
    read_behind = {
        read
        for statement in forward.statements
        if statement.region is Region.SUFFIX
        for read in statement.expression.free_symbols
    }
    namer = Namer(equations.size_names)
    places: dict[sympy.Symbol, Place] = {}

    for symbol, array in _forward_values(equations, forward, stacks, saved, regions, namer):
        places[symbol] = Place(array, ())
    for stack in stacks:
        places.update(_product_places(stack, saved, read_behind, namer))
    for symbol, array in _backward_values(equations, backward, regions, namer):
        places[symbol] = Place(array, ())
    for symbol, array in _errors(backward, namer):
        places[symbol] = Place(array, ())
    places.update(_adjoint_places(stacks, backward, namer))
    for stack in stacks:
        places[stack.pulled] = Place(_pulled(stack, namer), ())
    places.update((symbol, places[other]) for symbol, other in same.items())
    outputs = {
        name: Array(namer.new(f"out_{name}"), name, Kept.STEPS, equations.symbols[name].shape, Origin.FORWARD)
        for name in equations.outputs
    }
    arrays = tuple(dict.fromkeys((*(place.array for place in places.values()), *outputs.values())))
    return Storage(arrays, places, outputs)


def _forward_values(
    equations: Equations,
    forward: Pass,
    stacks: Sequence[Stack],
    saved: Set[sympy.Symbol],
    regions: Mapping[sympy.Symbol, Region],
    namer: Namer,
) -> Iterator[tuple[sympy.Symbol, Array]]:
    """Arrays of inputs, variables, operands and shared function values."""
    for name in equations.inputs:
        kept = Kept.CARRIED if name in equations.states else Kept.STEPS
        shape = equations.symbols[name].shape
        yield value(name), Array(namer.new(f"kept_{name}"), name, kept, shape, Origin.CALLER, saved=True)
    outlives = _read_elsewhere(forward)
    multiplied: dict[sympy.Symbol, set[Region]] = {}
    for stack in stacks:
        multiplied.setdefault(unlagged(stack.operand), set()).add(stack.region)
    for statement in forward.statements:
        symbol = statement.symbol
        state = str(symbol) in equations.states
        kept_whole = symbol in saved
        if not (state or kept_whole or symbol in outlives or symbol in multiplied):
            continue
        region = regions[symbol]
        readers = outlives.get(symbol, set()) | multiplied.get(symbol, set())
        inside_loop = region is Region.LOOP and readers <= {Region.LOOP}
        running = Kept.ONE if inside_loop else Kept.CHUNK
        timed = Kept.CARRIED if state else Kept.STEPS if kept_whole else running
        kept = Kept.ONCE if region is Region.PREAMBLE else timed
        name = namer.new(f"kept_{symbols.code(symbol)}")
        columns = (statement.dimension,)
        yield symbol, Array(name, str(symbol), kept, columns, Origin.FORWARD, saved=kept_whole, shrinks=inside_loop)


def _product_places(
    stack: Stack, read_backward: Set[sympy.Symbol], read_behind: set[sympy.Symbol], namer: Namer
) -> Iterator[tuple[sympy.Symbol, Place]]:
    """The values of a stack's products, side by side in one array.

    Inside the loop the value of the running step is enough, unless a pass behind the loop reads every step; outside it
    the running chunk is.
    """
    saved = any(product in read_backward for product in stack.products)
    behind = any(product in read_behind for product in stack.products)
    running = Kept.ONE if stack.region is Region.LOOP and not behind else Kept.CHUNK
    kept = Kept.ONCE if stack.region is Region.PREAMBLE else Kept.STEPS if saved else running
    array = Array(
        namer.new(f"products_{stack.name}"),
        f"products of {stack.operand}",
        kept,
        stack.rows,
        Origin.FORWARD,
        saved=saved,
        shrinks=stack.region is Region.LOOP and kept is Kept.STEPS and not behind,
    )
    for index, product in enumerate(stack.products):
        yield product, Place(array, stack.rows[:index])


def _adjoint_places(stacks: Sequence[Stack], backward: Pass, namer: Namer) -> dict[sympy.Symbol, Place]:
    """The adjoints of the products of each stack, side by side.

    A stack whose adjoints are those of neighbouring products of another one has them in the array of that one: those of
    `W @ x` and `U @ h[t-1]`, summed into one pre-activation, are its adjoint, stored once.
    """
    values = {item.symbol: item.expression for item in backward.statements}
    places: dict[sympy.Symbol, Place] = {}
    stored: list[tuple[list[sympy.Expr], Array]] = []
    for stack in sorted(stacks, key=lambda stack: -len(stack.products)):
        adjoints = [symbols.adjoint(product.name) for product in stack.products]
        wanted = [values.get(adjoint) for adjoint in adjoints]
        found = next(((array, at) for held, array in stored for at in _positions(wanted, held)), None)
        kept = Kept.ONCE if stack.region is Region.PREAMBLE else Kept.STEPS
        if found is None or kept is Kept.ONCE:
            name = namer.new(f"adjoints_{stack.name}")
            array = Array(name, f"adjoints of products of {stack.operand}", kept, stack.rows, Origin.BACKWARD)
            start = 0
            if all(isinstance(value, sympy.Symbol) for value in wanted) and kept is Kept.STEPS:
                stored.append((wanted, array))
        else:
            array, start = found
        places.update((adjoint, Place(array, array.columns[: start + index])) for index, adjoint in enumerate(adjoints))
    return places


def _positions(wanted: Sequence[object], held: Sequence[object]) -> Iterator[int]:
    """Where in `held` the run `wanted` starts."""
    return (at for at in range(len(held) - len(wanted) + 1) if list(held[at : at + len(wanted)]) == list(wanted))


def _pulled(stack: Stack, namer: Namer) -> Array:
    """The value pulled back through a stack."""
    outside = Kept.ONCE if stack.region is Region.PREAMBLE else Kept.STEPS
    kept = Kept.ONE if stack.region is Region.LOOP else outside
    return Array(namer.new(f"pulled_{stack.name}"), str(stack.pulled), kept, (stack.columns,), Origin.BACKWARD)


def _backward_values(
    equations: Equations, backward: Pass, regions: Mapping[sympy.Symbol, Region], namer: Namer
) -> Iterator[tuple[sympy.Symbol, Array]]:
    """Arrays of adjoints and contributions that outlive their sweep, and of sums; products have theirs already."""
    outlives = _read_elsewhere(backward)
    wanted = {symbols.adjoint(name) for name in (*equations.inputs, *equations.parameters)}
    for statement in {statement.symbol: statement for statement in backward.statements}.values():
        symbol = statement.symbol
        columns: tuple[str, ...] = (statement.dimension,)
        in_loop = statement.region is Region.LOOP
        match symbol:
            case symbols.AdjointSymbol() if symbol.subject.startswith("@"):
                continue
            case symbols.TotalSymbol():
                name, kept, columns = symbol.code, Kept.SUM, _columns_of_total(equations, backward, symbol)
            case symbols.ContributionSymbol() if symbol.lag:
                handed_on = in_loop and regions[value(symbol.subject)] is Region.LOOP
                name = f"carry_{symbol.subject}" if handed_on else f"from_{statement.region.value}_{symbol.subject}"
                kept = Kept.PAIR if handed_on else Kept.STEPS
            case _ if symbol in outlives or symbol in wanted:
                name = symbols.code(symbol)
                across = symbol in wanted or outlives[symbol] != {statement.region}
                kept = Kept.ONE if in_loop and not across else Kept.STEPS
            case _:
                continue
        if statement.region is Region.PREAMBLE and kept is not Kept.SUM:
            kept = Kept.ONCE
        yield symbol, Array(namer.new(name), str(symbol), kept, columns, Origin.BACKWARD)


def _errors(backward: Pass, namer: Namer) -> Iterator[tuple[sympy.Symbol, Array]]:
    """Arrays of the errors that enter from outside."""
    entering = {
        symbol: statement.dimension
        for statement in backward.statements
        for symbol in sorted(statement.expression.free_symbols, key=str)
        if isinstance(symbol, symbols.ErrorSymbol | symbols.LastErrorSymbol)
    }
    for symbol, dimension in entering.items():
        kept = Kept.STEPS if isinstance(symbol, symbols.ErrorSymbol) else Kept.ONE
        yield symbol, Array(namer.new(symbol.code), str(symbol), kept, (dimension,), Origin.CALLER)


def _columns_of_total(equations: Equations, backward: Pass, symbol: symbols.TotalSymbol) -> tuple[str, ...]:
    """The dimension of a sum: that of its name, or of the product it belongs to."""
    if symbol.subject in equations.symbols:
        return equations.symbols[symbol.subject].shape or ("",)
    finished = next(item for item in backward.statements if item.symbol == symbols.adjoint(symbol.subject))
    return (finished.dimension,)


def _read_elsewhere(one_pass: Pass) -> dict[sympy.Symbol, set[Region]]:
    """Symbols read outside the sweep that defines them, with the regions that read them there."""
    home: dict[sympy.Symbol, Sweep] = {}
    for _, stages in one_pass.regions:
        for stage in stages:
            for sweep in stage.sweeps:
                home.update((statement.symbol, sweep) for statement in sweep.statements)
    readers: dict[sympy.Symbol, set[Region]] = {}
    for region, stages in one_pass.regions:
        for stage in stages:
            for sweep in stage.sweeps:
                for statement in sweep.statements:
                    for read in statement.expression.free_symbols:
                        symbol = unlagged(read)
                        if symbol in home and (home[symbol] is not sweep or symbol != read):
                            readers.setdefault(symbol, set()).add(region)
    return readers
