"""`derive check`: verdicts, exit codes, JSON, and somebody's own backward pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import derive
from derive.check import Report, Rung
from derive.cli import app, ladder

RUNNER = CliRunner()
CELL = "equations = '''\nh = w * x + h[t-1]\n'''\n"
BACKWARD = """
import numpy as np

def right(params, x, dy, dstate):
    delta = np.cumsum(dy[::-1], axis=0)[::-1] + dstate.h
    return {"w": (delta * x).sum((0, 1)), "x": params.w * delta, "h[0]": delta[0]}

def forgets_the_past(params, x, dy, dstate):
    delta = dy.copy()
    delta[-1] += dstate.h
    return {"w": (delta * x).sum((0, 1)), "x": params.w * delta}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A cell file and a file of hand-written backward passes."""
    (tmp_path / "sum.toml").write_text(CELL, encoding="utf-8")
    (tmp_path / "mine.py").write_text(BACKWARD, encoding="utf-8")
    return str(tmp_path / "sum.toml"), str(tmp_path / "mine.py")


def test_a_cell_that_passes_ends_with_0() -> None:
    result = RUNNER.invoke(app, ["check", "dense", "--fast"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "dense  passed"
    assert [line.split()[:2] for line in lines[1:]] == [
        ["passed", name] for name in ("proof", "unrolled", "differences")
    ]
    assert "\x1b" not in result.output


def test_json_holds_every_rung() -> None:
    data = json.loads(RUNNER.invoke(app, ["check", "dense", "--fast", "--json"]).stdout)
    assert [(item["cell"], item["passed"], len(item["rungs"])) for item in data] == [("dense", True, 3)]


def test_a_failure_is_shown_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    rung = Rung("proof", True, "9 identities")
    report = Report("dense", (rung, replace(rung, name="differences", passed=False, failures=("W: route 1",))))
    monkeypatch.setattr(ladder, "check", lambda cell, **_: report)
    result = RUNNER.invoke(app, ["check", "dense"])
    assert result.exit_code == 1
    assert "FAILED  differences" in result.stdout
    assert "W: route 1" in result.stdout
    assert RUNNER.invoke(app, ["check", "dense", "--json"]).exit_code == 1


def test_a_right_backward_pass_agrees(files: tuple[str, str]) -> None:
    cell, code = files
    result = RUNNER.invoke(app, ["check", cell, "--against", f"{code}:right"])
    assert result.exit_code == 0, result.output
    assert all(name in result.stdout for name in ("w", "x", "h[0]"))
    assert "differs" not in result.stdout


def test_a_forgotten_route_is_named(files: tuple[str, str]) -> None:
    cell, code = files
    result = RUNNER.invoke(app, ["check", cell, "--against", f"{code}:forgets_the_past"])
    assert result.exit_code == 1, result.output
    assert "differs w" in result.stdout
    assert "h[t] -> h[t+1]" in result.stdout
    data = json.loads(RUNNER.invoke(app, ["check", cell, "--against", f"{code}:forgets_the_past", "--json"]).stdout)
    assert data["passed"] is False
    assert {item["name"] for item in data["differ"]} == {"w", "x"}


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["check", "nix"], 1, "there is no cell `nix`"),
        (["check", "dense", "--against", "missing.py:f"], 1, "missing.py"),
        (["check", "dense", "rnn", "--against", "mine.py:f"], 2, "--against"),
    ],
)
def test_mistakes(arguments: list[str], code: int, part: str) -> None:
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == code
    assert part in result.output + result.stderr


def test_check_is_offered_as_a_function() -> None:
    assert derive.check(derive.load("dense"), fast=True).passed
