"""What the kernels of a whole loop share: weights of a unit in registers, and the text of one thread's statements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy

from derive.plan.model import Stack
from derive.plan.symbols import CommonSymbol
from derive.printers.cuda.body import DeviceBody
from derive.printers.cuda.model import Guarded, Weights

INSIDE = ("t", "now", "before", "here")
"""The running step and the rows for it, which the kernel of a loop counts itself."""


@dataclass
class LoopBody(DeviceBody):
    """Collects what the kernel of a loop uses; `own` are the parameters of the thread's unit, which stay in registers.

    Each has its name, its element and its dimension.
    """

    own: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def may_stand_for(self, symbol: sympy.Symbol) -> bool:
        """Not so a common subexpression: the next sweep of the same step has others under the same names."""
        return not isinstance(symbol, CommonSymbol)

    def leaf(self, symbol: sympy.Symbol) -> str:
        """What a symbol is in the text; a parameter is read once and stays in a register."""
        text = super().leaf(symbol)
        if "[" not in text:
            return text
        name, dimension = text.partition("[")[0], "".join(self.naming.equations.symbols[symbol.name].shape)
        if name not in self.own:
            self.own[name] = self.naming.fresh(f"own_{name}"), text, dimension
        return self.own[name][0]

    def owned(self) -> tuple[Guarded, ...]:
        """The lines that read the parameters of the unit."""
        return merged(Guarded(size, (f"{name} = {text}",), ()) for name, text, size in self.own.values())


def packed(stack: Stack) -> str:
    """The name of the matrices of a stack, below each other."""
    return f"packed_{stack.name}"


def depth(body: DeviceBody, stack: Stack) -> str:
    """How many elements a product of the pass sums over: the columns of the stack, or backward its rows."""
    return " + ".join(body.sizes(stack.rows)) if body.backward else body.size(stack.columns)


def given(body: DeviceBody, stack: Stack) -> tuple[sympy.Symbol, ...]:
    """The symbols whose values a product of the pass gives."""
    return (stack.pulled,) if body.backward else stack.products


def weights(body: DeviceBody, stack: Stack, count: str) -> tuple[Weights, ...]:
    """The weights of a unit, of which a lane holds `count`: its rows of the stack, or backward its column."""
    naming, found = body.naming, []
    for index, symbol in enumerate(given(body, stack)):
        name = naming.local(symbol)
        if body.backward:
            size = body.size(stack.columns)
            place = f"column * {size} + unit"
        else:
            size = body.size(stack.rows[index])
            offset = " + ".join([*body.sizes(stack.rows[:index]), "unit"])
            place = f"{f'({offset})' if index else offset} * {depth(body, stack)} + column"
        element = f"{packed(stack)}[u64({place})]"
        found.append(Weights(naming.fresh(f"weights_of_{name}"), name, count, depth(body, stack), size, element))
    return tuple(found)


def rows_named(lines: Iterable[str]) -> tuple[str, ...]:
    """Which of the rows now, before and here some lines name."""
    words = {word for line in lines for word in re.findall(r"\w+", line)}
    return tuple(name for name in INSIDE[1:] if name in words)


def merged(items: Iterable[Guarded]) -> tuple[Guarded, ...]:
    """Those of the same units as one, in the order of the first of each: none reads what another stores."""
    found: dict[str, Guarded] = {}
    for item in items:
        known = found.get(item.size, Guarded(item.size, (), ()))
        found[item.size] = Guarded(item.size, (*known.computed, *item.computed), (*known.stored, *item.stored))
    return tuple(found.values())
