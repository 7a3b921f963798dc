"""The computational graph of one step: an edge for every occurrence, with its immediate partial."""

from derive.graph.model import LOSS, Diagonal, Edge, Factor, Formula, Graph, Outer, Product, Transfer
from derive.graph.wiring import wire

__all__ = [
    "LOSS",
    "Diagonal",
    "Edge",
    "Factor",
    "Formula",
    "Graph",
    "Outer",
    "Product",
    "Transfer",
    "wire",
]
