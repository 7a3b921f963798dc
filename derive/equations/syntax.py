"""One line of text -> one statement: Python's `ast`, read through a whitelist.

Nothing is evaluated. A node that is not on the list is an error that says what would be right.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from derive.equations.arithmetic import Numeric, numeric, objection
from derive.equations.limits import MAX_DEPTH, MAX_EQUATIONS
from derive.equations.model import (
    Call,
    Equation,
    Expression,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
)
from derive.equations.page import Page, close_names, listed
from derive.equations.scan import Line, scan
from derive.errors import DeriveError
from derive.rules import RULES

FUNCTIONS = tuple(name for name, rule in RULES.items() if not rule.internal)
"""The elementary functions that a cell can call."""

RESERVED = frozenset({*FUNCTIONS, "transpose", "t", "J"})
"""Names with a meaning of their own, which no vector or matrix can have; J is the loss."""

_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}

_INSTEAD = {
    ast.Attribute: "attributes (`a.b`) are not part of the language; the transposed matrix is `transpose(W)`",
    ast.Starred: "stars (`*args`) are not part of the language",
    ast.Tuple: "a comma has no meaning here; an expression is one value",
    ast.List: "lists are not part of the language; group with parentheses ( )",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One equation before its names have a meaning: `column` is where its target stands."""

    equation: Equation
    column: int


@dataclass(slots=True)
class _Reader:
    """Reads the expression of one line. `known` are the names that stand for numbers alone."""

    page: Page
    line: Line
    offset: int
    functions: tuple[str, ...]
    known: Mapping[str, Numeric]
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def error(self, message: str, node: ast.AST | None = None) -> DeriveError:
        column = getattr(node, "col_offset", 0) + self.offset + 1
        return self.page.error(message, self.line.number, column)

    def expression(self, node: ast.expr, depth: int = 0) -> Expression:
        """The expression of `node`, which stands `depth` levels below the equation."""
        if depth > MAX_DEPTH:
            raise self.error(f"an expression has at most {MAX_DEPTH} levels; give a part of it a name", node)
        match node:
            case ast.Constant() if node.col_offset + self.offset + 1 in self.line.numbers:
                return self.line.numbers[node.col_offset + self.offset + 1]
            case ast.Name() | ast.Subscript():
                return self.occurrence(node)
            case ast.UnaryOp(ast.USub(), operand):
                return Negation(self.expression(operand, depth + 1))
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.expression(operand, depth + 1)
            case ast.BinOp(left, ast.MatMult(), right):
                return self.product(left, right, depth)
            case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
                return self.operation(_OPERATORS[type(operator)], left, right, depth)
            case ast.Call():
                return self.call(node, depth)
            case _:
                raise self.error(_INSTEAD.get(type(node), "this is not part of the language of cells"), node)

    def operation(self, operator: str, left: ast.expr, right: ast.expr, depth: int) -> Expression:
        first = self.expression(left, depth + 1)
        second = self.expression(right, depth + 1)
        if reason := objection(operator, first, second, self.known):
            raise self.error(reason, right if operator in ("**", "/") else left)
        return Operation(operator, first, second)

    def product(self, left: ast.expr, right: ast.expr, depth: int) -> Expression:
        """`matrix @ right`; a minus before the matrix is that of the product, for Python binds it more tightly."""
        match left:
            case ast.UnaryOp(ast.USub(), operand):
                return Negation(self.product(operand, right, depth + 1))
            case ast.Name():
                matrix, transposed = self.occurrence(left), False
            case ast.Call(ast.Name("transpose"), [ast.Name() as inner], []):
                matrix, transposed = self.occurrence(inner), True
            case ast.Call(ast.Name("transpose")):
                raise self.error("transpose takes the name of one matrix: `transpose(W) @ x`", left)
            case ast.BinOp(_, ast.MatMult(), _):
                raise self.error(
                    "a product of matrices; Python reads `A @ B @ x` as `(A @ B) @ x`: write `A @ (B @ x)`", left
                )
            case ast.BinOp():
                raise self.error(
                    "left of `@` stands one matrix by its name; `@` binds no more tightly than `*`: "
                    "write `g * (W @ x)`",
                    left,
                )
            case ast.Subscript():
                raise self.error("left of `@` stands a matrix, and a matrix has no previous value", left)
            case _:
                raise self.error("left of `@` stands a matrix: its name `W`, or `transpose(W)`", left)
        return MatrixProduct(matrix, transposed, self.expression(right, depth + 1))

    def call(self, node: ast.Call, depth: int) -> Expression:
        if not isinstance(node.func, ast.Name):
            raise self.error("only elementary functions can be called, by their names", node.func)
        name = node.func.id
        if name == "transpose":
            raise self.error("transpose stands only left of `@`: `transpose(W) @ x`", node)
        if name not in self.functions:
            hint = close_names(name, self.functions)
            if not hint and len(node.args) == 1 and re.fullmatch(r"t( - \d+)?", ast.unparse(node.args[0])):
                hint = f" A step stands in brackets: `{name}[t-1]`."
            raise self.error(
                f"`{name}` is not a function of the language.{hint} Functions are {listed(self.functions)}.", node
            )
        if node.keywords:
            raise self.error("keyword arguments are not part of the language; give the value alone", node.keywords[0])
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                raise self.error(_INSTEAD[ast.Starred], argument)
        expected = len(RULES[name].arguments)
        if len(node.args) != expected:
            form = f"{name}({', '.join(RULES[name].arguments)})"
            raise self.error(
                f"`{name}` takes {expected} argument{'s' * (expected > 1)}, `{form}`; here are {len(node.args)}", node
            )
        return Call(name, tuple(self.expression(argument, depth + 1) for argument in node.args))

    def occurrence(self, node: ast.Name | ast.Subscript) -> Occurrence:
        """A name, or a name with [t-1]."""
        target, lag = (node.value, self.lag(node)) if isinstance(node, ast.Subscript) else (node, 0)
        if not isinstance(target, ast.Name):
            raise self.error("[t-1] follows a name; give this expression a name on a line of its own", node)
        name = target.id
        if name == "t":
            raise self.error("`t` is the step; it stands only in [t-1]", node)
        if name == "J":
            raise self.error("`J` is the loss; give this name another one", node)
        if name in RESERVED and name not in RULES:
            raise self.error(f"`{name}` stands only left of `@`: `transpose(W) @ x`", node)
        if name in self.functions:
            raise self.error(f"`{name}` is a function; it takes its argument in parentheses", node)
        self.counts[name, lag] += 1
        return Occurrence(name, lag, self.counts[name, lag], self.line.number, node.col_offset + self.offset + 1)

    def lag(self, node: ast.Subscript) -> int:
        """1 for [t-1]; every other index is refused."""
        name = node.value.id if isinstance(node.value, ast.Name) else "v"
        match node.slice:
            case ast.BinOp(ast.Name("t"), ast.Sub(), ast.Constant(int(1))):
                return 1
            case ast.Name("t"):
                message = f"`{name}[t]` is the value of this step, which is written `{name}`"
            case ast.BinOp(ast.Name("t"), ast.Add(), _):
                message = f"a step cannot read what comes after it; the only index is the previous step, `{name}[t-1]`"
            case ast.BinOp(ast.Name("t"), ast.Sub(), ast.Constant(int())):
                message = f"the only index is the previous step, `{name}[t-1]`; for the one before give it a name, "
                message += f"`{name}_1 = {name}[t-1]`, and read `{name}_1[t-1]`"
            case _:
                message = f"the only index is the previous step, `{name}[t-1]`"
        raise self.error(message, node.slice)


