"""The page on how far errors travel shows the numbers that it was computed from, and what it says of them holds."""

from __future__ import annotations

import re

import mpmath
import pytest

from derive.explain.digits import latex_digits
from derive.explain.layouts import statement
from derive.explain.travel import FORGET_GATES, Curves, comparison
from derive.explain.worked import worked
from derive.pages import travel_page as module
from derive.pages.html import formula
from derive.pages.links import TRAVEL, Link, Site
from derive.pages.travel_page import DISTANCES, travel_page
from tests.pages.reading import Element, read
from tests.proof.faults import derived

pytest.importorskip("matplotlib")

RNN = Link("Simple RNN", "rnn.html")


@pytest.fixture(scope="module")
def curves() -> tuple[Curves, ...]:
    """The curves, computed once."""
    return comparison()


@pytest.fixture(scope="module")
def root(curves: tuple[Curves, ...]) -> Element:
    """The page of these curves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "comparison", lambda: curves)
        return read(travel_page(Site(()).at(TRAVEL, (RNN,))))


def shown(latex: str) -> str:
    """A formula as the page would hold it."""
    return read(str(formula(latex))).children[0].markup()


def body(table: Element) -> list[Element]:
    """The rows of a table below its head."""
    return table.all("tbody")[0].all("tr")


def test_the_table_holds_every_curve_at_every_distance(root: Element, curves: tuple[Curves, ...]) -> None:
    table = root.all("table")[0]
    assert [item.text for item in table.all("th", scope="colgroup")] == ["1 step", "10 steps", "30 steps"]
    rows = body(table)
    labels = ["Simple RNN", *(f"LSTM, f = {gate}" for gate in FORGET_GATES)]
    assert [row.all("th")[0].text for row in rows] == labels
    for row, item in zip(rows, curves, strict=True):
        state, *cells = row.all("td")
        assert state.children[0].markup() == shown(rf"\boldsymbol{{{item.state}}}")
        wanted = []
        for distance in DISTANCES:
            wanted.append(shown(latex_digits(item.block[distance])))
            wanted.append(shown(latex_digits(item.highway[distance])) if item.highway else "none")
            wanted.append(shown(latex_digits(item.by_factors[distance])))
        assert ["".join(child.markup() for child in cell.children) or cell.text for cell in cells] == wanted


def test_what_the_page_says_of_the_numbers_holds(curves: tuple[Curves, ...]) -> None:
    simple, *gated = curves
    assert simple.block[-1] < simple.by_factors[-1] * mpmath.mpf("1e-6"), "the bound is no estimate"
    assert [item.by_factors[-1] > item.by_factors[0] for item in gated] == [False, True, True, True], "where it grows"
    kept = [item.highway[-1] for item in gated if item.highway]
    assert kept == sorted(kept)
    assert len(kept) == len(gated)
    assert abs(kept[-1] - 1) < mpmath.mpf("1e-45"), "a gate that is 1 loses nothing"
    assert all(item.highway and item.block[-1] > item.highway[-1] for item in gated), "all routes leave more"


def test_the_paragraph_names_what_is_left_at_the_last_distance(root: Element, curves: tuple[Curves, ...]) -> None:
    (said,) = [item for item in root.all("p") if "bound is no estimate" in item.text]
    formulas = [item.markup() for item in said.all("math")]
    simple, *gated = curves
    wanted = [simple.block, simple.by_factors, *(item.highway for item in gated), *(item.block for item in gated)]
    assert formulas[: len(wanted)] == [shown(latex_digits(item[-1])) for item in wanted if item]


def test_the_plot_is_in_the_colours_of_the_page_and_tells_what_it_shows(root: Element) -> None:
    (picture,) = root.all("svg", class_="plot")
    described = picture.all("desc")[0].text
    assert described.startswith("simple RNN: nothing after 30 steps")
    assert all(f"LSTM, f = {gate}:" in described for gate in FORGET_GATES)
    colours = re.findall(r"(?:stroke|fill): ([^;\"]+)", picture.markup())
    assert {colour for colour in colours if not colour.startswith("var(--plot-")} <= {"none"}
    assert len({colour for colour in colours if re.search("first|second|third|fourth", colour)}) == len(FORGET_GATES)


def test_one_step_of_the_simple_network_stands_in_both_layouts(root: Element) -> None:
    wanted = statement(derived("rnn").graph, "h")
    assert wanted.denominator.step != wanted.numerator.step
    for name, layout in (("Denominator layout", wanted.denominator), ("Numerator layout", wanted.numerator)):
        (step,) = root.all("div", aria_label=f"{name}, one step")
        (formula_shown,) = step.all("math")
        del formula_shown.attributes["display"]
        assert formula_shown.markup() == shown(layout.step)


def test_every_route_stands_in_numbers_with_its_factors(root: Element) -> None:
    example = worked(derived("lstm_peephole"), "c")
    table = root.all("table", class_="numbers")[0]
    rows = body(table)
    assert [row.all("th")[0].text for row in rows] == [str(number) for number in range(1, example.count + 1)]
    for row, route in zip(rows, example.routes, strict=True):
        places, factors, product = row.all("td")
        assert [item.markup() for item in places.all("math")] == [shown(node) for node in route.nodes]
        wanted = [shown(f"{item.latex} = {{{latex_digits(item.value, 3)}}}") for item in route.factors]
        assert [item.markup() for item in factors.all("math")] == wanted
        assert product.children[0].markup() == shown(f"{float(route.product):.8f}")
    sums = [row.all("td")[0].children[0].markup() for row in table.all("tfoot")[0].all("tr")]
    assert sums == [shown(f"{float(value):.8f}") for value in (example.total, example.derived, example.difference)]
    assert len(set(sums)) == 1


def test_cells_of_the_site_are_linked_and_others_are_not(root: Element) -> None:
    hrefs = [link.attributes["href"] for link in root.all("main")[0].all("a")]
    assert hrefs == [RNN.href]
