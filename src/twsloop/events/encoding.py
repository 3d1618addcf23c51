"""Facts as JSON text, for the journal: what `to_record` says of them, in one form, and fast.

Keys are sorted and there are no spaces, so the same fact is always the same text. How an object is
written is found once for its class. The general way, a dictionary for each object and a call of
ours for each decimal in it, takes three times as long, and every order waits for it.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import attrs

from .basis import Fact

__all__ = ["time_text", "to_json"]

_Write = Callable[[Any], str]


def to_json(fact: Fact) -> str:
    """A fact as JSON in ASCII, its keys sorted; it reads as `to_record` of it does.

    Raises:
        TypeError: Something in it has no form in JSON.
        ValueError: A number has none: it is infinite, or no number.
    """
    return _WRITERS[type(fact)](fact)


def time_text(value: datetime) -> str:
    """A time in ISO 8601 with six digits of a second: of the same zone, text sorts as time does."""
    if value.tzinfo is UTC:  # equal times of two zones are one key of a cache, and two texts
        return _utc_text(value)
    return value.isoformat(timespec="microseconds")


#: All that one report brings has one time, and each of it is asked for twice.
@functools.lru_cache(maxsize=16)
def _utc_text(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


class _Writers(dict[type[Any], _Write]):
    """How objects of a class are written, found when the first one comes."""

    def __missing__(self, kind: type[Any]) -> _Write:
        write = _attrs(kind) if attrs.has(kind) else _general(kind)
        self[kind] = write
        return write


def _attrs(kind: type[Any]) -> _Write:
    """How objects of an attrs class are written; that of a fact says which class it is.

    It is a function made for the class, as attrs makes its own: all fields in one expression. ::

        def write(row):
            v0 = row.name
            v1 = row.passed
            return f'{{"name":{quoted(v0) if type(v0) is str else ...},"passed":{...}}}'
    """
    names = {field.name: f"row.{field.name}" for field in attrs.fields(kind)}
    if issubclass(kind, Fact):
        names["event"] = "kind"
    read, fields = [], []
    for number, name in enumerate(sorted(names)):
        value = f"v{number}"
        read.append(f"    {value} = {names[name]}\n")
        text = f"null if {value} is None else writers[type({value})]({value})"
        text = f"quoted({value}) if type({value}) is str else {text}"
        fields.append(f'"{name}":{{{text}}}')
    source = f"def write(row):\n{''.join(read)}    return f'{{{{{','.join(fields)}}}}}'"
    known: dict[str, Any] = {"quoted": quoted, "null": "null", "writers": _WRITERS}
    known["kind"] = kind.__name__
    exec(source, known)  # noqa: S102  (made of the names of fields alone)
    write: _Write = known["write"]
    return write


def _general(kind: type[Any]) -> _Write:
    """How objects of a class that is none of attrs are written."""
    return next((write for known, write in _KNOWN.items() if issubclass(kind, known)), json.dumps)


def _mapping(value: Mapping[Any, Any]) -> str:
    if not all(type(key) is str for key in value):
        value = {str(key): inner for key, inner in value.items()}
    fields = [
        f"{quoted(key)}:{quoted(inner) if type(inner) is str else _WRITERS[type(inner)](inner)}"
        for key, inner in sorted(value.items())
    ]
    return f"{{{','.join(fields)}}}"


def _list(value: list[Any] | tuple[Any, ...]) -> str:
    return f"[{','.join([_WRITERS[type(inner)](inner) for inner in value])}]"


def _decimal(value: Decimal) -> str:
    text = str(value)
    # With an exponent, or one of a context's own spelling, it is written in its digits.
    return f'"{text}"' if text.isascii() and "E" not in text and "e" not in text else f'"{value:f}"'


def _float(value: float) -> str:
    if not math.isfinite(value):
        msg = f"JSON has no form for {value!r}"
        raise ValueError(msg)
    return float.__repr__(value)


def _time(value: datetime) -> str:
    text = time_text(value)
    return f'"{text}"' if value.microsecond else f'"{text.replace(".000000", "", 1)}"'


#: What is no class of attrs, in the order in which it is tried: a word of an enum is a text, too.
_KNOWN: dict[type[Any], _Write] = {
    Decimal: _decimal,
    Enum: lambda value: _WRITERS[type(value.value)](value.value),
    str: quoted,
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    float: _float,
    type(None): lambda _: "null",
    datetime: _time,
    Mapping: _mapping,
    list: _list,
    tuple: _list,
}
_WRITERS: _Writers = _Writers()
