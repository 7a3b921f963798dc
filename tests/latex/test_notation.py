"""What a name looks like."""

import pytest

from derive.equations import parse
from derive.equations.model import Kind
from derive.printers.notation import Notation, default, raised, size
from derive.printers.plain_tex import escape

CELL = """
name = "cell"
title = "Cell"
source = "none"
equations = '''
f_bar = W_in @ x + R @ f[t-1] + alpha * b_z
f = sigmoid(f_bar)
'''
[parameters]
alpha = "scalar"
[init]
alpha = 1.0
[latex]
R = 'R^{\\ast}'
"""


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("c", Kind.VECTOR, r"\boldsymbol{c}"),
        ("f_bar", Kind.VECTOR, r"\bar{\boldsymbol{f}}"),
        ("W_in", Kind.MATRIX, r"\boldsymbol{W}_{\mathrm{in}}"),
        ("b_z", Kind.VECTOR, r"\boldsymbol{b}_{z}"),
        ("W_1", Kind.MATRIX, r"\boldsymbol{W}_{1}"),
        ("h_1_bar", Kind.VECTOR, r"\bar{\boldsymbol{h}}_{1}"),
        ("W_in_2", Kind.MATRIX, r"\boldsymbol{W}_{\mathrm{in},2}"),
        ("alpha", Kind.SCALAR, r"\alpha"),
        ("beta_h", Kind.VECTOR, r"\boldsymbol{\beta}_{h}"),
        ("w_beta", Kind.VECTOR, r"\boldsymbol{w}_{\beta}"),
        ("lambda_", Kind.SCALAR, r"\lambda"),
        ("Delta", Kind.VECTOR, r"\boldsymbol{\Delta}"),
        ("gate", Kind.VECTOR, r"\boldsymbol{\mathit{gate}}"),
        ("dt", Kind.SCALAR, r"\mathit{dt}"),
        ("S", Kind.SCALAR, "S"),
        ("bar", Kind.SCALAR, r"\mathit{bar}"),
    ],
)
def test_the_notation_follows_from_name_and_kind(name: str, kind: Kind, expected: str) -> None:
    assert default(name, kind) == expected


def test_steps_stand_above_what_carries_one() -> None:
    notation = Notation(parse(CELL))
    assert notation.value("f_bar", 1) == r"\bar{\boldsymbol{f}}^{(t+1)}"
    assert notation.value("f", -1, transposed=True) == r"\boldsymbol{f}^{(t-1)\top}"
    assert notation.value("W_in", 1) == r"\boldsymbol{W}_{\mathrm{in}}"
    assert notation.value("W_in", 0, transposed=True) == r"\boldsymbol{W}_{\mathrm{in}}^{\top}"
    assert notation.adjoint("f", 1) == r"\textcolor{violet}{\delta \boldsymbol{f}^{(t+1)}}"
    assert notation.adjoint("b_z", 1) == r"\textcolor{violet}{\delta \boldsymbol{b}_{z}}"


def test_steps_count_from_an_origin() -> None:
    equations = parse(CELL)
    assert Notation(equations, 0).value("f", 0) == r"\boldsymbol{f}^{(0)}"
    assert Notation(equations, 0).value("f", 1) == r"\boldsymbol{f}^{(1)}"
    assert Notation(equations, "T").value("f", 1) == r"\boldsymbol{f}^{(T+1)}"


def test_the_cells_own_notation_comes_first_and_takes_one_more_superscript() -> None:
    notation = Notation(parse(CELL))
    assert notation.name("R") == r"R^{\ast}"
    assert notation.value("R", 0, transposed=True) == r"{R^{\ast}}^{\top}"
    assert raised("x'", "(t)") == "{x'}^{(t)}"


def test_sizes_have_upright_subscripts() -> None:
    assert size("hidden_size") == r"n_{\text{hidden}}"
    assert size("inner_state_size") == r"n_{\text{inner-state}}"


def test_a_title_may_hold_any_character() -> None:
    assert escape("A & B_1 {50%} #2 $x$ ~^\\") == (
        r"A \& B\_1 \{50\%\} \#2 \$x\$ \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert escape("é \u2013 \u03b1\t<") == "é \u2013 [greek small letter alpha] \\textless{}"
