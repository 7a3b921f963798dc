"""The pages that lead to all others: the index of cells, and the table of comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from derive.cell import Cell
from derive.equations import load
from derive.families import families
from derive.pages.html import page
from derive.pages.links import Link, Site, cell_file, comparison_file
from derive.pages.relatives import pair
from derive.printers.chart import chart
from derive.printers.svg_parts import style_sheet
from derive.printers.thumbnail import thumbnail


@dataclass(frozen=True, slots=True)
class Card:
    """A cell in the index; `search` is what a reader may look for, in lower case."""

    name: str
    title: str
    href: str
    facts: str
    search: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class Group:
    """The cells of a family, and what they have in common."""

    name: str
    about: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Relative:
    """A cell to compare with, and how far it is."""

    link: Link
    distance: int


@dataclass(frozen=True, slots=True)
class Row:
    """A cell and its relatives."""

    cell: Link
    relatives: tuple[Relative, ...]


def index_page(cells: Sequence[Cell], site: Site) -> str:
    """The page with a picture of every cell, by family."""
    by_name = {cell.name: cell for cell in cells}
    groups = [
        Group(family.title, family.about, tuple(_card(by_name[name], family.title) for name in family.cells))
        for family in families(tuple(by_name))
    ]
    return page("index.html.j2", ("filter.js",), (style_sheet(),), groups=groups, count=len(cells), site=site)


def comparisons_page(relatives_of: Mapping[str, Sequence[tuple[str, int]]], site: Site) -> str:
    """The table of relatives; `relatives_of` gives those of every cell with their distances."""
    titles = {name: load(name).title or name for name in relatives_of}
    rows = [
        Row(
            Link(titles[name], cell_file(name)),
            tuple(
                Relative(Link(titles[other], comparison_file(*pair(name, other))), distance)
                for other, distance in others
            ),
        )
        for name, others in relatives_of.items()
    ]
    return page("comparisons.html.j2", rows=rows, site=site)


def _card(cell: Cell, group: str) -> Card:
    equations = cell.equations
    title = equations.title or cell.name
    count = len(equations.states)
    states = f"{'state' if count == 1 else 'states'} {', '.join(equations.states)}" if count else "no state"
    return Card(
        name=cell.name,
        title=title,
        href=cell_file(cell.name),
        facts=f"{len(equations.equations)} equations, {states}",
        search=f"{cell.name} {title} {group}".lower(),
        picture=Markup(thumbnail(chart(cell.graph, 1))),
    )
