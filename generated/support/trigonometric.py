"""Sine and cosine of vectors, without branches, of arguments up to `LIMIT`; docs/vectors.md states the bounds.

x = n π/2 + r with |r| <= π/4, where π/2 is a sum of parts (Cody and Waite): all but the last have 33 digits, so that n
times a part is exact. float32 is computed in float64.
"""

from __future__ import annotations

import math
from typing import Any

from generated.support.arithmetic import Pair, Vector, exact_sum

LIMIT = 2.0**20
"""Beyond this size n has too many digits."""
_PARTS = {
    4: (1.5707963267341256, 6.077100506506192e-11),
    8: (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32),
}
"""π/2, by the bytes of an element."""
_TERMS = {4: 5, 8: 8}
"""How many terms of the Taylor series behind the first are taken."""


def sin(x: Vector) -> Vector:
    """The sine of x radians; NaN at infinity."""
    quadrant, sine, cosine = _reduced(abs(x).widened(), x.lanes.itemsize)
    return _turned(quadrant, sine, cosine, x.widened()).narrowed(x.lanes)


def cos(x: Vector) -> Vector:
    """The cosine of x radians; NaN at infinity."""
    quadrant, sine, cosine = _reduced(abs(x).widened(), x.lanes.itemsize)
    quadrant = x.lanes.builder.add(quadrant, sine.integers(1))
    return _turned(quadrant, sine, cosine, sine.of(1.0)).narrowed(x.lanes)


def _reduced(x: Vector, itemsize: int) -> tuple[Any, Vector, Vector]:
    """n, sin(r) and cos(r), for results in a format of that many bytes."""
    whole, n = x.times(2 / math.pi).nearest()
    first, *middle, last = _PARTS[itemsize]
    rest = Pair(x.minus(whole.times(first)), x.of(0.0))
    for part in middle:
        step = exact_sum(rest.high, -whole.times(part))
        rest = Pair(step.high, rest.low.plus(step.low))
    rest = exact_sum(rest.high, rest.low.minus(whole.times(last)))
    r, z = rest.high, rest.high * rest.high
    orders = range(1, _TERMS[itemsize] + 1)
    odd = z.horner([(-1) ** order / math.factorial(2 * order + 1) for order in orders])
    even = z.horner([(-1) ** order / math.factorial(2 * order) for order in orders])
    return n, r + (rest.low + r * z * odd), z.multiply_add(even, -(r * rest.low)) + 1.0


def _turned(quadrant: Any, sine: Vector, cosine: Vector, sign: Vector) -> Vector:
    """The sine of r + quadrant π/2, with the sign of another vector besides."""
    builder = sine.lanes.builder
    odd = builder.icmp_signed("!=", builder.and_(quadrant, sine.integers(1)), sine.integers(0))
    half_turn = builder.shl(quadrant, sine.integers(sine.form.bits - 2))
    flip = builder.and_(builder.xor(half_turn, sign.bits()), sine.integers(sine.form.sign))
    return sine.of_bits(builder.xor(cosine.where(odd, sine).bits(), flip))
