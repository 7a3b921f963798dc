"""The whole book: families as chapters, the notation before them and an index of all symbols behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derive.book.section import HEADINGS, LEAST, Section
from derive.equations import parse
from derive.explain.forgotten import SIZE, STEPS
from derive.explain.travel import STEPS as DISTANCE
from derive.families import Family, families
from derive.graph import wire
from derive.printers.latex_equations import forward_equation, slopes
from derive.printers.tex_model import Backward, Document
from derive.rules import RULES
from derive.templates import environment

EXAMPLE = ("lstm_peephole", "c")
"""The cell and the state whose sum the first chapter reads aloud, where the book has it."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A family and the sections of its cells."""

    family: Family
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """An elementary function and its derivative, both as formulas of a cell that has this function alone."""

    equation: str
    slope: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A symbol of the index and the cells it stands in."""

    symbol: str
    cells: tuple[str, ...]


def volume(sections: Sequence[Section]) -> str:
    """The book of these cells in LaTeX: the same bytes for the same sections, in whichever order they come."""
    by_name = {section.cell.label: section for section in sections}
    chapters = tuple(
        Chapter(family, tuple(by_name[name] for name in family.cells)) for family in families(sorted(by_name))
    )
    ordered = [section for chapter in chapters for section in chapter.sections]
    return (
        environment("tex")
        .get_template("book.tex.j2")
        .render(
            chapters=chapters,
            functions=functions(),
            index=_index(ordered),
            total=len(ordered),
            example=_example(by_name),
            steps=STEPS,
            size=SIZE,
            distance=DISTANCE,
            least=LEAST,
        )
    )


def _example(sections: Mapping[str, Section]) -> tuple[Document, Backward] | None:
    """The cell of `EXAMPLE` and the equation of its state."""
    name, state = EXAMPLE
    if name not in sections:
        return None
    cell = sections[name].cell
    return cell, next(item for item in cell.backward if item.name == rf"\boldsymbol{{{state}}}^{{(t)}}")


def functions() -> tuple[Function, ...]:
    """Every function of one argument that a cell may call, with its derivative as it is printed."""
    return tuple(_function(rule.name) for rule in RULES.values() if len(rule.arguments) == 1 and not rule.internal)


def _function(name: str) -> Function:
    graph = wire(parse(f"y = {name}(x)"))
    (edge,) = graph.edges_from("x")
    return Function(forward_equation(graph, graph.formulas[0]), slopes(graph, edge)[0])


def _index(sections: Sequence[Section]) -> Mapping[str, tuple[Entry, ...]]:
    """Under each heading the symbols in the order in which the book brings them."""
    found: dict[str, dict[str, list[str]]] = {heading: {} for heading in HEADINGS}
    for section in sections:
        for heading, symbol in section.symbols:
            found[heading].setdefault(symbol, []).append(section.cell.label)
    return {
        heading: tuple(Entry(symbol, tuple(cells)) for symbol, cells in entries.items())
        for heading, entries in found.items()
        if entries
    }
