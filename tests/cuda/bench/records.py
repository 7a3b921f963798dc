"""What runs have found so far: a file to which every finished case adds a line, written at once.

A line says under which conditions its case ran: the sources, the device and the versions of packages. What was found
under others does not count. A run that is stopped while it writes leaves a part of a line, which the next run removes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cuda.bench.cases import Case

ROOT = Path(__file__).resolve().parents[3]
FILE = "results.jsonl"


def sources() -> str:
    """A digest of everything that decides what a case finds."""
    folders = ("generated/cuda", "generated/reference", "generated/support", "tests/cuda/bench")
    files = ("tests/bench/contender_torch.py", "tests/bench/steps.py", "tests/kernels/arguments.py")
    paths = sorted(
        [*(path for folder in folders for path in (ROOT / folder).rglob("*.py")), *map(ROOT.joinpath, files)]
    )
    text = b"\0".join(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() for path in paths)
    return hashlib.sha256(text).hexdigest()[:16]


@dataclass(slots=True)
class Records:
    """The results in a folder under some conditions, by case."""

    folder: Path
    conditions: Mapping[str, Any]
    results: dict[Case, dict[str, Any]] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """What stands for the conditions in every line."""
        return hashlib.sha256(json.dumps(self.conditions, sort_keys=True).encode()).hexdigest()[:12]

    def load(self) -> None:
        """Read what there is under these conditions; without a file there is nothing."""
        path = self.folder / FILE
        if not path.exists():
            return
        for line in path.read_bytes().split(b"\n")[:-1]:
            found = json.loads(line)
            if found.get("under") == self.identity and "case" in found:
                self.results[Case.of(found["case"])] = found["result"]

    def open(self) -> None:
        """Make the folder, remove a part of a line, and state the conditions where no line is under them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / FILE
        if path.exists():
            text = path.read_bytes()
            whole = text.rfind(b"\n") + 1
            if whole < len(text):
                os.truncate(path, whole)
        if not self.results:
            self._append({"under": self.identity, "conditions": self.conditions})

    def add(self, case: Case, result: dict[str, Any]) -> None:
        """Keep a result."""
        self._append({"under": self.identity, "case": case.data(), "result": result})
        self.results[case] = result

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = (json.dumps(entry) + "\n").encode()
        descriptor = os.open(self.folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(f"{self.folder / FILE}: no room")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write(path: Path, text: str) -> None:
    """A file with this text, whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
