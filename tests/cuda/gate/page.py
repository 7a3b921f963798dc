"""The page docs/cuda-registers.md: written from what the gate found, and read back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "cuda-registers.md"
_HEAD = """\
# Registers of the CUDA kernels

What the compiler makes of every kernel of [`generated/cuda`](cuda.md): registers of a thread on each architecture,
bytes of shared memory of a block. `make gate` writes this page, and writes none where a kernel spills registers, uses
local memory, or is one of float32 and computes in float64. Element-wise kernels serve any size; block kernels are made
for a number of units, and stand here for the sizes at which registers are scarcest: the largest that a block runs, and
the largest for each number of threads that share a unit, if a block has more than 256. Persistent kernels, `grid_loop`
and on tensor cores `tensor_loop`, stand here for the largest of some sizes at which all multiprocessors of an H200 run
the cell together. Of 16 bits only these stand here: the others are those of float32, but for what they load and store.

By {versions}.
"""
_VERSIONS = re.compile(r"^By (.*)\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A kernel on one architecture; `size` is 0 where it serves any."""

    dtype: str
    cell: str
    size: int
    kernel: str
    threads: int
    shared: int
    architecture: str
    registers: int


def written(entries: Iterable[Entry], versions: str, architectures: Iterable[str]) -> str:
    """The page: a table for each dtype, a row for each kernel and size, in the order of entries."""
    names = list(architectures)
    parts = [_HEAD.format(versions=versions)]
    for dtype, of_dtype in groupby(entries, lambda entry: entry.dtype):
        parts.append(f"\n## {dtype}\n\n{_line(['Cell', 'Kernel', 'Units', 'Threads', 'Shared', *names])}\n")
        parts.append(_line(["---", "---", *["---:"] * (3 + len(names))]) + "\n")
        rows: dict[tuple[str, str, int, int, int], dict[str, int]] = {}
        for entry in of_dtype:
            row = entry.cell, entry.kernel, entry.size, entry.threads, entry.shared
            rows.setdefault(row, {})[entry.architecture] = entry.registers
        for (cell, kernel, size, threads, shared), registers in rows.items():
            figures = [str(registers.get(name, "")) for name in names]
            parts.append(_line([f"`{cell}`", f"`{kernel}`", str(size or "any"), str(threads), str(shared), *figures]))
            parts.append("\n")
    return "".join(parts)


def read(text: str) -> tuple[set[Entry], str]:
    """The entries of a page, and the versions that it names."""
    entries: set[Entry] = set()
    dtype, names = "", []
    for line in text.splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")[1:-1]]
        if line.startswith("## "):
            dtype = line.removeprefix("## ")
        elif cells and cells[0] == "Cell":
            names = cells[5:]
        elif cells and not cells[0].startswith("---"):
            cell, kernel, size, threads, shared, *registers = cells
            shape = 0 if size == "any" else int(size), kernel, int(threads), int(shared)
            for name, figure in zip(names, registers, strict=True):
                if figure:
                    entries.add(Entry(dtype, cell, *shape, name, int(figure)))
    found = _VERSIONS.search(text)
    return entries, found[1] if found else ""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
