"""Corporate events of Wall Street Horizon: what IB's JSON says, as rows (pure).

IB passes that service's JSON on as it is, and its fields differ from type to type. So a row has
what all events share, and `WshEvent.data` holds the rest as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.common import WshEventData

from twsloop.wire.times import read_day
from twsloop.wire.values import text_or_none

__all__ = [
    "ALSO",
    "MOST_EVENTS",
    "WshEvent",
    "WshEventType",
    "WshMeta",
    "event_query",
    "read_events",
]

#: IB gives at most so many events an answer.
MOST_EVENTS = 100
#: Whose events can be asked for besides -> the field of IB's query.
ALSO: Mapping[str, str] = MappingProxyType(
    {"competitors": "fillCompetitors", "portfolio": "fillPortfolio", "watchlist": "fillWatchlist"}
)
#: ``20260302T040000+0000`` and ``20260302``: the day is all of it that is asked for.
_DAY_DIGITS = 8


def _frozen(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(value))


@attrs.frozen
class WshEventType:
    """A type of event, and a filter that can be asked for.

    Attributes:
        tag: What a request calls it (``wshe_ed``).
        name: What people call it (``Earnings Date``).
    """

    tag: str
    name: str


@attrs.frozen
class WshMeta:
    """What can be asked for.

    Attributes:
        event_types: The types of events.
        data: The whole answer, as JSON says it.
    """

    event_types: tuple[WshEventType, ...]
    data: Mapping[str, Any] = attrs.field(converter=_frozen, repr=False, hash=False)

    @classmethod
    def read(cls, text: str) -> WshMeta:
        """The answer to reqWshMetaData.

        Raises:
            ValueError: It is no JSON object.
        """
        data = _json(text)
        if not isinstance(data, dict):
            msg = f"the metadata of Wall Street Horizon is {type(data).__name__}, and no object"
            raise ValueError(msg)
        inner = data.get("meta_data", data)
        rows = inner.get("event_types", ()) if isinstance(inner, dict) else ()
        return cls(tuple(_types(rows)), data)


@attrs.frozen
class WshEvent:
    """An event of a company.

    Attributes:
        tag: Its type (``wshe_ed``).
        day: The day it is listed under; None if there is none.
        con_ids: The contracts it concerns.
        key: The service's id of it.
        source: Where the service has it from.
        data: What this type of event says, as JSON says it.
    """

    tag: str
    day: date | None
    con_ids: tuple[int, ...]
    key: str | None = None
    source: str | None = None
    data: Mapping[str, Any] = attrs.field(factory=dict, converter=_frozen, repr=False, hash=False)


def read_events(text: str) -> list[WshEvent]:
    """The events of an answer, in its order.

    Raises:
        ValueError: It is no JSON.
    """
    return list(_events(_json(text)))


def event_query(
    con_id: int,
    *,
    tag: str = "",
    start: date | None = None,
    end: date | None = None,
    limit: int | None = None,
    also: Iterable[str] = (),
) -> Any:
    """IB's query for the events of a contract.

    Args:
        con_id: The contract's id.
        tag: Only this type; IB takes one. It goes into IB's filter, which stands for the id.
        start: The first day.
        end: The last day.
        limit: At most so many; IB gives no more than 100.
        also: Whose events besides, of `ALSO`.

    Raises:
        ValueError: The limit is none of IB's, the days are in the wrong order, or nobody knows what
            is meant by ``also``.
    """
    others = (also,) if isinstance(also, str) else tuple(also)
    unknown = [one for one in others if one not in ALSO]
    if unknown:
        msg = f"{unknown[0]!r} is none of {', '.join(ALSO)}"
        raise ValueError(msg)
    if limit is not None and not 1 <= limit <= MOST_EVENTS:
        msg = f"IB gives 1 to {MOST_EVENTS} events an answer, not {limit}: ask for shorter spans"
        raise ValueError(msg)
    if start is not None and end is not None and start > end:
        msg = f"the first day is {start}, after the last day {end}"
        raise ValueError(msg)
    query = WshEventData()
    if tag:
        wanted = {"country": "All", "watchlist": [str(con_id)], tag: "true"}
        query.filter = json.dumps(wanted)
    else:
        query.conId = con_id
    query.startDate = f"{start:%Y%m%d}" if start is not None else ""
    query.endDate = f"{end:%Y%m%d}" if end is not None else ""
    if limit is not None:
        query.totalLimit = limit
    for one in others:
        setattr(query, ALSO[one], True)
    return query


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        msg = f"the answer of Wall Street Horizon is no JSON: {error}"
        raise ValueError(msg) from error


def _types(rows: Any) -> Iterator[WshEventType]:
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, str):
            yield WshEventType(row, row)
        elif isinstance(row, dict) and (tag := text_or_none(row.get("tag") or row.get("code"))):
            yield WshEventType(tag, text_or_none(row.get("name")) or tag)


def _events(data: Any) -> Iterator[WshEvent]:
    """The events in a list, or in an object that holds the list."""
    if isinstance(data, list):
        for one in data:
            yield from _events(one)
    elif isinstance(data, dict):
        tag = text_or_none(data.get("event_type"))
        if tag is not None:
            yield _event(tag, data)
        else:
            for value in data.values():
                if isinstance(value, list | dict):
                    yield from _events(value)


def _event(tag: str, data: Mapping[str, Any]) -> WshEvent:
    con_ids = data.get("conids")
    inner = data.get("data")
    return WshEvent(
        tag=tag,
        day=read_day(str(data.get("index_date") or "")[:_DAY_DIGITS]),
        con_ids=tuple(
            int(one)
            for one in (con_ids if isinstance(con_ids, list) else ())
            if str(one).isascii() and str(one).isdecimal()
        ),
        key=text_or_none(data.get("event_key")),
        source=text_or_none(data.get("source")),
        data=inner if isinstance(inner, dict) else {},
    )
