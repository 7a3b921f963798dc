"""The equations of cells in LaTeX, term by term."""

import re

import pytest

from derive.equations import load, parse
from derive.gradients import Gradients, differentiate
from derive.graph import wire
from derive.printers.latex_equations import adjoint_equation, constant, forward_equation, slopes, term, total

PEEPHOLE = differentiate(wire(load("lstm_peephole")))


def plain(latex: str) -> str:
    """Formulas without fonts and colour, which would hide what they say."""
    latex = re.sub(r"\\(?:boldsymbol|mathrm)\{((?:\\?[A-Za-z]+))\}", r"\1", latex)
    return re.sub(r"\\textcolor\{violet\}\{(\\delta (?:[^{}]|\{[^{}]*\})*)\}", r"\1", latex).replace(r"\delta ", "d.")


def terms(gradients: Gradients, name: str, primed: bool = True) -> list[str]:
    """The terms of an adjoint equation, plain."""
    return [plain(item.signed) for item in adjoint_equation(gradients, gradients.adjoints[name], primed)]


def forward(gradients: Gradients) -> list[str]:
    """The equations of the cell, plain."""
    return [plain(forward_equation(gradients.graph, formula)) for formula in gradients.graph.formulas]


def cell(equations: str, tables: str = "") -> Gradients:
    """The gradients of a cell that is written here."""
    text = f"name = 'cell'\ntitle = 'Cell'\nsource = 'none'\nequations = '''\n{equations}\n'''\n{tables}"
    return differentiate(wire(parse(text)))


def test_one_equation_is_printed_as_published() -> None:
    assert forward_equation(PEEPHOLE.graph, PEEPHOLE.graph.formulas[1]) == (
        r"\bar{\boldsymbol{i}}^{(t)} = \boldsymbol{W}_{\mathrm{in}} \boldsymbol{x}^{(t)}"
        r" + \boldsymbol{R}_{\mathrm{in}} \boldsymbol{y}^{(t-1)}"
        r" + \boldsymbol{p}_{\mathrm{in}} \odot \boldsymbol{c}^{(t-1)} + \boldsymbol{b}_{\mathrm{in}}"
    )


def test_the_routes_out_of_the_memory_cell() -> None:
    first = adjoint_equation(PEEPHOLE, PEEPHOLE.adjoints["c"])[0]
    assert first.latex == (
        r"\boldsymbol{o}^{(t)} \odot \tanh'(\boldsymbol{c}^{(t)}) \odot"
        r" \textcolor{violet}{\delta \boldsymbol{y}^{(t)}}"
    )
    assert PEEPHOLE.adjoints["c"].number == 4
    assert terms(PEEPHOLE, "c") == [
        r"o^{(t)} \odot \tanh'(c^{(t)}) \odot d.y^{(t)}",
        r"p_{out} \odot d.\bar{o}^{(t)}",
        r"f^{(t+1)} \odot d.c^{(t+1)}",
        r"p_{in} \odot d.\bar{i}^{(t+1)}",
        r"p_{for} \odot d.\bar{f}^{(t+1)}",
    ]


def test_the_other_equations_of_the_peephole_lstm() -> None:
    assert terms(PEEPHOLE, "y") == [
        r"\frac{\partial J^{(t)}}{\partial y^{(t)}}",
        r"R_{z}^{\top} d.\bar{z}^{(t+1)}",
        r"R_{in}^{\top} d.\bar{i}^{(t+1)}",
        r"R_{for}^{\top} d.\bar{f}^{(t+1)}",
        r"R_{out}^{\top} d.\bar{o}^{(t+1)}",
    ]
    assert terms(PEEPHOLE, "f") == [r"c^{(t-1)} \odot d.c^{(t)}"]
    assert terms(PEEPHOLE, "f_bar") == [r"\sigma'(\bar{f}^{(t)}) \odot d.f^{(t)}"]
    assert terms(PEEPHOLE, "f_bar", primed=False) == [r"f^{(t)} \odot (1 - f^{(t)}) \odot d.f^{(t)}"]
    assert terms(PEEPHOLE, "W_in") == [r"d.\bar{i}^{(t)} x^{(t)\top}"]
    assert terms(PEEPHOLE, "R_in") == [r"d.\bar{i}^{(t)} y^{(t-1)\top}"]
    assert terms(PEEPHOLE, "p_in") == [r"c^{(t-1)} \odot d.\bar{i}^{(t)}"]
    assert terms(PEEPHOLE, "p_out") == [r"c^{(t)} \odot d.\bar{o}^{(t)}"]
    assert terms(PEEPHOLE, "b_in") == [r"d.\bar{i}^{(t)}"]


