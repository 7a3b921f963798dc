"""What a run on a device says: targets, tables, failures, and the reports of compute-sanitizer."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.bench.cases import Shape
from tests.bench.grid import Grid, plain
from tests.cuda.bench import report, sanitizer
from tests.cuda.bench.cases import CELLS, PARTS, Case, cases
from tests.cuda.bench.records import Records
from tests.cuda.bench.targets import TARGETS, reached


def entry(who, us, dtype="float32", phase="forward"):
    return {"who": who, "dtype": dtype, "phase": phase, "us": us, "rounds": [us], "calls": 1, "difference": 0.0}


def peers(cell, shape, *entries, **left_out):
    return {Case("peers", cell, Shape.parse(shape)): {"entries": list(entries), "left out": left_out}}


def found(results):
    return {(item.what, item.regime): item for item in reached(results)}


def test_a_target_is_the_worst_ratio_of_each_regime():
    results = peers(
        "lstm", "256,16,64,64", entry("ours, block", 10.0), entry("ours, library", 40.0), entry("nn.LSTM", 20.0)
    )
    results |= peers("gru_reset_after", "256,16,32,32", entry("ours, block", 10.0), entry("nn.GRU", 13.0))
    results |= peers("lstm", "256,16,512,512", entry("ours, library", 10.0), entry("nn.LSTM", 5.0))
    items = found(results)
    block = items["cuDNN float32", "block"]
    assert (block.sizes, block.value, block.met, block.bound) == ("A: H <= 96", 1.3, True, ">= 1.3")
    assert block.where == "gru_reset_after 256,16,32,32 forward"
    library = [item for item in reached(results) if item.regime == "library"]
    assert [(item.sizes, item.value, item.met) for item in library] == [
        ("A: H <= 96", 0.5, False), ("B, C: H <= 1024, B <= 64", 0.5, False)
    ]  # fmt: skip


def test_arithmetic_and_phases_are_compared_with_their_own_kind():
    results = peers(
        "lstm",
        "256,16,1024,1024",
        entry("ours, grid", 10.0, "bfloat16"),
        entry("nn.LSTM", 25.0, "bfloat16"),
        entry("nn.LSTM", 6.5, "float16"),
        entry("nn.LSTM", 1.0, "TF32"),
        entry("nn.LSTM", 1.0, "bfloat16", "all"),
        entry("FlashRNN cuda_fused", 14.0, "bfloat16"),
    )
    items = found(results)
    assert {what: (item.value, item.met) for (what, _), item in items.items()} == {
        "FlashRNN fused": (1.4, False),
        "cuDNN bfloat16": (2.5, True),
        "cuDNN float16, ours bfloat16": (0.65, True),
    }


def test_loops_count_for_own_cells_and_gradients_for_all():
    results = peers(
        "gru",
        "28,16,64,64",
        entry("ours, block", 10.0),
        entry("ours, block", 31.0, phase="all"),
        entry("torch loop", 250.0),
        entry("torch loop, compiled", 40.0),
    )
    items = found(results)
    assert (items["eager loop", "block"].value, items["eager loop", "block"].met) == (25.0, True)
    assert (items["compiled loop", "block"].value, items["compiled loop", "block"].met) == (4.0, False)
    both = items["all / forward, float32", "block"]
    assert (both.value, both.met, both.bound) == (3.1, False, "<= 3")
    every = [case for part in PARTS[2:] for case in cases(part, CELLS)]
    assert all(any(target.belongs(case) for case in every) for target in TARGETS)


def correctness(cell, regime, outcome, **more):
    case = Case("correctness", cell, Shape(7, 5, 13, 33), regime, "float32")
    return {case: {"outcome": outcome, "why": "" if outcome == "met" else "it says so", **more}}


def test_tables_and_files_hold_what_there_is(tmp_path):
    records = Records(tmp_path, {"device": {"name": "H200", "driver": "580"}, "python": "3.12", "sources": "12"})
    records.open()
    results = correctness("gru", "block", "met", share=0.25) | correctness("gru", "library", "missed", share=9.0)
    results |= correctness("lstm", "block", "left out")
    results |= peers("lstm", "256,16,64,64", entry("ours, block", 512.0), entry("nn.LSTM", 1024.0), **{"a b": "no a"})
    results |= {Case("sanitizer", "gru", Shape(1, 1, 1, 1), kind="memcheck"): {"outcome": "met", "why": ""}}
    for case, result in results.items():
        records.add(case, result)
    text = report.write_all(records, {"date": "today", "command": "it"})
    assert text == (tmp_path / "tables.txt").read_text()
    rows = [line.split() for line in text.splitlines()]
    assert ["gru", "0.250", "FAILED"] in rows
    assert ["lstm", "left", "out"] in rows
    assert ["ours,", "block", "float32", "2.000"] in rows
    assert ["gru", "clean"] in rows
    assert "missed: correctness: gru library float32 7,5,13,33: it says so" in text
    assert "left out: a: no a (lstm 256,16,64,64)" in text
    assert "device: name H200, driver 580" in text
    page = (tmp_path / "tables.md").read_text()
    assert "| A: H <= 96 | cuDNN float32 | block | lstm 256,16,64,64 forward | >= 1.3 | 2.00 | met |" in page
    assert "- date: today\n" in page
    data = json.loads((tmp_path / "results.json").read_text())
    assert data["conditions"]["python"] == "3.12"
    assert data["peers"][0]["entries"][0]["us"] == 512.0
    assert report.failed(records.results)


def test_what_is_a_failure():
    assert not report.failed(correctness("gru", "block", "met") | correctness("gru", "library", "left out"))
    assert report.failed(correctness("gru", "block", "error"))
    watched = Case("sanitizer", "gru", Shape(1, 1, 1, 1), kind="memcheck")
    assert report.failed({watched: {"outcome": "missed", "why": ""}})
    assert not report.failed({watched: {"outcome": "error", "why": "no tool"}})
    assert not report.failed({Case("peers", "gru", Shape(1, 1, 1, 1)): {"outcome": "error", "why": "no room"}})


def test_plain_tables_are_aligned():
    grid = Grid("title", ("", "time"), (("heading",), ("a", "1.0"), ("longer", "10.0")))
    assert plain(grid) == "title\n        time\nheading\na        1.0\nlonger  10.0\n"


WATCHED = Case("sanitizer", "gru", Shape(3, 3, 5, 33), kind="racecheck")


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a compute-sanitizer on PATH that writes its arguments, prints a text and has an exit status."""

    def put(text, status=0):
        path = tmp_path / "compute-sanitizer"
        lines = "\n".join(f"echo '{line}'" for line in text.splitlines())
        path.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\n{lines}\nexit {status}\n')
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        sanitizer.found.cache_clear()
        return tmp_path / "arguments"

    yield put
    sanitizer.found.cache_clear()


