"""The reference target: NumPy, one line a term, in the words of the documents.

Every variable keeps all its rows along time; row t of the code is step t of the equations, and row 0 is the state
before the first step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy

from derive.elementary import OccurrenceSymbol, ProductSymbol, Value, identify
from derive.equations.model import Kind
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Diagonal, Edge, Graph, Outer, Product, Transfer
from derive.names import Namer
from derive.printers.base import Binding
from derive.printers.code import NumpyPrinter, decimal
from derive.printers.text import arrow

RESERVED = (
    "annotations", "array", "arrays", "backward", "batch", "call", "calls", "consume_tape", "contiguous", "dstate",
    "dtype", "dy", "ends", "errors", "forward", "functions", "Grads", "grads", "hidden_size", "init", "init_state",
    "input_size", "Inputs", "keep_tape", "len", "lengths", "loss", "losses", "map", "mask", "NamedTuple", "np",
    "output_size", "Outputs", "pack", "parameters", "Params", "params", "range", "seed", "SIGNATURE", "Signature",
    "sizes", "State", "state", "step", "steps", "t", "Tape", "tape", "target", "tuple", "unrolled", "weight", "x_t",
    "y_t", "zip",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A statement of the code and the comment behind it."""

    text: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AdjointBlock:
    """The code of one adjoint equation: the terms of the sum, each with the route it belongs to."""

    name: str
    source: str
    label: str
    terms: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The array of an input or a variable; `first` is the code that gives row 0, if it is a state."""

    name: str
    size: str
    first: str


@dataclass(frozen=True)
class ReferenceView:
    """What the reference template lays out."""

    names: Mapping[str, str]
    adjoints: Mapping[str, str]
    constants: tuple[Line, ...]
    timeless: tuple[Line, ...]
    steps: tuple[Line, ...]
    backward: tuple[AdjointBlock, ...]
    initial: tuple[AdjointBlock, ...]
    inputs: tuple[Rows, ...]
    variables: tuple[Rows, ...]
    values: tuple[str, ...]
    errors: tuple[str, ...]
    ends: tuple[str, ...]
    totals: tuple[tuple[str, str], ...]
    sums: tuple[Line, ...]
    timeless_backward: tuple[Line, ...]


class _Writer:
    """Prints terms of one cell; `ahead` shifts every step index, as a hop to t+1 needs.

    With `at_start` step t is step 0, the row of the initial states.
    """

    def __init__(self, gradients: Gradients, *, at_start: bool = False) -> None:
        self._at_start = at_start
        self.gradients = gradients
        self.graph: Graph = gradients.graph
        self.equations = gradients.graph.equations
        namer = Namer(RESERVED)
        self.names = {name: namer.new(name) for name in self.equations.symbols}
        self.adjoints = {name: namer.new(f"d_{name}") for name in self.equations.symbols}
        self.errors = {name: namer.new(f"error_{name}") for name in self.equations.outputs}
        self.ends = {name: namer.new(f"last_error_{name}") for name in self.equations.states}

    def rows(self, name: str) -> Rows:
        """The array of an input or of a variable that carries t."""
        states = self.equations.states
        first = f", call.state[{states.index(name)}]" if name in states else ""
        return Rows(self.names[name], self.equations.symbols[name].shape[0], first)

    def subscript(self, name: str, array: str, offset: int) -> str:
        """`array` at step t + offset, or without a step where `name` is timeless."""
        if self.equations.symbols[name].timeless:
            return array
        if self._at_start:
            return f"{array}[{offset}]"
        return f"{array}[t{f' + {offset}' if offset > 0 else f' - {-offset}' if offset else ''}]"

    def leaf(self, symbol: sympy.Symbol, ahead: int) -> str:
        """The code of a value, an occurrence or a product."""
        if isinstance(symbol, OccurrenceSymbol):
            symbol = symbol.value
        if isinstance(symbol, ProductSymbol):
            product = self.graph.products[symbol]
            matrix = self.names[product.matrix.name] + ("" if product.transposed else ".T")
            return f"{self.operand(product, product.operand, ahead, Binding.POWER)} @ {matrix}"
        assert isinstance(symbol, Value)
        return self.subscript(symbol.variable, self.names[symbol.variable], ahead - symbol.lag)

    def operand(self, product: Product, expression: sympy.Expr, ahead: int, binding: Binding = Binding.SUM) -> str:
        """The right-hand vector of a product; SymPy makes a number of 0 * v, which is written out as a vector."""
        text = NumpyPrinter(lambda symbol: self.leaf(symbol, ahead)).text(expression, binding)
        if expression.free_symbols:
            return text
        return f"np.full({self.names[product.matrix.name]}.shape[{0 if product.transposed else 1}], {text}, dtype)"

    def formula(self, target: str, expression: sympy.Expr) -> str:
        """The right-hand side of an equation, in the order of its text."""
        order = self.graph.reading_order(target)
        return NumpyPrinter(lambda symbol: self.leaf(symbol, 0), order).text(expression)

    def factor(self, expression: sympy.Expr, ahead: int) -> str:
        """An element-wise factor of an immediate partial."""
        return NumpyPrinter(lambda symbol: self.leaf(symbol, ahead)).text(identify(expression), Binding.PRODUCT)

    def term(self, hop: Edge) -> str:
        """The term of a hop, without the sum that a timeless source asks for."""
        text = self.subscript(hop.target, self.adjoints[hop.target], hop.lag)
        leaf = True
        for factor in hop.partial:
            held = text if leaf else f"({text})"
            leaf = False
            match factor:
                case Diagonal(expression, _):
                    text = f"{self.factor(expression, hop.lag)} * {held}"
                case Transfer(_, matrix, transposed):
                    text = f"{held} @ {self.names[matrix]}{'.T' if transposed else ''}"
                case Outer(product, operand, transposed):
                    vector = self.operand(self.graph.products[product], operand, hop.lag)
                    if self.timed(hop):
                        text, vector = f"mask.at(t, {text})", f"mask.at(t, {vector})" if "[t" in vector else vector
                    first, second = (vector, text) if transposed else (text, vector)
                    text = f"unrolled.outer({first}, {second})"
        return text

    def timed(self, hop: Edge) -> bool:
        """Whether the hop's target carries t."""
        return not self.equations.symbols[hop.target].timeless


