"""The memory cell keeps 4.2, gives it once, and forgets it; its gradient reaches back where that of an RNN vanishes."""

import memory_cell
import numpy as np
import pytest

from generated.cpu import rnn

KEEP = 200


@pytest.fixture(scope="module")
def params():
    return memory_cell.gates_by_hand()


def test_it_is_written_once_kept_and_cleared(params):
    memory, _ = memory_cell.contents(params, memory_cell.story(KEEP))
    np.testing.assert_allclose(memory[: KEEP + 1], 4.2, rtol=0, atol=1e-3)
    np.testing.assert_allclose(memory[KEEP + 1 :], 0.0, rtol=0, atol=1e-3)


def test_it_is_read_once(params):
    _, output = memory_cell.contents(params, memory_cell.story(KEEP))
    assert np.arctanh(output[KEEP]) == pytest.approx(4.2, abs=1e-3)
    np.testing.assert_allclose(np.delete(output, KEEP), 0.0, rtol=0, atol=1e-6)


def test_the_gradient_of_the_cell_does_not_depend_on_the_distance(params):
    paid_at_the_read = 1.0 - np.tanh(4.2) ** 2
    for distance in (1, 10, KEEP):
        assert memory_cell.gradient_of_cell(params, distance) == pytest.approx(paid_at_the_read, rel=1e-4)


def test_the_gradient_of_the_simple_rnn_vanishes():
    network = rnn.init(1, 16, dtype=np.float64, seed=0)
    near, far = (memory_cell.gradient_of_rnn(network, distance) for distance in (1, KEEP))
    assert near > 1e-3
    assert 0.0 < far < 1e-20 * near


def test_the_table_is_printed(capsys):
    assert memory_cell.main(["--keep", "30"]) == 0
    printed = capsys.readouterr().out
    assert "  30    4.20000    0.99955   read" in printed
    assert "  31    0.00000    0.00000   cleared" in printed
