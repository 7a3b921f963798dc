"""`derive show --tex` and `derive path --tex`: equations and routes in LaTeX, to paste into a paper."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from rich.text import Text

from derive.cell import Cell
from derive.errors import DeriveError
from derive.printers.latex_equations import (
    adjoint_equation,
    adjoint_symbol,
    forward_equation,
    gradient_symbol,
    slopes,
    total,
)
from derive.printers.latex_routes import route_nodes, route_term


def tex_lines(cell: Cell, variable: str | None) -> Iterator[Text]:
    """Without `variable` the forward equations; with it the sum of its routes, each term with the route's number.

    The lines need amsmath and xcolor, or KaTeX.
    """
    lines = list(_forward(cell) if variable is None else _backward(cell, variable))
    yield Text(r"\begin{align*}")
    yield from (Text(f"  {line}") for line in lines)
    yield Text(r"\end{align*}")


def path_tex_lines(cell: Cell, ends: tuple[str, str, str | None], limit: int | None) -> Iterator[Text]:
    """The routes between two nodes with their numbers, and below each the product of its partials."""
    yield Text(r"\begin{align*}")
    shown = list(itertools.islice(cell.routes(*ends), limit))
    for number, route in enumerate(shown, start=1):
        yield Text(rf"  & {route_nodes(cell.graph, route)} \tag{{{number}}} \\")
        end = "" if number == len(shown) else r" \\"
        yield Text(rf"  & \qquad {route_term(cell.graph, route).signed}{end}")
    yield Text(r"\end{align*}")


def _forward(cell: Cell) -> Iterator[str]:
    graph = cell.graph
    for formula in graph.formulas:
        last = formula is graph.formulas[-1]
        yield forward_equation(graph, formula).replace(" = ", " &= ", 1) + ("" if last else r" \\")


def _backward(cell: Cell, variable: str) -> Iterator[str]:
    graph = cell.graph
    if variable in cell.equations.constants or variable not in cell.equations.symbols:
        known = ", ".join(cell.gradients.adjoints)
        raise DeriveError(f"`{variable}` has no gradient in the cell {cell.name}. Names that have one are {known}")
    adjoint = cell.gradients.adjoints[variable]
    parameter = variable in cell.equations.parameters
    left = gradient_symbol(graph, variable) if parameter else adjoint_symbol(graph, variable)
    terms = adjoint_equation(cell.gradients, adjoint)
    pieces = []
    for hop, item in zip(adjoint.hops, terms, strict=True):
        summed = adjoint.timeless and not cell.equations.symbols[hop.target].timeless
        body = (r"\sum_{t} " if summed else "") + item.latex
        pieces.append(rf"{'-' if item.negative else ''}\underbrace{{{body}}}_{{({item.route})}}")
    yield f"{left} &= {total(pieces) or '0'}"
    written = dict.fromkeys(line for hop in adjoint.hops if hop.partial for line in slopes(graph, hop))
    for line in written:
        yield rf"\\ {line.replace(' = ', ' &= ', 1)}"
