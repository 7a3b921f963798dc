"""The block kernel: one block of threads runs the loop over time of one sequence, with the weights in registers.

Some threads that stand together, the lanes, share a unit. Each holds some columns of the rows of its unit, multiplies
them by as many elements of the operand in shared memory, and the lanes add up what each has. So all lanes have all
products of their unit and compute its statements; the first one stores. What the next product reads goes to one half
of a buffer in shared memory, and the next step writes to the other half: one barrier before each product is enough.

Where one thread reads many elements at equal distances, the index has 64 bits: then the compiler keeps one address and
adds a constant in each instruction, where an index that may wrap around would need a register for every element.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import sympy

from derive.elementary import Value, value
from derive.plan.model import Kept, Pass, Place, Region, Stack, Stage
from derive.plan.symbols import CommonSymbol, FollowingSymbol, adjoint, unlagged
from derive.printers.compiled.naming import columns
from derive.printers.compiled.sweeps import sweep_lines
from derive.printers.cuda.body import DeviceBody
from derive.printers.cuda.kernels import argument
from derive.printers.cuda.loop import loop_stages
from derive.printers.cuda.model import BlockKernel, BlockProduct, BlockStage, Buffer, Guarded, Weights
from derive.printers.cuda.naming import DeviceNaming

_INSIDE = ("t", "now", "before", "here")


@dataclass
class BlockBody(DeviceBody):
    """Collects what a block kernel uses while its text is printed.

    `held` are values of the step before, or of the step behind, that stay in registers; `own` are the parameters of the
    thread's unit, with their elements and dimensions. `buffers` are the places in shared memory of what products read.
    """

    part: str = "item"
    held: dict[sympy.Symbol, None] = field(default_factory=dict)
    own: dict[str, tuple[str, str, str]] = field(default_factory=dict)
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

    def may_stand_for(self, symbol: sympy.Symbol) -> bool:
        """Not so a common subexpression: the next sweep of the same step has others under the same names."""
        return not isinstance(symbol, CommonSymbol)

    def stores(self, symbol: sympy.Symbol, place: Place, text: str) -> list[str]:
        """The lines that store a value: in memory what outlives the step, in shared memory what a product reads."""
        lines = [] if place.array.kept in (Kept.ONE, Kept.PAIR) else super().stores(symbol, place, text)
        return [*lines, *(f"{buffer} = {text}" for buffer in self.buffers.get(symbol, ()))]

    def leaf(self, symbol: sympy.Symbol) -> str:
        """What a symbol is in the text; a parameter is read once and stays in a register."""
        text = super().leaf(symbol)
        if "[" not in text:
            return text
        name, dimension = text.partition("[")[0], "".join(self.naming.equations.symbols[symbol.name].shape)
        if name not in self.own:
            self.own[name] = self.naming.fresh(f"own_{name}"), text, dimension
        return self.own[name][0]


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
    names += [name for name in body.arguments if name not in _INSIDE and name not in naming.equations.size_names]
    arguments = [argument(naming, name) for name in dict.fromkeys(("batch", *names))]
    return BlockKernel(
        name=f"{direction}_loop",
        backward=backward,
        sizes=tuple(item.name for item in naming.equations.dimensions if item.name in inside),
        arguments=tuple(arguments),
        step_rows=_rows(item for stage in views for item in (*stage.sweeps, *_stores(stage))),
        beyond_rows=_rows(Guarded("", (), tuple(lines)) for lines in beyond.values()),
        constants=body.constants,
        weights=tuple(weights for item in printed.products.values() for weights in item.weights),
        buffers=tuple(printed.buffers),
        own=_merged([Guarded(size, (f"{name} = {text}",), ()) for name, text, size in body.own.values()]),
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


def _forward_products(body: BlockBody, stages: Sequence[Stage]) -> _Products:
    """Products of the rows of a unit with the operand."""
    found = _Products()
    naming, known = body.naming, {}
    for stack in (stack for stage in stages for stack in stage.products):
        operand = unlagged(stack.operand)
        depth = body.size(stack.columns)
        if operand not in known:
            known[operand] = _buffer(body, found, operand.name if isinstance(operand, Value) else stack.name, depth)
            body.buffers[operand] = [f"{known[operand].name}[u32(((t + 1) & 1) * {known[operand].room} + unit)]"]
        buffer = known[operand]
        lag = stack.operand.lag if isinstance(stack.operand, Value) else 0
        if lag:
            found.lagged[operand] = buffer.name
        packed = f"packed_{stack.name}"
        weights, stores = [], []
        for index, product in enumerate(stack.products):
            name = naming.local(product)
            offset = " + ".join([*body.sizes(stack.rows[:index]), "unit"])
            element = f"{packed}[u64({f'({offset})' if index else offset} * {depth} + column)]"
            size = body.size(stack.rows[index])
            weights.append(Weights(naming.fresh(f"weights_of_{name}"), name, buffer.count, depth, size, element))
            place = naming.plan.places[product]
            if place.array.kept is not Kept.ONE:
                stores.append(Guarded(size, (), (f"{body.element(place)} = {name}",)))
            found.given.append(product)
        half = "t & 1" if lag else "(t + 1) & 1"
        found.packed.append(packed)
        found.products[stack] = BlockProduct(tuple(weights), buffer, half, tuple(stores))
    return found


def _backward_products(body: BlockBody, stages: Sequence[Stage]) -> _Products:
    """Products of a column of the stack, that of the unit, with the adjoints."""
    found = _Products()
    naming = body.naming
    for stack in (stack for stage in stages for stack in stage.products):
        depth = " + ".join(body.sizes(stack.rows))
        buffer = _buffer(body, found, stack.name, depth)
        for index, product in enumerate(stack.products):
            offset = [f"(t & 1) * {buffer.room}", *body.sizes(stack.rows[:index]), "unit"]
            body.buffers.setdefault(adjoint(product.name), []).append(f"{buffer.name}[u32({' + '.join(offset)})]")
        packed, name, size = f"packed_{stack.name}", naming.local(stack.pulled), body.size(stack.columns)
        element = f"{packed}[u64(column * {size} + unit)]"
        weights = Weights(naming.fresh(f"weights_of_{name}"), name, buffer.count, depth, size, element)
        place = naming.plan.places[stack.pulled]
        stores = [Guarded(size, (), (f"{body.element(place)} = {name}",))] if place.array.kept is not Kept.ONE else []
        found.given.append(stack.pulled)
        found.packed.append(packed)
        found.products[stack] = BlockProduct((weights,), buffer, "t & 1", tuple(stores))
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
    return _merged(starts), _merged(ends), _merged(final)


def _stores(stage: BlockStage) -> Iterator[Guarded]:
    return (store for product in stage.products for store in product.stores)


def _rows(items: Iterable[Guarded]) -> tuple[str, ...]:
    """Which of the rows now, before and here some lines name."""
    words = {word for item in items for line in (*item.computed, *item.stored) for word in re.findall(r"\w+", line)}
    return tuple(name for name in _INSIDE[1:] if name in words)


def _merged(items: Iterable[Guarded]) -> tuple[Guarded, ...]:
    """Those of the same units as one, in the order of the first of each: none reads what another stores."""
    found: dict[str, Guarded] = {}
    for item in items:
        known = found.get(item.size, Guarded(item.size, (), ()))
        found[item.size] = Guarded(item.size, (*known.computed, *item.computed), (*known.stored, *item.stored))
    return tuple(found.values())
