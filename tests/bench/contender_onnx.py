"""onnxruntime: one node LSTM, GRU or RNN with constant weights, forward alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.bench.cases import Arrays, Case, Phase
from tests.bench.contender import Contender, Prepared, UnsupportedError


@dataclass(frozen=True, slots=True)
class Node:
    """A node of ONNX and its rows: matrices and biases in its order of gates (LSTM i o f c, GRU z r h).

    `second` names biases that are added to the recurrent product; None where they are zero.
    """

    name: str
    inputs: tuple[str, ...]
    recurrent: tuple[str, ...]
    biases: tuple[str, ...]
    second: tuple[str | None, ...]
    states: tuple[str, ...]
    attributes: Mapping[str, int]


def _node(name: str, gates: str, second: str | None, states: str, **attributes: int) -> Node:
    names = gates.split()
    rows = [tuple(f"{letter}_{gate}" for gate in names) for letter in "WUb"]
    return Node(name, *rows, (*[None] * (len(names) - 1), second), tuple(states.split()), attributes)


NODES = {
    "lstm": _node("LSTM", "i o f g", None, "h c"),
    "gru_reset_after": _node("GRU", "z r n", "b_un", "h", linear_before_reset=1),
    "gru": _node("GRU", "z r n", None, "h", linear_before_reset=0),
    "rnn": Node("RNN", ("U",), ("W",), ("b",), (None,), ("h",), {}),
}


def prepare(case: Case, arrays: Arrays) -> Prepared:
    """A session with the graph of one node."""
    if case.phase is not Phase.FORWARD:
        raise UnsupportedError("onnxruntime computes no gradients")
    if case.cell not in NODES:
        raise UnsupportedError("ONNX has no such node")
    import onnxruntime

    node = NODES[case.cell]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = case.threads
    options.inter_op_num_threads = 1
    # Threads that spin on after a run would slow the contender whose turn is next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        _model(node, case, arrays).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": arrays.x, **{f"initial_{name}": arrays.state[name][None] for name in node.states}}
    return Prepared(lambda: session.run(["y"], feed)[0], lambda y: {"y": y[:, 0]})


def _model(node: Node, case: Case, arrays: Arrays) -> Any:
    """The graph: y (T, 1, B, H) from x (T, B, I) and the initial states (1, B, H)."""
    from onnx import TensorProto, helper, numpy_helper

    shape = case.shape
    zero = np.zeros(shape.hidden_size, np.float32)
    second = [arrays.params[name] if name else zero for name in node.second]
    weights = {
        "W": np.concatenate([arrays.params[name] for name in node.inputs]),
        "R": np.concatenate([arrays.params[name] for name in node.recurrent]),
        "B": np.concatenate([*(arrays.params[name] for name in node.biases), *second]),
    }

    def tensor(name: str, *sizes: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)

    states = [f"initial_{name}" for name in node.states]
    batched = (shape.batch, shape.hidden_size)
    operation = helper.make_node(
        node.name, ["x", "W", "R", "B", "", *states], ["y"], hidden_size=shape.hidden_size, **node.attributes
    )
    graph = helper.make_graph(
        [operation],
        case.cell,
        [tensor("x", shape.steps, shape.batch, shape.input_size), *(tensor(name, 1, *batched) for name in states)],
        [tensor("y", shape.steps, 1, *batched)],
        [numpy_helper.from_array(value[None], name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


ONNX = Contender("onnxruntime", "onnxruntime", prepare)
