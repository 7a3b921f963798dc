"""Lowering: from the equations and their gradients to the plan that every kernel is rendered from."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.gradients import Gradients
from derive.plan import backward as backward_pass
from derive.plan import forward as forward_pass
from derive.plan.count import count
from derive.plan.model import Plan, Statement
from derive.plan.schedule import schedule
from derive.plan.sharing import share_functions
from derive.plan.storage import store
from derive.plan.subexpressions import eliminate
from derive.plan.symbols import adjoint

__all__ = ["Plan", "lower"]


def lower(gradients: Gradients) -> Plan:
    """Lower a cell: regions, stages, stacks, what is deferred and what is saved."""
    graph = gradients.graph
    forward = forward_pass.lower(graph)
    backward = backward_pass.lower(gradients, forward)
    forward_statements, backward_statements = share_functions(forward.statements, backward.statements)
    whole = _pulled_whole(gradients, backward_statements, {stack.pulled for stack in forward.stacks})
    backward_statements = tuple(item for item in backward_statements if item.symbol not in whole)
    regions = dict(forward.regions) | {item.symbol: item.region for item in forward_statements}
    ordered = schedule(forward_statements, forward.stacks, backward=False)
    reversed_order = schedule(backward_statements, forward.stacks, backward=True, wanted=whole.values())
    storage = store(
        graph.equations, ordered, reversed_order, forward.stacks, backward.weight_gradients, regions, whole
    )
    return Plan(
        graph=graph,
        gradients=gradients,
        forward=eliminate(ordered),
        backward=eliminate(reversed_order),
        stacks=forward.stacks,
        weight_gradients=backward.weight_gradients,
        state_gradients=backward.state_gradients,
        arrays=storage.arrays,
        places=storage.places,
        regions=regions,
        count=count(ordered, reversed_order, forward.stacks, storage.arrays),
    )


def _pulled_whole(
    gradients: Gradients, statements: Sequence[Statement], pulled: set[sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Symbol]:
    """The adjoints of inputs that are one product's value and nothing else: they need no statement."""
    inputs = {adjoint(item.name) for item in gradients.inputs}
    return {
        item.symbol: item.expression for item in statements if item.symbol in inputs and item.expression in pulled
    }
