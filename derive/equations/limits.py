"""The bounds of the language: a text beyond one of them is refused before anything is built from it."""

from __future__ import annotations

MAX_TEXT = 65_536
"""Characters of a cell file, and of bare equations."""

MAX_EQUATIONS = 256
"""Equations of a cell."""

MAX_TOKENS = 512
"""Names, numbers and signs of one equation; its expression has fewer nodes than that."""

MAX_NESTING = 32
"""Parentheses and brackets open at the same time."""

MAX_DEPTH = 100
"""Levels of an expression; a sum of n terms has n of them."""

MAX_NAME = 64
"""Characters of a name."""

MAX_DIGITS = 30
"""Digits of a number as it is written."""

MAX_MAGNITUDE = 10**30
"""A number is 0 or lies between 1 / MAX_MAGNITUDE and MAX_MAGNITUDE: float32 holds all of them."""

MAX_EXPONENT = 64
"""The absolute value of an exponent that is a number."""

MAX_LATEX = 80
"""Characters of a notation in [latex]."""

MAX_LABEL = 300
"""Characters of a title and of a source."""
