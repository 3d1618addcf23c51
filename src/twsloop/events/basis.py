"""What every fact has, what ties facts together, and how they are written as plain JSON."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

import attrs

__all__ = [
    "Ends",
    "Fact",
    "aware",
    "fields_of",
    "in_utc",
    "order_story",
    "plain",
    "request_story",
    "session_story",
    "to_record",
]


def order_story(client_id: int, order_id: int) -> str:
    """The correlation id of everything about one order."""
    return f"order-{client_id}-{order_id}"


def request_story(req_id: int) -> str:
    """The correlation id of everything about one request."""
    return f"request-{req_id}"


def session_story(client_id: int, epoch: int) -> str:
    """The correlation id of everything about one session; ``epoch`` counts the sessions."""
    return f"session-{client_id}-{epoch}"


class Ends(StrEnum):
    """What a notice brings to its end."""

    NOTHING = "nothing"
    """Everything goes on; the text is news or a warning."""
    REQUEST = "request"
    """The request that the id names gets no (further) answer."""
    ORDER = "order"
    """The order is not working any more, or never was."""
    CHANGE = "change"
    """A modification or a cancel was refused; the order itself stays as it was."""
    SESSION = "session"
    """The connection closes, or never came about."""


def aware(instance: object, attribute: attrs.Attribute[datetime], value: datetime) -> None:
    """Refuse a time without a zone: nobody could compare it with the others."""
    if value.tzinfo is None:
        msg = f"{type(instance).__name__}.{attribute.name} needs a time zone: {value!r}"
        raise ValueError(msg)


def in_utc(value: datetime) -> datetime:
    """The same instant in UTC; a naive time is left for the validator to refuse."""
    return value if value.tzinfo is None else value.astimezone(UTC)


@attrs.frozen(kw_only=True)
class Fact:
    """What every fact has.

    Attributes:
        time: When we learned of it, UTC.
        correlation_id: The story that it belongs to; empty where it stands alone.
    """

    time: datetime = attrs.field(converter=in_utc, validator=aware)
    correlation_id: str = ""


def to_record(fact: Fact) -> dict[str, Any]:
    """A fact as plain JSON types: ``event`` (its class), then its fields in their order.

    Times become ISO 8601 with their zone, decimals become strings (a JSON number would round
    them), and what is not known stays None.
    """
    found: dict[str, Any] = {"event": type(fact).__name__, **fields_of(fact)}
    return _all_plain(found)


#: What is a JSON type already; the journal makes records by the ten thousand a second.
_SAME = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _reader(kind: type[Any]) -> Callable[[Any], Iterable[tuple[str, Any]]] | None:
    """Reads the fields of an attrs class; None for any other."""
    if not attrs.has(kind):
        return None
    names = [field.name for field in attrs.fields(kind)]
    if len(names) < 2:  # attrgetter would give no tuple
        return lambda row: [(name, getattr(row, name)) for name in names]
    values = operator.attrgetter(*names)
    return lambda row: zip(names, values(row), strict=True)


def fields_of(row: Any) -> dict[str, Any]:
    """The fields of a fact, or of a row of one, as they are."""
    read = _reader(type(row))  # type: ignore[arg-type]  # (a class is hashable)
    assert read is not None, row
    return dict(read(row))


def _all_plain(found: dict[str, Any]) -> dict[str, Any]:
    for name, value in found.items():
        if type(value) not in _SAME:
            found[name] = _plain(value)
    return found


def plain(value: Any) -> Any:
    """A value of a fact that is no JSON type itself, as one; its own parts are left as they are.

    Raises:
        TypeError: There is none for it.
    """
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if _reader(type(value)) is not None:  # type: ignore[arg-type]
        found = fields_of(value)
        return {"event": type(value).__name__, **found} if isinstance(value, Fact) else found
    if isinstance(value, Mapping):
        return {str(key): inner for key, inner in value.items()}
    msg = f"there is no JSON type for {type(value).__name__}"
    raise TypeError(msg)


def _plain(value: Any) -> Any:
    """A value as a JSON type, with all its parts; what has none stays what it is."""
    if type(value) in _SAME:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    try:
        one = plain(value)
    except TypeError:
        return value
    return _all_plain(one) if isinstance(one, dict) else one
