"""The names that the CUDA code uses itself, and where sums over steps and batch lie."""

from __future__ import annotations

from functools import cached_property

from derive.plan.model import Accumulate, Array, Plan, Region
from derive.printers.compiled.naming import Naming

RESERVED = (
    "abs", "annotations", "array", "backward", "backward_block", "backward_loop", "batch", "before", "block",
    "call", "calls", "carried_rows", "column", "consume_tape", "Count", "Counts", "cuda", "device", "devices",
    "dstate", "dtype", "dy", "ends", "errors", "first", "forward", "forward_block", "forward_loop", "Grads",
    "grads", "halving", "halvings", "here", "index", "init", "init_state", "Inputs", "int", "isinstance", "item",
    "keep", "keep_tape", "kernels", "lane", "lanes", "launches", "len", "lengths", "LOOP", "loss", "losses", "map",
    "math", "max", "min", "NamedTuple", "now", "np", "number", "operand", "Outputs", "pack", "Packed", "packed",
    "parameters", "Params", "params", "part", "plain", "range", "real", "Reals", "regime", "regimes", "row", "rows",
    "seed", "share", "SIGNATURE", "Signature", "sizes", "State", "state", "step", "steps", "stop", "sums", "sweeps",
    "t", "Tape", "tape", "target", "tuple", "u32", "u64", "unit", "weight", "weights", "x_t",
    "arrived", "backward_grid", "backward_grid_loop", "each", "filled", "forward_grid", "forward_grid_loop", "group",
    "groups", "items", "load_acquire", "moved", "ordered", "other", "passed", "runs", "shared", "start",
    "store_release", "tile",
)  # fmt: skip
"""What the template and the lines of the driver call by name; a name of the cell gets an underscore beside them."""


class DeviceNaming(Naming):
    """The names of one plan in CUDA code."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, RESERVED)

    @cached_property
    def parts(self) -> dict[tuple[Array, str], tuple[str, ...]]:
        """The sums that threads add to while steps run, each with the columns of those before it in a row of sums.

        No two threads add to the same element, so a scalar has a column for each unit that adds to it, once for every
        dimension of such units; the columns of one array lie together.
        """
        found: dict[Array, dict[str, None]] = {array: {} for array in self.sums}
        for region, stages in self.plan.backward.regions:
            sweeps = [sweep for stage in stages for sweep in stage.sweeps if region is not Region.PREAMBLE]
            for sweep in sweeps:
                for statement in sweep.statements:
                    if isinstance(statement, Accumulate):
                        found[self.place(statement.symbol).array][sweep.dimension] = None
        before: dict[tuple[Array, str], tuple[str, ...]] = {}
        taken: tuple[str, ...] = ()
        for array, dimensions in found.items():
            for dimension in dimensions:
                before[array, dimension] = taken
                taken += (dimension,)
        return before
