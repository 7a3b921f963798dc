"""The rungs of the ladder, each a measurement that can fail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from derive.check import kinks
from derive.check.differences import Verdict, entries, judge
from derive.check.report import Rung
from derive.check.samples import Array, Sample, Shape, gradient, run, value
from derive.check.subject import LONG, ODD, RAGGED, SHAPES, Subject
from derive.proof import prove
from derive.proof.unrolled import unrolled

# Along how many random directions a leaf is differentiated where not every entry is.
DIRECTIONS = 2
# Rounding in float32 grows with the length of the sums and chains: this many units in the last place of the largest
# entry of an array, for each step.
ULPS_PER_STEP = 64.0


def proved(subject: Subject) -> Rung:
    """The symbolic proof of one step, and of each route alone."""
    result = prove(subject.cell.gradients)
    checked = f"{result.identities} identities, {result.hops} routes"
    return Rung("proof", result.passed, checked, tuple(str(finding) for finding in result.findings))


def unrolled_agrees(subject: Subject) -> Rung:
    """Three steps in 50-digit arithmetic: the derived recursion against differences."""
    result = unrolled(subject.cell.gradients)
    failures = tuple(str(finding) for finding in result.findings)
    return Rung("unrolled in 50 digits", result.passed, f"{result.entries} entries", failures)


def differences(subject: Subject, shapes: tuple[Shape, ...]) -> Rung:
    """The compiled float64 gradient against central differences of the compiled forward pass."""
    looked, skipped = 0, 0
    failures: list[str] = []
    for shape in shapes:
        sample = subject.sample(shape)
        derived = gradient(subject.cpu, sample)
        for name, leaf in sample.leaves.items():
            for direction in _directions(leaf, shape.entrywise, np.random.default_rng([len(failures), leaf.size])):
                if _crosses(subject, sample, name, direction):
                    skipped += 1
                    continue
                along = float((derived[name] * direction).sum())
                verdict = judge(lambda item: value(subject.cpu, item), sample, name, direction, along)
                looked += 1
                if not verdict.passed:
                    failures.append(_failure(name, shape, direction, along, verdict))
    if not looked:
        failures.append("no direction could be judged: every one crosses a kink")
    kept = f", {skipped} beside a kink left out" if skipped else ""
    return Rung("differences", not failures, f"{looked} directions of second order{kept}", tuple(failures))


def targets_agree(subject: Subject) -> Rung:
    """The compiled kernel against the reference, in float64, on every shape."""
    looked = 0
    failures: list[str] = []
    for shape in SHAPES:
        sample = subject.sample(shape)
        for name, one, other in _pairs(subject, sample):
            looked += one.size
            scale = float(np.abs(one).max(initial=1.0))
            error = float(np.abs(one - other).max(initial=0.0))
            if not error <= 1e-11 * scale:
                failures.append(f"{name} ({shape.name}): the targets differ by {error:.1e} of {scale:.1e}")
    return Rung("reference and cpu", not failures, f"{looked} numbers", tuple(failures))


def single_precision(subject: Subject) -> Rung:
    """float32 against float64, in units of the last place of each array's largest entry."""
    worst = 0.0
    failures: list[str] = []
    for shape in (ODD, LONG, RAGGED):
        sample = subject.sample(shape)
        narrow = sample.astype(np.float32)
        exact = gradient(subject.cpu, narrow.astype(np.float64))
        for name, array in gradient(subject.cpu, narrow).items():
            if array.dtype != np.float32:
                failures.append(f"{name} ({shape.name}): dtype {array.dtype} from float32 arguments")
            unit = float(np.spacing(np.float32(np.abs(exact[name]).max(initial=1e-30))))
            ulps = float(np.abs(array - exact[name]).max(initial=0.0)) / unit / (shape.steps + 1)
            worst = max(worst, ulps)
            if not ulps <= ULPS_PER_STEP:
                failures.append(f"{name} ({shape.name}): {ulps:.0f} ulp a step from float64")
    return Rung("float32", not failures, f"within {ULPS_PER_STEP:.0f} ulp a step of float64", tuple(failures))


def _pairs(subject: Subject, sample: Sample) -> Iterator[tuple[str, Array, Array]]:
    """Every output, last state and gradient of both targets."""
    _, outputs, states, _ = run(subject.reference, sample, keep_tape=False)
    _, others, last, _ = run(subject.cpu, sample, keep_tape=False)
    for number, (one, other) in enumerate(zip((*outputs, *states), (*others, *last), strict=True), start=1):
        yield f"result {number}", one, other
    expected = gradient(subject.reference, sample)
    for name, array in gradient(subject.cpu, sample).items():
        yield f"gradient of {name}", expected[name], array


def _directions(leaf: Array, entrywise: bool, stream: np.random.Generator) -> list[Array]:
    """Every entry, or random directions of length 1."""
    if entrywise:
        return list(entries(leaf))
    drawn = [stream.normal(size=leaf.shape) for _ in range(DIRECTIONS)]
    return [direction / np.linalg.norm(direction) for direction in drawn]


def _crosses(subject: Subject, sample: Sample, name: str, direction: Array) -> bool:
    """Whether a kink lies between the two ends of the widest difference, or within its distance of them."""
    if not kinks.expressions(subject.cell.graph):
        return False
    signs = []
    for sign in (-1.0, 1.0):
        moved = sample.with_leaf(name, sample.leaves[name] + sign * 2.0**-9 * direction)
        signs.append(kinks.arguments(subject.cell.graph, subject.reference, moved))
    return any(bool(np.any((below > 0) != (above > 0))) for below, above in zip(*signs, strict=True))


def _failure(name: str, shape: Shape, direction: Array, along: float, verdict: Verdict) -> str:
    place = np.argwhere(direction)
    entry = f"{name}[{', '.join(map(str, place[0]))}]" if len(place) == 1 else f"{name} along a random direction"
    return (
        f"{entry} ({shape.name}): derived {along:.6e}, off by {verdict.error:.1e} with rounding at "
        f"{verdict.floor:.1e}; halving h divides the error by {verdict.fall:.2f}"
    )
