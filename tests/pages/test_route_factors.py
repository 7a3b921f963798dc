"""The factors of which the script makes the terms of complete routes."""

from __future__ import annotations

from pathlib import Path

import pytest

import derive
from derive.graph import LOSS
from derive.printers.latex_equations import adjoint_symbol, term
from derive.printers.latex_routes import Passage, immediate_partial, node, passages, weights

ZOO = sorted(path.stem for path in (Path(derive.__file__).parent / "cells").glob("*.toml"))


def composed(found: tuple[Passage, ...], adjoint: str) -> str:
    """What the script makes of factors and an adjoint, as LaTeX."""
    text, form, negative = adjoint, "single", False
    for item in found:
        negative ^= item.negative
        if item.kind == "matrix":
            text, form = f"{item.latex} {text if form == 'single' else f'({text})'}", "matrix"
        elif item.latex:
            joint = r" \odot " if item.kind == "vector" else r"\,"
            text, form = f"{item.latex}{joint}{f'({text})' if form == 'matrix' else text}", "product"
    return f"-{text}" if negative else text


@pytest.mark.parametrize("name", ["lstm_peephole", "lstm_cifg", "gru_reset_after", "rnn", "mgu"])
def test_factors_make_the_term_of_a_hop(name: str) -> None:
    graph = derive.load(name).graph
    for edge in graph.edges:
        if edge.target != LOSS and not graph.equations.symbols[edge.source].timeless:
            made = composed(passages(graph, edge, 0), adjoint_symbol(graph, edge.target, edge.lag))
            assert made == term(graph, edge), edge


@pytest.mark.parametrize("name", ZOO)
def test_factors_of_the_next_step_are_those_of_this_one_moved(name: str) -> None:
    graph = derive.load(name).graph
    for edge in graph.edges:
        if not graph.equations.symbols[edge.source].timeless:
            here, there = passages(graph, edge, 0), passages(graph, edge, 1)
            moved = [
                item.latex.replace("(t+1)", "(t+2)").replace("(t)", "(t+1)").replace("(t-1)", "(t)") for item in here
            ]
            assert [item.latex for item in there] == moved
            assert [(item.negative, item.kind) for item in there] == [(item.negative, item.kind) for item in here]


def test_what_a_hop_is_multiplied_by() -> None:
    graph = derive.load("lstm_peephole").graph
    by_target = {edge.target: weights(graph, edge) for edge in graph.edges_from("c")}
    assert by_target == {
        "y": (),
        "c": (),
        "o_bar": (r"\boldsymbol{p}_{\mathrm{out}}",),
        "i_bar": (r"\boldsymbol{p}_{\mathrm{in}}",),
        "f_bar": (r"\boldsymbol{p}_{\mathrm{for}}",),
    }
    assert {weights(graph, edge) for edge in graph.edges_from("x")} == {
        (rf"\boldsymbol{{W}}_{{{subscript}}}^{{\top}}",)
        for subscript in ("z", r"\mathrm{in}", r"\mathrm{for}", r"\mathrm{out}")
    }


def test_an_immediate_partial_names_its_occurrence_where_there_are_several() -> None:
    graph = derive.parse("h = tanh(W @ x + U @ (h[t-1] * h[t-1]))").graph
    first, second = (edge for edge in graph.edges_from("h") if edge.target == "h")
    fraction = r"\left(\frac{\partial^{+} \boldsymbol{h}^{(t+1)}}{\partial \boldsymbol{h}^{(t)}}\right)^{\top}"
    assert [immediate_partial(graph, edge) for edge in (first, second)] == [f"{fraction}_{{1}}", f"{fraction}_{{2}}"]
    assert node(graph, LOSS, 1) == "J^{(t+1)}"
