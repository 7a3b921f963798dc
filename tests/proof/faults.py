"""Wrong derivations on purpose: gradients with one hop changed."""

import dataclasses

import sympy

from derive import gradients, graph
from derive.equations import load, parse
from derive.graph import Diagonal, Edge, Outer, Transfer


def derived(cell):
    """The gradients of a cell of the zoo."""
    return gradients.differentiate(graph.wire(load(cell)))


def written(text, scalars=()):
    """The gradients of equations that a test writes; `scalars` are its scalar parameters."""
    kinds = "".join(f"{name} = 'scalar'\n" for name in scalars)
    starts = "".join(f"{name} = 0.5\n" for name in scalars)
    document = f"name = 'written'\nequations = '''\n{text}\n'''\n[parameters]\n{kinds}[init]\n{starts}"
    return gradients.differentiate(graph.wire(parse(document)))


def with_hops(derivation, name, hops):
    """The derivation with other first hops of `name`."""

    def changed(adjoints):
        return tuple(dataclasses.replace(item, hops=tuple(hops)) if item.name == name else item for item in adjoints)

    return dataclasses.replace(
        derivation,
        variables=changed(derivation.variables),
        inputs=changed(derivation.inputs),
        parameters=changed(derivation.parameters),
    )


def with_hop(derivation, name, number, change):
    """The derivation with hop `number` (from 1) of `name` changed by `change`, or dropped where that gives None."""
    hops = [change(hop) if at == number else hop for at, hop in enumerate(derivation.adjoints[name].hops, start=1)]
    return with_hops(derivation, name, [hop for hop in hops if hop is not None])


def dropped(hop: Edge):
    """No hop."""
    return None


def negated(hop: Edge):
    """The hop with its sign flipped."""
    return times(hop, sympy.Integer(-1))


def times(hop: Edge, factor):
    """The hop with one more element-wise factor."""
    return dataclasses.replace(hop, partial=(Diagonal(factor, factor), *hop.partial))


def shifted(hop: Edge):
    """The hop led to the other step."""
    return dataclasses.replace(hop, lag=1 - hop.lag)


def without_factor(hop: Edge):
    """The hop without its first factor."""
    return dataclasses.replace(hop, partial=hop.partial[1:])


def turned(hop: Edge):
    """The hop with its matrix transposed the other way."""
    return dataclasses.replace(
        hop,
        partial=tuple(
            dataclasses.replace(factor, transposed=not factor.transposed)
            if isinstance(factor, (Transfer, Outer))
            else factor
            for factor in hop.partial
        ),
    )


def through(matrix):
    """A change of the matrix that the hop passes through."""

    def change(hop: Edge):
        return dataclasses.replace(
            hop,
            partial=tuple(
                dataclasses.replace(factor, matrix=matrix) if isinstance(factor, Transfer) else factor
                for factor in hop.partial
            ),
        )

    return change
