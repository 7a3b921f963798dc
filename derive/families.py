"""The families of the zoo: in which order, and under which headings, a reader meets its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Cells that are told together: a title, what they have in common, and their names in the order of the telling."""

    title: str
    about: str
    cells: tuple[str, ...]


FAMILIES = (
    Family(
        "Simple networks",
        "A weighted sum and a function. Without a state the network is a dense layer; with one, every route to the "
        "next step passes through a matrix.",
        ("dense", "rnn", "rnn_input_recurrence"),
    ),
    Family(
        "LSTM",
        "A state that is added to, element by element, carries errors over many steps; gates decide what enters, what "
        "stays and what leaves. The forget gate, the peepholes and the projection came one after another.",
        ("lstm_1997", "lstm", "lstm_peephole", "lstmp"),
    ),
    Family(
        "The variants of A Search Space Odyssey",
        "Each differs from the LSTM with peephole connections in one thing. To compare their sums of routes with those "
        "of the whole cell is to see what that thing is for.",
        (
            "lstm_np",
            "lstm_nig",
            "lstm_nfg",
            "lstm_nog",
            "lstm_niaf",
            "lstm_noaf",
            "lstm_cifg",
            "lstm_fgr",
        ),
    ),
    Family(
        "GRU and its relatives",
        "One state that is both memory and output. What is kept and what is new are coupled: they share one gate and "
        "its complement.",
        ("gru", "gru_reset_after", "mgu", "minimal_rnn"),
    ),
    Family(
        "Recurrence made for long memory",
        "Here it is the form of the recurrence that keeps errors from vanishing: one weight a unit, a matrix that is "
        "antisymmetric, or steps of time that the network chooses itself.",
        ("indrnn", "antisymmetric_rnn", "lem"),
    ),
    Family(
        "Readouts and losses",
        "Cells that bring their own loss. The error enters at the readout, and from there goes the ways of the cell "
        "below.",
        ("rnn_readout", "lstm_readout", "lstm_regression"),
    ),
)


def families(cells: Sequence[str]) -> tuple[Family, ...]:
    """The families of `cells`, in order, without the cells that are not among them; a last one holds all others."""
    known = [Family(item.title, item.about, tuple(name for name in item.cells if name in cells)) for item in FAMILIES]
    others = tuple(name for name in cells if not any(name in item.cells for item in FAMILIES))
    found = (*known, Family("Other cells", "What belongs to none of the families above.", others))
    return tuple(family for family in found if family.cells)
