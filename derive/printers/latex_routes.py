r"""Routes in LaTeX: the immediate partial of a hop, and the factors of which complete routes are made."""

from __future__ import annotations

from dataclasses import dataclass

from derive.elementary import Value
from derive.graph import LOSS, Diagonal, Edge, Graph, Transfer
from derive.printers.base import Binding
from derive.printers.latex import is_vector
from derive.printers.latex_equations import Term, adjoint_symbol, error, printer_of
from derive.printers.notation import Notation
from derive.routes import Route


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
            found.append(Passage(negative, latex, "vector" if is_vector(graph, expression) else "scalar"))
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


def route_nodes(graph: Graph, route: Route) -> str:
    """The nodes of a route with arrows between them."""
    return r" \rightarrow ".join(node(graph, name, step) for name, step in route.nodes)


def route_term(graph: Graph, route: Route, number: int = 1) -> Term:
    """What a route of the window adds to the adjoint of its source: the partials of all its edges and what they meet.

    That is the adjoint of where the route ends, or the error where it ends at the loss.
    """
    nodes = route.nodes
    (end, at), (last, when) = nodes[-1], nodes[-2]
    latex = error(graph, last, step=when) if end == LOSS else adjoint_symbol(graph, end, at)
    negative, joined = False, "product" if end == LOSS else ""
    for edge, (_, step) in reversed(list(zip(route.edges, nodes, strict=False))):
        for passage in passages(graph, edge, step):
            negative ^= passage.negative
            if not passage.latex:
                continue
            # R (a * v) and a * (R v) need their brackets, a * b * v does not.
            by_matrix = passage.kind == "matrix"
            held = f"({latex})" if joined == ("product" if by_matrix else "matrix") else latex
            sign = r" \odot " if passage.kind == "vector" else " " if by_matrix else r"\,"
            latex, joined = f"{passage.latex}{sign}{held}", "matrix" if by_matrix else "product"
    return Term(negative, latex, number)
