"""Lowering: from the equations and their gradients to the plan that every kernel is rendered from."""

from __future__ import annotations

from derive.gradients import Gradients
from derive.plan import backward as backward_pass
from derive.plan import forward as forward_pass
from derive.plan.count import count
from derive.plan.model import Plan
from derive.plan.schedule import schedule
from derive.plan.sharing import share_functions
from derive.plan.storage import store

__all__ = ["Plan", "lower"]


def lower(gradients: Gradients) -> Plan:
    """Lower a cell: regions, stages, stacks, what is deferred and what is saved."""
    graph = gradients.graph
    forward = forward_pass.lower(graph)
    backward = backward_pass.lower(gradients, forward)
    forward_statements, backward_statements = share_functions(forward.statements, backward.statements)
    regions = dict(forward.regions) | {item.symbol: item.region for item in forward_statements}
    ordered = schedule(forward_statements, forward.stacks, backward=False)
    reversed_order = schedule(backward_statements, forward.stacks, backward=True)
    storage = store(
        graph.equations, ordered, reversed_order, forward.stacks, backward.weight_gradients, regions
    )
    return Plan(
        graph=graph,
        gradients=gradients,
        forward=ordered,
        backward=reversed_order,
        stacks=forward.stacks,
        weight_gradients=backward.weight_gradients,
        state_gradients=backward.state_gradients,
        arrays=storage.arrays,
        places=storage.places,
        regions=regions,
        count=count(ordered, reversed_order, forward.stacks, storage.arrays),
    )
