"""The chain rule in three pictures: one chain, two routes, n routes. Each is a small cell in the language.

Every cell adds one thing to the one before it: a second way from u to y, then a way from y into the next step. SymPy is
imported by what draws them, and not by who asks for their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from derive.equations import parse

if TYPE_CHECKING:
    from derive.graph import Graph


@dataclass(frozen=True, slots=True)
class Chain:
    """A picture: its name and title, the equations, the variable whose routes it shows, and the steps it draws."""

    name: str
    title: str
    equations: str
    source: str
    steps: int

    def graph(self) -> Graph:
        """The graph of the equations."""
        from derive.graph import wire

        return wire(parse(f'title = "{self.title}"\nequations = """\n{self.equations}\n"""\n', self.name))

    def picture(self) -> str:
        """The circuit with the complete routes of `source` marked, as SVG that stands alone."""
        from derive.printers.chart import chart
        from derive.printers.svg import standalone
        from derive.routes import routes_to

        graph = self.graph()
        scene = chart(graph, self.steps)
        return standalone(scene, graph.equations, scene.marked(routes_to(graph, self.source, None)))


CHAINS = (
    Chain("one_chain", "one chain from x to J", "u = tanh(x)\ny = sigmoid(u)", "x", 1),
    Chain("two_routes", "two routes from u to J", "u = tanh(x)\nv = sigmoid(u)\nw = tanh(u)\ny = v + w", "u", 1),
    Chain(
        "n_routes",
        "n routes from u to J, six of them within two steps",
        "u = tanh(x + y[t-1])\nv = sigmoid(u)\nw = tanh(u)\ny = v + w",
        "u",
        2,
    ),
)
