"""`make check` and the options of the driver."""

from __future__ import annotations

import pytest

from derive.errors import DeriveError
from derive.generate import __main__ as driver
from derive.generate import generate, tree
from derive.generate.compare import differences


@pytest.fixture
def made(clone, checks, monkeypatch):
    assert generate(clone, tree.cells(clone), jobs=1)
    monkeypatch.setattr(driver, "repository", lambda: clone)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "DERIVE_CACHE"):
        monkeypatch.setenv(name, "1")
    return clone


def test_files_that_follow_from_the_equations_have_no_difference(made):
    assert list(differences(made, tree.cells(made))) == []


def test_an_edited_file_is_shown_as_a_unified_diff_and_left_alone(made):
    path = made / "generated/reference/rnn.py"
    edited = path.read_text(encoding="utf-8").replace("h = tanh(a)", "h = tanh(b)", 1)
    path.write_text(edited, encoding="utf-8")
    (diff,) = differences(made, tree.cells(made))
    lines = diff.splitlines()
    assert lines[0] == "--- generated/reference/rnn.py (as it is)"
    assert lines[1] == "+++ generated/reference/rnn.py (from the equations)"
    assert "-    h = tanh(b)" in lines
    assert "+    h = tanh(a)" in lines
    assert path.read_text(encoding="utf-8") == edited


def test_a_missing_file_and_one_that_nothing_writes_are_differences(made):
    (made / "docs/cells/rnn.tex").rename(made / "docs/cells/gone.tex")
    first, second = differences(made, tree.cells(made))
    assert first.startswith("--- /dev/null\n+++ docs/cells/rnn.tex")
    assert second.startswith("--- docs/cells/gone.tex\n+++ /dev/null")


def test_an_edited_picture_is_shown_and_left_alone(made):
    path = made / "docs/images/two_routes.svg"
    path.write_text(path.read_text(encoding="utf-8").replace("wire route", "wire"), encoding="utf-8")
    (diff,) = differences(made, tree.cells(made))
    assert diff.startswith("--- docs/images/two_routes.svg (as it is)")
    assert "wire route" not in path.read_text(encoding="utf-8")


def test_other_ends_of_lines_are_a_difference(made):
    path = made / "generated/cpu/rnn.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (diff,) = differences(made, tree.cells(made))
    assert "only the ends of lines differ" in diff


def test_the_driver_makes_and_compares(made, capsys):
    assert driver.main([]) == 0
    assert driver.main(["--check-only"]) == 0
    assert capsys.readouterr().out.endswith("the files of 3 cells are what their equations say\n")
    (made / "generated/cpu/rnn.py").write_text("edited\n", encoding="utf-8")
    assert driver.main(["--check-only", "--cells", "dense"]) == 0
    assert driver.main(["--check-only", "--cells", "rnn", "dense"]) == 1
    output = capsys.readouterr().out
    assert "\n-edited\n" in output
    assert output.endswith("1 of the files are not what the equations say; `make` writes them anew\n")
    assert driver.main(["--jobs", "1"]) == 0
    assert driver.main(["--check-only"]) == 0


def test_the_driver_fails_where_a_check_fails(made, checks):
    checks.failing = {"dense"}
    (made / "generated/cpu/dense.py").unlink()
    assert driver.main(["--jobs", "1"]) == 1


def test_an_unknown_cell_is_refused(made, capsys):
    assert driver.main(["--cells", "rnn", "lsmt"]) == 1
    assert capsys.readouterr().err == "error: there is no cell `lsmt`; cells are dense, indrnn, rnn\n"


def test_documents_are_compiled_into_the_build_folder(made, monkeypatch, capsys):
    monkeypatch.setattr("derive.tex.compile_tex", lambda path, out: out / f"{path.stem}.pdf")
    assert driver.main(["--latex", "--cells", "rnn", "dense"]) == 0
    assert capsys.readouterr().out == "build/latex/dense.pdf\nbuild/latex/rnn.pdf\n"


def test_an_interruption_is_not_a_traceback(made, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "generate", interrupted)
    assert driver.main([]) == 130
    assert capsys.readouterr().err.startswith("stopped; every file is whole")


def test_an_installed_package_cannot_be_regenerated(tmp_path, monkeypatch):
    monkeypatch.setattr("derive.__file__", str(tmp_path / "derive/__init__.py"))
    with pytest.raises(DeriveError, match="only a clone of the repository can be regenerated"):
        tree.repository()
