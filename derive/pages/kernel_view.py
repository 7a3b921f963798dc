"""What the page says of the kernels: the tape, the operations of a step, and the reference module."""

from __future__ import annotations

from dataclasses import dataclass

import sympy
from markupsafe import Markup

from derive.cell import Cell
from derive.pages.code import highlighted
from derive.plan import POLICIES
from derive.printers.notation import size
from derive.printers.tape import SINGLE
from derive.printers.tape_latex import computed_again, saved
from derive.render import render


@dataclass(frozen=True, slots=True)
class TapeRow:
    """What a step of one sequence leaves on the tape under some policies; formulas are LaTeX."""

    policies: str
    saved: tuple[str, ...]
    values: str
    bytes: str
    recomputed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """The section on the kernels. `work` pairs what is counted with its formula over the sizes."""

    tapes: tuple[TapeRow, ...]
    work: tuple[tuple[str, str], ...]
    source: Markup
    lines: int


def kernel(cell: Cell) -> Kernel:
    """The kernels of a cell, as its plan counts them."""
    count = cell.plan.count
    source = render(cell, "reference")
    return Kernel(
        tapes=_tapes(cell),
        work=(
            ("matrix products, forward", over_sizes(count.products)),
            ("matrix products, backward", over_sizes(count.backward_products)),
            ("element by element, forward", over_sizes(count.elementwise)),
            ("element by element, backward", over_sizes(count.backward_elementwise)),
        ),
        source=highlighted(source),
        lines=source.count("\n"),
    )


def over_sizes(expression: sympy.Expr) -> str:
    """A formula over sizes, in LaTeX."""
    names = {symbol: size(str(symbol)) for symbol in expression.free_symbols}
    return str(sympy.latex(sympy.expand(expression), symbol_names=names))


def _tapes(cell: Cell) -> tuple[TapeRow, ...]:
    """One row for every tape; policies that choose the same one share it."""
    rows: dict[tuple[str, ...], TapeRow] = {}
    for policy in POLICIES:
        plan = cell.planned(policy)
        held = tuple(saved(plan))
        policies = f"{rows[held].policies}, {policy}" if held in rows else policy
        rows[held] = TapeRow(
            policies,
            held,
            over_sizes(plan.count.saved),
            over_sizes(SINGLE * plan.count.saved),
            tuple(computed_again(plan)),
        )
    return tuple(rows.values())
