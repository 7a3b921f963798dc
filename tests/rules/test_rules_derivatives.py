"""The derivative column against 50-digit differences of the definitions, and against SymPy's own derivatives."""

import itertools

import mpmath
import pytest
import sympy

from derive.definitions import define, evaluate
from derive.rules import RULES
from tests.rules.rows import BINARY, UNARY, evaluate_text, exact_derivatives

DIGITS = 50
STEP = mpmath.mpf("1e-15")
# Sixty-fourths: exact in binary and as rational numbers.
SIXTY_FOURTHS = (-3840, -800, -256, -185, -110, -70, -20, -1, 0, 2, 25, 58, 83, 180, 320, 870, 3840)
POINTS = [mpmath.mpf(n) / 64 for n in SIXTY_FOURTHS]
KINK_DISTANCE = mpmath.mpf("1e-3")


def at(rule, *arguments):
    """The names of the rule's arguments and their values."""
    return dict(zip(rule.arguments, arguments, strict=True))


def is_smooth(rule, *arguments):
    low, high = rule.domain
    inside = all(low < argument < high for argument in arguments)
    return inside and all(
        abs(evaluate_text(kink, at(rule, *arguments), mpmath.mpf, evaluate)) > KINK_DISTANCE for kink in rule.kinks
    )


def difference(rule, position, arguments):
    """The central difference by the argument at `position`."""
    above, below = list(arguments), list(arguments)
    above[position] += STEP
    below[position] -= STEP
    return (evaluate(rule.name, *above) - evaluate(rule.name, *below)) / (2 * STEP)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_derivatives_equal_differences_of_the_definition(rule):
    checked = 0
    with mpmath.workdps(DIGITS):
        for arguments in itertools.product(POINTS, repeat=len(rule.arguments)):
            if not is_smooth(rule, *arguments):
                continue
            for position, derivative in enumerate(exact_derivatives(rule, *arguments)):
                expected = difference(rule, position, arguments)
                # The remainder of the difference is STEP**2 times a third derivative; the rest is rounding.
                assert abs(derivative - expected) <= mpmath.mpf("1e-26") * (1 + abs(expected)), (arguments, position)
                checked += 1
    assert checked >= 8


def rational(text):
    return sympy.Rational(text)


def row(rule, position, *arguments):
    names = at(rule, *arguments) | {"y": define(rule.name, *arguments)}
    return evaluate_text(rule.derivatives[position], names, rational, define)


POSITIVE = sympy.Symbol("p", positive=True)
SHIFTED = {"hard_sigmoid": 3, "hard_tanh": 1}


@pytest.mark.parametrize("rule", UNARY, ids=lambda rule: rule.name)
def test_unary_derivatives_are_sympys(rule):
    """On each side of the kinks the row and SymPy's derivative of the definition are one expression."""
    x = sympy.Symbol("x", real=True)
    slope = sympy.diff(define(rule.name, x), x)
    if not rule.kinks:
        sides = [POSITIVE] if rule.domain[0] == 0 else [x]
    else:
        sides = [POSITIVE + SHIFTED.get(rule.name, 0), -POSITIVE - SHIFTED.get(rule.name, 0)]
    for side in sides:
        assert sympy.simplify(slope.subs(x, side).doit() - row(rule, 0, side)) == 0


@pytest.mark.parametrize("name", SHIFTED)
@pytest.mark.parametrize("fraction", ["-99/100", "-1/3", "0", "1/7", "99/100"])
def test_hard_functions_between_their_kinks(name, fraction):
    x = sympy.Symbol("x", real=True)
    point = SHIFTED[name] * rational(fraction)
    assert sympy.diff(define(name, x), x).subs(x, point) == row(RULES[name], 0, point) != 0


@pytest.mark.parametrize("rule", BINARY, ids=lambda rule: rule.name)
@pytest.mark.parametrize("position", [0, 1])
def test_binary_derivatives_are_sympys(rule, position):
    symbols = sympy.symbols("a b", real=True)
    slope = sympy.diff(define(rule.name, *symbols), symbols[position])
    q = sympy.Symbol("q", positive=True)
    for arguments in [(q, q + POSITIVE), (q + POSITIVE, q)]:
        expected = slope.subs(dict(zip(symbols, arguments, strict=True)), simultaneous=True)
        assert sympy.simplify(expected - row(rule, position, *arguments)) == 0


@pytest.mark.parametrize("name", RULES)
def test_both_definitions_are_one_function(name):
    """SymPy's and mpmath's definitions agree to 40 digits, also where one of them would cancel or overflow."""
    rule = RULES[name]
    with mpmath.workdps(DIGITS):
        for arguments in itertools.product(POINTS, repeat=len(rule.arguments)):
            if not all(rule.domain[0] < argument < rule.domain[1] for argument in arguments):
                continue
            exact = [sympy.Rational(int(64 * argument), 64) for argument in arguments]
            expected = mpmath.mpf(str(sympy.N(define(name, *exact), DIGITS, maxn=10000)))
            assert abs(evaluate(name, *arguments) - expected) <= mpmath.mpf("1e-40") * abs(expected)
