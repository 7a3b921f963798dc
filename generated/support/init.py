"""Start values of the parameters of a cell."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from generated.support.expected import REAL, Array, Dtype, either, integer
from generated.support.signature import Signature


def init_params(
    signature: Signature,
    sizes: Mapping[str, int],
    dtype: npt.DTypeLike,
    seed: int,
    dtypes: tuple[Dtype, ...] = REAL,
) -> tuple[Array, ...]:
    """The parameters of a cell in the order of its signature, C-contiguous; a scalar is an array of shape ().

    `sizes` holds every argument of `init` that is a size. Each parameter has a random stream of its own, derived from
    `seed` and its index, and is drawn in float64: the values of another dtype are the float64 values rounded.

    Raises TypeError for a missing or unknown size, a size or seed that is not an integer, or a dtype that is not
    one of `dtypes`; ValueError for a size below 1, a negative seed, or sizes that must agree and do not.
    """
    place = f"{signature.cell}.init"
    by_dimension = _check_sizes(signature, sizes, place)
    real = _check_dtype(dtype, place, dtypes)
    entropy = integer(seed, f"{place}: seed", least=0)
    params = []
    for index, ((_, shape), (_, rule, value)) in enumerate(zip(signature.params, signature.init, strict=True)):
        stream = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index,)))
        drawn = draw(rule, value, tuple(by_dimension[dimension] for dimension in shape), stream)
        params.append(drawn.astype(real))
    return tuple(params)


def draw(rule: str, value: float, shape: tuple[int, ...], stream: np.random.Generator) -> Array:
    """One parameter of `shape` in float64, C-contiguous.

    The rules: "number" (`value` everywhere), "uniform" U(-value, value), "fan_in" U(±1/sqrt(columns)), "glorot"
    U(±sqrt(6/(rows + columns))) (Glorot and Bengio 2010, equation 16), and "orthogonal", with orthonormal rows or
    columns, whichever are fewer (Saxe et al. 2014). A vector counts as a matrix of one column, a scalar as one of one
    row and column. Raises ValueError for another rule.
    """
    rows, columns = (*shape, 1, 1)[:2]
    match rule:
        case "number":
            return np.full(shape, value, dtype=np.float64)
        case "uniform":
            bound = value
        case "fan_in":
            bound = 1.0 / math.sqrt(max(columns, 1))
        case "glorot":
            bound = math.sqrt(6.0 / max(rows + columns, 1))
        case "orthogonal":
            return orthogonal(rows, columns, stream).reshape(shape)
        case _:
            raise ValueError(
                f"unknown rule of init {rule!r}: the rules are number, uniform, fan_in, glorot and orthogonal"
            )
    return np.asarray(stream.uniform(-bound, bound, size=shape), dtype=np.float64)


def orthogonal(rows: int, columns: int, stream: np.random.Generator) -> Array:
    """A matrix drawn uniformly from those with orthonormal columns, or orthonormal rows where rows < columns.

    It is the Q of a Gaussian matrix, each column given the sign of R's diagonal: without this Q is not uniformly
    distributed (Mezzadri 2007, section 5).
    """
    q, r = np.linalg.qr(stream.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
    return np.ascontiguousarray(q if rows >= columns else q.T)


def _check_sizes(signature: Signature, sizes: Mapping[str, int], place: str) -> dict[str, int]:
    """The size of each dimension by its name in shapes."""
    names = tuple(name for dimension in signature.sizes for name in dimension)
    expected = f"expected the sizes {', '.join(names)}" if names else "expected no sizes"
    for name in names:
        if name not in sizes:
            raise TypeError(f"{place}: {name} is missing: {expected}, received {', '.join(sizes) or 'none'}")
    for name in sizes:
        if name not in names:
            raise TypeError(f"{place}: there is no size {name!r}: {expected}")
    checked = {name: integer(sizes[name], f"{place}: {name}", least=1) for name in names}
    for first, *others in signature.sizes:
        for other in others:
            if checked[first] != checked[other]:
                raise ValueError(
                    f"{place}: {first}={checked[first]} and {other}={checked[other]} must be equal in cell "
                    f"{signature.cell}: its equations combine vectors of these sizes element by element"
                )
    return {dimension[0]: checked[dimension[0]] for dimension in signature.sizes}


def _check_dtype(dtype: npt.DTypeLike, place: str, dtypes: tuple[Dtype, ...]) -> Dtype:
    """The dtype itself; None is refused, since NumPy would read it as float64."""
    refusal = f"{place}: dtype: expected {either(dtypes)} in native byte order, received {dtype!r}"
    if dtype is None:
        raise TypeError(refusal)
    try:
        real = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(refusal) from error
    if real not in dtypes:
        raise TypeError(refusal)
    return real
