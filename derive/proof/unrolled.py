"""The unrolled whole: the derived recursion against differences of the equations, both in 50 digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import mpmath

from derive.gradients import Gradients
from derive.proof.findings import Finding, ProofResult
from derive.proof.interpreter import Array, Scalar
from derive.proof.recursion import Adjoints, propagate
from derive.proof.sequences import NoPointError, Sequence, draw

DIGITS = 50
STEP = mpmath.mpf("1e-16")
# The remainder of a central difference is STEP**2 times a third derivative; its rounding is about 1e-50 / STEP.
TOLERANCE = mpmath.mpf("1e-25")

Path = tuple[int, ...]


def unrolled(gradients: Gradients, *, steps: int = 3, size: int = 2, seed: int = 0) -> ProofResult:
    """Compare the derived recursion over `steps` steps with central differences of the typed equations.

    Every entry of every parameter, input and initial state is compared, at one random point: non-zero parameters and
    initial states, errors at every output and at the last states, or the weighted loss. Dimensions have `size` and
    `size` + 1 components in turn.
    """
    with mpmath.workdps(DIGITS):
        try:
            sequence = draw(gradients.graph.equations, steps=steps, size=size, seed=seed)
        except (NoPointError, ZeroDivisionError) as error:
            return _failed(Finding("unrolled", gradients.graph.equations.name, "", f"not decided: {error}"))
        trajectory = sequence.trajectory()
        try:
            adjoints = propagate(gradients, trajectory, sequence.entering(trajectory), sequence.last)
        except ValueError as error:
            return _failed(Finding("unrolled", gradients.graph.equations.name, "", f"shapes do not fit: {error}"))
        findings: dict[str, Finding] = {}
        entries, worst = 0, mpmath.mpf(0)
        for name, label, derived, difference in _comparisons(sequence, adjoints):
            entries += 1
            relative = abs(derived - difference) / (1 + abs(difference))
            worst = max(worst, relative)
            # So written, a value that is not a number is found too.
            if not relative <= TOLERANCE and name not in findings:
                message = f"at {label} the recursion gives {_short(derived)}, differences give {_short(difference)}"
                findings[name] = Finding("unrolled", name, "", message)
    return ProofResult(0, 0, entries, tuple(findings.values()), worst)


def _failed(finding: Finding) -> ProofResult:
    return ProofResult(0, 0, 0, (finding,))


def _comparisons(sequence: Sequence, adjoints: Adjoints) -> Iterator[tuple[str, str, Scalar, Scalar]]:
    """Every entry: its name, where it stands, its derived adjoint, and the difference of J by it."""
    for name, value in sequence.params.items():
        yield from _entries(name, "", value, adjoints.timeless[name], partial(_with_param, sequence, name))
    for step, inputs in enumerate(sequence.inputs):
        for name, value in inputs.items():
            yield from _entries(
                name,
                f"[{step + 1}]",
                value,
                adjoints.steps[step][name],
                partial(_with_input, sequence, step, name),
            )
    for name, value in sequence.state.items():
        yield from _entries(name, "[0]", value, adjoints.initial[name], partial(_with_state, sequence, name))


def _entries(
    name: str, when: str, value: Array, adjoint: Array, moved: Callable[[Array], Sequence]
) -> Iterator[tuple[str, str, Scalar, Scalar]]:
    for path in _paths(value):
        above = moved(_shifted(value, path, STEP)).objective()
        below = moved(_shifted(value, path, -STEP)).objective()
        place = f" entry ({', '.join(str(at) for at in path)})" if path else ""
        yield name, f"{name}{when}{place}", _entry(adjoint, path), (above - below) / (2 * STEP)


def _with_param(sequence: Sequence, name: str, value: Array) -> Sequence:
    return replace(sequence, params={**sequence.params, name: value})


def _with_input(sequence: Sequence, step: int, name: str, value: Array) -> Sequence:
    changed: Mapping[str, Array] = {**sequence.inputs[step], name: value}
    return replace(sequence, inputs=(*sequence.inputs[:step], changed, *sequence.inputs[step + 1 :]))


def _with_state(sequence: Sequence, name: str, value: Array) -> Sequence:
    return replace(sequence, state={**sequence.state, name: value})


def _paths(value: Array) -> Iterator[Path]:
    if not isinstance(value, tuple):
        yield ()
        return
    for at, item in enumerate(value):
        for path in _paths(item):
            yield (at, *path)


def _entry(value: Array, path: Path) -> Scalar:
    for at in path:
        value = value[at]
    return value


def _shifted(value: Array, path: Path, by: Scalar) -> Array:
    if not path:
        return value + by
    return tuple(_shifted(item, path[1:], by) if at == path[0] else item for at, item in enumerate(value))


def _short(value: Scalar) -> str:
    return str(mpmath.nstr(value, 12))
