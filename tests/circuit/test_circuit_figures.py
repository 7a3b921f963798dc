"""The chart of a memory cell and the unfolded network: what they show, and that printers draw all of it."""

import xml.etree.ElementTree as ElementTree

import pytest

from derive.circuit.diagram import diagram
from derive.circuit.figure import Caption, Curve, Disc, Figure, Form, Name, Plate
from derive.circuit.odyssey import odyssey
from derive.circuit.unfolded import WIDE, unfolded
from derive.equations import names
from derive.printers.svg_figures import figure_svg
from derive.printers.tikz_figures import figure_tikz
from tests.circuit.drawings import graph_of

WITH_A_CELL = [name for name in names() if "lstm" in name] + ["gru", "lem", "mgu"]


def chart_of(name: str) -> Figure:
    graph = graph_of(name)
    found = odyssey(graph, diagram(graph))
    assert found is not None
    return found


def test_gates_and_peepholes_of_the_lstm() -> None:
    figure = chart_of("lstm_peephole")
    discs = {disc.names[0].name: disc for disc in figure.items if isinstance(disc, Disc) and disc.names}
    assert set(discs) == {"c", "f", "i", "z", "o"}
    assert discs["z"].x < discs["c"].x < discs["o"].x
    assert discs["f"].y < discs["c"].y < discs["i"].y
    styles = [curve.style for curve in figure.items if isinstance(curve, Curve)]
    assert (styles.count("before"), styles.count("peephole")) == (2, 1)
    captions = {caption.names for caption in figure.items if isinstance(caption, Caption)}
    assert (Name("p_in"), Name("c", -1)) in captions
    assert (Name("p_for"), Name("c", -1)) in captions
    assert (Name("p_out"), Name("c", 0)) in captions


def test_no_peephole_where_there_is_none() -> None:
    styles = {curve.style for curve in chart_of("lstm").items if isinstance(curve, Curve)}
    assert styles == {"strong", "plain"}


@pytest.mark.parametrize("name", ["rnn", "rnn_readout", "dense", "indrnn"])
def test_only_a_state_with_a_loop_of_its_own_has_a_chart(name: str) -> None:
    graph = graph_of(name)
    assert odyssey(graph, diagram(graph)) is None


@pytest.mark.parametrize("name", WITH_A_CELL)
def test_shapes_do_not_overlap(name: str) -> None:
    discs = [item for item in chart_of(name).items if isinstance(item, Disc)]
    for index, one in enumerate(discs):
        for other in discs[index + 1 :]:
            assert (one.x - other.x) ** 2 + (one.y - other.y) ** 2 > (one.radius + other.radius) ** 2


def test_the_adjoints_that_come_back_are_those_of_the_hops() -> None:
    graph = graph_of("lstm_peephole")
    figure = unfolded(graph, diagram(graph), 3)
    back = {item.names for item in figure.items if isinstance(item, Caption) and item.names[0].form is Form.ADJOINT}
    assert tuple(Name(name, 1, Form.ADJOINT) for name in ("c", "i_bar", "f_bar")) in back
    assert all(edge.target in {name.name for names in back for name in names} for edge in graph.edges if edge.lag)
    errors = {item.names for item in figure.items if isinstance(item, Caption) and item.names[0].form is Form.ERROR}
    assert errors == {(Name("y", step, Form.ERROR),) for step in (-1, 0, 1)}


@pytest.mark.parametrize("name", ["dense", "gru", "lstm_fgr", "lstm_readout"])
def test_below_each_step_stand_the_errors_of_the_gradients_of_parameters(name: str) -> None:
    graph = graph_of(name)
    figure = unfolded(graph, diagram(graph), 3)
    plates = [item for item in figure.items if isinstance(item, Plate)]
    below = [item for item in figure.items if isinstance(item, Caption) and item.y > plates[0].height / 2]
    found = {shown for item in below for shown in item.names if shown.form is Form.ADJOINT}
    needed = {edge.target for edge in graph.edges if edge.source in graph.equations.parameters}
    assert found == {Name(target, step, Form.ADJOINT) for target in needed for step in (-1, 0, 1)}
    assert all(item.y < figure.bottom for item in below)


@pytest.mark.parametrize(("name", "steps"), [("rnn", 3), ("mgu", 3), ("lstm", 2)])
def test_two_steps_where_three_would_be_too_wide(name: str, steps: int) -> None:
    figure = unfolded(graph_of(name), diagram(graph_of(name)))
    assert sum(isinstance(item, Plate) for item in figure.items) == steps
    assert figure.right - figure.left <= WIDE


@pytest.mark.parametrize("name", ["dense", "rnn", "lstm_fgr"])
def test_no_label_of_the_network_leaves_the_frame(name: str) -> None:
    graph = graph_of(name)
    figure = unfolded(graph, diagram(graph))
    for item in ElementTree.fromstring(figure_svg(figure, graph.equations)).iter():
        if item.tag.endswith("}text"):
            # Letters and signs are about half as wide as they are high, those of a superscript smaller.
            length = sum(5.0 for _ in "".join(item.itertext()))
            assert figure.left <= float(item.get("x") or 0)
            assert float(item.get("x") or 0) + length <= figure.right


@pytest.mark.parametrize("name", WITH_A_CELL)
def test_printers_draw_every_curve(name: str) -> None:
    graph = graph_of(name)
    for figure in (chart_of(name), unfolded(graph, diagram(graph))):
        curves = sum(isinstance(item, Curve) for item in figure.items)
        root = ElementTree.fromstring(figure_svg(figure, graph.equations))
        assert sum((element.get("class") or "").startswith("curve ") for element in root.iter()) == curves
        assert figure_tikz(figure, graph.equations).count(r"\draw[") == curves
