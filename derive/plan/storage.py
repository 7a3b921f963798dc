"""Decide what is stored, where, and what of it belongs to the tape.

A value that is read only in the sweep that computes it needs no storage. Everything else gets an array; the tape holds
what the backward pass reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy

from derive.elementary import value
from derive.equations.model import Equations
from derive.names import Namer
from derive.plan import symbols
from derive.plan.model import Array, Kept, Pass, Place, Region, Stack, Sweep, WeightGradient
from derive.plan.symbols import unlagged

CROSSING = "[t-1]<"


@dataclass(frozen=True)
class Storage:
    """All arrays of a plan, and the place of every symbol that is stored."""

    arrays: tuple[Array, ...]
    places: Mapping[sympy.Symbol, Place]


def store(
    equations: Equations,
    forward: Pass,
    backward: Pass,
    stacks: Sequence[Stack],
    weight_gradients: Sequence[WeightGradient],
    regions: Mapping[sympy.Symbol, Region],
    same: Mapping[sympy.Symbol, sympy.Symbol],
) -> Storage:
    """Give every value that outlives its sweep a place; `same` names symbols that share the place of another."""
    read_backward = _values_read(backward) | {unlagged(item.stack.operand) for item in weight_gradients}
    if equations.loss:
        read_backward.add(value(equations.loss.variable))
    read_behind = {
        read
        for statement in forward.statements
        if statement.region is Region.SUFFIX
        for read in statement.expression.free_symbols
    }
    namer = Namer(equations.size_names)
    places: dict[sympy.Symbol, Place] = {}

    def put(array: Array) -> None:
        places[sympy.Symbol(array.symbol)] = Place(array, ())

    for array in _forward_values(equations, forward, stacks, read_backward, regions, namer):
        places[value(array.symbol) if array.symbol in equations.symbols else sympy.Symbol(array.symbol)] = Place(
            array, ()
        )
    for stack in stacks:
        places.update(_product_places(stack, read_backward, read_behind, namer))
    for array in _backward_values(equations, backward, regions, namer):
        put(array)
    for stack in stacks:
        places.update(_adjoint_places(stack, namer))
    places.update((symbol, places[other]) for symbol, other in same.items())
    arrays = tuple(dict.fromkeys(place.array for place in places.values()))
    return Storage(arrays, places)


def _forward_values(
    equations: Equations,
    forward: Pass,
    stacks: Sequence[Stack],
    read_backward: set[sympy.Symbol],
    regions: Mapping[sympy.Symbol, Region],
    namer: Namer,
) -> Iterator[Array]:
    """Arrays of inputs, variables, operands and shared function values."""
    for name in equations.inputs:
        kept = Kept.CARRIED if name in equations.states else Kept.STEPS
        shape = equations.symbols[name].shape
        yield Array(namer.new(f"kept_{name}"), name, kept, shape, True, False)
    outlives = _read_elsewhere(forward)
    multiplied: dict[sympy.Symbol, set[Region]] = {}
    for stack in stacks:
        multiplied.setdefault(unlagged(stack.operand), set()).add(stack.region)
    for statement in forward.statements:
        symbol = statement.symbol
        state = str(symbol) in equations.states
        output = str(symbol) in equations.outputs
        saved = symbol in read_backward
        if not (state or output or saved or symbol in outlives or symbol in multiplied):
            continue
        region = regions[symbol]
        readers = outlives.get(symbol, set()) | multiplied.get(symbol, set())
        inside_loop = region is Region.LOOP and not output and readers <= {Region.LOOP}
        kept = Kept.ONCE if region is Region.PREAMBLE else Kept.CARRIED if state else Kept.STEPS
        yield Array(
            namer.new(f"kept_{_readable(symbol)}"),
            str(symbol),
            kept,
            (statement.dimension,),
            saved,
            inside_loop,
        )


def _product_places(
    stack: Stack, read_backward: set[sympy.Symbol], read_behind: set[sympy.Symbol], namer: Namer
) -> Iterator[tuple[sympy.Symbol, Place]]:
    """The values of a stack's products, side by side in one array.

    Inside the loop the value of the running step is enough, unless a pass behind the loop reads every step.
    """
    saved = any(product in read_backward for product in stack.products)
    behind = any(product in read_behind for product in stack.products)
    every_step = stack.region is not Region.LOOP or saved or behind
    kept = Kept.ONCE if stack.region is Region.PREAMBLE else Kept.STEPS if every_step else Kept.ONE
    array = Array(
        namer.new(f"products_{stack.name}"),
        f"products of {stack.operand}",
        kept,
        stack.rows,
        saved,
        stack.region is Region.LOOP and kept is Kept.STEPS and not behind,
    )
    for index, product in enumerate(stack.products):
        yield product, Place(array, stack.rows[:index])


def _adjoint_places(stack: Stack, namer: Namer) -> Iterator[tuple[sympy.Symbol, Place]]:
    """The adjoints of a stack's products, side by side, and the value pulled back through the stack."""
    timeless = stack.region is Region.PREAMBLE
    kept = Kept.ONCE if timeless else Kept.STEPS
    array = Array(namer.new(f"adjoints_{stack.name}"), f"adjoints of {stack.operand}", kept, stack.rows, False, False)
    for index, product in enumerate(stack.products):
        yield symbols.adjoint(str(product)), Place(array, stack.rows[:index])
    kept = Kept.ONE if stack.region is Region.LOOP else kept
    name = namer.new(f"pulled_{stack.name}")
    yield stack.pulled, Place(Array(name, str(stack.pulled), kept, (stack.columns,), False, False), ())


