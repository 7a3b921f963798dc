"""The typed equations of one cell: what the parser hands to every later stage.

Everything here is immutable and free of SymPy, so that reading a cell costs no import of it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction


class Kind(enum.Enum):
    """What a name stands for in one step of one sequence."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"


class Role(enum.Enum):
    """Where the value of a name comes from."""

    INPUT = "input"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written, kept exactly."""

    value: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One standing of a name in the text of an equation.

    `lag` is 0 for `c` and 1 for `c[t-1]`; `index` counts from 1 the occurrences of the same name and lag in the same
    equation, in the order of the text; `line` and `column` (from 1) are its place in the cell's file.
    """

    name: str
    lag: int
    index: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Negation:
    """`-operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Operation:
    """An element-wise operation; `operator` is one of `+ - * / **`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """An elementary function of `rules.py` applied element by element."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """`matrix @ operand`, or `transpose(matrix) @ operand`."""

    matrix: Occurrence
    transposed: bool
    operand: Expression


Expression = Number | Occurrence | Negation | Operation | Call | MatrixProduct


@dataclass(frozen=True, slots=True)
class Equation:
    """`target = expression`; `number` counts from 1 and is the n of (F.n) everywhere."""

    target: str
    expression: Expression
    number: int
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Dimension:
    """A class of equal sizes under unification.

    `name` is what it is called in shapes; `names` are all the arguments of `init` that must agree with it: one, or
    more where two named classes were unified (x added to h).
    """

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name of the cell: what it is and its shape as names of dimensions.

    `shape` is () for a scalar, (d,) for a vector, (rows, columns) for a matrix. `timeless` is true for parameters,
    constants and variables made of them alone: they carry no step index.
    """

    name: str
    role: Role
    kind: Kind
    shape: tuple[str, ...]
    timeless: bool


@dataclass(frozen=True, slots=True)
class Init:
    """How a parameter starts: `rule` is "number", "uniform" (U(±value)), "fan_in" (U(±1/sqrt(columns))), "glorot" or
    "orthogonal"; `value` is the number, or the bound of "uniform"."""

    rule: str
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss a cell file names: `rule` is "softmax_cross_entropy" or "mse", `variable` what it reads."""

    rule: str
    variable: str


@dataclass(frozen=True, slots=True)
class Equations:
    """A whole cell, typed.

    `equations` stand in the order of the text, which is an order of evaluation. `states` are the variables and inputs
    read at t-1, in the order in which they are assigned (inputs first). `outputs` are what the errors enter at: with a
    `loss`, the variable that it reads. `parameters` stand in order of first use.
    `dimensions` are in the order of `init`'s arguments: input_size, hidden_size, others by first use.
    """

    name: str
    title: str
    source: str
    text: str
    file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    equations: tuple[Equation, ...]
    symbols: Mapping[str, Symbol]
    constants: Mapping[str, Number]
    dimensions: tuple[Dimension, ...]
    init: Mapping[str, Init]
    initial: Mapping[str, float]
    latex: Mapping[str, str]
    loss: Loss | None

    @property
    def size_names(self) -> tuple[str, ...]:
        """The arguments of `init` that give sizes, in order: input_size, then hidden_size, then others."""
        names = [name for dimension in self.dimensions for name in dimension.names]
        return tuple(sorted(names, key=lambda name: {"input_size": 0, "hidden_size": 1}.get(name, 2)))

    @property
    def variables(self) -> tuple[str, ...]:
        """What the equations assign, in order of evaluation."""
        return tuple(equation.target for equation in self.equations)

    @property
    def timed(self) -> tuple[str, ...]:
        """The names that carry a step: inputs, then variables in order of evaluation."""
        return tuple(name for name in (*self.inputs, *self.variables) if not self.symbols[name].timeless)

    def equation_of(self, variable: str) -> Equation:
        """The equation that assigns `variable`; KeyError where none does."""
        for equation in self.equations:
            if equation.target == variable:
                return equation
        raise KeyError(variable)


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node of `expression`, in the order of the text (a matrix comes before its operand)."""
    yield expression
    match expression:
        case Negation(operand):
            yield from walk(operand)
        case Operation(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case Call(_, arguments):
            for argument in arguments:
                yield from walk(argument)
        case MatrixProduct(matrix, _, operand):
            yield matrix
            yield from walk(operand)


def occurrences(expression: Expression) -> tuple[Occurrence, ...]:
    """All occurrences in `expression`, in the order of the text."""
    return tuple(node for node in walk(expression) if isinstance(node, Occurrence))
