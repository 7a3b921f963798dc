"""The text of elements inside one kernel: flat arrays, whose index is computed in 32 unsigned bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import sympy

from derive.elementary import Value
from derive.plan.model import Array, Kept, Place
from derive.printers.code import CudaPrinter
from derive.printers.compiled.body import Body
from derive.printers.compiled.naming import columns
from derive.printers.cuda.naming import DeviceNaming


class Run(Enum):
    """Over what a kernel runs: units alone, the rows of all steps, or those of the running step."""

    UNITS = "units"
    ROWS = "rows"
    STEP = "step"


@dataclass
class DeviceBody(Body):
    """Collects what one kernel uses while its text is printed.

    `sums` are the locals that add up what a thread adds to sums over steps and batch, each with its element and the
    dimension whose units add; `alone` says that one thread must do the work of all units, which add to one number.
    With `carries` the kernel reads a state of the step before, and hands it on, as it was before it was rounded.
    """

    naming: DeviceNaming
    run: Run = Run.STEP
    sums: dict[str, tuple[str, str]] = field(default_factory=dict)
    alone: bool = False
    carries: bool = False
    named: int = 0

    def array(self, array: Array) -> str:
        """The name of an array, noted as an argument."""
        name = "sums" if array.kept is Kept.SUM else array.name
        self.arguments[name] = None
        return name

    def scalar(self, text: str) -> str:
        """A whole number that the kernel is given: the running step or a row for it."""
        if self.run is Run.STEP:
            self.arguments[text] = None
        return text

    def row(self, array: Array, lag: int, following: bool) -> str:
        """Which row of all steps and sequences of an array is that of the running step and sequence."""
        shrinks = array.shrinks and not self.backward
        match array.kept:
            case Kept.STEPS | Kept.CHUNK if following:
                step = f"({self.scalar('t')} + 1)"
            case Kept.STEPS | Kept.CHUNK:
                step = self.scalar("here") if shrinks else self.scalar("t")
            case Kept.CARRIED if lag:
                step = self.scalar("before") if shrinks else self.scalar("t")
            case Kept.CARRIED:
                step = self.scalar("now") if shrinks else f"({self.scalar('t')} + 1)"
            case Kept.PAIR:
                step = f"(({self.scalar('t')} + 1) & 1)" if following else f"({self.scalar('t')} & 1)"
            case _:
                return "item"
        return f"({step} * {self.scalar('batch')} + item)"

    def element(self, place: Place, lag: int = 0, following: bool = False) -> str:
        """The element of the running item and unit; of sums the whole one, which the preamble reads and adds to."""
        array = place.array
        name = self.array(array)
        before = (*self.naming.sums.get(array, ()), *place.before)
        pieces = [*self.sizes(before), *(["unit"] if array.columns != ("",) else [])]
        if array.kept not in (Kept.ONCE, Kept.SUM):
            width = " + ".join(self.sizes(array.columns))
            row = self.row(array, lag, following)
            pieces = [f"{row} * {f'({width})' if ' ' in width else width}", *pieces]
        return f"{name}[u32({' + '.join(pieces) or '0'})]"

    def load(self, symbol: sympy.Symbol) -> str:
        """The stored element that a sweep reads before its statements."""
        pair = self._pair(self.naming.place(symbol)) if isinstance(symbol, Value) and symbol.lag else None
        return self.element(pair) if pair else super().load(symbol)

    def stores(self, symbol: sympy.Symbol, place: Place, text: str) -> list[str]:
        """The lines that store the value of a symbol at its place."""
        pair = self._pair(place)
        return [
            *super().stores(symbol, place, text),
            *([f"{self.element(pair, following=True)} = {text}"] if pair else []),
        ]

    def _pair(self, place: Place) -> Place | None:
        """The place beside that of a state, if it has one."""
        if not self.carries or place.array not in self.naming.carried:
            return None
        return Place(self.naming.carried[place.array], place.before)

    def printer(self, lines: list[str], order: Sequence[sympy.Symbol]) -> CudaPrinter:
        """What prints the expression of a statement, with names for what its functions repeat."""

        def named(text: str) -> str:
            self.named += 1
            name = self.naming.fresh(f"argument_{self.named}")
            lines.append(f"{name} = {text}")
            return name

        return CudaPrinter(self.leaf, self.constant, named, order)

    def added(self, place: Place, text: str, dimension: str) -> str:
        """The line that adds to a sum: of this thread, or once a call to the one there is."""
        scalar = place.array.columns == ("",)
        if self.run is Run.UNITS:
            self.alone = self.alone or (scalar and bool(dimension))
            return f"{self.element(place)} += {text}"
        before = self.naming.parts[place.array, dimension]
        several = sum(array is place.array for array, _ in self.naming.parts) > 1
        name = f"{place.array.name}_of_{dimension or 'one'}" if several else place.array.name
        if name not in self.sums:
            self.array(place.array)
            self.constant(sympy.S.Zero)
            width = " + ".join(self.sizes(every for _, every in self.naming.parts))
            pieces = [f"{self.part} * ({width})", *self.sizes(before), *(["unit"] if dimension else [])]
            self.sums[name] = f"sums[u32({' + '.join(pieces)})]", dimension
        return f"{name} += {text}"

    def leaf(self, symbol: sympy.Symbol) -> str:
        """What a symbol is in the text."""
        return super().leaf(symbol).replace("[unit]", "[u32(unit)]")


def width(naming: DeviceNaming) -> str:
    """How many columns the sums have that threads add to; "" for none."""
    return columns(dimension for _, dimension in naming.parts)
