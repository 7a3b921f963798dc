"""What a document of a cell shows: its tables and its equations; every text in them is LaTeX."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from derive.printers.latex_equations import Term
from derive.printers.sentences import enumerated, in_words, listed_formulas

PAGE_TERMS = 12
"""Terms with braces that surely fit a page."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the tables of symbols; counts are of first hops and of complete routes.

    `forward` is the n of (F.n), None where no equation assigns the name, `backward` that of (B.n).
    """

    symbol: str
    meaning: str
    shape: str
    hops: int
    routes: str
    start: str
    forward: int | None
    backward: int


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters of one shape that begin alike and stand in equally many places."""

    symbols: tuple[str, ...]
    shape: str
    hops: int
    start: str


@dataclass(frozen=True, slots=True)
class Forward:
    """An equation (F.n); `lines` after the first begin with their sign."""

    number: int
    left: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Backward:
    """An equation (B.n): what it is the adjoint of, its terms in braces, and how its slopes are written.

    `error_enters` says that one enters here; `inside` and `across` count the other first hops.
    """

    number: int
    name: str
    left: str
    terms: tuple[Term, ...]
    slopes: tuple[str, ...]
    error_enters: bool
    inside: int
    across: int

    @property
    def ways(self) -> str:
        """Where the routes lead, as a sentence."""
        counted = [(self.inside, "inside the step"), (self.across, "across to step $t+1$")]
        ways = [f"{in_words(count)} {where}" for count, where in counted if count]
        sentence = enumerated(["the error that enters here", *ways] if self.error_enters else ways or ["nowhere"])
        return f"{sentence[:1].upper()}{sentence[1:]}."

    @property
    def long(self) -> bool:
        """Whether the sum may need more than a page, and so must be one that can be broken."""
        return len(self.terms) > PAGE_TERMS


@dataclass(frozen=True, slots=True)
class Block:
    """Equations under one heading: one with several routes, or neighbours with one route, or none, each."""

    equations: tuple[Backward, ...]

    @property
    def names(self) -> str:
        """What the routes leave, in a sentence."""
        return listed_formulas([item.name for item in self.equations])

    @property
    def heading(self) -> str:
        """What stands above the equations."""
        if len(self.equations) == 1:
            routes = len(self.equations[0].terms)
            return f"{'Routes' if routes > 1 else 'The route' if routes else 'No route'} out of {self.names}."
        alone = all(item.terms for item in self.equations)
        return f"{'One route' if alone else 'One route at most'} out of each of {self.names}."

    @property
    def slopes(self) -> tuple[str, ...]:
        """How the slopes of all its equations are written, each once."""
        return tuple(dict.fromkeys(slope for item in self.equations for slope in item.slopes))


@dataclass(frozen=True, slots=True)
class Start:
    """The gradient of an initial state: the lines of its sum."""

    number: int
    left: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What the template lays out; every text is LaTeX. `label` is the name of the cell, which begins all labels."""

    label: str
    title: str
    name: str
    source: str
    sizes: str
    variables: tuple[Row, ...]
    parameters: tuple[Row, ...]
    constants: str
    stateful: bool
    forward: tuple[Forward, ...]
    backward: tuple[Backward, ...]
    sums: tuple[Backward, ...]
    renewed: str
    last: str
    starts: tuple[Start, ...]
    crossing: str
    loss: str
    loss_variable: str
    repeated: bool
    timeless: bool
    scalar: bool
    brackets: bool

    @property
    def parameter_groups(self) -> tuple[ParameterGroup, ...]:
        """The parameters, those together that differ in name alone."""
        found: dict[tuple[str, int, str], list[str]] = {}
        for row in self.parameters:
            found.setdefault((row.shape, row.hops, row.start), []).append(row.symbol)
        return tuple(ParameterGroup(tuple(symbols), *key) for key, symbols in found.items())

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The equations of variables and inputs, heading by heading."""
        return tuple(_blocks(self.backward))

    @property
    def slopes(self) -> tuple[str, ...]:
        """How the slopes in the gradients of the parameters are written, each once."""
        return Block(self.sums).slopes


def _blocks(equations: Sequence[Backward]) -> Iterator[Block]:
    """An equation with several routes stands alone, neighbours with fewer together."""
    for several, group in itertools.groupby(equations, lambda item: len(item.terms) > 1):
        if several:
            yield from (Block((item,)) for item in group)
        else:
            yield Block(tuple(group))