def test_a_clean_report(tool):
    arguments = tool(
        "========= COMPUTE-SANITIZER\n========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)"
    )
    assert sanitizer.run(WATCHED) == {"outcome": "met", "why": ""}
    told = f"--tool racecheck --error-exitcode 86 {sys.executable} -m tests.cuda.bench.once gru 3,3,5,33\n"
    assert arguments.read_text() == told


def test_what_a_tool_finds(tool):
    tool("========= Invalid __global__ read of size 4 bytes\n========= ERROR SUMMARY: 3 errors", 86)
    result = sanitizer.run(WATCHED)
    assert (result["outcome"], result["why"]) == ("missed", "3 found")
    assert result["report"][0] == "========= Invalid __global__ read of size 4 bytes"
    tool("========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)")
    assert sanitizer.run(WATCHED)["outcome"] == "missed"


def test_a_tool_that_could_not_watch_says_nothing_of_the_kernels(tool):
    tool("========= Error: Device not supported", 1)
    result = sanitizer.run(WATCHED)
    assert (result["outcome"], result["why"]) == ("error", "exit status 1")
    assert result["report"] == ["========= Error: Device not supported"]
    tool("no summary")
    assert sanitizer.run(WATCHED)["outcome"] == "error"


def test_a_tool_is_found_in_a_toolkit_and_a_missing_one_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    sanitizer.found.cache_clear()
    monkeypatch.setattr(sanitizer.importlib.util, "find_spec", lambda name: None)
    if sanitizer.found() is None:
        assert sanitizer.run(WATCHED)["outcome"] == "left out"
        assert "compute-sanitizer is neither on PATH" in sanitizer.run(WATCHED)["why"]
    path = tmp_path / "compute-sanitizer" / "compute-sanitizer"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    sanitizer.found.cache_clear()
    assert sanitizer.found() == str(path)
    sanitizer.found.cache_clear()
