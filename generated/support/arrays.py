"""Checks of the arrays that a caller hands to a generated module, before any work is done on them.

Each function raises TypeError for what is no plain array or of another dtype, and ValueError for another rank or
size, with one line such as

    lstm.forward: x: expected float32 array of shape (T, B, input_size=3), received float64 array of shape (5, 2, 3)

`where` is the function of the module that was called, `device` holds the arrays. Nothing is cast silently and no
argument is written to. Non-contiguous arrays are accepted. What comes back is as kernels read it, and may be the
caller's own array.

`sizes` maps the name of a dimension to its size, as `param_sizes` and then `complete_sizes` find them.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from generated.support import memory
from generated.support.expected import (
    INTEGER,
    Array,
    Dtype,
    Expected,
    Shape,
    array_text,
    axes,
    integer,
    refusal,
    shape_text,
)
from generated.support.fields import Fields, named, paths, several
from generated.support.host import HOST, Holder
from generated.support.ranges import refuse_ids, refuse_lengths, refuse_weights
from generated.support.signature import Signature

Sizes = Mapping[str, int]


def param_sizes(signature: Signature, params: object, where: str) -> tuple[Sizes, Dtype]:
    """The sizes that the shapes of parameters on the host state, and the one dtype of all of them.

    Parameters of the same types, dtypes and shapes as in an earlier call are not checked again.
    """
    try:
        facts = (signature, type(params), *map(_FACTS, params))  # type: ignore[call-overload]
        known = _KNOWN.get(facts)
    except (TypeError, AttributeError):
        return check_params(signature, params, where)[1:]
    if known is None:
        known = check_params(signature, params, where)[1:]
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[facts] = known
    return known


_FACTS = operator.attrgetter("__class__", "dtype", "shape")
_KNOWN: dict[tuple[object, ...], tuple[Sizes, Dtype]] = {}
"""What has been found of parameters, by all that it depends on."""
_MOST_KNOWN = 256


def check_params(
    signature: Signature, params: object, where: str, device: Holder = HOST
) -> tuple[tuple[Array, ...], Sizes, Dtype]:
    """The parameters, the sizes that their shapes state, and the one dtype of all of them.

    `params` is the NamedTuple that `init` returns, or one with the same fields. A scalar parameter may be a NumPy
    scalar, since arithmetic on arrays of shape () makes such. A cell without parameters computes in float64.
    """
    place = f"{signature.cell}.{where}: params"
    values = named(params, tuple(name for name, _ in signature.params), place, "Params")
    arrays = []
    for (name, dimensions), value in zip(signature.params, values, strict=True):
        expected = Expected(f"{place}.{name}", device.reals, axes({}, *dimensions))
        arrays.append(device.checked(np.asarray(value) if isinstance(value, np.generic) else value, expected))
    dtype = arrays[0].dtype if arrays else np.dtype(np.float64)

    sizes: dict[str, int] = {}
    origin: dict[str, str] = {}
    for (name, dimensions), array in zip(signature.params, arrays, strict=True):
        for dimension, size in zip(dimensions, array.shape, strict=True):
            sizes.setdefault(dimension, size)
            origin.setdefault(dimension, name)
        expected = Expected(f"{place}.{name}", (dtype,), axes(sizes, *dimensions))
        if array.dtype != dtype:
            raise TypeError(f"{refusal(array_text(array), expected)}: params.{signature.params[0][0]} is {dtype.name}")
        for dimension, size in zip(dimensions, array.shape, strict=True):
            if size != sizes[dimension]:
                found = f"{dimension} is {sizes[dimension]} in params.{origin[dimension]}"
                raise ValueError(f"{refusal(array_text(array), expected)}: {found}")
            _refuse_empty(array, size, expected.place, dimension)
    return tuple(arrays), sizes, dtype


def complete_sizes(fields: Fields, values: Sequence[Array], sizes: Sizes) -> Sizes:
    """`sizes` with those that it lacks taken from checked inputs or states, whose last axis is the size."""
    if all(dimension in sizes for _, dimension in fields):
        return sizes
    return {dimension: array.shape[-1] for (_, dimension), array in zip(fields, values, strict=True)} | dict(sizes)


def check_batch(signature: Signature, batch: object, where: str) -> int:
    """The number of sequences, at least 0, as a Python integer."""
    return integer(batch, f"{signature.cell}.{where}: batch", least=0)


def check_inputs(
    signature: Signature,
    x: object,
    sizes: Sizes,
    dtype: Dtype,
    where: str,
    leading: tuple[str, ...],
    device: Holder = HOST,
) -> tuple[tuple[Array, ...], tuple[int, ...]]:
    """The inputs, and the sizes of their `leading` axes, which the first input states for all; these may be 0.

    `leading` are T and B of whole sequences, B of one step. `x` is the array itself where the cell has one input, else
    a tuple or NamedTuple of arrays in the order of inputs.
    """
    place = f"{signature.cell}.{where}: x"
    values = several(x, signature.inputs, place)
    first = values[0]
    ready = len(values) == 1 and device.ready(first, dtype, None) and first.ndim == len(leading) + 1
    if ready and first.shape[-1] == sizes.get(signature.inputs[0][1]):
        return (first,), first.shape[:-1]
    rows: Shape = tuple((axis, None) for axis in leading)
    known = dict(sizes)
    arrays = []
    for value, (path, size) in zip(values, paths(place, signature.inputs), strict=True):
        array = device.checked(value, Expected(path, (dtype,), (*rows, *axes(known, size))))
        _refuse_empty(array, array.shape[-1], path, size)
        rows = tuple(zip(leading, array.shape[:-1], strict=True))
        known[size] = array.shape[-1]
        arrays.append(array)
    return tuple(arrays), arrays[0].shape[:-1]


def check_state(
    signature: Signature, state: object, sizes: Sizes, batch: int, dtype: Dtype, where: str, device: Holder = HOST
) -> tuple[Array, ...]:
    """The state (B, size) of each state variable; for None new arrays filled with the cell's start values.

    `state` is the NamedTuple that `init_state`, `forward` or `step` returns, or one with the same fields. A size that
    neither parameters nor inputs state is that of the first state that has it.
    """
    place = f"{signature.cell}.{where}: state"
    if state is None:
        return tuple(_start(signature, sizes, batch, dtype, where, device))
    values = named(state, tuple(name for name, _ in signature.states), place, "State")
    known = dict(sizes)
    arrays = []
    for (name, size), value in zip(signature.states, values, strict=True):
        if device.ready(value, dtype, (batch, known.get(size))):
            arrays.append(value)
            continue
        shape = (("B", batch), *axes(known, size))
        expected = Expected(f"{place}.{name}", (dtype,), shape, "the state must be of the same batch as the input")
        array = device.checked(value, expected)
        _refuse_empty(array, array.shape[1], expected.place, size)
        known[size] = array.shape[1]
        arrays.append(array)
    return tuple(arrays)


def check_lengths(
    signature: Signature, lengths: object, steps: int, batch: int, where: str, device: Holder = HOST
) -> Array:
    """The lengths (B,), each from 0 to `steps` (T); all T for None. Any integer dtype is accepted.

    An array of the host is taken by a device too; one of a device is copied to the host, which waits for it.
    """
    if lengths is None:
        return device.full((batch,), steps, device.length)
    expected = Expected(f"{signature.cell}.{where}: lengths", INTEGER, (("B", batch),))
    if not isinstance(lengths, np.ndarray):
        lengths = device.host(device.checked(lengths, expected))
    array = HOST.checked(lengths, expected)
    refuse_lengths(array, steps, expected.place)
    return memory.copied(device.moved(array.astype(device.length, copy=False)))


def check_errors(
    signature: Signature,
    dy: object,
    dstate: object,
    sizes: Sizes,
    steps: int,
    batch: int,
    dtype: Dtype,
    where: str,
    device: Holder = HOST,
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The errors dJ/dy (T, B, size) of each output and dJ/dstate (B, size) of each last state; zeros where None.

    `dy` is an array where the cell has one output, else a tuple or NamedTuple in the order of outputs; `dstate` is a
    NamedTuple with the fields of the state. Their entries may be None. Without a loss in the cell file at least one
    error must be given, else ValueError.
    """
    place = f"{signature.cell}.{where}"
    outputs, states = _given_errors(signature, dy, dstate, where)
    rows: Shape = (("T", steps), ("B", batch))
    outer = paths(f"{place}: dy", signature.outputs)
    errors = [
        _error(value, path, rows, (size, sizes[size]), dtype, device)
        for value, (path, size) in zip(outputs, outer, strict=True)
    ]
    ends = [
        _error(value, f"{place}: dstate.{name}", rows[1:], (size, sizes[size]), dtype, device)
        for value, (name, size) in zip(states, signature.states, strict=True)
    ]
    return tuple(errors), tuple(ends)


