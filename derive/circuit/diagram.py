"""From the graph of a cell to its circuit: the top operation of every equation and the operations inside.

A sum that a parameter takes part in is one node, a pre-activation: its products with parameters and its biases are
absorbed, and every value that is read comes in as a wire. What carries no step is not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from derive.circuit.model import Diagram, Kind, Node, Wire
from derive.equations.model import (
    Call,
    Equations,
    Expression,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
    Role,
    occurrences,
)
from derive.graph import LOSS, Graph
from derive.rules import GATES, RULES

_POWER = r"\operatorname{pow}"


@dataclass(frozen=True, slots=True)
class _Form:
    """The top operation of an expression and the operands that carry a step."""

    kind: Kind
    symbol: str
    operands: tuple[Expression, ...]
    couples: bool = False


@dataclass(frozen=True, slots=True)
class _Scaled:
    """An expression without the factors that carry no step: whether a matrix, a parameter, a number were among them."""

    core: Expression
    matrix: bool = False
    weighted: bool = False
    number: Fraction | None = Fraction(1)


@dataclass(frozen=True, slots=True)
class _Signal:
    """Where the value of an expression is found, and the occurrences in it."""

    source: str
    lag: int
    matrix: bool
    occurrences: tuple[Occurrence, ...]


def diagram(graph: Graph) -> Diagram:
    """The circuit of one step of a cell."""
    builder = _Builder(graph.equations)
    for equation in graph.equations.equations:
        if not graph.equations.symbols[equation.target].timeless:
            builder.assign(equation.target, equation.expression)
    for edge in graph.edges:
        if edge.target == LOSS:
            builder.judge(edge.source)
    return Diagram(tuple(builder.nodes), tuple(builder.wires), graph.equations.states)


class _Builder:
    """Collects nodes and wires, equation by equation."""

    def __init__(self, equations: Equations) -> None:
        self._equations = equations
        self.nodes = [Node(name, Kind.INPUT, "", name, carried=name in equations.states) for name in equations.inputs]
        self.wires: list[Wire] = []
        self._equation = ""
        self._inner = 0

    def assign(self, target: str, expression: Expression) -> None:
        """The nodes of one equation; the last one holds its variable."""
        self._equation, self._inner = target, 0
        self._place(target, self._form(expression), target)

    def judge(self, name: str) -> None:
        """The loss behind a variable."""
        node = Node(f"{LOSS}-{name}", Kind.LOSS, "")
        self.nodes.append(node)
        self._equation = LOSS
        self._wire(_Signal(name, 0, False, (Occurrence(name, 0, 1, 0, 0),)), node.id)

    def _place(self, node: str, form: _Form, variable: str | None) -> tuple[Occurrence, ...]:
        """A node with its wires; the occurrences in its operands."""
        signals = [self._signal(operand) for operand in form.operands]
        carried = variable in self._equations.states
        self.nodes.append(Node(node, form.kind, form.symbol, variable, carried, form.couples))
        for signal in signals:
            self._wire(signal, node)
        return tuple(item for signal in signals for item in signal.occurrences)

    def _wire(self, signal: _Signal, target: str) -> None:
        wire = Wire(
            f"w{len(self.wires) + 1}",
            signal.source,
            target,
            signal.lag,
            signal.matrix,
            self._equation,
            signal.occurrences,
        )
        self.wires.append(wire)

    def _signal(self, expression: Expression) -> _Signal:
        """Where the value of an operand is found; an operation gets a node of its own."""
        scaled = self._scaled(expression, through_matrices=True)
        if isinstance(scaled.core, Occurrence):
            return _Signal(scaled.core.name, scaled.core.lag, scaled.matrix, (scaled.core,))
        self._inner += 1
        node = f"{self._equation}-{self._inner}"
        read = self._place(node, self._form(scaled.core), None)
        return _Signal(node, 0, scaled.matrix, read)

    def _form(self, expression: Expression) -> _Form:
        """The top operation of an expression that carries a step, or that has no occurrence which does."""
        if not self._timed(expression):
            top = expression
            function = top.function if isinstance(top, Call) else None
            return _called(function, ()) if function else _Form(Kind.SUM, r"\Sigma", ())
        scaled = self._scaled(expression, through_matrices=False)
        match scaled.core:
            case Occurrence() | MatrixProduct():
                if scaled.weighted or isinstance(scaled.core, MatrixProduct):
                    return _Form(Kind.SUM, r"\Sigma", (scaled.core,))
                symbol = {Fraction(1): "=", Fraction(-1): "-"}.get(scaled.number or Fraction(0), r"\times")
                return _Form(Kind.OPERATOR, symbol, (scaled.core,))
            case Call(function, arguments):
                operands = tuple(argument for argument in arguments if self._timed(argument))
                return _called(function, operands)
            case Operation("+" | "-"):
                return self._sum(scaled.core, scaled.weighted)
            case Operation("*"):
                return _Form(Kind.OPERATOR, r"\odot", tuple(self._factors(scaled.core)), couples=True)
            case Operation("/", left, right):
                if self._timed(left):
                    return _Form(Kind.OPERATOR, r"\div", (left, right), couples=True)
                return _Form(Kind.OPERATOR, "1/", (right,))
            case Operation("**", base, exponent):
                return self._power(base, exponent)
        raise TypeError(f"no circuit is drawn for {expression!r}")

    def _sum(self, expression: Expression, weighted: bool) -> _Form:
        terms, numbers = [], Fraction(0)
        for negative, term in _terms(expression, negative=False):
            if self._timed(term):
                scaled = self._scaled(term, through_matrices=True)
                weighted |= scaled.weighted
                terms.append((negative, term, scaled))
            elif (number := _number(term)) is not None:
                numbers += -number if negative else number
            else:
                weighted = True
        operands = tuple(term for _, term, _ in terms)
        if weighted:
            return _Form(Kind.SUM, r"\Sigma", operands)
        negatives = [negative != ((scaled.number or 1) < 0) for negative, _, scaled in terms]
        if len(terms) == 1:
            negative, scaled = negatives[0], terms[0][2]
            if isinstance(scaled.core, Call) and not negative and scaled.number is not None:
                # 4 * sigmoid(z) - 2 is one activation, stretched and shifted.
                inner = self._form(scaled.core)
                stretch = "" if scaled.number == 1 else _decimal(abs(scaled.number))
                return _Form(inner.kind, f"{stretch}{inner.symbol}{_shift(numbers)}", inner.operands, inner.couples)
            return _Form(Kind.OPERATOR, f"{_decimal(numbers)}-" if negative else _shift(numbers), operands)
        symbol = "+" if not any(negatives) else "-" if len(terms) == 2 and not all(negatives) else r"\pm"
        return _Form(Kind.OPERATOR, symbol, operands)

    def _power(self, base: Expression, exponent: Expression) -> _Form:
        if self._timed(base) and self._timed(exponent):
            return _Form(Kind.OPERATOR, _POWER, (base, exponent), couples=True)
        if self._timed(exponent):
            number = _number(base)
            return _Form(Kind.OPERATOR, _POWER if number is None else f"{_decimal(number)}^{{x}}", (exponent,))
        number = _number(exponent)
        symbols = {Fraction(1, 2): r"\sqrt{}", Fraction(-1): "1/", None: _POWER}
        symbol = symbols.get(number) or f"x^{{{_decimal(number or Fraction(0))}}}"
        return _Form(Kind.OPERATOR, symbol, (base,))

    def _factors(self, expression: Expression) -> Iterator[Expression]:
        """The factors of a product that carry a step."""
        match expression:
            case Operation("*", left, right):
                yield from self._factors(left)
                yield from self._factors(right)
            case Negation(operand):
                yield from self._factors(operand)
            case _ if self._timed(expression):
                yield expression

    def _scaled(self, expression: Expression, *, through_matrices: bool) -> _Scaled:
        """Take away signs, factors without a step and, where wanted, matrices."""
        matrix = weighted = False
        scale: Fraction | None = Fraction(1)
        while True:
            factor: Expression | None = None
            match expression:
                case Negation(operand):
                    scale = None if scale is None else -scale
                    expression = operand
                    continue
                case Operation("*", left, right) if not (self._timed(left) and self._timed(right)):
                    expression, factor = (left, right) if self._timed(left) else (right, left)
                case Operation("/", left, right) if not self._timed(right):
                    expression, factor = left, Operation("/", Number(Fraction(1), "1"), right)
                case MatrixProduct(_, _, operand) if through_matrices and self._timed(operand):
                    matrix = weighted = True
                    expression = operand
                    continue
                case _:
                    return _Scaled(expression, matrix, weighted, scale)
            weighted |= self._has_parameter(factor)
            number = _number(factor)
            scale = None if scale is None or number is None else scale * number

    def _timed(self, expression: Expression) -> bool:
        return any(not self._equations.symbols[item.name].timeless for item in occurrences(expression))

    def _has_parameter(self, expression: Expression) -> bool:
        return any(self._equations.symbols[item.name].role is not Role.CONSTANT for item in occurrences(expression))


def _called(function: str, operands: tuple[Expression, ...]) -> _Form:
    rule = RULES[function]
    if len(rule.arguments) > 1:
        return _Form(Kind.OPERATOR, rule.latex, operands, couples=len(operands) > 1)
    symbol = r"\sqrt{}" if function == "sqrt" else rule.latex
    return _Form(Kind.GATE if function in GATES else Kind.FUNCTION, symbol, operands)


def _terms(expression: Expression, negative: bool) -> Iterator[tuple[bool, Expression]]:
    """The terms of a sum with their signs."""
    match expression:
        case Operation("+" | "-" as operator, left, right):
            yield from _terms(left, negative)
            yield from _terms(right, negative != (operator == "-"))
        case Negation(operand):
            yield from _terms(operand, not negative)
        case _:
            yield negative, expression


def _number(expression: Expression) -> Fraction | None:
    """The value of an expression of numbers; None for any other, and where it is no fraction."""
    match expression:
        case Number(value, _):
            return value
        case Negation(operand):
            inner = _number(operand)
            return None if inner is None else -inner
        case Operation(operator, left, right):
            a, b = _number(left), _number(right)
            if a is None or b is None:
                return None
            match operator:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "/" if b:
                    return a / b
    return None


def _decimal(number: Fraction) -> str:
    return f"{float(number):.3g}"


def _shift(number: Fraction) -> str:
    return "" if number == 0 else f"{'-' if number < 0 else '+'}{_decimal(abs(number))}"
