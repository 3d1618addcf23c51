"""Facts as JSON text, for the journal: what `to_record` says of them, in one form, and fast.

Keys are sorted and there are no spaces, so the same fact is always the same text. How an object is
written is found once for its class. The general way, a dictionary for each object and a call of
ours for each decimal in it, takes three times as long, and every order waits for it.
"""

from __future__ import annotations

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
    if value.tzinfo is UTC:  # equal times of two zones are two texts
        return _TIMES.text(value)
    return value.isoformat(timespec="microseconds")


class _Times:
    """Times in UTC as text.

    All that one report brings has one time, and each of it is asked for twice; and what comes in
    the same second has the same beginning. Asking `datetime` for it costs as much as a hash.
    """

    def __init__(self) -> None:
        self._last: tuple[datetime | None, str] = (None, "")
        self._second: tuple[int, int, str] = (0, -1, "")

    def text(self, value: datetime) -> str:
        """The text; threads may ask at once."""
        last, text = self._last
        if last is value:
            return text
        since = value - _EPOCH
        days, second, begins = self._second
        if (days, second) != (since.days, since.seconds):
            begins = value.isoformat(timespec="seconds").removesuffix(_ZONE)
            self._second = since.days, since.seconds, begins
        text = f"{begins}.{since.microseconds:06}{_ZONE}"
        self._last = value, text
        return text


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE = "+00:00"
_TIMES = _Times()


class _Writers(dict[type[Any], _Write]):
    """How objects of a class are written, found when the first one comes."""

    def __missing__(self, kind: type[Any]) -> _Write:
        write = _attrs(kind) if attrs.has(kind) else _general(kind)
        self[kind] = write
        return write


def _attrs(kind: type[Any]) -> _Write:
    """How objects of an attrs class are written; that of a fact says which class it is.

    It is a function made for the class, as attrs makes its own. What a field is said to be is tried
    first; whatever it is, it is written as what it is. ::

        def write(row):
            v = row.name
            t0 = quoted(v) if type(v) is str else 'null' if v is None else other(v)
            v = row.passed
            t1 = 'true' if v is True else 'false' if v is False else ...
            return f'{{"name":{t0},"passed":{t1}}}'
    """
    told = {field.name: str(field.type) for field in attrs.fields(kind)}
    lines, parts = [], []
    for number, name in enumerate(sorted({*told, "event"} if issubclass(kind, Fact) else told)):
        if name in told:
            likely = next((how for word, how in _LIKELY if word in told[name]), _TEXT)
            lines.append(f"v = row.{name}\n    t{number} = {likely} if v is None else other(v)")
            parts.append(f'"{name}":{{t{number}}}')
        else:
            parts.append(f'"event":{quoted(kind.__name__)}')
    body = "".join(f"    {line}\n" for line in lines)
    source = f"def write(row):\n{body}    return f'{{{{{','.join(parts)}}}}}'"
    known: dict[str, Any] = {"quoted": quoted, "other": _other, "Decimal": Decimal}
    exec(source, known)  # noqa: S102  (made of the names of fields alone)
    write: _Write = known["write"]
    return write


_TEXT = "quoted(v) if type(v) is str else 'null'"
#: Without an exponent, a number's own text is its digits.
_DIGITS = "type(v) is Decimal and 'E' not in (s := str(v)) and 'e' not in s"
#: A word in what a field is said to be, and how its value is written if it is that, or None.
_LIKELY = (
    ("Decimal", f"""f'"{{s}}"' if {_DIGITS} else 'null'"""),
    ("bool", "'true' if v is True else 'false' if v is False else 'null'"),
    ("int", "v if type(v) is int else 'null'"),
)


def _other(value: Any) -> str:
    """A value of whatever class."""
    return _WRITERS[type(value)](value)


def _general(kind: type[Any]) -> _Write:
    """How objects of a class that is none of attrs are written."""
    return next((write for known, write in _KNOWN.items() if issubclass(kind, known)), json.dumps)


def _mapping(value: Mapping[Any, Any]) -> str:
    keys = tuple(value)
    plan = _PLANS.get(keys)
    if plan is None:
        if any(type(key) is not str for key in keys):
            value = {str(key): inner for key, inner in value.items()}
            keys = tuple(value)
        if len(_PLANS) >= MOST_PLANS:
            _PLANS.clear()
        plan = _PLANS[keys] = [(key, f"{quoted(key)}:") for key in sorted(keys)]
    fields = [
        name + (quoted(inner) if type(inner := value[key]) is str else _WRITERS[type(inner)](inner))
        for key, name in plan
    ]
    return f"{{{','.join(fields)}}}"


#: Keys that mappings have, to the same in their order with their texts: few kinds of mappings come
#: again and again. Not more than so many are kept.
_PLANS: dict[tuple[str, ...], list[tuple[str, str]]] = {}
MOST_PLANS = 256


def _list(value: list[Any] | tuple[Any, ...]) -> str:
    return f"[{','.join([_WRITERS[type(inner)](inner) for inner in value])}]"


def _decimal(value: Decimal) -> str:
    return f'"{value:f}"'


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
