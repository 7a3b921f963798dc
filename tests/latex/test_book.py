"""The book: that it holds every cell once, in families, and that TeX sets it without a line that is too wide."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

import derive
from derive.book.section import Section, section
from derive.book.volume import functions, volume
from derive.errors import DeriveError
from derive.families import FAMILIES, families
from derive.rules import RULES
from derive.tex import compile_tex

HAS_TEX = shutil.which("latexmk") is not None and shutil.which("pdflatex") is not None
CELLS = ("dense", "gru", "lstm_peephole", "rnn_readout")


def made(name: str) -> Section:
    """The section of a cell of the zoo."""
    cell = derive.load(name)
    return section(cell.gradients, cell.circuit)


@pytest.fixture(scope="module")
def sections() -> tuple[Section, ...]:
    """Sections of four cells, in the order of their names."""
    return tuple(made(name) for name in CELLS)


@pytest.fixture(scope="module")
def book(sections: tuple[Section, ...]) -> str:
    """A book of four cells."""
    return volume(sections)


def test_every_cell_of_the_zoo_has_one_family() -> None:
    placed = Counter(name for family in FAMILIES for name in family.cells)
    assert placed == Counter(derive.names())
    assert [family.title for family in families(derive.names())] == [family.title for family in FAMILIES]


def test_a_cell_without_a_family_comes_last() -> None:
    found = families(("brand_new", "gru", "rnn"))
    assert [family.cells for family in found] == [("rnn",), ("gru",), ("brand_new",)]


def test_chapters_hold_the_cells_of_their_families(book: str) -> None:
    headings = re.findall(r"^\\(chapter|section)\{(.+?)\}(?:\\label\{(\w+)\})?$", book, re.MULTILINE)
    chapters = [title for kind, title, _ in headings if kind == "chapter"]
    assert chapters[0] == "How to read the equations"
    assert chapters[1:] == ["Simple networks", "LSTM", "GRU and its relatives", "Readouts and losses"]
    assert [label for _, _, label in headings if label in CELLS] == ["dense", "lstm_peephole", "gru", "rnn_readout"]


def test_labels_are_unique_and_every_reference_has_one(book: str) -> None:
    labels = Counter(re.findall(r"\\label\{(.+?)\}", book))
    assert [label for label, count in labels.items() if count > 1] == []
    assert set(re.findall(r"\\(?:eq)?ref\{(.+?)\}", book)) - set(labels) == set()
    for name in CELLS:
        cell = derive.load(name)
        expected = {f"{name}:F.{n}" for n in range(1, len(cell.graph.formulas) + 1)}
        expected |= {f"{name}:B.{n}" for n in range(1, len(cell.gradients.adjoints) + 1)}
        assert {label for label in labels if re.fullmatch(rf"{name}:[FB]\.\d+", label)} == expected


def test_the_order_in_which_sections_come_does_not_matter(sections: tuple[Section, ...], book: str) -> None:
    assert volume(tuple(reversed(sections))) == book
    assert made("gru") == sections[CELLS.index("gru")]


def test_every_first_hop_of_every_state_has_its_cost(sections: tuple[Section, ...]) -> None:
    for item in sections:
        gradients = derive.load(item.cell.label).gradients
        hops = sum(len(gradients.adjoints[name].hops) for name in gradients.graph.equations.states)
        assert item.text.count(r"\costbar{") == hops
        assert ("What a forgotten route costs" in item.text) == bool(hops)


def test_both_layouts_and_the_curves_of_every_state_are_shown(sections: tuple[Section, ...]) -> None:
    gru = sections[CELLS.index("gru")].text
    assert gru.count(r"\tag*{denominator layout}") == gru.count(r"\tag*{numerator layout}") == 1
    peephole = sections[CELLS.index("lstm_peephole")].text
    assert peephole.count(r"\begin{travelaxis}") == 2
    assert peephole.count(r"\addplot[travelloop]") == 1
    assert r"\addplot" not in sections[CELLS.index("dense")].text


def test_the_charts_of_a_section(sections: tuple[Section, ...]) -> None:
    for item in sections:
        name = item.cell.label
        parameters = item.text.partition(r"\deriveheading{From errors to parameters}")[2]
        assert parameters.count(rf"\label{{{name}:network}}") == 1
        assert (rf"\label{{{name}:memory}}" in item.text) == (name in ("gru", "lstm_peephole"))
        assert item.text.count(r"\resizebox{\linewidth}") >= 1


def test_the_sum_read_aloud_is_that_of_its_section(book: str) -> None:
    example = book.partition("One sum, read aloud")[2].partition(r"\section")[0]
    terms = re.findall(r"\\underbrace\{.*", example)
    assert len(terms) == 5
    assert all(book.count(line.removesuffix(r" \\")) >= 2 for line in terms)


def test_the_table_of_functions_is_the_rule_table() -> None:
    callable_ = [rule for rule in RULES.values() if len(rule.arguments) == 1 and not rule.internal]
    rows = functions()
    assert len(rows) == len(callable_)
    assert rows[0].slope == r"\tanh'(\boldsymbol{x}^{(t)}) = 1 - (\boldsymbol{y}^{(t)})^{2}"


def test_the_index_names_the_sections_of_a_symbol(book: str) -> None:
    index = book.partition(r"\begin{theindex}")[2]
    assert re.findall(r"\\textbf\{(\w+)\}", index) == ["Inputs", "States", "Variables", "Parameters"]
    index = index.partition(r"\textbf{States}")[2]
    entries = re.search(r"\$\\boldsymbol\{h\}\$\\quad(.*)", index)
    assert re.findall(r"\\ref\{(\w+)\}", entries.group(1)) == ["gru", "rnn_readout"]


@pytest.mark.skipif(not HAS_TEX, reason="latexmk or pdflatex is not installed")
def test_the_book_compiles_without_wide_lines_and_with_destinations(book: str, tmp_path: Path) -> None:
    (tmp_path / "book.tex").write_text(book, encoding="utf-8")
    try:
        pdf = compile_tex(tmp_path / "book.tex", tmp_path / "build")
    except DeriveError as error:
        pytest.fail(str(error))
    log = (tmp_path / "build" / "book.log").read_text(errors="replace")
    assert [line for line in log.splitlines() if line.startswith("Overfull")] == []
    assert "undefined" not in log
    assert "multiply" not in log
    assert pdf.read_bytes().startswith(b"%PDF-")
