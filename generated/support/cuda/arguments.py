"""Checks of the arrays that a caller hands to a generated CUDA module, before any work is done on them.

The rules and the messages are those of `generated.support.arrays`, for arrays of a device. What comes back is in C
order, and may be the caller's own array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generated.support.arrays import Sizes
from generated.support.cuda.devices import Array, Device
from generated.support.cuda.dtypes import real, taken
from generated.support.expected import INTEGER, Dtype, Expected, Shape, axes, shape_text
from generated.support.fields import Fields, named, paths, several
from generated.support.signature import Signature


def checked(device: Device, expected: Expected, value: object) -> Array:
    """`value`, if it is such an array of the device; else TypeError (place, dtype) or ValueError (rank, size)."""
    array = device.array(value, expected.place)
    reason = f": {expected.reason}" if expected.reason else ""
    message = f"{expected.place}: expected {expected}, received {array.dtype.name} array of shape {array.shape}"
    if not expected.allows(array.dtype):
        raise TypeError(message)
    if not expected.fits(array.shape):
        raise ValueError(message + reason)
    if any(size < 1 for (name, _), size in zip(expected.shape, array.shape, strict=True) if name not in ("T", "B")):
        raise ValueError(f"{message}: sizes are at least 1")
    return device.xp.ascontiguousarray(array) if array.ndim else array


def parameters(
    device: Device, signature: Signature, params: object, where: str
) -> tuple[tuple[Array, ...], dict[str, int], Dtype]:
    """The parameters in C order, the sizes that their shapes state, and their one dtype (float64 without any)."""
    place = f"{signature.cell}.{where}: params"
    values = named(params, tuple(name for name, _ in signature.params), place, "Params")
    sizes: dict[str, int] = {}
    arrays: list[Array] = []
    for (name, dimensions), value in zip(signature.params, values, strict=True):
        dtypes = (arrays[0].dtype,) if arrays else taken()
        reason = f"params.{signature.params[0][0]} and the sizes of the parameters before it say so" if arrays else ""
        array = checked(device, Expected(f"{place}.{name}", dtypes, axes(sizes, *dimensions), reason), value)
        for dimension, size in zip(dimensions, array.shape, strict=True):
            if sizes.setdefault(dimension, size) != size:
                raise ValueError(f"{place}.{name}: {dimension} is both {sizes[dimension]} and {size}")
        arrays.append(array)
    return tuple(arrays), sizes, arrays[0].dtype if arrays else np.dtype(np.float64)


def inputs(
    device: Device, signature: Signature, x: object, sizes: Sizes, dtype: Dtype, where: str, leading: tuple[str, ...]
) -> tuple[tuple[Array, ...], tuple[int, ...], dict[str, int]]:
    """The inputs (`leading`, size), the sizes of their leading axes, and `sizes` with those that the inputs state."""
    place = f"{signature.cell}.{where}: x"
    known, rows = dict(sizes), tuple((axis, None) for axis in leading)
    arrays: list[Array] = []
    shape: Shape = rows
    for value, (path, size) in zip(several(x, signature.inputs, place), paths(place, signature.inputs), strict=True):
        array = checked(device, Expected(path, (dtype,), (*shape, *axes(known, size))), value)
        shape = tuple(zip(leading, array.shape[:-1], strict=True))
        known[size] = array.shape[-1]
        arrays.append(array)
    return tuple(arrays), arrays[0].shape[:-1], known


def state(
    device: Device, signature: Signature, given: object, sizes: Sizes, batch: int, dtype: Dtype, where: str
) -> tuple[tuple[Array, ...], dict[str, int]]:
    """The state (B, size) of each state variable, filled with start values for None, and the sizes with its own."""
    place = f"{signature.cell}.{where}: state"
    known = dict(sizes)
    arrays: list[Array] = []
    if given is None:
        for (name, size), number in zip(signature.states, signature.initial, strict=True):
            if size not in known:
                shape = shape_text((("B", batch), (size, None)))
                raise ValueError(f"{place}.{name}: no array given states the sizes of {shape}: give this one")
            arrays.append(device.xp.full((batch, known[size]), number, dtype))
        return tuple(arrays), known
    reason = "the state must be of the same batch as the input"
    for (name, size), value in zip(
        signature.states, named(given, tuple(name for name, _ in signature.states), place, "State"), strict=True
    ):
        array = checked(
            device, Expected(f"{place}.{name}", (dtype,), (("B", batch), *axes(known, size)), reason), value
        )
        known[size] = array.shape[1]
        arrays.append(array)
    return tuple(arrays), known


def lengths(device: Device, signature: Signature, given: object, steps: int, batch: int, where: str) -> Array:
    """The lengths (B,) as int32 on the device, each from 0 to `steps`; all `steps` for None.

    An array of the host is taken too; one of the device is copied to the host for the check, which waits for it.
    """
    if given is None:
        return device.xp.full((batch,), steps, np.int32)
    expected = Expected(f"{signature.cell}.{where}: lengths", INTEGER, (("B", batch),))
    if not isinstance(given, np.ndarray):
        given = device.host(checked(device, expected, given))
    array = expected.check(given)
    wrong = np.flatnonzero((array < 0) | (array > steps))
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"{expected.place}: expected lengths from 0 to T={steps}, received {array[first]} at [{first}]"
        )
    return device.moved(array.astype(np.int32))


def errors(
    device: Device,
    signature: Signature,
    dy: object,
    dstate: object,
    sizes: Sizes,
    rows: tuple[int, int],
    dtype: Dtype,
    where: str,
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The errors (T, B, size) of each output and (B, size) of each last state, zeros where None; `rows` are T and B."""
    place = f"{signature.cell}.{where}"
    outer: Sequence[object] = (None,) * len(signature.outputs)
    if dy is not None:
        outer = several(dy, signature.outputs, f"{place}: dy")
    ends: Sequence[object] = (None,) * len(signature.states)
    if dstate is not None:
        ends = named(dstate, tuple(name for name, _ in signature.states), f"{place}: dstate", "State")
    if not signature.loss and all(error is None for error in (*outer, *ends)):
        raise ValueError(f"{place}: no error to propagate: give dy, dstate or both")
    leading: Shape = (("T", rows[0]), ("B", rows[1]))

    def of(values: Sequence[object], fields: Fields, head: str, before: Shape) -> tuple[Array, ...]:
        arrays = []
        for value, (name, size) in zip(values, fields, strict=True):
            shape = (*before, (size, sizes[size]))
            if value is None:
                arrays.append(device.zeros([length or 0 for _, length in shape], dtype))
            else:
                arrays.append(checked(device, Expected(f"{place}: {head}.{name}", (dtype,), shape), value))
        return tuple(arrays)

    return of(outer, signature.outputs, "dy", leading), of(ends, signature.states, "dstate", leading[1:])


