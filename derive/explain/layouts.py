r"""How errors travel, as a statement in LaTeX, in both layouts of a Jacobian.

Texts disagree on the order of W^T and diag(g'). In the numerator layout rows belong to the later step: the factors
stand from the later step on the left to the earlier one on the right, as they act on a change of the state. The
denominator layout is the transpose: the same factors, transposed, in the opposite order, as they act on an error. The
documents of this project use the second one: it is that of R^T delta.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from derive.elementary import value
from derive.explain.jacobians import diagonals, highway, step_routes
from derive.graph import Diagonal, Graph, Transfer
from derive.printers.base import Binding
from derive.printers.latex import LatexPrinter, is_vector
from derive.printers.latex_equations import total
from derive.printers.notation import Notation
from derive.routes import Route

LATER, EARLIER, BETWEEN = "t", "s", "k"


@dataclass(frozen=True, slots=True)
class Layout:
    """The statement in one layout; every text is LaTeX without dollars.

    `product` is the Jacobian between the steps s and t as the product of those of single steps. `step` is the own block
    of one state in one step, `terms` its routes, one by one with their signs. `written_out` is the product with that
    block in its place, where the cell has no other state and one route leads from step to step; else empty.
    """

    product: str
    step: str
    terms: tuple[str, ...]
    written_out: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What travels from a state to itself, in both layouts; `highway` is the element-wise loop alone, or empty."""

    state: str
    numerator: Layout
    denominator: Layout
    highway: str

    @property
    def layouts(self) -> tuple[tuple[str, Layout], ...]:
        """Each layout with its name; one of the two, as that of both, where their terms read the same."""
        if self.denominator.terms == self.numerator.terms:
            return (("both layouts", self.denominator),)
        return ("denominator layout", self.denominator), ("numerator layout", self.numerator)


def statement(graph: Graph, state: str) -> Statement:
    """The product of one-step Jacobians, and the own block of `state` in one of them, over every route inside a step.

    The first edge of such a route crosses from step k-1 to k, the others stay in k. Ways through another state of step
    k-1 are in the other blocks: the Jacobian is that of all states together, each a variable of its own.
    """
    routes = tuple(step_routes(graph, state, state))
    return Statement(
        state, _layout(graph, state, routes, True), _layout(graph, state, routes, False), _highway(graph, state)
    )


def route_product(graph: Graph, route: Route, numerator: bool, origin: str = BETWEEN, ahead: int = 0) -> str:
    """The factors of a route between two steps as one matrix; I is the identity, and a minus stands first.

    The route ends at the step `origin` + `ahead`.
    """
    factors: list[sympy.Expr | str] = []
    for factor in route.partial:
        match factor:
            case Diagonal(_, primed):
                # Diagonal matrices that stand side by side are one.
                held = factors.pop() if factors and isinstance(factors[-1], sympy.Expr) else sympy.Integer(1)
                factors.append(held * primed)
            case Transfer(_, matrix, transposed):
                notation = Notation(graph.equations)
                factors.append(notation.value(matrix, 0, transposed=transposed == numerator))
    printer = _printer(graph, origin, ahead)
    sign = sympy.Integer(1)
    texts = []
    for item in factors:
        if isinstance(item, str):
            texts.append(item)
            continue
        if item.as_coeff_Mul()[0].is_negative:
            sign, item = -sign, -item
        if is_vector(graph, item):
            texts.append(rf"\operatorname{{diag}}{printer.brackets(printer.text(item))}")
        elif item != 1 or len(factors) == 1:
            # A number for all units is that number times the identity, which a matrix beside it makes needless.
            number = "" if item == 1 else rf"{printer.text(item, Binding.POWER)}\,"
            texts.append(rf"{number}\boldsymbol{{I}}" if len(factors) == 1 else printer.text(item, Binding.POWER))
    joined = r"\,".join(texts if numerator else reversed(texts)) or r"\boldsymbol{I}"
    return f"-{joined}" if sign == -1 else joined


def _layout(graph: Graph, state: str, routes: tuple[Route, ...], numerator: bool) -> Layout:
    terms = tuple(route_product(graph, route, numerator) for route in routes)
    states = graph.equations.states
    ends = (LATER, f"{LATER}-1"), (f"{EARLIER}+1", EARLIER)
    single = [_jacobian(graph, states, later, earlier) for later, earlier in ends]
    written = ""
    if len(states) == len(terms) == 1 and not terms[0].startswith("-"):
        outer = [route_product(graph, routes[0], numerator, *step) for step in ((LATER, 0), (EARLIER, 1))]
        written = _in_order(outer, numerator)
    return Layout(
        product=f"{_jacobian(graph, states, LATER, EARLIER)} = {_in_order(single, numerator)}",
        step=f"{_block(graph, state)} = {total(terms) or '0'}",
        terms=terms,
        written_out=written,
    )


def _in_order(ends: list[str], numerator: bool) -> str:
    """The first and the last factor of a product over steps: the later step first in the numerator layout."""
    return r" \, \cdots \, ".join(ends if numerator else reversed(ends))


def _block(graph: Graph, state: str) -> str:
    """The own block of a state: not its total derivative by itself, since the other states of step k-1 are held."""
    whole = _jacobian(graph, graph.equations.states, BETWEEN, f"{BETWEEN}-1")
    name = Notation(graph.equations).name(state)
    return rf"\left({whole}\right)_{{{name}, {name}}}" if len(graph.equations.states) > 1 else whole


def _highway(graph: Graph, state: str) -> str:
    """The diagonal that one step of the element-wise loop multiplies by, at step k."""
    routes = highway(graph, state)
    printer = _printer(graph, BETWEEN)
    loops = [sympy.Mul(*(factor.primed for factor in diagonals(route))) for route in routes]
    return printer.text(sympy.Add(*loops)) if routes else ""


def _jacobian(graph: Graph, states: tuple[str, ...], later: str, earlier: str) -> str:
    r"""\frac{\mathrm{d} c^{(t)}}{\mathrm{d} c^{(s)}}: total, over all routes; several states stand in brackets."""

    def standing(step: str) -> str:
        notation = Notation(graph.equations, step)
        names = ", ".join(notation.value(name, 0) for name in states)
        return names if len(states) == 1 else f"({names})"

    return rf"\frac{{\mathrm{{d}} {standing(later)}}}{{\mathrm{{d}} {standing(earlier)}}}"


def _printer(graph: Graph, origin: str, ahead: int = 0) -> LatexPrinter:
    """Values stand at the step `origin` + `ahead`, in the order in which the cell assigns them."""
    order = [value(name, lag) for name in graph.equations.symbols for lag in (0, 1)]
    return LatexPrinter(graph, order, ahead, origin)
