"""Names for the values that a kernel holds in scalars: as close to the cell's own names as code allows."""

from __future__ import annotations

import sympy

from derive.elementary import ProductSymbol, Value
from derive.plan.model import Plan


def local_name(symbol: sympy.Symbol, plan: Plan) -> str:
    """A readable identifier for any symbol of the plan."""
    if isinstance(symbol, Value):
        return f"{symbol.variable}_before" if symbol.lag else symbol.variable
    if isinstance(symbol, ProductSymbol):
        product = plan.graph.products[symbol]
        return f"{product.matrix.name}_product"
    text = symbol.name
    if text.startswith("%"):
        return f"function_{text[1:]}"
    if text.startswith("&"):
        return f"common_{text[1:]}"
    if text.startswith("Σδ"):
        return f"sum_{_plain(text[2:])}"
    if text.startswith("∂last "):
        return f"last_error_{text[6:]}"
    if text.startswith("∂"):
        return f"error_{text[1:]}"
    if text.endswith(".operand"):
        return f"operand_{text.removesuffix('.operand').removeprefix('@')}"
    if text.endswith("ᵀδ"):
        return f"pulled_{_plain(text[:-2])}"
    if text.endswith("@next"):
        return f"next_{_plain(text.removesuffix('@next').removeprefix('δ'))}"
    return f"d_{_plain(text.removeprefix('δ'))}"


def _plain(text: str) -> str:
    for sign, word in (("@", "product_"), ("[t-1]", "_before"), ("<", "_from_")):
        text = text.replace(sign, word)
    return text
