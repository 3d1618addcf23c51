"""What every fact has, what ties facts together, and how they are written as plain JSON."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

import attrs

__all__ = [
    "Ends",
    "Fact",
    "aware",
    "in_utc",
    "order_story",
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
    record: dict[str, Any] = {"event": type(fact).__name__}
    for name in _names(type(fact)):  # type: ignore[arg-type]  # (a class is hashable)
        value = getattr(fact, name)
        record[name] = value if type(value) in _SAME else _plain(value)
    return record


#: What is a JSON type already; the journal makes records by the ten thousand a second.
_SAME = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    """The fields of an attrs class; none of any other."""
    return tuple(field.name for field in attrs.fields(kind)) if attrs.has(kind) else ()


def _plain(value: Any) -> Any:
    """One value as a JSON type."""
    if type(value) in _SAME:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Fact):
        return to_record(value)
    # A row of a fact, or something that this does not know, and leaves as it is.
    names = _names(type(value))  # type: ignore[arg-type]
    return {name: _plain(getattr(value, name)) for name in names} if names else value
