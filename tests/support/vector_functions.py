"""The element-wise functions of vectors: loops over them, and the bounds that docs/vectors.md states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import mpmath
import numba
import numpy as np

from derive.definitions import evaluate
from derive.rules import RULES
from generated.support import elementwise
from generated.support.lanes import units, width
from tests.docs.pages import rows

UNARY = [rule.name for rule in RULES.values() if rule.scalar and rule.arguments == ("x",)]
BINARY = [rule.name for rule in RULES.values() if rule.scalar and rule.arguments == ("a", "b")]
TABLE = {row[0].strip("`"): row for row in rows("docs/vectors.md", "bounds")}
# Their factor leaves the normal numbers before they do.
_GRADUAL = ("silu", "gelu")


def over_rows(name: str) -> Any:
    """The function of whole arrays (rows, columns), as a kernel has it."""
    function = getattr(elementwise, name)
    if name in BINARY:

        def loop(a, b, out):
            for item in range(a.shape[0]):
                for start in range(0, a.shape[1], width(a)):
                    unit = units(start, a.shape[1], a)
                    out[item, unit] = function(a[item, unit], b[item, unit])
    else:

        def loop(a, out):
            for item in range(a.shape[0]):
                for start in range(0, a.shape[1], width(a)):
                    unit = units(start, a.shape[1], a)
                    out[item, unit] = function(a[item, unit])

    return numba.njit(error_model="numpy")(loop)


def computed(name: str, *arguments: Any) -> Any:
    """The function of flat arrays of one dtype."""
    out = np.empty_like(arguments[0])
    over_rows(name)(*(np.ascontiguousarray(side)[None] for side in arguments), out[None])
    return out


def bound(name: str, dtype: Any, argument: float) -> float:
    """How many ulp docs/vectors.md states, "4" or "4 + 2 x²" in its table."""
    found = re.fullmatch(r"([\d.]+)(?: \+ ([\d.]+) x²)?", TABLE[name][2 if dtype is np.float32 else 3])
    assert found, f"no bound of {name}"
    return float(found[1]) + float(found[2] or 0) * min(abs(argument), 1e3) ** 2


def errors(name: str, dtype: Any, *arguments: Any) -> Iterator[tuple[tuple[float, ...], float, float, bool]]:
    """Of each finite argument: the argument, the error in ulp, its bound, and whether the result is a normal number.

    Below the normal numbers an ulp is the last digit of the least normal number, and the bound is larger for functions
    that are a product with a factor that gets there first; the sigmoid may be 0 there. What overflows has error 0 if it
    is infinite.
    """
    limits = np.finfo(dtype)
    for *argument, got in zip(*arguments, computed(name, *arguments), strict=True):
        numbers = tuple(float(number) for number in argument)
        with mpmath.workdps(50):
            exact = evaluate(name, *map(mpmath.mpf, numbers))
            difference = abs(mpmath.mpf(float(got)) - exact) if np.isfinite(got) else mpmath.inf
        allowed = bound(name, dtype, numbers[0])
        least = float(limits.smallest_normal) * (1e3 if name in _GRADUAL else 1)
        if abs(exact) > float(limits.max):
            yield numbers, 0.0 if got == (np.inf if exact > 0 else -np.inf) else np.inf, allowed, False
        elif abs(exact) < least and name == "sigmoid":
            yield numbers, float(difference / least), 1.0, False
        elif abs(exact) < least:
            yield numbers, float(difference / (least * float(limits.eps))), allowed, False
        else:
            yield numbers, float(difference / float(np.spacing(dtype(abs(exact))))), allowed, True
