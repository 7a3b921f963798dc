"""`make book`: the sections of all cells, in processes of their own, and one PDF."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from derive.files import write_whole
from derive.generate.tree import BUILD
from derive.generate.work import load_cell

if TYPE_CHECKING:
    from derive.book.section import Section

NAME = "book"


def make_book(root: Path, cells: Sequence[str], jobs: int) -> Path:
    """Write and compile the book of `cells`, and return the PDF.

    Raises DeriveError for a mistake in a cell, where TeX is missing, and where the book does not compile.
    """
    from derive.tex import compile_tex

    folder = root / BUILD / NAME
    write_whole(folder / f"{NAME}.tex", book_text(root, cells, jobs))
    pdf = root / BUILD / f"{NAME}.pdf"
    compile_tex(folder / f"{NAME}.tex", folder).replace(pdf)
    return pdf


def book_text(root: Path, cells: Sequence[str], jobs: int) -> str:
    """The book in LaTeX, the same bytes however many jobs there are."""
    from derive.book.volume import volume

    if min(jobs, len(cells)) <= 1:
        return volume([_section(root, cell) for cell in cells])
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(cells)), context) as pool:
        return volume(list(pool.map(_section, [root] * len(cells), cells)))


def _section(root: Path, cell: str) -> Section:
    from derive.book.section import section

    loaded = load_cell(root, cell)
    return section(loaded.gradients, loaded.circuit)
