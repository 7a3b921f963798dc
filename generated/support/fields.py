"""Several arrays that a caller hands in as one argument: a tuple or NamedTuple with an entry for each field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from generated.support.expected import describe

Fields = Sequence[tuple[str, str]]
"""The names of arrays, each with the dimension of its last axis."""


def paths(place: str, fields: Fields) -> Iterator[tuple[str, str]]:
    """For each field its place in messages, which is `place` itself for a single field, and its dimension."""
    for name, size in fields:
        yield (place if len(fields) == 1 else f"{place}.{name}"), size


def several(value: object, fields: Fields, place: str) -> tuple[object, ...]:
    """`value` as a tuple with one entry for each field: itself for one field, else the entries of a tuple."""
    if len(fields) == 1:
        return (value,)
    names = tuple(name for name, _ in fields)
    if isinstance(value, tuple) and len(value) == len(names) and getattr(value, "_fields", names) == names:
        return value
    order = f"a tuple of {len(names)} arrays in the order ({', '.join(names)})"
    raise TypeError(f"{place}: expected {order}, received {describe(value)}")


def named(value: object, names: tuple[str, ...], place: str, kind: str) -> tuple[object, ...]:
    """The entries of a NamedTuple whose fields are `names`. A plain tuple is refused: its order could be another."""
    if isinstance(value, tuple) and len(value) == len(names) and getattr(value, "_fields", ()) == names:
        return value
    message = f"{place}: expected {kind} with fields ({', '.join(names)}), received {describe(value)}"
    fields = getattr(value, "_fields", None)
    if fields is not None:
        missing = ", ".join(name for name in names if name not in fields)
        unknown = ", ".join(name for name in fields if name not in names)
        message += f": missing are ({missing}), unknown are ({unknown})"
    raise TypeError(message)
