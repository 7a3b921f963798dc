"""The command line: `derive`. Each command imports what it needs, so that help and lists come at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from derive.errors import DeriveError
from derive.version import VERSION

_ASCII = typer.Option("--ascii", help="Write ASCII alone: * for ⊙, d_c for δc.")
_JSON = typer.Option("--json", help="Write JSON.")
_CELL = typer.Argument(metavar="CELL", help="A cell of the zoo, or the path of a .toml file.")


class _Commands(TyperGroup):
    """Commands whose reader is told of a mistake in one message, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a DeriveError ends it with exit code 1."""
        try:
            return super().invoke(ctx)
        except DeriveError as error:
            from derive.cli.layout import complain

            complain(str(error))
            raise typer.Exit(1) from None


app = typer.Typer(
    name="derive",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From the equations of a recurrent cell to its gradients route by route, LaTeX, and verified kernels.",
)


def main() -> None:
    """Run the command line. Signs that standard output cannot hold never end it with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"derive {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What stands before every command."""


@app.command("list")
def _list(json: Annotated[bool, _JSON] = False, ascii: Annotated[bool, _ASCII] = False) -> None:
    """The cells of the zoo: name, states, outputs and title."""
    from derive.cli import layout
    from derive.cli.zoo import zoo_data, zoo_lines

    plain = layout.wants_ascii(ascii)
    if json:
        layout.write_json(zoo_data(plain), plain)
    else:
        layout.write_lines(zoo_lines(plain, layout.line_width()))


@app.command("show")
def _show(
    cell: Annotated[str, _CELL],
    variable: Annotated[
        str | None, typer.Argument(metavar="[VARIABLE]", help="A variable, input or parameter.")
    ] = None,
    tex: Annotated[bool, typer.Option("--tex", help="Write LaTeX.")] = False,
    json: Annotated[bool, _JSON] = False,
    ascii: Annotated[bool, _ASCII] = False,
) -> None:
    """A cell: its equations and counts of routes; or the routes out of one VARIABLE, and their sum."""
    from derive.cell import Cell
    from derive.cli import layout, show
    from derive.cli.tex import tex_lines
    from derive.equations import load
    from derive.printers.text import notation

    if tex and json:
        raise typer.BadParameter("--tex and --json exclude each other")
    loaded, signs = Cell(load(cell)), notation(layout.wants_ascii(ascii))
    if tex:
        layout.write_lines(tex_lines(loaded, variable))
    elif json:
        data = show.cell_data(loaded, signs) if variable is None else show.variable_data(loaded, variable, signs)
        layout.write_json(data, signs.ascii)
    elif variable is None:
        layout.write_lines(show.cell_lines(loaded, signs))
    else:
        layout.write_lines(show.variable_lines(loaded, variable, signs))