def read_statements(
    page: Page, lines: Sequence[tuple[int, str]], constants: Mapping[str, Number]
) -> tuple[Statement, ...]:
    """The statements of `lines` (number and text), in order; DeriveError for the first that is not an equation."""
    known = {name: Numeric(number.value, 1, power=False) for name, number in constants.items()}
    statements: list[Statement] = []
    for number, raw in lines:
        line = scan(page, number, raw)
        if not line.text.strip():
            continue
        if len(statements) == MAX_EQUATIONS:
            raise page.error(f"a cell has at most {MAX_EQUATIONS} equations", number)
        statement = _statement(page, line, len(statements) + 1, known)
        statements.append(statement)
        value = numeric(statement.equation.expression, known)
        if value is not None:
            known[statement.equation.target] = value
    if not statements:
        raise page.error(
            "there are no equations; write at least one, such as `h = tanh(W @ x + R @ h[t-1] + b)`", lines[0][0]
        )
    return tuple(statements)


def read_expression(page: Page, number: int, raw: str) -> Expression:
    """The one expression of the line `raw`; it may call the internal functions of the rule table."""
    line = scan(page, number, raw)
    reader = _Reader(page, line, _indent(line.text), tuple(RULES), {})
    match _parse(reader):
        case ast.Expr(value):
            return reader.expression(value)
        case node:
            raise reader.error("this is not one expression", node)


def _statement(page: Page, line: Line, number: int, known: Mapping[str, Numeric]) -> Statement:
    """The equation of a line that is not blank."""
    reader = _Reader(page, line, _indent(line.text), FUNCTIONS, known)
    match _parse(reader):
        case ast.Assign([ast.Name(target) as name], value):
            if target in RESERVED:
                raise reader.error(f"`{target}` has a meaning of its own; give this variable another name", name)
            equation = Equation(target, reader.expression(value), number, line.text.strip(), line.number)
            return Statement(equation, reader.offset + 1)
        case ast.Assign([ast.Subscript(ast.Name(target)) as left], _):
            raise reader.error(f"an equation assigns the value of this step: write `{target} = ...`", left)
        case ast.Assign([_, second, *_], _):
            raise reader.error("one `=` a line: give each variable a line of its own", second)
        case ast.Assign([left], _):
            raise reader.error("left of `=` stands one name", left)
        case ast.AugAssign(ast.Name(target)) as node:
            raise reader.error(f"write the whole equation, such as `{target} = {target}[t-1] + ...`", node)
        case node:
            raise reader.error("this is not an equation; an equation is `name = expression`", node)


def _parse(reader: _Reader) -> ast.stmt | None:
    """The one statement of a scanned line; None where it is empty."""
    text = reader.line.text.strip()
    if not text:
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as reason:
        column = getattr(reason, "offset", None) or 1
        message = "this does not read as `name = expression`: near here a name or a sign is missing or too many"
        place = min(column, len(text)) + reader.offset
        raise reader.page.error(message, reader.line.number, place) from None
    return body[0]


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
