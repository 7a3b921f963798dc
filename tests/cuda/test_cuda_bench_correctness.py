"""What `make bench-cuda` says of correctness, in the simulator: kernels that are right, and such that are not."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from derive.build import in_memory
from generated.support.cuda.devices import using
from tests.bench.cases import Shape
from tests.cuda.bench import correctness, drawn, once
from tests.cuda.bench.cases import CELLS, PARTS, Case, cases, sizes
from tests.cuda.bench.worker import answer
from tests.cuda.devices import SimulatedDevice

ROOT = Path(__file__).parents[2]
SMALL = Shape(4, 3, 3, 5)


def case(cell="gru", regime="block", dtype="float32", shape=SMALL, kind=""):
    return Case("correctness", cell, shape, regime, dtype, kind)


def outcome(given, device=None, repeated=2):
    with using(device or SimulatedDevice()) as chosen:
        return correctness.run(given, chosen, repeated)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", ["gru", "lstmp", "lstm_readout", "lstm_regression", "rnn_input_recurrence"])
def test_kernels_that_are_right_meet_the_bounds(cell, dtype):
    result = outcome(case(cell, "library", dtype))
    assert result["outcome"] == "met", result["why"]
    assert 0.0 < result["share"] < 1.0
    names = {
        "grads.x.x",
        *(f"grads.params.{name}" for name in importlib.import_module(f"generated.cuda.{cell}").Params._fields),
    }
    assert names <= set(result["arrays"])
    assert all(bound > 0 for _, bound in result["arrays"].values())


def test_a_regime_that_refuses_and_a_dtype_that_is_not_taken_are_left_out():
    refused = outcome(case("dense", "block"))
    assert refused["outcome"] == "left out"
    assert "the cell has no loop" in refused["why"]
    assert outcome(case(dtype="float8")) == {"outcome": "left out", "why": "init takes no float8"}


@pytest.fixture
def planted(monkeypatch):
    """Puts a module in place of the generated one of gru, with one piece of its text changed."""

    def plant(old, new):
        text = Path(importlib.import_module("generated.cuda.gru").__file__).read_text(encoding="utf-8")
        assert old in text
        module = in_memory(text.replace(old, new), "mutant")
        monkeypatch.setitem(sys.modules, "generated.cuda.gru", module)
        return module

    return plant


@pytest.mark.parametrize(
    ("old", "new", "array"),
    [
        ("sums[0 : hidden_size]", "sums[hidden_size : 2 * hidden_size]", "grads.params.b_z"),
        ("d_n * (one - n * n)", "d_n * (one - n)", "grads.params.W_n"),
        ("y = out_h", "y = out_h * np.float32(1.0001)", "y.h"),
    ],
)
def test_a_planted_fault_is_found_and_its_array_named(planted, old, new, array):
    planted(old, new)
    result = outcome(case())
    assert result["outcome"] == "missed"
    assert array in result["why"]
    off, bound = result["arrays"][array]
    assert off > bound


def test_calls_that_give_other_bits_are_found(planted):
    module = planted("gru", "gru")
    calls = iter(range(99))
    plain = module.backward

    def drifting(*arguments):
        grads = plain(*arguments)
        return grads._replace(x=grads.x * np.float32(1 + 2e-7 * (next(calls) > 2)))

    module.backward = drifting
    assert outcome(case())["outcome"] == "met"
    result = outcome(case(), repeated=4)
    others = ", ".join(f"call {number}: grads.x.x" for number in (2, 3, 4))
    assert (result["outcome"], result["why"]) == ("missed", f"other bits: {others}")


def test_a_call_without_a_tape_that_gives_other_bits_is_found(planted):
    planted("y = out_h", "y = out_h if keep_tape else out_h * np.float32(1.0000002)")
    result = outcome(case())
    assert (result["outcome"], result["why"]) == ("missed", "other bits: without a tape: y.h")


def test_an_exception_is_the_result_of_its_case(planted):
    planted("y = out_h", "raise MemoryError('no room')")
    with using(SimulatedDevice()) as device:
        given = answer(case(), device, None, lambda name: None, {})
    assert given["broken"] is False
    assert (given["error"]["outcome"], given["error"]["why"]) == ("error", "MemoryError: no room")
    assert "in _run" in given["error"]["trace"]


def test_the_bounds_are_those_of_the_targets():
    eps = float(np.finfo(np.float32).eps)
    wanted = {"a": np.array([2.0, -8.0]), "b": np.zeros(2)}

    def judged(dtype, a=0.0, b=0.0):
        got = {"a": wanted["a"] + np.array([a, 0.0]), "b": wanted["b"] + b}
        return correctness.judged(got, wanted, case(dtype=dtype))

    for dtype, share in (("float32", 64 * 4 * eps), ("float64", 1e-12), ("bfloat16", 2e-2), ("float16", 2.5e-3)):
        assert judged(dtype, 0.99 * 8 * share)["outcome"] == "met"
        assert judged(dtype, 1.01 * 8 * share)["outcome"] == "missed"
    assert judged("float32", b=1e-30)["why"] == "off by more than allowed: b"
    assert judged("float32", np.nan)["arrays"]["a"][0] is None
    assert judged("float32", np.inf)["outcome"] == "missed"
    shorter = correctness.judged({"a": np.zeros(3), "b": np.zeros(2)}, wanted, case())
    assert shorter["outcome"] == "missed"


def test_arguments_are_ragged_and_rounded_before_the_reference_sees_them():
    module = importlib.import_module("generated.cuda.lstm_readout")
    given = drawn.draw(module.SIGNATURE, sizes(module.SIGNATURE, SMALL), 7, 5, drawn.ragged(7, 5))
    assert given.lengths.tolist() == [7, 4, 1, 7, 0]
    assert all(np.abs(array).min() > 0 for array in (*given.state, *given.dy, *given.dstate))
    rounded = drawn.cast(given, np.dtype(np.float32))
    assert rounded.params[0].dtype == rounded.weight.dtype == np.float32
    assert rounded.target.dtype == np.int64
    again = drawn.cast(rounded, np.dtype(np.float64))
    assert (again.params[0] == rounded.params[0]).all()
    assert (again.params[0] != given.params[0]).any()


def test_the_first_cases_are_the_most_telling_and_none_is_twice():
    for part in PARTS:
        every = cases(part, CELLS)
        assert len(set(every)) == len(every)
        assert {item.cell for item in every[:2]} == {"lstm"} or part != "correctness"
        assert every[0].cell == "lstm"
    every = cases("correctness", CELLS)
    assert {item.cell for item in every} == set(CELLS)
    assert all(item.cell in ("lstm", "gru", "lstm_peephole") for item in every[:24])
    assert {item.cell for item in cases("timing", ("lstmp", "gru"))} == {"lstmp", "gru"}
    assert {item.cell for item in cases("peers", ("lstmp", "gru"))} == {"gru"}


def test_a_case_survives_json():
    for item in cases("sanitizer", CELLS) + cases("correctness", ("gru",)):
        assert Case.of(item.data()) == item


def test_a_watched_process_runs_every_regime_that_takes_the_sizes():
    with using(SimulatedDevice()) as device:
        wanted = ["block", "grid", "library", "grid in float16"]
        assert once.regimes_of("gru", replace(SMALL, hidden_size=3), device) == wanted
        assert {"forward_grid_loop", "forward_tensor_loop", "backward_tensor_loop"} <= set(device.launched)
        assert once.regimes_of("dense", replace(SMALL, hidden_size=3), device) == ["library"]


def test_numpy_is_all_that_the_command_imports():
    """On a machine with a device there may be no more of what this project needs."""
    modules = ("__main__", "worker", "once", "targets")
    imports = "; ".join(f"import tests.cuda.bench.{name}" for name in modules)
    foreign = ("sympy", "numba", "torch", "rich", "derive", "cupy", "greenlet", "jinja2")
    program = f"import sys; {imports}; print(sorted({set(foreign)} & sys.modules.keys()))"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"
