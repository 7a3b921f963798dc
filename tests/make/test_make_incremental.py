"""A run makes what is missing or changed, and nothing else."""

from __future__ import annotations

import threading

import pytest

from derive.generate import generate, pictures, stamps, tree

ALL = ["dense", "indrnn", "rnn"]


def make(root, cells=None):
    return generate(root, cells or tree.cells(root), jobs=1)


def written(root):
    return {path: path.read_bytes() for cell in tree.cells(root) for path in tree.outputs(root, cell).values()}


@pytest.fixture
def made(clone, checks):
    assert make(clone)
    assert checks.taken() == ALL
    return clone


def test_the_first_run_writes_five_files_a_cell_and_the_pictures(made):
    assert len(written(made)) == 15
    assert all(path.is_file() for path in (*written(made), *pictures.paths(made)))
    assert (made / "generated/cpu/rnn.py").read_text(encoding="utf-8").startswith('"""Simple recurrent network')


def test_the_second_run_does_nothing(made, checks, capsys):
    capsys.readouterr()
    times = {path: path.stat().st_mtime_ns for path in written(made)}
    assert make(made)
    assert checks.taken() == []
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert capsys.readouterr().out == "3 cells: 3 up to date, 0 made and checked; 0 files changed; all passed\n"


def test_a_changed_equation_makes_its_cell_alone(made, checks):
    before = written(made)
    path = made / "derive/cells/rnn.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("tanh(a)", "sigmoid(a)"), encoding="utf-8")
    assert make(made)
    assert checks.taken() == ["rnn"]
    after = written(made)
    assert {file.stem for file in before if before[file] != after[file]} == {"rnn"}


@pytest.mark.parametrize(
    "file", ["templates/module.py.j2", "derive/version.py", "derive/new/module.py", "generated/support/scalar.py"]
)
def test_a_changed_generator_makes_all_cells(made, checks, file):
    path = made / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n")
    assert make(made)
    assert checks.taken() == ALL


def test_another_version_of_a_package_makes_all_cells(made, checks, monkeypatch):
    version = stamps.version
    monkeypatch.setattr(stamps, "version", lambda name: "0.1" if name == "sympy" else version(name))
    assert make(made)
    assert checks.taken() == ALL


@pytest.mark.parametrize("target", ["cpu", "cuda", "reference", "tex"])
def test_a_generated_file_that_was_edited_or_removed_comes_back(made, checks, target):
    before = written(made)
    path = tree.outputs(made, "dense")[target]
    for spoil in (lambda: path.write_text("edited", encoding="utf-8"), path.unlink):
        spoil()
        assert make(made)
        assert checks.taken() == ["dense"]
        assert written(made) == before


def test_a_picture_that_was_edited_or_removed_comes_back_and_makes_no_cell(made, checks, capsys):
    path = pictures.paths(made)[0]
    before = path.read_bytes()
    for spoil in (lambda: path.write_text("edited", encoding="utf-8"), path.unlink):
        spoil()
        capsys.readouterr()
        assert make(made)
        assert checks.taken() == []
        assert path.read_bytes() == before
        assert "; 1 file changed; " in capsys.readouterr().out


def test_a_cell_that_fails_its_check_fails_again_until_it_passes(made, checks, capsys):
    path = made / "derive/cells/rnn.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    checks.failing = {"rnn"}
    for _ in range(2):
        assert not make(made)
        assert checks.taken() == ["rnn"]
    output = capsys.readouterr().out
    assert "route 3 of δh is missing" in output
    assert output.endswith("failed: rnn\n")
    checks.failing = set()
    assert make(made)
    assert checks.taken() == ["rnn"]


def test_a_mistake_in_one_cell_leaves_its_files_and_the_other_cells_alone(made, checks, capsys):
    before = written(made)
    path = made / "derive/cells/rnn.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("tanh(a)", "tanh(a"), encoding="utf-8")
    (made / "templates/module.py.j2").write_bytes(b"changed")
    assert not make(made)
    assert checks.taken() == ["dense", "indrnn"]
    assert "derive/cells/rnn.toml:6:" in capsys.readouterr().out
    assert written(made) == before


def test_a_cell_is_called_like_its_file(made, checks, capsys):
    (made / "derive/cells/rnn.toml").rename(made / "derive/cells/other.toml")
    assert not make(made)
    assert "derive/cells/other.toml holds a cell called `rnn`" in capsys.readouterr().out


def test_one_cell_can_be_made_alone(clone, checks):
    assert make(clone, ["rnn"])
    assert checks.taken() == ["rnn"]
    assert make(clone)
    assert checks.taken() == ["dense", "indrnn"]


def test_files_of_a_removed_cell_are_removed_and_no_others(made, checks):
    (made / "derive/cells/rnn.toml").unlink()
    mine = {made / f"generated/cpu/{name}": b'"""Mine."""\n' for name in ("mine.py", "__init__.py")}
    mine[made / "docs/cells/notes.tex"] = b"% mine\n"
    for path, content in mine.items():
        path.write_bytes(content)
    assert make(made)
    assert not list(made.rglob("rnn*"))
    assert {path: path.read_bytes() for path in mine} == mine


def test_of_two_runs_at_a_time_the_second_waits(clone, checks, capsys, monkeypatch):
    waits = threading.Event()
    monkeypatch.setattr("derive.generate.progress.say", lambda line: waits.set() if "waiting" in str(line) else None)
    second = threading.Thread(target=make, args=(clone,))
    with tree.lock(clone, pytest.fail):
        second.start()
        assert waits.wait(10)
        second.join(0.3)
        assert second.is_alive()
        assert checks.taken() == []
    second.join(30)
    assert checks.taken() == ALL
