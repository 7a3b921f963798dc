"""Good equations: their expressions, kinds, states, order and dimensions."""

import pickle
from fractions import Fraction

import pytest

from derive.equations import (
    Call,
    Init,
    Kind,
    Loss,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
    Role,
    parse,
    parse_expression,
)
from derive.errors import DeriveError
from derive.rules import RULES


def document(equations, rest="", top=""):
    return f"{top}\nequations = '''\n{equations}\n'''\n{rest}"


def shapes(cell):
    return {name: symbol.shape for name, symbol in cell.symbols.items()}


def test_an_expression_keeps_every_occurrence_with_its_place():
    cell = parse("h = -W @ x + 0.50 * h[t-1]  # note\n\n  g = h * h / maximum(h, +h[t-1])")
    first, second = cell.equations
    assert first.expression == Operation(
        "+",
        Negation(MatrixProduct(Occurrence("W", 0, 1, 1, 6), False, Occurrence("x", 0, 1, 1, 10))),
        Operation("*", Number(Fraction(1, 2), "0.50"), Occurrence("h", 1, 1, 1, 21)),
    )
    assert (first.text, first.line, first.number) == ("h = -W @ x + 0.50 * h[t-1]", 1, 1)
    assert (second.text, second.line, second.number) == ("g = h * h / maximum(h, +h[t-1])", 3, 2)
    assert second.expression == Operation(
        "/",
        Operation("*", Occurrence("h", 0, 1, 3, 7), Occurrence("h", 0, 2, 3, 11)),
        Call("maximum", (Occurrence("h", 0, 3, 3, 23), Occurrence("h", 1, 1, 3, 27))),
    )


def test_a_matrix_comes_before_its_operand_and_may_be_transposed():
    (equation,) = parse("h = transpose(U) @ (U @ x * g)").equations
    product = equation.expression
    assert isinstance(product, MatrixProduct)
    assert (product.matrix.name, product.matrix.index, product.transposed) == ("U", 1, True)
    assert product.operand.left.matrix == Occurrence("U", 0, 2, 1, 21)


def test_a_minus_binds_less_tightly_than_a_power():
    (equation,) = parse("h = -x ** 2").equations
    assert isinstance(equation.expression, Negation)


def test_roles_follow_from_use_and_names_are_literal():
    cell = parse("S = W @ x + I * beta + E\nlambda_ = tanh(S) + gamma * lambda_[t-1]\n", name="names")
    assert cell.parameters == ("W", "I", "beta", "E", "gamma")
    assert {cell.symbols[name].kind for name in ("I", "beta", "E", "gamma", "S", "lambda_")} == {Kind.VECTOR}
    assert cell.symbols["W"].kind is Kind.MATRIX
    assert cell.symbols["lambda_"].role is Role.VARIABLE
    assert (cell.name, cell.inputs, cell.outputs, cell.states) == ("names", ("x",), ("lambda_",), ("lambda_",))


def test_scalars_stay_scalar_and_parameters_carry_no_step():
    cell = parse(
        document(
            "rate = 1 - exp(-dt * beta)\ng = sigmoid(b) * rate\nk = b\nh = g * k[t-1] + rate * x",
            "[parameters]\nbeta = 'scalar'\n[constants]\ndt = 0.10\n[init]\nbeta = -2\n",
        )
    )
    kinds = {name: symbol.kind.value for name, symbol in cell.symbols.items()}
    assert kinds == {"rate": "scalar", "dt": "scalar", "beta": "scalar"} | dict.fromkeys("xgbkh", "vector")
    timeless = {name for name, symbol in cell.symbols.items() if symbol.timeless}
    assert timeless == {"rate", "dt", "beta", "g", "b"}
    assert cell.constants == {"dt": Number(Fraction(1, 10), "0.10")}
    assert cell.init == {"beta": Init("number", -2.0), "b": Init("number", 0.0)}
    assert cell.symbols["rate"].shape == ()


def test_inputs_come_first_among_states_and_states_follow_the_order_of_assignment():
    cell = parse("a = W @ x + V @ x[t-1] + R @ h[t-1]\nc = c[t-1] * a\nh = tanh(c)")
    assert cell.states == ("x", "c", "h")
    assert cell.initial == {"x": 0.0, "c": 0.0, "h": 0.0}


def test_a_variable_read_only_at_the_previous_step_may_be_assigned_below():
    assert parse("h = x + g[t-1]\ng = tanh(h)", name="late").states == ("g",)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("h = tanh(W @ x + b)", ["input_size", "hidden_size"]),
        ("h = tanh(W @ x + R @ h[t-1] + b)", ["input_size", "hidden_size"]),
        ("h = tanh(W @ x + R @ h[t-1])\no = V @ h + c", ["input_size", "hidden_size", "output_size"]),
        ("h = tanh(W @ x + V @ x[t-1] + b)", ["input_size", "hidden_size"]),
        ("c = W @ x + R @ r[t-1] + c[t-1]\nr = P @ c", ["input_size", "hidden_size", "c_size"]),
        ("c = W @ x + c[t-1]\nh = V @ c + h[t-1]\no = U @ h", ["input_size", "hidden_size", "c_size", "output_size"]),
        ("a = W @ x\nh = V @ tanh(a) + h[t-1]", ["input_size", "hidden_size", "a_size"]),
        ("h = W @ (V @ x) + h[t-1]", ["input_size", "hidden_size", "W_size"]),
    ],
)
def test_sizes_are_named_by_what_they_are_of(text, sizes):
    cell = parse(text)
    assert [dimension.names for dimension in cell.dimensions] == [(size,) for size in sizes]
    assert list(cell.size_names) == sizes


