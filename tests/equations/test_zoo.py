"""The zoo: every cell loads, and its states, outputs and sizes are those of its source."""

from __future__ import annotations

import pytest

from derive.equations import load, names
from derive.equations.model import Loss, Role

IH = ("input_size", "hidden_size")
IHO = (*IH, "output_size")

# cell: (states in order of assignment, outputs, sizes in the order of `init`, number of parameters)
ZOO = {
    "antisymmetric_rnn": (("h",), ("h",), IH, 3),
    "dense": ((), ("h",), IH, 2),
    "gru": (("h",), ("h",), IH, 9),
    "gru_reset_after": (("h",), ("h",), IH, 10),
    "indrnn": (("h",), ("h",), IH, 3),
    "lem": (("z", "y"), ("y",), IH, 12),
    "lstm": (("c", "h"), ("h",), IH, 12),
    "lstm_1997": (("c", "y"), ("y",), IH, 9),
    "lstm_cifg": (("c", "y"), ("y",), IH, 11),
    "lstm_fgr": (("i", "f", "c", "o", "y"), ("y",), IH, 24),
    "lstm_nfg": (("c", "y"), ("y",), IH, 11),
    "lstm_niaf": (("c", "y"), ("y",), IH, 15),
    "lstm_nig": (("c", "y"), ("y",), IH, 11),
    "lstm_noaf": (("c", "y"), ("y",), IH, 15),
    "lstm_nog": (("c", "y"), ("y",), IH, 11),
    "lstm_np": (("c", "y"), ("y",), IH, 12),
    "lstm_peephole": (("c", "y"), ("y",), IH, 15),
    "lstm_readout": (("c", "h"), ("y",), IHO, 14),
    "lstm_regression": (("c", "h"), ("y",), IHO, 14),
    "lstmp": (("c", "r"), ("r",), (*IH, "cell_size"), 16),
    "mgu": (("h",), ("h",), IH, 6),
    "minimal_rnn": (("h",), ("h",), IH, 5),
    "rnn": (("h",), ("h",), IH, 3),
    "rnn_input_recurrence": (("x",), ("o",), IHO, 5),
    "rnn_readout": (("h",), ("o",), IHO, 5),
}

LOSSES = {
    "lstm_readout": Loss("softmax_cross_entropy", "y"),
    "lstm_regression": Loss("mse", "y"),
    "rnn_input_recurrence": Loss("softmax_cross_entropy", "o"),
    "rnn_readout": Loss("softmax_cross_entropy", "o"),
}


def test_the_zoo_is_complete() -> None:
    assert sorted(names()) == sorted(ZOO)


@pytest.mark.parametrize("name", ZOO)
def test_states_outputs_and_sizes(name: str) -> None:
    states, outputs, sizes, parameters = ZOO[name]
    cell = load(name)
    assert cell.name == name
    assert cell.states == states
    assert cell.outputs == outputs
    assert cell.size_names == sizes
    assert len(cell.parameters) == parameters
    assert cell.loss == LOSSES.get(name)


@pytest.mark.parametrize("name", ZOO)
def test_a_cell_names_its_title_and_its_source_with_a_year(name: str) -> None:
    cell = load(name)
    assert cell.title
    assert any(word.strip(",").isdigit() and len(word.strip(",")) == 4 for word in cell.source.split())


@pytest.mark.parametrize("name", ZOO)
def test_every_shape_is_made_of_the_sizes_of_init(name: str) -> None:
    cell = load(name)
    assert {size for symbol in cell.symbols.values() for size in symbol.shape} == set(cell.size_names)
    assert all(symbol.shape for symbol in cell.symbols.values() if symbol.role is Role.PARAMETER)


def test_the_projection_has_states_of_different_sizes() -> None:
    symbols = load("lstmp").symbols
    assert symbols["c"].shape == ("cell_size",)
    assert symbols["r"].shape == ("hidden_size",)
    assert symbols["W_rm"].shape == ("hidden_size", "cell_size")
    assert symbols["W_ir"].shape == ("cell_size", "hidden_size")


def test_the_readouts_map_hidden_units_to_outputs() -> None:
    for name in LOSSES:
        assert load(name).symbols["V"].shape == ("output_size", "hidden_size")
        assert load(name).symbols["h"].shape == ("hidden_size",)


@pytest.mark.parametrize(
    ("variant", "changed"),
    [
        ("lstm_nig", {"i_bar", "i", "c"}),
        ("lstm_nfg", {"f_bar", "f", "c"}),
        ("lstm_nog", {"o_bar", "o", "y"}),
        ("lstm_niaf", {"z"}),
        ("lstm_noaf", {"y"}),
        ("lstm_cifg", {"f_bar", "f"}),
        ("lstm_np", {"i_bar", "f_bar", "o_bar"}),
        ("lstm_fgr", {"i_bar", "f_bar", "o_bar"}),
    ],
)
def test_a_variant_changes_only_what_its_name_says(variant: str, changed: set[str]) -> None:
    vanilla = {equation.target: equation.text for equation in load("lstm_peephole").equations}
    other = {equation.target: equation.text for equation in load(variant).equations}
    assert {target for target in vanilla if vanilla[target] != other.get(target)} == changed
    assert set(other) <= set(vanilla)


@pytest.mark.parametrize(
    ("name", "bias"),
    [
        ("lstm", "b_f"),
        ("lstm_readout", "b_f"),
        ("lstm_regression", "b_f"),
        ("lstm_peephole", "b_for"),
        ("lstm_nig", "b_for"),
        ("lstm_nog", "b_for"),
        ("lstm_niaf", "b_for"),
        ("lstm_noaf", "b_for"),
        ("lstm_np", "b_for"),
        ("lstm_fgr", "b_for"),
        ("lstmp", "b_f"),
    ],
)
def test_forget_gates_start_open(name: str, bias: str) -> None:
    init = load(name).init[bias]
    assert (init.rule, init.value) == ("number", 1.0)
