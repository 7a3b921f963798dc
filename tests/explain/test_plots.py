"""Plots are SVG elements that can stand in a page, the same bytes for the same numbers."""

import re
import sys
from itertools import pairwise
from xml.etree import ElementTree

import mpmath
import pytest

from derive.errors import DeriveError
from derive.explain.forgotten import forgotten
from derive.explain.plots import LOWEST, comparison_plot, forgotten_plot, travel_plot
from derive.explain.travel import Curves, comparison, travel
from derive.templates import folder
from tests.proof.faults import derived

pytest.importorskip("matplotlib")

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def plots():
    """Every kind of plot, as a function that draws it."""
    gradients = derived("lstm_peephole")
    (first, second), simple = travel(gradients, steps=4, size=2), travel(derived("rnn"), steps=4, size=2)[0]
    rows, gated = forgotten(gradients, steps=2, size=1), comparison(steps=4, size=2)
    return {
        "highway": lambda: travel_plot(first, simple),
        "no highway": lambda: travel_plot(second, None),
        "comparison": lambda: comparison_plot(gated),
        "forgotten": lambda: forgotten_plot(gradients.graph, rows),
    }


KINDS = ("highway", "no highway", "comparison", "forgotten")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_numbers_give_the_same_small_file(plots, kind):
    text = plots[kind]()
    assert text == plots[kind]()
    assert len(text.encode()) < 20_000


@pytest.mark.parametrize("kind", ["comparison", "forgotten"])
def test_the_settings_of_the_reader_change_nothing(plots, kind):
    import matplotlib

    settings = {
        "lines.linewidth": 9,
        "font.size": 30,
        "axes.facecolor": "red",
        "axes.grid": True,
        "svg.hashsalt": "other",
    }
    expected = plots[kind]()
    with matplotlib.rc_context(settings):
        assert plots[kind]() == expected
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize("kind", KINDS)
def test_a_plot_can_stand_in_a_page(plots, kind):
    text = plots[kind]()
    root = ElementTree.fromstring(text)
    assert (root.tag, root.get("role"), root.get("width")) == (f"{SVG}svg", "img", None)
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
    assert not re.search(r"<style|<\?xml|<!DOCTYPE|<metadata|DejaVu|xlink", text)
    identifiers = [item.get("id") for item in root.iter() if item.get("id")]
    assert all(f"#{name}" in text for name in identifiers)
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("kind", KINDS)
def test_all_colours_are_those_of_the_page(plots, kind):
    text = plots[kind]()
    assert not re.findall(r"(?:fill|stroke|color): #\w+|rgb\(", text)
    style = (folder() / "html" / "style.css").read_text(encoding="utf-8")
    used = set(re.findall(r"var\(--plot-(\w+)\)", text))
    assert {"ink", "muted", "grid"} <= used <= set(re.findall(r"--plot-(\w+):", style))


def test_nothing_is_painted_behind_a_plot(plots):
    for kind in KINDS:
        filled = re.findall(r'<path d="M [^"]*"[^>]*style="fill: ([^;"]+)', plots[kind]())
        assert set(filled) <= {"none", "var(--plot-own)", "var(--plot-muted)"}


@pytest.mark.parametrize("kind", ["highway", "comparison", "no highway"])
def test_labels_of_lines_do_not_overlap(plots, kind):
    places = [(float(item.get("x")), float(item.get("y"))) for item in labels(plots[kind](), "start")]
    heights = sorted(y for x, y in places if x > 330)
    assert len(heights) >= 2
    assert all(above - below > 9 for below, above in pairwise(heights))
    assert 0 < heights[0] < heights[-1] < 230


def labels(text, anchor):
    """Texts that begin at their place: labels of lines and bars."""
    found = ElementTree.fromstring(text).iter(f"{SVG}text")
    return [item for item in found if f"text-anchor: {anchor}" in item.get("style") or anchor == "start"]


def test_lines_that_end_together_at_the_top_and_below_the_axis_have_labels():
    norms = [mpmath.mpf(1)] * 4
    gone = [mpmath.mpf(10) ** (-5 * step) for step in range(4)]
    high = [mpmath.mpf(10) ** (2 * step) for step in range(4)]
    curves = Curves("lstm", "lstm", "c", tuple(high), tuple(high), tuple(high), tuple(high))
    other = Curves("rnn", "rnn", "h", tuple(gone), None, tuple(norms), tuple(norms))
    text = travel_plot(curves, other)
    places = {item.text: (float(item.get("x")), float(item.get("y"))) for item in labels(text, "start")}
    ends = sorted(places[name][1] for name in ("c: all routes", "highway alone", "bound by norms"))
    assert all(above - below > 9 for below, above in pairwise(ends))
    assert ends[0] > 0
    assert places["simple RNN"][0] < 330


def test_bars_carry_their_routes_and_percentages(plots):
    texts = [item.text for item in labels(plots["forgotten"](), "start")]
    assert "c[t] → f_bar[t+1]" in texts
    assert sum(text.endswith(" %") for text in texts) == 10


def test_a_norm_of_zero_is_drawn_below_the_axis():
    (curves,) = travel(derived("rnn_input_recurrence"), steps=2, size=1)
    assert "nothing after 2 steps" in travel_plot(curves, None)
    assert LOWEST < 0


def test_without_states_there_is_nothing_to_forget():
    graph = derived("dense").graph
    with pytest.raises(DeriveError, match="dense has no states"):
        forgotten_plot(graph, ())


def test_without_matplotlib_the_reader_is_told_how_to_get_it(monkeypatch, plots):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DeriveError, match=r'pip install "derive\[docs\]"'):
        plots["comparison"]()
