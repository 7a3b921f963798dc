"""The cells whose circuits are tested: the zoo, random ones, and one larger than any cell of the zoo."""

from functools import cache
from random import Random

from derive.circuit.scene import Scene
from derive.equations import load, parse
from derive.graph import Graph, wire
from derive.printers.chart import chart
from tests.kernels.strategies import drawn_by

RANDOM_CELLS = 100

_GATES = ("a", "b", "d", "e", "f", "g", "i", "k", "l", "m", "o", "q")
_LARGE = """
{gates}
u = a * u[t-1] + b * tanh(d)
v = e * v[t-1] + f * g * tanh(i) + q * u
w = (1 - k) * w[t-1] + k * tanh(u + v) + l * m
h = o * tanh(w)
"""


@cache
def graph_of(name: str) -> Graph:
    """The graph of a cell of the zoo."""
    return wire(load(name))


@cache
def scene_of(name: str) -> Scene:
    """The circuit of a cell of the zoo."""
    return chart(graph_of(name))


@cache
def random_graph(seed: int) -> Graph:
    """The graph of a random cell."""
    return wire(drawn_by(Random(seed)).equations)


def large_graph() -> Graph:
    """A cell with twelve gates, peepholes and three states on the highway."""
    lines = []
    for number, gate in enumerate(_GATES):
        peephole = f" + p_{gate} * {'uvw'[number % 3]}[t-1]"
        lines.append(f"{gate} = sigmoid(W_{gate} @ x + R_{gate} @ h[t-1]{peephole} + b_{gate})")
    return wire(parse(f"equations = '''{_LARGE.format(gates=chr(10).join(lines))}'''", "large"))
