"""The module `math` as it is on a device: results have the dtype of the arguments, and overflow gives infinity.

A value is computed in double precision and rounded once, so it is at least as accurate as a device's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

_TYPED = (
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "copysign", "cos", "cosh", "erf", "erfc"),
    *("exp", "expm1", "fabs", "hypot", "log", "log10", "log1p", "log2", "pow", "sin", "sinh", "sqrt", "tan", "tanh"),
)
_PLAIN = ("isfinite", "isinf", "isnan", "pi", "e")


def _typed(name: str) -> Callable[..., np.floating]:
    function = getattr(math, name)

    def on_device(*arguments: Any) -> np.floating:
        real = _result(*map(type, arguments))
        try:
            return real(function(*arguments))
        except (OverflowError, ValueError):
            return real(getattr(np, name)(*map(np.float64, arguments)))

    return on_device


@cache
def _result(*types: type) -> type[np.floating]:
    """The widest of the NumPy types; float64 where there is none."""
    typed = [each for each in types if issubclass(each, np.floating)]
    return np.result_type(*typed).type if typed else np.float64


device_math = SimpleNamespace(
    **{name: _typed(name) for name in _TYPED}, **{name: getattr(math, name) for name in _PLAIN}
)
"""Stands for `math` in a kernel."""
