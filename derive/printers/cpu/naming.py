"""The names that the CPU code uses itself."""

from __future__ import annotations

RESERVED = (
    "abs", "alone", "annotations", "array", "arrays", "backward", "batch", "before", "begin", "block", "board", "call",
    "calls", "carried_rows", "carved", "check_panels", "checkpoint_every", "Checkpoints", "checkpoints", "chunk",
    "compiled", "consume_tape", "contiguous", "copy_rows", "copy_vector", "dstate", "dtype", "dy", "edge", "end",
    "ends", "errors", "every", "FILLED", "fill_panels", "first", "forward", "gradient_scratch", "grads", "Grads",
    "here", "init", "init_state", "Inputs", "int", "isinstance", "item", "itemsize", "keep", "keep_tape", "kept", "len",
    "lengths", "loss", "losses", "made_for", "map", "max", "memory", "min", "NamedTuple", "new_block", "now", "np",
    "one_step", "Outputs", "pack", "packed", "Packed", "PANEL_BYTES", "panel_shape", "parameters", "Params", "params",
    "part", "partial", "parts", "plain", "prefetch", "product", "product_of_step", "product_of_steps", "range", "real",
    "register_jitable", "room", "rows", "scratch", "seed", "shares", "sharing", "Signature", "SIGNATURE", "sizes",
    "start", "state", "State", "step", "steps", "stop", "sums", "t", "Tape", "tape", "target", "threads", "total",
    "tuple", "type", "unit", "units", "weight", "weight_gradients", "widest", "width", "workspace", "Workspace",
    "workspaces", "x_t",
)  # fmt: skip
"""What the template and the lines of the driver call by name; a name of the cell gets an underscore beside them."""