def _given_errors(
    signature: Signature, dy: object, dstate: object, where: str
) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """The entries of `dy` by output and those of `dstate` by state, None where there is none; errors as above."""
    place = f"{signature.cell}.{where}"
    outputs: tuple[object, ...] = (None,) * len(signature.outputs)
    if dy is not None:
        outputs = several(dy, signature.outputs, f"{place}: dy")
    states: tuple[object, ...] = (None,) * len(signature.states)
    if dstate is not None:
        states = named(dstate, tuple(name for name, _ in signature.states), f"{place}: dstate", "State")
    if not signature.loss and all(error is None for error in (*outputs, *states)):
        raise ValueError(f"{place}: no error to propagate: give dy, dstate or both")
    return outputs, states


def check_target(
    signature: Signature,
    target: object,
    sizes: Sizes,
    steps: int,
    batch: int,
    dtype: Dtype,
    where: str,
    device: Holder = HOST,
) -> Array:
    """The target of the cell's loss, which reads an output of `size` units.

    For softmax_cross_entropy ids (T, B) of any integer dtype in [0, size), returned as int64 (also where the weight
    is 0), or distributions (T, B, size) of `dtype`; for mse values (T, B, size) of `dtype`. Ids on a device are copied
    to the host for the check of their range, which waits for the device.
    """
    place = f"{signature.cell}.{where}: target"
    rows: Shape = (("T", steps), ("B", batch))
    ((_, units),) = signature.outputs
    values = Expected(place, (dtype,), (*rows, (units, sizes[units])))
    ids = Expected(place, INTEGER, rows)
    array = device.checked(target, *((values,) if signature.loss == "mse" else (ids, values)))
    if array.dtype == dtype:
        return array
    refuse_ids(device.host(array), sizes[units], place)
    return memory.copied(array, np.dtype(np.int64))


