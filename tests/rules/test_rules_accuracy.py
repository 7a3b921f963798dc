"""The NumPy and the Numba forms against 50-digit arithmetic: accuracy, extremes, dtypes."""

import contextlib
import math
import re

import mpmath
import numba
import numpy as np
import pytest

from derive.definitions import evaluate
from derive.rules import RULES
from generated.support import functions, scalar
from tests.rules.rows import (
    BINARY,
    UNARY,
    exact_derivatives,
    kernel_derivatives,
    kernel_form,
    numpy_derivatives,
    numpy_form,
)

DTYPES = [np.float32, np.float64]
FORMS = {"numpy": numpy_form, "kernel": kernel_form}
# Their bound of 4 + 2 x**2 ulp is what a change of x in its last digit does to them.
ILL_CONDITIONED = {"gelu", "normal_cdf", "normal_density", "erf_derivative"}
# NumPy's own functions, which warn where the result is infinite or not real.
WARNS = {"exp", "log", "sqrt", "sin", "cos", "power"}


def silence(name):
    return np.errstate(all="ignore") if name in WARNS else contextlib.nullcontext()


def points(rule, dtype):
    """Values of `dtype` on a fine, a wide and a very wide range, as far as the domain goes."""
    fine, wide, powers = np.linspace(-4, 4, 81), np.linspace(-90, 90, 61), np.logspace(-30, 3, 67)
    values = np.concatenate([fine, wide, powers, -powers]).astype(dtype)
    return values[(values > rule.domain[0]) & (values < rule.domain[1])]


def error_in_ulp(got, exact, dtype):
    """|got - exact| in units of the last place of `exact`; None where `exact` is no normal number of the dtype."""
    if exact == 0:
        return abs(float(got)) / np.finfo(dtype).smallest_subnormal
    if not np.finfo(dtype).smallest_normal <= abs(exact) <= float(np.finfo(dtype).max):
        return None
    return float(abs(mpmath.mpf(float(got)) - exact) / mpmath.mpf(float(np.spacing(dtype(abs(exact))))))


@pytest.mark.parametrize("rule", UNARY, ids=lambda rule: rule.name)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_within_the_stated_ulp_of_the_true_value(rule, dtype, form):
    checked = 0
    lowest = dtype(-80) if rule.name == "silu" else dtype(-np.inf)  # below, the sigmoid is subnormal in float32
    for x in points(rule, dtype):
        with mpmath.workdps(50), silence(rule.name):
            error = error_in_ulp(FORMS[form](rule.name, x), evaluate(rule.name, mpmath.mpf(float(x))), dtype)
        if error is not None and x >= lowest:
            assert error <= 4 + 2 * float(x) ** 2 * (rule.name in ILL_CONDITIONED), x
            checked += 1
    assert checked >= 60


@pytest.mark.parametrize("rule", BINARY, ids=lambda rule: rule.name)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_binary_functions_within_the_stated_ulp(rule, dtype, form):
    for a in np.array([0.01, 0.7, 1, 3.1, 25], dtype):
        for b in np.array([0.03, 0.7, 1, 2.3, 12], dtype):
            with mpmath.workdps(50):
                exact = evaluate(rule.name, mpmath.mpf(float(a)), mpmath.mpf(float(b)))
            assert error_in_ulp(FORMS[form](rule.name, a, b), exact, dtype) <= 4, (a, b)


EXTREMES = [1e-45, 1e-40, 1e-30, 1e3, 1e4, 1e30]


@pytest.mark.parametrize("rule", UNARY, ids=lambda rule: rule.name)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_extreme_arguments(rule, dtype, form):
    """At subnormal and huge arguments, positive and negative, the result is the true value rounded to the dtype."""
    for x in [dtype(sign * size) for size in EXTREMES for sign in (1, -1)]:
        if not rule.domain[0] < x < rule.domain[1]:
            continue
        with mpmath.workdps(50), silence(rule.name):
            exact = evaluate(rule.name, mpmath.mpf(float(x)))
            got = FORMS[form](rule.name, x)
        largest = float(np.finfo(dtype).max)
        expected = dtype(math.copysign(math.inf, exact) if abs(exact) > largest else float(exact))
        rounding = 4 * float(np.finfo(dtype).eps)
        tiny = 2 * float(np.finfo(dtype).smallest_subnormal)
        assert got == expected or math.isclose(got, expected, rel_tol=rounding, abs_tol=tiny), x


