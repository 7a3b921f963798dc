"""The plan of a cell: the data structure between its mathematics and every kernel.

The plan says what is computed, in which region, in which order, and what is kept; it does not say in which language.
Statements are SymPy expressions over symbols; `Plan.places` says where the value of a symbol is stored.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from derive.gradients import Gradients
from derive.graph import Graph


class Region(enum.Enum):
    """When a statement runs; the backward pass runs the regions in reverse.

    PREAMBLE reads parameters only. PREFIX reads no state, LOOP carries the state from step to step, SUFFIX is what
    nothing carried depends on. All but the loop run batched over T*B.
    """

    PREAMBLE = "preamble"
    PREFIX = "prefix"
    LOOP = "loop"
    SUFFIX = "suffix"


REGIONS = tuple(Region)


class Kept(enum.Enum):
    """How many rows a stored value has along time.

    STEPS: one row a step. CHUNK: one row for each step of the running chunk of steps. CARRIED: T+1 rows, the first is
    the value before the first step. PAIR: two rows, for what is handed from one step to the next. ONE: the value of the
    running step. ONCE: no time, no batch. SUM: no time, no batch, added to in every step.
    """

    STEPS = "steps"
    CHUNK = "chunk"
    CARRIED = "carried"
    PAIR = "pair"
    ONE = "one"
    ONCE = "once"
    SUM = "sum"


class Origin(enum.Enum):
    """Who fills an array: the caller, the forward pass or the backward pass."""

    CALLER = "caller"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Array:
    """A stored value: `columns` are the dimensions whose sizes add up to its last axis ("" is 1, a scalar).

    `saved` marks what the backward pass reads: it belongs to the tape. `shrinks` marks what needs but one or two rows
    when no tape is kept. `holds` says what is in it.
    """

    name: str
    holds: str
    kept: Kept
    columns: tuple[str, ...]
    origin: Origin
    saved: bool = False
    shrinks: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where the value of a symbol is stored: columns of an array that start after those of `before`."""

    array: Array
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """`symbol = expression`, for each unit of `dimension` ("" for a scalar); `label` is F.n or B.n."""

    symbol: sympy.Symbol
    expression: sympy.Expr
    dimension: str
    region: Region
    label: str = ""


@dataclass(frozen=True, slots=True)
class Accumulate:
    """`symbol += expression`, over units of `dimension`, steps and batch: a timeless adjoint."""

    symbol: sympy.Symbol
    expression: sympy.Expr
    dimension: str
    region: Region
    label: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """Products with the same right-hand vector, made one product: `matrices` below each other times `operand`.

    `matrices` are (name, transposed) with their row dimensions in `rows`; `products` are the symbols of their values.
    The backward product, the stacked matrices transposed times the adjoints of the products, has the value `pulled`.
    """

    name: str
    products: tuple[sympy.Symbol, ...]
    matrices: tuple[tuple[str, bool], ...]
    rows: tuple[str, ...]
    operand: sympy.Symbol
    columns: str
    region: Region
    pulled: sympy.Symbol


Statement = Assign | Accumulate


@dataclass(frozen=True, slots=True)
class Sweep:
    """An element-wise region: statements for all units of one dimension, in order, in one pass."""

    dimension: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """Products whose operands are there, and the element-wise regions behind them."""

    products: tuple[Stack, ...]
    sweeps: tuple[Sweep, ...]


@dataclass(frozen=True, slots=True)
class Pass:
    """One direction: the stages of every region that has any, in the order in which they run."""

    regions: tuple[tuple[Region, tuple[Stage, ...]], ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All statements, in order."""
        return tuple(
            statement
            for _, stages in self.regions
            for stage in stages
            for sweep in stage.sweeps
            for statement in sweep.statements
        )


@dataclass(frozen=True, slots=True)
class WeightGradient:
    """One deferred product: the adjoints of a stack, transposed, times its operand, over all T*B rows at once.

    `parameters` are the matrices that receive slices of its rows, (name, transposed, row dimension), in order.
    """

    stack: Stack
    parameters: tuple[tuple[str, bool, str], ...]


@dataclass(frozen=True, slots=True)
class StateGradient:
    """The gradient of an initial state: the sum of what the hops into step 1 left in `carried`."""

    state: str
    carried: tuple[sympy.Symbol, ...]


@dataclass(frozen=True, slots=True)
class Tape:
    """What the forward pass leaves to the backward pass under a policy, and what that pass computes again.

    `saved` are the forward values that the backward pass loads, besides inputs; `recomputed` are the forward
    statements, in order, that its sweeps repeat.
    """

    policy: str
    saved: frozenset[sympy.Symbol]
    recomputed: tuple[Assign, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Work of one step and one sequence, of true sizes, as text formulas over the names of the dimensions.

    `products` and `backward_products` count multiply-adds of matrix products as two operations each; `elementwise`
    counts other operations per unit of each dimension, of which the backward pass repeats `recomputed`; `saved` is the
    number of values kept on the tape.
    """

    products: sympy.Expr
    backward_products: sympy.Expr
    elementwise: sympy.Expr
    backward_elementwise: sympy.Expr
    recomputed: sympy.Expr
    saved: sympy.Expr


@dataclass(frozen=True)
class Plan:
    """What every target renders: both passes, the tape, the storage, the deferred products and the count.

    `outputs` are the arrays that are handed out, by name of the output; nothing else is stored in them.
    """

    graph: Graph
    gradients: Gradients
    forward: Pass
    backward: Pass
    stacks: tuple[Stack, ...]
    weight_gradients: tuple[WeightGradient, ...]
    state_gradients: tuple[StateGradient, ...]
    tape: Tape
    arrays: tuple[Array, ...]
    places: Mapping[sympy.Symbol, Place]
    outputs: Mapping[str, Array]
    regions: Mapping[sympy.Symbol, Region]
    count: Count
