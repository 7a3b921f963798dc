"""Words and numbers in the sentences of a document."""

from __future__ import annotations

from collections.abc import Sequence

from derive.graph import Edge

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def listed_formulas(items: Sequence[str]) -> str:
    """Formulas in a sentence: a, b and c."""
    return enumerated([f"${item}$" for item in items])


def enumerated(items: Sequence[str]) -> str:
    """Items in a sentence: a, b and c."""
    *others, last = items or [""]
    return f"{', '.join(others)} and {last}" if others else last


def in_words(count: int) -> str:
    """A small number in words."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def occurrence(edge: Edge) -> str:
    """Which of several occurrences an edge is: occurrence 1 of 2; "" where there is one alone."""
    return f"occurrence {edge.occurrence} of {edge.count}" if edge.count > 1 else ""
