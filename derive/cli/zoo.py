"""`derive list`: the cells of the zoo, read without SymPy."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from derive.cli.layout import hanging, in_ascii
from derive.equations import load, names


def zoo_lines(ascii_only: bool, width: int | None) -> Iterator[Text]:
    """A line a cell: name, states, outputs, title."""
    cells = [load(name) for name in names()]
    rows = [(cell.name, ", ".join(cell.states) or "-", ", ".join(cell.outputs), cell.title) for cell in cells]
    header = ("name", "states", "outputs", "title")
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
    for index, row in enumerate((header, *rows)):
        name, states, outputs = (text.ljust(size) for text, size in zip(row, widths, strict=False))
        lead = Text.assemble((name, "bold"), f"  {states}  {outputs}  ")
        line = hanging(lead, in_ascii(row[3], ascii_only), width=width)
        if index == 0:
            line.stylize("bright_black")
        yield line


def zoo_data(ascii_only: bool) -> list[dict[str, object]]:
    """What `zoo_lines` says, for JSON."""
    return [
        {
            "name": cell.name,
            "title": in_ascii(cell.title, ascii_only),
            "states": list(cell.states),
            "outputs": list(cell.outputs),
        }
        for cell in map(load, names())
    ]
