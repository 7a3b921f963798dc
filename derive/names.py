"""Names for generated code that never collide, neither with each other nor with what the code itself uses."""

from __future__ import annotations

import keyword
from collections.abc import Iterable


class Namer:
    """Hands out names: the wanted one, or with underscores behind it where that is taken or a keyword."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def new(self, wanted: str) -> str:
        """A name not yet handed out, as close to `wanted` as possible."""
        name = wanted
        while name in self._taken or keyword.iskeyword(name):
            name += "_"
        self._taken.add(name)
        return name
