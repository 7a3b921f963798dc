"""The command line as a process: start-up, pipes, colours, mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("sympy", "numpy", "numba", "llvmlite", "networkx", "jinja2")
CELL = "equations = '''\nh = tanh(W @ h[t-1] + U @ x)\n'''\n"


def derive(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `derive` with these arguments, in a pipe."""
    known = {
        key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")
    }
    paths = {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "derive", *arguments],
        env=known | paths | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["--version"], ["show", "--help"]])
def test_start_up_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys, derive.cli\nsys.argv = ['derive', *{arguments!r}]\ntry:\n    derive.cli.main()\n"
    code += f"finally:\n    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert result.stderr.strip() == "[]"


def test_importing_derive_imports_nothing_heavy() -> None:
    code = f"import sys, derive\nderive.load('lstm')\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.strip() == "[]"


def test_a_pipe_gets_no_escape_codes() -> None:
    result = derive("show", "lstm", "c")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert "δc[t] =" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_unless_no_color_is_set(environment: dict[str, str], coloured: bool) -> None:
    output = in_terminal(["show", "lstm", "c"], environment)
    assert "δc[t]" in output
    assert ("\x1b[36m" in output) is coloured


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_gets_routes_within_80_columns() -> None:
    output = in_terminal(["path", "lstm_peephole", "c", "J"], {"NO_COLOR": "1"})
    lines = output.replace("\x1b[1m", "").replace("\x1b[90m", "").replace("\x1b[0m", "").splitlines()
    assert len(lines) > 44
    assert max(map(len, lines)) <= 80


def in_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """The output of `derive` where standard output is a terminal."""
    import pty

    leader, follower = pty.openpty()
    known = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "NO_COLOR", "CI")}
    paths = {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "derive", *arguments], stdout=follower, stderr=follower, env=known | paths | environment
    )
    os.close(follower)
    chunks = []
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(leader)
    assert process.wait() == 0
    return b"".join(chunks).decode("utf-8")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["show", "nix"], "there is no cell `nix`"),
        (["show", "lstm", "q"], "`q` is not a name of the cell lstm"),
        (["show", "lstm", "q", "--tex"], "`q` has no gradient in the cell lstm"),
        (["show", "lem", "dt"], "`dt` is a constant, 1.0"),
        (["show", "missing.toml"], "missing.toml cannot be read"),
        (["path", "lstm", "c", "q"], "`q` is not a name"),
        (["path", "lstm", "c[t-1]", "J"], "`c[t-1]` is no node of the window"),
        (["path", "lstm", "c[t+1]", "J"], "routes start at step t"),
        (["path", "lstm", "c", "c[t]"], "a route from c[t] to itself"),
        (["path", "lstm", "W_i", "J"], "`W_i` carries no step"),
        (["path", "lstm", "c", "J", "--through", "h[t+1]"], "write a name such as `c`"),
        (["build", "lstm", "--target", "cobol"], "there is no target `cobol`"),
        (["new", "cell.txt"], "a cell file ends in .toml"),
        (["new", "class.toml"], "`class` is a keyword"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(arguments: list[str], part: str) -> None:
    result = derive(*arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_a_mistake_in_a_file_is_shown_in_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cell.toml"
    path.write_text("equations = '''\nh = tanh(W @ h[t-1] + k[t-1])\n'''\n", encoding="utf-8")
    result = derive("show", str(path))
    assert result.returncode == 1
    assert f"{path}:2:" in result.stderr
    assert "  h = tanh(W @ h[t-1] + k[t-1])\n" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["show"],
        ["show", "lstm", "--colour"],
        ["path", "lstm", "c"],
        ["build"],
        ["show", "lstm", "--tex", "--json"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    result = derive(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_signs_give_way_to_ascii_where_standard_output_cannot_hold_them() -> None:
    result = derive("show", "lstm", "c", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert result.stdout.isascii()
    assert "d_c[t] = " in result.stdout


def test_a_reader_who_leaves_early_sees_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "derive", "path", "lstm_fgr", "x", "J", "--all"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


def test_version() -> None:
    import derive as package

    assert derive("--version").stdout == f"derive {package.__version__}\n"
