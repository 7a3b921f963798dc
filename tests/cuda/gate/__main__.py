"""`make gate`: every generated CUDA kernel on every architecture, and the page of what they take."""

from __future__ import annotations

import argparse
import itertools
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from derive.files import write_whole
from derive.workers import cores
from tests.cuda.gate.compiling import ARCHITECTURES, missing, versions
from tests.cuda.gate.entries import RECORDED, passed
from tests.cuda.gate.launched import CELLS
from tests.cuda.gate.page import PAGE, written


def main() -> int:
    """Compile, show and write. The exit status is 1 where a kernel is refused, and then nothing is written."""
    parser = argparse.ArgumentParser(prog="make gate ARGS=...", description=__doc__)
    parser.add_argument("--jobs", type=int, default=cores(), metavar="N", help="processes; default: all cores")
    options = parser.parse_args()
    if missing():
        print(missing(), file=sys.stderr)
        return 1
    cases = list(itertools.product(RECORDED, CELLS))
    entries, refusals = [], []
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        running = [pool.submit(passed, cell, dtype, ARCHITECTURES) for dtype, cell in cases]
        for (dtype, cell), result in zip(cases, running, strict=True):
            taken, refused = result.result()
            print("\n".join([f"{cell} {dtype}: {len(taken)} pass, {len(refused)} do not", *refused]), flush=True)
            entries += taken
            refusals += refused
    if refusals:
        print(f"{len(refusals)} refused: {PAGE.name} is left as it is", file=sys.stderr)
        return 1
    write_whole(PAGE, written(entries, versions(), ARCHITECTURES))
    print(f"{len(entries)} pass, counted on each architecture: {PAGE.relative_to(PAGE.parents[1])} says what they take")
    return 0


if __name__ == "__main__":
    sys.exit(main())
