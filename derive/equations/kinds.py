"""Scalar, vector or matrix: what every name is, and which names carry no step index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derive.equations.document import Document
from derive.equations.model import (
    Call,
    Expression,
    Init,
    Kind,
    MatrixProduct,
    Negation,
    Number,
    Occurrence,
    Operation,
    Role,
    occurrences,
    walk,
)
from derive.equations.names import Names


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kind of every name, and the names that are the same at every step."""

    kinds: Mapping[str, Kind]
    timeless: frozenset[str]


def infer(document: Document, names: Names) -> Kinds:
    """The kinds of all names; DeriveError for a name that is used as two kinds, or as another than it is."""
    kinds = _parameters(document, names)
    kinds |= dict.fromkeys(names.of(Role.CONSTANT), Kind.SCALAR) | dict.fromkeys(names.of(Role.INPUT), Kind.VECTOR)
    for equation in names.equations:
        kinds[equation.target] = _kind(names, equation.expression, kinds)
    result = Kinds(kinds, _timeless(names))
    _check_states(names, result)
    _check_outputs(document, names, result)
    return result


def initialisation(document: Document, names: Names, kinds: Kinds) -> dict[str, Init]:
    """How each parameter starts; DeriveError for a rule that does not fit its kind and for a scalar without one."""
    result = {}
    for name in names.of(Role.PARAMETER):
        kind, given = kinds.kinds[name], document.init.get(name)
        if given is None and kind is Kind.SCALAR:
            raise document.error(
                f"the scalar `{name}` has no start: give it a number, `{name} = 1.0`, in [init]", "parameters", name
            )
        if given is not None and given.rule in ("glorot", "orthogonal") and kind is not Kind.MATRIX:
            raise document.error(f"`{name}` is a {kind.value}; {given.rule} is for matrices", "init", name)
        result[name] = given or (Init("fan_in") if kind is Kind.MATRIX else Init("number"))
    return result


def _parameters(document: Document, names: Names) -> dict[str, Kind]:
    """The kinds of the parameters from where they stand: left of `@` a matrix, elsewhere a vector or a scalar."""
    seen: dict[str, tuple[Kind, int]] = {}
    for equation in names.equations:
        matrices = {id(node.matrix) for node in walk(equation.expression) if isinstance(node, MatrixProduct)}
        for read in occurrences(equation.expression):
            kind = Kind.MATRIX if id(read) in matrices else Kind.VECTOR
            if names.roles[read.name] is not Role.PARAMETER:
                if kind is Kind.MATRIX:
                    message = f"left of `@` stands a matrix, but `{read.name}` is {names.standing(read.name)}"
                    raise names.page.error(message, read.line, read.column)
                continue
            first, line = seen.setdefault(read.name, (kind, read.line))
            if first is not kind:
                raise names.page.error(
                    f"`{read.name}` is a {kind.value} here in line {read.line} and a {first.value} in line {line}; "
                    f"a matrix stands left of `@` only, and nothing else stands there",
                    read.line,
                    read.column,
                )
            _check_declared(document, names, read, kind)
    return {name: document.parameters.get(name, kind) for name, (kind, _) in seen.items()}


def _check_declared(document: Document, names: Names, read: Occurrence, kind: Kind) -> None:
    """The use of a parameter agrees with what [parameters] says of it."""
    declared = document.parameters.get(read.name)
    if declared is not None and (declared is Kind.MATRIX) is not (kind is Kind.MATRIX):
        line, _ = document.page.key("parameters", read.name)
        raise names.page.error(
            f"`{read.name}` is used as a {kind.value} here in line {read.line}, but [parameters] says "
            f'"{declared.value}" in line {line}',
            read.line,
            read.column,
        )


def _kind(names: Names, expression: Expression, kinds: Mapping[str, Kind]) -> Kind:
    """The kind of an expression: a vector if any part of it is one. What is read at t-1 is a state, a vector."""
    match expression:
        case Number():
            return Kind.SCALAR
        case Occurrence(name, lag):
            return Kind.VECTOR if lag else kinds[name]
        case Negation(operand):
            return _kind(names, operand, kinds)
        case Operation(_, left, right):
            return _widest(_kind(names, left, kinds), _kind(names, right, kinds))
        case Call(_, arguments):
            return _widest(*(_kind(names, argument, kinds) for argument in arguments))
        case MatrixProduct(matrix, _, operand):
            if _kind(names, operand, kinds) is Kind.SCALAR:
                raise names.page.error(
                    f"`{matrix.name} @` multiplies a vector, but what follows is a scalar; write `*` for the product "
                    "with a scalar",
                    matrix.line,
                    matrix.column,
                )
            return Kind.VECTOR


def _widest(*kinds: Kind) -> Kind:
    return Kind.VECTOR if Kind.VECTOR in kinds else Kind.SCALAR


def _timeless(names: Names) -> frozenset[str]:
    """Parameters, constants, and the variables made of them alone that are no states."""
    timeless = {*names.of(Role.PARAMETER), *names.of(Role.CONSTANT)}
    for equation in names.equations:
        reads = occurrences(equation.expression)
        if equation.target not in names.states and all(not read.lag and read.name in timeless for read in reads):
            timeless.add(equation.target)
    return frozenset(timeless)


def _check_states(names: Names, kinds: Kinds) -> None:
    for _, read in names.reads():
        if read.lag and kinds.kinds[read.name] is not Kind.VECTOR:
            raise names.page.error(
                f"the state `{read.name}` is a scalar (line {names.assigned[read.name]}); a state is a vector",
                read.line,
                read.column,
            )


def _check_outputs(document: Document, names: Names, kinds: Kinds) -> None:
    """An output is a vector that belongs to a step."""
    for name in names.outputs:
        if kinds.kinds[name] is Kind.SCALAR:
            fault = "is a scalar; an output is a vector"
        elif name in kinds.timeless:
            fault = "is made of parameters alone and is the same at every step; an output reads an input or a state"
        else:
            continue
        hint = "" if document.outputs or document.loss else '. The last equation is the output unless `outputs = ["h"]`'
        raise names.page.error(f"the output `{name}` {fault}{hint}", names.assigned[name])
