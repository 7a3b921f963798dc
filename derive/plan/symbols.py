"""The symbols that the plan adds to those of the graph, each named by what it holds.

A name in the plan is text such as `δc`, `δ@3` or `δc[t-1]<loop`, which no cell can contain, so that it never meets a
name of the user. `code` is the same as an identifier, for arrays and scalars of generated code.
"""

from __future__ import annotations

import sympy

from derive.elementary import ProductSymbol, Value, value
from derive.plan.model import Region


class AdjointSymbol(sympy.Symbol):
    """δv: the adjoint of a variable, an input, a parameter or (`@3`) a product."""

    @property
    def subject(self) -> str:
        """What it is the adjoint of."""
        return str(self.name)[1:]

    @property
    def code(self) -> str:
        """An identifier: `d_c`."""
        return f"d_{_identifier(self.subject)}"


class ErrorSymbol(sympy.Symbol):
    """∂J/∂v: the error that enters at an output from outside or from the loss."""

    @property
    def code(self) -> str:
        """An identifier: `error_y`."""
        return f"error_{str(self.name)[1:]}"


class LastErrorSymbol(sympy.Symbol):
    """The error on the last state, which enters at the last step of a sequence."""

    @property
    def code(self) -> str:
        """An identifier: `last_error_c`."""
        return f"last_error_{str(self.name).removeprefix('∂last ')}"


class TotalSymbol(sympy.Symbol):
    """What the steps have added to the adjoint of a timeless name."""

    @property
    def subject(self) -> str:
        """The timeless name, or the product of such."""
        return str(self.name)[2:]

    @property
    def code(self) -> str:
        """An identifier: `sum_b`."""
        return f"sum_{_identifier(self.subject)}"


class ContributionSymbol(sympy.Symbol):
    """What a region adds to δv, at the consumer's step: with lag 1 it belongs to v one step earlier."""

    @property
    def subject(self) -> str:
        """The variable, input or product whose adjoint it adds to."""
        return str(self.name)[1:].partition("<")[0].removesuffix("[t-1]")

    @property
    def lag(self) -> int:
        """1 where the consumer reads the value of the step before."""
        return int(str(self.name).partition("<")[0].endswith("[t-1]"))

    @property
    def code(self) -> str:
        """An identifier: `d_c_before_from_loop`."""
        region = str(self.name).partition("<")[2]
        return f"d_{_identifier(self.subject)}{'_before' if self.lag else ''}_from_{region}"


class FollowingSymbol(sympy.Symbol):
    """The value that a contribution with lag 1 got at the following step; 0 after the last one."""

    @property
    def contribution(self) -> ContributionSymbol:
        """The contribution that is read."""
        return ContributionSymbol(str(self.name).removesuffix("@next"))

    @property
    def code(self) -> str:
        """An identifier: `next_c_before_from_loop`."""
        return f"next_{self.contribution.code.removeprefix('d_')}"


class OperandSymbol(sympy.Symbol):
    """The right-hand vector of a product, where it is an expression."""

    @property
    def code(self) -> str:
        """An identifier: `operand_6`."""
        return f"operand_{str(self.name).removeprefix('@').removesuffix('.operand')}"


class PulledSymbol(sympy.Symbol):
    """The stacked matrices, transposed, times the adjoints: named by the first product of the stack."""

    @property
    def code(self) -> str:
        """An identifier: `pulled_product_2`."""
        return f"pulled_{_identifier(str(self.name).removesuffix('ᵀδ'))}"


class SharedSymbol(sympy.Symbol):
    """A function value that both passes read: computed in the forward pass, kept for the backward pass."""

    @property
    def code(self) -> str:
        """An identifier: `function_1`."""
        return f"function_{str(self.name)[1:]}"


class SingleSymbol(sympy.Symbol):
    """The value of one product by itself, where the backward pass does not read the whole stack of the product."""

    @property
    def code(self) -> str:
        """An identifier: `product_3`."""
        return _identifier(str(self.name).removesuffix(".single"))


class CommonSymbol(sympy.Symbol):
    """A common subexpression of one sweep."""

    @property
    def code(self) -> str:
        """An identifier: `common_1`."""
        return f"common_{str(self.name)[1:]}"


def adjoint(name: str) -> AdjointSymbol:
    """The adjoint of a name or of a product."""
    return AdjointSymbol(f"δ{name}")


def error(name: str) -> ErrorSymbol:
    """The error that enters at `name`."""
    return ErrorSymbol(f"∂{name}")


def last_error(state: str) -> LastErrorSymbol:
    """The error on the last value of `state`."""
    return LastErrorSymbol(f"∂last {state}")


def total(name: str) -> TotalSymbol:
    """The sum over the steps for a timeless name."""
    return TotalSymbol(f"Σδ{name}")


def contribution(name: str, lag: int, region: Region) -> ContributionSymbol:
    """What `region` adds to the adjoint of `name`."""
    return ContributionSymbol(f"δ{name}{'[t-1]' if lag else ''}<{region.value}")


def following(symbol: ContributionSymbol) -> FollowingSymbol:
    """The contribution of the following step."""
    return FollowingSymbol(f"{symbol.name}@next")


def operand(product: ProductSymbol) -> OperandSymbol:
    """The right-hand vector of `product`."""
    return OperandSymbol(f"{product.name}.operand")


def pulled(product: ProductSymbol) -> PulledSymbol:
    """What is pulled back through the stack whose first product is `product`."""
    return PulledSymbol(f"{product.name}ᵀδ")


def shared(number: int) -> SharedSymbol:
    """The shared function value of that number."""
    return SharedSymbol(f"%{number}")


def single(product: ProductSymbol) -> SingleSymbol:
    """The value of `product` by itself."""
    return SingleSymbol(f"{product.name}.single")


def common(number: int) -> CommonSymbol:
    """The common subexpression of that number."""
    return CommonSymbol(f"&{number}")


def unlagged(symbol: sympy.Symbol) -> sympy.Symbol:
    """The symbol whose value is read: c for c[t-1], a contribution for its value at the following step."""
    if isinstance(symbol, Value):
        return value(symbol.variable)
    return symbol.contribution if isinstance(symbol, FollowingSymbol) else symbol


def lag_of(symbol: sympy.Symbol) -> int:
    """How many steps before the running one the value of a symbol is: 1 for c[t-1], else 0."""
    return symbol.lag if isinstance(symbol, Value) else 0


def code(symbol: sympy.Symbol) -> str:
    """An identifier for any symbol that stands for a value of the plan or of the cell."""
    if isinstance(symbol, Value):
        return f"{symbol.variable}_before" if symbol.lag else symbol.variable
    if isinstance(symbol, ProductSymbol):
        return _identifier(symbol.name)
    return str(symbol.code)


def _identifier(name: str) -> str:
    """A name of the cell as it is; the product @3 as product_3."""
    return name.replace("@", "product_")