def test_slopes_are_written_in_forward_values() -> None:
    graph = PEEPHOLE.graph
    written = {name: [plain(item) for item in slopes(graph, graph.edges_from(name)[0])] for name in ("z_bar", "c", "f")}
    assert written == {
        "z_bar": [r"\tanh'(\bar{z}^{(t)}) = 1 - (z^{(t)})^{2}"],
        "c": [r"\tanh'(c^{(t)}) = 1 - \tanh^{2}(c^{(t)})"],
        "f": [],
    }


def test_an_initial_state_counts_its_steps_from_zero() -> None:
    hops = PEEPHOLE.adjoints["c"].across
    assert [plain(term(PEEPHOLE.graph, hop, origin=0)) for hop in hops] == [
        r"f^{(1)} \odot d.c^{(1)}",
        r"p_{in} \odot d.\bar{i}^{(1)}",
        r"p_{for} \odot d.\bar{f}^{(1)}",
    ]


def test_products_of_expressions_keep_their_brackets() -> None:
    before = differentiate(wire(load("gru")))
    assert forward(before)[4] == r"\bar{n}^{(t)} = W_{n} x^{(t)} + U_{n} (r^{(t)} \odot h^{(t-1)}) + b_{n}"
    assert terms(before, "h")[4] == r"r^{(t+1)} \odot (U_{n}^{\top} d.\bar{n}^{(t+1)})"
    assert terms(before, "U_n") == [r"d.\bar{n}^{(t)} (r^{(t)} \odot h^{(t-1)})^{\top}"]
    after = differentiate(wire(load("gru_reset_after")))
    assert terms(after, "h")[4] == r"U_{n}^{\top} (r^{(t+1)} \odot d.\bar{n}^{(t+1)})"
    assert terms(after, "U_n") == [r"(r^{(t)} \odot d.\bar{n}^{(t)}) h^{(t-1)\top}"]


def test_a_transposed_matrix_and_the_signs_of_its_routes() -> None:
    gradients = differentiate(wire(load("antisymmetric_rnn")))
    assert forward(gradients) == [
        r"a^{(t)} = U h^{(t-1)} - U^{\top} h^{(t-1)} - \gamma\,h^{(t-1)} + V x^{(t)} + b",
        r"h^{(t)} = h^{(t-1)} + \epsilon\,\tanh(a^{(t)})",
    ]
    assert terms(gradients, "h")[1:] == [
        "d.h^{(t+1)}",
        r"U^{\top} d.a^{(t+1)}",
        "-U d.a^{(t+1)}",
        r"-\gamma\,d.a^{(t+1)}",
    ]
    assert terms(gradients, "U") == [r"d.a^{(t)} h^{(t-1)\top}", r"-h^{(t-1)} d.a^{(t)\top}"]
    assert [constant(gradients.graph, name) for name in ("epsilon", "gamma")] == [r"\epsilon = 0.1", r"\gamma = 0.01"]


def test_the_notation_of_the_cell_file_is_used_everywhere() -> None:
    gradients = differentiate(wire(load("lem")))
    assert forward(gradients)[2] == r"\Delta_1^{(t)} = \Delta t\,\sigma(\bar{\Delta}_1^{(t)})"
    adjoints = adjoint_equation(gradients, gradients.adjoints["Delta_1_bar"])
    assert [item.latex for item in adjoints] == [
        r"\Delta t\,\sigma'(\bar{\boldsymbol{\Delta}}_1^{(t)}) \odot"
        r" \textcolor{violet}{\delta \boldsymbol{\Delta}_1^{(t)}}"
    ]


def test_the_losses_explain_where_the_error_comes_from() -> None:
    assert terms(differentiate(wire(load("rnn_readout"))), "o") == [
        r"\omega^{(t)}\bigl(\operatorname{softmax}(o^{(t)}) - \tau^{(t)}\bigr)"
    ]
    assert terms(differentiate(wire(load("lstm_regression"))), "y") == [
        r"\frac{2\,\omega^{(t)}}{n_{\text{output}}}\bigl(y^{(t)} - \tau^{(t)}\bigr)"
    ]


