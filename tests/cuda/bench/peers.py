"""What others offer on the same device, beside ours: PyTorch's layers and loops, and FlashRNN where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from generated.support.cuda.devices import Device
from generated.support.signature import Signature
from tests.bench.cases import Phase
from tests.bench.contender import Prepared, UnsupportedError
from tests.bench.contender_torch import COMPILED_STEPS, LAYERS
from tests.bench.steps import LAYOUTS, Layout
from tests.cuda.bench.cases import Case
from tests.cuda.bench.ours import arguments, ours, tolerance
from tests.cuda.bench.rounds import Clock, Contender, measured
from tests.kernels.arguments import Arguments

DEVICE = "cuda"
PRECISIONS = ("float32", "TF32", "float16", "bfloat16")
FLASHRNN = ("cuda_fused", "triton_fused")
LOOPS = {"torch loop": "eager", "torch loop, step compiled": "step", "torch loop, compiled": "whole"}
GATES = {"W": "W_i W_f W_g W_o", "U": "U_i U_f U_g U_o", "b": "b_i b_f b_g b_o"}
"""How FlashRNN stacks the gates of its LSTM."""
TRITON_UNITS = 64
"""The most units of a head that FlashRNN's Triton kernel takes."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A network on the device: what computes y (T, B, H) from x and the states by name, and its parameters.

    `parts` names the gradients of `tensors` as the cell does.
    """

    call: Callable[[Any, Mapping[str, Any]], Any]
    tensors: Mapping[str, Any]
    parts: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


Tensor = Callable[[np.ndarray], Any]
"""Puts an array on the device in the arithmetic of a contender."""
Make = Callable[[Any, Case, Mapping[str, np.ndarray], Tensor], Peer]
"""Makes a peer: from the module torch, the case, the parameters by name, and what makes tensors."""


def run(
    case: Case, device: Device, clock: Clock, tell: Callable[[str], None], without: Mapping[str, str]
) -> dict[str, Any]:
    """Ours and theirs in one run."""
    given = arguments(case)
    contenders = [*ours(case, device, given), *theirs(case, given)]
    return measured(contenders, clock, tolerance(case), tell, without)


def theirs(case: Case, given: Arguments) -> Iterator[Contender]:
    """All that are meant for the cell; what is not installed leaves itself out, by its name."""
    for who, precision, make in _makers(case):
        for phase in Phase:
            yield Contender(who, precision, phase.value, partial(_prepared, case, given, precision, phase, make))


def _makers(case: Case) -> Iterator[tuple[str, str, Make]]:
    if case.cell in LAYERS:
        for precision in PRECISIONS:
            yield f"nn.{LAYERS[case.cell].name}", precision, _layer
    elif case.cell in LAYOUTS:
        for who, mode in LOOPS.items():
            yield who, "float32", partial(_loop, mode)
    if case.cell == "lstm":
        for backend in FLASHRNN:
            yield f"FlashRNN {backend}", "bfloat16", partial(_flashrnn, backend)


def _prepared(case: Case, given: Arguments, precision: str, phase: Phase, make: Make) -> Prepared:
    """Either phase of a peer."""
    torch = _torch()
    signature: Signature = importlib.import_module(f"generated.cuda.{case.cell}").SIGNATURE
    dtype = getattr(torch, "float32" if precision == "TF32" else precision)

    def tensor(array: np.ndarray) -> Any:
        return torch.from_numpy(np.array(array, np.float32)).to(DEVICE, dtype)

    peer = make(torch, case, dict(zip((name for name, _ in signature.params), given.params, strict=True)), tensor)
    x, dy = tensor(given.inputs[0]), tensor(given.dy[0])
    states = {name: tensor(array) for (name, _), array in zip(signature.states, given.state, strict=True)}
    y_name, x_name = f"y.{signature.outputs[0][0]}", f"grads.x.{signature.inputs[0][0]}"
    leaves = {**peer.tensors, x_name: x, **{f"grads.state.{name}": state for name, state in states.items()}}

    def arithmetic() -> None:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "TF32"

    def forward() -> Any:
        arithmetic()
        with torch.inference_mode():
            return peer.call(x, states)

    def both() -> Any:
        arithmetic()
        y = peer.call(x, states)
        return y, torch.autograd.grad(y, tuple(leaves.values()), dy)

    def read(result: Any) -> dict[str, np.ndarray]:
        y, grads = result
        values = {name: _host(grad) for name, grad in zip(leaves, grads, strict=True)}
        params = peer.parts({name: values.pop(name) for name in peer.tensors})
        return {y_name: _host(y), **{f"grads.params.{name}": array for name, array in params.items()}, **values}

    if phase is Phase.FORWARD:
        return Prepared(forward, lambda y: {y_name: _host(y)})
    for leaf in leaves.values():
        leaf.requires_grad_()
    return Prepared(both, read)


def _torch() -> Any:
    """PyTorch, where it is installed and finds a device."""
    if importlib.util.find_spec("torch") is None:
        raise UnsupportedError("not installed: torch")
    torch = importlib.import_module("torch")
    if not torch.cuda.is_available():
        raise UnsupportedError("torch is built without CUDA, or finds no device")
    return torch


def _host(tensor: Any) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()


def _layer(torch: Any, case: Case, params: Mapping[str, np.ndarray], tensor: Tensor) -> Peer:
    """nn.LSTM, nn.GRU or nn.RNN, whose weights lie together as cuDNN wants them."""
    layer, size = LAYERS[case.cell], case.shape.hidden_size
    dtype = tensor(np.zeros(1)).dtype
    network = getattr(torch.nn, layer.name)(case.shape.input_size, size, device=DEVICE, dtype=dtype)
    names = {**layer.stacks, "bias_hh_l0": layer.second}
    tensors = dict(network.named_parameters())
    with torch.no_grad():
        for stack, parts in names.items():
            tensors[stack].copy_(tensor(np.concatenate([params[part] if part else np.zeros(size) for part in parts])))

    def call(x: Any, states: Mapping[str, Any]) -> Any:
        network.train(torch.is_grad_enabled())
        values = tuple(states[name][None] for name in layer.states)
        return network(x, values if len(values) > 1 else values[0])[0]

    def parts_of(stacks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            part: rows
            for stack, parts in names.items()
            for part, rows in zip(parts, np.split(stacks[stack], len(parts)), strict=True)
            if part
        }

    return Peer(call, tensors, parts_of)


def _loop(mode: str, torch: Any, case: Case, params: Mapping[str, np.ndarray], tensor: Tensor) -> Peer:
    """The loop over time that a user writes: as it is, with its step compiled, or compiled as a whole."""
    if mode == "whole" and case.shape.steps > COMPILED_STEPS:
        raise UnsupportedError(f"compiling unrolls the loop: only T <= {COMPILED_STEPS} is tried")
    layout = LAYOUTS[case.cell]
    xp = SimpleNamespace(
        sigmoid=torch.sigmoid, tanh=torch.tanh, split=lambda value, parts: torch.chunk(value, parts, dim=-1)
    )
    tensors = {name: tensor(array) for name, array in layout.stacked(params).items()}

    def step(of_x: Any, state: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        return layout.step(xp, of_x, state, given)

    if mode != "eager":
        torch._dynamo.reset()  # After eight shapes in a process it would silently stop compiling.
    stepped = torch.compile(step, dynamic=False) if mode == "step" else step

    def loop(x: Any, state: Mapping[str, Any]) -> Any:
        outputs = []
        for of_x in torch.nn.functional.linear(x, tensors["W"], tensors["b"]).unbind():
            y, state = stepped(of_x, state, tensors)
            outputs.append(y)
        return torch.stack(outputs)

    return Peer(torch.compile(loop, dynamic=False) if mode == "whole" else loop, tensors, layout.parts)


def _flashrnn(backend: str, torch: Any, case: Case, params: Mapping[str, np.ndarray], tensor: Tensor) -> Peer:
    """FlashRNN's LSTM with one head, behind the input product, which it leaves to its caller."""
    if importlib.util.find_spec("flashrnn") is None:
        raise UnsupportedError("not installed: flashrnn")
    size = case.shape.hidden_size
    if backend == "triton_fused" and size > TRITON_UNITS:
        raise UnsupportedError(f"its heads have at most {TRITON_UNITS} units")
    function = importlib.import_module("flashrnn").flashrnn
    layout = Layout({name: tuple(parts.split()) for name, parts in GATES.items()}, step=lambda *_: ())
    tensors = {name: tensor(array) for name, array in layout.stacked(params).items()}

    def call(x: Any, states: Mapping[str, Any]) -> Any:
        # The kernels in CUDA want time first, that in Triton the batch: neither gets a copy more than it needs.
        of_x = torch.nn.functional.linear(x if backend == "cuda_fused" else x.transpose(0, 1), tensors["W"])
        of_x = of_x.unflatten(-1, (4, 1, size))
        start = torch.stack((states["h"], states["c"]))[:, :, None, None]
        recurrent, bias = tensors["U"].view(4, 1, size, size), tensors["b"].view(4, 1, size)
        given = of_x.transpose(0, 1) if backend == "cuda_fused" else of_x
        found, _ = function(given, recurrent, bias, states=start, function="lstm", backend=backend, dtype="bfloat16")
        return found[0].squeeze(2).transpose(0, 1)

    return Peer(call, tensors, layout.parts)
