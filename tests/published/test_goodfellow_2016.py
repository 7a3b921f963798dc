"""Goodfellow, Bengio and Courville 2016, Deep Learning, section 10.2.2: the gradient in a recurrent network.

The book writes no adjoint of the pre-activation a: its one hop, diag(1 - h²), is eliminated.
"""

from __future__ import annotations

import numpy as np
import pytest

from derive.cell import Cell
from derive.equations import load
from generated.reference import rnn_readout
from tests.published.terms import Term, error, of, prime, terms

GRADIENTS = Cell(load("rnn_readout")).gradients
SQUASHED = prime("tanh", "a")

PUBLISHED = {
    "o": {error()},  # 10.18
    "h": {Term("h", 1, SQUASHED, "W"), Term("o", matrix="V")},  # 10.19 to 10.21
    "c_o": {Term("o")},  # 10.22
    "b": {Term("h", factor=SQUASHED)},  # 10.23
    "V": {Term("o", operand=of("h"))},  # 10.24
    "W": {Term("h", factor=SQUASHED, operand=of("h", 1))},  # 10.25 and 10.26
    "U": {Term("h", factor=SQUASHED, operand=of("x"))},  # 10.27 and 10.28
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_derived_terms_are_the_published_ones(name: str) -> None:
    assert terms(GRADIENTS, name, eliminate=("a",)) == PUBLISHED[name]


def test_the_slope_is_written_in_the_hidden_state() -> None:
    (hop,) = GRADIENTS.adjoints["a"].hops
    (factor,) = hop.partial
    assert factor.expression == 1 - of("h") ** 2


def test_the_error_of_the_loss_is_softmax_minus_one_hot() -> None:
    """Equation 10.18, weighted by the share of each step in the loss, and the recursion behind it."""
    stream = np.random.default_rng(5)
    params = rnn_readout.init(3, 4, 5, dtype=np.float64)
    params = rnn_readout.Params(*(stream.normal(size=array.shape) for array in params))
    x, target = stream.normal(size=(4, 1, 3)), stream.integers(0, 5, size=(4, 1))
    state = rnn_readout.State(stream.normal(size=(1, 4)))
    _, o, _, tape = rnn_readout.forward(params, x, target, state=state)
    grads = rnn_readout.backward(params, tape).params
    shares = np.exp(o - o.max(axis=2, keepdims=True))
    error_o = (shares / shares.sum(axis=2, keepdims=True) - np.eye(5)[target]) / 4
    error_h = np.zeros((6, 1, 4))
    gradient_w = np.zeros((4, 4))
    for t in range(4, 0, -1):
        later = error_h[t + 1] * (1 - tape.h[t + 1] ** 2)
        error_h[t] = later @ params.W + error_o[t - 1] @ params.V
        gradient_w += (error_h[t] * (1 - tape.h[t] ** 2)).T @ tape.h[t - 1]
    np.testing.assert_allclose(grads.c_o, error_o.sum(axis=(0, 1)), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(grads.W, gradient_w, rtol=1e-12, atol=1e-14)
