"""`make bench`: the generated CPU kernels beside what other libraries offer, and beside the limit of the machine."""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import machine, starts
from tests.bench.cases import CELLS, QUICK_CELLS, QUICK_SHAPES, Phase, Shape, selected
from tests.bench.contender_torch import COMPILED_STEPS
from tests.bench.contenders import NAMES, chosen, installed
from tests.bench.grid import markdown
from tests.bench.plot import plot
from tests.bench.results import Parts, Result, Run, Small
from tests.bench.table import grids, notes, rich_table, targets
from tests.bench.targets import OWN_CELLS
from tests.bench.worker import environment

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "docs" / "measurements"


def main() -> None:
    """Measure, show and write. The exit status is 1 where a contender computed something else."""
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    contenders, missing = chosen(options.contenders, options.compile)
    for name, reason in missing.items():
        console.print(f"left out: {name}: {reason}")
    run = Run(machine.describe(), _settings(options, [item.name for item in contenders]), missing)
    for threads in options.threads:
        _measure(run, threads, console)
    if options.starts:
        console.print("measuring first calls")
    run.starts = list(starts.measure(options.starts))
    _show(run, console, options.targets)
    _write(run, console, options.record)
    sys.exit(any(result.differing for result in run.results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few cells, shapes and rounds")
    parser.add_argument("--cells", nargs="+", choices=CELLS, metavar="CELL", help=f"of {', '.join(CELLS)}")
    parser.add_argument(
        "--shapes", nargs="+", type=Shape.parse, metavar="T,B,I,H", help="default: eleven of lstm, five of the others"
    )
    parser.add_argument(
        "--contenders",
        nargs="+",
        choices=NAMES,
        default=NAMES,
        metavar="NAME",
        help="beside ours, of: " + ", ".join(NAMES[1:]),
    )
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", help="default: 1 and all cores")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds at most; default 11, with --quick 5")
    parser.add_argument("--seconds", type=float, metavar="S", help="of rounds of a case; default 3, with --quick 0.5")
    parser.add_argument(
        "--compile",
        nargs="+",
        choices=OWN_CELLS,
        default=(),
        metavar="CELL",
        help=f"torch.compile too, at T <= {COMPILED_STEPS}: minutes a cell; of {', '.join(OWN_CELLS)}",
    )
    parser.add_argument("--targets", action="store_true", help="show the table of targets alone")
    parser.add_argument("--record", metavar="WHAT", help="keep the run as docs/measurements/<date>-WHAT.*")
    options = parser.parse_args()
    quick = options.quick
    options.cells = options.cells or (QUICK_CELLS if quick else CELLS)
    shapes = options.shapes or (QUICK_SHAPES if quick else ())
    options.cases = [(cell, shape) for cell in options.cells for shape in shapes] or selected(options.cells)
    options.threads = options.threads or sorted({1, machine.cores()})
    options.rounds = options.rounds or (5 if quick else 11)
    options.seconds = options.seconds if options.seconds is not None else 0.5 if quick else 3.0
    options.starts = [] if options.targets or quick else _starts(options.cells)
    if min(options.threads) < 1 or options.rounds < 1 or options.seconds < 0:
        parser.error("--threads and --rounds take numbers of at least 1, --seconds one of at least 0")
    return options


def _starts(cells: Sequence[str]) -> list[tuple[str, str]]:
    """Whose first calls are measured, cells and dtypes: a kernel takes as long in float64, so that one is enough."""
    return [(cells[0], "float64"), *((cell, "float32") for cell in cells)]


def _settings(options: argparse.Namespace, contenders: list[str]) -> dict[str, Any]:
    """What was measured: the job of each measuring process, but for its number of threads."""
    cases = [(cell, str(shape)) for cell, shape in options.cases]
    return {
        "cases": cases,
        "contenders": contenders,
        "threads": options.threads,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "compiled": list(options.compile),
        "latency": not options.targets,
        "parts": [] if options.targets else cases,
        "dtype": "float32",
    }


def _measure(run: Run, threads: int, console: Console) -> None:
    """One measuring process; what it finds goes into `run`."""
    cases = len(run.settings["cases"]) * len(Phase)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=cases)
        for number, line in enumerate(_lines({**run.settings, "threads": threads}, threads)):
            if "measuring" in line:
                text = f"{threads} thread{'s' if threads > 1 else ''}: {line['measuring']}"
                progress.update(task, description=text, completed=number)
                if not console.is_terminal:
                    console.print(f"{text} ({number + 1} of {cases})")
            elif "result" in line:
                run.results.append(Result.of(line["result"]))
            elif "rates" in line:
                run.rates[str(threads)] = line["rates"]
            elif "parts" in line:
                run.parts += map(Parts.of, line["parts"])
            else:
                run.latency += [Small(**item) for item in line["latency"]]


def _lines(job: dict[str, Any], threads: int) -> Iterator[dict[str, Any]]:
    """The lines of a measuring process as they come. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "tests.bench.worker"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(threads), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _show(run: Run, console: Console, targets_alone: bool) -> None:
    for grid in [targets(run)] if targets_alone else grids(run):
        console.print(rich_table(grid))
        console.print()
    for line in notes(run):
        console.print(line)


def _write(run: Run, console: Console, record: str | None) -> None:
    """build/bench.json and the plot; with `record` both, and the tables as a page, into docs/measurements."""
    stems = [ROOT / "build" / "bench"]
    if record:
        stems.append(RECORDS / f"{datetime.date.today().isoformat()}-{record}")
    for stem in stems:
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".json").write_text(json.dumps(run.data(), indent=1) + "\n", encoding="utf-8")
        if installed("matplotlib"):
            plot(run, stem.with_suffix(".svg"))
        console.print(f"{stem.relative_to(ROOT)}.json holds every round", soft_wrap=True)
    if not installed("matplotlib"):
        console.print("no plot: not installed: matplotlib")
    if record:
        stems[-1].with_suffix(".md").write_text(_page(run, stems[-1].name), encoding="utf-8")


def _page(run: Run, name: str) -> str:
    """The tables of a run as a page."""
    packages = ", ".join(f"{package} {number}" for package, number in run.machine["packages"].items())
    caches = ", ".join(f"{cache} {size}" for cache, size in run.machine["caches"].items())
    head = (
        f"# {name}\n\n"
        f"{run.machine['cpu']}, {run.machine['cores']} cores, {run.machine['instruction_set']}; {caches}.\n"
        f"{run.machine['system']}, Python {run.machine['python']}, {packages}.\n"
        f"float32, up to {run.settings['rounds']} rounds. [How to read this](README.md).\n\n"
        f"![Time over the limit by shape]({name}.svg)\n"
    )
    return "\n".join([head, *map(markdown, grids(run)), *(f"- {line}" for line in notes(run))]) + "\n"


if __name__ == "__main__":
    main()
