"""Two cells beside each other: exactly what changes is named, whatever the names are."""

from __future__ import annotations

import re
from functools import cache

import pytest

import derive
from derive.equations import parse
from derive.graph import Edge, Graph, wire
from derive.pages.alignment import Alignment, align
from derive.pages.comparison import ALONE, CHANGED, RENAMED, SAME, Comparison, comparison, comparison_page
from derive.pages.relatives import NEAREST, distances, relatives
from tests.pages.reading import read


@cache
def graph(name: str) -> Graph:
    """The graph of a cell of the zoo."""
    return derive.load(name).graph


def aligned(first: str, second: str) -> Alignment:
    """Two cells of the zoo with their names paired."""
    return align(graph(first), graph(second))


def wires(edges: tuple[Edge, ...]) -> set[tuple[str, str, int]]:
    """Where edges lead from and to."""
    return {(edge.source, edge.target, edge.lag) for edge in edges}


def test_coupling_the_gates_of_the_lstm_changes_exactly_this() -> None:
    found = aligned("lstm", "lstm_cifg")
    assert found.only_first == ("f_bar", "W_f", "U_f", "b_f")
    assert found.only_second == ("p_in", "p_out")
    assert wires(found.edges_only_first) == {("x", "f_bar", 0), ("h", "f_bar", 1), ("f_bar", "f", 0)}
    assert wires(found.edges_only_second) == {("c", "i_bar", 1), ("i", "f", 0), ("c", "o_bar", 0)}
    assert found.rewritten == ("i_bar", "o_bar", "f")
    values = {first: second for first, second in found.renamed if first in "g_bar g h"}
    assert values == {"g_bar": "z_bar", "g": "z", "h": "y"}
    assert dict(found.renamed)["U_i"] == "R_in"
    assert found.distance == 12


def shown() -> Comparison:
    """The comparison of the LSTM with the one whose gates are coupled."""
    return comparison(derive.load("lstm"), derive.load("lstm_cifg"))


def test_the_equations_side_by_side_mark_the_terms_that_differ() -> None:
    forward = {(pair.first or pair.second).left: pair for pair in shown().forward}  # type: ignore[union-attr]
    states = [pair.state for pair in shown().forward]
    assert states.count(ALONE) == 1
    assert states.count(CHANGED) == 3
    coupled = next(pair for left, pair in forward.items() if left == r"\boldsymbol{f}^{(t)}")
    assert coupled.state == CHANGED
    assert coupled.first is not None
    assert coupled.second is not None
    assert all(piece.own for piece in (*coupled.first.terms, *coupled.second.terms))
    peephole = next(pair for left, pair in forward.items() if left == r"\bar{\boldsymbol{i}}^{(t)}")
    assert peephole.first is not None
    assert peephole.second is not None
    assert [piece.own for piece in peephole.first.terms] == [False, False, False]
    assert [piece.latex for piece in peephole.second.terms if piece.own] == [
        r"\boldsymbol{p}_{\mathrm{in}} \odot \boldsymbol{c}^{(t-1)}"
    ]


def test_the_routes_of_the_memory_that_only_one_has_are_marked() -> None:
    pair = next(item for item in shown().backward if item.first and r"\delta \boldsymbol{c}" in item.first.left)
    assert pair.state == CHANGED
    assert pair.first is not None
    assert pair.second is not None
    assert not any(piece.own for piece in pair.first.terms)
    assert sum(piece.own for piece in pair.second.terms) == 2


@pytest.mark.parametrize("name", ["gru", "lem", "lstm_fgr", "lstm_readout"])
def test_a_cell_is_itself(name: str) -> None:
    found = aligned(name, name)
    assert (found.distance, found.renamed, found.rewritten) == (0, (), ())
    cell = derive.load(name)
    pairs = comparison(cell, cell)
    assert {pair.state for pair in (*pairs.forward, *pairs.backward, *pairs.sums)} == {SAME}


def test_other_names_are_no_difference() -> None:
    assert aligned("lstm", "lstm_np").distance == 0
    pairs = comparison(derive.load("lstm"), derive.load("lstm_np"))
    assert {pair.state for pair in (*pairs.forward, *pairs.backward, *pairs.sums)} <= {SAME, RENAMED}


def test_every_difference_counts() -> None:
    """One change of the text at a time: an operand, a function, a lag, a sign, a loss."""
    text = "equations = '''\na = W @ x + R @ h[t-1] + b\nh = tanh(a) * a\n'''\n"
    original = wire(parse(text, "one"))
    for old, new in (
        ("+ b", ""),
        ("tanh", "sigmoid"),
        ("h[t-1]", "x[t-1]"),
        ("+ R", "- R"),
        ("tanh(a) *", "tanh(a) +"),
    ):
        assert align(original, wire(parse(text.replace(old, new), "other"))).distance > 0, old
    assert aligned("lstm_readout", "lstm_regression").distance == 1


@pytest.mark.parametrize(("first", "second"), [("lstm", "lstm_cifg"), ("gru", "mgu"), ("lstm_nfg", "lstm_nig")])
def test_the_order_of_the_two_does_not_matter(first: str, second: str) -> None:
    there, back = aligned(first, second), aligned(second, first)
    assert there.distance == back.distance
    assert there.only_first == back.only_second
    assert wires(there.edges_only_first) == wires(back.edges_only_second)


def test_cells_of_one_paper_are_compared_by_their_own_names() -> None:
    found = aligned("lstm_nfg", "lstm_nig")
    assert found.renamed == ()
    assert {"f_bar", "f"} <= set(found.only_second)
    assert {"i_bar", "i"} <= set(found.only_first)


def test_relatives_are_mutual_and_a_variant_stands_beside_its_original() -> None:
    chosen = ("gru", "gru_reset_after", "lstm", "lstm_cifg", "lstm_peephole", "mgu", "rnn", "rnn_readout")
    related = relatives(chosen, distances({name: graph(name) for name in chosen}))
    for name, others in related.items():
        assert len(others) >= NEAREST
        assert name not in others
        assert all(name in related[other] for other in others)
    assert "lstm" in related["lstm_cifg"]
    assert related["gru"][0] == "gru_reset_after"


def test_the_page_marks_differences_by_words_and_shape_as_well_as_colour() -> None:
    text = comparison_page(derive.load("lstm"), derive.load("lstm_cifg"))
    assert text == comparison_page(derive.load("lstm"), derive.load("lstm_cifg"))
    root = read(text)
    identifiers = [element.attributes["id"] for element in root.all() if "id" in element.attributes]
    assert len(identifiers) == len(set(identifiers))
    for term in root.all("span", class_="own"):
        assert [child.text for child in term.children if child.has("class", "unseen")] == ["only here: "]
    tags = {tag.text for tag in root.all("span", class_="tag")}
    assert {"changed", "renamed", "only LSTM"} <= tags
    assert len(root.all("g", class_="own")) > 6
    assert "outline: 2px dashed" in text
    assert re.search(r"stroke-dasharray: 6 3", text)
