"""The persistent kernels on tensor cores in the simulator: near the exact values, and faults in how they multiply."""

import re
from dataclasses import replace

import numpy as np
import pytest

from derive.build import in_memory
from generated.support.cuda import grids, regimes, tensor
from generated.support.cuda.devices import using
from generated.support.cuda.grids import Limits, TensorGrid
from generated.support.cuda.regimes import choose
from tests.cuda import halves
from tests.cuda.devices import SimulatedDevice
from tests.cuda.halves import DTYPES
from tests.cuda.limits import H200
from tests.cuda.simulator import FORWARD, REVERSE, KernelError, shuffled
from tests.cuda.test_cuda_generated_mutants import source
from tests.cuda.test_cuda_kernels import CELLS, can_run, case
from tests.kernels.harness import assert_same_bits

SMALL = Limits(multiprocessors=2, shared=64 * 1024)
BFLOAT16 = DTYPES["bfloat16"]


@pytest.fixture
def few_lanes(monkeypatch):
    """Units are shared by four threads, and a block has four sequences at a time."""
    monkeypatch.setattr(grids, "_MOST_LANES", 4)


def compared(name, dtype, size, lengths, schedule=FORWARD, limits=SMALL):
    """What one call of each pass gives, near the exact values; the device says what was launched."""
    each = case(name, "cuda")
    sizes = {item.name: size + number for number, item in enumerate(each.cell.dimensions)}
    given = halves.drawn(each.cell, DTYPES[dtype], sizes, list(lengths))
    device = SimulatedDevice(schedule, limits)
    got = halves.run(each.module, each.cell, given, "grid", device)
    halves.assert_near(got, halves.exact(name, dtype, tuple(sizes.items()), tuple(lengths)), dtype)
    return got, device


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CELLS)
def test_values_and_gradients_are_near_the_exact_ones(name, dtype, few_lanes):
    if not can_run(name, "grid"):
        pytest.skip("the cell has no loop")
    _, device = compared(name, dtype, 5, (3, 1, 0, 3, 2))
    assert {"forward_tensor_loop", "backward_tensor_loop"} <= set(device.launched)
    assert not {"forward_grid_loop", "backward_grid_loop"} & set(device.launched)


