"""The cells that frameworks ship: every value and gradient against torch.nn in float64."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch

SIZES = [(1, 1, 1, 1), (5, 3, 4, 6), (12, 2, 7, 3), (3, 4, 1, 5)]
"""T, B, input_size, hidden_size."""


@dataclass(frozen=True)
class Framework:
    """A module of torch.nn and how the parameters of a cell stand in it.

    `gates` give, in the order of PyTorch's rows, the names of each gate's input matrix, recurrent matrix, and bias or
    two biases: where there is one, it is the sum of PyTorch's two.
    """

    module: type[torch.nn.RNNBase]
    gates: tuple[tuple[str, ...], ...]
    states: tuple[str, ...]


FRAMEWORKS: Mapping[str, Framework] = {
    "lstm": Framework(torch.nn.LSTM, tuple((f"W_{g}", f"U_{g}", f"b_{g}") for g in "ifgo"), ("h", "c")),
    "gru_reset_after": Framework(
        torch.nn.GRU,
        (("W_r", "U_r", "b_r"), ("W_z", "U_z", "b_z"), ("W_n", "U_n", "b_n", "b_un")),
        ("h",),
    ),
    "rnn": Framework(torch.nn.RNN, (("U", "W", "b"),), ("h",)),
}


def _params(cell: str, network: torch.nn.RNNBase, kind: str) -> dict[str, np.ndarray]:
    """The parameters (`kind` "data") or their gradients ("grad") of a torch network by their names in the cell."""
    tensors = {name: getattr(value, kind).numpy() for name, value in network.named_parameters()}
    gates = FRAMEWORKS[cell].gates
    rows = {name: np.split(value, len(gates)) for name, value in tensors.items()}
    params = {}
    for index, (of_input, recurrent, *biases) in enumerate(gates):
        params[of_input] = rows["weight_ih_l0"][index].copy()
        params[recurrent] = rows["weight_hh_l0"][index].copy()
        first, second = rows["bias_ih_l0"][index], rows["bias_hh_l0"][index]
        if len(biases) == 2:
            params |= {biases[0]: first.copy(), biases[1]: second.copy()}
        else:
            # The gradient of a sum is that of either term.
            params[biases[0]] = first + second if kind == "data" else first.copy()
    return params


@pytest.mark.parametrize("target", ["reference", "cpu"])
@pytest.mark.parametrize("cell", FRAMEWORKS)
@pytest.mark.parametrize(("steps", "batch", "inputs", "hidden"), SIZES)
def test_a_cell_agrees_with_its_framework(cell, target, steps, batch, inputs, hidden):
    framework = FRAMEWORKS[cell]
    module = importlib.import_module(f"generated.{target}.{cell}")
    stream = np.random.default_rng(steps)
    torch.manual_seed(steps)
    network = framework.module(inputs, hidden).double()
    x = stream.normal(size=(steps, batch, inputs))
    start = {name: stream.normal(size=(batch, hidden)) for name in framework.states}
    dy = stream.normal(size=(steps, batch, hidden))
    ends = {name: stream.normal(size=(batch, hidden)) for name in framework.states}

    leaves = {name: torch.tensor(value[None], requires_grad=True) for name, value in start.items()}
    tensor = torch.tensor(x, requires_grad=True)
    given = tuple(leaves.values())
    wanted, last = network(tensor, given if len(given) > 1 else given[0])
    last = dict(zip(framework.states, last if len(given) > 1 else (last,), strict=True))
    (wanted * torch.tensor(dy)).sum().add(sum((last[n][0] * torch.tensor(ends[n])).sum() for n in ends)).backward()

    params = module.Params(**_params(cell, network, "data"))
    y, state, tape = module.forward(params, x, module.State(**start))
    grads = module.backward(params, tape, dy, module.State(**ends))

    def agrees(got: np.ndarray, expected: np.ndarray) -> None:
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)

    agrees(y, wanted.detach().numpy())
    agrees(grads.x, tensor.grad.numpy())
    for name in framework.states:
        agrees(getattr(state, name), last[name][0].detach().numpy())
        agrees(getattr(grads.state, name), leaves[name].grad[0].numpy())
    for name, expected in _params(cell, network, "grad").items():
        agrees(getattr(grads.params, name), expected)
