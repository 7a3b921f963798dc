"""`derive path`: the routes between two nodes, one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from rich.text import Text

from derive.cell import Cell
from derive.cli.layout import hanging, painted
from derive.printers.text import Notation, RouteText


def path_lines(
    cell: Cell, ends: tuple[str, str, str | None], limit: int | None, notation: Notation, width: int | None
) -> Iterator[Text]:
    """Each route with what it adds; `limit` None means all. `ends` are source, target and the variable between."""
    source, target, through = ends
    text = RouteText(cell.graph, notation)
    total = cell.count_routes(*ends)
    shown = total if limit is None else min(limit, total)
    between = f" through {through}" if through else ""
    heading = f"{total} route{'' if total == 1 else 's'} from {source} to {target}{between} in the window t, t+1"
    yield Text(heading, "bold")
    digits = len(str(shown))
    for number, route in enumerate(itertools.islice(cell.routes(*ends), shown), start=1):
        lead = Text.assemble("  ", (f"{number:>{digits}}", "magenta"), "  ")
        if width is None:
            line = Text.assemble(lead, text.route(route), "   ", (text.signed_term(route), "cyan"))
            yield painted(line, text.adjoints, "magenta")
        else:
            yield hanging(lead, text.route(route), width=width)
            term = hanging(Text(" " * (digits + 6)), text.signed_term(route), "cyan", width)
            yield painted(term, text.adjoints, "magenta")
    if shown < total:
        yield Text(f"  {total - shown} more: --all shows them, --limit N the first N", "bright_black")


def path_data(
    cell: Cell, ends: tuple[str, str, str | None], limit: int | None, notation: Notation
) -> dict[str, object]:
    """What `path_lines` says, for JSON."""
    source, target, through = ends
    text = RouteText(cell.graph, notation)
    return {
        "cell": cell.name,
        "from": source,
        "to": target,
        "through": through,
        "total": cell.count_routes(*ends),
        "routes": [
            {
                "nodes": [text.node(node) for node in route.nodes],
                "occurrences": [edge.occurrence for edge in route.edges],
                "crosses_step": route.crosses_step,
                "term": text.signed_term(route),
            }
            for route in itertools.islice(cell.routes(*ends), limit)
        ],
    }
