"""The symbols that the plan adds to those of the graph, each named by what it holds.

They are plain SymPy symbols: a name in the plan is text such as `δc`, `δ@3` or `δc[t-1]<loop`, which no cell can
contain, so that it never meets a name of the user.
"""

from __future__ import annotations

import sympy

from derive.elementary import ProductSymbol, Value, value
from derive.plan.model import Region


def adjoint(name: str) -> sympy.Symbol:
    """δv: the adjoint of a variable, an input, a parameter or (`@3`) a product."""
    return sympy.Symbol(f"δ{name}")


def error(name: str) -> sympy.Symbol:
    """∂J/∂v: the error that enters at `name` from outside or from the loss."""
    return sympy.Symbol(f"∂{name}")


def last_error(state: str) -> sympy.Symbol:
    """The error on the last state, which enters at the last step of a sequence."""
    return sympy.Symbol(f"∂last {state}")


def total(name: str) -> sympy.Symbol:
    """What the steps have added to the adjoint of a timeless name."""
    return sympy.Symbol(f"Σδ{name}")


def contribution(name: str, lag: int, region: Region) -> sympy.Symbol:
    """What `region` adds to δv, at the consumer's step: for lag 1 it belongs to v one step earlier."""
    return sympy.Symbol(f"δ{name}{'[t-1]' if lag else ''}<{region.value}")


def following(symbol: sympy.Symbol) -> sympy.Symbol:
    """The value that `symbol`, a contribution with lag 1, got at the following step; 0 after the last one."""
    return sympy.Symbol(f"{symbol.name}@next")


def unlagged(symbol: sympy.Symbol) -> sympy.Symbol:
    """The symbol whose value is read: c for c[t-1], a contribution for its value at the following step."""
    if isinstance(symbol, Value):
        return value(symbol.variable)
    return sympy.Symbol(symbol.name.removesuffix("@next")) if symbol.name.endswith("@next") else symbol


def operand(product: ProductSymbol) -> sympy.Symbol:
    """The right-hand vector of a product, where it is an expression."""
    return sympy.Symbol(f"{product.name}.operand")


def pulled(product: sympy.Symbol) -> sympy.Symbol:
    """The stacked matrices, transposed, times the adjoints: named by the first product of the stack."""
    return sympy.Symbol(f"{product.name}ᵀδ")


def shared(number: int) -> sympy.Symbol:
    """A function value that both passes read: computed in the forward pass, kept for the backward pass."""
    return sympy.Symbol(f"%{number}")


def common(number: int) -> sympy.Symbol:
    """A common subexpression of one sweep."""
    return sympy.Symbol(f"&{number}")
