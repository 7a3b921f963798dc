"""The persistent kernels in the simulator: blocks that wait for each other, and faults in what they wait by."""

import re
from dataclasses import replace

import numpy as np
import pytest

from derive.build import in_memory
from derive.equations import load
from generated.support.cuda import grids
from generated.support.cuda.devices import using
from generated.support.cuda.grids import Limits
from tests.cuda.devices import SimulatedDevice
from tests.cuda.simulator import FORWARD, REVERSE, KernelError, ResidencyError, shuffled
from tests.cuda.test_cuda_generated_mutants import source
from tests.cuda.test_cuda_kernels import InRegime, case
from tests.kernels.harness import assert_agree, call_backward, call_forward, draw_arguments, leaves, run_module

SHARED = 6 * 1024


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    """Units are shared by four threads, of which each has two elements on their way, and sums of two items."""
    monkeypatch.setattr(grids, "_MOST_LANES", 4)
    monkeypatch.setattr(grids, "MOVES", 2)
    monkeypatch.setattr(grids, "TILE", 2)


def drawn(cell, size, steps, lengths):
    sizes = {item.name: size + number for number, item in enumerate(cell.dimensions)}
    given = draw_arguments(cell, sizes, seed=steps, steps=steps, batch=len(lengths))
    return replace(given, lengths=np.array(lengths))


@pytest.mark.parametrize(
    ("blocks", "size", "steps", "lengths"),
    [
        (1, 3, 2, [2]),
        (2, 3, 3, [3, 0, 1, 3, 2, 3, 1]),
        (3, 4, 5, [4, 5]),
        (5, 6, 1, [1, 1, 0, 1, 1]),
        (2, 2, 7, [7, 2, 5]),
    ],
)
@pytest.mark.parametrize("name", ["gru", "lstmp", "pair"])
def test_any_number_of_blocks_gives_what_the_reference_gives(name, blocks, size, steps, lengths):
    """Units that blocks do not share evenly, and sequences that do not fill what a block holds at a time."""
    cell = case(name, "cuda").cell
    given = drawn(cell, size, steps, lengths)
    with using(SimulatedDevice(limits=Limits(blocks, SHARED))):
        got = run_module(InRegime(case(name, "cuda").module, "grid"), cell, given)
    assert_agree(got, run_module(case(name, "reference").module, cell, given))


def test_blocks_that_are_not_on_the_device_together_are_refused():
    """Before the launch, which would never end."""
    each = case("gru", "cuda")
    with (
        using(SimulatedDevice(limits=Limits(2, SHARED), room=0)) as device,
        pytest.raises(ValueError, match=r"gru.forward: regime: 'grid' .* 2 blocks .* and 0 can be .*; 'library' can"),
    ):
        each.forward(each.draw(steps=2), regime="grid")
    assert "forward_grid_loop" not in device.launched


def test_the_launch_says_that_blocks_wait_for_each_other():
    class Alone(SimulatedDevice):
        def launch(self, *arguments, cooperative=False, **options):
            super().launch(*arguments, **options)

    each = case("gru", "cuda")
    with using(Alone(limits=Limits(2, SHARED))), pytest.raises(ResidencyError, match="1 of 2 are on the device"):
        each.forward(each.draw(steps=2), regime="grid")