@pytest.mark.parametrize("rule", UNARY, ids=lambda rule: rule.name)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("derivatives", [numpy_derivatives, kernel_derivatives])
def test_derivatives_at_extreme_arguments(rule, dtype, derivatives):
    """The derivative column, too, neither overflows nor becomes NaN where the true derivative does not."""
    largest = float(np.finfo(dtype).max)
    for x in [dtype(sign * size) for size in EXTREMES for sign in (1, -1)]:
        if not rule.domain[0] < x < rule.domain[1]:
            continue
        with mpmath.workdps(50):
            (exact,) = exact_derivatives(rule, mpmath.mpf(float(x)))
        with silence(rule.name):
            (got,) = derivatives(rule, x)
        expected = math.copysign(math.inf, exact) if abs(exact) > largest else float(exact)
        tolerance = 8 * float(np.finfo(dtype).eps)
        assert got == expected or math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance), x


INF, NAN = math.inf, math.nan
LIMITS = {
    "tanh": (-1, 1),
    "sigmoid": (0, 1),
    "relu": (0, INF),
    "leaky_relu": (-INF, INF),
    "softplus": (0, INF),
    "softsign": (-1, 1),
    "elu": (-1, INF),
    "gelu": (0, INF),
    "silu": (0, INF),
    "hard_sigmoid": (0, 1),
    "hard_tanh": (-1, 1),
    "exp": (0, INF),
    "log": (NAN, INF),
    "sqrt": (NAN, INF),
    "abs": (INF, INF),
    "sin": (NAN, NAN),
    "cos": (NAN, NAN),
    "erf": (-1, 1),
    "sign": (-1, 1),
    "normal_cdf": (0, 1),
    "normal_density": (0, 0),
    "erf_derivative": (0, 0),
}


@pytest.mark.parametrize("name", [rule.name for rule in UNARY])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_infinities_give_the_limit_and_nan_goes_through(name, dtype, form):
    with silence(name):
        got = [FORMS[form](name, dtype(x)) for x in (-INF, INF, NAN)]
    np.testing.assert_array_equal(got, np.array([*LIMITS[name], NAN], dtype))


@pytest.mark.parametrize("name", [rule.name for rule in BINARY])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_nan_in_either_argument_goes_through(name, dtype, form):
    for arguments in [(NAN, 0.5), (0.5, NAN), (NAN, NAN)]:
        assert np.isnan(FORMS[form](name, *map(dtype, arguments))), arguments


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_functions_of_two_arguments_at_their_edges(dtype, form):
    call = FORMS[form]
    inf, one, zero = dtype(INF), dtype(1), dtype(0)
    assert [call("greater", *pair) for pair in [(inf, inf), (inf, one), (-inf, one), (zero, -zero)]] == [0, 1, 0, 0]
    assert [call("minimum", -inf, inf), call("maximum", -inf, inf)] == [-inf, inf]
    assert [call("xlogy", zero, zero), call("xlogy", zero, inf), call("xlogy", one, zero)] == [0, 0, -inf]
    assert np.isnan(call("xlogy", one, -one))


@pytest.mark.parametrize("name", ["log", "sqrt"])
@pytest.mark.parametrize("form", FORMS)
def test_outside_the_domain_is_nan_or_infinite_without_an_exception(name, form):
    with silence(name):
        assert np.isnan(FORMS[form](name, np.float32(-1)))
        assert FORMS[form](name, np.float32(0)) == {"log": -np.inf, "sqrt": 0}[name]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_keeps_dtype_shape_and_argument(name, dtype):
    arguments = [np.full((2, 0, 3), 0.5, dtype), np.full((2, 3), 0.5, dtype), np.array(0.5, dtype)]
    for argument in arguments:
        argument.setflags(write=False)
        result = numpy_form(name, *[argument] * len(RULES[name].arguments))
        assert (result.dtype, result.shape) == (dtype, argument.shape)


@pytest.mark.parametrize("name", RULES)
def test_the_float32_kernel_holds_no_float64(name):
    """A loop over float32 arrays, as a kernel has it, compiles to code without a double."""
    rule = RULES[name]
    function = getattr(scalar, rule.scalar) if rule.scalar else abs
    if len(rule.arguments) == 1:

        def loop(x, out):
            for i in range(x.size):
                out[i] = function(x[i])
    else:

        def loop(x, out):
            for i in range(x.size):
                out[i] = function(x[i], out[i])

    kernel = numba.njit(error_model="numpy")(loop)
    kernel(np.full(8, 0.5, np.float32), np.full(8, 0.25, np.float32))
    (code,) = kernel.inspect_llvm().values()
    assert re.search(r"\bfloat\b", code)
    assert not re.search(r"\bdouble\b", code)
    if rule.scalar:
        single = numba.types.float32
        assert function.overloads[(single,) * len(rule.arguments)].signature.return_type == single


def test_erf_of_numpy_is_the_standard_librarys():
    x = np.linspace(-3, 3, 13)
    np.testing.assert_array_equal(functions.erf(x), [math.erf(value) for value in x])
