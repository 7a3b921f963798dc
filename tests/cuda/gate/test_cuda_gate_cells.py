"""Every cell through the gate: four in full, the others as float32 on one architecture, without persistent kernels."""

from __future__ import annotations

import pytest

from tests.cuda.gate.compiling import ARCHITECTURES, missing, versions
from tests.cuda.gate.entries import RECORDED, passed
from tests.cuda.gate.launched import CELLS
from tests.cuda.gate.page import PAGE, read

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
IN_FULL = ("gru", "lstm", "lstm_fgr", "lstm_peephole")


@pytest.mark.parametrize("dtype", RECORDED)
@pytest.mark.parametrize("cell", IN_FULL)
def test_all_kernels_pass_and_the_page_says_what_they_take(cell, dtype):
    entries, refused = passed(cell, dtype, ARCHITECTURES)
    assert not refused
    recorded, by = read(PAGE.read_text(encoding="utf-8"))
    if by != versions():
        pytest.skip(f"{PAGE.name} is by {by}, and here is {versions()}: `make gate` writes it anew")
    case = dtype, cell
    assert set(entries) == {item for item in recorded if (item.dtype, item.cell) == case}


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell not in IN_FULL])
def test_kernels_of_float32_pass(cell):
    entries, refused = passed(cell, "float32", ("sm_90",), None, ())
    assert entries
    assert not refused
