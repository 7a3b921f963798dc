"""MathML: every formula of every document, the letters, and what is refused."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

import derive
from derive.equations import latex as allowed
from derive.errors import DeriveError
from derive.graph import LOSS
from derive.printers.latex_equations import forward_equation
from derive.printers.latex_routes import immediate_partial, passages, weights
from derive.printers.mathml import fragment, mathml
from derive.printers.tex_view import view

ZOO = sorted(path.stem for path in (Path(derive.__file__).parent / "cells").glob("*.toml"))
PROSE = ("title", "name", "source", "loss")


def formulas(item: object) -> Iterator[str]:
    """Every formula of a view: whole texts, and what stands between dollar signs in others."""
    if dataclasses.is_dataclass(item):
        for field in dataclasses.fields(item):
            if field.name not in PROSE or not isinstance(getattr(item, field.name), str):
                yield from formulas(getattr(item, field.name))
    elif isinstance(item, tuple):
        for one in item:
            yield from formulas(one)
    elif isinstance(item, str):
        yield from item.split("$")[1::2] if "$" in item else ()


def test_prose_is_what_is_left_out() -> None:
    assert {"title", "name", "source"} <= {
        field.name for field in dataclasses.fields(view(derive.load("lstm").gradients))
    }


@pytest.mark.parametrize("name", ZOO)
def test_every_formula_of_the_zoo_translates(name: str) -> None:
    cell = derive.load(name)
    document, graph = view(cell.gradients), cell.graph
    found = [text for row in (*document.variables, *document.parameters) for text in (row.symbol, row.shape)]
    found += [line for item in document.forward for line in (item.left, *item.lines)]
    for block in (*document.backward, *document.sums):
        found += [block.name, block.left, *block.slopes]
        found += [rf"\underbrace{{\mathstrut {term.latex}}}_{{\text{{route {term.route}}}}}" for term in block.terms]
    found += [line for start in document.starts for line in (start.left, *start.lines)]
    found += [forward_equation(graph, formula) for formula in graph.formulas]
    for edge in graph.edges:
        if edge.target != LOSS and not cell.equations.symbols[edge.source].timeless:
            found += [item.latex for step in (0, 1) for item in passages(graph, edge, step)]
            found += [immediate_partial(graph, edge), *weights(graph, edge)]
    found += list(formulas(document))
    assert len(found) > 20
    for latex in found:
        for markup in (mathml(latex), mathml(latex, display=True), fragment(latex)):
            ET.fromstring(markup)


@pytest.mark.parametrize(
    ("latex", "letters"),
    [
        (r"\boldsymbol{c}", "\U0001d484"),
        (r"\boldsymbol{h}", "\U0001d489"),
        (r"\boldsymbol{W}", "\U0001d47e"),
        (r"\boldsymbol{\tau}", "\U0001d749"),
        (r"\boldsymbol{\Delta}", "\U0001d6ab"),
        (r"\boldsymbol{0}", "\U0001d7ce"),
        (r"\boldsymbol{\mathit{gate}}", "\U0001d488\U0001d482\U0001d495\U0001d486"),
        (r"\mathbf{x}", "\U0001d431"),
        (r"\mathcal{B}", "\u212c"),
        (r"\mathbb{R}", "\u211d"),
        (r"\mathfrak{g}", "\U0001d524"),
        (r"\epsilon", "\U0001d716"),
        (r"\varepsilon", "\U0001d700"),
        (r"\varphi", "\U0001d711"),
        (r"\lambda", "\U0001d706"),
        (r"\mathit{h}", "\u210e"),
        ("J", "J"),
    ],
)
def test_letters(latex: str, letters: str) -> None:
    assert "".join(ET.fromstring(mathml(latex)).itertext()) == letters


@pytest.mark.parametrize(
    ("latex", "markup"),
    [
        (r"\bar{\boldsymbol{f}}", '<mover accent="true"><mi>\U0001d487</mi><mo stretchy="true">\u203e</mo></mover>'),
        (r"\textcolor{violet}{\delta c}", '<mrow class="adjoint"><mi>\U0001d6ff</mi><mi>c</mi></mrow>'),
        (r"\mathrm{in}", "<mi>in</mi>"),
        (r"\mathrm{z}", '<mi mathvariant="normal">z</mi>'),
        (r"\Delta", '<mi mathvariant="normal">\u0394</mi>'),
        (r"\operatorname{hard-tanh}", "<mi>hard-tanh</mi>"),
        (r"a_{1}^{2}", "<msubsup><mi>a</mi><mn>1</mn><mn>2</mn></msubsup>"),
        (r"\sum_{t=1}^{T} a", "<munderover><mo>\u2211</mo>"),
        (r"\textstyle\sum_{k} a", '<mstyle displaystyle="false"><munder>'),
        (r"\frac{a}{b}", "<mfrac><mi>a</mi><mi>b</mi></mfrac>"),
        (r"\tfrac{1}{3}", '<mstyle displaystyle="false"><mfrac><mn>1</mn><mn>3</mn></mfrac></mstyle>'),
        (r"\partial^{+} u", "<msup><mi>\u2202</mi><mo>+</mo></msup><mi>u</mi>"),
        (r"\boldsymbol{R}^{\top}", '<mi mathvariant="normal">\u22a4</mi></msup>'),
        (r"\tanh'(c)", "<msup><mi>tanh</mi><mo>\u2032</mo></msup><mo>\u2061</mo>"),
        (r"\tanh'^{2}(c)", "<mn>2</mn></mrow></msup><mo>\u2061</mo>"),
        (
            r"\underbrace{a}_{\text{route 1}}",
            "<munder><munder><mi>a</mi><mo>\u23df</mo></munder><mtext>route 1</mtext>",
        ),
        (r"[a > b]", "<mo>&gt;</mo>"),
        (r"a - 0.5", "<mo>\u2212</mo><mn>0.5</mn>"),
        (r"\left(\frac{a}{b}\right)^{2}", "<msup><mrow><mo>(</mo><mfrac>"),
        (r"\bigl(a\bigr)", 'minsize="1.2em"'),
        (r"{}_k", "<msub><mrow></mrow><mi>k</mi></msub>"),
    ],
)
def test_constructions(latex: str, markup: str) -> None:
    ET.fromstring(mathml(latex))
    assert markup in mathml(latex)


def test_a_formula_for_display() -> None:
    assert mathml("a", display=True) == '<math display="block"><mi>a</mi></math>'
    assert mathml("a") == "<math><mi>a</mi></math>"
    assert fragment("a b") == "<mrow><mi>a</mi><mi>b</mi></mrow>"


@pytest.mark.parametrize(
    ("latex", "named"),
    [
        (r"\oint x", r"\oint"),
        (r"a^{2}^{3}", "^"),
        (r"a_1_2", "_"),
        (r"{a", "ends too early"),
        (r"a}", "}"),
        (r"\frac{a}", "ends too early"),
        (r"\textcolor{red}{a}", "red"),
        (r"\left(a", "ends too early"),
        (r"\bigl\{a", r"\{"),
        (r"a & b", "&"),
        ("\u00e9", "\u00e9"),
    ],
)
def test_what_no_printer_writes_is_refused_by_name(latex: str, named: str) -> None:
    with pytest.raises(DeriveError) as caught:
        mathml(latex)
    assert named in str(caught.value)
    assert latex in str(caught.value)


@pytest.mark.parametrize("word", sorted(allowed._WORDS))
def test_every_command_of_a_cells_own_notation_translates(word: str) -> None:
    arguments = rf"\{word}{{x}}" if word in (*allowed._FONTS.split(), *allowed._MARKS.split()[:15]) else rf"\{word}"
    latex = rf"{arguments}_1^{{\prime}} + {arguments}'"
    assert not allowed.latex_objection(latex)
    ET.fromstring(mathml(latex))
