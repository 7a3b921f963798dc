"""The LaTeX of a cell: its view, laid out as a document of its own or as an appendix that another document inputs.

Both hold the same body, templates/tex/body.tex.j2.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from derive.circuit.scene import Scene
from derive.equations.model import Call, Equations, Init, Kind, Role
from derive.gradients import Adjoint, Gradients
from derive.graph import LOSS, Graph
from derive.printers.chart import chart
from derive.printers.latex_equations import (
    Term,
    adjoint_equation,
    adjoint_symbol,
    constant,
    forward_terms,
    gradient_symbol,
    slopes,
    symbol,
    term,
    total,
)
from derive.printers.notation import size
from derive.printers.plain_tex import escape
from derive.printers.tikz import tikz
from derive.routes import count_complete
from derive.templates import environment

LINE_WIDTH = 62
"""Glyphs of a formula that fit a line beside its number."""

PAGE_TERMS = 12
"""Terms with braces that surely fit a page."""

WIDE = 900.0
"""Pixels of a circuit above which its labels, as wide as the text, are smaller than a footnote."""

_LEGEND = "A blue wire passes through a matrix. Wires join at a dot; without one they only cross."
_GATES = ("sigmoid", "hard_sigmoid")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

_NO_GLYPH = re.compile(r"\\(?:boldsymbol|mathrm|mathit|bar|textcolor\{\w+\}|operatorname|odot|,)|[{}\s^_]")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the tables of symbols; counts are of first hops and of complete routes.

    `forward` is the n of (F.n), None where no equation assigns the name, `backward` that of (B.n).
    """

    symbol: str
    meaning: str
    shape: str
    hops: int
    routes: str
    start: str
    forward: int | None
    backward: int


@dataclass(frozen=True, slots=True)
class Alike:
    """Parameters of one shape that begin alike and stand in equally many places."""

    symbols: tuple[str, ...]
    shape: str
    hops: int
    start: str


@dataclass(frozen=True, slots=True)
class Forward:
    """An equation (F.n); `lines` after the first begin with their sign."""

    number: int
    left: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Backward:
    """An equation (B.n): what it is the adjoint of, its terms in braces, and how its slopes are written.

    `judged` says that an error enters here; `inside` and `across` count the other first hops.
    """

    number: int
    name: str
    left: str
    terms: tuple[Term, ...]
    slopes: tuple[str, ...]
    judged: bool
    inside: int
    across: int

    @property
    def ways(self) -> str:
        """Where the routes lead, as a sentence."""
        counted = [(self.inside, "inside the step"), (self.across, "across to step $t+1$")]
        ways = [f"{_counted(count)} {where}" for count, where in counted if count]
        sentence = _enumerated(["the error that enters here", *ways] if self.judged else ways or ["nowhere"])
        return f"{sentence[:1].upper()}{sentence[1:]}."

    @property
    def long(self) -> bool:
        """Whether the sum may need more than a page, and so must be one that can be broken."""
        return len(self.terms) > PAGE_TERMS


@dataclass(frozen=True, slots=True)
class Block:
    """Equations under one heading: one with several routes, or neighbours with one route, or none, each."""

    equations: tuple[Backward, ...]

    @property
    def names(self) -> str:
        """What the routes leave, in a sentence."""
        return _listed([item.name for item in self.equations])

    @property
    def heading(self) -> str:
        """What stands above the equations."""
        if len(self.equations) == 1:
            routes = len(self.equations[0].terms)
            return f"{'Routes' if routes > 1 else 'The route' if routes else 'No route'} out of {self.names}."
        alone = all(item.terms for item in self.equations)
        return f"{'One route' if alone else 'One route at most'} out of each of {self.names}."

    @property
    def slopes(self) -> tuple[str, ...]:
        """How the slopes of all its equations are written, each once."""
        return tuple(dict.fromkeys(slope for item in self.equations for slope in item.slopes))


@dataclass(frozen=True, slots=True)
class Start:
    """The gradient of an initial state: the lines of its sum."""

    number: int
    left: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What the template lays out; every text is LaTeX. `label` is the name of the cell, which begins all labels."""

    label: str
    title: str
    name: str
    source: str
    sizes: str
    variables: tuple[Row, ...]
    parameters: tuple[Row, ...]
    constants: str
    stateful: bool
    forward: tuple[Forward, ...]
    backward: tuple[Backward, ...]
    sums: tuple[Backward, ...]
    renewed: str
    last: str
    starts: tuple[Start, ...]
    crossing: str
    loss: str
    judged: str
    repeated: bool
    timeless: bool
    scalar: bool
    brackets: bool

    @property
    def alike(self) -> tuple[Alike, ...]:
        """The parameters, those together that differ in name alone."""
        found: dict[tuple[str, int, str], list[str]] = {}
        for row in self.parameters:
            found.setdefault((row.shape, row.hops, row.start), []).append(row.symbol)
        return tuple(Alike(tuple(symbols), *key) for key, symbols in found.items())

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The equations of variables and inputs, heading by heading."""
        return tuple(_blocks(self.backward))

    @property
    def slopes(self) -> tuple[str, ...]:
        """How the slopes in the gradients of the parameters are written, each once."""
        return Block(self.sums).slopes