@pytest.mark.parametrize("steps", range(1, 8))
@pytest.mark.parametrize("name", ["gru", "lstm_peephole"])
def test_any_number_of_steps(name, steps, few_lanes):
    compared(name, "bfloat16", 3, (steps, steps // 2, steps))


@pytest.mark.parametrize(
    ("limits", "size", "batch", "lanes"),
    [
        (Limits(1, 64 * 1024), 1, 3, 32),
        (Limits(1, 64 * 1024), 8, 18, 32),
        (Limits(3, 64 * 1024), 33, 3, 4),
        (Limits(2, 64 * 1024), 64, 2, 1),
        (Limits(5, 64 * 1024), 40, 17, 4),
    ],
)
def test_any_shape(limits, size, batch, lanes, monkeypatch):
    """Rows and columns that fill no tile, and ones that do; several warps; more sequences than a product takes."""
    monkeypatch.setattr(grids, "_MOST_LANES", lanes)
    compared("lstm", "float16", size, (2,) * (batch - 1) + (1,), limits=limits)


@pytest.mark.parametrize("name", ["gru", "lstmp", "lem"])
def test_the_schedule_of_threads_does_not_matter(name, few_lanes):
    """Not for a bit: sums are added in a fixed order."""
    first, _ = compared(name, "bfloat16", 4, (3, 2, 3))
    for schedule in (REVERSE, shuffled(1)):
        assert_same_bits(tuple(first.values()), tuple(compared(name, "bfloat16", 4, (3, 2, 3), schedule)[0].values()))


@pytest.mark.parametrize(("steps", "batch", "size"), [(0, 2, 3), (3, 0, 3), (2, 1, 1)])
def test_empty_and_single_sizes(steps, batch, size, few_lanes):
    each = case("gru", "cuda")
    given = halves.drawn(
        each.cell, BFLOAT16, {item.name: size for item in each.cell.dimensions}, [max(steps, 1)] * batch or [1]
    )
    given = replace(
        given,
        inputs=tuple(array[:steps, :batch] for array in given.inputs),
        dy=tuple(array[:steps, :batch] for array in given.dy),
        state=tuple(array[:batch] for array in given.state),
        dstate=tuple(array[:batch] for array in given.dstate),
        lengths=np.full(batch, steps),
    )
    got, wanted = (halves.run(each.module, each.cell, given, regime) for regime in ("grid", "library"))
    for name, array in wanted.items():
        np.testing.assert_allclose(got[name].astype(float), array.astype(float), rtol=0, atol=2e-2)


@pytest.mark.parametrize(
    ("rows", "depth", "threads", "lanes", "wanted"),
    [
        (4, 1024, 256, 32, (4, 8, 4)),
        (1, 4096, 256, 32, (1, 8, 16)),
        (4, 5, 32, 4, (4, 1, 1)),
        (3, 100, 128, 32, (2, 4, 1)),
        (1, 33, 32, 32, (1, 1, 2)),
    ],
)
def test_warps_share_the_columns_of_a_product(rows, depth, threads, lanes, wanted):
    found = tensor.tiling(rows, depth, threads, lanes)
    assert found == wanted
    assert found.rows * tensor.ROWS >= rows * threads // lanes
    assert tensor.COLUMNS * found.slices * found.parts >= depth
    assert found.slices * 32 <= threads
    assert found.words == found.rows * found.parts * 4


def test_lanes_of_a_warp_store_sums_in_different_banks():
    """Two at most meet in one of 32, whatever number of sequences there is."""
    for items in (1, 2, 4, 8, 16, 32):
        banks = [(2 * (lane & 3) * tensor.pitch(items) + (lane >> 2)) % 32 for lane in range(32)]
        assert max(map(banks.count, banks)) <= 2
        assert tensor.pitch(items) >= max(items, tensor.ITEMS)


LOOP = regimes.Loop((regimes.Product(("h",) * 4, "h"),), (regimes.Product(("h",) * 4, "h", team=4),), ("h",), "", 4)


@pytest.mark.parametrize(
    ("units", "forward", "backward"),
    [
        (1024, TensorGrid(128, 256, 32, 32, 40960), TensorGrid(128, 256, 32, 32, 10240)),
        (512, TensorGrid(128, 128, 32, 32, 10240), TensorGrid(128, 128, 32, 32, 5120)),
        (5, TensorGrid(5, 32, 32, 32, 1280), TensorGrid(5, 32, 32, 32, 1280)),
    ],
)
def test_a_grid_of_16_bits_is_dealt_as_any_other(units, forward, backward):
    plans = [choose("lstm.forward", LOOP, "grid", {"h": units}, dtype, H200) for dtype in DTYPES.values()]
    assert plans[0] == plans[1]
    assert (plans[0].forward, plans[0].backward) == (forward, backward)
    assert choose("lstm.forward", LOOP, "auto", {"h": units}, BFLOAT16, H200).regime != "grid"


@pytest.mark.parametrize(
    ("units", "limits", "reason"),
    [
        (3000, H200, r"23 units of a block need more registers than it has .*; 'library' can"),
        (
            8,
            Limits(2, 1024),
            r"the sums of 16 sequences take 1536 bytes of shared memory, and a block has 1024; 'block'",
        ),
        (
            8,
            Limits(132, 96 * 1024, (7, 5)),
            r"bfloat16 needs a device of compute capability 8\.0, .* has 7\.5; 'block'",
        ),
    ],
)
def test_what_a_grid_of_16_bits_cannot_run_says_which_regime_can(units, limits, reason):
    with pytest.raises(ValueError, match=f"lstm.forward: regime: 'grid' cannot run this call, because {reason}"):
        choose("lstm.forward", LOOP, "grid", {"h": units}, BFLOAT16, limits)


FIRST, CLEARED = r"upper_1, lower_1,\s+upper_2, lower_2", r"(totals_\w+)\[u32\(each\)\] = zero"
FAULTS = {
    "a dropped barrier of the grid": (r"while load_acquire\(.*\) < passed:", "while False:"),
    "a dropped barrier before sums are read": (r"cuda\.syncthreads\(\)(\n +if lane < rows:)", r"pass\1"),
    "sums written while others read them": (r"(if first:\n +)cuda\.syncthreads\(\).*", r"\1pass"),
    "rows of the first factor exchanged": (FIRST, "lower_1, upper_1, lower_2, upper_2"),
    "columns of the first factor exchanged": (FIRST, "upper_2, lower_2, upper_1, lower_1"),
    "words of the second factor exchanged": (r"\[held\], (\w+)\[held \+ u32\(1\)\]", r"[held + u32(1)], \1[held]"),
    "weights of another part": (r"number \* rows_\w+ \+ tile", r"number + tile"),
    "a matrix left out": (r"if matrix == 1 and", "if matrix == 9 and"),
    "units dealt twice": (r"cuda\.gridDim\.x \* \(row - matrix \* groups\)", "(row - matrix * groups)"),
    "a part of the columns left out": (r"range\((parts_\w+)\)(:\n +column = part)", r"range(\1 - 1)\2"),
    "columns behind the last one": (r"else (\S.*) - column - place", "else 8"),
    "a slice of sums left out": (r"range\((slices_\w+)\)", r"range(\1 - 1)"),
    "sums that are not cleared": (CLEARED, r"\1[u32(each)] = \1[u32(each)] if t else zero"),
    "items left out": (r"range\(0, rows, 16\)", "range(0, rows - 1, 16)"),
    "items that overlap": (r"(\* 8 \+ group\) \* pitch) \+ lane", r"\1"),
    "a state that is rounded": (r"h_before = carried_h\[u32\(\(\(t & 1\)", "h_before = kept_h[u32((before"),
}
HARMLESS = {
    "weights of another part, forward": "a warp has one part of so few columns",
    "columns behind the last one, forward": "what lies there is multiplied by 0",
}


def planted():
    """Each fault in all of its places in the kernel of each pass: the text of the module with it."""
    text = source("gru")
    start, middle, end = (text.index(f"def {name}") for name in ("forward_tensor", "backward_tensor", "pack"))
    for title, (pattern, replacement) in FAULTS.items():
        for direction, first, last in (("forward", start, middle), ("backward", middle, end)):
            mutated, places = re.subn(pattern, replacement, text[first:last])
            if places and f"{title}, {direction}" not in HARMLESS:
                yield pytest.param(text[:first] + mutated + text[last:], id=f"{title}, {direction}")


def assert_same_bits_under_schedules(module, cell, given, wanted):
    for schedule in (FORWARD, REVERSE):
        got = halves.run(module, cell, given, "grid", SimulatedDevice(schedule, SMALL))
        assert_same_bits(tuple(got.values()), tuple(wanted.values()))


@pytest.mark.parametrize("text", list(planted()))
def test_a_planted_fault_is_found(text, monkeypatch):
    """By other bits than those of the kernels as they are, under one of the schedules, or by a report."""
    monkeypatch.setattr(grids, "_MOST_LANES", 2)
    each = case("gru", "cuda")
    given = halves.drawn(each.cell, BFLOAT16, {"input_size": 2, "hidden_size": 18}, [2, 1, 2])
    wanted = halves.run(each.module, each.cell, given, "grid", SimulatedDevice(limits=SMALL))
    mutant = in_memory(text, "mutant")
    with pytest.raises((KernelError, AssertionError, UnboundLocalError)), np.errstate(all="ignore"):
        assert_same_bits_under_schedules(mutant, each.cell, given, wanted)


def test_without_a_tape_and_in_a_workspace_the_bits_are_the_same(few_lanes):
    each = case("gru", "cuda")
    given = halves.drawn(each.cell, BFLOAT16, {item.name: 3 for item in each.cell.dimensions}, [5, 2])
    module = each.module
    with using(SimulatedDevice(limits=SMALL)):
        params, state = module.Params(*given.params), module.State(*given.state)
        options = {"state": state, "lengths": given.lengths, "regime": "grid"}
        plain = module.forward(params, given.inputs[0], **options)
        for more in ({"keep_tape": False}, {"workspace": module.Workspace()}):
            assert_same_bits(module.forward(params, given.inputs[0], **options, **more)[:2], plain[:2])
