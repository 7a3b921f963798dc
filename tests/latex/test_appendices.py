"""The LaTeX of a cell as a part of another document: that it needs what its head lists, and leaves nothing behind."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import derive
from derive.render import render
from derive.tex import compile_tex

HAS_TEX = shutil.which("latexmk") is not None and shutil.which("pdflatex") is not None
needs_tex = pytest.mark.skipif(not HAS_TEX, reason="latexmk or pdflatex is not installed")

FOREIGN = r"""\documentclass{article}
%(preamble)s
\begin{document}
\appendix
\section{The cells}
%(body)s
\end{document}
"""


def needed(text: str) -> list[str]:
    """The lines that the head of an appendix asks for: first what it needs, then what its figure needs."""
    head = text.partition("\\begingroup")[0]
    return re.findall(r"^%   (\\use.+)$", head, re.MULTILINE)


def compiled(folder: Path, preamble: str, body: str) -> tuple[str, str]:
    """The log and the auxiliary file of a foreign document."""
    (folder / "paper.tex").write_text(FOREIGN % {"preamble": preamble, "body": body}, encoding="utf-8")
    compile_tex(folder / "paper.tex", folder / "build")
    return tuple((folder / "build" / f"paper.{kind}").read_text(errors="replace") for kind in ("log", "aux"))


def pages(log: str) -> int:
    """How many pages TeX says that it has written."""
    return int(re.search(r"\((\d+) pages?,", log.replace("\n", "")).group(1))


@pytest.mark.parametrize("name", derive.names())
def test_an_appendix_is_the_body_of_the_document(name: str) -> None:
    cell = derive.load(name)
    document, appendix = render(cell, "tex"), render(cell, "appendix")
    body = appendix.partition("\\postdisplaypenalty=10000\n\n")[2].removesuffix("\\endgroup\n")
    without_guard = body.replace("\\ifcsname tikzpicture\\endcsname\n", "").replace("\n\\fi\n", "\n")
    assert without_guard in document
    assert r"\documentclass" not in appendix
    assert r"\usepackage" not in re.sub(r"^%.*$", "", appendix, flags=re.MULTILINE)


@needs_tex
def test_a_foreign_document_needs_the_listed_packages_alone(tmp_path: Path) -> None:
    text = render(derive.load("lstm_peephole"), "appendix")
    (tmp_path / "lstm_peephole.tex").write_text(text, encoding="utf-8")
    mathematics, *pictures = needed(text)
    assert mathematics == r"\usepackage{amsmath,booktabs,xcolor}"
    body = "\\input{lstm_peephole}\nThe state collects five routes, \\eqref{lstm_peephole:B.4}."
    log, aux = compiled(tmp_path, mathematics, body)
    assert "undefined" not in log
    assert r"\newlabel{lstm_peephole:B.4}{{{B.4}}" in aux
    assert "lstm_peephole:circuit" not in aux
    plain = pages(log)
    log, aux = compiled(
        tmp_path, "\n".join((mathematics, *pictures)), f"{body} See figure \\ref{{lstm_peephole:circuit}}."
    )
    assert "undefined" not in log
    assert r"\newlabel{lstm_peephole:circuit}{{1}" in aux
    assert pages(log) >= plain


@needs_tex
def test_the_document_chooses_the_headings(tmp_path: Path) -> None:
    text = render(derive.load("rnn"), "appendix")
    (tmp_path / "rnn.tex").write_text(text, encoding="utf-8")
    own = r"\newcommand{\deriveheading}{\subsection}\newcommand{\derivesubheading}{\subsubsection}"
    _, aux = compiled(tmp_path, "\n".join(needed(text)), f"{own}\n\\input{{rnn}}")
    assert r"{\numberline {A.2}Forward pass}" in aux
    _, aux = compiled(tmp_path, "\n".join(needed(text)), r"\input{rnn}")
    assert "Forward pass" not in aux


@needs_tex
def test_commands_and_colours_end_with_the_appendix(tmp_path: Path) -> None:
    text = render(derive.load("gru"), "appendix")
    (tmp_path / "gru.tex").write_text(text, encoding="utf-8")
    watched = r"""\definecolor{violet}{HTML}{010203}
\newcommand{\watch}[1]{\typeout{#1: \meaning\deriveheading; \meaning\derivesubheading; \meaning\arraystretch;
  \csname\string\color@violet\endcsname; \meaning\circuitink; \the\parindent; \the\parskip}}
\watch{before}
\input{gru}
\watch{behind}"""
    log, _ = compiled(tmp_path, "\n".join(needed(text)), watched)
    before, behind = (
        re.search(rf"^{word}: (.*?)pt[^\n]*\n", log, re.MULTILINE | re.DOTALL) for word in ("before", "behind")
    )
    assert before is not None
    assert before.group(1) == behind.group(1)


@needs_tex
def test_no_line_of_any_cell_is_too_wide(tmp_path: Path) -> None:
    preamble = "\\usepackage[margin=25mm]{geometry}\n\\usepackage{tikz}\n\\usetikzlibrary{arrows.meta}\n"
    for name in derive.names():
        text = render(derive.load(name), "appendix")
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    inputs = "\n\\clearpage\n".join(rf"\typeout{{<< {name} >>}}\input{{{name}}}" for name in derive.names())
    log, _ = compiled(tmp_path, preamble + needed(text)[0], inputs)
    assert [line for line in log.splitlines() if line.startswith(("Overfull", "<< "))] == [
        f"<< {name} >>" for name in derive.names()
    ]
    assert "multiply defined" not in log
