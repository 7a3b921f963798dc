"""Lowering: from the equations and their gradients to the plan that every kernel is rendered from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sympy

from derive.elementary import value
from derive.equations.model import Equations, Kind
from derive.gradients import Gradients
from derive.plan import backward as backward_pass
from derive.plan import forward as forward_pass
from derive.plan.count import count
from derive.plan.model import Pass, Plan, Stack, Statement
from derive.plan.needed import needed
from derive.plan.schedule import schedule
from derive.plan.sharing import share_functions, share_products
from derive.plan.storage import store
from derive.plan.subexpressions import eliminate
from derive.plan.symbols import adjoint, unlagged
from derive.plan.tape import DEFAULT, POLICIES, ForwardValues, choose, recompute, require_policy

__all__ = ["DEFAULT", "POLICIES", "Plan", "lower", "require_policy"]


def lower(gradients: Gradients, tape: str = DEFAULT) -> Plan:
    """Lower a cell: regions, stages, stacks, what is deferred and what is saved.

    `tape` is the policy by which the tape is chosen: "auto", "all" or "least", see `derive.plan.tape`. Raises
    DeriveError for another one.
    """
    graph = gradients.graph
    forward = forward_pass.lower(graph)
    backward = backward_pass.lower(gradients, forward)
    scalars = {value(name) for name, symbol in graph.equations.symbols.items() if symbol.kind is Kind.SCALAR}
    forward_statements, backward_statements = share_functions(
        forward.statements, backward.statements, scalars, forward.region_of
    )
    forward_statements, backward_statements = share_products(forward_statements, backward_statements, forward.stacks)
    whole = _pulled_whole(gradients, backward_statements, {stack.pulled for stack in forward.stacks})
    backward_statements = tuple(item for item in backward_statements if item.symbol not in whole)
    backward_statements = needed(backward_statements, _wanted_backward(gradients, backward, whole))
    forward_statements = needed(forward_statements, _wanted_forward(graph.equations, forward, backward_statements))
    regions = dict(forward.regions) | {item.symbol: item.region for item in forward_statements}
    ordered = schedule(forward_statements, forward.stacks, backward=False)
    reversed_order = schedule(backward_statements, forward.stacks, backward=True, wanted=whole.values())
    chosen = choose(tape, _forward_values(graph.equations, ordered, reversed_order, forward.stacks))
    storage = store(graph.equations, ordered, reversed_order, forward.stacks, chosen.saved, regions, whole)
    recomputing = recompute(reversed_order, chosen)
    return Plan(
        graph=graph,
        gradients=gradients,
        forward=eliminate(ordered),
        backward=eliminate(recomputing),
        stacks=forward.stacks,
        weight_gradients=backward.weight_gradients,
        state_gradients=backward.state_gradients,
        tape=chosen,
        arrays=storage.arrays,
        places=storage.places,
        outputs=storage.outputs,
        regions=regions,
        count=count(ordered, reversed_order, recomputing, forward.stacks, storage.arrays),
    )


def _forward_values(equations: Equations, forward: Pass, backward: Pass, stacks: Sequence[Stack]) -> ForwardValues:
    """What the tape is chosen from; whole arrays are the right-hand vectors of products and what the loss judges."""
    whole = {unlagged(stack.operand) for stack in stacks}
    if equations.loss:
        whole.add(value(equations.loss.variable))
    return ForwardValues(forward, backward, stacks, whole, {value(name) for name in equations.states})


def _wanted_forward(
    equations: Equations, forward: forward_pass.Forward, backward: Sequence[Statement]
) -> Iterator[sympy.Symbol]:
    """What the forward pass hands out: outputs, states, right-hand vectors, and all that the backward pass reads."""
    yield from (value(name) for name in (*equations.outputs, *equations.states))
    yield from (unlagged(stack.operand) for stack in forward.stacks)
    for statement in backward:
        yield from (unlagged(symbol) for symbol in statement.expression.free_symbols)


def _wanted_backward(
    gradients: Gradients, backward: backward_pass.Backward, whole: Mapping[sympy.Symbol, sympy.Symbol]
) -> Iterator[sympy.Symbol]:
    """What the backward pass hands out, and the adjoints that errors from outside enter.

    Handed out are gradients, what reaches the initial states, and the adjoints of products.
    """
    yield from (adjoint(item.name) for item in (*gradients.inputs, *gradients.parameters))
    yield from (adjoint(name) for name in (*gradients.graph.equations.outputs, *gradients.graph.equations.states))
    yield from (symbol for item in backward.state_gradients for symbol in item.carried)
    yield from (adjoint(product.name) for item in backward.weight_gradients for product in item.stack.products)
    yield from whole.values()


def _pulled_whole(
    gradients: Gradients, statements: Sequence[Statement], pulled: set[sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Symbol]:
    """The adjoints of inputs that are one product's value and nothing else: they need no statement."""
    inputs = {adjoint(item.name) for item in gradients.inputs}
    return {item.symbol: item.expression for item in statements if item.symbol in inputs and item.expression in pulled}
