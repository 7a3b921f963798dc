"""`make bench-cuda`: the CUDA kernels on a device: correctness, compute-sanitizer, times, and peers."""

from __future__ import annotations

import argparse
import datetime
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.machine import cores
from tests.cuda.bench.cases import CELLS, PARTS, Case, cases
from tests.cuda.bench.crew import Crew, MissingError
from tests.cuda.bench.records import ROOT, Records, sources
from tests.cuda.bench.report import failed, said, write_all

RESERVE = 3.0
"""Seconds of the budget in which nothing runs any more, and the tables are written."""
MOST_JOBS = 8


def main() -> int:
    """Run what is not there yet. The exit status is 1 without a device, and where a check has failed."""
    started = time.monotonic()
    options = _options()
    command = [sys.executable, "-m", "tests.cuda.bench.worker", *(["--simulated"] if options.simulated else [])]
    crew = Crew(command, started + options.budget - RESERVE)
    # Told to stop, it ends the processes that it has started, and writes its tables.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        try:
            conditions = {**crew.conditions(), "sources": sources()}
        except MissingError as error:
            print(error, file=sys.stderr)
            return 1
        records = Records(options.out, conditions)
        records.load()
        records.open()
        _run(options, crew, records)
    finally:
        crew.close()
    return int(failed(records.results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-cuda ARGS=...", description=__doc__)
    parts = ", ".join(PARTS)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {parts}")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS, metavar="CELL", help="default: all")
    parser.add_argument("--budget", type=float, default=float("inf"), metavar="SECONDS", help="stop before so many")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench-cuda", metavar="FOLDER")
    parser.add_argument(
        "--jobs", type=int, default=min(MOST_JOBS, cores()), metavar="N", help="processes, where nothing is timed"
    )
    parser.add_argument("--simulated", action="store_true", help="a few small cases in the simulator of the tests")
    options = parser.parse_args()
    if options.budget <= RESERVE or options.jobs < 1:
        parser.error(f"--budget takes more than {RESERVE:g} seconds, --jobs at least 1")
    if options.simulated:
        options.part = ["correctness"]
    return options


def _run(options: argparse.Namespace, crew: Crew, records: Records) -> None:
    """Part by part, with tables after each, and at the end, whatever the end is."""
    now = datetime.datetime.now(datetime.UTC).isoformat(" ", "minutes")
    run = {"date": now, "command": f"python -m tests.cuda.bench {shlex.join(sys.argv[1:])}".rstrip()}
    try:
        for part in options.part:
            every = cases(part, options.cells, options.simulated)
            todo = [case for case in every if case not in records.results]
            print(f"{part}: {len(every)} cases, {len(every) - len(todo)} there already", flush=True)
            for case, result in crew.run(todo, options.jobs if part in ("correctness", "sanitizer") else 1):
                records.add(case, result)
                print(f"{part}: {case}: {_outcome(result)}", flush=True)
            _note(part, every, records)
            write_all(records, run)
    finally:
        print(write_all(records, run))
        print(said(options.out))


def _outcome(result: dict[str, Any]) -> str:
    outcome = result.get("outcome", f"{len(result.get('entries', ()))} measured")
    return f"{outcome}: {result['why']}" if result.get("why") else outcome


def _note(part: str, every: list[Case], records: Records) -> None:
    missing = sum(case not in records.results for case in every)
    if missing:
        print(f"{part}: {missing} cases are left for another run: the budget is spent", flush=True)


if __name__ == "__main__":
    sys.exit(main())
