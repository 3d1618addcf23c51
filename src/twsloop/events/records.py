"""Facts out of the plain JSON that `to_record` makes of them: what was written is read again.

What each field is comes from its annotation, looked at once for each class. A field that a record
does not have takes its default (an older version wrote it); one that the class does not have is an
error, because what it says would be lost.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from .basis import Fact

__all__ = ["FACTS", "from_record"]

_Read = Callable[[Any], Any]


def _subclasses(kind: type[Fact]) -> Iterator[type[Fact]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


#: Every kind of fact by the name that ``event`` of its record has.
FACTS: Mapping[str, type[Fact]] = {
    kind.__name__: kind
    for kind in _subclasses(Fact)
    if kind.__module__.startswith(__name__.rpartition(".")[0])
}


def from_record(record: Mapping[str, Any]) -> Fact:
    """The fact that `to_record` made a record of.

    Args:
        record: Plain JSON types, with ``event``.

    Raises:
        ValueError: It is no record of a fact, or one of its fields cannot be read.
    """
    name = record.get("event")
    kind = FACTS.get(name) if isinstance(name, str) else None
    if kind is None:
        msg = f"{name!r} is no kind of fact"
        raise ValueError(msg)
    fact: Fact = _read_as(kind, record)
    return fact


def _read_as(kind: type[Any], record: Any) -> Any:
    """An attrs object from its record."""
    if not isinstance(record, Mapping):
        msg = f"{kind.__name__}: {record!r} is no record"
        raise ValueError(msg)
    fields = _fields(kind)  # type: ignore[arg-type]  # (a class is hashable)
    given: dict[str, Any] = {}
    for name, value in record.items():
        if name == "event" and issubclass(kind, Fact):
            if value != kind.__name__:
                msg = f"{kind.__name__}: the record is one of {value!r}"
                raise ValueError(msg)
            continue
        read = fields.get(name)
        if read is None:
            msg = f"{kind.__name__} has no {name!r}: a newer version wrote it"
            raise ValueError(msg)
        try:
            given[name] = read(value)
        except (ArithmeticError, TypeError, ValueError) as error:
            msg = f"{kind.__name__}.{name}: {value!r} cannot be read: {error}"
            raise ValueError(msg) from error
    try:
        return kind(**given)
    except TypeError as error:
        msg = f"{kind.__name__}: {error}"
        raise ValueError(msg) from error


@functools.cache
def _fields(kind: type[Any]) -> dict[str, _Read]:
    """How each field of a class is read."""
    hints = typing.get_type_hints(kind)
    return {
        field.name: _reader(hints[field.name])
        for field in attrs.fields(kind)
        if field.init and not field.name.startswith("_")
    }


def _reader(hint: Any) -> _Read:
    """How a value of a type is read."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _optional(_reader(inner))
    if origin is tuple:
        return _tuple_of(_reader(arguments[0]))
    if origin is typing.Literal:
        return _one_of(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping
    if hint is datetime:
        return datetime.fromisoformat
    if hint is Decimal:
        return _decimal
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if attrs.has(hint):
        return functools.partial(_read_as, hint)
    return _plain(hint)


def _optional(read: _Read) -> _Read:
    return lambda value: None if value is None else read(value)


def _tuple_of(read: _Read) -> _Read:
    def parts(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            msg = "it is no list"
            raise ValueError(msg)
        return tuple(map(read, value))

    return parts


def _one_of(allowed: tuple[Any, ...]) -> _Read:
    def word(value: Any) -> Any:
        if value not in allowed:
            msg = f"it is none of {', '.join(map(str, allowed))}"
            raise ValueError(msg)
        return value

    return word


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        msg = "it is no object"
        raise ValueError(msg)
    return dict(value)


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str):
        msg = "a decimal is written as a text"
        raise ValueError(msg)
    return Decimal(value)


def _plain(kind: Any) -> _Read:
    allowed = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}[kind]

    def same(value: Any) -> Any:
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
            msg = f"it is no {kind.__name__}"
            raise ValueError(msg)
        return kind(value)

    return same
