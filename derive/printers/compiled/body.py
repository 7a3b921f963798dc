"""The text of elements and leaves inside one compiled function, and the arguments and constants that it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sympy

from derive.elementary import Value
from derive.equations.model import Kind, Role
from derive.plan.model import Array, Kept, Place
from derive.plan.symbols import FollowingSymbol, LastErrorSymbol, lag_of
from derive.printers.code import ScalarPrinter, decimal
from derive.printers.compiled.naming import Naming


@dataclass
class Body:
    """Collects what one compiled function uses while its text is printed.

    `aliases` are symbols that another text stands for in the running sweep; `rows` are the arrays of which it reads or
    writes the row of the running step, by the text of their columns. `typed` names an array of the kernel's
    dtype, `summed` one of the sums, of which every part of the batch has its own row, `part`.
    """

    naming: Naming
    backward: bool
    part: str = "part"
    arguments: dict[str, None] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    aliases: dict[sympy.Symbol, str] = field(default_factory=dict)
    rows: dict[str, dict[str, None]] = field(default_factory=dict)
    typed: str = ""
    summed: str = ""

    def array(self, array: Array) -> str:
        """The name of an array, noted as an argument."""
        name = "sums" if array.kept is Kept.SUM else array.name
        self.arguments[name] = None
        if array.kept is Kept.SUM:
            self.summed = name
        else:
            self.typed = self.typed or name
        return name

    def size(self, dimension: str) -> str:
        """The size of a dimension, noted as an argument; a scalar has size 1."""
        if not dimension:
            return "1"
        self.arguments[dimension] = None
        return dimension

    def constant(self, number: sympy.Rational) -> str:
        """The name of a typed constant."""
        name = self.naming.constant(number)
        self.constants[name] = decimal(number)
        return name

    def row(self, array: Array, lag: int, following: bool) -> str:
        """The index of the row of an array along time: of this step, of the one before, or of the one behind it."""
        shrinks = array.shrinks and not self.backward
        match array.kept:
            case Kept.STEPS:
                return "t + 1" if following else "here" if shrinks else "t"
            case Kept.CHUNK:
                return "t - begin"
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
        before = (*self.naming.sums.get(array, ()), *place.before)
        offset = " + ".join([*self.sizes(before), *(["unit"] if array.columns != ("",) else [])]) or "0"
        if array.kept is Kept.SUM:
            return f"{name}[{self.part}, {offset}]"
        if array.kept is Kept.ONCE:
            return f"{name}[0, {offset}]"
        row = self.row(array, lag, following)
        if row == "t":
            self.rows.setdefault(offset, {})[name] = None
        return f"{name}[{row + ', ' if row else ''}item, {offset}]"

    def printer(self, lines: list[str], order: Sequence[sympy.Symbol]) -> ScalarPrinter:
        """What prints the expression of a statement; a target may need `lines` of its own before it."""
        return ScalarPrinter(self.leaf, self.constant, order)

    def added(self, place: Place, text: str, dimension: str) -> str:
        """The line that adds to a sum over steps and batch, for a scalar over units too."""
        if dimension and place.array.columns == ("",):
            text = f"total({text}, unit)"
        return f"{self.element(place)} += {text}"

    def stores(self, symbol: sympy.Symbol, place: Place, text: str) -> list[str]:
        """The lines that store the value of a symbol at its place."""
        return [f"{self.element(place)} = {text}"]

    def may_stand_for(self, symbol: sympy.Symbol) -> bool:
        """Whether the text of `symbol` may stand for a value that repeats it, as long as that value is read."""
        return True

    def output(self, symbol: sympy.Symbol) -> str:
        """Where the value of an output is handed out, of the running step, item and unit; "" for anything else."""
        array = None if self.backward else self.naming.plan.outputs.get(str(symbol))
        return self.element(Place(array, ())) if array else ""

    def is_read_whole(self, array: Array) -> bool:
        """Whether products, the loss or the caller read an array with the rows of sequences that have ended."""
        if self.backward:
            return array.kept is Kept.STEPS
        return array.kept is not Kept.ONCE and array in self.naming.read_whole

    def sizes(self, dimensions: Iterable[str]) -> list[str]:
        """A sum of sizes as text pieces: `3 * hidden_size`."""
        counts = Counter(dimensions)
        return [f"{count} * {self.size(name)}" if count > 1 else self.size(name) for name, count in counts.items()]

    def columns(self, place: Place, rows: Iterable[str]) -> tuple[str, str]:
        """From which column of its array a value with these rows starts, and behind which one it ends."""
        rows = tuple(rows)
        return " + ".join(self.sizes(place.before)) or "0", " + ".join(self.sizes((*place.before, *rows)))

    def running_rows(self, array: Array, lag: int = 0, columns: str = "") -> str:
        """The rows of the running step, one a sequence."""
        name, row = self.array(array), self.row(array, lag, False)
        return f"{name}[{', '.join(filter(None, (row, 'first:stop', columns)))}]"

    def chunk_rows(self, array: Array, lag: int = 0) -> str:
        """The rows of the running chunk of steps."""
        name = self.array(array)
        match array.kept:
            case Kept.CHUNK:
                return f"{name}[: end - begin]"
            case Kept.CARRIED if not lag:
                return f"{name}[begin + 1 : end + 1]"
            case _:
                return f"{name}[begin:end]"

    def leaf(self, symbol: sympy.Symbol) -> str:
        """What a symbol is in the text: a typed constant, an element of a parameter, or a local scalar."""
        if symbol in self.aliases:
            return self.aliases[symbol]
        name = self.naming.names.get(symbol.name, "")
        match self._role(symbol):
            case Role.CONSTANT:
                number = sympy.Rational(self.naming.equations.constants[symbol.name].value)
                self.constants[name] = decimal(number) if number >= 0 else f"-{decimal(-number)}"
                return name
            case Role.PARAMETER:
                self.arguments[name] = None
                self.typed = self.typed or name
                vector = self.naming.equations.symbols[symbol.name].kind is Kind.VECTOR
                return f"{name}[{'unit' if vector else '0'}]"
        return self.naming.local(symbol)

    def is_loaded(self, symbol: sympy.Symbol) -> bool:
        """Whether a symbol that no statement of the sweep defines is read from an array into a local scalar."""
        return symbol not in self.aliases and self._role(symbol) not in (Role.CONSTANT, Role.PARAMETER)

    def load(self, symbol: sympy.Symbol) -> str:
        """The stored element that a sweep reads before its statements."""
        if isinstance(symbol, LastErrorSymbol):
            element = self.element(self.naming.place(symbol))
            return f"{element} if t + 1 == lengths[item] else {self.constant(sympy.S.Zero)}"
        if isinstance(symbol, FollowingSymbol):
            element = self.element(self.naming.place(symbol.contribution), following=True)
            return f"{element} if t + 1 < lengths[item] else {self.constant(sympy.S.Zero)}"
        return self.element(self.naming.place(symbol), lag=lag_of(symbol))

    def _role(self, symbol: sympy.Symbol) -> Role | None:
        """The role of a name of the cell that stands without a lag; None for anything else."""
        known = self.naming.equations.symbols.get(symbol.name) if isinstance(symbol, Value) else None
        return known.role if known else None
