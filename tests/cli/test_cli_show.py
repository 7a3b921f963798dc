"""`derive list`, `show` and `path`: what a reader sees, and what a program reads.

DERIVE_UPDATE_GOLDEN=1 writes the golden texts anew.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

import derive
from derive.cli import app, show
from derive.cli.layout import WIDTH
from derive.cli.path import path_lines
from derive.printers.latex_routes import route_term
from derive.printers.text import RouteText, notation

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_COMMANDS = {
    "list": ["list"],
    "show_lstm_peephole": ["show", "lstm_peephole"],
    "show_lstm_peephole_c": ["show", "lstm_peephole", "c"],
    "show_lstm_peephole_c_ascii": ["show", "lstm_peephole", "c", "--ascii"],
    "show_lstm_peephole_c_tex": ["show", "lstm_peephole", "c", "--tex"],
    "show_lstm_peephole_R_z": ["show", "lstm_peephole", "R_z"],
    "show_gru_reset_after_h": ["show", "gru_reset_after", "h"],
    "show_antisymmetric_rnn_U": ["show", "antisymmetric_rnn", "U"],
    "show_lem": ["show", "lem"],
    "show_rnn_readout_o": ["show", "rnn_readout", "o"],
    "path_lstm_peephole_c_c": ["path", "lstm_peephole", "c", "c[t+1]"],
}
RUNNER = CliRunner()


def run(*arguments: str) -> str:
    """The output of a command that must succeed."""
    result = RUNNER.invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", GOLDEN_COMMANDS)
def test_output_is_the_golden_text(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    output = run(*GOLDEN_COMMANDS[name])
    if os.environ.get("DERIVE_UPDATE_GOLDEN"):
        path.write_text(output, encoding="utf-8")
    assert output == path.read_text(encoding="utf-8")


def test_the_sum_holds_every_route_with_its_number() -> None:
    output = run("show", "lstm_peephole", "c")
    rows = re.findall(r"^ +(\d)  (c\[t\] → \S+) +(.+)$", output, re.MULTILINE)
    terms = re.findall(r"^ +(?:δc\[t\] =|\+) (.+?) +\((\d)\)$", output, re.MULTILINE)
    assert [(number, term) for number, _, term in rows] == [(number, term) for term, number in terms]
    assert len(rows) == 5
    assert "5 first hops stand for 22 complete routes in the window t, t+1." in output


@pytest.mark.parametrize("cell", derive.names())
def test_every_name_is_shown_within_80_columns(cell: str) -> None:
    equations = derive.load(cell).equations
    for name in (None, *(name for name in equations.symbols if name not in equations.constants)):
        output = run("show", cell, *([name] if name else []), "--ascii")
        assert output.isascii()
        assert max(len(line) for line in output.splitlines()) <= 80


def test_a_long_sum_is_broken_and_its_numbers_stand_in_one_column(tmp_path: Path) -> None:
    factors = " * ".join(f"a_rather_long_name_{index}" for index in range(9))
    path = tmp_path / "wide.toml"
    path.write_text(f"equations = '''\nh = {factors} * h[t-1] + x\n'''\n", encoding="utf-8")
    lines = run("show", str(path), "h").splitlines()
    assert max(map(len, (line for line in lines if "derive path" not in line))) <= 80
    assert len({line.index(f"({number})") for number in (1, 2) for line in lines if line.endswith(f"({number})")}) == 1


def test_json_of_a_cell() -> None:
    data = json.loads(run("show", "lstm_peephole", "--json"))
    assert data["cell"] == "lstm_peephole"
    assert data["states"] == ["c", "y"]
    assert data["loss"] is None
    assert data["equations"][6] == {"number": 7, "target": "c", "text": "c[t] = z[t] ⊙ i[t] + c[t-1] ⊙ f[t]"}
    assert {"name": "p_in", "kind": "vector", "shape": ["hidden_size"]} in data["parameters"]
    assert {"name": "c", "first_hops": 5, "complete_routes": 22} in data["routes"]


def test_json_of_a_cell_holds_the_tapes() -> None:
    tapes = {tape["policy"]: tape for tape in json.loads(run("show", "gru_reset_after", "--json", "--ascii"))["tape"]}
    assert list(tapes) == ["auto", "all", "least"]
    assert "U_n @ h[t-1]" in tapes["all"]["saved"]
    least = {tape["policy"]: tape for tape in json.loads(run("show", "lstm", "--json"))["tape"]}["least"]
    assert least == {
        "policy": "least",
        "saved": ["x[t]", "i[t]", "f[t]", "g[t]", "o[t]", "c[t]", "h[t]"],
        "values": "6*hidden_size + input_size",
        "bytes_float32": "24*hidden_size + 4*input_size",
        "computed_again": ["tanh(c[t])"],
        "operations": "hidden_size",
    }


def test_json_of_a_variable() -> None:
    data = json.loads(run("show", "lstm_peephole", "c", "--json", "--ascii"))
    assert data["adjoint"] == "d_c[t]"
    assert data["complete_routes"] == 22
    assert data["derivatives"] == {"tanh'(c[t])": "1 - tanh(c[t])**2"}
    assert data["first_hops"][2] == {
        "number": 3,
        "source": "c[t]",
        "target": "c[t+1]",
        "occurrence": 1,
        "occurrences": 1,
        "crosses_step": True,
        "term": "f[t+1] * d_c[t+1]",
    }


def test_json_of_the_zoo() -> None:
    data = json.loads(run("list", "--json"))
    assert [cell["name"] for cell in data] == list(derive.names())
    assert {"name": "dense", "title": "Dense layer", "states": [], "outputs": ["h"]} in data


def test_path_shows_as_many_routes_as_are_counted() -> None:
    lines = run("path", "lstm_peephole", "c", "J", "--all").splitlines()
    assert lines[0].startswith("22 routes from c to J")
    assert len(lines) == 23
    assert all(re.fullmatch(r" +\d+  c\[t\] → .+ → J\[t(\+1)?\]   .+", line) for line in lines[1:])


def test_path_through_a_variable_keeps_the_routes_that_visit_it() -> None:
    every = json.loads(run("path", "lstm_peephole", "c", "J", "--json"))["routes"]
    through = json.loads(run("path", "lstm_peephole", "c", "J", "--through", "z", "--json"))
    expected = [route for route in every if "z[t+1]" in route["nodes"]]
    assert through["routes"] == expected
    assert through["total"] == len(expected)
    assert 0 < len(expected) < len(every)


def test_path_has_a_limit_and_says_how_many_more_there_are() -> None:
    lines = run("path", "lstm_peephole", "c", "J", "--limit", "3").splitlines()
    assert len(lines) == 5
    assert lines[-1].split() == ["19", "more:", "--all", "shows", "them,", "--limit", "N", "the", "first", "N"]
    assert "more" in run("path", "lstm_peephole", "x", "J").splitlines()[-1]


def test_a_negative_route_carries_its_sign() -> None:
    assert "z[t]#2 -> h[t]   -n[t] * d_h[t]" in run("show", "gru", "z", "--ascii")
    assert "- n[t] * d_h[t]" in run("show", "gru", "z", "--ascii")


def test_tex_of_the_forward_equations() -> None:
    lines = run("show", "rnn", "--tex").splitlines()
    assert lines[0] == r"\begin{align*}"
    assert lines[-1] == r"\end{align*}"
    assert sum("&=" in line for line in lines) == len(derive.load("rnn").equations.equations)


@pytest.mark.parametrize("cell", derive.names())
def test_routes_of_every_name_stay_within_80_columns(cell: str) -> None:
    loaded = derive.load(cell)
    text = {ascii_only: notation(ascii_only) for ascii_only in (False, True)}
    for name in loaded.equations.symbols:
        if loaded.equations.symbols[name].timeless:
            continue
        for signs in text.values():
            for line in path_lines(loaded, (name, "J", None), 40, signs, WIDTH):
                assert max(map(cell_len, line.plain.split("\n"))) <= WIDTH
        for line in show.variable_lines(loaded, name, text[False]):
            assert max(map(cell_len, line.plain.split("\n"))) <= WIDTH


def test_errors_are_purple_wherever_they_stand() -> None:
    loaded = derive.load("lstm_peephole")
    lines = [
        *show.variable_lines(loaded, "c", notation(False)),
        *path_lines(loaded, ("c", "c[t+1]", None), None, notation(False), WIDTH),
        *show.variable_lines(loaded, "R_z", notation(True)),
    ]
    found = [
        (part, any(span.style == "magenta" and span.start <= at < span.end for span in line.spans))
        for line in lines
        for part, at in ((match.group(), match.start()) for match in re.finditer(r"\bδ\w+|\bd_\w+\[", line.plain))
        if not line.plain.startswith(f"  {part}")
    ]
    assert len(found) == 21
    assert all(purple for _, purple in found), found


def test_the_numbers_of_the_documents_stand_beside_the_equations() -> None:
    cell = derive.load("lstm_peephole")
    for name, adjoint in cell.gradients.adjoints.items():
        output = run("show", "lstm_peephole", name)
        assert f"\n  their sum (B.{adjoint.number})\n" in output
        numbers = re.findall(r"forward \(F\.(\d+)\)", output)
        assert numbers == [str(item.number) for item in cell.equations.equations if item.target == name]


def test_tex_of_routes_holds_every_route_and_its_factors() -> None:
    lines = run("path", "lstm_peephole", "c", "c[t+1]", "--tex").splitlines()
    assert lines[0] == r"\begin{align*}"
    assert lines[-1] == r"\end{align*}"
    assert re.findall(r"\\tag\{(\d+)\}", "\n".join(lines)) == [str(number) for number in range(1, 10)]
    short = next(index for index, line in enumerate(lines) if r"\tag{3}" in line)
    assert lines[short] == r"  & \boldsymbol{c}^{(t)} \rightarrow \boldsymbol{c}^{(t+1)} \tag{3} \\"
    assert lines[short + 1] == (
        r"  & \qquad \boldsymbol{f}^{(t+1)} \odot \textcolor{violet}{\delta \boldsymbol{c}^{(t+1)}} \\"
    )
    # Through a matrix, what stands behind it is bracketed, and so is the product with it where a vector stands before.
    assert r"\odot (\boldsymbol{R}_{z}^{\top} (\tanh'(" in lines[short + 3]
    assert run("path", "rnn", "h", "J", "--tex", "--limit", "1").count(r"\tag") == 1
    assert RUNNER.invoke(app, ["path", "rnn", "h", "J", "--tex", "--json"]).exit_code == 2


def test_tex_of_a_route_agrees_with_its_text() -> None:
    for name in ("lstm_peephole", "gru", "gru_reset_after", "lstmp"):
        loaded = derive.load(name)
        text = RouteText(loaded.graph, notation(False))
        for state in loaded.equations.states:
            for route in itertools.islice(loaded.routes(state, to="J"), 40):
                negative, term = text.term(route)
                printed = route_term(loaded.graph, route)
                assert printed.negative is negative
                assert printed.latex.count(r"\odot") == term.count("⊙")
                assert len(re.findall(r"\\top", printed.latex)) == term.count("ᵀ")
