"""Files that the command line writes: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

import derive
from derive import files
from derive.cli import app

RUNNER = CliRunner()


def test_write_whole_says_whether_the_file_changed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file.txt"
    assert files.write_whole(path, "δ\n")
    assert path.read_bytes() == "δ\n".encode()
    os.utime(path, (1, 1))
    assert not files.write_whole(path, "δ\n")
    assert path.stat().st_mtime == 1
    assert files.write_whole(path, "other\n")
    assert path.read_text(encoding="utf-8") == "other\n"
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]


def test_an_interruption_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    files.write_whole(path, "old\n")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_whole(path, "new\n")
    assert path.read_text(encoding="utf-8") == "old\n"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("", encoding="utf-8")
    files.write_whole(tmp_path / "whole.txt", "text")
    assert (tmp_path / "whole.txt").stat().st_mode == plain.stat().st_mode
    plain.chmod(0o640)
    files.write_whole(plain, "text")
    assert plain.stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_written_is_a_mistake_of_the_reader(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(derive.DeriveError, match="cannot be written"):
        files.write_whole(tmp_path / "file" / "below.txt", "text")


def test_new_writes_a_cell_that_loads_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "my_cell.toml"
    assert RUNNER.invoke(app, ["new", str(path)]).exit_code == 0
    cell = derive.load(path)
    assert cell.name == "my_cell"
    assert cell.equations.states == ("h",)
    path.write_text("mine", encoding="utf-8")
    result = RUNNER.invoke(app, ["new", str(path)])
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert path.read_text(encoding="utf-8") == "mine"


def test_every_suggestion_of_the_skeleton_is_right(tmp_path: Path) -> None:
    path = tmp_path / "my_cell.toml"
    RUNNER.invoke(app, ["new", str(path)])
    text = path.read_text(encoding="utf-8")
    for line in (
        '# outputs = ["h", "a"]',
        "# [latex]",
        "# a = '",
        "# [initial]",
        "# h = 1.0",
        '# U = "glorot"',
        "# b = 1.0",
    ):
        assert line in text
        text = text.replace(line, line.removeprefix("# "))
    equations = derive.parse(text).equations
    assert equations.outputs == ("h", "a")
    assert equations.initial == {"h": 1.0}
    assert equations.latex == {"a": r"\boldsymbol{a}"}


def test_build_writes_one_target_here_and_all_targets_into_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert RUNNER.invoke(app, ["build", "rnn"]).stdout == "rnn.py: written\n"
    assert RUNNER.invoke(app, ["build", "rnn"]).stdout == "rnn.py: is up to date\n"
    result = RUNNER.invoke(app, ["build", "rnn", "dense", "--target", "all", "--out", "made"])
    assert result.exit_code == 0
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    folders = [f"made/{folder}/{cell}" for folder in ("cpu", "cuda", "reference") for cell in ("dense", "rnn")]
    documents = [[f"made/{folder}/{cell}.tex" for cell in ("dense", "rnn")] for folder in ("appendix", "tex")]
    assert written == [*documents[0], *(f"{path}.py" for path in folders), *documents[1], "rnn.py"]
    assert (tmp_path / "rnn.py").read_bytes() == (tmp_path / "made/cpu/rnn.py").read_bytes()


def test_build_writes_the_kernel_of_a_tape(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)]
    assert RUNNER.invoke(app, ["build", "lstm", *out]).exit_code == 0
    whole = (tmp_path / "lstm.py").read_text(encoding="utf-8")
    assert RUNNER.invoke(app, ["build", "lstm", "--tape", "least", *out]).exit_code == 0
    least = (tmp_path / "lstm.py").read_text(encoding="utf-8")
    assert "kept_function_1: np.ndarray" in whole
    assert "kept_function_1" not in least
    assert RUNNER.invoke(app, ["build", "lstm", "--target", "all", "--tape", "least", *out]).exit_code == 0
    assert (tmp_path / "cpu" / "lstm.py").read_text(encoding="utf-8") == least


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tape", "few"], "no tape 'few'; the tapes are auto, all, least"),
        (["--tape", "few", "--target", "all"], "no tape 'few'"),
        (["--tape", "least", "--target", "reference"], "the target 'reference' has no tape 'least'"),
        (["--tape", "least", "--target", "tex"], "the target 'tex' has no tape 'least'"),
    ],
)
def test_build_refuses_a_tape_that_there_is_not(tmp_path: Path, options: list[str], message: str) -> None:
    result = RUNNER.invoke(app, ["build", "lstm", *options, "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_build_refuses_two_cells_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "rnn.toml").write_text("equations = '''\nh = tanh(W @ h[t-1] + U @ x)\n'''\n", encoding="utf-8")
    result = RUNNER.invoke(app, ["build", "rnn", str(tmp_path / "rnn.toml"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "both called `rnn`" in result.stderr
    assert not (tmp_path / "out").exists()
