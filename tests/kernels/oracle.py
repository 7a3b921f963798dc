"""The oracle of the kernels: the typed equations run as they stand in PyTorch float64, the gradients by autograd.

It knows nothing of graphs, routes or plans, and no rule of `rules.py`: every elementary function is written here again
with PyTorch's own operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from derive.equations import Call, Equations, Expression, MatrixProduct, Negation, Number, Occurrence, Operation
from derive.rules import RULES
from tests.kernels.arguments import Arguments

Tensor = torch.Tensor


@dataclass(frozen=True)
class Results:
    """What a kernel gives, as NumPy arrays: values by name, then gradients by name, in one mapping.

    `margin` is how near any elementary function came to one of its kinks or to the end of its domain, `largest` the
    largest absolute value of any subexpression.
    """

    values: Mapping[str, np.ndarray]
    margin: float = math.inf
    largest: float = 0.0


def _clip(x: Tensor, low: float, high: float) -> Tensor:
    return torch.where(x <= low, torch.full_like(x, low), torch.where(x >= high, torch.full_like(x, high), x))


FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "softsign": lambda x: x / (1 + torch.abs(x)),
    "elu": lambda x: torch.where(x > 0, x, torch.expm1(x)),
    "gelu": lambda x: x * torch.special.ndtr(x),
    "silu": lambda x: x * torch.sigmoid(x),
    "hard_sigmoid": lambda x: _clip(x / 6 + 0.5, 0.0, 1.0),
    "hard_tanh": lambda x: _clip(x, -1.0, 1.0),
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "sin": torch.sin,
    "cos": torch.cos,
    "erf": torch.erf,
    "minimum": lambda a, b: torch.where(a <= b, a, b),
    "maximum": lambda a, b: torch.where(a >= b, a, b),
}

KINKS: Mapping[str, Callable[..., Tensor]] = {
    **dict.fromkeys(("relu", "leaky_relu", "softsign", "elu", "abs", "log", "sqrt"), torch.abs),
    "hard_sigmoid": lambda x: torch.abs(torch.abs(x) - 3),
    "hard_tanh": lambda x: torch.abs(torch.abs(x) - 1),
    "minimum": lambda a, b: torch.abs(a - b),
    "maximum": lambda a, b: torch.abs(a - b),
}
"""The distance from the nearest kink, or from the end of the domain."""

assert set(FUNCTIONS) == {name for name, rule in RULES.items() if not rule.internal}


@dataclass
class _Evaluator:
    """Evaluates expressions, and notes kinks and sizes where sequences are alive."""

    constants: Mapping[str, Tensor]
    now: dict[str, Tensor] = field(default_factory=dict)
    before: Mapping[str, Tensor] = field(default_factory=dict)
    alive: Tensor | None = None
    margin: float = math.inf
    largest: float = 0.0

    def value(self, expression: Expression) -> Tensor:
        """The value of an expression: (), (n,) where it is timeless, (B, n) where it is not."""
        result = self._value(expression)
        self.largest = max(self.largest, self._extreme(torch.abs(result), 0.0, max))
        return result

    def _value(self, expression: Expression) -> Tensor:
        match expression:
            case Number(fraction):
                return torch.tensor(float(fraction), dtype=torch.float64)
            case Occurrence(name, lag):
                return self.before[name] if lag else self.now.get(name, self.constants.get(name))
            case Negation(operand):
                return -self.value(operand)
            case Operation(operator, left, right):
                return self._operation(operator, self.value(left), self.value(right))
            case Call(function, arguments):
                values = [self.value(argument) for argument in arguments]
                if function in KINKS:
                    self._note(torch.broadcast_to(KINKS[function](*values), self._shape(values)))
                return FUNCTIONS[function](*values)
            case MatrixProduct(matrix, transposed, operand):
                weights = self.now[matrix.name]
                return self.value(operand) @ (weights if transposed else weights.T)
        raise AssertionError(expression)

    def _operation(self, operator: str, left: Tensor, right: Tensor) -> Tensor:
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                self._note(torch.abs(right))
                return left / right
            case _:
                if right.requires_grad or float(right.max()) != round(float(right.max())):
                    self._note(left)
                return left**right

    def _shape(self, values: Sequence[Tensor]) -> torch.Size:
        return torch.broadcast_shapes(*(value.shape for value in values))

    def _note(self, distance: Tensor) -> None:
        self.margin = min(self.margin, self._extreme(distance, math.inf, min))

    def _extreme(self, values: Tensor, empty: float, pick: Callable[[float, float], float]) -> float:
        """The largest or smallest of `values` where a sequence is alive; NaN counts as infinite or as a kink."""
        values = values.detach()
        if self.alive is not None and values.ndim == 2:
            values = values[self.alive]
        if values.numel() == 0:
            return empty
        if bool(torch.isnan(values).any()):
            return math.inf if pick is max else 0.0
        return float(values.max() if pick is max else values.min())


def _loss(rule: str, o: Tensor, target: np.ndarray, weight: Tensor) -> Tensor:
    """Weighted mean over all rows of the losses; 0 where all weights are 0."""
    if float(weight.sum()) == 0.0:
        return torch.zeros((), dtype=torch.float64)
    wanted = torch.as_tensor(target)
    if rule == "mse":
        rows = ((o - wanted) ** 2).mean(dim=2)
    elif wanted.ndim == 2:
        rows = -torch.log_softmax(o, dim=2).gather(2, wanted[:, :, None])[:, :, 0]
    else:
        rows = -(wanted * torch.log_softmax(o, dim=2)).sum(dim=2)
    return (weight * rows).sum() / weight.sum()


def run(cell: Equations, given: Arguments) -> Results:
    """The values of a whole batch of sequences and the gradients of loss + sum(dy * y) + sum(dstate * state)."""
    params, inputs, state = (
        tuple(torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays)
        for arrays in (given.params, given.inputs, given.state)
    )
    steps, batch = given.inputs[0].shape[:2]
    constants = {name: torch.tensor(float(item.value), dtype=torch.float64) for name, item in cell.constants.items()}
    evaluator = _Evaluator(constants, before=dict(zip(cell.states, state, strict=True)))
    evaluator.now.update(zip(cell.parameters, params, strict=True))
    outputs: dict[str, list[Tensor]] = {name: [] for name in cell.outputs}
    for t in range(steps):
        alive = torch.as_tensor(given.lengths > t)
        evaluator.alive = alive
        evaluator.now.update((name, array[t]) for name, array in zip(cell.inputs, inputs, strict=True))
        for equation in cell.equations:
            evaluator.now[equation.target] = evaluator.value(equation.expression)
        evaluator.before = {
            name: torch.where(alive[:, None], evaluator.now[name], before) for name, before in evaluator.before.items()
        }
        for name, rows in outputs.items():
            value = evaluator.now[name].expand(batch, -1)
            rows.append(torch.where(alive[:, None], value, torch.zeros_like(value)))
    ys = {
        name: torch.stack(rows) if rows else torch.zeros(dy.shape, dtype=torch.float64)
        for (name, rows), dy in zip(outputs.items(), given.dy, strict=True)
    }
    objective = sum((torch.as_tensor(dy) * y).sum() for dy, y in zip(given.dy, ys.values(), strict=True))
    objective += sum(
        (torch.as_tensor(error) * last).sum()
        for error, last in zip(given.dstate, evaluator.before.values(), strict=True)
    )
    values = {f"y.{name}": y for name, y in ys.items()} | {f"state.{n}": v for n, v in evaluator.before.items()}
    if cell.loss:
        alive = np.arange(steps)[:, None] < given.lengths
        weight = torch.as_tensor(np.where(alive, 1.0 if given.weight is None else given.weight, 0.0))
        values["loss"] = _loss(cell.loss.rule, next(iter(ys.values())), given.target, weight)
        objective = objective + values["loss"]
    leaves = dict(zip((f"grads.params.{name}" for name in cell.parameters), params, strict=True))
    leaves |= dict(zip((f"grads.x.{name}" for name in cell.inputs), inputs, strict=True))
    leaves |= dict(zip((f"grads.state.{name}" for name in cell.states), state, strict=True))
    if isinstance(objective, Tensor) and objective.requires_grad:
        gradients = torch.autograd.grad(objective, list(leaves.values()), allow_unused=True, materialize_grads=True)
    else:
        gradients = tuple(map(torch.zeros_like, leaves.values()))
    values |= dict(zip(leaves, gradients, strict=True))
    return Results({n: v.detach().numpy() for n, v in values.items()}, evaluator.margin, evaluator.largest)
