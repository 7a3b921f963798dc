"""`derive show`: a cell, or the routes of one of its names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from derive.cell import Cell
from derive.cli.layout import hanging, in_ascii, painted
from derive.cli.tape import tape_data, tape_lines
from derive.equations.model import Role, Symbol
from derive.errors import DeriveError
from derive.graph import LOSS
from derive.printers.text import Notation, RouteText
from derive.routes import Route

_HEAD, _ACCENT, _TERM, _QUIET = "bold", "magenta", "cyan", "bright_black"


def cell_lines(cell: Cell, notation: Notation) -> Iterator[Text]:
    """The forward equations, names, parameters, counts of routes and tapes of a cell."""
    equations = cell.equations
    text = RouteText(cell.graph, notation)
    title = in_ascii(equations.title, notation.ascii)
    yield Text.assemble((title or cell.name, _HEAD), f"  {cell.name}" if title else "")
    if equations.source:
        yield hanging(Text("  "), in_ascii(equations.source, notation.ascii), _QUIET)
    yield from _headed("forward equations")
    lead = len(f"(F.{len(equations.equations)})")
    for equation in equations.equations:
        yield hanging(
            Text.assemble("  ", (f"(F.{equation.number})".rjust(lead), _ACCENT), "  "), text.equation(equation)
        )
    yield from _headed("names")
    for label, body in _roles(cell):
        yield hanging(Text(f"  {label:<10}  "), body)
    yield from _headed("parameters")
    width = max((len(name) for name in equations.parameters), default=0)
    for name in equations.parameters:
        yield Text(f"  {name:<{width}}  {_shape(equations.symbols[name])}")
    yield from _headed("routes")
    yield from _counts(cell)
    yield from _headed("tape of the cpu kernel, for one step of one sequence")
    yield from tape_lines(cell, notation)
    yield Text()
    first = equations.states[0] if equations.states else equations.outputs[0]
    yield Text(f"  The routes of one name: derive show {_word(cell)} {first}", _QUIET)


def variable_lines(cell: Cell, name: str, notation: Notation) -> Iterator[Text]:
    """The first hops of a name, inside the step and across, and their sum."""
    text = RouteText(cell.graph, notation)
    routes = _first_hops(cell, name)
    title = in_ascii(cell.equations.title, notation.ascii) or cell.name
    yield Text.assemble((title, _HEAD), "  routes out of ", (text.node((name, 0)), f"{_HEAD} {_ACCENT}"))
    if cell.equations.symbols[name].role is Role.VARIABLE:
        equation = cell.equations.equation_of(name)
        yield hanging(Text(f"  forward (F.{equation.number})  ", _QUIET), text.equation(equation), _QUIET)
    width = max((len(text.route(route)) for route in routes), default=0)
    numbered = list(enumerate(routes, start=1))
    for crosses, heading in ((False, "inside step t"), (True, "across to step t+1")):
        group = [(number, route) for number, route in numbered if route.crosses_step is crosses]
        yield from _headed(heading) if group else ()
        for number, route in group:
            lead = Text.assemble("  ", (f"{number:>3}", _ACCENT), f"  {text.route(route):<{width}}   ")
            yield painted(hanging(lead, text.signed_term(route), _TERM), text.adjoints, _ACCENT)
    yield from _headed(f"their sum (B.{cell.gradients.adjoints[name].number})")
    yield from _sum(text, name, routes)
    yield from _where(text, routes)
    yield Text()
    yield from _footer(cell, name, routes)


def cell_data(cell: Cell, notation: Notation) -> dict[str, object]:
    """What `cell_lines` says, for JSON."""
    equations = cell.equations
    text = RouteText(cell.graph, notation)
    return {
        "cell": cell.name,
        "title": in_ascii(equations.title, notation.ascii),
        "source": in_ascii(equations.source, notation.ascii),
        "inputs": list(equations.inputs),
        "outputs": list(equations.outputs),
        "states": list(equations.states),
        "loss": f"{equations.loss.rule}({equations.loss.variable})" if equations.loss else None,
        "equations": [
            {"number": item.number, "target": item.target, "text": text.equation(item)} for item in equations.equations
        ],
        "parameters": [
            {"name": name, "kind": equations.symbols[name].kind.value, "shape": list(equations.symbols[name].shape)}
            for name in equations.parameters
        ],
        "routes": [
            {"name": name, "first_hops": len(cell.routes(name)), "complete_routes": cell.count_routes(name, LOSS)}
            for name in cell.equations.timed
        ],
        "tape": tape_data(cell, notation),
    }


def variable_data(cell: Cell, name: str, notation: Notation) -> dict[str, object]:
    """What `variable_lines` says, for JSON."""
    text = RouteText(cell.graph, notation)
    routes = _first_hops(cell, name)
    timeless = cell.equations.symbols[name].timeless
    return {
        "cell": cell.name,
        "name": name,
        "adjoint": text.adjoint((name, 0)),
        "first_hops": [
            {
                "number": number,
                "source": text.node(route.source),
                "target": text.node(route.target),
                "occurrence": route.edges[0].occurrence,
                "occurrences": route.edges[0].count,
                "crosses_step": route.crosses_step,
                "term": text.signed_term(route),
            }
            for number, route in enumerate(routes, start=1)
        ],
        "derivatives": dict(text.slopes(routes)),
        "complete_routes": None if timeless else cell.count_routes(name, LOSS),
    }


def _first_hops(cell: Cell, name: str) -> tuple[Route, ...]:
    """The first hops; a constant has no gradient to ask for."""
    if name in cell.equations.constants:
        number = cell.equations.constants[name].text
        raise DeriveError(f"`{name}` is a constant, {number}: it has no gradient, and no route leaves it")
    return cell.routes(name)


def _headed(heading: str) -> tuple[Text, Text]:
    return Text(), Text(f"  {heading}", _HEAD)


def _sum(text: RouteText, name: str, routes: Sequence[Route]) -> Iterator[Text]:
    """`δc[t] = ...`, a term a line, each with the number of its route in one column."""
    adjoint = text.adjoint((name, 0))
    terms = [text.term(route) for route in routes]
    if not terms:
        yield Text.assemble("  ", (adjoint, _HEAD), " = 0")
        return
    indent = " " * (len(adjoint) + 3)
    bodies = []
    for index, (negative, term) in enumerate(terms):
        sign = ("-" if negative else "") if index == 0 else ("- " if negative else "+ ")
        lead = Text.assemble("  ", (adjoint, _HEAD), " = ") if index == 0 else Text(indent)
        bodies.append(painted(hanging(Text.assemble(lead, sign), term, width=74), text.adjoints, _ACCENT))
    column = max(len(line) for body in bodies for line in body.plain.split("\n")) + 2
    for number, body in enumerate(bodies, start=1):
        last = body.plain.rpartition("\n")[2]
        yield Text.assemble(body, " " * (column - len(last)), (f"({number})", _ACCENT))


def _where(text: RouteText, routes: Sequence[Route]) -> Iterator[Text]:
    """What the derivatives and the errors of the terms are."""
    lines = list(text.slopes(routes))
    lines += [text.error_meaning(route) for route in routes if route.target[0] == LOSS]
    if not lines:
        return
    yield Text()
    width = max(len(left) for left, _ in lines)
    for index, (left, right) in enumerate(lines):
        yield hanging(Text(f"  {'where' if index == 0 else '     '}  {left:<{width}} = ", _QUIET), right, _QUIET)


def _footer(cell: Cell, name: str, routes: Sequence[Route]) -> Iterator[Text]:
    symbol = cell.equations.symbols[name]
    if any(edge.count > 1 for route in routes for edge in route.edges):
        yield Text("  #2 marks the second of several occurrences in one equation.", _QUIET)
    if symbol.timeless:
        units = "" if symbol.shape else ", and over the units of each term"
        yield Text(f"  {name} carries no step: terms are summed over t and over the batch{units}.", _QUIET)
        return
    hops = "1 first hop stands" if len(routes) == 1 else f"{len(routes)} first hops stand"
    complete = cell.count_routes(name, LOSS)
    yield Text(f"  {hops} for {complete} complete route{'' if complete == 1 else 's'} in the window t, t+1.", _QUIET)
    yield Text(f"  See {'it' if complete == 1 else 'them'}: derive path {_word(cell)} {name} {LOSS}", _QUIET)


def _word(cell: Cell) -> str:
    """How the reader calls this cell on the command line."""
    return cell.equations.file if not cell.equations.file.startswith("derive/cells/") else cell.name


def _roles(cell: Cell) -> Iterator[tuple[str, str]]:
    """Inputs, states with their start, outputs, constants and the loss, those that there are."""
    equations = cell.equations
    shapes = {name: _shape(symbol) for name, symbol in equations.symbols.items()}
    states = [f"{name} ({shapes[name]}), starts at {equations.initial[name]:g}" for name in equations.states]
    yield "inputs", ", ".join(f"{name} ({shapes[name]})" for name in equations.inputs)
    if states:
        yield "states", "; ".join(states)
    yield "outputs", ", ".join(f"{name} ({shapes[name]})" for name in equations.outputs)
    if equations.constants:
        yield "constants", ", ".join(f"{name} = {number.text}" for name, number in equations.constants.items())
    if equations.loss:
        yield "loss", f"{equations.loss.rule}({equations.loss.variable})"


def _shape(symbol: Symbol) -> str:
    return " x ".join(symbol.shape) or "scalar"


def _counts(cell: Cell) -> Iterator[Text]:
    """The numbers of first hops and complete routes, name by name."""
    names = cell.equations.timed
    width = max(len(name) for name in names)
    yield Text(f"  {'':<{width}}  first hops  complete routes", _QUIET)
    for name in names:
        yield Text(f"  {name:<{width}}  {len(cell.routes(name)):>10}  {cell.count_routes(name, LOSS):>15}")
    yield Text("  Complete routes are those of the window t, t+1.", _QUIET)