@app.command("path")
def _path(
    cell: Annotated[str, _CELL],
    source: Annotated[str, typer.Argument(metavar="FROM", help="Where routes start: a name at step t, such as c.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Where they end: J, c (either step), c[t+1], J[t].")],
    through: Annotated[str | None, typer.Option(metavar="V", help="Only routes that visit V on their way.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show the first N routes.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="Show all routes, however many there are.")] = False,
    tex: Annotated[bool, typer.Option("--tex", help="Write LaTeX.")] = False,
    json: Annotated[bool, _JSON] = False,
    ascii: Annotated[bool, _ASCII] = False,
) -> None:
    """The routes from one node to another in the window t, t+1, each with the product of its partials.

    In a pipe each route is one line.
    """
    from derive.cell import Cell
    from derive.cli import layout
    from derive.cli.path import path_data, path_lines
    from derive.cli.tex import path_tex_lines
    from derive.equations import load
    from derive.printers.text import notation

    if tex and json:
        raise typer.BadParameter("--tex and --json exclude each other")
    loaded, signs = Cell(load(cell)), notation(layout.wants_ascii(ascii))
    ends, shown = (source, target, through), None if every else limit
    if tex:
        layout.write_lines(path_tex_lines(loaded, ends, shown))
    elif json:
        layout.write_json(path_data(loaded, ends, shown, signs), signs.ascii)
    else:
        layout.write_lines(path_lines(loaded, ends, shown, signs, layout.line_width()))


@app.command("build")
def _build(
    cells: Annotated[list[str], typer.Argument(metavar="CELL...", help="Cells of the zoo, or paths of .toml files.")],
    target: Annotated[
        str, typer.Option(metavar="TARGET", help="cpu, cuda, reference, tex, appendix, or all (a folder each).")
    ] = "cpu",
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write into.")] = Path("."),
    tape: Annotated[
        str,
        typer.Option(metavar="TAPE", help="What kernels save for their backward pass: auto, all or least."),
    ] = "auto",
) -> None:
    """Write kernels (cpu, cuda: Numba, reference: NumPy), or LaTeX: a document, or an appendix for another document."""
    from derive.cell import Cell
    from derive.cli.files import write_targets
    from derive.equations import load

    for line in write_targets([Cell(load(cell)) for cell in cells], target, out, tape):
        typer.echo(line)


@app.command("docs")
def _docs(
    cells: Annotated[
        list[str] | None, typer.Argument(metavar="[CELL...]", help="Cells; the whole site if none is named.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="A page that compares two cells instead.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="The LaTeX document of each cell too; needs TeX.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to write into: . by default, build/site for the whole site."),
    ] = None,
) -> None:
    """Write the page of cells, every route with its term; each is one file that works offline."""
    from derive.cli import documents

    if compare is not None:
        if cells or pdf:
            raise typer.BadParameter("--compare takes the two cells, and neither others nor --pdf")
        pages = [documents.write_comparison(*compare, out or Path("."))]
        typer.echo(pages[0].as_posix())
    elif cells:
        pages = []
        for path in documents.write_cells(cells, out or Path("."), pdf):
            typer.echo(path.as_posix())
            pages.append(path)
    else:
        if pdf:
            raise typer.BadParameter("--pdf needs a CELL; `make latex` compiles the documents of all cells")
        for line in documents.write_all(out or documents.SITE):
            typer.echo(line)
        pages = [(out or documents.SITE) / "index.html"]
    if open_page:
        documents.show(pages[0])


@app.command("export")
def _export(
    cell: Annotated[str, _CELL],
    target: Annotated[str, typer.Option(metavar="TARGET", help="cpu, cuda or reference.")] = "cpu",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The file to write; CELL.py by default.")] = None,
) -> None:
    """Write one kernel with its support as one file, which needs what its target needs, not derive."""
    from derive.cell import Cell
    from derive.equations import load
    from derive.export import standalone
    from derive.files import write_whole

    loaded = Cell(load(cell))
    path = out or Path(f"{loaded.name}.py")
    changed = write_whole(path, standalone(loaded, target))
    typer.echo(f"{path.as_posix()}: {'written' if changed else 'is up to date'}")


@app.command("check")
def _check(
    cells: Annotated[
        list[str] | None, typer.Argument(metavar="[CELL...]", help="The whole zoo if none is named.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="The proof, the unrolled recursion, one difference run.")
    ] = False,
    against: Annotated[
        str | None, typer.Option(metavar="FILE.py:FUNCTION", help="Compare your own backward pass; the file is run.")
    ] = None,
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Prove and measure that everything about a cell agrees; exit code 1 where something does not."""
    from derive.cell import Cell
    from derive.cli import ladder, layout
    from derive.equations import load, names

    loaded = [Cell(load(cell)) for cell in cells or names()]
    if against is not None:
        if len(loaded) != 1:
            raise typer.BadParameter("--against compares with one CELL")
        comparison = ladder.against(loaded[0], against)
        if json:
            layout.write_json(ladder.comparison_data(loaded[0], comparison), layout.wants_ascii(False))
        else:
            layout.write_lines(ladder.comparison_lines(loaded[0], comparison))
        raise typer.Exit(0 if comparison.passed else 1)
    done = []
    for report in ladder.reports(loaded, fast):
        done.append(report)
        if not json:
            layout.write_lines(ladder.report_lines(report))
    if json:
        layout.write_json([report.as_json() for report in done], layout.wants_ascii(False))
    raise typer.Exit(0 if all(report.passed for report in done) else 1)


@app.command("new")
def _new(
    file: Annotated[str, typer.Argument(metavar="FILE.toml", help="The file to write; it must not exist.")],
) -> None:
    """Write a commented cell file to start from."""
    from derive.cli.skeleton import write_skeleton

    write_skeleton(file)
    typer.echo(f"{file} holds a cell that works: change its equations, then run: derive show {file}")
