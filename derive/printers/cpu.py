"""The CPU target: one compiled function for each batched sweep, one for the whole loop over time.

The view says, as text, what each compiled function reads and computes; the template lays out the loops. Products are
calls of one support function; everything else is element by element, in typed scalars.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sympy

from derive.elementary import Elementary, Value, value
from derive.equations.model import Kind, Role
from derive.names import Namer
from derive.plan.model import Accumulate, Array, Kept, Pass, Place, Plan, Region, Stack, Sweep
from derive.printers.code import ScalarPrinter, decimal
from derive.printers.locals import local_name

RESERVED = (
    "abs", "annotations", "array", "arrays", "backward", "batch", "before", "call", "calls", "consume_tape",
    "dstate", "dtype", "dy", "ends", "errors", "forward", "Grads", "here", "init", "init_state", "Inputs",
    "isinstance", "item", "keep", "keep_tape", "lengths", "loss", "losses", "NamedTuple", "njit", "now", "np",
    "Outputs", "pack", "Packed", "panels", "packed", "parameters", "Params", "params", "plain", "product", "range",
    "real", "seed", "SIGNATURE", "Signature", "State", "state", "step", "steps", "t", "Tape", "tape", "target",
    "unit", "weight", "weight_gradient", "x_t",
)  # fmt: skip
"""What the template and the lines of the driver call by name; a name of the cell gets an underscore beside them."""
WORDS = {0: "zero", 1: "one", 2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True, slots=True)
class SweepView:
    """The text of one element-wise pass: loads, statements and stores, for every unit of `size`."""

    size: str
    loads: tuple[str, ...]
    statements: tuple[str, ...]
    carried: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageView:
    """The products of a stage inside the loop, as calls, and its sweeps."""

    products: tuple[str, ...]
    sweeps: tuple[SweepView, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compiled function: a batched sweep, the loop, or a sweep of the preamble, which has neither steps nor batch."""

    name: str
    region: str
    arguments: tuple[str, ...]
    constants: tuple[str, ...]
    stages: tuple[StageView, ...]

    @property
    def sweep(self) -> SweepView:
        """The only sweep of a batched kernel."""
        return self.stages[0].sweeps[0]


@dataclass(frozen=True, slots=True)
class PackedStack:
    """Matrices that share a right-hand vector, one below the other in `stacked`.

    A product takes the panels of its transpose, and on the way back, where `read_back`, those of itself.
    """

    name: str
    stacked: str
    read_back: bool


@dataclass(frozen=True, slots=True)
class Allocation:
    """An array that the driver makes, or takes from the caller: `text` is the code that gives it."""

    name: str
    text: str


@dataclass(frozen=True)
class CpuView:
    """What the CPU template lays out.

    `stacks` are the packed matrices: their name in the forward pass, what they are for, and the code that packs them
    for either pass. `forward` and `backward` are the lines of the two drivers.
    """

    functions: tuple[str, ...]
    sizes: tuple[str, ...]
    forward_params: tuple[tuple[str, str], ...]
    backward_params: tuple[tuple[str, str], ...]
    params: tuple[str, ...]
    stacks: tuple[PackedStack, ...]
    forward_kernels: tuple[Kernel, ...]
    backward_kernels: tuple[Kernel, ...]
    forward_arrays: tuple[Allocation, ...]
    backward_arrays: tuple[Allocation, ...]
    saved: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]
    judged: str
    outputs: tuple[str, ...]
    final: tuple[str, ...]
    errors: tuple[str, ...]
    ends: tuple[str, ...]
    weights: tuple[Allocation, ...]
    parameter_gradients: tuple[str, ...]
    input_gradients: tuple[str, ...]
    state_gradients: tuple[str, ...]


