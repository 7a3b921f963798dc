"""Where the time of our call goes: its compiled functions and their products, each alone with the call's own arrays.

A product is made as the kernel makes it: those before and behind the loop over time by the same chunks of steps, those
in the loop once a step, the panels from the first to the last and back in turn. What runs alone finds the caches to
itself, so that the products of a pass are lower bounds of what they take inside it.
"""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

import derive
from derive.elementary import Value, value
from derive.plan.model import Kept, Pass, Plan, Region, Stack
from derive.plan.symbols import adjoint
from generated.support import sharing, threads
from generated.support.compiling import compiled
from generated.support.products import panels, product
from generated.support.sharing import product_of_steps
from tests.bench import contender_ours
from tests.bench.cases import Arrays, Case, arrays
from tests.bench.contender import Prepared
from tests.bench.measure import BLOCK, FEWEST, LONG
from tests.bench.results import Parts
from tests.bench.work import total

SECONDS = 1.0
"""Of rounds of a case: no further one where it would end later, unless FEWEST are not there yet."""
MOST_SECONDS = 4.0
"""Fewer rounds than FEWEST are made where one more would end later."""
PASSES = {"_forward_part": "forward", "_backward_part": "backward", "weight_gradients": "weights"}
"""What the compiled functions of a generated module are called here."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A compiled function of a call, and all of its arguments."""

    function: Callable[..., None]
    arguments: tuple[Any, ...]

    def run(self) -> None:
        """Do it once more: it writes the same again, but sums grow, and without a tape the states run on."""
        self.function(*self.arguments)

    @property
    def named(self) -> Mapping[str, Any]:
        """The arguments of a pass by the names that its function has for them: arrays have those of the plan."""
        return dict(zip(inspect.signature(self.function.py_func).parameters, self.arguments, strict=True))


def measure(case: Case, most: int) -> Parts:
    """The call and its parts by one thread, which take turns in rounds, at most so many."""
    with _one_thread():
        given = arrays(case.cell, case.shape)
        prepared = contender_ours.prepare(case, given)
        runs = {"call": prepared.run, **alone(case, given, record(prepared))}
        # What was recorded keeps its memory: the call gets other memory, which is new to it once.
        prepared.run()
        taken: dict[str, list[float]] = {name: [] for name in runs}
        started = time.perf_counter()
        for number in range(most):
            elapsed = time.perf_counter() - started
            if number and elapsed * (number + 1) / number > (SECONDS if number >= FEWEST else MOST_SECONDS):
                break
            for name, run in runs.items():
                taken[name].append(_block(run))
    return Parts(case, {name: tuple(rounds) for name, rounds in taken.items()})


@contextmanager
def _one_thread() -> Iterator[None]:
    """Calls keep to the thread of the caller, and nothing collects garbage."""
    before = threads.limit(1)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        threads.limit(before)


def record(prepared: Prepared) -> dict[str, Recorded]:
    """The passes that one call runs, by their names here; to pack is none. The call has to keep to one thread."""
    found: dict[str, Recorded] = {}
    run = threads.run

    def recording(function: Callable[..., None], parts: Any, *arguments: Any) -> None:
        (part,) = parts
        if function.__name__ in PASSES:
            found[PASSES[function.__name__]] = Recorded(function, (*part, *arguments))
        run(function, parts, *arguments)

    with mock.patch.object(threads, "run", recording):
        prepared.run()
    return found


def alone(case: Case, given: Arrays, recorded: Mapping[str, Recorded]) -> dict[str, Callable[[], None]]:
    """What runs each recorded function, and each of its products as "forward: x"; the products of a pass follow it."""
    plan, sizes = derive.load(case.cell).plan, case.shape.sizes
    runs: dict[str, Callable[[], None]] = {}
    for name, item in recorded.items():
        runs[name] = item.run
        if name != "weights":
            for stack in _stacks(plan.forward if name == "forward" else plan.backward):
                matrices = [given.params[of].T if turned else given.params[of] for of, turned in stack.matrices]
                stacked = np.concatenate(matrices)
                runs[f"{name}: {stack.name}"] = _product(plan, stack, sizes, stacked, item.named, name == "backward")
    return runs


def _stacks(one: Pass) -> Iterator[Stack]:
    """The products of a pass that its compiled function makes."""
    for region, stages in one.regions:
        if region is not Region.PREAMBLE:
            for stage in stages:
                yield from stage.products


def _product(
    plan: Plan, stack: Stack, sizes: Mapping[str, int], matrix: np.ndarray, named: Mapping[str, Any], backward: bool
) -> Callable[[], None]:
    """What makes one product for all steps, with the arrays of the pass and the stacked matrices."""
    packed = panels(matrix if backward else matrix.T)
    operand = stack.operand
    carried = isinstance(operand, Value) and operand.lag
    if backward:
        factor, result = plan.places[adjoint(stack.products[0].name)], plan.places[stack.pulled]
    else:
        factor = plan.places[value(operand.variable) if isinstance(operand, Value) else operand]
        result = plan.places[stack.products[0]]
    # An array of the running step alone gets an axis of time too.
    left, out = (array.reshape(-1, *array.shape[-2:]) for array in (named[factor.array.name], named[result.array.name]))
    first = total(factor.before, sizes)
    # A carried array begins with the value before the first step.
    later = int(factor.array.kept is Kept.CARRIED and not carried)
    function: Callable[..., None]
    if stack.region is Region.LOOP:
        function, arguments = each_step, (backward, left, later, first, first + packed.shape[1], packed, out)
    else:
        function, arguments = (
            chunks_of_steps,
            (backward, named["chunk"], left[later:], first, packed, out, sharing.ALONE),
        )
    function(0, *arguments)  # No steps: compiled before anything is timed.
    return lambda: function(named["steps"], *arguments)


@compiled
def each_step(steps, backward, left, later, first, stop, packed, out):
    """The product of every step, as the loop over time makes it; arrays without a tape have one row or two."""
    for number in range(steps):
        t = steps - 1 - number if backward else number
        product(left[(t + later) % len(left), :, first:stop], packed, out[t % len(out)], t)


@compiled
def chunks_of_steps(steps, backward, chunk, left, column, packed, out, board):
    """The products of all steps, as they are made before and behind the loop over time."""
    for number in range(0, steps, chunk):
        begin = max(steps - number - chunk, 0) if backward else number
        end = steps - number if backward else min(number + chunk, steps)
        result = out[begin:end] if len(out) >= steps else out[: end - begin]
        product_of_steps(left[begin:end], column, packed, result, 0, out.shape[1], board)


def _block(run: Callable[[], Any]) -> float:
    """Nanoseconds of a call, after one to warm up, over at least the time of a block; a long call is timed itself.

    It is the time of this thread: what other programs take of its core would be larger than the small differences.
    """
    started = time.thread_time_ns()
    run()
    once = time.thread_time_ns() - started
    if once > LONG:
        return float(once)
    calls = -(-BLOCK // max(once, 1))
    started = time.thread_time_ns()
    for _ in range(calls):
        run()
    return (time.thread_time_ns() - started) / calls
