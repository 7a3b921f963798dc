"""What a generated module states about its cell, so that hand-written support can check and make its arrays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """Names, shapes and start values of one cell.

    `sizes` has one entry for each dimension: the arguments of `init` that must agree in it, of which the first is
    its name in shapes: (("input_size",), ("hidden_size",)), or (("input_size", "hidden_size"),) where x is added
    to h. `params` gives each parameter's shape in these names, () for a scalar. `inputs`, `outputs` and `states` give
    the one dimension of each vector. `init` holds (parameter, rule, value) with the rules of `init.draw`, `initial`
    the start value of each state. `loss` is "", "softmax_cross_entropy" or "mse"; the loss reads the first output.
    """

    cell: str
    sizes: tuple[tuple[str, ...], ...]
    params: tuple[tuple[str, tuple[str, ...]], ...]
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str], ...]
    init: tuple[tuple[str, str, float], ...]
    initial: tuple[float, ...]
    loss: str = ""
