"""The pages that people read, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/guide.md",
    "docs/routes.md",
    "docs/notation.md",
    "docs/language.md",
    "docs/kernels.md",
    "docs/vectors.md",
    "docs/checks.md",
    "docs/cuda.md",
    "docs/cuda-registers.md",
    "docs/simulator.md",
    "docs/examples/README.md",
)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its text, the line of its first line, and what the page says behind it.

    `output` is the text block that stands right below a Python block: what running it prints.
    """

    language: str
    text: str
    line: int
    output: str | None


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, *languages: str) -> tuple[Block, ...]:
    """The fenced blocks of a page in one of these languages, in order."""
    text = page(name)
    found = list(_BLOCK.finditer(text))
    result = []
    for match, following in zip_longest(found, found[1:]):
        output = None
        if following and following.group(1) == "text" and not text[match.end() : following.start()].strip():
            output = following.group(2)
        if match.group(1) in languages:
            result.append(Block(match.group(1), match.group(2), text.count("\n", 0, match.start()) + 2, output))
    return tuple(result)


def commands(name: str) -> tuple[tuple[str, str], ...]:
    """The commands of a page's console blocks, each with the output that stands below it, "" for none."""
    result = []
    for block in blocks(name, "console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            result.append((command.strip(), output.strip("\n")))
    return tuple(result)


def rows(name: str, marker: str) -> list[list[str]]:
    """The cells of the table between `<!-- marker -->` and `<!-- end marker -->`, without its head."""
    inside = page(name).partition(f"<!-- {marker} -->")[2].partition(f"<!-- end {marker} -->")[0]
    lines = [line for line in inside.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
