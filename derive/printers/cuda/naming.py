"""The names that the CUDA code uses itself, and where sums over steps and batch lie."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from derive.elementary import Value
from derive.plan.model import Accumulate, Array, Kept, Origin, Plan, Region
from derive.plan.symbols import adjoint, unlagged
from derive.printers.compiled.naming import Naming

RESERVED = (
    "abs", "annotations", "array", "arrived", "backward", "backward_block", "backward_grid", "backward_grid_loop",
    "backward_loop", "backward_tensor", "backward_tensor_loop", "batch", "before", "block", "call", "calls",
    "carried_rows", "checkpoint_every", "Checkpoints", "checkpoints", "column", "consume_tape", "Count", "Counts",
    "cuda", "device", "devices", "dict", "dstate", "dtype", "dy", "each", "ends", "errors", "every", "filled",
    "first", "forward", "forward_block", "forward_grid", "forward_grid_loop", "forward_loop", "forward_tensor",
    "forward_tensor_loop", "Grads", "grads", "grids", "group", "groups", "halving", "halvings", "held", "here", "index",
    "init", "init_state", "Inputs", "inside", "int", "isinstance", "item", "items", "keep", "keep_tape", "kept",
    "kernels", "lane", "lanes", "launches", "len", "lengths", "load_acquire", "load_run", "LOOP", "loss", "losses",
    "lower", "lower_1", "lower_2", "lower_3", "lower_4", "map", "math", "matrix", "max", "memory", "min", "moved",
    "moves", "multiply", "NamedTuple", "now", "np", "number", "one_step", "operand", "ordered", "other", "Outputs",
    "pack", "Packed", "packed", "parameters", "Params", "params", "part", "passed", "pitch", "place", "plain",
    "quarter", "range", "real", "Reals", "regime", "regimes", "row", "rows", "runs", "seed", "shape", "share",
    "shared", "SIGNATURE", "Signature", "sizes", "start", "State", "state", "step", "steps", "stop", "store_release",
    "Stored", "str", "sums", "sweeps", "t", "Tape", "tape", "target", "tensor", "threads", "tile", "tuple", "u32",
    "u64", "unit", "upper", "upper_1", "upper_2", "upper_3", "upper_4", "warp", "weight", "weights", "word_1",
    "word_2", "word_3", "word_4", "Workspace", "workspace", "workspaces", "x_t",
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

    @cached_property
    def real(self) -> frozenset[str]:
        """The names of the arrays of the dtype that kernels compute in, where that of the call has but 16 bits.

        Sums, scratch, and what one step hands to the next. All else has the dtype of the call: what the caller gives or
        gets, both factors of a product, and what the tape keeps, but for the states that no product reads, one array of
        many. A state that is rounded in every step stands still where a step adds little to it.
        """
        plan, places = self.plan, self.plan.places
        kept = {array for array in plan.arrays if array.origin is Origin.CALLER or array.kept is Kept.ONCE}
        kept |= {array for array in plan.arrays if array.saved and array.kept is not Kept.CARRIED}
        kept |= {*plan.outputs.values(), *(places[adjoint(name)].array for name in self.equations.inputs)}
        kept |= {self.place(stack.operand).array for stack in plan.stacks if unlagged(stack.operand) in places}
        kept |= {places[adjoint(str(product))].array for stack in plan.stacks for product in stack.products}
        names = {array.name for array in plan.arrays if array not in kept and array.kept is not Kept.SUM}
        return frozenset({"sums"} | names)

    @cached_property
    def carried(self) -> dict[Array, Array]:
        """For a state that products and sweeps of the loop read: two rows beside it, to which it is not rounded."""
        loop = [stages for region, stages in self.plan.forward.regions if region is Region.LOOP]
        statements = [
            each for stages in loop for stage in stages for sweep in stage.sweeps for each in sweep.statements
        ]
        read = {symbol for statement in statements for symbol in statement.expression.free_symbols}
        given = {statement.symbol for statement in statements}
        found = {}
        for symbol in sorted(read, key=str):
            array = self.place(symbol).array if isinstance(symbol, Value) and symbol.lag else None
            if array and array.name not in self.real and unlagged(symbol) in given:
                found[array] = replace(array, name=self.fresh(f"carried_{array.holds}"), kept=Kept.PAIR, saved=False)
        return found
