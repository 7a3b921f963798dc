"""Which regime runs a call, and what is said where one cannot."""

import logging

import numpy as np
import pytest

from generated.support.cuda import registers
from generated.support.cuda.devices import using
from generated.support.cuda.grids import Grid, Limits
from generated.support.cuda.regimes import Loop, Product, choose
from generated.support.cuda.registers import Block
from tests.cuda.devices import SimulatedDevice
from tests.cuda.limits import H200
from tests.cuda.test_cuda_kernels import case

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
LSTM = Loop((Product(("h",) * 4, "h"),), (Product(("h",) * 4, "h", team=4),), ("h",), "", 4)


@pytest.mark.parametrize(
    ("units", "dtype", "block"),
    [
        (1, FLOAT32, Block(32, 1)),
        (16, FLOAT32, Block(32, 1)),
        (17, FLOAT32, Block(64, 2)),
        (64, FLOAT32, Block(256, 4)),
        (96, FLOAT32, Block(384, 4)),
        (64, FLOAT64, Block(512, 8)),
        (80, FLOAT64, None),
        (128, FLOAT32, None),
        (2000, FLOAT32, None),
    ],
)
def test_a_block_runs_what_fits_its_registers(units, dtype, block):
    plan = choose("lstm.forward", LSTM, "auto", {"h": units}, dtype)
    assert plan.regime == ("block" if block else "library")
    assert plan.forward == plan.backward == (block or Block(0, 0))


def test_the_block_is_whole_warps_and_its_weights_fit():
    for units in range(1, 200):
        plan = choose("cell.forward", LSTM, "auto", {"h": units}, FLOAT32)
        if plan.regime == "block":
            threads, lanes = plan.forward.threads, plan.forward.lanes
            need = 4 * -(-units // lanes)
            assert threads % 32 == 0
            assert units * lanes <= threads <= 1024
            assert need <= registers.BUDGET
            assert need + registers.OTHERS <= registers.registers(threads)


@pytest.mark.parametrize(
    ("threads", "each"),
    [
        (32, 255),
        (256, 255),
        (288, 168),
        (384, 168),
        (416, 128),
        (512, 128),
        (544, 96),
        (640, 96),
        (672, 80),
        (1024, 64),
    ],
)
def test_registers_are_given_to_four_warps_at_a_time(threads, each):
    assert registers.registers(threads) == each


def test_a_block_of_many_threads_leaves_as_many_registers_as_one_of_few():
    """Of 17 warps each thread can have 96 registers, not the 120 of an even division."""
    gru = Loop((Product(("h",) * 2, "h"), Product(("h",), "h")), (Product(("h",) * 3, "h"),), ("h",), "", 3)
    assert choose("gru.forward", gru, "auto", {"h": 64}, FLOAT64).forward == Block(512, 8)
    assert choose("gru.forward", gru, "auto", {"h": 68}, FLOAT64).regime == "library"


def test_what_cannot_run_says_which_regime_can():
    with pytest.raises(ValueError, match=r"lstm.forward: regime: 'block' cannot run this call, .* 'library' can"):
        choose("lstm.forward", LSTM, "block", {"h": 500}, FLOAT32)
    with pytest.raises(ValueError, match="the cell has no loop; 'library' can"):
        choose("dense.forward", Loop((), (), (), "the cell has no loop", 1), "block", {}, FLOAT32)
    for wrong in ("persistent", 3, None):
        with pytest.raises(ValueError, match="expected 'auto', 'block', 'grid' or 'library', received"):
            choose("lstm.forward", LSTM, wrong, {"h": 4}, FLOAT32)


def test_the_choice_is_visible_and_can_be_overridden(caplog):
    each = case("lstm_peephole", "cuda")
    given = each.draw(steps=2, batch=1)
    with using(SimulatedDevice()), caplog.at_level(logging.INFO, "generated.cuda"):
        assert each.forward(given)[3].call.plan.regime == "block"
        assert each.forward(given, regime="library")[3].call.plan.regime == "library"
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("lstm_peephole.forward: regime block: the recurrent weights fit")
    assert second == "lstm_peephole.forward: regime library: it was asked for"


def test_arrays_that_an_index_cannot_reach_are_refused(monkeypatch):
    monkeypatch.setattr("generated.support.cuda.calls.LARGEST", 60)
    each = case("gru", "cuda")
    with using(SimulatedDevice()), pytest.raises(ValueError, match=r"T=9 and B=3 .* split the batch"):
        each.forward(each.draw(steps=9))


@pytest.mark.parametrize(
    ("units", "dtype", "forward", "backward"),
    [
        (5, FLOAT32, Grid(5, 32, 32, 32, 4096), Grid(5, 128, 32, 32, 18432)),
        (132, FLOAT32, Grid(132, 32, 32, 32, 20480), Grid(132, 128, 32, 32, 83968)),
        (1024, FLOAT32, Grid(128, 256, 32, 32, 131072), Grid(128, 256, 32, 8, 132096)),
        (512, FLOAT64, Grid(128, 128, 32, 32, 131072), Grid(128, 128, 32, 8, 132096)),
    ],
)
def test_a_grid_deals_units_to_the_multiprocessors(units, dtype, forward, backward):
    plan = choose("lstm.forward", LSTM, "grid", {"h": units}, dtype, H200)
    assert (plan.forward, plan.backward) == (forward, backward)


def test_a_grid_is_within_the_limits_of_the_device():
    for units, multiprocessors in ((1, 1), (7, 3), (90, 3), (100, 132), (500, 64), (900, 132), (1024, 132)):
        plan = choose("cell.forward", LSTM, "grid", {"h": units}, FLOAT32, Limits(multiprocessors, 96 * 1024))
        for shape in (plan.forward, plan.backward):
            assert shape.blocks <= multiprocessors
            assert shape.blocks * (shape.threads // shape.lanes) >= units
            assert shape.threads <= 1024
            assert shape.items <= shape.lanes
            assert shape.shared <= 96 * 1024


def test_auto_does_not_choose_a_grid():
    for units in (1, 64, 128, 512, 1024, 4096):
        assert choose("cell.forward", LSTM, "auto", {"h": units}, FLOAT32, H200).regime != "grid"


@pytest.mark.parametrize(
    ("sizes", "limits", "reason"),
    [
        ({"h": 4000}, H200, r"31 units of a block need more registers .*; 'library' can"),
        ({"h": 8}, Limits(132, 500), r"the operands of 4 sequences take 512 bytes .* a block has 500; 'block' can"),
        ({"h": 300}, Limits(1, 4096), r"300 units of a block need more registers .*; 'library' can"),
    ],
)
def test_what_a_grid_cannot_run_says_which_regime_can(sizes, limits, reason):
    with pytest.raises(ValueError, match=f"lstm.forward: regime: 'grid' cannot run this call, because {reason}"):
        choose("lstm.forward", LSTM, "grid", sizes, FLOAT32, limits)


def test_a_cell_without_a_loop_has_no_grid():
    with pytest.raises(ValueError, match="the cell has no loop; 'library' can"):
        choose("dense.forward", Loop((), (), (), "the cell has no loop", 1), "grid", {}, FLOAT32, H200)
