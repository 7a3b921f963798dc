"""JAX: jit of lax.scan over the step, the input product of all steps before it, gradients by value_and_grad."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.bench.cases import Arrays, Case, Phase
from tests.bench.contender import Contender, Prepared
from tests.bench.steps import LAYOUTS


def prepare(case: Case, arrays: Arrays) -> Prepared:
    """The cell under jit. The number of threads is that of the process: JAX reads it when it starts."""
    import jax
    import jax.numpy as jnp

    layout = LAYOUTS[case.cell]
    xp = SimpleNamespace(
        sigmoid=jax.nn.sigmoid, tanh=jnp.tanh, split=lambda value, parts: jnp.split(value, parts, axis=-1)
    )

    def scan(params: Any, x: Any, state: Any) -> Any:
        def step(state: Any, of_x: Any) -> Any:
            y, state = layout.step(xp, of_x, state, params)
            return state, y

        return jax.lax.scan(step, state, x @ params["W"].T + params["b"])[1]

    given = jax.device_put((layout.stacked(arrays.params), arrays.x, arrays.state))
    if case.phase is Phase.FORWARD:
        forward = jax.jit(scan)
        return Prepared(lambda: forward(*given).block_until_ready(), lambda y: {"y": np.asarray(y)})

    def objective(leaves: Any, dy: Any) -> Any:
        y = scan(*leaves)
        return (y * dy).sum(), y

    both = jax.jit(jax.value_and_grad(objective, has_aux=True))
    dy = jax.device_put(arrays.dy)

    def read(result: Any) -> dict[str, np.ndarray]:
        (_, y), (params, x, state) = jax.device_get(result)
        return {"y": y, "x": x, **layout.parts(params), **{f"state.{name}": value for name, value in state.items()}}

    return Prepared(lambda: jax.block_until_ready(both(given, dy)), read)


JAX = Contender("jax", "jax", prepare)