def check_weight(
    signature: Signature, weight: object, steps: int, batch: int, dtype: Dtype, where: str, device: Holder = HOST
) -> Array:
    """The weights (T, B) of the losses, finite and not negative; all 1 for None. The check waits for a device."""
    if weight is None:
        return device.full((steps, batch), 1.0, dtype)
    expected = Expected(f"{signature.cell}.{where}: weight", (dtype,), (("T", steps), ("B", batch)))
    array = device.checked(weight, expected)
    refuse_weights(array, expected.place, device.host)
    return array


def _start(signature: Signature, sizes: Sizes, batch: int, dtype: Dtype, where: str, device: Holder) -> Iterator[Array]:
    """The start values of each state; ValueError where nothing states the size of one."""
    for (name, size), number in zip(signature.states, signature.initial, strict=True):
        if size not in sizes:
            place, shape = f"{signature.cell}.{where}: state.{name}", shape_text((("B", batch), (size, None)))
            raise ValueError(f"{place}: no array given states the sizes of {shape}: give this one")
        rows = (batch, sizes[size])
        yield device.full(rows, number, dtype) if number else device.zeros(rows, dtype)


def _error(value: object, path: str, rows: Shape, axis: tuple[str, int], dtype: Dtype, device: Holder) -> Array:
    """One error from outside: zeros where there is none."""
    shape = (*rows, axis)
    sizes = tuple([size for _, size in shape])
    if value is None:
        return device.zeros(sizes, dtype)
    return value if device.ready(value, dtype, sizes) else device.checked(value, Expected(path, (dtype,), shape))


def _refuse_empty(array: Array, size: int, place: str, dimension: str) -> None:
    """Raise ValueError where a dimension of an array has no units."""
    if size < 1:
        raise ValueError(f"{place}: expected {dimension} of at least 1, received {array_text(array)}")
