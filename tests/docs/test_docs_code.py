"""Every block of Python in the pages runs, and prints what the page says; every command prints what stands below it."""

import shlex

import pytest
from typer.testing import CliRunner

from derive.cli import app
from tests.docs.pages import PAGES, ROOT, blocks, commands

WITH_CODE = [name for name in PAGES if blocks(name, "python")]
WITH_OUTPUT = [(name, command, output) for name in PAGES for command, output in commands(name) if output]


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_code_of_a_page_runs_and_prints_what_stands_below_it(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for block in blocks(name, "python"):
        source = "\n" * (block.line - 1) + block.text
        exec(compile(source, str(ROOT / name), "exec"), names)
        printed = capsys.readouterr().out
        assert printed == (block.output or ""), f"{name}:{block.line}"


def test_the_pages_that_explain_hold_code_that_runs():
    assert {"README.md", "docs/guide.md", "docs/kernels.md"} <= set(WITH_CODE)
    assert len(blocks("docs/guide.md", "python")) >= 5


@pytest.mark.parametrize(("name", "command", "output"), WITH_OUTPUT)
def test_a_command_prints_what_stands_below_it(name, command, output, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    program, *arguments = shlex.split(command)
    assert program == "derive"
    result = CliRunner().invoke(app, arguments)
    assert result.output.strip("\n") == output
