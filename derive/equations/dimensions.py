"""Sizes: classes of equal dimensions under unification, and what each class is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from derive.equations.document import Document
from derive.equations.kinds import Kinds
from derive.equations.model import (
    Call,
    Dimension,
    Expression,
    Kind,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
    Role,
    Symbol,
)
from derive.equations.names import Names

Axis = tuple[str, int]
"""One dimension of one name: 0 is a vector's size or a matrix's rows, 1 a matrix's columns."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """The dimensions of a cell, in the order of `init`'s arguments, and its names with their shapes."""

    dimensions: tuple[Dimension, ...]
    symbols: Mapping[str, Symbol]


@dataclass(frozen=True, slots=True)
class _Classes:
    """Union-find over axes."""

    kinds: Mapping[str, Kind]
    parents: dict[Axis, Axis] = field(default_factory=dict)

    def root(self, axis: Axis) -> Axis:
        """What stands for the class of `axis`."""
        parent = self.parents.setdefault(axis, axis)
        while parent != axis:
            self.parents[axis] = self.parents[parent]
            axis, parent = parent, self.parents[parent]
        return axis

    def unify(self, first: Axis | None, second: Axis | None) -> Axis | None:
        """Make both one class; None is a scalar, which fits every size."""
        if first is not None and second is not None:
            self.parents[self.root(second)] = self.root(first)
        return second if first is None else first

    def vector(self, name: str) -> Axis | None:
        """The axis of a vector by its name; None for a scalar."""
        return (name, 0) if self.kinds[name] is Kind.VECTOR else None

    def size(self, expression: Expression) -> Axis | None:
        """An axis of the class of a vector's size, everything inside unified; None for a scalar."""
        match expression:
            case Number():
                return None
            case Occurrence(name):
                return self.vector(name)
            case Negation(operand):
                return self.size(operand)
            case Operation(_, left, right):
                return self.unify(self.size(left), self.size(right))
            case Call(_, arguments):
                axis = None
                for argument in arguments:
                    axis = self.unify(axis, self.size(argument))
                return axis
            case MatrixProduct(matrix, transposed, operand):
                self.unify((matrix.name, 0 if transposed else 1), self.size(operand))
                return (matrix.name, 1 if transposed else 0)


def measure(document: Document, names: Names, kinds: Kinds) -> Shapes:
    """The sizes of all names; DeriveError where [dimensions] contradicts what follows from use."""
    classes = _Classes(kinds.kinds)
    for equation in names.equations:
        classes.unify(classes.size(equation.expression), classes.vector(equation.target))
    _unify_given(document, names, classes)
    titles = _titles(document, names, classes)
    dimensions = tuple(Dimension(title[0], title) for title in titles.values())
    symbols = {}
    for name, role in names.roles.items():
        shape = tuple(titles[classes.root(axis)][0] for axis in _axes(name, kinds.kinds))
        symbols[name] = Symbol(name, role, kinds.kinds[name], shape, name in kinds.timeless)
    return Shapes(dimensions, symbols)


def _axes(name: str, kinds: Mapping[str, Kind]) -> tuple[Axis, ...]:
    """The axes of a name: none for a scalar, one for a vector, rows and columns for a matrix."""
    rank = {Kind.SCALAR: 0, Kind.VECTOR: 1, Kind.MATRIX: 2}[kinds[name]]
    return tuple((name, axis) for axis in range(rank))


def _unify_given(document: Document, names: Names, classes: _Classes) -> None:
    """[dimensions] is about vectors; vectors that it gives one name have one size."""
    first: dict[str, Axis] = {}
    for name, title in document.dimensions.items():
        axis = classes.vector(name)
        if axis is None:
            kind = classes.kinds[name].value
            raise document.error(f"`{name}` is a {kind}; [dimensions] names the size of a vector", "dimensions", name)
        classes.unify(first.setdefault(title, axis), axis)


def _titles(document: Document, names: Names, classes: _Classes) -> dict[Axis, tuple[str, ...]]:
    """What each class is called, in the order of `init`'s arguments: input, hidden, others by first use."""
    called: dict[Axis, list[str]] = {}
    for axis, title in _reserved(document, names, classes):
        called.setdefault(classes.root(axis), []).append(title)
    reserved = {root: tuple(titles) for root, titles in called.items()}
    for name, title in document.dimensions.items():
        root = classes.root((name, 0))
        if root in reserved and title not in reserved[root]:
            known = " and ".join(reserved[root])
            raise document.error(f"the size of `{name}` is called {known} already", "dimensions", name)
        if title not in called.setdefault(root, []):
            called[root].append(title)
    roots = list(dict.fromkeys(classes.root(axis) for name in names.mentions for axis in _axes(name, classes.kinds)))
    for root in roots:
        if root not in called:
            called[root] = [f"{_eponym(names, classes, root)}_size"]
    _check_titles(names, called)
    ordered = {root: tuple(called[root]) for root in roots}
    return dict(sorted(ordered.items(), key=lambda item: _rank(item[1])))


def _rank(titles: tuple[str, ...]) -> int:
    return 0 if "input_size" in titles else 1 if "hidden_size" in titles else 2


def _reserved(document: Document, names: Names, classes: _Classes) -> Iterator[tuple[Axis, str]]:
    """The names that follow from what a vector is: of inputs, of the recurrent output, of a readout.

    Where no variable is a state, whether the output is hidden or a readout is for [dimensions] to say.
    """
    for position, name in enumerate(names.of(Role.INPUT)):
        yield (name, 0), f"{name}_size" if position else "input_size"
    output = (names.outputs[0], 0)
    variables = [name for name in names.states if names.roles[name] is Role.VARIABLE]
    if not variables:
        yield output, document.dimensions.get(names.outputs[0], "hidden_size")
    elif _holds_state(names, classes, output):
        yield output, "hidden_size"
    else:
        yield (variables[-1], 0), "hidden_size"
        yield output, "output_size"


def _holds_state(names: Names, classes: _Classes, axis: Axis) -> bool:
    return any(classes.root((state, 0)) == classes.root(axis) for state in names.states)


def _eponym(names: Names, classes: _Classes, root: Axis) -> str:
    """The name that a class is called after: an output that is a readout, else its first variable, else parameter."""
    readouts = [name for name in names.outputs if not _holds_state(names, classes, (name, 0))]
    candidates = (*readouts, *names.of(Role.VARIABLE), *names.of(Role.PARAMETER))
    return next(name for name in candidates if root in {classes.root(axis) for axis in _axes(name, classes.kinds)})


def _check_titles(names: Names, called: Mapping[Axis, list[str]]) -> None:
    """No two classes have one name."""
    owners: dict[str, Axis] = {}
    for root, titles in called.items():
        for title in titles:
            if owners.setdefault(title, root) != root:
                raise names.page.error(
                    f"the sizes of `{owners[title][0]}` and of `{root[0]}` are different, and both would be called "
                    f"{title}; give one of them another name in [dimensions]",
                    names.assigned.get(root[0], 1),
                )
