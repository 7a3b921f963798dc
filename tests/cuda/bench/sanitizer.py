"""Small calls under compute-sanitizer, each tool around a process of its own."""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from generated.support.cuda.compiler import toolkits
from tests.cuda.bench.cases import Case

ROOT = Path(__file__).resolve().parents[3]
TOOL = "compute-sanitizer"
FOUND = 86
"""The exit status that the tool is told to have where it finds something."""
_SUMMARY = re.compile(r"(?:ERROR|RACECHECK) SUMMARY: (\d+) (?:errors?|hazards?).*")
_LINES = 12
"""Lines of a report that are kept."""


def run(case: Case, seconds: float = 240.0) -> dict[str, Any]:
    """The outcome of one tool on all regimes of a cell: "met" where it finds nothing."""
    tool = found()
    if tool is None:
        return {"outcome": "left out", "why": f"{TOOL} is neither on PATH nor in CUDA_HOME or the nvidia packages"}
    watched = [sys.executable, "-m", "tests.cuda.bench.once", case.cell, str(case.shape)]
    command = [tool, "--tool", case.kind, "--error-exitcode", str(FOUND), *watched]
    try:
        finished = subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"outcome": "error", "why": f"longer than {seconds:g} s"}
    return judged(finished.returncode, finished.stdout)


def judged(status: int, text: str) -> dict[str, Any]:
    """What a report says. Without a summary, or where the call itself failed, nothing is known of the kernels."""
    report = [line for line in text.splitlines() if line.startswith("=========")]
    summaries = [int(number) for line in report for number in _SUMMARY.findall(line)]
    if any(summaries) or status == FOUND:
        return {"outcome": "missed", "why": f"{sum(summaries)} found", "report": report[:_LINES]}
    if status or not summaries:
        return {"outcome": "error", "why": f"exit status {status}", "report": text.splitlines()[-_LINES:]}
    return {"outcome": "met", "why": ""}


@functools.cache
def found() -> str | None:
    """The path of compute-sanitizer: on PATH, in a toolkit, or in a package of NVIDIA's."""
    on_path = shutil.which(TOOL)
    if on_path:
        return on_path
    folders = toolkits()
    packages = importlib.util.find_spec("nvidia")
    for place in packages.submodule_search_locations or () if packages else ():
        folders += sorted(Path(place).glob("*"))
    for folder in folders:
        for place in (folder / "bin", folder / TOOL):
            path = shutil.which(TOOL, path=str(place))
            if path:
                return path
    return None
