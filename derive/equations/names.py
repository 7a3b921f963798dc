"""What each name of a cell is: input, variable, constant or parameter; and in what order names may be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from derive.equations.document import Document
from derive.equations.model import Equation, Occurrence, Role, occurrences
from derive.equations.page import Page, close_names, listed
from derive.equations.syntax import Statement


@dataclass(frozen=True, slots=True)
class Names:
    """The roles of all names, in the order inputs, constants, then first standing in the text.

    `assigned` gives the line of each variable; `states` and `outputs` are as in `Equations`; `mentions` are all
    names in text order with targets before what they read.
    """

    page: Page
    equations: tuple[Equation, ...]
    roles: Mapping[str, Role]
    assigned: Mapping[str, int]
    states: tuple[str, ...]
    outputs: tuple[str, ...]
    mentions: tuple[str, ...]

    def of(self, role: Role) -> tuple[str, ...]:
        """The names of that role, in order."""
        return tuple(name for name, other in self.roles.items() if other is role)

    def reads(self) -> Iterator[tuple[Equation, Occurrence]]:
        """Every occurrence with its equation, in the order of the text."""
        for equation in self.equations:
            for occurrence in occurrences(equation.expression):
                yield equation, occurrence

    def standing(self, name: str) -> str:
        """What `name` is and where that is seen, for a message: "a variable (line 3)"."""
        role = self.roles[name].value
        article = "an" if role == "input" else "a"
        where = f" (line {self.assigned[name]})" if name in self.assigned else ""
        return f"{article} {role}{where}"


def resolve(document: Document, statements: tuple[Statement, ...]) -> Names:
    """The names of the cell; DeriveError for one that is assigned twice, read too early, or never given a value."""
    equations = tuple(statement.equation for statement in statements)
    assigned = _assigned(document, statements)
    roles = dict.fromkeys(document.inputs, Role.INPUT) | dict.fromkeys(document.constants, Role.CONSTANT)
    mentions: dict[str, None] = {}
    for equation in equations:
        for name in (equation.target, *(occurrence.name for occurrence in occurrences(equation.expression))):
            mentions[name] = None
            roles.setdefault(name, Role.VARIABLE if name in assigned else Role.PARAMETER)
    states = _states(document, equations, assigned, roles)
    outputs = _outputs(document, assigned)
    names = Names(document.page, equations, roles, assigned, states, outputs, tuple(mentions))
    _check_order(names)
    _check_entries(document, names)
    return names


def _assigned(document: Document, statements: tuple[Statement, ...]) -> dict[str, int]:
    """The line of each assigned variable."""
    assigned: dict[str, int] = {}
    for statement in statements:
        target, line = statement.equation.target, statement.equation.line
        if target in assigned:
            message = f"`{target}` is assigned twice, first in line {assigned[target]}; each variable has one equation"
        elif target in document.inputs:
            message = f"`{target}` is an input of the cell and cannot be assigned"
        elif target in document.constants:
            message = f"`{target}` is given in [constants] and cannot be assigned"
        else:
            assigned[target] = line
            continue
        raise document.page.error(message, line, statement.column)
    return assigned


def _states(
    document: Document, equations: tuple[Equation, ...], assigned: Mapping[str, int], roles: Mapping[str, Role]
) -> tuple[str, ...]:
    """The names read at t-1: inputs first, then variables in the order in which they are assigned."""
    previous: dict[str, None] = {}
    for equation in equations:
        for read in occurrences(equation.expression):
            if not read.lag:
                continue
            previous[read.name] = None
            if roles[read.name] not in (Role.INPUT, Role.VARIABLE):
                what = "is a constant" if roles[read.name] is Role.CONSTANT else "is a state that is never assigned"
                known = (*document.inputs, *assigned)
                raise document.page.error(
                    f"`{read.name}` {what}; [t-1] follows an input or a variable that an equation assigns: "
                    f"{listed(known)}.{close_names(read.name, known)}",
                    read.line,
                    read.column,
                )
    return tuple(name for name in (*document.inputs, *assigned) if name in previous)


def _outputs(document: Document, assigned: Mapping[str, int]) -> tuple[str, ...]:
    """The outputs: as the file lists them, else what the loss reads, else the last variable."""
    loss = document.loss
    for name in document.outputs:
        if name not in assigned:
            hint = f"an output is a variable: {listed(assigned)}.{close_names(name, assigned)}"
            raise document.error(f"no equation assigns the output `{name}`; {hint}", "outputs")
    if loss is None:
        return document.outputs or (tuple(assigned)[-1],)
    if loss.variable not in assigned:
        hint = f"a loss reads a variable: {listed(assigned)}.{close_names(loss.variable, assigned)}"
        raise document.error(f"no equation assigns `{loss.variable}`, which the loss reads; {hint}", "loss")
    if document.outputs not in ((), (loss.variable,)):
        raise document.error(
            f'the output of a cell with a loss is what the loss reads: `outputs = ["{loss.variable}"]`', "outputs"
        )
    return (loss.variable,)


def _check_order(names: Names) -> None:
    """Every variable is assigned above the equation that reads its value of this step."""
    numbers = {equation.target: equation.number for equation in names.equations}
    for equation, read in names.reads():
        if read.lag or numbers.get(read.name, 0) < equation.number:
            continue
        above = [earlier.target for earlier in names.equations[: equation.number - 1]]
        known = (
            f"Defined above this line: {listed([*names.of(Role.INPUT), *above])}; "
            f"parameters are {listed(names.of(Role.PARAMETER))}."
        )
        raise names.page.error(f"{_too_early(names, equation, read)} {known}", read.line, read.column)


def _too_early(names: Names, equation: Equation, read: Occurrence) -> str:
    """What to say of a variable that is read above its equation: a cycle has no order, anything else can be moved."""
    cycle = _cycle(names, equation.target, read.name)
    if cycle:
        return (
            f"a cycle inside one step: {' needs '.join(f'`{name}`' for name in cycle)}. "
            f"Read one of them at the previous step, such as `{read.name}[t-1]`."
        )
    return (
        f"`{read.name}` is used before it is defined in line {names.assigned[read.name]}. "
        f"Move this line below that one, or write `{read.name}[t-1]` for its previous value."
    )


def _cycle(names: Names, target: str, read: str) -> tuple[str, ...]:
    """The chain target, read, ..., target of what needs what inside a step; empty where there is none."""
    needs: dict[str, list[str]] = {name: [] for name in names.assigned}
    for equation, occurrence in names.reads():
        if not occurrence.lag and occurrence.name in needs:
            needs[equation.target].append(occurrence.name)
    chains: list[tuple[str, ...]] = [(target, read)]
    seen = {read}
    for chain in chains:
        if chain[-1] == target:
            return chain
        for name in needs[chain[-1]]:
            if name not in seen:
                seen.add(name)
                chains.append((*chain, name))
    return ()


def _check_entries(document: Document, names: Names) -> None:
    """Every input is read, and every entry of the file is about a name that exists in the role that it needs."""
    mentioned = set(names.mentions)
    for name in document.inputs:
        if name in document.constants:
            raise document.error(f"`{name}` is an input and cannot be a constant too", "constants", name)
        if name not in mentioned:
            line, column = document.page.key("", "inputs")
            line = line if document.inputs != ("x",) else names.equations[0].line
            hint = 'write `inputs = ["..."]` in the file if the input has another name'
            raise document.page.error(f"the input `{name}` is never read; {hint}", line, column)
    parameters = names.of(Role.PARAMETER)
    tables = (
        ("parameters", document.parameters, parameters, "a parameter"),
        ("constants", document.constants, names.mentions, "read by an equation"),
        ("init", document.init, parameters, "a parameter"),
        ("initial", document.initial, names.states, "a state"),
        ("dimensions", document.dimensions, names.mentions, "a name of the equations"),
        ("latex", document.latex, names.mentions, "a name of the equations"),
    )
    for table, entries, allowed, wanted in tables:
        for name in entries:
            if name not in allowed:
                known = f"{names.standing(name)}, not {wanted}" if name in mentioned else f"not {wanted}"
                raise document.error(
                    f"[{table}]: `{name}` is {known}; these are: {listed(allowed)}.{close_names(name, allowed)}",
                    table,
                    name,
                )
