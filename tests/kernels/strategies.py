"""Draws cells as text in the language, and says which constructs a cell holds.

A cell is drawn in the order in which it is written: first the variables with their dimensions, then one equation after
another. An expression is made for a dimension and reads what is there. Whatever is read at t-1 is bounded, and so are
the arguments of everything that grows fast, so that a few steps stay finite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from derive.equations import Equations, parse

T = TypeVar("T")


NAMES = """
S I E N O Q C pi beta gamma zeta lambda_ Symbol Add oo
np calls arrays losses functions parameters unrolled mask product range len zip sum real compiled
params state tape call lengths dy dstate target weight errors ends steps batch sizes dtype grads y_t x_t loss
t1 item unit now before here ended keep one zero two number_0_5 packed plain array isinstance y
kept_c kept_x d_c d_h x_before c_before sums carry_h adjoints_x packed_x products_x pulled_x weights_x error_h
common_1 function_1 W_product count index self forward backward init pack step Params State
c h z r g f W U V R b
"""
"""Names that could meet those of generated code, of SymPy or of Python, and some that papers use."""

BOUNDED = (
    "tanh({})",
    "sigmoid({})",
    "softsign({})",
    "sin({})",
    "cos({})",
    "erf({})",
    "hard_tanh({})",
    "hard_sigmoid({})",
)
LINEAR = ("relu({})", "leaky_relu({})", "softplus({})", "elu({})", "gelu({})", "silu({})", "abs({})")
GUARDED = ("exp(tanh({}))", "log(1.5 + ({})**2)", "sqrt(1.5 + ({})**2)", "exp(-(0.5 + ({})**2))")


@dataclass(frozen=True)
class Variable:
    """A vector that equations assign: its dimension, and whether others may read it at t-1."""

    name: str
    dimension: str
    recurrent: bool


@dataclass
class Writer:
    """Draws the expressions of one cell and remembers the parameters that they made."""

    random: Random
    names: Iterator[str]
    inputs: dict[str, str]
    variables: list[Variable]
    stateless: bool = False
    readable: dict[str, str] = field(default_factory=dict)
    matrices: dict[str, tuple[str, str]] = field(default_factory=dict)
    vectors: dict[str, str] = field(default_factory=dict)
    scalars: list[str] = field(default_factory=list)
    scalar_variables: list[str] = field(default_factory=list)
    constants: dict[str, float] = field(default_factory=dict)

    @property
    def dimensions(self) -> list[str]:
        """All dimensions, each of which has a vector of some step."""
        return sorted({*self.inputs.values(), *(variable.dimension for variable in self.variables)})

    def pick(self, options: Sequence[T]) -> T:
        return self.random.choice(options)

    def chance(self, percent: int) -> bool:
        return self.random.randint(1, 100) <= percent

    def matrix(self, rows: str, columns: str) -> str:
        """`W` or `transpose(W)` of these dimensions: one that is there, or a new one."""
        there = [name for name, shape in self.matrices.items() if shape == (rows, columns)]
        turned = [f"transpose({name})" for name, shape in self.matrices.items() if shape == (columns, rows)]
        if there + turned and self.chance(55):
            return self.pick(turned if turned and self.chance(60) else there + turned)
        name = next(self.names)
        transposed = self.chance(15)
        self.matrices[name] = (columns, rows) if transposed else (rows, columns)
        return f"transpose({name})" if transposed else name

    def vector(self, dimension: str) -> str:
        """A vector parameter, new or shared."""
        there = [name for name, of in self.vectors.items() if of == dimension]
        if there and self.chance(40):
            return self.pick(there)
        name = next(self.names)
        self.vectors[name] = dimension
        return name

    def scalar(self) -> str:
        """A scalar parameter, new or shared."""
        if not self.scalars or self.chance(40):
            self.scalars.append(next(self.names))
        return self.pick(self.scalars + self.scalar_variables)

    def constant(self) -> str:
        """A name of [constants]."""
        if not self.constants or self.chance(30):
            self.constants[next(self.names)] = self.pick([0.5, -0.25, 1.5, 2.0, -1.0, 0.1])
        return self.pick(list(self.constants))

    def now(self, dimension: str) -> list[str]:
        """What can be read at this step."""
        return [name for name, of in {**self.inputs, **self.readable}.items() if of == dimension]

    def before(self, dimension: str) -> list[str]:
        """What can be read at t-1, written as the language writes it."""
        if self.stateless:
            return []
        names = [name for name, of in self.inputs.items() if of == dimension]
        names += [item.name for item in self.variables if item.recurrent and item.dimension == dimension]
        return [f"{name}[t-1]" for name in names]

    def atom(self, dimension: str) -> str:
        """One vector: of this step, of the one before, or a parameter."""
        kinds = [lambda: self.vector(dimension)]
        if self.now(dimension):
            kinds += [lambda: self.pick(self.now(dimension))] * 3
        if self.before(dimension):
            kinds += [lambda: self.pick(self.before(dimension))] * 3
        return self.pick(kinds)()

    def expression(self, dimension: str, depth: int = 2) -> str:
        """An expression for vectors of `dimension`, in brackets where it is a sum or a product."""
        if depth == 0:
            return self.atom(dimension)
        form = self.pick((self.affine, self.affine, self.atoms, self.elementwise, self.function))
        return form(dimension, depth - 1)

    def product(self, dimension: str, depth: int) -> str:
        """A matrix times a vector, which may be an expression, or made of parameters alone."""
        columns = self.pick(self.dimensions)
        if self.chance(15):
            right = self.pick(("{0}", "({0} * {0})", "tanh({0})")).format(self.vector(columns))
        else:
            right = self.expression(columns, min(depth, 1)) if self.chance(50) else self.atom(columns)
        return f"{self.matrix(dimension, columns)} @ {right}"

    def affine(self, dimension: str, depth: int) -> str:
        terms = [self.product(dimension, depth) for _ in range(self.random.randint(1, 2))]
        if self.chance(40):
            terms.append(self.vector(dimension))
        return f"({self.pick((' + ', ' - ')).join(terms)})"

    def atoms(self, dimension: str, depth: int) -> str:
        """Forms whose symbols SymPy would merge: repeated occurrences, a value beside the one before it."""
        a = self.atom(dimension)
        beside = [name for name in self.now(dimension) if f"{name}[t-1]" in self.before(dimension)]
        if beside and self.chance(60):
            name = self.pick(beside)
            return self.pick((f"({name} * {name}[t-1])", f"({name} - {name}[t-1])"))
        return self.pick((f"({a} * {a})", f"({a} - {a})", f"({a} + {a})", f"({a} / (1.5 + {a} * {a}))"))

    def elementwise(self, dimension: str, depth: int) -> str:
        a, b = self.expression(dimension, depth), self.atom(dimension)
        forms: list[Callable[[], str]] = [
            lambda: f"({a} + {b})",
            lambda: f"({a} - {b})",
            lambda: f"({a} * {b})",
            lambda: f"(-{b} * {a})",
            lambda: f"({a} / (1.5 + {b}**2))",
            lambda: f"tanh({a})**{self.pick(('2', '3', '5'))}",
            lambda: f"(1.5 + {b}**2)**{self.pick(('0.5', '(-1)', '-0.5', '-2', '1.5', '(1 / 3)'))}",
            lambda: f"(1.5 + {b}**2)**{self.scalar()}",
            lambda: f"(1.5 + {b}**2)**{self.constant()}",
            lambda: f"(1.5 + {b}**2)**sin({self.atom(dimension)})",
            lambda: f"{self.pick(('2', '0.5'))}**tanh({b})",
            lambda: f"({self.scalar()} * {a})",
            lambda: f"({self.constant()} * {a})",
            lambda: f"({a} + {self.scalar()})",
            lambda: f"({a} * {self.pick(('tanh', 'exp'))}({self.scalar()}))",
            lambda: f"({a} * tanh({b}) + tanh({self.vector(dimension)}))",
            lambda: f"(1 - {a})",
            lambda: f"{self.pick(('0.5', '3', '0.125'))} * {a}",
        ]
        return f"({self.pick(forms)()})"

    def function(self, dimension: str, depth: int) -> str:
        if self.chance(15):
            name = self.pick(("minimum", "maximum"))
            second = self.pick((self.atom(dimension), "0.3"))
            return f"{name}({self.expression(dimension, depth)}, {second})"
        form = self.pick((*BOUNDED, *LINEAR, *LINEAR, *LINEAR, *GUARDED))
        return form.format(self.expression(dimension, depth))

    def bounded(self, variable: Variable) -> str:
        """The right-hand side of a variable that may be read at t-1."""
        inner = self.pick(BOUNDED).format(self.expression(variable.dimension))
        if self.chance(8):
            return self.pick(BOUNDED).format(self.vector(variable.dimension))
        if self.stateless or self.chance(40):
            return inner
        before = f"{variable.name}[t-1]"
        gate = f"sigmoid({self.expression(variable.dimension)})"
        gates = [item.name for item in self.variables if item.dimension == variable.dimension and item.recurrent]
        forms = [f"{gate} * {before} + (1 - {gate}) * {inner}", f"0.5 * {before} + 0.5 * {inner}", f"{inner} * {gate}"]
        forms.append(f"{inner} * {self.pick(gates)}[t-1]")
        return self.pick(forms)

    def timeless(self, dimension: str) -> str:
        """The right-hand side of a variable made of parameters alone."""
        other = self.pick(self.dimensions)
        a, b = self.vector(dimension), self.vector(dimension)
        product = f"{self.matrix(dimension, other)} @ {self.vector(other)}"
        return self.pick((f"{a} * {b}", f"tanh({product}) * {a}", f"{product} + {self.scalar()} * {b}", product))


@dataclass(frozen=True)
class Drawn:
    """A cell as text and typed, sizes for its dimensions, and a seed for its arrays."""

    text: str
    equations: Equations
    sizes: dict[str, int]
    seed: int

    def __repr__(self) -> str:
        return f"sizes {self.sizes}, seed {self.seed}\n{self.text}"


@st.composite
def cells(draw: st.DrawFn) -> Drawn:
    """A random cell in the language, with sizes from 1 to 4.

    The choices are made by a generator that Hypothesis seeds: its own choices favour the first of every list.
    """
    return drawn_by(draw(st.randoms(use_true_random=True)))


def drawn_by(random: Random) -> Drawn:
    """The random cell that the choices of `random` make."""
    names = NAMES.split()
    random.shuffle(names)
    first = random.choice(("x", names.pop()))
    writer = Writer(random, iter(names), {first: "A"}, [], stateless=random.random() < 0.08)
    if writer.chance(35):
        writer.inputs[next(writer.names)] = writer.pick("AD")
    writer.variables += (
        Variable(next(writer.names), writer.pick("HHPA"), index == 0 or writer.chance(65))
        for index in range(writer.pick((1, 2, 2, 3, 4)))
    )
    lines = list(_timeless_lines(writer))
    for variable in writer.variables:
        recurrent = variable.recurrent and not writer.stateless
        right = writer.bounded(variable) if recurrent else writer.expression(variable.dimension)
        lines.append(f"{variable.name} = {right}")
        writer.readable[variable.name] = variable.dimension
    _read_every_input(writer, lines)
    loss, outputs = "", []
    if writer.chance(25):
        loss, readout = writer.pick(("mse", "softmax_cross_entropy")), next(writer.names)
        last = writer.variables[-1]
        lines.append(f"{readout} = {writer.matrix('O', last.dimension)} @ {last.name} + {writer.vector('O')}")
        loss = f'loss = "{loss}({readout})"'
    elif writer.chance(40):
        outputs = _timed(writer, lines)[:3]
    text = _document(writer, lines, loss, outputs)
    equations = parse(text, "drawn")
    sizes = {dimension.name: random.randint(1, 4) for dimension in equations.dimensions}
    return Drawn(text, equations, sizes, random.getrandbits(32))


def _timeless_lines(writer: Writer) -> Iterator[str]:
    """Equations of parameters alone, for a vector and for a scalar."""
    if writer.chance(35):
        dimension, name = writer.pick(writer.dimensions), next(writer.names)
        yield f"{name} = {writer.timeless(dimension)}"
        writer.readable[name] = dimension
    if writer.chance(20):
        name = next(writer.names)
        yield f"{name} = exp({writer.scalar()}) / 2 + {writer.constant()}"
        writer.scalar_variables.append(name)


def _read_every_input(writer: Writer, lines: list[str]) -> None:
    """The language refuses an input that nothing reads, and an output that is the same at every step."""
    for name in writer.inputs:
        if name not in _words("\n".join(lines)) or not ({*writer.inputs, "t"} & _words(lines[-1])):
            lines[-1] += f" + {writer.matrix(writer.variables[-1].dimension, writer.inputs[name])} @ {name}"


def _timed(writer: Writer, lines: list[str]) -> list[str]:
    """The variables that carry a step index, the last one first."""
    timed: dict[str, None] = {}
    for line in lines:
        target, _, right = line.partition(" = ")
        if {*writer.inputs, *timed, "t"} & _words(right):
            timed[target] = None
    return list(reversed(timed))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]\w*", text))


def _document(writer: Writer, lines: list[str], loss: str, outputs: list[str]) -> str:
    """The TOML text of the cell; what no equation reads is left out of the tables."""
    read = _words("\n".join(lines))
    quoted = ", ".join(f'"{name}"' for name in writer.inputs)
    parts = [f"inputs = [{quoted}]", "equations = '''", *lines, "'''"]
    if loss:
        parts.append(loss)
    if outputs:
        parts.append(f"outputs = [{', '.join(f'{chr(34)}{name}{chr(34)}' for name in outputs)}]")
    scalars = [name for name in writer.scalars if name in read]
    if scalars:
        parts += ["[parameters]", *(f'{name} = "scalar"' for name in scalars)]
        parts += ["[init]", *(f"{name} = 0.7" for name in scalars)]
    constants = [(name, value) for name, value in writer.constants.items() if name in read]
    if constants:
        parts += ["[constants]", *(f"{name} = {value}" for name, value in constants)]
    return "\n".join(parts) + "\n"
