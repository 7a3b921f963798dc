"""The reference target in float64 against the same sequence in 50-digit arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

import mpmath
import numpy as np

from derive.check.report import Rung
from derive.check.samples import Array, Sample, gradient, initial, run
from derive.check.subject import Subject
from derive.equations.model import Equations
from derive.proof import recursion, sequences
from derive.proof.interpreter import Trajectory
from derive.proof.recursion import Adjoints
from derive.proof.sequences import Sequence
from derive.proof.unrolled import DIGITS

STEPS = 3
# Relative to the largest entry of an array; the chain of three steps loses a few digits of float64 at most.
TOLERANCE = 1e-12


def exact_agrees(subject: Subject) -> Rung:
    """Every output, last state and gradient of the reference target, to twelve digits."""
    equations, gradients = subject.cell.equations, subject.cell.gradients
    with mpmath.workdps(DIGITS):
        sequence = sequences.draw(equations, steps=STEPS, size=2, seed=1)
        trajectory = sequence.trajectory()
        adjoints = recursion.propagate(gradients, trajectory, sequence.entering(trajectory), sequence.last)
        expected = dict(_values(equations, trajectory)) | dict(_gradients(sequence, adjoints))
    sample = _sample(sequence)
    _, outputs, states, _ = run(subject.reference, sample, keep_tape=False)
    received = dict(
        zip((*equations.outputs, *(f"last {name}" for name in equations.states)), (*outputs, *states), strict=True)
    )
    received |= {f"gradient of {name}": array for name, array in gradient(subject.reference, sample).items()}
    failures = []
    for name, array in expected.items():
        error = float(np.abs(received[name] - array).max(initial=0.0))
        if not error <= TOLERANCE * float(np.abs(array).max(initial=1.0)):
            failures.append(f"{name}: float64 is off by {error:.1e}")
    entries = sum(array.size for array in expected.values())
    return Rung("reference in 50 digits", not failures, f"{entries} numbers to 12 digits", tuple(failures))


def _sample(sequence: Sequence) -> Sample:
    """The sequence as float64 arrays of batch 1."""
    equations = sequence.equations
    steps = range(len(sequence.inputs))
    leaves = {name: _array(value) for name, value in sequence.params.items()}
    for name in equations.inputs:
        leaves[name] = np.stack([_array(sequence.inputs[step][name])[None] for step in steps])
    leaves |= {initial(name): _array(value)[None] for name, value in sequence.state.items()}
    ends = tuple(_array(sequence.last[name])[None] for name in equations.states)
    if equations.loss is None:
        errors = tuple(
            np.stack([_array(sequence.errors[step][name])[None] for step in steps]) for name in equations.outputs
        )
        return Sample(equations, leaves, errors, ends, None, None, None)
    target = np.stack([_array(sequence.errors[step][equations.loss.variable])[None] for step in steps])
    weight = np.array([[float(item)] for item in sequence.weights])
    return Sample(equations, leaves, (np.zeros_like(target),), ends, None, target, weight)


def _values(equations: Equations, trajectory: Trajectory) -> Iterator[tuple[str, Array]]:
    steps = range(len(trajectory.steps))
    for name in equations.outputs:
        yield name, np.stack([_array(trajectory.read(name, 0, step))[None] for step in steps])
    for name, value in trajectory.last(equations.states).items():
        yield f"last {name}", _array(value)[None]


def _gradients(sequence: Sequence, adjoints: Adjoints) -> Iterator[tuple[str, Array]]:
    for name in sequence.equations.parameters:
        yield f"gradient of {name}", _array(adjoints.timeless[name])
    for name in sequence.equations.inputs:
        yield f"gradient of {name}", np.stack([_array(step[name])[None] for step in adjoints.steps])
    for name in sequence.equations.states:
        yield f"gradient of {initial(name)}", _array(adjoints.initial[name])[None]


def _array(value: object) -> Array:
    """Nested tuples of 50-digit numbers, rounded to float64."""
    return np.array(value, dtype=object).astype(np.float64)
