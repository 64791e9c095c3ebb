"""Values in which no field has its default: what a test of "nothing is lost on the way" needs.

They are made from the types of the fields, so a field added tomorrow is in them without anybody thinking of it.
"""

from __future__ import annotations

import enum
import itertools
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import attrs

T = TypeVar("T")

# Distinct in each field, so that two which change places are noticed, too.
_numbers = itertools.count(1)
_PLAIN: dict[object, Callable[[str], object]] = {
    str: lambda name: f"{name}-{next(_numbers)}",
    int: lambda _: next(_numbers),
    float: lambda _: 1_700_000_000.5 + next(_numbers),
}


def filled(cls: type[T], **given: object) -> T:
    """An instance of the attrs class `cls` in which every field, and every field of what is in it, is away from its
    default; `given` fields are as they are.
    """
    made: dict[str, object] = {}
    for field in _fields(cls):
        made[field.name] = given[field.name] if field.name in given else _choices(cls, field)[0]
    return cls(**made)


def variants(cls: type[T]) -> Iterator[tuple[str, T]]:
    """(what it is, instance): with everything, with nothing that can be left out, and with each such field alone, once
    for each kind of value that it takes.
    """
    yield "everything", filled(cls)
    needed = {field.name: _choices(cls, field)[0] for field in _fields(cls) if field.default is attrs.NOTHING}
    yield "nothing", cls(**needed)
    for field in _fields(cls):
        for number, value in enumerate(_choices(cls, field)):
            yield f"{field.name} {number}", cls(**{**needed, field.name: value})


def replaced(whole: Any, cls: type, new: object) -> Any:
    """`whole` with `new` in place of every instance of `cls` in it."""
    if isinstance(whole, cls):
        return new
    if isinstance(whole, tuple):
        return tuple(replaced(each, cls, new) for each in whole)
    if attrs.has(type(whole)):
        parts = {field.name: replaced(getattr(whole, field.name), cls, new) for field in _fields(type(whole))}
        return attrs.evolve(whole, **parts)
    return whole


def classes_in(whole: object) -> set[type]:
    """The attrs classes of which there is an instance in `whole`, its own too."""
    found: set[type] = set()
    if isinstance(whole, tuple | frozenset):
        for each in whole:
            found |= classes_in(each)
    elif attrs.has(type(whole)):
        found.add(type(whole))
        for field in _fields(type(whole)):
            found |= classes_in(getattr(whole, field.name))
    return found


def _fields(cls: type) -> list[attrs.Attribute[Any]]:
    return [field for field in attrs.fields(cls) if field.init]


def _choices(cls: type, field: attrs.Attribute[Any]) -> list[object]:
    """Values for a field, none of them its default."""
    choices = [each for each in _values(typing.get_type_hints(cls)[field.name], field.name) if each != field.default]
    assert choices, f"{cls.__name__}.{field.name}"
    return choices


def _values(kind: Any, name: str) -> list[object]:
    """Values of a type; raises TypeError for one that nobody has thought of here."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN:
        return [_PLAIN[kind](name)]
    if kind is bool:
        return [True, False]
    if origin in (typing.Union, types.UnionType):
        return [value for each in parts if each is not type(None) for value in _values(each, name)]
    if origin is tuple and parts[-1] is Ellipsis:
        return [(_values(parts[0], name)[0], _values(parts[0], name)[-1])]
    if origin is tuple:
        return [tuple(_values(each, name)[0] for each in parts)]
    if origin is frozenset:
        return [frozenset(_values(parts[0], name))]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)
    if attrs.has(kind):
        return [filled(kind)]
    raise TypeError(f"no value of {kind} for {name}")
