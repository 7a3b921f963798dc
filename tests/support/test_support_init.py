"""Start values: reproducible, of the stated distributions, and refused sizes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from generated.support.init import draw, init_params, orthogonal
from generated.support.signature import Signature

CELL = Signature(
    cell="toy",
    sizes=(("input_size",), ("hidden_size",)),
    params=(
        ("W", ("hidden_size", "input_size")),
        ("R", ("hidden_size", "hidden_size")),
        ("U", ("hidden_size", "input_size")),
        ("V", ("hidden_size", "input_size")),
        ("b", ("hidden_size",)),
        ("beta", ()),
    ),
    inputs=(("x", "input_size"),),
    outputs=(("h", "hidden_size"),),
    states=(("h", "hidden_size"),),
    init=(
        ("W", "fan_in", 0.0),
        ("R", "orthogonal", 0.0),
        ("U", "glorot", 0.0),
        ("V", "fan_in", 0.0),
        ("b", "number", 1.5),
        ("beta", "uniform", 0.25),
    ),
    initial=(0.0,),
)
SIZES = {"input_size": 3, "hidden_size": 4}
UNIFIED = Signature(
    "sum", (("input_size", "hidden_size"),), (("b", ("input_size",)),), (), (), (), (("b", "number", 0.0),), ()
)


def test_shapes_and_values() -> None:
    arrays = init_params(CELL, SIZES, np.float32, 0)
    assert [array.shape for array in arrays] == [(4, 3), (4, 4), (4, 3), (4, 3), (4,), ()]
    assert all(type(array) is np.ndarray and array.dtype == np.float32 for array in arrays)
    assert all(array.flags.c_contiguous and array.flags.writeable for array in arrays)
    np.testing.assert_array_equal(arrays[4], np.full(4, 1.5))
    assert abs(arrays[5]) <= 0.25
    assert init_params(UNIFIED, {"input_size": 2, "hidden_size": 2}, "float64", 0)[0].shape == (2,)


def test_the_same_seed_gives_the_same_bits_and_float32_is_float64_rounded() -> None:
    first = init_params(CELL, SIZES, np.float64, 7)
    for one, other in zip(first, init_params(CELL, SIZES, float, np.int64(7)), strict=True):
        assert one.tobytes() == other.tobytes()
    for double, single in zip(first, init_params(CELL, SIZES, "float32", 7), strict=True):
        np.testing.assert_array_equal(double.astype(np.float32), single, strict=True)
    assert not np.array_equal(first[0], init_params(CELL, SIZES, np.float64, 8)[0])


def test_each_parameter_has_a_stream_of_its_own() -> None:
    arrays = init_params(CELL, SIZES, np.float64, 7)
    assert not np.array_equal(arrays[0], arrays[3])
    constant = replace(CELL, init=(("W", "number", 0.0), *CELL.init[1:]))
    for before, after in zip(arrays[1:], init_params(constant, SIZES, np.float64, 7)[1:], strict=True):
        np.testing.assert_array_equal(before, after)
    # A seed of more than 32 bits must not run into the stream of another parameter.
    large = init_params(CELL, SIZES, np.float64, 7 + (3 << 32))
    assert not np.array_equal(large[0], arrays[3])


@pytest.mark.parametrize(
    ("rule", "value", "shape", "bound"),
    [
        ("uniform", 0.3, (200, 300), 0.3),
        ("fan_in", 0.0, (300, 200), 1 / math.sqrt(200)),
        ("glorot", 0.0, (200, 300), math.sqrt(6 / 500)),
        ("fan_in", 0.0, (60000,), 1.0),
    ],
)
def test_uniform_rules(rule: str, value: float, shape: tuple[int, ...], bound: float) -> None:
    drawn = draw(rule, value, shape, np.random.default_rng(1))
    assert drawn.shape == shape
    # Mean and variance of U(±bound), within five standard errors of 60000 draws.
    assert abs(drawn.mean()) < 5 * bound / math.sqrt(3 * drawn.size)
    assert abs(drawn.var() / (bound**2 / 3) - 1) < 5 * math.sqrt(0.8 / drawn.size)
    assert 0.999 * bound < np.abs(drawn).max() <= bound


@pytest.mark.parametrize("shape", [(6, 6), (7, 3), (3, 7), (1, 1), (5,), ()])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    drawn = draw("orthogonal", 0.0, shape, np.random.default_rng(2))
    assert drawn.shape == shape
    assert drawn.flags.c_contiguous
    rows, columns = (*shape, 1, 1)[:2]
    matrix = drawn.reshape(rows, columns)
    gram = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
    np.testing.assert_allclose(gram, np.eye(min(rows, columns)), atol=1e-14)


def test_orthogonal_signs_are_uniform() -> None:
    stream = np.random.default_rng(3)
    diagonals = np.array([np.diagonal(orthogonal(3, 3, stream)) for _ in range(400)])
    # Householder QR alone leaves the first diagonal entry of one sign.
    assert np.all(np.abs(diagonals.mean(axis=0)) < 5 * math.sqrt(1 / 3 / 400))


def test_a_matrix_without_columns_is_empty() -> None:
    for rule in ("fan_in", "glorot", "orthogonal", "number"):
        assert draw(rule, 0.0, (4, 0), np.random.default_rng(0)).shape == (4, 0)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown rule of init 'xavier': the rules are number, uniform, fan_in"):
        draw("xavier", 0.0, (2, 2), np.random.default_rng(0))


REFUSALS: list[tuple[dict[str, Any], type[Exception], str]] = [
    (
        {"sizes": {"input_size": 3}},
        TypeError,
        "toy.init: hidden_size is missing: expected the sizes input_size, hidden_s",
    ),
    (
        {"sizes": SIZES | {"depth": 2}},
        TypeError,
        "toy.init: there is no size 'depth': expected the sizes input_size, hid",
    ),
    (
        {"sizes": SIZES | {"hidden_size": 0}},
        ValueError,
        "toy.init: hidden_size: expected an integer of at least 1, recei",
    ),
    ({"sizes": SIZES | {"hidden_size": -4}}, ValueError, "received -4"),
    (
        {"sizes": SIZES | {"hidden_size": 4.0}},
        TypeError,
        "hidden_size: expected an integer of at least 1, received 4.0",
    ),
    ({"sizes": SIZES | {"hidden_size": True}}, TypeError, "received True"),
    ({"sizes": SIZES | {"hidden_size": np.True_}}, TypeError, "received a numpy.bool"),
    ({"sizes": SIZES | {"hidden_size": "4"}}, TypeError, "received a str"),
    ({"sizes": SIZES | {"hidden_size": np.array([4])}}, TypeError, "received int64 array of shape (1,)"),
    (
        {"dtype": np.float16},
        TypeError,
        "toy.init: dtype: expected float32 or float64 in native byte order, received <class",
    ),
    ({"dtype": "half a float"}, TypeError, "received 'half a float'"),
    ({"dtype": ">f4"}, TypeError, "received '>f4'"),
    ({"dtype": None}, TypeError, "received None"),
    ({"dtype": int}, TypeError, "received <class 'int'>"),
    ({"seed": -1}, ValueError, "toy.init: seed: expected an integer of at least 0, received -1"),
    ({"seed": None}, TypeError, "seed: expected an integer of at least 0, received None"),
    ({"seed": 1.5}, TypeError, "received 1.5"),
    (
        {"signature": UNIFIED},
        ValueError,
        "sum.init: input_size=3 and hidden_size=4 must be equal in cell sum: its equations combine vectors of these",
    ),
]


@pytest.mark.parametrize(("changes", "error", "fragment"), REFUSALS, ids=[f"refusal-{n}" for n in range(len(REFUSALS))])
def test_refusal(changes: dict[str, Any], error: type[Exception], fragment: str) -> None:
    call: dict[str, Any] = {"signature": CELL, "sizes": SIZES, "dtype": np.float32, "seed": 0} | changes
    with pytest.raises(error, match=re.escape(fragment)) as caught:
        init_params(**call)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
