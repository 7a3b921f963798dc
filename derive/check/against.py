"""Compare somebody's hand-written backward pass with the derived one, and say which route accounts for a difference.

The function is called by keyword with those of the following that its signature names: `params` (a NamedTuple), `x`,
`state` (the initial one), `dy`, `dstate`, `target`, `weight`, and `tape`, every value of every step of the reference
target. It returns a mapping from names to gradients: parameters, inputs, and `c[0]` for an initial state. What it
leaves out is not compared.
"""

from __future__ import annotations

import importlib.util
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from derive.check.checker import mutated_gradient
from derive.check.mutants import Mutant, of_hop
from derive.check.samples import Array, Sample, Shape, gradient, initial, run
from derive.check.subject import Subject
from derive.errors import DeriveError
from derive.gradients import Gradients
from derive.printers.text import RouteText, arrow, notation
from derive.routes import first_hops

SHAPE = Shape("against", 4, 2, (3, 2))
TOLERANCE = 1e-9
WORDS = {
    "dropped": "Your code leaves it out.",
    "flipped": "Your code has the wrong sign.",
    "shifted": "Your code takes it at another step.",
}

Backward = Callable[..., Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the comparison found: names that agree, names that differ with the relative error, and explanations.

    Several explanations fit the same numbers where they are listed together; none is chosen.
    """

    agree: tuple[str, ...]
    differ: tuple[tuple[str, float], ...]
    explanations: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every gradient that was returned is right."""
        return not self.differ

    @property
    def conclusion(self) -> tuple[str, ...]:
        """What accounts for the difference, in sentences; nothing where there is none."""
        if self.passed:
            return ()
        if not self.explanations:
            return ("No single route, left out, with another sign or at another step, accounts for the difference.",)
        if len(self.explanations) == 1:
            return (f"The difference is exactly {self.explanations[0]}",)
        return ("Each of these accounts for the difference exactly:", *self.explanations)


def load_function(spec: str) -> Backward:
    """The function that `FILE.py:FUNCTION` names; DeriveError where there is none. The file is run."""
    path, _, name = spec.rpartition(":")
    if not path or not name.isidentifier():
        raise DeriveError(f"write --against FILE.py:FUNCTION, such as my_lstm.py:backward; received {spec}")
    if not Path(path).is_file():
        raise DeriveError(f"there is no file {path}")
    found = importlib.util.spec_from_file_location(Path(path).stem, path)
    if found is None or found.loader is None:
        raise DeriveError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    with _reported(path):
        found.loader.exec_module(module)
    function: Backward | None = getattr(module, name, None)
    if function is None or not callable(function):
        defined = ", ".join(key for key, item in vars(module).items() if inspect.isfunction(item)) or "none"
        raise DeriveError(f"{path} defines no function `{name}`; its functions are {defined}")
    return function


def compare(subject: Subject, function: Backward) -> Comparison:
    """Call `function` on a random sample with non-zero states, and explain where it differs from the derivation."""
    sample = subject.sample(SHAPE)
    received = _call(subject.reference, sample, function)
    derived = gradient(subject.reference, sample)
    _require_names(subject, derived, received)
    errors = {name: _error(derived[name], array) for name, array in received.items()}
    differ = tuple((name, error) for name, error in errors.items() if error > TOLERANCE)
    agree = tuple(name for name, error in errors.items() if error <= TOLERANCE)
    explanations = _explain(subject.cell.gradients, sample, received) if differ else ()
    return Comparison(agree, differ, explanations)


def _call(module: ModuleType, sample: Sample, function: Backward) -> dict[str, Array]:
    """The user's gradients; what the function asks for and there is not is an error that lists what there is."""
    equations = sample.equations
    inputs = [sample.leaves[name] for name in equations.inputs]
    _, _, _, tape = run(module, sample, keep_tape=True)
    given: dict[str, Any] = {
        "params": module.Params(*(sample.leaves[name] for name in equations.parameters)),
        "x": inputs[0] if len(inputs) == 1 else module.Inputs(*inputs),
        "state": module.State(*(sample.leaves[initial(name)] for name in equations.states)),
        "dy": sample.errors[0] if len(sample.errors) == 1 else module.Outputs(*sample.errors),
        "dstate": module.State(*sample.ends),
        "target": sample.target,
        "weight": sample.weight,
        "tape": tape,
    }
    asked = inspect.signature(function).parameters
    unknown = [name for name in asked if name not in given]
    if unknown:
        raise DeriveError(f"the function asks for {', '.join(unknown)}; it can ask for {', '.join(given)}")
    with _reported("the function"):
        result = function(**{name: given[name] for name in asked})
    if not isinstance(result, Mapping):
        raise DeriveError(
            f"the function must return a mapping from names to gradients; received {type(result).__name__}"
        )
    return {str(name): np.asarray(array, dtype=np.float64) for name, array in result.items()}


@contextmanager
def _reported(what: str) -> Iterator[None]:
    """Report whatever somebody else's code raises as a fault of that code, with its place."""
    try:
        yield
    except Exception as error:
        if isinstance(error, SyntaxError):
            place = f"{error.filename}, line {error.lineno}"
        else:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{last.filename}, line {last.lineno}"
        raise DeriveError(f"{what} ended with {type(error).__name__}: {error} ({place})") from error


def _require_names(subject: Subject, derived: Mapping[str, Array], received: Mapping[str, Array]) -> None:
    for name, array in received.items():
        if name not in derived:
            raise DeriveError(f"`{name}` is no gradient of {subject.cell.name}; its gradients are {', '.join(derived)}")
        if array.shape != derived[name].shape:
            raise DeriveError(f"the gradient of {name}: expected shape {derived[name].shape}, received {array.shape}")


def _error(derived: Array, received: Array) -> float:
    """The relative error of an array; inf where it is not finite."""
    error = np.abs(derived - received).max(initial=0.0) / max(np.abs(derived).max(initial=0.0), 1e-12)
    return float(error) if np.isfinite(error) else np.inf


def _explain(gradients: Gradients, sample: Sample, received: Mapping[str, Array]) -> tuple[str, ...]:
    """Every single change of one route, in the recursion itself, that gives exactly the received numbers."""
    found = []
    words = RouteText(gradients.graph, notation(ascii_only=False))
    for mutant in _single_changes(gradients):
        altered = mutated_gradient(gradients, mutant, sample)
        if all(_error(altered[name], array) <= TOLERANCE for name, array in received.items()):
            route = first_hops(gradients.graph, mutant.name)[mutant.number - 1]
            negative, term = words.term(route)
            where = arrow(route.edges[0], timeless=gradients.adjoints[mutant.name].timeless)
            signed = f"-{term}" if negative else term
            found.append(f"route {mutant.number} of δ{mutant.name}: {where}, {signed}. {WORDS[mutant.family]}")
    return tuple(found)


def _single_changes(gradients: Gradients) -> list[Mutant]:
    """Each hop dropped, flipped, and shifted by a step as a whole."""
    return [
        mutant
        for adjoint in gradients.adjoints.values()
        for number, hop in enumerate(adjoint.hops, start=1)
        for mutant in of_hop(gradients, adjoint, number, hop)
        if mutant.family in WORDS and not _shifts_a_value(mutant)
    ]


def _shifts_a_value(mutant: Mutant) -> bool:
    """Whether a mutant reads one value of a term at another step, and not the term."""
    changed = mutant.changes[0]
    return mutant.family == "shifted" and changed is not None and changed.lag == mutant.originals[0].lag