@dataclass
class _Body:
    """Collects what one compiled function uses while its text is printed."""

    writer: Writer
    backward: bool
    arguments: dict[str, None] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    aliases: dict[sympy.Symbol, str] = field(default_factory=dict)
    typed: str = ""

    def array(self, array: Array) -> str:
        """The name of an array, noted as an argument."""
        self.arguments[array.name] = None
        if array.kept is not Kept.SUM and not self.typed:
            self.typed = array.name
        return array.name

    def size(self, dimension: str) -> str:
        """The size of a dimension, noted as an argument; a scalar has size 1."""
        if not dimension:
            return "1"
        self.arguments[dimension] = None
        return dimension

    def constant(self, number: sympy.Rational) -> str:
        """The name of a typed constant."""
        name = self.writer.constant(number)
        self.constants[name] = decimal(number)
        return name

    def row(self, array: Array, lag: int, following: bool) -> str:
        """The index of the row of an array along time: of this step, of the one before, or of the one behind it."""
        shrinks = array.shrinks and not self.backward
        match array.kept:
            case Kept.STEPS:
                return "t + 1" if following else "here" if shrinks else "t"
            case Kept.CARRIED if lag:
                return "before" if shrinks else "t"
            case Kept.CARRIED:
                return "now" if shrinks else "t + 1"
            case Kept.PAIR:
                return "(t + 1) & 1" if following else "t & 1"
            case _:
                return ""

    def element(self, place: Place, lag: int = 0, following: bool = False) -> str:
        """The element of the running item and unit."""
        array = place.array
        name = self.array(array)
        offset = " + ".join([*self.sizes(place.before), "unit"]) if array.columns != ("",) else "0"
        if array.kept is Kept.SUM:
            return f"{name}[{offset}]"
        if array.kept is Kept.ONCE:
            return f"{name}[0, {offset}]"
        row = self.row(array, lag, following)
        return f"{name}[{row + ', ' if row else ''}item, {offset}]"

    def sizes(self, dimensions: Iterable[str]) -> list[str]:
        """A sum of sizes as text pieces: `3 * hidden_size`."""
        counts = Counter(dimensions)
        return [f"{count} * {self.size(name)}" if count > 1 else self.size(name) for name, count in counts.items()]

    def operand(self, symbol: sympy.Symbol) -> str:
        """The right-hand vectors of a product in the loop, (B, n)."""
        lag = symbol.lag if isinstance(symbol, Value) else 0
        array = self.writer.place(symbol).array
        return f"{self.array(array)}[{self.row(array, lag, False)}]"

    def rows_of(self, array: Array) -> str:
        """All rows of the running step of an array, (B, n)."""
        row = self.row(array, 0, False)
        return f"{self.array(array)}[{row}]" if row else self.array(array)


