"""The tables of a run."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from tests.bench.cases import Phase, Shape
from tests.bench.contenders import NAMES
from tests.bench.grid import Grid, duration
from tests.bench.results import Parts, Result, Run, Small
from tests.bench.targets import reached


def grids(run: Run) -> list[Grid]:
    """All tables of a run."""
    cells = dict.fromkeys(result.case.cell for result in run.results)
    found = [_cell(run, cell) for cell in cells]
    found += [_parts(run, cell) for cell in dict.fromkeys(item.case.cell for item in run.parts)]
    for title, small in (("latency", run.latency), ("first calls", run.starts)):
        if small:
            found.append(Grid(title, ("", "threads", "time"), tuple(map(_small, small)), left=1))
    found.append(targets(run))
    return found


def targets(run: Run) -> Grid:
    """The targets: what is asked for, the worst ratio that was reached, where, and whether it is enough."""
    rows = tuple(
        (row.regime, row.what, row.where, str(row.threads), row.bound, f"{row.value:.2f}", "yes" if row.met else "no")
        for row in reached(run)
    )
    return Grid("targets", ("regime", "ratio", "worst at", "threads", "wanted", "reached", "met"), rows, left=3)


def notes(run: Run) -> list[str]:
    """What a reader has to know beside the tables."""
    return [
        *(f"left out: {line}" for line in left_out(run)),
        *(f"faster than the limit: {line}" for line in faster_than_the_limit(run)),
        *disturbed(run),
    ]


def left_out(run: Run) -> list[str]:
    """Why contenders are left out, a line for each reason."""
    lines = [f"{name}: {reason}" for name, reason in run.missing.items()]
    reasons: dict[tuple[str, str], list[str]] = {}
    for result in run.results:
        for name, reason in result.left_out.items():
            reasons.setdefault((name, reason), []).append(f"{result.case.cell} {result.case.shape}")
    for (name, reason), cases in reasons.items():
        cells = sorted({case.partition(" ")[0] for case in cases})
        lines.append(f"{name}, {', '.join(cells)}: {reason}")
    return lines


def faster_than_the_limit(run: Run, tolerance: float = 0.05) -> list[str]:
    """Contenders whose median is below the limit by more than the tolerance: the limit is wrong there."""
    return [
        f"{timing.contender}, {case.cell} {case.shape} {case.phase.value}, {case.threads} threads: "
        f"{timing.median / result.limit:.2f} of the limit"
        for result in run.results
        for timing in result.timings
        if timing.median < (1 - tolerance) * result.limit and (case := result.case)
    ]


def disturbed(run: Run, least: float = 0.9) -> list[str]:
    """A line where other programs took the cores: a contender that computes all the time has at least one."""
    cores = [timing.cores for result in run.results for timing in result.timings]
    fewer = sum(value < least for value in cores)
    return [f"disturbed: {fewer} of {len(cores)} medians had less than {least} of a core"] if fewer else []


def rich_table(grid: Grid) -> Table:
    """For the terminal."""
    shown = Table(title=grid.title, title_justify="left", box=None, header_style="bold")
    for number, column in enumerate(grid.columns):
        shown.add_column(column, justify="left" if number < grid.left else "right", no_wrap=True)
    for row in grid.rows:
        shown.add_row(*row, style="bold" if len(row) == 1 else None)
    return shown


def _cell(run: Run, cell: str) -> Grid:
    kinds = [(threads, phase) for threads in run.thread_counts for phase in Phase]
    columns = [""]
    for threads, phase in kinds:
        columns += [f"{phase.value} ({threads})", "/ ours", "/ limit"]
    shapes = dict.fromkeys(result.case.shape for result in run.results if result.case.cell == cell)
    rows = [row for shape in shapes for row in _shape(run, cell, shape, kinds)]
    return Grid(f"{cell}: T,B,I,H; medians, in brackets the threads", tuple(columns), tuple(rows))


def _shape(run: Run, cell: str, shape: Shape, kinds: list[tuple[int, Phase]]) -> Iterator[tuple[str, ...]]:
    results = [run.find(cell, shape, phase, threads) for threads, phase in kinds]
    yield (str(shape),)
    for name in NAMES:
        if any(result and result.median(name) for result in results):
            yield (f"  {name}", *(entry for result in results for entry in _entries(result, name)))
    limits = [(duration(result.limit), "", "1.00") if result else ("",) * 3 for result in results]
    yield ("  limit", *(entry for entries in limits for entry in entries))


def _entries(result: Result | None, name: str) -> tuple[str, str, str]:
    median = result and result.median(name)
    if not result or not median:
        return "", "", ""
    return duration(median), f"{result.ratio(name):.2f}", f"{result.factor(name):.2f}"


def _parts(run: Run, cell: str) -> Grid:
    """Where the time of our calls goes: a column for each part that any case of the cell has."""
    found = [item for item in run.parts if item.case.cell == cell]
    # The longest cases, those with gradients, have all columns in order.
    columns = tuple(max((item.columns for item in found), key=len))
    rows: list[tuple[str, ...]] = []
    for shape in dict.fromkeys(item.case.shape for item in found):
        rows.append((str(shape),))
        rows += [_part_entries(item, columns) for item in found if item.case.shape == shape]
    return Grid(f"{cell}: where the time goes, one thread; per cent of the call", ("", *columns), tuple(rows))


def _part_entries(item: Parts, columns: tuple[str, ...]) -> tuple[str, ...]:
    values = item.columns
    call = values["call"]
    shares = (f"{duration(values[name])} {values[name] / call:.0%}" if name in values else "" for name in columns[1:])
    return (f"  {item.case.phase.value}", duration(call), *shares)


def _small(item: Small) -> tuple[str, ...]:
    return item.what, str(item.threads), duration(item.median)
