"""Where the pages of the site are, and the links that every one of them carries."""

from __future__ import annotations

from dataclasses import dataclass, replace

INDEX = "index.html"
COMPARISONS = "comparisons.html"
TRAVEL = "travel.html"


@dataclass(frozen=True, slots=True)
class Link:
    """A page of the site and what it is called."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Site:
    """What one page needs to know of the others.

    That is `navigation`, `relatives` that it may be compared with, and what files lie `beside` it.
    """

    navigation: tuple[Link, ...]
    current: str = ""
    relatives: tuple[Link, ...] = ()
    beside: tuple[Link, ...] = ()

    def at(self, current: str, relatives: tuple[Link, ...] = (), beside: tuple[Link, ...] = ()) -> Site:
        """The same for the page `current`."""
        return replace(self, current=current, relatives=relatives, beside=beside)


def cell_file(name: str) -> str:
    """The file of a cell's page."""
    return f"{name}.html"


def circuit_file(name: str) -> str:
    """The file of a cell's circuit, which lies beside its page."""
    return f"{name}.svg"


def comparison_file(first: str, second: str) -> str:
    """The file of the page that compares two cells."""
    return f"compare-{first}-{second}.html"