def test_the_shapes_of_a_projected_cell():
    cell = parse(document("c = W @ x + R @ r[t-1] + p * c[t-1]\nr = P @ c", '[dimensions]\nc = "cell_size"'))
    assert shapes(cell) == {
        "x": ("input_size",),
        "c": ("cell_size",),
        "r": ("hidden_size",),
        "p": ("cell_size",),
        "W": ("cell_size", "input_size"),
        "R": ("cell_size", "hidden_size"),
        "P": ("hidden_size", "cell_size"),
    }


def test_a_transposed_matrix_swaps_its_dimensions():
    cell = parse("h = transpose(W) @ x + h[t-1]")
    assert shapes(cell)["W"] == ("input_size", "hidden_size")


def test_named_sizes_that_unify_keep_all_their_names():
    cell = parse("h = tanh(x + R @ h[t-1])")
    assert [(d.name, d.names) for d in cell.dimensions] == [("input_size", ("input_size", "hidden_size"))]
    assert shapes(cell)["R"] == ("input_size", "input_size")
    readout = parse("h = tanh(W @ x + R @ h[t-1])\no = V @ h + x")
    assert readout.dimensions[0].names == ("input_size", "output_size")
    assert readout.size_names == ("input_size", "hidden_size", "output_size")


def test_further_inputs_and_outputs_name_their_own_sizes():
    cell = parse(
        document(
            "a = U @ u\nh = tanh(W @ x + a + R @ h[t-1])\np = P @ h\nq = Q @ h + p * 0",
            top="inputs = ['x', 'u']\noutputs = ['h', 'q']",
        )
    )
    assert [d.name for d in cell.dimensions] == ["input_size", "hidden_size", "u_size", "q_size"]
    assert cell.size_names == ("input_size", "hidden_size", "u_size", "q_size")
    assert cell.outputs == ("h", "q")


def test_one_name_for_two_vectors_makes_one_size():
    cell = parse(
        document(
            "a = A @ x + a[t-1]\nb = B @ x + b[t-1]\nh = H @ a + K @ b + h[t-1]",
            '[dimensions]\na = "cell_size"\nb = "cell_size"\n',
        )
    )
    assert cell.size_names == ("input_size", "hidden_size", "cell_size")


def test_the_output_of_a_cell_without_state_variables_may_be_named_as_a_readout():
    equations = "h = tanh(W @ x + V @ x[t-1])\no = R @ h"
    assert parse(equations).symbols["o"].shape == ("hidden_size",)
    cell = parse(document(equations, '[dimensions]\nh = "hidden_size"\no = "output_size"'))
    assert cell.size_names == ("input_size", "hidden_size", "output_size")
    assert shapes(cell)["R"] == ("output_size", "hidden_size")


def test_the_loss_reads_the_output():
    cell = parse(document("h = W @ x + h[t-1]\no = V @ h", top='loss = "mse(h)"'))
    assert cell.loss == Loss("mse", "h")
    assert cell.outputs == ("h",)


def test_defaults_and_rules_of_initialisation():
    cell = parse(
        document(
            "h = W @ x + R @ h[t-1] + V @ x + Q @ x + b + c",
            '[init]\nR = "orthogonal"\nV = "glorot"\nQ = "uniform(0.1)"\nc = 1\n[initial]\nh = 0.5\n'
            "[latex]\nb = '\\bar{\\boldsymbol b}_1'",
        )
    )
    rules = ["fan_in", "orthogonal", "glorot", "uniform", "number", "number"]
    assert cell.init == dict(zip("WRVQbc", map(Init, rules, [0.0, 0.0, 0.0, 0.1, 0.0, 1.0]), strict=True))
    assert cell.initial == {"h": 0.5}
    assert cell.latex == {"b": "\\bar{\\boldsymbol b}_1"}


def test_line_ends_and_tabs_do_not_matter():
    plain = parse("a = x\nh = a + h[t-1]")
    assert parse("a = x\r\nh = a + h[t-1]").equations == plain.equations
    assert parse("a\t=\tx\r\th = a + h[t-1]\r").equations[1].text == plain.equations[1].text


def test_typed_equations_can_be_pickled():
    cell = parse("h = tanh(W @ x + h[t-1])")
    assert pickle.loads(pickle.dumps(cell)) == cell


def test_every_derivative_of_the_rule_table_is_an_expression():
    for rule in RULES.values():
        for derivative in rule.derivatives:
            parse_expression(derivative, (*rule.arguments, "y"))


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("1 - z", "`z` has no meaning here; names are `x`, `y`"),
        ("x[t-1]", r"`x\[t-1\]` has no meaning here"),
        ("x @ y", "a product `@` has no place"),
        ("x = y", "this is not one expression"),
        ("", "this is not one expression"),
        ("x\n+ y", "on one line"),
        ("x +", "does not read as"),
    ],
)
def test_an_expression_over_given_names_refuses_others(text, fragment):
    with pytest.raises(DeriveError, match=fragment):
        parse_expression(text, ("x", "y"))
