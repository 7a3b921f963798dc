"""Runs that end in every way: killed, out of time, with a process that dies or waits for ever, without a device."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.cases import Shape
from tests.cuda.bench import crew
from tests.cuda.bench.cases import Case, cases
from tests.cuda.bench.crew import Crew, MissingError
from tests.cuda.bench.records import FILE, Records

ROOT = Path(__file__).parents[2]
NEVER = float("inf")

WORKER = """
import json, os, sys, time

def say(**entry):
    print(json.dumps(entry), flush=True)

say(conditions={"device": {"name": "pretended"}})
for line in sys.stdin:
    job = json.loads(line)
    cell, without = job["case"]["cell"], job["without"]
    if cell == "slow":
        time.sleep(60)
    if cell == "dies":
        os._exit(7)
    if cell == "error":
        say(error={"outcome": "error", "why": "ValueError: no"}, broken=False)
        continue
    for name in ("good", "hangs", "crashes"):
        if cell != "three" or name in without:
            continue
        say(doing=name)
        if name == "hangs":
            time.sleep(60)
        if name == "crashes":
            say(error={"outcome": "error", "why": "BrokenError: lost"}, broken=True)
            sys.exit()
    say(result={"outcome": "met", "why": "", "process": os.getpid(), "left out": without})
"""


def case(cell, part="correctness"):
    return Case(part, cell, Shape(1, 1, 1, 1))


@pytest.fixture
def pretended(monkeypatch):
    """Makes crews of processes that only pretend to have a device."""
    made = []

    def make(program=WORKER, deadline=NEVER, seconds=60.0):
        monkeypatch.setattr(crew, "SECONDS", dict.fromkeys(crew.SECONDS, seconds))
        made.append(Crew([sys.executable, "-c", program], deadline))
        return made[-1]

    yield make
    for each in made:
        each.close()


def results(given, cells, jobs=1):
    return {item.cell: result for item, result in given.run([case(cell) for cell in cells], jobs)}


def test_a_process_runs_case_after_case(pretended):
    given = pretended()
    assert given.conditions() == {"device": {"name": "pretended"}}
    found = results(given, ["a", "error", "b"])
    assert list(found) == ["a", "error", "b"]
    assert found["error"] == {"outcome": "error", "why": "ValueError: no"}
    assert found["a"]["process"] == found["b"]["process"]


def test_several_processes_share_the_cases(pretended):
    found = results(pretended(), [f"cell_{number}" for number in range(20)], jobs=3)
    assert len(found) == 20
    assert {result["outcome"] for result in found.values()} == {"met"}
    assert 1 <= len({result["process"] for result in found.values()}) <= 3


def test_a_process_that_dies_costs_its_case_alone(pretended):
    found = results(pretended(), ["a", "dies", "b"])
    assert found["dies"] == {"outcome": "error", "why": "the process ended: 7"}
    assert found["a"]["process"] != found["b"]["process"]


def test_a_case_that_takes_too_long_is_ended(pretended):
    found = results(pretended(seconds=1.5), ["slow", "b"])
    assert found["slow"] == {"outcome": "error", "why": "longer than 2 s"}
    assert found["b"]["outcome"] == "met"


def test_contenders_that_take_the_device_away_are_left_out_one_by_one(pretended):
    (result,) = results(pretended(seconds=1.5), ["three"]).values()
    assert result["outcome"] == "met"
    assert result["left out"] == {"hangs": "longer than 2 s", "crashes": "BrokenError: lost"}


def test_what_the_deadline_cuts_off_has_no_result(pretended):
    started = time.monotonic()
    given = pretended(deadline=started + 2.0)
    assert list(results(given, ["a", "slow", "b"])) == ["a"]
    assert time.monotonic() - started < 10.0


def test_without_a_device_there_is_nothing_to_run(pretended):
    with pytest.raises(MissingError, match=r"^no device$"):
        pretended('print(\'{"unavailable": "no device"}\')').conditions()
    with pytest.raises(MissingError, match="a process ended: 3"):
        pretended("raise SystemExit(3)").conditions()


def conditions(name="H200"):
    return {"device": {"name": name}, "sources": "1234"}


def records(folder, **options):
    made = Records(folder, conditions(**options))
    made.load()
    return made


def test_a_run_that_is_killed_while_it_writes_keeps_every_whole_line(tmp_path):
    first = records(tmp_path / "whole")
    first.open()
    for number in range(3):
        first.add(case(f"cell_{number}"), {"outcome": "met", "share": number / 3})
    text = (tmp_path / "whole" / FILE).read_bytes()
    ends = [number + 1 for number, byte in enumerate(text) if byte == ord("\n")]
    for size in sorted({*range(0, len(text), 53), *ends, *(end - 1 for end in ends), *(end + 1 for end in ends[:-1])}):
        folder = tmp_path / "cut"
        folder.mkdir(exist_ok=True)
        (folder / FILE).write_bytes(text[:size])
        again = records(folder)
        assert len(again.results) == max(text[:size].count(b"\n") - 1, 0)
        again.open()
        again.add(case("later"), {"outcome": "met"})
        assert records(folder).results == again.results
        assert all(json.loads(line) for line in (folder / FILE).read_text().splitlines())


def test_what_was_found_under_other_conditions_does_not_count(tmp_path):
    first = records(tmp_path)
    first.open()
    first.add(case("a"), {"outcome": "met"})
    other = records(tmp_path, name="A100")
    assert not other.results
    other.open()
    other.add(case("b"), {"outcome": "missed"})
    assert list(records(tmp_path).results) == [case("a")]
    assert list(records(tmp_path, name="A100").results) == [case("b")]


CELLS = ("lstm", "gru", "rnn")
COUNT = len(cases("correctness", CELLS, simulated=True))


def command(folder, *arguments):
    cells = ("--cells", *CELLS)
    return [
        sys.executable,
        "-m",
        "tests.cuda.bench",
        "--simulated",
        "--jobs",
        "1",
        "--out",
        str(folder),
        *cells,
        *arguments,
    ]


def run(folder, *arguments):
    return subprocess.run(command(folder, *arguments), cwd=ROOT, capture_output=True, text=True, check=False)


def lines(folder):
    path = folder / FILE
    return (
        [entry for entry in map(json.loads, path.read_text().splitlines()) if "case" in entry] if path.exists() else []
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_second_run_goes_on_where_the_first_was_stopped(tmp_path, number):
    first = subprocess.Popen(command(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    for line in first.stdout:
        if line.count(":") > 1 and "there already" not in line:
            break
    first.send_signal(number)
    text = first.stdout.read()
    first.stdout.close()
    first.wait()
    if number is signal.SIGTERM:
        assert first.returncode == 128 + signal.SIGTERM
        assert "correctness: the largest error" in text
    kept = len((tmp_path / FILE).read_bytes().split(b"\n")) - 2
    assert 1 <= kept < COUNT
    second = run(tmp_path)
    assert second.returncode == 0, second.stderr
    assert f"correctness: {COUNT} cases, {kept} there already" in second.stdout
    assert len(lines(tmp_path)) == COUNT
    data = json.loads((tmp_path / "results.json").read_text())
    assert len(data["correctness"]) == COUNT
    third = run(tmp_path)
    assert f"correctness: {COUNT} cases, {COUNT} there already" in third.stdout
    assert len(lines(tmp_path)) == COUNT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", FILE, "tables.md", "tables.txt"]


def test_a_run_stops_before_its_budget_is_spent(tmp_path):
    started = time.monotonic()
    finished = run(tmp_path, "--budget", "3.2")
    assert finished.returncode == 0, finished.stderr
    assert time.monotonic() - started < 20.0
    assert f"{COUNT - len(lines(tmp_path))} cases are left for another run: the budget is spent" in finished.stdout
    assert (tmp_path / "tables.md").exists()
    assert "--budget takes more than 3 seconds" in run(tmp_path, "--budget", "2").stderr


WITHOUT_CUPY = """
import runpy, sys
sys.modules["cupy"] = None
runpy.run_module("tests.cuda.bench.worker", run_name="__main__")
"""


def test_without_a_device_one_line_says_so_and_nothing_is_written(tmp_path):
    """The processes of the run are started by a Python that has no CuPy, even where there is one."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{WITHOUT_CUPY}'\n")
    python.chmod(0o755)
    main = "import sys; sys.argv[1:], sys.executable = sys.argv[2:], sys.argv[1]\n"
    main += "from tests.cuda.bench.__main__ import main; sys.exit(main())"
    arguments = [sys.executable, "-c", main, str(python), "--out", str(tmp_path / "out")]
    finished = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr.startswith("CUDA kernels need CuPy, which cannot be imported")
    assert finished.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_no_process_is_left_behind(pretended):
    given = pretended()
    pid = results(given, ["a"])["a"]["process"]
    given.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
