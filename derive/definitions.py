"""What each elementary function is, in the mathematics of SymPy and mpmath.

The proof rests on this module and never on `rules.py`: every definition is written by SymPy's or mpmath's own tanh,
exp, erf and Piecewise. The branches of a Piecewise carry the conventions at kinks: SymPy's derivative of the branch
that holds at the kink is the derivative there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import mpmath
import sympy
from sympy import Integer, Piecewise, Rational


def define(name: str, *arguments: sympy.Expr) -> sympy.Expr:
    """The function `name` of `arguments`, which stand for real numbers, as a SymPy expression; KeyError if unknown."""
    return _DEFINITIONS[name](*arguments)


def evaluate(name: str, *arguments: mpmath.mpf) -> mpmath.mpf:
    """The function `name` at finite `arguments`, to mpmath's working precision; KeyError if it is unknown.

    No form cancels or overflows: the result has nearly all digits of the working precision at any argument, and at
    +-1e4 as well as near zero. Outside the domain of a function the result is complex or infinite.
    """
    return _EVALUATIONS[name](*arguments)


def _clip(x: sympy.Expr, bound: int, inside: sympy.Expr, low: int) -> sympy.Expr:
    """`inside` for |x| < bound, `low` at and below it, 1 at and above it."""
    return Piecewise((Integer(low), x <= -bound), (Integer(1), x >= bound), (inside, True))


def _normal_density(x: sympy.Expr) -> sympy.Expr:
    return sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi)


def _normal_cdf(x: sympy.Expr) -> sympy.Expr:
    return (1 + sympy.erf(x / sympy.sqrt(2))) / 2


_DEFINITIONS: Mapping[str, Callable[..., sympy.Expr]] = MappingProxyType(
    {
        "tanh": sympy.tanh,
        "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
        "relu": lambda x: Piecewise((x, x > 0), (Integer(0), True)),
        "leaky_relu": lambda x: Piecewise((x, x > 0), (x / 100, True)),
        "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
        "softsign": lambda x: x / (1 + sympy.Abs(x)),
        "elu": lambda x: Piecewise((x, x > 0), (sympy.exp(x) - 1, True)),
        "gelu": lambda x: x * _normal_cdf(x),
        "silu": lambda x: x / (1 + sympy.exp(-x)),
        "hard_sigmoid": lambda x: _clip(x, 3, x / 6 + Rational(1, 2), low=0),
        "hard_tanh": lambda x: _clip(x, 1, x, low=-1),
        "exp": sympy.exp,
        "log": sympy.log,
        "sqrt": sympy.sqrt,
        "abs": sympy.Abs,
        "sin": sympy.sin,
        "cos": sympy.cos,
        "erf": sympy.erf,
        "minimum": lambda a, b: Piecewise((a, a <= b), (b, True)),
        "maximum": lambda a, b: Piecewise((a, a >= b), (b, True)),
        "greater": lambda a, b: Piecewise((Integer(1), a > b), (Integer(0), True)),
        "sign": sympy.sign,
        "power": lambda a, b: a**b,
        "xlogy": lambda a, b: a * sympy.log(b),
        "normal_cdf": _normal_cdf,
        "normal_density": _normal_density,
        "erf_derivative": lambda x: 2 * sympy.exp(-(x**2)) / sympy.sqrt(sympy.pi),
    }
)

_EVALUATIONS: Mapping[str, Callable[..., mpmath.mpf]] = MappingProxyType(
    {
        "tanh": mpmath.tanh,
        "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
        "relu": lambda x: max(x, mpmath.mpf(0)),
        "leaky_relu": lambda x: x if x > 0 else x / 100,
        "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
        "softsign": lambda x: x / (1 + abs(x)),
        "elu": lambda x: x if x > 0 else mpmath.expm1(x),
        "gelu": lambda x: x * mpmath.ncdf(x),
        "silu": lambda x: x / (1 + mpmath.exp(-x)),
        "hard_sigmoid": lambda x: min(max((x + 3) / 6, mpmath.mpf(0)), mpmath.mpf(1)),
        "hard_tanh": lambda x: min(max(x, mpmath.mpf(-1)), mpmath.mpf(1)),
        "exp": mpmath.exp,
        "log": mpmath.log,
        "sqrt": mpmath.sqrt,
        "abs": abs,
        "sin": mpmath.sin,
        "cos": mpmath.cos,
        "erf": mpmath.erf,
        "minimum": min,
        "maximum": max,
        "greater": lambda a, b: mpmath.mpf(a > b),
        "sign": mpmath.sign,
        "power": mpmath.power,
        "xlogy": lambda a, b: a * mpmath.log(b),
        "normal_cdf": mpmath.ncdf,
        "normal_density": mpmath.npdf,
        "erf_derivative": lambda x: 2 * mpmath.exp(-(x**2)) / mpmath.sqrt(mpmath.pi),
    }
)