def tex_document(gradients: Gradients, circuit: Scene | None = None) -> str:
    """The whole LaTeX document of a cell, the same bytes for the same equations.

    `circuit` is the scene of its figure, which is laid out here where it is not given.
    """
    return _rendered("cell.tex.j2", gradients, circuit, optional=False)


def tex_appendix(gradients: Gradients, circuit: Scene | None = None) -> str:
    r"""The same for another document, which brings it in by `\input`: its head says what that document needs."""
    return _rendered("appendix.tex.j2", gradients, circuit, optional=True)


def tex_figure(graph: Graph, circuit: Scene, cell: Document, *, legend: bool = True, optional: bool = False) -> str:
    """The circuit of a cell as a float; where it is `optional`, only for a document that has TikZ.

    Two steps, and where these are too wide to be read, one of them below, enlarged. `legend` explains the wires.
    """
    scenes = [circuit, replace(circuit, steps=1)] if circuit.width * circuit.steps > WIDE else [circuit]
    pictures = [tikz(scene, graph.equations).rstrip() for scene in scenes]
    template = environment("tex").get_template("circuit.tex.j2")
    explained = f" {_LEGEND}" if legend else ""
    return template.render(cell=cell, pictures=pictures, legend=explained, optional=optional).rstrip()


def _rendered(template: str, gradients: Gradients, circuit: Scene | None, *, optional: bool) -> str:
    cell = view(gradients)
    figure = tex_figure(gradients.graph, circuit or chart(gradients.graph), cell, optional=optional)
    return (
        environment("tex").get_template(template).render(cell=cell, figure=figure, memory="", network="", common=True)
    )


def view(gradients: Gradients) -> Document:
    """Everything the template needs, as LaTeX."""
    graph, equations = gradients.graph, gradients.graph.equations
    passed_back = (*gradients.variables, *gradients.inputs)
    backward = tuple(_backward(gradients, item) for item in passed_back)
    sums = tuple(_backward(gradients, item) for item in gradients.parameters)
    used = " ".join(text for block in (*backward, *sums) for text in (*(t.latex for t in block.terms), *block.slopes))
    crossing = dict.fromkeys(hop.target for item in passed_back for hop in item.across)
    return Document(
        label=equations.name,
        title=escape(equations.title or equations.name),
        name=escape(equations.name),
        source=escape(equations.source),
        sizes=_listed([" = ".join(size(name) for name in dimension.names) for dimension in equations.dimensions]),
        variables=tuple(_row(gradients, name) for name in _named(equations, (Role.INPUT, Role.VARIABLE))),
        parameters=tuple(_row(gradients, name) for name in equations.parameters),
        constants=_listed([constant(graph, name) for name in equations.constants]),
        stateful=bool(equations.states),
        forward=_forward(graph),
        backward=backward,
        sums=sums,
        renewed=_listed([symbol(graph, name) for name in equations.parameters]),
        last=_listed([adjoint_symbol(graph, name, 0, "T") for name in equations.states]),
        starts=tuple(_start(gradients, gradients.adjoints[name]) for name in equations.states),
        crossing=_listed([adjoint_symbol(graph, name, 1, "T") for name in crossing]),
        loss=equations.loss.rule if equations.loss else "",
        judged=symbol(graph, equations.loss.variable) if equations.loss else "",
        repeated=any(edge.count > 1 for edge in graph.edges),
        timeless=any(item.timeless for item in gradients.variables),
        scalar=any(equations.symbols[name].kind is Kind.SCALAR for name in equations.parameters),
        brackets=" > " in used,
    )


def _named(equations: Equations, roles: tuple[Role, ...]) -> list[str]:
    """The names of these roles: inputs, then variables in order of evaluation."""
    targets = [equation.target for equation in equations.equations]
    return [name for name in (*equations.inputs, *targets) if equations.symbols[name].role in roles]


def _listed(items: Sequence[str]) -> str:
    """Formulas in a sentence: a, b and c."""
    return _enumerated([f"${item}$" for item in items])


