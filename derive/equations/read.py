"""From text to typed equations: the steps in their order, and the cells of the zoo."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from derive.equations.dimensions import measure
from derive.equations.document import Document, is_toml, read_bare, read_toml
from derive.equations.kinds import infer, initialisation
from derive.equations.limits import MAX_TEXT
from derive.equations.model import Equations, Expression, MatrixProduct, Role, occurrences, walk
from derive.equations.names import resolve
from derive.equations.page import Page, close_names, listed, open_page
from derive.equations.syntax import read_expression, read_statements
from derive.errors import DeriveError

_SUFFIX = ".toml"


def parse(text: str, name: str = "cell", file: str | None = None) -> Equations:
    """The typed equations of `text`: a whole TOML document, or the bare equations.

    A document is known by a line that opens its block, `equations = '''`. `name` is the cell's name unless the
    document gives one; `file` stands in the places of errors. Raises DeriveError for every mistake in the text.
    """
    page = open_page(text, file or f"<{name}>")
    if not isinstance(name, str):
        raise DeriveError(f"the name of a cell is text (str), not {type(name).__name__}")
    return _typed(read_toml(page, name) if is_toml(page) else read_bare(page, name))


def load(name_or_path: str | os.PathLike[str]) -> Equations:
    """The typed equations of a cell of the zoo, by its name, or of a file, by a path that ends in `.toml`.

    Raises DeriveError for an unknown name, a file that cannot be read, and every mistake in its text.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise DeriveError(f"a cell is loaded by its name or path, not by {type(name_or_path).__name__}")
    wanted = os.fspath(name_or_path)
    if not isinstance(wanted, str):
        raise DeriveError("the path of a cell is text (str), not bytes")
    if wanted.endswith(_SUFFIX):
        path = Path(wanted)
        return _typed(read_toml(_open_file(path, wanted), path.stem))
    known = names()
    if wanted not in known:
        hint = close_names(wanted, known)
        raise DeriveError(
            f"there is no cell `{wanted}`.{hint} Cells are {listed(known)}; a file is given by its path, which ends "
            f"in {_SUFFIX}"
        )
    with resources.as_file(resources.files("derive") / "cells" / f"{wanted}{_SUFFIX}") as path:
        return _typed(read_toml(_open_file(path, f"derive/cells/{wanted}{_SUFFIX}"), wanted))


def names() -> tuple[str, ...]:
    """The names of the cells of the zoo, sorted; none of them is read."""
    folder = resources.files("derive") / "cells"
    return tuple(sorted(entry.name[: -len(_SUFFIX)] for entry in folder.iterdir() if entry.name.endswith(_SUFFIX)))


def parse_expression(text: str, names: Iterable[str]) -> Expression:
    """One expression over vectors called `names`, such as a derivative of the rule table.

    It may call the internal functions of the table too. Raises DeriveError for a name that is not among `names`, for
    [t-1] and for `@`.
    """
    page = open_page(text, "<expression>")
    known = tuple(names)
    if len(page.lines) != 1:
        raise page.error("an expression stands on one line", 2)
    expression = read_expression(page, 1, page.lines[0])
    for read in occurrences(expression):
        if read.name not in known or read.lag:
            written = f"{read.name}[t-1]" if read.lag else read.name
            raise page.error(f"`{written}` has no meaning here; names are {listed(known)}", 1, read.column)
    for node in walk(expression):
        if isinstance(node, MatrixProduct):
            raise page.error("a product `@` has no place in an element-wise expression", 1, node.matrix.column)
    return expression


def _typed(document: Document) -> Equations:
    """The stages of the language, one after the other."""
    statements = read_statements(document.page, document.lines, document.constants)
    names = resolve(document, statements)
    kinds = infer(document, names)
    shapes = measure(document, names, kinds)
    return Equations(
        name=document.name,
        title=document.title,
        source=document.source,
        text=document.block,
        file=document.page.file,
        inputs=document.inputs,
        outputs=names.outputs,
        states=names.states,
        parameters=names.of(Role.PARAMETER),
        equations=names.equations,
        symbols=shapes.symbols,
        constants=document.constants,
        dimensions=shapes.dimensions,
        init=initialisation(document, names, kinds),
        initial={state: document.initial.get(state, 0.0) for state in names.states},
        latex=document.latex,
        loss=document.loss,
    )


def _open_file(path: Path, shown: str) -> Page:
    """The page of a file, which is called `shown` in errors."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_TEXT + 1)
    except OSError as reason:
        raise DeriveError(f"the cell file {shown} cannot be read: {reason.strerror or reason}") from None
    except ValueError as reason:
        raise DeriveError(f"{shown!r} is not the path of a file: {reason}") from None
    try:
        return open_page(content.decode("utf-8"), shown)
    except UnicodeDecodeError as reason:
        lines = content[: reason.start].decode("utf-8", "replace").split("\n")
        page = Page(shown, tuple(lines))
        byte = content[reason.start]
        raise page.error(
            f"the file is not UTF-8: the byte 0x{byte:02X} stands here", len(lines), len(lines[-1]) + 1
        ) from None