class Writer:
    """Prints the statements of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.equations = plan.graph.equations
        taken = [array.name for array in plan.arrays]
        taken += [f"{kind}_{stack.name}" for stack in plan.stacks for kind in ("packed", "weights")]
        namer = Namer((*RESERVED, *taken, *self.equations.size_names))
        namer_functions = sorted({item.rule.scalar for item in self._applications() if item.rule.scalar})
        self.functions = tuple(namer_functions)
        for name in self.functions:
            namer.new(name)
        self.names = {name: namer.new(name) for name in self.equations.symbols}
        self._namer = namer
        self._locals: dict[sympy.Symbol, str] = {}
        self._constants: dict[sympy.Rational, str] = {}

    def _applications(self) -> Iterable[Elementary]:
        for one_pass in (self.plan.forward, self.plan.backward):
            for statement in one_pass.statements:
                yield from statement.expression.atoms(Elementary)

    def place(self, symbol: sympy.Symbol) -> Place:
        """Where the value of `symbol`, of this step or of the one before, is stored."""
        if isinstance(symbol, Value):
            symbol = value(symbol.variable)
        return self.plan.places[symbol]

    def constant(self, number: sympy.Rational) -> str:
        """The name of a number that is not negative."""
        if number not in self._constants:
            digits = decimal(number).replace(".", "_").replace("-", "m").replace("+", "p")
            self._constants[number] = self._namer.new(WORDS.get(number, f"number_{digits}"))
        return self._constants[number]

    def local(self, symbol: sympy.Symbol) -> str:
        """The name of the scalar that holds the value of `symbol` inside a sweep."""
        if symbol not in self._locals:
            name = self.names.get(symbol.name) or self._namer.new(local_name(symbol, self.plan))
            self._locals[symbol] = name
        return self._locals[symbol]

    def leaf(self, symbol: sympy.Symbol, body: _Body) -> str:
        """What a symbol is in the text: a typed constant, an element of a parameter, or a local."""
        if symbol in body.aliases:
            return body.aliases[symbol]
        if isinstance(symbol, Value) and symbol.variable in self.equations.symbols:
            known = self.equations.symbols[symbol.variable]
            name = self.names[symbol.variable]
            if known.role is Role.CONSTANT:
                constant = sympy.Rational(self.equations.constants[symbol.variable].value)
                body.constants[name] = decimal(constant) if constant >= 0 else f"-{decimal(-constant)}"
                return name
            if known.role is Role.PARAMETER:
                body.arguments[name] = None
                body.typed = body.typed or name
                return f"{name}[{'unit' if known.kind is Kind.VECTOR else '0'}]"
        return self.local(symbol)

    def sweep(self, sweep: Sweep, body: _Body) -> SweepView:
        """The text of one sweep."""
        defined: set[sympy.Symbol] = set()
        loads: dict[str, None] = {}
        statements: list[str] = []
        carried: list[str] = []
        body.aliases.clear()
        for statement in sweep.statements:
            for symbol in sorted(statement.expression.free_symbols, key=str):
                is_local = symbol not in defined and self.leaf(symbol, body) == self.local(symbol)
                if is_local and not self._is_constant(symbol):
                    loads[f"{self.local(symbol)} = {self._load(symbol, body)}"] = None
            printer = ScalarPrinter(lambda symbol: self.leaf(symbol, body), body.constant, self._order(statement.label))
            text = printer.text(statement.expression)
            comment = f"  # ({statement.label})" if statement.label else ""
            if isinstance(statement, Accumulate):
                statements.append(f"{body.element(self.place(statement.symbol))} += {text}{comment}")
                continue
            defined.add(statement.symbol)
            place = self.plan.places.get(statement.symbol)
            if place is not None and isinstance(statement.expression, sympy.Symbol):
                body.aliases[statement.symbol] = text
                statements.append(f"{body.element(place)} = {text}{comment}")
            else:
                statements.append(f"{self.local(statement.symbol)} = {text}{comment}")
                if place is not None:
                    statements.append(f"{body.element(place)} = {self.local(statement.symbol)}")
            if place is not None and place.array.kept is Kept.CARRIED:
                carried.append(f"{body.element(place)} = {body.element(place, lag=1)}")
        return SweepView(body.size(sweep.dimension), tuple(loads), tuple(statements), tuple(carried))

    def _is_constant(self, symbol: sympy.Symbol) -> bool:
        known = self.equations.symbols.get(symbol.name)
        return known is not None and known.role is Role.CONSTANT

    def _load(self, symbol: sympy.Symbol, body: _Body) -> str:
        """The stored element that a sweep reads before its statements."""
        text = symbol.name
        if text.startswith("∂last "):
            return (
                f"{body.element(self.plan.places[symbol])} if t + 1 == lengths[item] else {body.constant(sympy.S.Zero)}"
            )
        if text.endswith("@next"):
            place = self.plan.places[sympy.Symbol(text.removesuffix("@next"))]
            element = body.element(place, following=True)
            return f"{element} if t + 1 < lengths[item] else {body.constant(sympy.S.Zero)}"
        lag = symbol.lag if isinstance(symbol, Value) else 0
        return body.element(self.place(symbol), lag=lag)

    def _order(self, label: str) -> Sequence[sympy.Symbol]:
        """The symbols of a forward equation in the order of its text."""
        if not label.startswith("F."):
            return ()
        return self.plan.graph.reading_order(self.plan.graph.formulas[int(label[2:]) - 1].target)

    def kernels(self, one_pass: Pass, direction: str) -> list[tuple[Region, list[Kernel | Stack]]]:
        """What the driver runs, region by region: compiled functions and batched products."""
        backward = direction == "backward"
        plan: list[tuple[Region, list[Kernel | Stack]]] = []
        for region, stages in one_pass.regions:
            entries: list[Kernel | Stack] = []
            if region is Region.LOOP:
                body = _Body(self, backward)
                views = tuple(
                    StageView(
                        tuple(self._product(stack, body) for stack in stage.products),
                        tuple(self.sweep(sweep, body) for sweep in stage.sweeps),
                    )
                    for stage in stages
                )
                entries.append(self._kernel(f"_{direction}_loop", region, body, views))
            else:
                number = 0
                for stage in stages:
                    entries.extend(stage.products)
                    for sweep in stage.sweeps:
                        number += 1
                        body = _Body(self, backward)
                        views = (StageView((), (self.sweep(sweep, body),)),)
                        entries.append(self._kernel(f"_{direction}_{region.value}_{number}", region, body, views))
            plan.append((region, entries))
        return plan

    def _kernel(self, name: str, region: Region, body: _Body, stages: tuple[StageView, ...]) -> Kernel:
        constants = tuple(f"{name} = real({text})" for name, text in sorted(body.constants.items()))
        if constants:
            constants = (f"real = {body.typed}.dtype.type", *constants)
        return Kernel(name, region.value, tuple(body.arguments), constants, stages)

    def _product(self, stack: Stack, body: _Body) -> str:
        """A product inside the loop."""
        packed = f"packed_{stack.name}"
        body.arguments[packed] = None
        if body.backward:
            adjoints = self.plan.places[sympy.Symbol(f"δ{stack.products[0]}")].array
            return f"product({body.rows_of(adjoints)}, {packed}, {body.rows_of(self.plan.places[stack.pulled].array)})"
        products = self.plan.places[stack.products[0]].array
        return f"product({body.operand(stack.operand)}, {packed}, {body.rows_of(products)})"
