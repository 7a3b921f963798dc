"""Greff et al. 2017, LSTM: A Search Space Odyssey, section II.B: the published backward pass, term by term.

The paper writes the adjoints of the pre-activations directly: δz, δi, δf and δo, each of one hop, are eliminated.
"""

from __future__ import annotations

import numpy as np
import pytest

from derive.cell import Cell
from derive.equations import load
from generated.reference import lstm_peephole
from tests.published.terms import Term, apply, error, of, prime, terms

GRADIENTS = Cell(load("lstm_peephole")).gradients
GATES = ("z", "i", "f", "o")
NAMES = {"z": "z", "i": "in", "f": "for", "o": "out"}

PUBLISHED = {
    "y": {error(), *(Term(f"{gate}_bar", 1, matrix=f"R_{NAMES[gate]}") for gate in GATES)},
    "o_bar": {Term("y", factor=apply("tanh", "c") * prime("sigmoid", "o_bar"))},
    "c": {
        Term("y", factor=of("o") * prime("tanh", "c")),
        Term("o_bar", factor=of("p_out")),
        Term("i_bar", 1, of("p_in")),
        Term("f_bar", 1, of("p_for")),
        Term("c", 1, of("f")),
    },
    "f_bar": {Term("c", factor=of("c", 1) * prime("sigmoid", "f_bar"))},
    "i_bar": {Term("c", factor=of("z") * prime("sigmoid", "i_bar"))},
    "z_bar": {Term("c", factor=of("i") * prime("tanh", "z_bar"))},
    "x": {Term(f"{gate}_bar", matrix=f"W_{NAMES[gate]}") for gate in GATES},
    **{f"W_{NAMES[gate]}": {Term(f"{gate}_bar", operand=of("x"))} for gate in GATES},
    **{f"R_{NAMES[gate]}": {Term(f"{gate}_bar", operand=of("y", 1))} for gate in GATES},
    **{f"b_{NAMES[gate]}": {Term(f"{gate}_bar")} for gate in GATES},
    "p_in": {Term("i_bar", factor=of("c", 1))},
    "p_for": {Term("f_bar", factor=of("c", 1))},
    "p_out": {Term("o_bar", factor=of("c"))},
}


def test_every_equation_of_the_paper_is_here() -> None:
    assert set(PUBLISHED) | set(GATES) == set(GRADIENTS.adjoints)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_derived_terms_are_the_published_ones(name: str) -> None:
    derived = terms(GRADIENTS, name, eliminate=GATES)
    assert derived == PUBLISHED[name]
    assert len(derived) == len(GRADIENTS.adjoints[name].hops)


def test_the_published_sums_lack_the_initial_state() -> None:
    """The paper sums δR and δp over t = 0 ... T-1 of δ(t+1) and y(t), c(t): the step that reads the initial state is
    not among them. With a state that is not zero the derived gradients have exactly that term more."""
    stream = np.random.default_rng(3)
    params = lstm_peephole.Params(*(stream.normal(size=a.shape) for a in lstm_peephole.init(3, 4, dtype=np.float64)))
    x = stream.normal(size=(5, 2, 3))
    state = lstm_peephole.State(stream.normal(size=(2, 4)), stream.normal(size=(2, 4)))
    y, _, tape = lstm_peephole.forward(params, x, state)
    dy = stream.normal(size=y.shape)
    derived = lstm_peephole.backward(params, tape, dy).params
    deltas = published_deltas(params, tape, dy)
    for gate, delta in deltas.items():
        name = NAMES[gate]
        published = sum(delta[t + 1].T @ tape.y[t] for t in range(1, 5))
        first = delta[1].T @ state.y
        np.testing.assert_allclose(getattr(derived, f"R_{name}"), published + first, rtol=1e-12, atol=1e-13)
        assert np.abs(first).max() > 1e-3
        np.testing.assert_allclose(getattr(derived, f"b_{name}"), delta[1:6].sum(axis=(0, 1)), rtol=1e-12, atol=1e-13)
    for gate in ("i", "f"):
        published = sum((tape.c[t] * deltas[gate][t + 1]).sum(axis=0) for t in range(1, 5))
        first = (state.c * deltas[gate][1]).sum(axis=0)
        np.testing.assert_allclose(getattr(derived, f"p_{NAMES[gate]}"), published + first, rtol=1e-12, atol=1e-13)
    published = sum((tape.c[t] * deltas["o"][t]).sum(axis=0) for t in range(1, 6))
    np.testing.assert_allclose(derived.p_out, published, rtol=1e-12, atol=1e-13)


def published_deltas(params: lstm_peephole.Params, tape: lstm_peephole.Tape, dy: np.ndarray) -> dict[str, np.ndarray]:
    """The paper's recursion as it is printed, on the forward values of the tape."""
    deltas = {gate: np.zeros_like(tape.c) for gate in GATES}
    dc = np.zeros_like(tape.c)
    for t in range(len(dy), 0, -1):
        error_y = dy[t - 1] + sum(deltas[gate][t + 1] @ getattr(params, f"R_{NAMES[gate]}") for gate in GATES)
        deltas["o"][t] = error_y * np.tanh(tape.c[t]) * tape.o[t] * (1 - tape.o[t])
        dc[t] = error_y * tape.o[t] * (1 - np.tanh(tape.c[t]) ** 2) + params.p_out * deltas["o"][t]
        dc[t] += params.p_in * deltas["i"][t + 1] + params.p_for * deltas["f"][t + 1]
        dc[t] += dc[t + 1] * (tape.f[t + 1] if t < len(dy) else 0.0)
        deltas["f"][t] = dc[t] * tape.c[t - 1] * tape.f[t] * (1 - tape.f[t])
        deltas["i"][t] = dc[t] * tape.z[t] * tape.i[t] * (1 - tape.i[t])
        deltas["z"][t] = dc[t] * tape.i[t] * (1 - tape.z[t] ** 2)
    return deltas
