"""All contenders of the benchmark compute the same, and a measuring process gives what the file is made of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bench.cases import CELLS, Case, Phase, Shape, arrays
from tests.bench.contender import DifferenceError, UnsupportedError, compare
from tests.bench.contender_ours import OURS, REUSE
from tests.bench.contender_torch import COMPILED, COMPILED_STEPS, has_compiler
from tests.bench.contenders import CONTENDERS, missing, only_for
from tests.bench.results import Result
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
    settings = {"threads": 1, "rounds": 1, "seconds": 0.0, "latency": False, "compiled": [], **job}
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
    return measured(cases=[(cell, "4,3,5,6") for cell in CELLS], contenders=THERE, latency=True)


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
