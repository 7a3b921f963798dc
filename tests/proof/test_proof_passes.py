"""Derived equations pass the proof: cells of the zoo, every function of the rule table, corners of the language."""

import re

import pytest

from derive.proof import prove, unrolled
from tests.proof.cells import CORNERS, FUNCTIONS, SCALARS
from tests.proof.faults import derived, written

ZOO = ("antisymmetric_rnn", "gru", "indrnn", "lem", "lstm_fgr", "lstm_peephole", "lstm_readout", "lstmp", "rnn_readout")


def cell(text):
    """A written cell, with its scalar parameters."""
    return written(text, [name for name in SCALARS if name in re.findall(r"\w+", text)])


@pytest.mark.parametrize("name", ZOO)
def test_cells_of_the_zoo_are_proved(name):
    derivation = derived(name)
    result = prove(derivation)
    assert result.findings == ()
    assert result.hops == sum(len(item.hops) for item in derivation.adjoints.values())
    assert result.identities > result.hops


@pytest.mark.parametrize("name", ZOO)
def test_cells_of_the_zoo_agree_with_differences(name):
    result = unrolled(derived(name))
    assert result.findings == ()
    assert result.entries > 20


@pytest.mark.parametrize("text", [*FUNCTIONS.values(), *CORNERS.values()], ids=[*FUNCTIONS, *CORNERS])
def test_small_cells_are_proved_and_agree_with_differences(text):
    derivation = cell(text)
    assert prove(derivation).findings == ()
    assert unrolled(derivation, steps=2).findings == ()
