"""Checks of the arrays that a caller hands to a generated CUDA module, before any work is done on them.

The rules and the messages are those of `generated.support.arrays`, for arrays of a device. What comes back is in C
order, and may be the caller's own array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from generated.support.arrays import SAME_BATCH, Sizes, given_errors, start_values
from generated.support.cuda.devices import Array, Device
from generated.support.expected import INTEGER, REAL, Dtype, Expected, Shape, axes
from generated.support.fields import named, paths, several
from generated.support.memory import copied
from generated.support.ranges import refuse_ids, refuse_lengths, refuse_weights
from generated.support.signature import Signature

_LENGTH = np.dtype(np.int32)
"""As kernels read it."""


def checked(device: Device, expected: Expected, value: object) -> Array:
    """`value`, if it is such an array of the device; else TypeError (place, dtype) or ValueError (rank, size)."""
    array = device.array(value, expected.place)
    message = f"{expected.place}: expected {expected}, received {_described(array)}"
    if not expected.allows(array.dtype):
        raise TypeError(message)
    if not expected.fits(array.shape):
        raise ValueError(message + (f": {expected.reason}" if expected.reason else ""))
    for (name, _), size in zip(expected.shape, array.shape, strict=True):
        if size < 1 and name not in ("T", "B"):
            raise ValueError(f"{expected.place}: expected {name} of at least 1, received {_described(array)}")
    return device.xp.ascontiguousarray(array) if array.ndim else array


def _described(array: Array) -> str:
    return f"{array.dtype.name} array of shape {array.shape}"


def parameters(
    device: Device, signature: Signature, params: object, where: str
) -> tuple[tuple[Array, ...], dict[str, int], Dtype]:
    """The parameters in C order, the sizes that their shapes state, and their one dtype (float64 without any)."""
    place = f"{signature.cell}.{where}: params"
    values = named(params, tuple(name for name, _ in signature.params), place, "Params")
    sizes: dict[str, int] = {}
    arrays: list[Array] = []
    for (name, dimensions), value in zip(signature.params, values, strict=True):
        dtypes = (arrays[0].dtype,) if arrays else REAL
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
        start = start_values(signature, sizes, batch, where)
        return tuple(device.full(shape, number, dtype) for shape, number in start), known
    values = named(given, tuple(name for name, _ in signature.states), place, "State")
    for (name, size), value in zip(signature.states, values, strict=True):
        shape = (("B", batch), *axes(known, size))
        array = checked(device, Expected(f"{place}.{name}", (dtype,), shape, SAME_BATCH), value)
        known[size] = array.shape[1]
        arrays.append(array)
    return tuple(arrays), known


def lengths(device: Device, signature: Signature, given: object, steps: int, batch: int, where: str) -> Array:
    """The lengths (B,) as int32 on the device, each from 0 to `steps`; all `steps` for None.

    An array of the host is taken too; one of the device is copied to the host for the check, which waits for it.
    """
    if given is None:
        return device.full((batch,), steps, _LENGTH)
    expected = Expected(f"{signature.cell}.{where}: lengths", INTEGER, (("B", batch),))
    if not isinstance(given, np.ndarray):
        given = device.host(checked(device, expected, given))
    array = expected.check(given)
    refuse_lengths(array, steps, expected.place)
    return copied(device.moved(array.astype(_LENGTH)))


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
    outer, ends = given_errors(signature, dy, dstate, where)
    leading: Shape = (("T", rows[0]), ("B", rows[1]))

    def of(values: Sequence[object], fields: Iterable[tuple[str, str]], before: Shape) -> tuple[Array, ...]:
        arrays = []
        for value, (path, size) in zip(values, fields, strict=True):
            shape = (*before, (size, sizes[size]))
            if value is None:
                arrays.append(device.zeros(tuple(length or 0 for _, length in shape), dtype))
            else:
                arrays.append(checked(device, Expected(path, (dtype,), shape), value))
        return tuple(arrays)

    states = [(f"{place}: dstate.{name}", size) for name, size in signature.states]
    return of(outer, paths(f"{place}: dy", signature.outputs), leading), of(ends, states, leading[1:])


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
    ids = Expected(place, INTEGER, leading)
    if not ids.allows(array.dtype):
        raise TypeError(f"{place}: expected {ids} or {values}, received {_described(array)}")
    found = checked(device, ids, given)
    refuse_ids(device.host(found), size, place)
    return copied(found, np.dtype(np.int64))


def weight(
    device: Device, signature: Signature, given: object, rows: tuple[int, int], dtype: Dtype, where: str
) -> Array:
    """The weights (T, B) of the losses, finite and not negative, all 1 for None; the check waits for the device."""
    if given is None:
        return device.full(rows, 1, dtype)
    expected = Expected(f"{signature.cell}.{where}: weight", (dtype,), (("T", rows[0]), ("B", rows[1])))
    array = checked(device, expected, given)
    if array.size and not bool(((array >= 0) & (array < np.inf)).all()):
        refuse_weights(device.host(array), expected.place)
    return array
