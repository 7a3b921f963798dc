"""The forms that are written out in the kernels of a device, run by Python: values, extremes, typed constants."""

import ast
import math
import types

import numpy as np
import pytest
import sympy

from derive.elementary import elementary, value
from derive.printers.code import CudaPrinter, decimal
from derive.rules import RULES
from tests.rules.rows import numpy_form

EXTREMES = [-math.inf, -1e300, -1e3, -90.0, -3.0, -1.0, -0.0, 0.0, 1.0, 3.0, 90.0, 1e3, 1e300, math.inf, math.nan]


def limiting(function, otherwise):
    """A function of `math` as a device has it: it raises nothing."""

    def applied(*arguments):
        try:
            return function(*arguments)
        except OverflowError:
            return math.inf
        except ValueError:
            return otherwise(*arguments)

    return applied


DEVICE_MATH = types.SimpleNamespace(
    **{name: getattr(math, name) for name in ("tanh", "erf", "erfc", "log1p", "copysign")},
    **{name: limiting(getattr(math, name), lambda *_: math.nan) for name in ("exp", "expm1", "sqrt", "sin", "cos")},
    log=limiting(math.log, lambda x: -math.inf if x == 0 else math.nan),
    pow=limiting(math.pow, lambda a, b: math.inf if a == 0 else math.nan),
)


def printed(rule, arguments):
    """The text of one application, the lines before it, and the constants by name."""
    constants, lines = {}, []

    def constant(number):
        return constants.setdefault(decimal(number), f"number_{len(constants)}")

    def name(text):
        lines.append(f"argument_{len(lines)} = {text}")
        return f"argument_{len(lines) - 1}"

    printer = CudaPrinter(str, constant, name)
    return printer.text(elementary(rule.name)(*arguments)), lines, {name: text for text, name in constants.items()}


def cuda_form(rule, *numbers):
    """The CUDA form of numbers, in float64."""
    names = [value(name) for name in "ab"[: len(numbers)]]
    text, _, constants = printed(rule, names)
    scope = {"math": DEVICE_MATH, "abs": abs} | {name: np.float64(number) for name, number in constants.items()}
    scope |= {str(name): np.float64(number) for name, number in zip(names, numbers, strict=True)}
    with np.errstate(all="ignore"):
        return eval(text, scope)


def samples(rule):
    grid = [*np.linspace(-5, 5, 41), *np.logspace(-12, 2, 29), *-np.logspace(-12, 2, 29), *EXTREMES]
    return [x for x in grid if rule.domain[0] < x < rule.domain[1] or math.isnan(x)]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_the_value_is_that_of_the_numpy_form(rule):
    numbers = samples(rule)
    pairs = [(x,) for x in numbers] if len(rule.arguments) == 1 else [(a, b) for a in numbers for b in numbers[::3]]
    assert len(pairs) >= 50
    for arguments in pairs:
        with np.errstate(all="ignore"):
            wanted = float(numpy_form(rule.name, *map(np.float64, arguments)))
        got = float(cuda_form(rule, *arguments))
        assert got == pytest.approx(wanted, rel=2e-13, abs=1e-300, nan_ok=True), arguments


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_every_number_is_a_typed_constant_and_every_function_of_math(rule):
    """A bare number would turn float32 into float64, and a function of ours could not be called."""
    text, _, constants = printed(rule, [value(name) for name in "ab"[: len(rule.arguments)]])
    for node in ast.walk(ast.parse(text, mode="eval")):
        assert not isinstance(node, ast.Constant), text
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) == "abs" or ast.unparse(node.func).removeprefix("math.") in vars(DEVICE_MATH)
        if isinstance(node, ast.Name):
            assert node.id in {"a", "b", "math", "abs", *constants}


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_an_argument_is_bracketed_or_named(rule):
    """Of a sum, inside a quotient: the text still means the same."""
    a, b = value("a"), value("b")
    arguments = [a + b, a * b][: len(rule.arguments)]
    numbers = {"a": np.float64(0.7), "b": np.float64(0.4)}
    text, lines, constants = printed(rule, arguments)
    scope = {"math": DEVICE_MATH, "abs": abs, **numbers} | {name: np.float64(x) for name, x in constants.items()}
    for line in lines:
        exec(line, scope)
    expected = numpy_form(rule.name, *[numbers["a"] + numbers["b"], numbers["a"] * numbers["b"]][: len(arguments)])
    assert eval(text, scope) == pytest.approx(float(expected), rel=1e-13)
    quotient = CudaPrinter(str, lambda number: f"({decimal(number)})", lambda text: text)
    whole = quotient.text(b / elementary(rule.name)(*([a, b][: len(rule.arguments)])), 0)
    value_of = eval(whole, {"math": DEVICE_MATH, "abs": abs, **numbers})
    inner = numpy_form(rule.name, *[numbers[name] for name in "ab"[: len(arguments)]])
    assert value_of == pytest.approx(float(numbers["b"] / inner), rel=1e-13)


def test_small_powers_are_products():
    x = value("x")
    names = []
    printer = CudaPrinter(str, lambda number: f"c{decimal(number)}", lambda text: names.append(text) or "base")
    assert printer.text(x**3) == "x * x * x"
    assert printer.text((x + 1) ** 2) == "base * base"
    assert names == ["(c1 + x)"]
    assert printer.text(x ** sympy.Rational(1, 2)) == "math.pow(x, c0.5)"
