"""What the choice of the tape weighs: saved values against operations, both in bytes moved. These are estimates.

They keep the order right: a few additions and products cost less than to store and load a value, elementary functions
cost more.
"""

from __future__ import annotations

import sympy

from derive.elementary import Elementary

SAVED = 8
"""A saved value of one unit: four bytes in float32, stored by the forward pass and loaded by the backward pass."""
OPERATION = 1
"""An addition or a product, in vectors: about what a core does while it moves one byte to memory or back."""
DIVISION = 4
FUNCTION = 32
"""An exponential, a sigmoid, a hyperbolic tangent: a polynomial, a division and the care for its ends, some thirty
operations. It costs more than the store and the load that it could spare."""
SIMPLE = frozenset({"relu", "leaky_relu", "abs", "sign", "greater", "minimum", "maximum", "hard_sigmoid", "hard_tanh"})
"""Functions that are comparisons and a few operations."""
SIMPLE_FUNCTION = 3


def operations(expression: sympy.Expr) -> int:
    """The price of computing `expression` for one unit."""
    inner = sum(operations(argument) for argument in expression.args)
    match expression:
        case sympy.Add():
            return inner + (len(expression.args) - 1) * OPERATION
        case sympy.Mul():
            divided = sum(isinstance(item, sympy.Pow) and bool(item.exp.is_negative) for item in expression.args)
            return inner + max(len(expression.args) - 1 - divided - (-1 in expression.args), 0) * OPERATION
        case sympy.Pow():
            exponent = expression.exp
            multiplied = (abs(int(exponent)) - 1) * OPERATION if exponent.is_Integer else FUNCTION
            return inner + multiplied + (DIVISION if exponent.is_negative else 0)
        case Elementary():
            return inner + (SIMPLE_FUNCTION if expression.rule.name in SIMPLE else FUNCTION)
    return inner
