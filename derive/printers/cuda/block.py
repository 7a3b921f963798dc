"""The block kernel: one block of threads runs the loop over time of one sequence, with the weights in registers.

Some threads that stand together, the lanes, share a unit. Each holds some columns of the rows of its unit, multiplies
them by as many elements of the operand in shared memory, and the lanes add up what each has. So all lanes have all
products of their unit and compute its statements; the first one stores. What the next product reads goes to one half
of a buffer in shared memory, and the next step writes to the other half: one barrier before each product is enough.

Where one thread reads many elements at equal distances, the index has 64 bits: then the compiler keeps one address and
adds a constant in each instruction, where an index that may wrap around would need a register for every element.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sympy

from derive.elementary import Value, value
from derive.plan.model import Kept, Pass, Place, Region, Stack, Stage
from derive.plan.symbols import FollowingSymbol, adjoint, lag_of, unlagged
from derive.printers.compiled.naming import columns
from derive.printers.compiled.sweeps import sweep_lines
from derive.printers.cuda.kernels import argument
from derive.printers.cuda.loop import loop_stages
from derive.printers.cuda.model import BlockKernel, BlockProduct, BlockStage, Buffer, Guarded
from derive.printers.cuda.naming import DeviceNaming
from derive.printers.cuda.products import INSIDE, LoopBody, depth, given, merged, packed, rows_named, weights


@dataclass
class BlockBody(LoopBody):
    """Collects what a block kernel uses while its text is printed.

    `held` are values of the step before, or of the step behind, that stay in registers. `buffers` are the places in
    shared memory of what products read.
    """

    part: str = "item"
    held: dict[sympy.Symbol, None] = field(default_factory=dict)
    buffers: dict[sympy.Symbol, list[str]] = field(default_factory=dict)

    def is_loaded(self, symbol: sympy.Symbol) -> bool:
        """Whether a symbol is read from an array; not so what registers hold from the step beside this one."""
        if self.is_held(symbol):
            self.held[symbol] = None
            return False
        return super().is_loaded(symbol)

    def is_held(self, symbol: sympy.Symbol) -> bool:
        """Whether a symbol is a value that the loop itself gave in the step beside this one."""
        plan = self.naming.plan
        if isinstance(symbol, FollowingSymbol):
            return plan.places[symbol.contribution].array.kept is Kept.PAIR
        if self.backward or not isinstance(symbol, Value) or not symbol.lag:
            return False
        return plan.regions.get(value(symbol.variable)) is Region.LOOP

    def stores(self, symbol: sympy.Symbol, place: Place, text: str) -> list[str]:
        """The lines that store a value: in memory what outlives the step, in shared memory what a product reads."""
        lines = [] if place.array.kept in (Kept.ONE, Kept.PAIR) else super().stores(symbol, place, text)
        return [*lines, *(f"{buffer} = {text}" for buffer in self.buffers.get(symbol, ()))]


def block_kernel(naming: DeviceNaming, one_pass: Pass, direction: str) -> BlockKernel:
    """The kernel of the loop of one pass."""
    backward = direction == "backward"
    stages = loop_stages(one_pass)
    body = BlockBody(naming, backward)
    printed = _backward_products(body, stages) if backward else _forward_products(body, stages)
    defined: set[sympy.Symbol] = set(printed.given)
    loads: dict[str, dict[str, None]] = {}
    beyond: dict[str, dict[str, None]] = {}
    views = []
    for stage in stages:
        sweeps = []
        for sweep in stage.sweeps:
            computed: list[str] = []
            stored: dict[str, None] = {}
            for lines in sweep_lines(sweep, body, defined):
                loads.setdefault(sweep.dimension, {}).update(dict.fromkeys(lines.loads))
                computed.extend(lines.computed)
                stored.update(dict.fromkeys(lines.stored))
                beyond.setdefault(sweep.dimension, {}).update(dict.fromkeys(lines.beyond))
            sweeps.append(Guarded(body.size(sweep.dimension), tuple(computed), tuple(stored)))
        views.append(BlockStage(tuple(printed.products[stack] for stack in stage.products), tuple(sweeps)))
    body.constant(sympy.S.Zero)
    starts, ends, final = _around(body, printed)
    inside = set(body.arguments)
    names = ["steps", "lengths", *(["keep"] if inside & {"now", "before", "here"} else []), *printed.packed]
    names += [name for name in body.arguments if name not in INSIDE and name not in naming.equations.size_names]
    arguments = [argument(naming, name) for name in dict.fromkeys(("batch", *names))]
    return BlockKernel(
        name=f"{direction}_loop",
        backward=backward,
        sizes=tuple(item.name for item in naming.equations.dimensions if item.name in inside),
        arguments=tuple(arguments),
        step_rows=rows_named(line for stage in views for line in _lines(stage)),
        beyond_rows=rows_named(line for lines in beyond.values() for line in lines),
        constants=body.constants,
        weights=tuple(weights for item in printed.products.values() for weights in item.weights),
        buffers=tuple(printed.buffers),
        own=body.owned(),
        starts=starts,
        loads=tuple(Guarded(body.size(name), tuple(lines), ()) for name, lines in loads.items() if lines),
        stages=tuple(views),
        ends=ends,
        beyond=tuple(Guarded(body.size(name), (), tuple(lines)) for name, lines in beyond.items() if lines),
        sums=tuple(body.sums),
        final=final,
    )


@dataclass
class _Products:
    """The products of a loop as text, the symbols that they give, their buffers, and the names of packed matrices."""

    products: dict[Stack, BlockProduct] = field(default_factory=dict)
    given: list[sympy.Symbol] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    packed: list[str] = field(default_factory=list)
    lagged: dict[sympy.Symbol, str] = field(default_factory=dict)

    def add(self, body: BlockBody, stack: Stack, buffer: Buffer, half: str) -> None:
        """A product from one half of a buffer."""
        held = weights(body, stack, buffer.count)
        stores = []
        for symbol, item in zip(given(body, stack), held, strict=True):
            place = body.naming.plan.places[symbol]
            if place.array.kept is not Kept.ONE:
                stores.append(Guarded(item.size, (), (f"{body.element(place)} = {item.sum}",)))
        self.given += given(body, stack)
        self.packed.append(packed(stack))
        self.products[stack] = BlockProduct(held, buffer, half, tuple(stores))


def _forward_products(body: BlockBody, stages: Sequence[Stage]) -> _Products:
    """Products of the rows of a unit with the operand."""
    found = _Products()
    known: dict[sympy.Symbol, Buffer] = {}
    for stack in (stack for stage in stages for stack in stage.products):
        operand = unlagged(stack.operand)
        if operand not in known:
            wanted = operand.name if isinstance(operand, Value) else stack.name
            known[operand] = _buffer(body, found, wanted, depth(body, stack))
            body.buffers[operand] = [f"{known[operand].name}[u32(((t + 1) & 1) * {known[operand].room} + unit)]"]
        buffer = known[operand]
        lag = lag_of(stack.operand)
        if lag:
            found.lagged[operand] = buffer.name
        found.add(body, stack, buffer, "t & 1" if lag else "(t + 1) & 1")
    return found


def _backward_products(body: BlockBody, stages: Sequence[Stage]) -> _Products:
    """Products of a column of the stack, that of the unit, with the adjoints."""
    found = _Products()
    for stack in (stack for stage in stages for stack in stage.products):
        buffer = _buffer(body, found, stack.name, depth(body, stack))
        for index, product in enumerate(stack.products):
            offset = [f"(t & 1) * {buffer.room}", *body.sizes(stack.rows[:index]), "unit"]
            body.buffers.setdefault(adjoint(product.name), []).append(f"{buffer.name}[u32({' + '.join(offset)})]")
        found.add(body, stack, buffer, "t & 1")
    return found


def _buffer(body: BlockBody, found: _Products, wanted: str, depth: str) -> Buffer:
    """Two halves of shared memory for an operand of so many elements."""
    fresh = body.naming.fresh
    shared, count, room, rooms = (fresh(f"{kind}_{wanted}") for kind in ("shared", "count", "room", "rooms"))
    buffer = Buffer(shared, count, room, rooms, depth)
    found.buffers.append(buffer)
    return buffer


def _around(
    body: BlockBody, printed: _Products
) -> tuple[tuple[Guarded, ...], tuple[Guarded, ...], tuple[Guarded, ...]]:
    """What stands before the loop, at the end of every step, and behind the loop."""
    naming, plan = body.naming, body.naming.plan
    starts, ends, final = [], [], []

    def first_row(place: Place) -> str:
        width = columns(place.array.columns)
        return f"{body.array(place.array)}[u32(item * {f'({width})' if ' ' in width else width} + unit)]"

    for symbol in body.held:
        given = unlagged(symbol)
        place = plan.places[given]
        size, name = body.size(place.array.columns[0]), naming.local(symbol)
        if body.backward:
            starts.append(Guarded("", (f"{name} = {body.constant(sympy.S.Zero)}",), ()))
            final.append(Guarded(size, (), (f"{first_row(place)} = {name}",)))
        else:
            starts.append(Guarded("", (f"{name} = {body.constant(sympy.S.Zero)}",), ()))
            starts.append(Guarded(size, (f"{name} = {first_row(place)}",), ()))
        ends.append(Guarded(size, (f"{name} = {body.leaf(given)}",), ()))
    for operand, buffer in printed.lagged.items():
        place = plan.places[operand]
        starts.append(Guarded(body.size(place.array.columns[0]), (), (f"{buffer}[u32(unit)] = {first_row(place)}",)))
    final.extend(
        Guarded(body.size(dimension), (), (f"{element} += {name}",)) for name, (element, dimension) in body.sums.items()
    )
    return merged(starts), merged(ends), merged(final)


def _lines(stage: BlockStage) -> Iterator[str]:
    """What a stage computes and stores."""
    for item in (*stage.sweeps, *(store for product in stage.products for store in product.stores)):
        yield from (*item.computed, *item.stored)
