"""Instructions as a person reads them: the file, the line and its text."""

from __future__ import annotations

import linecache
import re
from itertools import islice
from pathlib import Path
from types import CodeType

_ASSIGNMENT = re.compile(r"\s*(\w+)\s*=[^=]")


def place(code: CodeType, instruction: int) -> str:
    """`file.py:12: text of the line` of an instruction, which is an `f_lasti` of a frame of `code`."""
    line = _line(code, instruction)
    return f"{Path(code.co_filename).name}:{line}: {_text(code, line)}".rstrip(": ")


def assigned(code: CodeType, instruction: int) -> str:
    """The name that the line of an instruction assigns to; the number of the line where it assigns to none."""
    line = _line(code, instruction)
    match = _ASSIGNMENT.match(_text(code, line))
    return match.group(1) if match else f"of line {line}"


def ranges(numbers: list[int]) -> str:
    """Whole numbers in ascending order, neighbours together: `0-3, 8`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _line(code: CodeType, instruction: int) -> int:
    position = next(islice(code.co_positions(), instruction // 2, None))
    return position[0] or code.co_firstlineno


def _text(code: CodeType, line: int) -> str:
    return linecache.getline(code.co_filename, line).strip()
