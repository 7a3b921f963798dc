r"""Routes in LaTeX: the immediate partial of a hop, and the factors of which complete routes are made."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from derive.elementary import Value
from derive.equations.model import Kind
from derive.graph import LOSS, Diagonal, Edge, Graph, Transfer
from derive.printers.base import Binding
from derive.printers.latex_equations import printer_of
from derive.printers.notation import Notation


@dataclass(frozen=True, slots=True)
class Passage:
    r"""What a route is multiplied by at one place: `latex` without its sign, empty where it is 1.

    `kind` says how it joins what stands behind it: "vector" by \odot, "scalar" and "matrix" side by side.
    """

    negative: bool
    latex: str
    kind: str


def node(graph: Graph, name: str, step: int) -> str:
    """A value, or the loss, at t + `step`."""
    notation = Notation(graph.equations)
    return f"J^{{({notation.step(step)})}}" if name == LOSS else notation.value(name, step)


def immediate_partial(graph: Graph, edge: Edge) -> str:
    """The immediate partial of a hop, transposed; numbered where the source stands several times in the equation."""
    fraction = (
        rf"\frac{{\partial^{{+}} {node(graph, edge.target, edge.lag)}}}{{\partial {node(graph, edge.source, 0)}}}"
    )
    numbered = f"_{{{edge.occurrence}}}" if edge.count > 1 else ""
    return rf"\left({fraction}\right)^{{\top}}{numbered}"


def passages(graph: Graph, edge: Edge, step: int) -> tuple[Passage, ...]:
    """The factors of a hop that starts at t + `step`, in the order in which they meet the adjoint of its target.

    Nothing is left for the hop to the loss, whose term is the error itself.
    """
    if edge.target == LOSS:
        return ()
    printer = printer_of(graph, edge, step=step)
    found = []
    for factor in edge.partial:
        if isinstance(factor, Diagonal):
            negative = bool(factor.primed.as_coeff_Mul()[0].is_negative)
            expression = -factor.primed if negative else factor.primed
            latex = "" if expression == 1 else printer.text(expression, Binding.PRODUCT)
            found.append(Passage(negative, latex, "vector" if _is_vector(graph, expression) else "scalar"))
        elif isinstance(factor, Transfer):
            latex = printer.notation.value(factor.matrix, 0, transposed=not factor.transposed)
            found.append(Passage(False, latex, "matrix"))
    return tuple(found)


def weights(graph: Graph, edge: Edge) -> tuple[str, ...]:
    """The parameters that a hop is multiplied by, in the order in which they meet the adjoint: R transposed, p."""
    if edge.target == LOSS:
        return ()
    notation, parameters = Notation(graph.equations), graph.equations.parameters
    found: list[str] = []
    for factor in edge.partial:
        if isinstance(factor, Diagonal):
            names = {item.variable for item in factor.primed.free_symbols if isinstance(item, Value)}
            found.extend(notation.name(name) for name in parameters if name in names)
        elif isinstance(factor, Transfer):
            found.append(notation.value(factor.matrix, 0, transposed=not factor.transposed))
    return tuple(dict.fromkeys(found))


def _is_vector(graph: Graph, expression: sympy.Expr) -> bool:
    symbols = graph.equations.symbols
    return any(
        not isinstance(item, Value) or symbols[item.variable].kind is Kind.VECTOR for item in expression.free_symbols
    )
