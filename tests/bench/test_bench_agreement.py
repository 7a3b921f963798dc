"""All contenders of the benchmark compute the same, and a measuring process gives what the file is made of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bench import contender_ours, parts
from tests.bench.cases import CELLS, Case, Phase, Shape, arrays
from tests.bench.contender import DifferenceError, UnsupportedError, compare
from tests.bench.contender_ours import OURS, REUSE
from tests.bench.contender_torch import COMPILED, COMPILED_STEPS, has_compiler
from tests.bench.contenders import CONTENDERS, missing, only_for
from tests.bench.results import Parts, Result
from tests.bench.worker import environment

ROOT = Path(__file__).parents[2]
SUPPORTED = {
    "ours": (CELLS, tuple(Phase)),
    "ours, reuse": (CELLS, tuple(Phase)),
    "torch layer": (("lstm", "gru_reset_after", "rnn"), tuple(Phase)),
    "torch loop": (("lstm_peephole", "lstm_cifg", "lstm_fgr", "gru"), tuple(Phase)),
    "jax": (CELLS, tuple(Phase)),
    "onnxruntime": (("lstm", "gru_reset_after", "rnn", "gru"), (Phase.FORWARD,)),
}
THERE = [contender.name for contender in CONTENDERS if contender.name in SUPPORTED and not missing(contender)]


def measured(**job):
    """What a measuring process says, one round of each case."""
    settings = {"threads": 1, "rounds": 1, "seconds": 0.0, "latency": False, "parts": [], "compiled": [], **job}
    finished = subprocess.run(
        [sys.executable, "-m", "tests.bench.worker"],
        cwd=ROOT,
        env=environment(1),
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


@pytest.fixture(scope="module")
def lines():
    """Every cell at a small shape."""
    cases = [(cell, "4,3,5,6") for cell in CELLS]
    return measured(cases=cases, contenders=THERE, latency=True, parts=cases[:1])


@pytest.fixture(scope="module")
def results(lines):
    found = [Result.of(line["result"]) for line in lines if "result" in line]
    return {(result.case.cell, result.case.phase): result for result in found}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", SUPPORTED)
def test_a_contender_agrees_with_our_kernel(results, name, cell, phase):
    if name not in THERE:
        pytest.skip(f"{name} is not installed")
    result = results[cell, phase]
    cells, phases = SUPPORTED[name]
    if cell in cells and phase in phases:
        assert name not in result.left_out, result.left_out[name]
        assert result.median(name) > 0
    else:
        assert result.median(name) is None
        assert name in result.left_out
    assert result.differing == ()


def test_a_result_goes_through_json_unchanged(lines):
    written = [line["result"] for line in lines if "result" in line]
    assert len(written) == len(CELLS) * len(Phase)
    for data in written:
        assert set(data) == {
            "cell", "shape", "phase", "threads", "limit_ns", "left_out", "differing", "contenders"
        }  # fmt: skip
        assert {"contender", "rounds", "calls", "cores", "difference", "median_ns"} == set(data["contenders"][0])
        assert json.loads(json.dumps(Result.of(data).data())) == data


def test_a_measuring_process_says_rates_and_latency(lines):
    rates = next(line["rates"] for line in lines if "rates" in line)
    assert {"multiply-adds", "product, recurrent", "np.dot, input"} <= set(rates["products"])
    assert min(*rates["products"].values(), *rates["reads"].values(), *rates["writes"].values()) > 0
    latency = next(line["latency"] for line in lines if "latency" in line)
    assert {"lstm.step, plain parameters", "lstm.step, packed parameters"} <= {item["what"] for item in latency}


def test_a_measuring_process_says_where_the_time_goes(lines):
    found = next(line["parts"] for line in lines if "parts" in line)
    forward = ["call", "forward", "forward: x", "forward: h_before"]
    backward = ["backward", "backward: h_before", "backward: x", "weights"]
    assert [list(data["rounds"]) for data in found] == [forward, forward + backward]
    for data in found:
        assert min(min(rounds) for rounds in data["rounds"].values()) > 0
        assert json.loads(json.dumps(Parts.of(data).data())) == data


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", ["5,3,7,9", "4,1,17,33", "5,50,5,4"])
def test_a_part_alone_computes_what_it_does_inside_the_call(cell, phase, shape):
    case = Case(cell, Shape.parse(shape), phase, 1)
    given = arrays(cell, case.shape)
    recorded = parts.record(contender_ours.prepare(case, given))
    runs = parts.alone(case, given, recorded)
    products = [name for name in runs if ":" in name]
    assert len(products) >= (2 if phase is Phase.FORWARD else 4)
    for name in products:
        function, _, stack = name.partition(": ")
        named = recorded[function].named
        expected = {key: value.copy() for key, value in named.items() if isinstance(value, np.ndarray)}
        named[f"{'products' if function == 'forward' else 'pulled'}_{stack}"].fill(np.nan)
        runs[name]()
        for key, wanted in expected.items():
            np.testing.assert_array_equal(named[key], wanted, err_msg=f"{name}, {key}")


RESULTS = {"forward": "out_h", "backward": "pulled_x"}
"""What a compiled function writes; the gradients of matrices are arguments by their place."""


def test_a_recorded_function_writes_the_same_again():
    shape = Shape(5, 3, 7, 9)
    recorded = parts.record(contender_ours.prepare(Case("lstm", shape, Phase.ALL, 1), arrays("lstm", shape)))
    assert list(recorded) == ["forward", "backward", "weights"]
    results = {function: recorded[function].named[name] for function, name in RESULTS.items()}
    results["weights"] = recorded["weights"].arguments[-1][-1]
    for function, written in results.items():
        expected = written.copy()
        written.fill(np.nan)
        recorded[function].run()
        np.testing.assert_array_equal(written, expected)


@pytest.mark.parametrize("phase", Phase)
def test_only_the_reuse_mode_keeps_its_memory(phase):
    shape = Shape(4, 3, 5, 6)
    given = arrays("lstm", shape)
    for contender, kept in ((OURS, False), (REUSE, True)):
        prepared = contender.prepare(Case("lstm", shape, phase, 1), given)
        first, second = (prepared.read(prepared.run()) for _ in range(2))
        assert all(np.shares_memory(first[name], second[name]) is kept for name in first)


def test_a_compiled_loop_agrees_with_our_kernel():
    if missing(COMPILED) or not has_compiler():
        pytest.skip("no torch, or no C++ compiler")
    cases = [("gru", "2,3,5,6")]
    found = measured(cases=cases, contenders=["ours", "torch compiled"], compiled=["gru"])
    for result in (Result.of(line["result"]) for line in found if "result" in line):
        assert result.median("torch compiled") > 0, result.left_out
        assert result.differing == ()


def test_a_loop_that_is_not_compiled_is_named():
    long, short = Shape(COMPILED_STEPS + 1, 1, 4, 4), Shape(2, 1, 4, 4)
    contender = only_for(["gru"], COMPILED)
    for cell, shape, reason in (
        ("lstm_cifg", short, "asked for with gru alone"),
        ("gru", long, "compiling unrolls the loop"),
    ):
        with pytest.raises(UnsupportedError, match=reason):
            contender.prepare(Case(cell, shape, Phase.FORWARD, 1), arrays(cell, shape))


def test_another_result_is_refused():
    right = {"y": np.array([1.0, 2.0]), "x": np.array([3.0])}
    assert compare(right, right) == 0
    assert compare({**right, "y": np.array([1.0, 2.00002])}, right) == pytest.approx(1e-5)
    for wrong in ([1.0, 2.0001], [1.0, np.nan], [1.0, 2.0, 3.0]):
        with pytest.raises(DifferenceError, match="y: "):
            compare({**right, "y": np.array(wrong)}, right)
    with pytest.raises(DifferenceError, match="expected"):
        compare({"y": right["y"]}, right)
