"""`derive check`: the ladder of checks, cell by cell, or somebody's own backward pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from derive.cell import Cell
from derive.check import Report, check
from derive.check.against import Comparison, compare, load_function
from derive.check.subject import Subject
from derive.cli.layout import hanging


def reports(cells: Sequence[Cell], fast: bool) -> Iterator[Report]:
    """The report of each cell as soon as it is there; a terminal gets a bar on standard error, a pipe none."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(cells))
        for cell in cells:

            def begin(rung: str, name: str = cell.name) -> None:
                progress.update(task, description=f"{name}: {rung}")

            yield check(cell, fast=fast, progress=begin)
            progress.advance(task)


def report_lines(report: Report) -> Iterator[Text]:
    """A cell: every rung with what was looked at or what failed, and the counts of mutants."""
    yield Text.assemble((report.cell, "bold"), "  ", _verdict(report.passed))
    width = max(len(rung.name) for rung in report.rungs)
    for rung in report.rungs:
        lead = Text.assemble("  ", _verdict(rung.passed), f"  {rung.name:<{width}}  ")
        yield hanging(lead, rung.checked)
        for failure in rung.failures:
            yield hanging(Text("          "), failure, "red")
    for count in report.mutants:
        yield hanging(
            Text(f"  {count.family + ':':<10}"),
            f"{count.made} mutants, {count.equivalent} equivalent, {count.caught_by_proof} caught by the proof, "
            f"{count.caught_by_differences} by the differences",
            "bright_black",
        )


def against(cell: Cell, function: str) -> Comparison:
    """Compare the backward pass that `FILE.py:FUNCTION` names with the derived one."""
    return compare(Subject(cell), load_function(function))


def comparison_lines(cell: Cell, comparison: Comparison) -> Iterator[Text]:
    """Which gradients agree, which differ and by how much, and which route accounts for that."""
    yield Text.assemble((cell.name, "bold"), "  ", _verdict(comparison.passed))
    if comparison.agree:
        yield hanging(Text("  agree   "), ", ".join(comparison.agree))
    for name, error in comparison.differ:
        yield Text(f"  differs {name}, by {error:.1e} of its largest entry", "red")
    for sentence in comparison.conclusion:
        yield hanging(Text("  "), sentence)


def comparison_data(cell: Cell, comparison: Comparison) -> dict[str, object]:
    """What `comparison_lines` says, for JSON."""
    return {
        "cell": cell.name,
        "passed": comparison.passed,
        "agree": list(comparison.agree),
        "differ": [
            # JSON has no infinity: null says that the gradient is not finite.
            {"name": name, "relative_error": error if math.isfinite(error) else None}
            for name, error in comparison.differ
        ],
        "explanations": list(comparison.explanations),
    }


def _verdict(passed: bool) -> tuple[str, str]:
    return ("passed", "green") if passed else ("FAILED", "bold red")
