"""The one table of elementary functions: derivative, NumPy form, kernel forms, LaTeX and terminal text.

Pure data. A derivative is text in the language of cells over the arguments and `y`, the output. It is written in `y`
where that saves work, as papers print it: tanh' = 1 - y**2, sigmoid' = y * (1 - y). It may use the functions of this
table, the internal ones included, and holds rational numbers only, so that the proof of a row is exact.

At a kink the text itself carries the convention. relu'(0) = abs'(0) = 0; a tie of minimum or maximum gives the whole
error to the first argument; leaky and hard functions take the saturated side. NaN goes through every derivative.
tests/rules proves each row and compares it with differences in 50-digit arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    """One elementary function.

    `derivatives` holds one text for each of `arguments`. `numpy` and `kernel` are templates for `str.format`: the
    NumPy form uses the names `np` and `functions` (generated.support.functions), the Numba form the name `scalar`,
    which is what it imports from generated.support.elementwise ("" for a builtin). `cuda` is written out in the place
    of a call, because a kernel on a device calls no function of ours: it uses `math`, which the device has, and writes
    `{n[0.5]}` for the name of the typed constant 0.5. All arguments of a kernel form have one dtype, numbers included.
    `latex` and `text` are operators: they stand before the parenthesis.

    `kinks` are expressions in the arguments that vanish where the first or second derivative jumps; differences skip
    points near them. Where all arguments lie inside `domain`, an open interval, the function is real and otherwise
    smooth. An `internal` function cannot be called in a cell: it stands in derivatives, or for the operator `**`.
    """

    name: str
    arguments: tuple[str, ...]
    derivatives: tuple[str, ...]
    numpy: str
    kernel: str
    scalar: str
    cuda: str
    latex: str
    text: str
    kinks: tuple[str, ...] = ()
    domain: tuple[float, float] = (-inf, inf)
    internal: bool = False


def _unary(
    name: str,
    derivative: str,
    *,
    cuda: str | None = None,
    numpy: str | None = None,
    latex: str | None = None,
    text: str | None = None,
    kinks: tuple[str, ...] = (),
    domain: tuple[float, float] = (-inf, inf),
    internal: bool = False,
) -> Rule:
    """A function of one argument x; the forms that are not given follow from its name."""
    return Rule(
        name=name,
        arguments=("x",),
        derivatives=(derivative,),
        numpy=numpy or f"functions.{name}({{0}})",
        kernel=f"{name}({{0}})",
        scalar=name,
        cuda=cuda or f"math.{name}({{0}})",
        latex=latex or _operator(name),
        text=text or name,
        kinks=kinks,
        domain=domain,
        internal=internal,
    )


def _binary(
    name: str,
    derivatives: tuple[str, str],
    *,
    cuda: str,
    numpy: str,
    latex: str | None = None,
    kinks: tuple[str, ...] = ("a - b",),
    domain: tuple[float, float] = (-inf, inf),
    internal: bool = False,
) -> Rule:
    """A function of two arguments a and b, most of which have a kink where these are equal."""
    return Rule(
        name=name,
        arguments=("a", "b"),
        derivatives=derivatives,
        numpy=numpy,
        kernel=f"{name}({{0}}, {{1}})",
        scalar=name,
        cuda=cuda,
        latex=latex or _operator(name),
        text=name,
        kinks=kinks,
        domain=domain,
        internal=internal,
    )


def _operator(name: str) -> str:
    """The upright LaTeX operator of that name."""
    return rf"\operatorname{{{name.replace('_', '-')}}}"


_ROWS = (
    _unary("tanh", "1 - y**2", numpy="np.tanh({0})", latex=r"\tanh"),
    # Where exp overflows, on a device to infinity, the quotient is 0, which is the limit.
    _unary("sigmoid", "y * (1 - y)", cuda="{n[1]} / ({n[1]} + math.exp(-{0}))", latex=r"\sigma", text="σ"),
    _unary("relu", "greater(y, 0)", cuda="{n[0]} if {0} <= {n[0]} else {0}", numpy="np.maximum({0}, 0)", kinks=("x",)),
    _unary(
        "leaky_relu",
        "0.01 + 0.99 * greater(y, 0)",
        cuda="{0} if {0} > {n[0]} else {n[0.01]} * {0}",
        kinks=("x",),
    ),
    _unary(
        "softplus",
        "sigmoid(x)",
        cuda="({n[0]} if {0} <= {n[0]} else {0}) + math.log1p(math.exp(-abs({0})))",
    ),
    _unary(
        "softsign",
        "(1 / (1 + abs(x)))**2",
        cuda="{0} / ({n[1]} + abs({0})) if abs({0}) < {n[1e30]} or {0} != {0} else math.copysign({n[1]}, {0})",
        kinks=("x",),
    ),
    _unary("elu", "1 + minimum(y, 0)", cuda="{0} if {0} > {n[0]} else math.expm1({0})", kinks=("x",)),
    _unary(
        "gelu",
        "normal_cdf(x) + x * normal_density(x)",
        cuda="(-{n[1000]} if {0} < -{n[1000]} else {0}) * ({n[0.5]} * math.erfc(-{n[0.7071067811865476]} * {0}))",
    ),
    _unary(
        "silu",
        "sigmoid(x) + y * (1 - sigmoid(x))",
        cuda="(-{n[1000]} if {0} < -{n[1000]} else {0}) / ({n[1]} + math.exp(-{0}))",
    ),
    _unary(
        "hard_sigmoid",
        "greater(y * (1 - y), 0) / 6",
        cuda="{n[0]} if {0} <= -{n[3]} else {n[1]} if {0} >= {n[3]} else ({0} + {n[3]}) / {n[6]}",
        kinks=("x - 3", "x + 3"),
    ),
    _unary(
        "hard_tanh",
        "greater(1, abs(y))",
        cuda="-{n[1]} if {0} < -{n[1]} else {n[1]} if {0} > {n[1]} else {0}",
        numpy="np.clip({0}, -1, 1)",
        kinks=("x - 1", "x + 1"),
    ),
    _unary("exp", "y", numpy="np.exp({0})", latex=r"\exp"),
    _unary("log", "1 / x", numpy="np.log({0})", latex=r"\log", domain=(0.0, inf)),
    _unary("sqrt", "1 / (2 * y)", numpy="np.sqrt({0})", latex=r"\sqrt", text="√", domain=(0.0, inf)),
    Rule(
        name="abs",
        arguments=("x",),
        derivatives=("sign(x)",),
        numpy="np.abs({0})",
        kernel="abs({0})",
        scalar="",
        cuda="abs({0})",
        latex=_operator("abs"),
        text="abs",
        kinks=("x",),
    ),
    _unary("sin", "cos(x)", numpy="np.sin({0})", latex=r"\sin"),
    _unary("cos", "-sin(x)", numpy="np.cos({0})", latex=r"\cos"),
    _unary("erf", "erf_derivative(x)"),
    _binary(
        "minimum",
        ("1 - greater(a, b)", "greater(a, b)"),
        cuda="{0} if {0} <= {1} or {0} != {0} else {1}",
        numpy="np.minimum({0}, {1})",
        latex=r"\min",
    ),
    _binary(
        "maximum",
        ("1 - greater(b, a)", "greater(b, a)"),
        cuda="{0} if {0} >= {1} or {0} != {0} else {1}",
        numpy="np.maximum({0}, {1})",
        latex=r"\max",
    ),
    # 1 where a > b, else 0; NaN if either is NaN.
    _binary(
        "greater",
        ("0", "0"),
        cuda="{n[1]} if {0} > {1} else {n[0]} if {0} <= {1} else {0} + {1}",
        numpy="functions.greater({0}, {1})",
        internal=True,
    ),
    _unary(
        "sign",
        "0",
        cuda="{n[1]} if {0} > {n[0]} else -{n[1]} if {0} < {n[0]} else {0}",
        numpy="np.sign({0})",
        kinks=("x",),
        internal=True,
    ),
    # a**b with an exponent that is no number; its derivative by b is 0 at a = 0 < b.
    _binary(
        "power",
        ("b * power(a, b - 1)", "xlogy(y, a)"),
        cuda="math.pow({0}, {1})",
        numpy="np.power({0}, {1})",
        kinks=(),
        domain=(0.0, inf),
        internal=True,
    ),
    # a log(b), and 0 where a is 0.
    _binary(
        "xlogy",
        ("log(b)", "a / b"),
        cuda="{0} if {0} == {n[0]} and {1} == {1} else {0} * math.log({1})",
        numpy="functions.xlogy({0}, {1})",
        kinks=(),
        domain=(0.0, inf),
        internal=True,
    ),
    # The standard normal distribution and its density, and 2 / sqrt(pi) exp(-x**2): functions of their own, because
    # their constants are irrational and their tails need care.
    _unary(
        "normal_cdf",
        "normal_density(x)",
        cuda="{n[0.5]} * math.erfc(-{n[0.7071067811865476]} * {0})",
        latex=r"\Phi",
        text="Φ",
        internal=True,
    ),
    _unary(
        "normal_density",
        "-x * y",
        cuda="math.exp(-{n[0.5]} * {0} * {0}) * {n[0.3989422804014327]}",
        latex=r"\varphi",
        text="φ",
        internal=True,
    ),
    _unary(
        "erf_derivative",
        "-2 * x * y",
        cuda="math.exp(-{0} * {0}) * {n[1.1283791670955126]}",
        latex=r"\operatorname{erf}'",
        text="erf'",
        internal=True,
    ),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ROWS})
"""Every elementary function by name, in the order of the language reference, the internal ones last."""

GATES = frozenset({"sigmoid", "hard_sigmoid"})
"""The functions into the interval from 0 to 1 that make a gate."""
