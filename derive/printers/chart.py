"""The circuit chart of a cell: its diagram, laid out by the widths of its names, and the labels of the nodes."""

from __future__ import annotations

from derive.circuit.diagram import diagram
from derive.circuit.layout import lay_out
from derive.circuit.model import Kind, Node
from derive.circuit.scene import Extent, Scene
from derive.equations.model import Equations
from derive.graph import LOSS, Graph
from derive.printers.labels import Run, runs, width
from derive.printers.notation import Notation

LABEL, SMALL, SYMBOL, WORD = 13.0, 10.0, 12.0, 8.5
"""Pixels: a label, that of the loss, an operation of one glyph and of more."""


def chart(graph: Graph, steps: int = 2) -> Scene:
    """The scene of a cell: the same for every printer. `steps` of it stand side by side."""
    drawn = diagram(graph)
    extents = {}
    for node in drawn.nodes:
        longest = max(width(node_runs(graph.equations, node, step), label_size(node)) for step in (0, 1))
        pieces = symbol_runs(node)
        extents[node.id] = Extent(width(pieces, symbol_size(pieces)), longest)
    return lay_out(drawn, extents, steps)


def node_latex(equations: Equations, node: Node, step: int) -> str:
    """The label of a node at t + `step`; "" for an operation without a variable."""
    notation = Notation(equations)
    if node.kind is Kind.LOSS:
        return f"{LOSS}^{{({notation.step(step)})}}"
    return notation.value(node.variable, step) if node.variable else ""


def node_runs(equations: Equations, node: Node, step: int) -> tuple[Run, ...]:
    """The label of a node as text; notation that is not understood gives way to the plain name."""
    found = runs(node_latex(equations, node, step))
    if found is None:
        return Run(node.variable or ""), Run(f"({Notation(equations).step(step)})", 1)
    return found


def number(value: float) -> str:
    """A coordinate or a length in the text of a picture: two decimals at most, the same on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def label_size(node: Node) -> float:
    """The size of the name of a node."""
    return SMALL if node.kind is Kind.LOSS else LABEL


def symbol_runs(node: Node) -> tuple[Run, ...]:
    """The operation of a node as text."""
    found = runs(rf"\mathrm{{{node.symbol}}}")
    return (Run(node.symbol),) if found is None else found


def symbol_size(pieces: tuple[Run, ...]) -> float:
    """The size of an operation: words are smaller than signs."""
    return SYMBOL if sum(len(run.text) for run in pieces) < 3 else WORD
