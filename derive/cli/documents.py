"""`derive docs`: pages of cells, of two cells beside each other, and the whole site."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path

from derive.cell import Cell
from derive.equations import load, names
from derive.errors import DeriveError
from derive.files import write_whole
from derive.workers import cores, single_threaded

SITE = Path("build/site")
"""Where the whole site goes without a wish."""


def write_cells(cells: Sequence[str], out: Path, pdf: bool) -> Iterator[Path]:
    """Write the page of each cell into `out`, its PDF too where that is wanted, and yield the files.

    What is missing for them, a cell or TeX, and two cells of one name are told before anything is written.
    """
    _require_packages()
    from derive.pages import cell_page
    from derive.pages.links import cell_file
    from derive.tex import require_tex

    if pdf:
        require_tex()
    for cell in _of_different_names(cells):
        yield _written(out / cell_file(cell.name), cell_page(cell))
        if pdf:
            yield _pdf(cell, out)


def _of_different_names(given: Sequence[str]) -> tuple[Cell, ...]:
    """The cells that are asked for; DeriveError where the page of one would replace that of another."""
    found: dict[str, tuple[str, Cell]] = {}
    for text in given:
        cell = Cell(load(text))
        before, _ = found.setdefault(cell.name, (text, cell))
        if found[cell.name][1] is not cell:
            raise DeriveError(f"`{before}` and `{text}` are both called `{cell.name}`: write their pages one by one")
    return tuple(cell for _, cell in found.values())


def write_comparison(first: str, second: str, out: Path) -> Path:
    """Write the page that compares two cells into `out`."""
    _require_packages()
    from derive.pages.comparison import comparison_page
    from derive.pages.links import comparison_file

    cells = Cell(load(first)), Cell(load(second))
    if cells[0].name == cells[1].name:
        raise DeriveError(f"both cells are called `{cells[0].name}`: a comparison needs two")
    return _written(out / comparison_file(cells[0].name, cells[1].name), comparison_page(*cells))


def write_all(out: Path) -> Iterator[str]:
    """Write the site of the zoo into `out` and say of each page what became of it."""
    _require_packages()
    from derive.pages.site import write_site

    single_threaded()
    for file, made in write_site(out, names(), cores()):
        yield f"{(out / file).as_posix()}: {'written' if made else 'is up to date'}"


def show(path: Path) -> None:
    """Open a page in the reader's browser."""
    if not webbrowser.open(path.resolve().as_uri()):
        raise DeriveError(f"this machine has no browser to open {path} with")


def _written(path: Path, text: str) -> Path:
    write_whole(path, text)
    return path


def _pdf(cell: Cell, out: Path) -> Path:
    """Compile the document of a cell; what TeX leaves behind stays in a folder that goes away."""
    from derive.printers.tex_document import tex_document
    from derive.tex import compile_tex

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{cell.name}.tex"
        write_whole(source, tex_document(cell.gradients))
        compiled = compile_tex(source, Path(folder))
        target = out / compiled.name
        write_whole(target, compiled.read_bytes())
    return target


def _require_packages() -> None:
    """Say what is missing before anything is made."""
    from importlib.util import find_spec

    missing = [
        name
        for name, module in (("matplotlib", "matplotlib"), ("markdown-it-py", "markdown_it"))
        if not find_spec(module)
    ]
    if missing:
        raise DeriveError(f"pages need {' and '.join(missing)}, which is not installed: pip install 'derive[docs]'")
