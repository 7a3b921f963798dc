"""`python -m derive.generate`: the options that the Makefile uses."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.text import Text

from derive.errors import DeriveError
from derive.generate import generate
from derive.generate.compare import differences
from derive.generate.progress import say
from derive.generate.tree import BUILD, chosen, outputs, repository
from derive.workers import cores, single_threaded

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the command line says; the exit code is 0 if all is well and 1 if not."""
    options = _parser().parse_args(arguments)
    try:
        root = repository()
        cells = chosen(root, options.cells)
        if options.check_only:
            return _check_only(root, cells)
        if options.latex:
            return _latex(root, cells, options.jobs)
        if options.book:
            return _book(root, cells, options.jobs)
        _confine(root)
        return 0 if generate(root, cells, options.jobs) else 1
    except DeriveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; every file is whole, the next run goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m derive.generate", description="Write all files that follow from the cells."
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check-only", action="store_true", help="write nothing; show what `make` would change")
    mode.add_argument("--latex", action="store_true", help="compile the documents of the cells into build/latex")
    mode.add_argument("--book", action="store_true", help="write one book of all cells, build/book.pdf")
    parser.add_argument("--cells", nargs="*", default=[], metavar="CELL", help="these cells alone")
    parser.add_argument("--jobs", type=int, default=cores(), metavar="N", help="cells at a time; default: one a core")
    return parser


def _confine(root: Path) -> None:
    """What the workers inherit: one thread each, since there is one a core, and compiled kernels inside the clone."""
    single_threaded()
    os.environ.setdefault("DERIVE_CACHE", str(root / BUILD / "kernels"))


def _check_only(root: Path, cells: Sequence[str]) -> int:
    """Show what differs from the equations."""
    count = 0
    for diff in differences(root, cells):
        count += 1
        for line in diff.splitlines():
            say(Text(line, _COLOURS.get(line[:1], "")))
    if count:
        say(Text(f"{count} of the files are not what the equations say; `make` writes them anew", "bold red"))
        return 1
    say(Text(f"the files of {len(cells)} cells are what their equations say", "bold green"))
    return 0


def _latex(root: Path, cells: Sequence[str], jobs: int) -> int:
    """Compile the documents of `cells`. Raises DeriveError where TeX is missing or a document does not compile."""
    from derive.tex import compile_tex

    documents = [outputs(root, cell)["tex"] for cell in cells]
    with ThreadPoolExecutor(jobs) as pool:
        for pdf in pool.map(lambda path: compile_tex(path, root / BUILD / "latex"), documents):
            say(pdf.relative_to(root).as_posix())
    return 0


def _book(root: Path, cells: Sequence[str], jobs: int) -> int:
    """Write and compile the book of `cells`. Raises DeriveError where TeX is missing or the book does not compile."""
    from derive.generate.book import make_book

    _confine(root)
    say(make_book(root, cells, jobs).relative_to(root).as_posix())
    return 0


if __name__ == "__main__":
    sys.exit(main())
