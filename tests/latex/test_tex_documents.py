"""Whole documents: what every one of them holds, and that TeX takes them."""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from derive.equations import load, names, parse
from derive.errors import DeriveError
from derive.gradients import Gradients, differentiate
from derive.graph import wire
from derive.printers.tex_document import tex_document
from derive.printers.tex_view import broken
from derive.tex import compile_tex

HAS_TEX = shutil.which("latexmk") is not None and shutil.which("pdflatex") is not None


@pytest.fixture(scope="module", params=names())
def written(request: pytest.FixtureRequest) -> tuple[Gradients, str]:
    """A cell of the zoo and its document."""
    gradients = differentiate(wire(load(request.param)))
    return gradients, tex_document(gradients)


def test_every_equation_has_its_number_in_order(written: tuple[Gradients, str]) -> None:
    gradients, text = written
    forward = [int(number) for number in re.findall(r"\\tag\{F\.(\d+)\}", text)]
    backward = [int(number) for number in re.findall(r"\\tag\{B\.(\d+)\}", text)]
    assert forward == list(range(1, len(gradients.graph.formulas) + 1))
    assert backward == list(range(1, len(gradients.adjoints) + 1))


def test_every_route_out_of_a_variable_is_braced(written: tuple[Gradients, str]) -> None:
    gradients, text = written
    passed_back = text.partition("route by route}")[2].partition("From errors to parameters")[0]
    expected = [len(item.hops) for item in (*gradients.variables, *gradients.inputs)]
    found = []
    for block in passed_back.split(r"\derivesubheading{")[1:]:
        braced = [int(number) for number in re.findall(r"\\text\{route (\d+)\}", block)]
        # What has one route needs no brace, and shares its heading with its neighbours.
        found += [braced] if braced else [[1]] * len(re.findall(r"\\tag\{B", block))
    assert found == [list(range(1, count + 1)) for count in expected]


def test_brackets_and_environments_are_balanced(written: tuple[Gradients, str]) -> None:
    _, text = written
    assert text.count(r"\left(") == text.count(r"\right)")
    assert text.count(r"\bigl(") == text.count(r"\bigr)")
    depth = 0
    for char in re.sub(r"\\[{}]", "", text):
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0
    begun, ended = (Counter(re.findall(rf"\\{word}\{{(\w+\*?)\}}", text)) for word in ("begin", "end"))
    assert begun == ended


def test_the_text_is_clean_and_the_same_each_time(written: tuple[Gradients, str]) -> None:
    gradients, text = written
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    assert "\n\n\n" not in text
    assert text.endswith("\\end{document}\n")
    again = differentiate(wire(load(gradients.graph.equations.name)))
    assert tex_document(again) == text


def test_every_term_keeps_its_sign() -> None:
    text = tex_document(differentiate(wire(load("antisymmetric_rnn"))))
    block = text.partition(r"Routes out of $\boldsymbol{h}^{(t)}$")[2].partition(r"\end{aligned}")[0]
    signs = [line.partition("&")[0].strip() for line in block.splitlines() if "underbrace" in line]
    assert signs[1:] == ["+ {}", "+ {}", "- {}", "- {}"]
    assert r"\quad {} -\underbrace{\mathstrut \sum_{t=1}^{T} \boldsymbol{h}^{(t-1)}" in text
    gates = tex_document(differentiate(wire(load("lem"))))
    assert r"\textcolor{violet}{\delta \boldsymbol{\Delta}_2^{(t)}} = {}- {}& \underbrace" in gates


def test_every_state_has_the_gradient_of_its_start(written: tuple[Gradients, str]) -> None:
    gradients, text = written
    starts = [int(number) for number in re.findall(r"\\tag\{B\.(\d+) at \$t = 0\$\}", text)]
    assert starts == [gradients.adjoints[name].number for name in gradients.graph.equations.states]
    assert ("The ends of the sequence" in text) == bool(starts)


def test_counts_and_shapes_stand_in_the_tables() -> None:
    text = tex_document(differentiate(wire(load("lstmp"))))
    assert r"$\boldsymbol{c}^{(t)}$ & state & $n_{\text{cell}}$ & 5 & " in text
    assert "$\\boldsymbol{W}_{\\mathrm{rm}}$\n  & $n_{\\text{hidden}} \\times n_{\\text{cell}}$ & 1 & " in text
    assert "$\\boldsymbol{b}_{f}$\n  & $n_{\\text{cell}}$ & 1 & $1$ \\\\" in text


