"""The three pictures of the chain rule: their routes are all the routes, and their wires those of the routes alone."""

import re
from dataclasses import replace

import pytest

from derive.explain.chains import CHAINS, Chain
from derive.explain.worked import worked
from derive.gradients import differentiate
from derive.printers.chart import chart
from derive.routes import routes_to

ONE, TWO, MANY = CHAINS


def lit(chain: Chain) -> set[tuple[str, int]]:
    """The nodes at the ends of marked wires."""
    found = re.findall(r'class="node [^"]*lit" data-node="([^"]+)" data-step="(.)"', chain.picture())
    return {(node, int(step)) for node, step in found}


@pytest.mark.parametrize(
    ("chain", "count"), [(ONE, 1), (TWO, 2), (MANY, 6)], ids=lambda item: getattr(item, "name", "")
)
def test_the_products_of_the_routes_add_up_to_the_derivative(chain: Chain, count: int) -> None:
    example = worked(differentiate(chain.graph()), chain.source)
    assert len(example.routes) == example.count == count
    assert abs(example.total - example.difference) < 1e-25


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_every_node_of_the_routes_is_lit(chain: Chain) -> None:
    nodes = {node for route in routes_to(chain.graph(), chain.source, None) for node in route.nodes}
    assert {("J-y" if name == "J" else name, step) for name, step in nodes} <= lit(chain)


def test_what_no_route_passes_is_not_marked() -> None:
    assert ("x", 0) in lit(ONE)
    assert ("x", 0) not in lit(TWO)
    assert not {("x", 0), ("x", 1)} & lit(MANY)


def test_a_step_that_is_not_drawn_has_no_marks() -> None:
    graph = MANY.graph()
    scene = chart(graph)
    assert {step for _, step in replace(scene, steps=1).marked(routes_to(graph, "u", None))} == {0}
    assert {step for _, step in scene.marked(routes_to(graph, "u", None))} == {0, 1}
