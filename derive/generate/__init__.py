"""What `make` runs: every file that is written from the equations, then the fast check of every cell.

Not part of the public API: it works on a clone of the repository, `python -m derive.generate`. A cell whose equations,
templates and generator are those of its last successful run is left alone; that is decided by hashes, without SymPy.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from derive.generate import progress, stamps, tree
from derive.generate.pictures import make_pictures
from derive.generate.work import Outcome, Task, make_cell


def generate(root: Path, cells: Sequence[str], jobs: int) -> bool:
    """Bring the files of `cells` below `root` up to date, check the cells, and say whether all passed.

    The pictures of the documents, which belong to no cell, are brought up to date too. At most `jobs` cells are made
    at a time; one job runs in this process. Of two runs at a time the second waits.
    """
    with tree.lock(root, lambda: progress.say("another run is at work on this clone; waiting for it")):
        for path in itertools.chain(tree.leftovers(root), tree.forgotten(root)):
            path.unlink()
        changed = make_pictures(root)
        inputs = stamps.digests(root, cells)
        due = [
            Task(root, cell, inputs[cell])
            for cell in cells
            if not stamps.is_fresh(root, cell, tree.outputs(root, cell).values(), inputs[cell])
        ]
        outcomes = progress.follow(_outcomes(due, jobs), len(due)) if due else []
    progress.summarise(outcomes, len(cells), changed)
    return all(outcome.passed for outcome in outcomes)


def _outcomes(tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """The outcome of every task, in the order in which they end."""
    if min(jobs, len(tasks)) <= 1:
        yield from map(make_cell, tasks)
        return
    # A fresh interpreter a worker: forking a process that has threads is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(tasks)), context, _leave_with_parent) as pool:
        try:
            futures = {pool.submit(make_cell, task): task.cell for task in tasks}
            for future in as_completed(futures):
                if error := future.exception():
                    raise RuntimeError(f"the cell {futures[future]} could not be made") from error
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_with_parent() -> None:
    """Let a worker end when its parent does, however that happens, and at Ctrl-C without a traceback of its own."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
