"""The constructs of the language, and which of them a cell holds: what the random cells must cover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from derive.equations import (
    Call,
    Equations,
    Expression,
    Kind,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
    Role,
    occurrences,
    walk,
)
from derive.rules import RULES

CONSTRUCTS = (
    "no state",
    "one state",
    "two states",
    "three states or more",
    "states of different sizes",
    "an input at t-1",
    "a variable other than the output at t-1",
    "an output that is no state",
    "two inputs",
    "several outputs",
    "softmax_cross_entropy",
    "mse",
    "a shared matrix",
    "a transposed matrix",
    "a matrix both straight and transposed",
    "a vector parameter in several equations",
    "an occurrence repeated",
    "v beside v[t-1]",
    "v * v",
    "v - v",
    "v + v",
    "a product",
    "a product at t-1",
    "a product of an expression",
    "a product of a new value",
    "a product inside a product",
    "a product of parameters only",
    "a scalar parameter",
    "a constant",
    "a timeless vector",
    "a timeless scalar",
    "a number",
    "a negation",
    "+",
    "-",
    "*",
    "/",
    "** whole",
    "** fraction",
    "** negative",
    "** scalar parameter",
    "** constant",
    "** vector",
    "number **",
    "a name of SymPy",
    "a name of the code",
    *(f"{name}()" for name, rule in RULES.items() if not rule.internal),
)

COVERAGE: dict[str, tuple[int, Counter[str]]] = {}
"""For each target the number of cells that agreed, and how many of them hold each construct."""

SYMPY = {"S", "I", "E", "N", "O", "Q", "C", "pi", "beta", "gamma", "zeta", "Symbol", "Add", "oo"}
CODE = {"np", "tape", "params", "item", "unit", "lengths", "steps", "batch", "real", "call", "mask", "before", "kept_c"}


def constructs(cell: Equations) -> set[str]:
    """The constructs that `cell` holds, by the names of CONSTRUCTS."""
    found = set(_shape(cell))
    for equation in cell.equations:
        for node in walk(equation.expression):
            found |= set(_node(cell, node))
        reads = Counter((read.name, read.lag) for read in occurrences(equation.expression))
        if max(reads.values(), default=0) > 1:
            found.add("an occurrence repeated")
        if any((name, 1) in reads for name, lag in reads if lag == 0):
            found.add("v beside v[t-1]")
    return found


def _shape(cell: Equations) -> Iterator[str]:
    """What the cell is as a whole."""
    yield ("no state", "one state", "two states", "three states or more")[min(len(cell.states), 3)]
    if len({cell.symbols[name].shape for name in cell.states}) > 1:
        yield "states of different sizes"
    if set(cell.inputs) & set(cell.states):
        yield "an input at t-1"
    if set(cell.states) - set(cell.inputs) - set(cell.outputs):
        yield "a variable other than the output at t-1"
    if set(cell.outputs) - set(cell.states):
        yield "an output that is no state"
    if len(cell.inputs) > 1:
        yield "two inputs"
    if len(cell.outputs) > 1:
        yield "several outputs"
    if cell.loss:
        yield cell.loss.rule
    if set(cell.symbols) & SYMPY:
        yield "a name of SymPy"
    if set(cell.symbols) & CODE:
        yield "a name of the code"
    for symbol in cell.symbols.values():
        if symbol.role is Role.VARIABLE and symbol.timeless:
            yield f"a timeless {symbol.kind.value}"
    products = [node for item in cell.equations for node in walk(item.expression) if isinstance(node, MatrixProduct)]
    uses = Counter(product.matrix.name for product in products)
    if max(uses.values(), default=0) > 1:
        yield "a shared matrix"
    turned = {product.matrix.name for product in products if product.transposed}
    if turned:
        yield "a transposed matrix"
    if turned & {product.matrix.name for product in products if not product.transposed}:
        yield "a matrix both straight and transposed"
    reads = Counter(name for item in cell.equations for name in {read.name for read in occurrences(item.expression)})
    vectors = [name for name in cell.parameters if cell.symbols[name].kind is Kind.VECTOR]
    if any(reads[name] > 1 for name in vectors):
        yield "a vector parameter in several equations"


def _node(cell: Equations, node: Expression) -> Iterator[str]:
    """What one node of an expression is."""
    match node:
        case Number():
            yield "a number"
        case Negation():
            yield "a negation"
        case Call(function):
            yield f"{function}()"
        case Occurrence(name):
            symbol = cell.symbols[name]
            if symbol.kind is Kind.SCALAR and symbol.role is Role.PARAMETER:
                yield "a scalar parameter"
            if symbol.role is Role.CONSTANT:
                yield "a constant"
        case Operation("**", base, exponent):
            yield from _power(cell, base, exponent)
        case Operation(operator, left, right):
            yield operator
            standing = [(item.name, item.lag) for item in (left, right) if isinstance(item, Occurrence)]
            if operator != "/" and len(standing) == 2 and standing[0] == standing[1]:
                yield f"v {operator} v"
        case MatrixProduct(_, _, operand):
            yield from _product(cell, operand)


def _power(cell: Equations, base: Expression, exponent: Expression) -> Iterator[str]:
    if isinstance(base, Number):
        yield "number **"
    names = {read.name for read in occurrences(exponent)}
    if not names:
        yield "** whole" if isinstance(exponent, Number) and exponent.value.denominator == 1 else "** fraction"
        if any(isinstance(node, Negation) for node in walk(exponent)):
            yield "** negative"
    elif any(cell.symbols[name].kind is Kind.VECTOR for name in names):
        yield "** vector"
    elif any(cell.symbols[name].role is Role.CONSTANT for name in names):
        yield "** constant"
    else:
        yield "** scalar parameter"


def _product(cell: Equations, operand: Expression) -> Iterator[str]:
    yield "a product"
    reads = occurrences(operand)
    if not isinstance(operand, Occurrence):
        yield "a product of an expression"
    elif operand.lag:
        yield "a product at t-1"
    elif cell.symbols[operand.name].role is Role.VARIABLE:
        yield "a product of a new value"
    if any(isinstance(node, MatrixProduct) for node in walk(operand)):
        yield "a product inside a product"
    if all(not read.lag and cell.symbols[read.name].timeless for read in reads):
        yield "a product of parameters only"
