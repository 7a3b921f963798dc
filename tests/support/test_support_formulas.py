"""The functions of vectors keep the bounds of docs/vectors.md against 50-digit values, on every instruction set."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from derive.rules import RULES
from generated.support import elementwise, scalar
from generated.support.trigonometric import LIMIT
from generated.support.vectors import HOST, available
from tests.support.vector_functions import BINARY, TABLE, UNARY, bound, computed, errors

REPOSITORY = Path(__file__).parents[2]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
KINKS = (-3.0, -1.0, 0.0, 1.0, 3.0)
EDGES = (1e30, 1e4, 1e3, 745.2, 709.7, 104.0, 88.8, 88.73, 87.4, 38.5, 13.5, 1e-30, 1e-40, 1e-45, 0.0)
SPECIAL = (0.0, 1e-45, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 2.0**24 + 2, 1e30, math.inf)


def values(name: str, dtype: Any) -> Any:
    """Arguments inside the domain: some of each binade, most near 1, then even grids, kinks, edges and what is hard."""
    limits, stream = np.finfo(dtype), np.random.default_rng(0)
    exponents = np.arange(limits.minexp - limits.nmant, limits.maxexp)
    exponents = np.concatenate([exponents, np.repeat(np.arange(-30, 11), 15)])
    binades = np.ldexp(stream.uniform(1, 2, exponents.size), exponents)
    grids = [np.linspace(0, 6, 301), np.linspace(0, 105, 211), np.linspace(0, 750, 151)]
    sizes = np.concatenate([binades, *grids, np.abs(KINKS), EDGES, list(near_one(dtype))])
    if name in ("sin", "cos"):
        sizes = np.concatenate([sizes, list(near_quarter_turns(dtype)), stream.uniform(0, 1.01 * LIMIT, 300)])
    if name in ("gelu", "normal_cdf"):
        # The reference itself ends there.
        sizes = sizes[sizes <= 1e30]
    found = np.concatenate([sizes, -sizes]).astype(dtype)
    return found[found > RULES[name].domain[0]]


def near_one(dtype: Any) -> Iterator[float]:
    """1 and its neighbours, ever farther away."""
    for exponent in range(1, np.finfo(dtype).nmant + 2):
        yield from (1 + 2.0**-exponent, 1 - 2.0**-exponent)


def near_quarter_turns(dtype: Any) -> Iterator[float]:
    """The numbers nearest to multiples of π/2: of the first ones, and those nearest of all below the limit."""
    yield from np.arange(1, 60) * (math.pi / 2)
    digits = np.finfo(dtype).nmant + 1
    with mpmath.workdps(80):
        quarter = Fraction(int(mpmath.floor(mpmath.pi / 2 * 2**200)), 2**200)
    for exponent in range(-digits - 2, 1):
        for numerator, turns in _convergents(quarter / Fraction(2) ** exponent):
            if numerator < 2**digits and turns < LIMIT * 0.6:
                yield math.ldexp(numerator, exponent)


def _convergents(number: Fraction) -> Iterator[tuple[int, int]]:
    """The best fractions for a number, in the order of their size, by its continued fraction."""
    above, below = (1, 0), (0, 1)
    for _ in range(30):
        whole = math.floor(number)
        above, below = (whole * above[0] + above[1], above[0]), (whole * below[0] + below[1], below[0])
        yield above[0], below[0]
        number = 1 / (number - whole)


def test_the_page_states_a_bound_of_every_function() -> None:
    assert set(TABLE) == {name for name, value in vars(elementwise).items() if name in RULES and callable(value)}
    for name in TABLE:
        for dtype in (np.float32, np.float64):
            assert 0 <= bound(name, dtype, 0.0) <= 4


@DTYPES
@pytest.mark.parametrize("name", UNARY)
def test_functions_are_within_the_stated_ulp(name: str, dtype: Any) -> None:
    checked = 0
    for argument, error, allowed, normal in errors(name, dtype, values(name, dtype)):
        assert error <= allowed, (argument, error)
        checked += normal
    assert checked >= 300


def pairs(name: str, dtype: Any) -> tuple[Any, Any]:
    """Pairs inside the domain: b over all that keeps a**b finite, a near 1 and far from it, and negative a."""
    stream, limits = np.random.default_rng(1), np.finfo(dtype)
    spread = np.exp2(stream.uniform(limits.minexp - limits.nmant + 1, limits.maxexp - 1, 800))
    a = np.concatenate([np.exp2(stream.normal(size=800)), spread, list(near_one(dtype))]).astype(dtype)
    most = 1.05 * math.log(float(limits.max)) / np.maximum(abs(np.log(a.astype(np.float64))), 1e-20)
    b = (stream.uniform(-1, 1, a.size) * most).astype(dtype)
    if name == "xlogy":
        return b, a
    whole = stream.integers(-40, 40, 200).astype(dtype)
    negative = -np.exp2(stream.normal(size=200)).astype(dtype)
    few = stream.choice(np.array([-2, -0.5, 0.5, 2, 3, 1 / 3], dtype), a.size)
    return np.concatenate([a, a, negative]), np.concatenate([b, few, whole])


@DTYPES
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arguments_are_within_the_stated_ulp(name: str, dtype: Any) -> None:
    checked = 0
    for arguments, error, allowed, normal in errors(name, dtype, *pairs(name, dtype)):
        assert error <= allowed, (arguments, error)
        checked += normal
    assert checked >= 300


@DTYPES
@pytest.mark.parametrize("name", UNARY)
def test_edges_are_those_of_numbers(name: str, dtype: Any) -> None:
    """Infinities, NaN, and 0, of which odd functions of the C library keep the sign."""
    x = np.array([math.inf, -math.inf, math.nan, 0.0, -0.0], dtype)
    numbers = np.array([getattr(scalar, name)(number) for number in x], dtype)
    got = computed(name, x)
    np.testing.assert_array_equal(got[:3], numbers[:3])
    np.testing.assert_allclose(got, numbers, rtol=4 * np.finfo(dtype).eps)
    if name in ("tanh", "sin", "erf"):
        np.testing.assert_array_equal(np.signbit(got[3:]), [False, True])


@DTYPES
@pytest.mark.parametrize("name", BINARY)
def test_edges_of_two_arguments_are_those_of_numbers(name: str, dtype: Any) -> None:
    """Every pair of zeros, infinities, NaN, whole numbers, odd ones and others, with the sign of 0."""
    sizes = np.array([*SPECIAL, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal], dtype)
    edges = np.concatenate([sizes, -sizes, np.array([math.nan], dtype)])
    a, b = (side.ravel() for side in np.meshgrid(edges, edges))
    numbers = np.array([getattr(scalar, name)(*pair) for pair in zip(a, b, strict=True)], dtype)
    got = computed(name, a, b)
    exact = ~np.isfinite(numbers) | (numbers == 0) | (abs(numbers) == 1)
    np.testing.assert_array_equal(got[exact], numbers[exact])
    np.testing.assert_allclose(got, numbers, rtol=bound(name, dtype, 0.0) * np.finfo(dtype).eps)
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(numbers[~np.isnan(got)]))


@DTYPES
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_an_argument_beyond_the_reduction_leaves_its_neighbours_alone(name: str, dtype: Any) -> None:
    x = np.linspace(-40, 40, 4 * HOST.bytes // np.dtype(dtype).itemsize).astype(dtype)
    mixed = x.copy()
    mixed[1::3] = np.array([1e30, -1e20, LIMIT * 1.5, math.inf], dtype)[np.arange(mixed[1::3].size) % 4]
    kept = np.ones(x.size, bool)
    kept[1::3] = False
    got = computed(name, mixed)
    np.testing.assert_array_equal(got[kept], computed(name, x)[kept])
    np.testing.assert_array_equal(got[~kept], [dtype(getattr(scalar, name)(number)) for number in mixed[~kept]])


@pytest.mark.skipif("DERIVE_VECTOR" in os.environ, reason="one instruction set is forced already")
@pytest.mark.parametrize("vector", [item.name for item in available() if item is not HOST])
def test_everything_here_holds_on_the_other_instruction_sets(vector: str) -> None:
    environment = os.environ | {"DERIVE_VECTOR": vector, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
    result = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