def target(
    device: Device, signature: Signature, given: object, size: int, rows: tuple[int, int], dtype: Dtype, where: str
) -> Array:
    """The target of the loss, which reads `size` units: values or distributions (T, B, size), or ids (T, B) as int64.

    Ids are copied to the host for the check of their range, which waits for the device.
    """
    place = f"{signature.cell}.{where}: target"
    leading: Shape = (("T", rows[0]), ("B", rows[1]))
    values = Expected(place, (dtype,), (*leading, (signature.outputs[0][1], size)))
    array = device.array(given, place)
    if signature.loss == "mse" or array.dtype == dtype:
        return checked(device, values, given)
    ids = checked(device, Expected(place, INTEGER, leading, f"or give {values}"), given)
    found = device.host(ids)
    wrong = np.argwhere((found < 0) | (found >= size))
    if len(wrong):
        raise ValueError(f"{place}: expected ids from 0 to {size - 1}, received another at {wrong[0].tolist()}")
    return ids.astype(np.int64)


def weight(
    device: Device, signature: Signature, given: object, rows: tuple[int, int], dtype: Dtype, where: str
) -> Array:
    """The weights (T, B) of the losses, finite and not negative, all 1 for None; the check waits for the device."""
    if given is None:
        return device.xp.ones(rows, dtype)
    expected = Expected(f"{signature.cell}.{where}: weight", (dtype,), (("T", rows[0]), ("B", rows[1])))
    array = checked(device, expected, given)
    values = array.astype(real(dtype), copy=False)
    if array.size and not bool(((values >= 0) & (values < np.inf)).all()):
        raise ValueError(f"{expected.place}: expected finite weights of at least 0")
    return array
