"""What a run says: a bar in a terminal, plain lines elsewhere, and a summary at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from derive.generate.work import Outcome

# How wide a table may be where no terminal says it.
_WIDTH = 200


def console() -> Console:
    """Standard output; no colour in a pipe and under NO_COLOR."""
    made = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = _WIDTH
    return made


def say(line: str | Text | Table) -> None:
    """Write to standard output; lines are not broken."""
    console().print(line)


def follow(outcomes: Iterator[Outcome], total: int) -> list[Outcome]:
    """Run through `outcomes`, show each as it comes, and return them in the order of their cells."""
    output = console()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=output,
        transient=True,
        disable=not output.is_terminal,
    )
    ended: list[Outcome] = []
    with bar:
        task = bar.add_task("cells", total=total)
        for outcome in outcomes:
            ended.append(outcome)
            if output.is_terminal:
                bar.update(task, advance=1, description=f"{outcome.cell:<20}")
            else:
                verdict = "passed" if outcome.passed else "FAILED"
                output.print(f"[{len(ended):>{len(str(total))}}/{total}] {outcome.cell}: {verdict}")
    return sorted(ended, key=lambda outcome: outcome.cell)


def summarise(outcomes: Sequence[Outcome], cells: int, others: int) -> None:
    """A table of the cells that were made, what is wrong with those that failed, and a line on all.

    `others` is how many files changed that belong to no cell.
    """
    if outcomes:
        say(_table(outcomes))
    failed = [outcome.cell for outcome in outcomes if not outcome.passed]
    for outcome in outcomes:
        if not outcome.passed:
            say(Text.assemble((f"{outcome.cell}: ", "bold red"), outcome.summary))
    changed = others + sum(outcome.changed for outcome in outcomes)
    fresh = cells - len(outcomes)
    parts = [
        f"{_counted(cells, 'cell')}: {fresh} up to date, {len(outcomes)} made and checked",
        f"{_counted(changed, 'file')} changed",
        f"failed: {', '.join(failed)}" if failed else "all passed",
    ]
    say(Text("; ".join(parts), "bold red" if failed else "bold green"))


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("cell", no_wrap=True)
    table.add_column("files changed", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("check", overflow="fold")
    for outcome in outcomes:
        verdict = Text(outcome.summary) if outcome.passed else Text("FAILED", "red")
        table.add_row(outcome.cell, str(outcome.changed), f"{outcome.seconds:.1f}", verdict)
    return table


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