def test_scalars_collect_all_units_and_timeless_variables_carry_no_step() -> None:
    tables = "[parameters]\nbeta = 'scalar'\n[init]\nbeta = 1.0"
    gradients = cell("w = exp(v)\nh = tanh(U @ x + w * h[t-1] - beta * h[t-1])", tables)
    assert forward(gradients)[0] == r"w = \exp(v)"
    assert terms(gradients, "beta") == [
        r"-\textstyle\sum_{k} (\tanh'(U x^{(t)} + w \odot h^{(t-1)} - \beta\,h^{(t-1)})"
        r" \odot h^{(t-1)} \odot d.h^{(t)})_{k}"
    ]
    assert terms(gradients, "v") == [r"\exp'(v) \odot d.w"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("abs(x)", r"\lvert x^{(t)} \rvert"),
        ("sqrt(x)", r"\sqrt{x^{(t)}}"),
        ("sqrt(x)**2 * x", r"\left(\sqrt{x^{(t)}}\right)^{2} \odot x^{(t)}"),
        ("minimum(x, v)", r"\min(x^{(t)}, v)"),
        ("hard_sigmoid(x)", r"\operatorname{hard-sigmoid}(x^{(t)})"),
        ("tanh(x)**2", r"\tanh^{2}(x^{(t)})"),
        ("x**2", "(x^{(t)})^{2}"),
        ("v**2 + x", "v^{2} + x^{(t)}"),
        ("x**v", "(x^{(t)})^{v}"),
        ("x / v", r"\frac{x^{(t)}}{v}"),
        ("x / 3", r"\tfrac{1}{3}\,x^{(t)}"),
        ("x / (2 * v)", r"\frac{x^{(t)}}{2\,v}"),
        ("(x / v)**2 * x", r"\frac{(x^{(t)})^{2} \odot x^{(t)}}{v^{2}}"),
        ("(x + v) * (x - v)", r"(x^{(t)} + v) \odot (x^{(t)} - v)"),
        ("x - (v - x)", "x^{(t)} - v + x^{(t)}"),
        ("-x + v", "-x^{(t)} + v"),
        ("0.25 * x", r"0.25\,x^{(t)}"),
        ("120 * x", r"120\,x^{(t)}"),
        ("1.5e-9 * x", r"(1.5 \cdot 10^{-9})\,x^{(t)}"),
        ("x - 1e12", r"x^{(t)} - 10^{12}"),
        ("v * (W @ x)", r"v \odot (W x^{(t)})"),
        ("0.5 * (W @ x)", r"0.5\,W x^{(t)}"),
        ("x + 2 * 3**v", r"x^{(t)} + 2 \cdot 3^{v}"),
        ("W @ (U @ x)", r"W (U x^{(t)})"),
        ("W @ -x", r"W (-x^{(t)})"),
    ],
)
def test_expressions(written: str, expected: str) -> None:
    right = forward(cell(f"h = {written}"))[0].removeprefix("h^{(t)} = ")
    assert right == expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("relu", r"\operatorname{relu}'(x^{(t)}) = [h^{(t)} > 0]"),
        ("abs", r"\operatorname{abs}'(x^{(t)}) = \operatorname{sign}(x^{(t)})"),
        ("sqrt", r"\operatorname{sqrt}'(x^{(t)}) = \frac{1}{2\,h^{(t)}}"),
        ("softplus", r"\operatorname{softplus}'(x^{(t)}) = \sigma(x^{(t)})"),
    ],
)
def test_slopes_of_functions(function: str, expected: str) -> None:
    gradients = cell(f"h = {function}(x)")
    assert [plain(item) for item in slopes(gradients.graph, gradients.graph.edges_from("x")[0])] == [expected]


def test_the_slope_by_one_of_two_arguments() -> None:
    graph = cell("h = maximum(x, v) + x**v").graph
    assert [plain(item) for edge in graph.edges_from("v") for item in slopes(graph, edge)] == [
        r"\partial_{2}\max(x^{(t)}, v) = [v > x^{(t)}]",
        r"\partial_{2}\operatorname{power}(x^{(t)}, v) = (x^{(t)})^{v} \odot \log(x^{(t)})",
    ]


def test_a_sum_takes_the_sign_of_its_terms() -> None:
    assert total(["-a", "b", "-c"]) == "-a + b - c"
