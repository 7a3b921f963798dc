"""The facade: a cell, and every stage of the pipeline on demand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

from derive.equations.model import Equations
from derive.errors import DeriveError

if TYPE_CHECKING:
    from derive.circuit.scene import Scene
    from derive.gradients import Gradients
    from derive.graph import Graph
    from derive.plan import Plan
    from derive.routes import Node, Route

_NODE = re.compile(r"(\w+)(?:\[t(\+1)?\])?")


@dataclass(frozen=True)
class Cell:
    """A recurrent cell. Each stage is computed when it is first asked for, and kept.

    text -> `equations` -> `graph` -> `routes` -> `gradients` -> `plan`; SymPy is imported by the graph.
    """

    equations: Equations

    @property
    def name(self) -> str:
        """The name of the cell, which is also that of its files."""
        return self.equations.name

    @cached_property
    def graph(self) -> Graph:
        """The graph of one step: an edge for every occurrence."""
        from derive.graph import wire

        return wire(self.equations)

    @cached_property
    def gradients(self) -> Gradients:
        """The adjoint equations and the gradients of the parameters."""
        from derive.gradients import differentiate

        return differentiate(self.graph)

    @cached_property
    def circuit(self) -> Scene:
        """The circuit of the cell, laid out for its figures: two steps side by side."""
        from derive.printers.chart import chart

        return chart(self.graph)

    @cached_property
    def plan(self) -> Plan:
        """What kernels are rendered from: regions, stages, stacks, what is saved and what is deferred."""
        from derive.plan import lower

        return lower(self.gradients)

    def planned(self, tape: str) -> Plan:
        """The plan with the tape of another policy: "auto", which is that of `plan`, "all" or "least".

        Raises DeriveError for any other.
        """
        from derive.plan import DEFAULT, lower

        return self.plan if tape == DEFAULT else lower(self.gradients, tape)

    @overload
    def routes(self, v: str) -> tuple[Route, ...]: ...

    @overload
    def routes(self, v: str, to: str, through: str | None = None) -> Iterator[Route]: ...

    def routes(self, v: str, to: str | None = None, through: str | None = None) -> tuple[Route, ...] | Iterator[Route]:
        """The ways from `v` at step t towards the loss.

        Without `to`: the first hops of v, the hop to J included. With `to`: all routes to that node in the window
        t, t+1, one after another, since there may be very many. `to` is `"J"`, a variable (`"c"`: in either step), or
        one step of these (`"c[t+1]"`, `"J[t]"`). `through` keeps the routes that visit that variable between their
        ends. Raises DeriveError for what is no node of the window.
        """
        from derive.routes import first_hops, routes_to

        if to is None:
            if through is not None:
                raise DeriveError("`through` needs `to`: it selects among the routes between two ends")
            return first_hops(self.graph, v)
        source, targets, inner = self._ends(v, to, through)
        return itertools.chain.from_iterable(routes_to(self.graph, source, target, inner) for target in targets)

    def count_routes(self, v: str, to: str, through: str | None = None) -> int:
        """How many routes `routes(v, to, through)` yields, counted without making them."""
        from derive.routes import count_routes

        source, targets, inner = self._ends(v, to, through)
        return count_routes(self.graph, source, targets, inner)

    def _ends(self, v: str, to: str, through: str | None) -> tuple[str, tuple[Node, ...], str | None]:
        """The names and nodes that a request for routes is about."""
        source, step = self._node(v, "v")
        if step == 1:
            raise DeriveError(f"routes start at step t: write `{source}`, whose window is t, t+1")
        target, step = self._node(to, "to")
        for name in (source, target):
            if name in self.equations.symbols and self.equations.symbols[name].timeless:
                raise DeriveError(f"`{name}` carries no step: no route of the window starts or ends there, only hops")
        if (source, 0) == (target, step):
            raise DeriveError(f"a route from {source}[t] to itself has no edge; to the next step is `{source}[t+1]`")
        steps = (0, 1) if step is None else (step,)
        targets = tuple((target, at) for at in steps if (target, at) != (source, 0))
        return source, targets, None if through is None else self._node(through, "through")[0]

    def _node(self, text: str, argument: str) -> tuple[str, int | None]:
        """The name and the step that `c`, `c[t]` or `c[t+1]` mean; None for a name alone."""
        from derive.graph import LOSS

        match = _NODE.fullmatch(text)
        if match is None or (argument == "through" and match.group(0) != match.group(1)):
            forms = "a name such as `c`" if argument == "through" else "`c`, `c[t]`, `c[t+1]` or `J`"
            raise DeriveError(f"`{text}` is no node of the window t, t+1: write {forms}")
        name = match.group(1)
        symbol = self.equations.symbols.get(name)
        if symbol is None and (name != LOSS or argument != "to"):
            raise DeriveError(
                f"`{name}` is not a name of the cell {self.name}. Its names are {', '.join(self.equations.symbols)}"
            )
        if symbol is not None and symbol.timeless and text != name:
            raise DeriveError(f"`{name}` carries no step: write `{name}`, not `{text}`")
        return name, None if text == name else int(match.group(2) is not None)
