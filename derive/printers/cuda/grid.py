"""The persistent kernel: all blocks of one launch run the loop over time together, each with weights of some units.

Units are dealt to the blocks in turn. Some threads that stand together, the lanes, share a unit, and hold its weights
in registers for the whole sequence, as in a block kernel. A block computes its units for all items: it reads the
operand of a product, which other blocks have written to memory, for some items at a time into shared memory, and the
lanes add up the sum of one item after the other. Then each lane has the sums of an item of its own, and computes its
statements. Where a unit has few rows of a product, units make a team: the lanes of each take a part of the columns for
all units of the team, so that a number read from shared memory serves several products, and the parts are added in
shared memory. Between what one block writes and another one reads lies a barrier of the grid, one before each product.

On arrays of 16 bits the products are on tensor cores, as `generated.support.cuda.tensor` says. There the warps of a
block share the columns of a product, each for the rows of all units of the block; a lane loads its part of the operand
from memory where it uses it, and what the warps have of the sums is added in shared memory. All else is the same text.

What a stage needs of another one lies in the arrays of the plan, as it does where each sweep is a kernel of its own:
the thread that reads it has written it.

Not yet run on a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy

from derive.plan.model import Kept, Pass, Place, Plan, Stack, Stage
from derive.plan.symbols import adjoint, lag_of, unlagged
from derive.printers.compiled.sweeps import sweep_lines
from derive.printers.cuda.grid_model import Alive, GridKernel, GridProduct, GridStage, GridSum, TensorProduct, TensorSum
from derive.printers.cuda.kernels import argument
from derive.printers.cuda.loop import loop_stages, team
from derive.printers.cuda.model import Guarded
from derive.printers.cuda.naming import DeviceNaming
from derive.printers.cuda.products import INSIDE, LoopBody, depth, given, merged, packed, rows_named, weights

_EVERY_STEP = (Kept.STEPS, Kept.CARRIED, Kept.CHUNK)
_MADE = ("rows", "slices", "parts", "words", "count", "room", "fragments", "totals", "load", "origin", "begin")
"""What a kernel makes for each of its products on tensor cores: see `TensorProduct`."""


def grid_kernel(plan: Plan, one_pass: Pass, direction: str, *, tensor: bool) -> GridKernel:
    """The kernel of the loop of one pass, with `tensor` the one on tensor cores."""
    backward = direction == "backward"
    stages = loop_stages(one_pass)
    naming = DeviceNaming(plan)
    body = LoopBody(naming, backward, part="lane", carries=tensor and not backward)
    views = tuple(_stage(body, stages, number, tensor) for number in range(len(stages)))
    zero = body.constant(sympy.S.Zero)
    final = [
        Guarded(body.size(dimension), (f"{element} += {name}",), ()) for name, (element, dimension) in body.sums.items()
    ]
    inside = set(body.arguments)
    stacks = [stack for stage in stages for stack in stage.products]
    names = ["steps", "lengths", *(["keep"] if inside & {"now", "before", "here"} else []), *map(packed, stacks)]
    names += [name for name in body.arguments if name not in INSIDE and name not in naming.equations.size_names]
    return GridKernel(
        name=f"{direction}_{'tensor' if tensor else 'grid'}_loop",
        backward=backward,
        tensor=tensor,
        zero=zero,
        sizes=tuple(item.name for item in naming.equations.dimensions if item.name in inside),
        arguments=tuple(argument(naming, name) for name in dict.fromkeys(("batch", *names))),
        step_rows=rows_named(line for stage in views for line in _lines(stage)),
        constants=body.constants,
        own=body.owned(),
        stages=views,
        sums=tuple(body.sums),
        final=merged(final),
    )


def _stage(body: LoopBody, stages: Sequence[Stage], number: int, tensor: bool) -> GridStage:
    """One stage by itself: it loads what others have left, and stores what others read."""
    stage, naming = stages[number], body.naming
    body.aliases.clear()
    elsewhere = _read(stages[:number]) | _read(stages[number + 1 :])
    products: list[GridProduct | TensorProduct] = []
    work = []
    for stack in stage.products:
        before = tuple(item.room for item in products)
        parts = sum(item.parts for item in products)
        products.append(_tensor_product(body, stack, before) if tensor else _product(body, stack, before, parts))
        for symbol in given(body, stack):
            place = naming.plan.places[symbol]
            if place.array.kept is not Kept.ONE or symbol in elsewhere:
                work.append(Alive(_size(body, stack, symbol), (f"{body.element(place)} = {naming.local(symbol)}",), ()))
    defined = {symbol for stack in stage.products for symbol in given(body, stack)}
    loads: dict[str, dict[str, None]] = {}
    for sweep in stage.sweeps:
        lines: list[str] = []
        beyond: dict[str, None] = {}
        for item in sweep_lines(sweep, body, defined):
            loads.setdefault(sweep.dimension, {}).update(dict.fromkeys(item.loads))
            lines.extend(item.computed)
            # Products whose adjoints share one array give the same store twice.
            lines.extend(line for line in item.stored if line not in lines)
            beyond.update(dict.fromkeys(item.beyond))
        work.append(Alive(body.size(sweep.dimension), tuple(lines), tuple(beyond)))
    return GridStage(
        barrier=bool(products) or (number == 0 and _is_written_again(body, stages)),
        products=tuple(products),
        parts=naming.fresh("parts") if any(item.parts for item in products) else "",
        rooms=tuple(item.room for item in products),
        loads=tuple(Guarded(body.size(name), tuple(lines), ()) for name, lines in loads.items() if lines),
        work=tuple(work),
    )


def _size(body: LoopBody, stack: Stack, symbol: sympy.Symbol) -> str:
    """How many units there are of a value that a product of the pass gives."""
    return body.size(stack.columns if body.backward else stack.rows[stack.products.index(symbol)])


def _tensor_product(body: LoopBody, stack: Stack, behind: tuple[str, ...]) -> TensorProduct:
    """The product of a stack on tensor cores: of its rows with the operand, backward of its columns with adjoints."""
    place, lag = _operand(body, stack)
    width = " + ".join(body.sizes(place.array.columns))
    width = f"({width})" if " " in width else width
    before = " + ".join(body.sizes(place.before)) or "0"
    sums = []
    for index, symbol in enumerate(given(body, stack)):
        row = " + ".join([*body.sizes(stack.rows[:index]), "unit"])
        first = "unit" if body.backward else f"{f'({row})' if index else row} * {depth(body, stack)}"
        sums.append(TensorSum(body.naming.local(symbol), _size(body, stack, symbol), first))
    return TensorProduct(
        sums=tuple(sums),
        packed=packed(stack),
        stride=body.size(stack.columns) if body.backward else "1",
        depth=depth(body, stack),
        operand=body.array(place.array),
        origin=f"{body.row(place.array, lag, following=False)} * {width}{f' + {before}' if before != '0' else ''}",
        width=width,
        before=before,
        behind=behind,
        names={made: body.naming.fresh(f"{made}_{stack.name}") for made in _MADE},
    )


def _product(body: LoopBody, stack: Stack, before: tuple[str, ...], parts: int) -> GridProduct:
    """The product of a stack, whose operand lies in shared memory behind those of `before`, and its parts likewise."""
    fresh = body.naming.fresh
    place, lag = _operand(body, stack)
    count, room, begin = (fresh(f"{kind}_{stack.name}") for kind in ("count", "room", "begin"))
    width = " + ".join(body.sizes(place.array.columns))
    row = body.row(place.array, lag, following=False)
    column = " + ".join([*body.sizes(place.before), "column"])
    members = team(len(given(body, stack)))
    sums = []
    for number, item in enumerate(weights(body, stack, count)):
        held = [item, *(replace(item, name=fresh(f"{item.name}_{member}")) for member in range(2, members + 1))]
        totals = tuple(fresh(each.name.replace("weights_of", "totals")) for each in held)
        sums.append(GridSum(item.sum, tuple(held), totals, parts + number * members))
    return GridProduct(
        sums=tuple(sums),
        team=members,
        count=count,
        room=room,
        begin=begin,
        before=before,
        depth=depth(body, stack),
        operand=f"{body.array(place.array)}[u32({row} * {f'({width})' if ' ' in width else width} + {column})]",
    )


def _operand(body: LoopBody, stack: Stack) -> tuple[Place, int]:
    """Where the operand of a product lies, and how many steps before the running one: backward, the adjoints."""
    if body.backward:
        return body.naming.place(adjoint(str(stack.products[0]))), 0
    return body.naming.place(stack.operand), lag_of(stack.operand)


def _is_written_again(body: LoopBody, stages: Sequence[Stage]) -> bool:
    """Whether a step may write to elements that a product of the step before reads.

    Where the first stage of a step has no product, the barriers before products do not come between the two.
    """
    arrays = [_operand(body, stack)[0].array for stage in stages for stack in stage.products]
    return any(array.kept not in _EVERY_STEP or (array.shrinks and not body.backward) for array in arrays)


def _read(stages: Sequence[Stage]) -> set[sympy.Symbol]:
    """What stages read, of which this is where a value must lie in memory."""
    statements = {
        symbol
        for stage in stages
        for sweep in stage.sweeps
        for statement in sweep.statements
        for symbol in statement.expression.free_symbols
    }
    return statements | {unlagged(stack.operand) for stage in stages for stack in stage.products}


def _lines(stage: GridStage) -> list[str]:
    """What a stage reads, computes and stores."""
    lines = [each.origin if isinstance(each, TensorProduct) else each.operand for each in stage.products]
    lines += [line for item in stage.loads for line in item.computed]
    return [*lines, *(line for item in stage.work for line in (*item.lines, *item.beyond))]
