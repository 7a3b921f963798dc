"""Text for people: `c[t+1]`, readable and greppable."""

from __future__ import annotations

from derive.graph import LOSS, Edge


def place(name: str, step: int, timeless: bool = False) -> str:
    """A name at step t + step: `c[t]`, `c[t+1]`, `c[t-1]`; a timeless name stands alone."""
    if timeless:
        return name
    return f"{name}[t{step:+d}]" if step else f"{name}[t]"


def arrow(edge: Edge, timeless: bool = False) -> str:
    """`c[t] -> y[t]`, with the number of the occurrence where there are several."""
    several = f", occurrence {edge.occurrence} of {edge.count}" if edge.count > 1 else ""
    target = LOSS if edge.target == LOSS else edge.target
    return f"{place(edge.source, 0, timeless)} -> {place(target, edge.lag)}{several}"