def _backward_values(
    equations: Equations, backward: Pass, regions: Mapping[sympy.Symbol, Region], namer: Namer
) -> Iterator[Array]:
    """Arrays of adjoints and contributions that outlive their sweep, of errors, and of sums."""
    outlives = _read_elsewhere(backward)
    wanted = {symbols.adjoint(name) for name in (*equations.inputs, *equations.parameters)}
    seen: set[sympy.Symbol] = set()
    for statement in backward.statements:
        symbol = statement.symbol
        name = str(symbol)
        if (name.startswith("δ@") and "<" not in name) or symbol in seen:
            continue
        seen.add(symbol)
        if name.startswith("Σ"):
            shape = _shape_of_total(equations, backward, symbol)
            yield Array(namer.new(f"sum_{_readable(symbol)}"), name, Kept.SUM, shape, False, False)
        elif CROSSING in name:
            variable = name[1:].partition("[")[0]
            inside = statement.region is Region.LOOP and regions[value(variable)] is Region.LOOP
            kept = Kept.PAIR if inside else Kept.STEPS
            label = "carry" if inside else f"from_{statement.region.value}"
            yield Array(namer.new(f"{label}_{variable}"), name, kept, (statement.dimension,), False, False)
        elif symbol in outlives or symbol in wanted:
            across = outlives.get(symbol, {statement.region}) != {statement.region} or symbol in wanted
            once = statement.region is Region.PREAMBLE
            kept = Kept.ONCE if once else Kept.ONE if statement.region is Region.LOOP and not across else Kept.STEPS
            yield Array(namer.new(f"d_{_readable(symbol)}"), name, kept, (statement.dimension,), False, False)
    for statement in backward.statements:
        for symbol in sorted(statement.expression.free_symbols, key=str):
            if symbol.name.startswith("∂") and symbol not in seen:
                seen.add(symbol)
                last = symbol.name.startswith("∂last ")
                variable = symbol.name.removeprefix("∂last ").removeprefix("∂")
                name = namer.new(f"{'last_error' if last else 'error'}_{variable}")
                kept = Kept.ONE if last else Kept.STEPS
                yield Array(name, symbol.name, kept, (statement.dimension,), False, False)


def _shape_of_total(equations: Equations, backward: Pass, symbol: sympy.Symbol) -> tuple[str, ...]:
    """The dimension of a sum: that of its name, or of the product it belongs to."""
    name = symbol.name.removeprefix("Σδ")
    if name in equations.symbols:
        return equations.symbols[name].shape or ("",)
    finished = next(item for item in backward.statements if item.symbol == symbols.adjoint(name))
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


def _values_read(backward: Pass) -> set[sympy.Symbol]:
    """Every symbol that the backward pass reads, without its lag."""
    return {unlagged(symbol) for statement in backward.statements for symbol in statement.expression.free_symbols}


def _readable(symbol: sympy.Symbol) -> str:
    """A name for code: letters, digits and underscores of the symbol's text."""
    text = str(symbol).replace("Σδ", "").replace("δ", "").replace("<", "_from_").replace("%", "function_")
    if text.endswith(".operand"):
        return f"operand_{text.removesuffix('.operand').removeprefix('@')}"
    return text.replace("@", "product_").replace("[t-1]", "_before")
