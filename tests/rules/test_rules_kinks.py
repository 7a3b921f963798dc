"""The conventions at the kinks, at the kink itself: in 50-digit arithmetic, in NumPy and in the Numba kernels."""

import mpmath
import numpy as np
import pytest
import sympy

from derive.definitions import define
from derive.rules import RULES
from tests.rules.rows import exact_derivatives, kernel_derivatives, numpy_derivatives

AT_KINKS = [
    ("relu", (0,), (0,)),
    ("leaky_relu", (0,), (0.01,)),
    ("elu", (0,), (1,)),
    ("softsign", (0,), (1,)),
    ("abs", (0,), (0,)),
    ("hard_sigmoid", (-3,), (0,)),
    ("hard_sigmoid", (3,), (0,)),
    ("hard_tanh", (-1,), (0,)),
    ("hard_tanh", (1,), (0,)),
    ("minimum", (0.5, 0.5), (1, 0)),
    ("maximum", (0.5, 0.5), (1, 0)),
    ("minimum", (0, 0), (1, 0)),
    ("maximum", (0, 0), (1, 0)),
]
IDS = [f"{name}{arguments}" for name, arguments, _ in AT_KINKS]
DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize(("name", "arguments", "expected"), AT_KINKS, ids=IDS)
def test_the_row_takes_the_convention(name, arguments, expected):
    got = exact_derivatives(RULES[name], *map(mpmath.mpf, arguments))
    assert [float(value) for value in got] == list(expected)


@pytest.mark.parametrize(("name", "arguments", "expected"), AT_KINKS, ids=IDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_takes_the_convention_in_its_dtype(name, arguments, expected, dtype):
    got = numpy_derivatives(RULES[name], *(np.array([value], dtype) for value in arguments))
    assert [value.dtype for value in got] == [dtype] * len(expected)
    assert [value[0] for value in got] == [dtype(value) for value in expected]


@pytest.mark.parametrize(("name", "arguments", "expected"), AT_KINKS, ids=IDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernel_takes_the_convention(name, arguments, expected, dtype):
    got = kernel_derivatives(RULES[name], *map(dtype, arguments))
    assert got == [dtype(value) for value in expected]


@pytest.mark.parametrize(("name", "arguments", "expected"), AT_KINKS, ids=IDS)
def test_sympys_derivative_of_the_definition_takes_the_convention(name, arguments, expected):
    symbols = sympy.symbols("a b", real=True)[: len(arguments)]
    point = dict(zip(symbols, map(sympy.nsimplify, arguments), strict=True))
    got = [sympy.diff(define(name, *symbols), symbol).subs(point) for symbol in symbols]
    assert [float(value) for value in got] == list(expected)


@pytest.mark.parametrize(
    ("name", "point", "below", "above"),
    [
        ("relu", 0, 0, 1),
        ("leaky_relu", 0, 0.01, 1),
        ("abs", 0, -1, 1),
        ("hard_sigmoid", -3, 0, 1 / 6),
        ("hard_sigmoid", 3, 1 / 6, 0),
        ("hard_tanh", -1, 0, 1),
        ("hard_tanh", 1, 1, 0),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kink_is_where_it_belongs(name, point, below, above, dtype):
    """A few units in the last place of the arguments beside the kink the derivative is that of its side."""
    distance = dtype(4 * np.spacing(dtype(max(abs(point), 1))))
    for side, expected in ((dtype(point) - distance, below), (dtype(point) + distance, above)):
        assert kernel_derivatives(RULES[name], side)[0] == dtype(expected)
        assert numpy_derivatives(RULES[name], np.array([side]))[0][0] == dtype(expected)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.derivatives[0] != "0"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_goes_through_every_derivative(name, dtype):
    arguments = [dtype(np.nan)] * len(RULES[name].arguments)
    assert all(np.isnan(value) for value in kernel_derivatives(RULES[name], *arguments))
    assert all(np.isnan(value) for value in numpy_derivatives(RULES[name], *arguments))
