"""`make check`: are the files of the clone what the equations say?"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from derive.generate import pictures
from derive.generate.tree import forgotten, leftovers
from derive.generate.work import load_cell, rendered


def differences(root: Path, cells: Sequence[str]) -> Iterator[str]:
    """A unified diff for each file of `cells` that is not what would be written, and for each that nothing writes.

    The pictures of the documents are compared too. Nothing is written. Raises DeriveError for a mistake in a cell.
    """
    made = (rendered(root, load_cell(root, name)) for name in cells)
    for texts in itertools.chain(made, (pictures.rendered(root),)):
        for path, text in texts.items():
            found = path.read_bytes().decode("utf-8", "backslashreplace") if path.is_file() else None
            if found != text:
                yield _diff(path.relative_to(root).as_posix(), found, text)
    for path in (*forgotten(root), *leftovers(root)):
        name = path.relative_to(root).as_posix()
        yield f"--- {name}\n+++ /dev/null\nno cell writes this file any more; `make` removes it"


def _diff(name: str, found: str | None, text: str) -> str:
    """From the file that was found, None if there is none, to the text that the equations give."""
    old = "/dev/null" if found is None else f"{name} (as it is)"
    lines = difflib.unified_diff(
        (found or "").splitlines(), text.splitlines(), old, f"{name} (from the equations)", lineterm=""
    )
    return "\n".join(lines) or f"--- {old}\n+++ {name}\nonly the ends of lines differ"
