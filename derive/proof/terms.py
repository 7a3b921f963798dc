"""The term of a hop: its immediate partial, transposed, times the adjoint of its target, component by component."""

from __future__ import annotations

from derive.graph import Diagonal, Edge, Outer, Transfer
from derive.proof.composition import UNITS, size
from derive.proof.field import Field
from derive.proof.ring import ZERO, Element
from derive.proof.step import Step

Elements = tuple[Element, ...]


class Terms:
    """The terms of hops in one case."""

    def __init__(self, step: Step, field: Field) -> None:
        self._step = step
        self._field = field

    def term(self, edge: Edge, adjoint: Elements, step: int) -> Elements:
        """The components of the term; `step` is that of the target, 0 for t and 1 for t+1."""
        value = adjoint
        for factor in edge.partial:
            match factor:
                case Diagonal(expression, _):
                    value = _product(self._field.elements(self._step.written_out(expression, step)), value)
                case Transfer(_, matrix, transposed):
                    entries = self._field.elements(self._step.symbols(matrix, 0, step))
                    value = tuple(
                        _sum(tuple(entries[_place(row, column, transposed)] * _at(value, row) for row in range(UNITS)))
                        for column in range(UNITS)
                    )
                case Outer(_, operand, transposed):
                    vector = self._field.elements(self._step.written_out(operand, step))
                    rows, columns = (vector, value) if transposed else (value, vector)
                    value = tuple(
                        _at(rows, row) * _at(columns, column) for row in range(UNITS) for column in range(UNITS)
                    )
        if size(self._step.equations, edge.source) == 1:
            return (_sum(value),)
        return value


def _place(row: int, column: int, transposed: bool) -> int:
    return UNITS * column + row if transposed else UNITS * row + column


def _at(values: Elements, place: int) -> Element:
    return values[place] if len(values) > 1 else values[0]


def _product(left: Elements, right: Elements) -> Elements:
    return tuple(_at(left, place) * _at(right, place) for place in range(max(len(left), len(right))))


def _sum(values: Elements) -> Element:
    total = ZERO
    for value in values:
        total = total + value
    return total