FAULTS = {
    "a dropped barrier of a block": (r"cuda\.syncthreads\(\)", "pass"),
    "no wait for other blocks": (r"while load_acquire\(arrived, u32\(other\)\) < passed:", "while False:"),
    "a wait for too few blocks": (r"while other < cuda\.gridDim\.x:", "while other < cuda.gridDim.x - 1:"),
    "a barrier that does not count": (r"passed \+= 1", "pass"),
    "a block that does not say that it came": (r"store_release\(arrived, .*\)", "pass"),
    "a store without release": (r"store_release\((arrived), (.*), (passed)\)", r"\1[\2] = \3"),
    "units dealt twice": (r"cuda\.gridDim\.x \* group", "group"),
    "a wrong stride of weights": (r"(\(count_\w+ - 1\)) \* (\d) \+", r"\1 +"),
    "a wrong stride of an operand": (r"\(column \* (\d) \+", r"(column +"),
    "items that overlap": (r"\(number \+ each\) \*", "number *"),
    "a part of a sum left out": (r"(\w+) \+= shared\[", r"\1 = shared["),
    "a lane left out": (r"range\(halvings\)", "range(halvings - 1)"),
    "a missing mask of units": (r"if runs and unit < hidden_size", "if runs"),
    "a missing mask of items": (r"runs = lane < rows and", "runs ="),
    "a missing mask behind the end": (r"elif lane < rows and unit < hidden_size", "elif unit < hidden_size"),
    "no end of a sequence": (r"and t < lengths\[u32\(item\)\]", "and t < 99"),
    "a step too few": (r"range\(steps( - 1, -1, -1)?\)", "range(1, steps)"),
    "items left out": (r"range\(0, batch, items\)", "range(0, batch - 1, items)"),
    "an adjoint of the wrong step": (r"\(t & 1\)", "((t + 1) & 1)"),
    "a state of the wrong step": (r"t \+ 1 if keep else \(t \+ 1\) & 1", "t + 1 if keep else t & 1"),
    "a sum in another's row": (r"sums\[u32\(lane \*", "sums[u32(0 *"),
}
HARMLESS = {
    "no end of a sequence 1": "an operand behind the end, whose adjoint is 0",
    "no end of a sequence 5": "what is handed on behind the end, read of an empty sequence alone: none is here",
}


def planted():
    """Each fault in each of its places in the persistent kernels: how many units, and the text of the module with it.

    In those of an LSTM, whose forward pass has no teams, only the barriers. With 25 units both loops over the columns
    of a thread have several.
    """
    for name, units, titles in (("gru", 25, list(FAULTS)), ("lstm", 9, list(FAULTS)[:1])):
        text = source(name)
        start, end = text.index("def forward_grid"), text.index("def forward_tensor")
        for title in titles:
            pattern, replacement = FAULTS[title]
            for number, found in enumerate(re.finditer(pattern, text[start:end]), start=1):
                if f"{title} {number}" not in HARMLESS:
                    place = start + found.start()
                    mutant = text[:place] + found.expand(replacement) + text[start + found.end() :]
                    backward = place > text.index("def backward_grid")
                    yield pytest.param(name, units, backward, mutant, id=f"{name}: {title} {number}")


def outcome(module, cell, given, backward):
    """The arrays that the forward pass gives without a tape, or the backward pass."""
    _, y, last, tape = call_forward(module, cell, given, keep_tape=backward)
    return leaves(call_backward(module, cell, given, tape)) if backward else leaves((y, last))


def assert_near_under_schedules(module, cell, given, backward, wanted):
    for schedule in (FORWARD, REVERSE, shuffled(1)):
        with using(SimulatedDevice(schedule, Limits(2, 2048))):
            arrays = outcome(module, cell, given, backward)
        for array, expected in zip(arrays, wanted, strict=True):
            np.testing.assert_allclose(array, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "units", "backward", "text"), list(planted()))
def test_a_planted_fault_is_found(name, units, backward, text, monkeypatch):
    """Under one of the schedules: which block comes first to a barrier that does not hold decides what it reads.

    A local that was never computed is Python's own report.
    """
    monkeypatch.setattr(grids, "_MOST_LANES", 2)
    mutant = in_memory(text, "mutant")
    cell = load(name)
    given = draw_arguments(cell, {"input_size": 2, "hidden_size": units}, seed=1, steps=3, batch=3)
    given = replace(given, lengths=np.array([3, 1, 3]))
    wanted = outcome(case(name, "reference").module, cell, given, backward)
    with pytest.raises((KernelError, AssertionError, UnboundLocalError)), np.errstate(all="ignore"):
        assert_near_under_schedules(InRegime(mutant, "grid"), cell, given, backward, wanted)
