"""PyTorch: its layers, the loop that a user writes for a cell without one, and that loop compiled."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.bench.cases import Arrays, Case, Phase
from tests.bench.contender import Contender, Prepared, UnsupportedError
from tests.bench.steps import LAYOUTS

COMPILED_STEPS = 28
"""The longest sequence that is compiled: the loop is unrolled, and compiling 28 steps takes about half a minute."""

Call = Callable[[Any, Mapping[str, Any]], Any]
"""y from x and the states by name."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of torch.nn, the stacks of its rows, and its states in its own order.

    A bias of the cell is PyTorch's first one; `second` names those that are its second one, None where that is zero.
    """

    name: str
    stacks: Mapping[str, tuple[str, ...]]
    second: tuple[str | None, ...]
    states: tuple[str, ...]


def _rows(inputs: str, recurrent: str, biases: str) -> dict[str, tuple[str, ...]]:
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0")
    return {name: tuple(parts.split()) for name, parts in zip(names, (inputs, recurrent, biases), strict=True)}


LAYERS = {
    "lstm": Layer("LSTM", _rows("W_i W_f W_g W_o", "U_i U_f U_g U_o", "b_i b_f b_g b_o"), (None,) * 4, ("h", "c")),
    "gru_reset_after": Layer("GRU", _rows("W_r W_z W_n", "U_r U_z U_n", "b_r b_z b_n"), (None, None, "b_un"), ("h",)),
    "rnn": Layer("RNN", _rows("U", "W", "b"), (None,), ("h",)),
}


def _torch(threads: int) -> Any:
    import torch

    torch.set_num_threads(threads)
    return torch


def prepare_layer(case: Case, arrays: Arrays) -> Prepared:
    """nn.LSTM, nn.GRU or nn.RNN."""
    if case.cell not in LAYERS:
        raise UnsupportedError("torch.nn has no such layer")
    torch, layer = _torch(case.threads), LAYERS[case.cell]
    shape = case.shape
    network = getattr(torch.nn, layer.name)(shape.input_size, shape.hidden_size)
    tensors = dict(network.named_parameters())
    zero = np.zeros(shape.hidden_size, np.float32)
    second = [arrays.params[name] if name else zero for name in layer.second]
    with torch.no_grad():
        for name, parts in layer.stacks.items():
            tensors[name].copy_(torch.from_numpy(np.concatenate([arrays.params[part] for part in parts])))
        tensors["bias_hh_l0"].copy_(torch.from_numpy(np.concatenate(second)))
    states = {name: torch.from_numpy(arrays.state[name][None].copy()) for name in layer.states}

    def call(x: Any, given: Mapping[str, Any]) -> Any:
        values = tuple(given.values())
        return network(x, values if len(values) > 1 else values[0])[0]

    def read(grads: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        stacks = {**layer.stacks, "bias_hh_l0": layer.second}
        named = {
            part: rows
            for stack, parts in stacks.items()
            for part, rows in zip(parts, np.split(grads[stack], len(parts)), strict=True)
        }
        return {name: value for name, value in named.items() if name}

    return _prepared(torch, case, arrays, call, tensors, states, read)


def prepare_loop(case: Case, arrays: Arrays) -> Prepared:
    """The loop over time that a user writes, with the input product of all steps before it."""
    if case.cell in LAYERS:
        raise UnsupportedError(f"torch.nn.{LAYERS[case.cell].name} is that cell")
    return _prepare_loop(case, arrays, lambda torch, function: function)


def prepare_compiled(case: Case, arrays: Arrays) -> Prepared:
    """The same loop under torch.compile, which after eight shapes in a process would silently stop compiling."""
    if case.cell in LAYERS:
        raise UnsupportedError(f"torch.nn.{LAYERS[case.cell].name} is that cell")
    if case.shape.steps > COMPILED_STEPS:
        raise UnsupportedError(f"compiling unrolls the loop: only T <= {COMPILED_STEPS} is tried")

    def compiled(torch: Any, function: Call) -> Call:
        torch._dynamo.reset()
        return torch.compile(function, dynamic=False)

    return _prepare_loop(case, arrays, compiled)


def compiler() -> str:
    """The C++ compiler that torch.compile calls."""
    return os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")


def has_compiler() -> bool:
    """Whether it is there."""
    return shutil.which(compiler()) is not None


def _prepare_loop(
    case: Case, arrays: Arrays, wrap: Callable[[Any, Callable[..., Any]], Callable[..., Any]]
) -> Prepared:
    torch, layout = _torch(case.threads), LAYOUTS[case.cell]
    xp = SimpleNamespace(
        sigmoid=torch.sigmoid, tanh=torch.tanh, split=lambda value, parts: torch.chunk(value, parts, dim=-1)
    )
    tensors = {name: torch.from_numpy(value).requires_grad_() for name, value in layout.stacked(arrays.params).items()}

    def loop(x: Any, state: Mapping[str, Any]) -> Any:
        outputs = []
        for of_x in torch.nn.functional.linear(x, tensors["W"], tensors["b"]).unbind():
            y, state = layout.step(xp, of_x, state, tensors)
            outputs.append(y)
        return torch.stack(outputs)

    states = {name: torch.from_numpy(value.copy()) for name, value in arrays.state.items()}
    return _prepared(torch, case, arrays, wrap(torch, loop), tensors, states, layout.parts)


def _prepared(
    torch: Any,
    case: Case,
    arrays: Arrays,
    call: Call,
    tensors: Mapping[str, Any],
    states: Mapping[str, Any],
    params: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]],
) -> Prepared:
    """Either phase of `call(x, states)`; `params` names the gradients of `tensors` as the cell does."""
    x, dy = torch.from_numpy(arrays.x.copy()), torch.from_numpy(arrays.dy)

    def forward() -> Any:
        with torch.inference_mode():
            return call(x, states)

    if case.phase is Phase.FORWARD:
        return Prepared(forward, lambda y: {"y": y.numpy()})
    leaves = [*tensors.values(), x, *states.values()]
    for leaf in leaves:
        leaf.requires_grad_()

    def both() -> Any:
        y = call(x, states)
        return y, torch.autograd.grad(y, leaves, dy)

    def read(result: Any) -> dict[str, np.ndarray]:
        y, grads = result
        names = [*tensors, "x", *(f"state.{name}" for name in states)]
        values = {name: grad.numpy() for name, grad in zip(names, grads, strict=True)}
        own = {name: values.pop(name) for name in tensors}
        shaped = {
            name: value.reshape(value.shape[-3:] if name == "x" else value.shape[-2:]) for name, value in values.items()
        }
        return {"y": y.detach().numpy(), **params(own), **shaped}

    return Prepared(both, read)


LAYER = Contender("torch layer", "torch", prepare_layer)
LOOP = Contender("torch loop", "torch", prepare_loop)
COMPILED = Contender("torch compiled", "torch", prepare_compiled)
