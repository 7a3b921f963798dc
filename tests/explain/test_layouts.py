"""The product of Jacobians in LaTeX, in both layouts."""

import re

import pytest

from derive.equations import names
from derive.explain.layouts import statement
from tests.proof.faults import derived, written

DIAGONAL = r"\operatorname{diag}(\tanh'(\boldsymbol{a}^{(%s)}))"
SEVERAL = "f = sigmoid(U @ x + p * h[t-1])\nc = f * c[t-1] + x * tanh(R @ h[t-1])\nh = tanh(c)"


def test_the_simple_network_in_both_layouts():
    found = statement(derived("rnn").graph, "h")
    matrix, transposed = r"\boldsymbol{W}", r"\boldsymbol{W}^{\top}"
    later, earlier = DIAGONAL % "t", DIAGONAL % "s+1"
    assert found.numerator.written_out == rf"{later}\,{matrix} \, \cdots \, {earlier}\,{matrix}"
    assert found.denominator.written_out == rf"{transposed}\,{earlier} \, \cdots \, {transposed}\,{later}"
    assert found.numerator.terms == (rf"{DIAGONAL % 'k'}\,{matrix}",)
    assert found.highway == ""
    jacobian = r"\frac{\mathrm{d} \boldsymbol{h}^{(%s)}}{\mathrm{d} \boldsymbol{h}^{(%s)}}"
    ends = [jacobian % ("t", "t-1"), jacobian % ("s+1", "s")]
    assert found.numerator.product == rf"{jacobian % ('t', 's')} = {ends[0]} \, \cdots \, {ends[1]}"
    assert found.denominator.product == rf"{jacobian % ('t', 's')} = {ends[1]} \, \cdots \, {ends[0]}"


def test_all_states_stand_in_the_product_and_one_in_its_block():
    found = statement(written(SEVERAL).graph, "c")
    both = r"(\boldsymbol{c}^{(t)}, \boldsymbol{h}^{(t)})"
    assert found.numerator.product.startswith(rf"\frac{{\mathrm{{d}} {both}}}")
    assert found.numerator.step == (
        r"\left(\frac{\mathrm{d} (\boldsymbol{c}^{(k)}, \boldsymbol{h}^{(k)})}"
        r"{\mathrm{d} (\boldsymbol{c}^{(k-1)}, \boldsymbol{h}^{(k-1)})}\right)_{\boldsymbol{c}, \boldsymbol{c}}"
        r" = \operatorname{diag}(\boldsymbol{f}^{(k)})"
    )
    assert found.numerator.written_out == ""
    assert found.highway == r"\boldsymbol{f}^{(k)}"


def test_a_route_may_pass_through_another_state_and_two_matrices():
    found = statement(written(SEVERAL).graph, "h")
    slope = r"\tanh'(\boldsymbol{c}^{(k)})"
    through_f = [item for item in found.numerator.terms if "sigma" in item]
    assert len(found.numerator.terms) == 2
    assert len(through_f) == 1
    assert slope in through_f[0]
    assert r"\boldsymbol{p}" in through_f[0]
    assert r"\boldsymbol{c}^{(k-1)}" in through_f[0]


def test_the_identity_signs_and_transposed_matrices():
    found = statement(derived("antisymmetric_rnn").graph, "h")
    slope = r"\operatorname{diag}(\epsilon\,\tanh'(\boldsymbol{a}^{(k)}))"
    assert found.numerator.terms == (
        r"\boldsymbol{I}",
        rf"{slope}\,\boldsymbol{{U}}",
        rf"-{slope}\,\boldsymbol{{U}}^{{\top}}",
        r"-\operatorname{diag}(\epsilon\,\gamma\,\tanh'(\boldsymbol{a}^{(k)}))",
    )
    assert found.denominator.terms[1:3] == (rf"\boldsymbol{{U}}^{{\top}}\,{slope}", rf"-\boldsymbol{{U}}\,{slope}")
    assert found.highway == "1"


def test_a_number_for_all_units_is_a_multiple_of_the_identity():
    found = statement(written("h = h[t-1] / 4 - h[t-1] + W @ (h[t-1] / 2) + U @ x").graph, "h")
    assert found.numerator.terms == (
        r"0.25\,\boldsymbol{I}",
        r"-\boldsymbol{I}",
        r"\boldsymbol{W}\,0.5",
    )


def test_values_of_the_step_before_stand_at_their_steps():
    found = statement(written("h = (U @ x) * h[t-1] ** 2").graph, "h")
    assert re.findall(r"\^\{\((.*?)\)\}", found.numerator.written_out) == ["t-1", "t", "s", "s+1"]


def test_nothing_leads_from_an_input_to_itself():
    found = statement(derived("rnn_input_recurrence").graph, "x")
    assert found.numerator.terms == ()
    assert found.numerator.step.endswith(" = 0")


@pytest.mark.parametrize("cell", names())
def test_each_layout_is_the_transpose_of_the_other(cell):
    graph = derived(cell).graph
    for state in graph.equations.states:
        found = statement(graph, state)
        for one, other in zip(found.numerator.terms, found.denominator.terms, strict=True):
            assert factors(one) == [turned(item) for item in reversed(factors(other))]


def factors(term):
    """The matrices of a product: what stands between spaces outside of brackets."""
    found, depth = [""], 0
    for piece in re.split(r"(\\,|[()])", term.removeprefix("-")):
        depth += (piece == "(") - (piece == ")")
        if piece == r"\," and depth == 0:
            found.append("")
        else:
            found[-1] += piece
    return found


def turned(factor):
    if "diag" in factor or "{I}" in factor:
        return factor
    return factor.removesuffix(r"^{\top}") if factor.endswith(r"^{\top}") else rf"{factor}^{{\top}}"