def test_a_document_says_what_its_cell_needs_and_no_more() -> None:
    dense, readout = (tex_document(differentiate(wire(load(name)))) for name in ("dense", "rnn_readout"))
    assert "cross entropy" in readout
    assert "cross entropy" not in dense
    assert "comes from outside" in dense
    assert "comes from outside" not in readout
    assert "mean squared error" in tex_document(differentiate(wire(load("lstm_regression"))))
    assert "$[a > b]$" in tex_document(differentiate(wire(load("indrnn"))))
    assert "$[a > b]$" not in dense


def test_long_sums_are_broken_before_a_sign() -> None:
    assert broken(("a", "-b", "c"), 100) == ("a - b + c",)
    assert broken(("aaaa", "-bbbb", "cccc", "d"), 8) == ("aaaa", "-bbbb", "+ cccc + d")
    assert broken((r"\boldsymbol{a}", r"\boldsymbol{b}"), 4) == (r"\boldsymbol{a} + \boldsymbol{b}",)


@pytest.mark.skipif(not HAS_TEX, reason="latexmk or pdflatex is not installed")
def test_a_document_compiles_without_wide_lines(tmp_path: Path) -> None:
    path = tmp_path / "lstm_fgr.tex"
    path.write_text(tex_document(differentiate(wire(load("lstm_fgr")))))
    pdf = compile_tex(path, tmp_path / "build")
    assert pdf == tmp_path / "build" / "lstm_fgr.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-")
    log = (tmp_path / "build" / "lstm_fgr.log").read_text(errors="replace")
    assert "Overfull" not in log
    assert "Warning" not in log
    assert sorted(item.name for item in tmp_path.iterdir()) == ["build", "lstm_fgr.tex"]


@pytest.mark.skipif(not HAS_TEX, reason="latexmk or pdflatex is not installed")
def test_what_tex_objects_to_is_told(tmp_path: Path) -> None:
    path = tmp_path / "wrong.tex"
    path.write_text("\\documentclass{article}\n\\begin{document}\n\\unheard\n\\end{document}\n")
    with pytest.raises(DeriveError, match=r"cannot compile wrong\.tex: ! Undefined control sequence"):
        compile_tex(path, tmp_path / "build")


def test_where_tex_is_missing_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeriveError, match=r"apt-get install texlive-latex-base .* latexmk lmodern") as caught:
        compile_tex(tmp_path / "cell.tex", tmp_path / "build")
    assert "latexmk and pdflatex" in str(caught.value)
    assert not (tmp_path / "build").exists()


def test_what_is_made_of_parameters_stands_in_the_order_of_its_number() -> None:
    tables = "[parameters]\nbeta = 'scalar'\n[init]\nbeta = 1.0\n[initial]\nh = 0.5"
    equations = "w = exp(v)\nh = tanh(U @ x + w * h[t-1] - beta * x[t-1])"
    cell = f"name = 'cell'\ntitle = 'A & B'\nsource = 'none'\nequations = '''\n{equations}\n'''\n{tables}"
    text = tex_document(differentiate(wire(parse(cell))))
    assert re.findall(r"\\tag\{B\.(\d+)\}", text) == ["1", "2", "3", "4", "5", "6"]
    routes = re.search(r"The route out of \$\\boldsymbol\{w\}\$\.\}(.*?)\\tag\{B\.2\}", text, re.DOTALL)
    assert routes is not None
    assert r"\sum_{t=1}^{T} \tanh'(" in routes.group(1)
    assert r"\frac{\partial J}{\partial \boldsymbol{v}} &= \exp'(\boldsymbol{v}) \odot" in text
    assert "carries no $t$" in text
    assert "collects the terms of all units" in text
    assert r"& state, begins at 0.5, output &" in text
    assert r"$\boldsymbol{w}$ & made of parameters & $n_{\text{input}}$ & 1 & -- & \eqref{cell:F.1}, " in text
    assert r"\section*{A \& B}" in text
    assert r"$n_{\text{input}} = n_{\text{hidden}}$ are sizes" in text


def test_a_sum_longer_than_a_page_can_be_broken() -> None:
    gates = "\n".join(f"a_{n} = U_{n} @ h[t-1] + x" for n in range(1, 15))
    total = " + ".join(f"a_{n}" for n in range(1, 15))
    cell = f"name = 'wide'\ntitle = 'Wide'\nsource = 'none'\nequations = '''\n{gates}\nh = tanh({total})\n'''"
    gradients = differentiate(wire(parse(cell)))
    text = tex_document(gradients)
    block = text.partition(r"Routes out of $\boldsymbol{h}^{(t)}$")[2].partition(r"\derivesubheading")[0]
    assert r"\begin{align*}" in block
    assert r"\begin{aligned}" not in block
    assert re.findall(r"route (\d+)", block) == [str(number) for number in range(1, 16)]
    assert re.findall(r"\\tag\{B\.(\d+)\}", text) == [str(n) for n in range(1, len(gradients.adjoints) + 1)]
