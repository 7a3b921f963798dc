"""What the template lays out of persistent kernels, as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derive.printers.cuda.model import Argument, Guarded, Weights


@dataclass(frozen=True, slots=True)
class Alive:
    """Lines for units of one dimension: for an item whose sequence runs, and those `beyond` its end."""

    size: str
    lines: tuple[str, ...]
    beyond: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GridSum:
    """A sum of a product, with the `weights` and the `totals` of each unit of a team.

    `totals` are the sums of several items. The parts of a sum by the threads of each unit lie in shared memory behind
    as many others as `before`, where a team has several units.
    """

    name: str
    weights: tuple[Weights, ...]
    totals: tuple[str, ...]
    before: int


@dataclass(frozen=True, slots=True)
class GridProduct:
    """The products of a stack inside a persistent kernel, for whose sums the threads of `team` units work together.

    `operand` is the element of the operand in a `column` of `depth` for an item; in shared memory an item takes `room`
    elements, `count` for every lane of the team, from `begin` on, which lies behind the rooms of `before`.
    """

    sums: tuple[GridSum, ...]
    team: int
    count: str
    room: str
    begin: str
    before: tuple[str, ...]
    depth: str
    operand: str

    @property
    def parts(self) -> int:
        """How many parts of sums of each unit lie in shared memory."""
        return len(self.sums) * self.team if self.team > 1 else 0


@dataclass(frozen=True, slots=True)
class TensorSum:
    """A sum of a product on tensor cores, for the units of `size`; `place` is the first weight of its row or column."""

    name: str
    size: str
    place: str


@dataclass(frozen=True, slots=True)
class TensorProduct:
    """The products of a stack inside a persistent kernel on tensor cores.

    Weights of `packed` are `stride` apart from column to column of `depth`. Those of the operand are neighbours;
    `origin` is its element in the first column for an item, the next item begins `width` elements further, and
    `before` is in which of its columns the first one lies. In shared memory what the warps have of the sums lies
    behind the rooms of `behind`.

    `names` are what the kernel calls what it makes for this product: the numbers of a `tensor.Tiling`, "rows",
    "slices" and "parts", with its "words", "count" of sums and "room"; the registers, "fragments" of weights and
    "totals"; what loads the operand, "load"; the element of the first item at a time, "origin", and where sums "begin".
    """

    sums: tuple[TensorSum, ...]
    packed: str
    stride: str
    depth: str
    operand: str
    origin: str
    width: str
    before: str
    behind: tuple[str, ...]
    names: Mapping[str, str]

    @property
    def room(self) -> str:
        """What it takes of shared memory."""
        return self.names["room"]

    @property
    def parts(self) -> int:
        """None lie behind the rooms of all products."""
        return 0


@dataclass(frozen=True, slots=True)
class GridStage:
    """A stage inside a persistent kernel: a barrier of the grid, products, and behind them the work of each item.

    `parts` is where in shared memory the parts of sums lie, behind `rooms` for each item; "" where teams are one unit,
    and on tensor cores.
    """

    barrier: bool
    products: tuple[GridProduct | TensorProduct, ...]
    parts: str
    rooms: tuple[str, ...]
    loads: tuple[Guarded, ...]
    work: tuple[Alive, ...]


@dataclass(frozen=True, slots=True)
class GridKernel:
    """The loop over time as a kernel whose blocks run it together; made for the `sizes` that it names.

    Its products are on tensor cores with `tensor`. `step_rows` are which of the rows now, before and here it names,
    `zero` is the name of that constant. `own` reads parameters into registers, `sums` are added to in all steps, and
    `final` stands behind the loop.
    """

    name: str
    backward: bool
    tensor: bool
    zero: str
    sizes: tuple[str, ...]
    arguments: tuple[Argument, ...]
    step_rows: tuple[str, ...]
    constants: dict[str, str]
    own: tuple[Guarded, ...]
    stages: tuple[GridStage, ...]
    sums: tuple[str, ...]
    final: tuple[Guarded, ...]