def view(gradients: Gradients) -> ReferenceView:
    """Everything the reference template needs, as text."""
    writer, start = _Writer(gradients), _Writer(gradients, at_start=True)
    equations = writer.equations
    timeless: list[Line] = []
    steps: list[Line] = []
    for formula in writer.graph.formulas:
        symbol = equations.symbols[formula.target]
        right = writer.formula(formula.target, formula.expression)
        line = Line(
            f"{writer.subscript(symbol.name, writer.names[symbol.name], 0)} = {right}", f"(F.{formula.equation.number})"
        )
        (timeless if symbol.timeless else steps).append(line)
    blocks = [_block(writer, item) for item in (*gradients.variables, *gradients.inputs) if not item.timeless]
    sums: list[Line] = []
    finish: list[Line] = []
    for adjoint in (*gradients.variables, *gradients.parameters):
        if adjoint.timeless:
            sums.extend(_sum(writer, adjoint, True))
    for adjoint in (*gradients.variables, *gradients.parameters):
        if adjoint.timeless:
            finish.extend(_sum(writer, adjoint, False))
    constants = tuple(
        Line(f"{writer.names[name]} = {_signed_decimal(number.value)}") for name, number in equations.constants.items()
    )
    assigned = [formula.target for formula in writer.graph.formulas]
    timed = [name for name in assigned if not equations.symbols[name].timeless]
    summed = [item.name for item in (*gradients.variables, *gradients.parameters) if item.timeless]
    return ReferenceView(
        inputs=tuple(writer.rows(name) for name in equations.inputs),
        variables=tuple(writer.rows(name) for name in timed),
        values=tuple(writer.names[name] for name in (*equations.inputs, *assigned)),
        errors=tuple(writer.errors.values()),
        ends=tuple(writer.ends.values()),
        totals=tuple((writer.adjoints[name], writer.names[name]) for name in summed),
        names=writer.names,
        adjoints=writer.adjoints,
        constants=constants,
        timeless=tuple(timeless),
        steps=tuple(steps),
        backward=tuple(blocks),
        initial=tuple(_initial(start, gradients.adjoints[state]) for state in equations.states),
        sums=tuple(sums),
        timeless_backward=tuple(finish),
    )


def _block(writer: _Writer, adjoint: Adjoint) -> AdjointBlock:
    """The sum of an adjoint at step t, over its first hops, with the errors that enter from outside."""
    terms = []
    for number, hop in enumerate(adjoint.hops, start=1):
        comment = f"route {number}: {arrow(hop)}"
        if hop.target == LOSS:
            terms.append(Line(f"{writer.errors[adjoint.name]}[t]", comment))
        elif hop.crosses_step:
            terms.append(Line(f"mask.at(t + 1, {writer.term(hop)})", comment))
        else:
            terms.append(Line(writer.term(hop), comment))
    if adjoint.name in writer.equations.states:
        terms.append(Line(f"{writer.ends[adjoint.name]}[t]", "the error on the last state"))
    return AdjointBlock(writer.adjoints[adjoint.name], adjoint.name, f"(B.{adjoint.number})", tuple(terms))


def _initial(writer: _Writer, adjoint: Adjoint) -> AdjointBlock:
    """The gradient of an initial state: only the hops that cross into step 1."""
    terms = [Line(f"mask.at(1, {writer.term(hop)})", arrow(hop)) for hop in adjoint.across]
    terms.append(Line(f"{writer.ends[adjoint.name]}[0]", "a sequence of length 0"))
    return AdjointBlock(writer.adjoints[adjoint.name], adjoint.name, f"(B.{adjoint.number})", tuple(terms))


def _sum(writer: _Writer, adjoint: Adjoint, timed: bool) -> Iterator[Line]:
    """The terms of a timeless adjoint that are summed over t (`timed`), or those of timeless targets."""
    symbol = writer.equations.symbols[adjoint.name]
    name = writer.adjoints[adjoint.name]
    for number, hop in enumerate(adjoint.hops, start=1):
        if hop.target == LOSS or writer.timed(hop) != timed:
            continue
        term = writer.term(hop)
        if symbol.kind is not Kind.MATRIX:
            term = f"unrolled.summed({f'mask.at(t, {term})' if timed else term}, {name}.shape)"
        yield Line(f"{name} += {term}", f"(B.{adjoint.number}) route {number}: {arrow(hop, timeless=True)}")


def _signed_decimal(value: object) -> str:
    number = sympy.Rational(value)
    return f"-{decimal(-number)}" if number < 0 else decimal(number)
