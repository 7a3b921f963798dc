"""The command `derive check`: the ladder for some or all cells, and the comparison with hand-written code."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from derive.cell import Cell
from derive.check import Report, check
from derive.check.against import Comparison, compare, load_function
from derive.check.subject import Subject
from derive.equations import load
from derive.errors import DeriveError

INDENT = "  "


def reports(cells: Sequence[str], *, fast: bool) -> list[Report]:
    """The reports of `cells`, several at once, with a bar on standard error where that is a terminal."""
    output = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output, transient=True, disable=not output.is_terminal) as bar:
        if len(cells) == 1:
            return [_one(cells[0], fast, bar)]
        task = bar.add_task("cells", total=len(cells))
        done = []
        for report in _climbed(cells, fast):
            done.append(report)
            bar.update(task, advance=1, description=f"{report.cell:<20}")
        return done


def report_lines(report: Report) -> Iterator[Text]:
    """The rungs of one cell, and under a rung that failed everything that failed there."""
    verdict = ("passed", "bold green") if report.passed else ("FAILED", "bold red")
    yield Text.assemble((report.cell, "bold"), INDENT, verdict)
    for rung in report.rungs:
        mark = ("ok   ", "green") if rung.passed else ("FAIL ", "red")
        yield Text.assemble(INDENT, mark, f"{rung.name:<24}", (rung.checked, "dim"))
        for failure in rung.failures:
            yield Text(f"{INDENT * 4}{failure}", "red")
    for count in report.mutants:
        yield Text(
            f"{INDENT * 4}{count.family:<10}{count.made:>4} made, {count.equivalent} equivalent, "
            f"{count.caught_by_proof} caught by the proof, {count.caught_by_differences} by the differences",
            "dim",
        )


def compared(cell: str, function: str) -> tuple[Comparison, list[Text]]:
    """The comparison of the hand-written backward pass `FILE.py:FUNCTION` with that of `cell`, and its text."""
    comparison = compare(Subject(Cell(load(cell))), load_function(function))
    lines = [Text(f"right: {', '.join(comparison.agree)}", "green")] if comparison.agree else []
    lines += [Text(f"wrong: {name}, relative error {error:.2g}", "red") for name, error in comparison.differ]
    if comparison.passed:
        return comparison, lines
    if not comparison.explanations:
        lines.append(Text("No single route, left out, with another sign or at another step, accounts for it."))
    elif len(comparison.explanations) == 1:
        lines.append(Text(f"The difference is exactly {comparison.explanations[0]}", "bold"))
    else:
        lines.append(Text("Several routes account for the difference equally well; it is one of these:", "bold"))
        lines += [Text(f"{INDENT}{explanation}") for explanation in comparison.explanations]
    return comparison, lines


def _one(name: str, fast: bool, bar: Progress) -> Report:
    task = bar.add_task(name, total=None)
    return check(Cell(load(name)), fast=fast, progress=lambda rung: bar.update(task, description=f"{name}: {rung}"))


def _climbed(cells: Sequence[str], fast: bool) -> Iterator[Report]:
    """Reports in the order of `cells`. A process for each core; new ones, so that no thread pool is inherited."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        for outcome in pool.map(_climb, cells, [fast] * len(cells)):
            if isinstance(outcome, str):
                raise DeriveError(outcome)
            yield outcome


def _climb(name: str, fast: bool) -> Report | str:
    """A report, or the message of a mistake: a DeriveError does not travel between processes with its place."""
    try:
        return check(Cell(load(name)), fast=fast)
    except DeriveError as error:
        return str(error)