def _enumerated(items: Sequence[str]) -> str:
    """Items in a sentence: a, b and c."""
    *others, last = items or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _counted(count: int) -> str:
    """A small number in words."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _blocks(equations: Sequence[Backward]) -> Iterator[Block]:
    """An equation with several routes stands alone, neighbours with fewer together."""
    for several, group in itertools.groupby(equations, lambda item: len(item.terms) > 1):
        if several:
            yield from (Block((item,)) for item in group)
        else:
            yield Block(tuple(group))


def _row(gradients: Gradients, name: str) -> Row:
    graph = gradients.graph
    equations = graph.equations
    init = equations.init.get(name)
    assigned = {equation.target: equation.number for equation in equations.equations}
    return Row(
        symbol=symbol(graph, name),
        meaning=_meaning(equations, name),
        shape=r" \times ".join(size(item) for item in equations.symbols[name].shape) or "1",
        hops=len(graph.edges_from(name)),
        routes="--" if equations.symbols[name].timeless else str(count_complete(graph, name)),
        start=_init(init) if init else "",
        forward=assigned.get(name),
        backward=gradients.adjoints[name].number,
    )


def _meaning(equations: Equations, name: str) -> str:
    """What a name is: an input, a gate, a state with its start, an output."""
    parts = [_part(equations, name)]
    if name in equations.states:
        start = equations.initial.get(name, 0.0)
        parts = [part for part in parts if part != "variable"]
        parts.append("state" + (f", begins at {start:g}" if start else ""))
    if name in equations.outputs:
        parts.append("output")
    return ", ".join(parts)


def _part(equations: Equations, name: str) -> str:
    """What a name is by its role, its equation and its spelling."""
    described = equations.symbols[name]
    if described.role is not Role.VARIABLE:
        return str(described.role.value)
    if described.timeless:
        return "made of parameters"
    match equations.equation_of(name).expression:
        case Call(function, _) if function in _GATES:
            return "gate"
    return "pre-activation" if name.endswith("_bar") else "variable"


def _init(init: Init) -> str:
    match init.rule:
        case "number":
            return f"${init.value:g}$"
        case "uniform":
            return rf"uniform in $\pm {init.value:g}$"
        case "fan_in":
            return r"uniform in $\pm 1 / \sqrt{\text{columns}}$"
        case rule:
            return "Glorot" if rule == "glorot" else rule


def _forward(graph: Graph) -> tuple[Forward, ...]:
    return tuple(
        Forward(
            formula.equation.number, symbol(graph, formula.target), broken(forward_terms(graph, formula), LINE_WIDTH)
        )
        for formula in graph.formulas
    )


def broken(terms: tuple[str, ...], width: int) -> tuple[str, ...]:
    """A sum in lines of about `width` glyphs; each line after the first begins with its sign."""
    lines: list[list[str]] = [[]]
    for item in terms:
        if lines[-1] and _width(total([*lines[-1], item])) > width:
            lines.append([])
        lines[-1].append(item)
    first, *others = (total(line) for line in lines)
    return first, *(line if line.startswith("-") else f"+ {line}" for line in others)


def _width(latex: str) -> int:
    """About how many glyphs wide a formula is; superscripts count as if they stood on the line."""
    return len(re.sub(r"\\[A-Za-z]+", "x", _NO_GLYPH.sub("", latex)))


def _backward(gradients: Gradients, adjoint: Adjoint) -> Backward:
    graph = gradients.graph
    written = dict.fromkeys(text for hop in adjoint.hops if hop.target != LOSS for text in slopes(graph, hop))
    parameter = graph.equations.symbols[adjoint.name].role is Role.PARAMETER
    terms = tuple(
        Term(item.negative, _over_time(graph, adjoint, item), item.route)
        for item in adjoint_equation(gradients, adjoint)
    )
    return Backward(
        number=adjoint.number,
        name=symbol(graph, adjoint.name),
        left=gradient_symbol(graph, adjoint.name) if parameter else adjoint_symbol(graph, adjoint.name),
        terms=terms,
        slopes=tuple(written),
        judged=adjoint.judged,
        inside=len(adjoint.inside),
        across=len(adjoint.across),
    )


def _over_time(graph: Graph, adjoint: Adjoint, item: Term) -> str:
    """A term of a timeless name, summed over t where its target carries t."""
    target = adjoint.hops[item.route - 1].target
    if not adjoint.timeless or (target != LOSS and graph.equations.symbols[target].timeless):
        return item.latex
    return rf"\sum_{{t=1}}^{{T}} {item.latex}"


def _start(gradients: Gradients, adjoint: Adjoint) -> Start:
    graph = gradients.graph
    hops = [term(graph, hop, origin=0) for hop in adjoint.across]
    return Start(adjoint.number, gradient_symbol(graph, adjoint.name, 0), broken(tuple(hops), LINE_WIDTH))
