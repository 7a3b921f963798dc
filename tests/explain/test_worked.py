"""One unit, two steps: every complete route in numbers."""

import re
from dataclasses import replace

import mpmath
import pytest

from derive.equations import names
from derive.errors import DeriveError
from derive.explain.digits import significant
from derive.explain.worked import worked
from derive.proof.unrolled import DIGITS
from derive.routes import count_complete
from tests.proof.cells import CORNERS, SCALARS
from tests.proof.faults import derived, written

SOME = [name for name, text in CORNERS.items() if not set(SCALARS) & set(re.findall(r"\w+", text))]
TOLERANCE = mpmath.mpf("1e-20")


@pytest.mark.parametrize("cell", names())
def test_the_routes_of_every_name_add_up_to_the_difference_quotient(cell):
    gradients = derived(cell)
    symbols = gradients.graph.equations.symbols
    for name in [name for name, symbol in symbols.items() if not symbol.timeless]:
        found = worked(gradients, name)
        with mpmath.workdps(DIGITS):
            assert abs(found.total - found.difference) <= TOLERANCE * abs(found.difference)
            assert abs(found.total - found.derived) <= TOLERANCE * abs(found.difference)
        assert found.difference != 0 or not found.routes
        assert len(found.routes) == found.count == count_complete(gradients.graph, name)
        assert found.others == 0


@pytest.mark.parametrize("text", [CORNERS[name] for name in SOME], ids=SOME)
def test_so_they_do_in_corners_of_the_language(text):
    found = worked(written(text), "h")
    with mpmath.workdps(DIGITS):
        assert abs(found.total - found.difference) <= TOLERANCE * abs(found.difference)


def test_every_product_is_that_of_its_factors():
    found = worked(derived("lstm_peephole"), "c")
    assert len(found.routes) == 22
    with mpmath.workdps(DIGITS):
        for route in found.routes:
            product = mpmath.fprod(factor.value for factor in route.factors)
            assert abs(product - route.product) < mpmath.mpf("1e-48")
            for edge in route.edges:
                assert abs(mpmath.fprod(factor.value for factor in edge.factors) - edge.value) < mpmath.mpf("1e-48")


def test_a_route_reads_as_it_is():
    found = worked(derived("lstm_peephole"), "c")
    route = next(item for item in found.routes if item.text == "c[t] → c[t+1] → y[t+1] → J[t+1]")
    assert [factor.text for factor in route.factors] == ["f[t+1]", "o[t+1]", "tanh'(c[t+1])", "∂⁺J/∂y[t+1]"]
    assert route.factors[2].latex == r"\tanh'(\boldsymbol{c}^{(2)})"
    assert route.nodes == (
        *(rf"\boldsymbol{{{name}}}^{{({step})}}" for name, step in (("c", 1), ("c", 2), ("y", 2))),
        "J^{(2)}",
    )
    values = {item.text: item.value for item in (*found.given, *found.values)}
    with mpmath.workdps(DIGITS):
        expected = [values["f[t+1]"], values["o[t+1]"], 1 - mpmath.tanh(values["c[t+1]"]) ** 2, values["∂⁺J/∂y[t+1]"]]
        for factor, value in zip(route.factors, expected, strict=True):
            assert abs(factor.value - value) < mpmath.mpf("1e-48")


def test_the_given_numbers_have_three_digits_and_are_not_zero():
    found = worked(derived("lstm_regression"), "h")
    assert {"c[t-1]", "h[t-1]", "x[t]", "x[t+1]", "∂⁺J/∂y[t]", "∂⁺J/∂y[t+1]"} < {item.text for item in found.given}
    assert all(abs(float(significant(item.value, 3)) - float(item.value)) < 1e-15 for item in found.given)
    assert all(item.value for item in found.given)


def test_without_one_route_the_sum_is_wrong():
    found = worked(derived("lstm_peephole"), "c")
    with mpmath.workdps(DIGITS):
        for route in found.routes:
            assert abs(found.total - route.product - found.difference) > mpmath.mpf("1e-7")


def test_routes_beyond_the_most_are_counted_and_summed():
    gradients = derived("lstm_peephole")
    whole, cut = worked(gradients, "c"), worked(gradients, "c", most=4)
    assert cut.routes == whole.routes[:4]
    assert cut.count == 22
    with mpmath.workdps(DIGITS):
        rest = mpmath.fsum(route.product for route in whole.routes[4:])
        assert abs(cut.others - rest) < mpmath.mpf("1e-45")
        assert abs(cut.total + cut.others - cut.difference) < mpmath.mpf("1e-28")


@pytest.mark.parametrize("name", ["W_z", "nothing"])
def test_a_name_without_a_step_is_refused(name):
    with pytest.raises(DeriveError, match=f"`{name}` has no step in the cell lstm_peephole"):
        worked(derived("lstm_peephole"), name)


def test_the_seed_decides():
    gradients = derived("gru")
    assert worked(gradients, "h") == worked(gradients, "h")
    assert replace(worked(gradients, "h", seed=1)).total != worked(gradients, "h").total
