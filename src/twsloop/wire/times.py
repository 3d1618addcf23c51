"""The times that IB sends, in all their forms, as aware UTC; and the form in which we send them.

Pure. What has been seen::

    20260928 09:32:25 US/Eastern       executions, bars, the end of a history; its zone's name
    20250408 01:25:20 British Summer Time   the greeting: the zone as the gateway's machine calls it
    20260928  09:32:25                 older executions and bars: two blanks, no zone
    20260611-13:30:30                  UTC: executions and the head of a history
    20260611-13:30:30Z                 the same since server version 214; also with " UTC"
    20261218 08:30 CST                 when a contract stops trading; without seconds
    20261218-08:30:00-US/Central       the same for bonds
    20260928                           day bars, expirations: a day, and no time
    1790602345                         seconds since 1970, as text or number: ticks, formatDate 2
    1790602345678                      the same in milliseconds: errors, news ticks, last trades
    2026-01-01 10:00:00.0              news
    20260928:0930                      trading hours; their zone stands beside them
    20260928-09:30:00                  schedules: here it is NOT UTC, its zone stands beside it

What cannot be placed (a time without a zone, an unknown zone, no date at all) is None, never
guessed. Of an hour that comes twice when summer ends, a time is taken for the first.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from ibapi.const import UNSET_INTEGER

from .zones import find_zone

__all__ = ["find_zone", "from_millis", "read_day", "read_local", "read_time", "utc_text"]

_FORM = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"(?:(?P<mark>[-T]|\s+)(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<part>\d+))?)?(?P<zone>(?:\s|-|Z).*)?)?",
    re.ASCII,
)
_HOURS = re.compile(r"(\d{8}):(\d\d)(\d\d)", re.ASCII)
_EPOCH = re.compile(r"-?\d+", re.ASCII)

#: A number of at least so many is milliseconds; seconds get there in the year 5138.
_MILLIS: Final = 10**11
#: How many digits a number as text has when it is seconds, and when it is milliseconds. Fewer are
#: days and months; the rest is no time.
_SECONDS_DIGITS: Final = frozenset({9, 10})
_MILLIS_DIGITS: Final = frozenset({12, 13})
_EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(value: str | int | None, zone: str | tzinfo | None = None) -> datetime | None:
    """A time as IB sent it, UTC.

    Args:
        value: A text in any of the module's forms, or a number since 1970: seconds, or
            milliseconds where it is too large for seconds.
        zone: Where a time without a zone is meant, as a name that IB uses or as a zone. A time
            that says where it is does not need it. With it, a day is its first moment there.

    Returns:
        The time; None for unset (empty, 0, IB's largest integer) and for what cannot be placed.
    """
    if value is None or isinstance(value, int):
        return None if value is None else _epoch(value)
    text = value.strip()
    if _EPOCH.fullmatch(text) and len(text) != len("yyyymmdd"):
        digits = len(text.lstrip("-"))
        return _epoch(int(text)) if digits in _SECONDS_DIGITS | _MILLIS_DIGITS else None
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    written = (found["zone"] or "").strip()
    if written:
        where: tzinfo | None = find_zone(written.removeprefix("-").strip())
    elif found["mark"] == "-":
        where = UTC
    else:
        where = _zone(zone)
    return _place(_wall(found), where)


def read_local(text: str | None, zone: str | tzinfo) -> datetime | None:
    """A time whose zone stands beside it, UTC: of a schedule, or of trading hours.

    Args:
        text: ``20260928-09:30:00``, ``20260928:0930``, or any form without a zone.
        zone: What stands beside it: ``timeZone``, or ``timeZoneId``.

    Returns:
        The time; None where the text is none, or the zone is unknown.
    """
    text = (text or "").strip()
    hours = _HOURS.fullmatch(text)
    if hours is not None:
        text = f"{hours[1]} {hours[2]}:{hours[3]}"
    found = _FORM.fullmatch(text)
    if found is None or found["zone"]:
        return read_time(text, zone)
    return _place(_wall(found), _zone(zone))


def read_day(text: str | None) -> date | None:
    """A day as IB sent it: ``20261218`` or ``2026-12-18``, also with a time and a zone behind it.

    It is the day that is written, wherever that is; a month (``202612``) is no day.
    """
    found = _FORM.fullmatch((text or "").strip())
    wall = None if found is None else _wall(found)
    return None if wall is None else wall.date()


def from_millis(number: int) -> datetime | None:
    """Milliseconds since 1970, UTC; None for 0, for "not set", and for what no calendar has."""
    return None if number in {0, UNSET_INTEGER} else _since_1970(number, timedelta(milliseconds=1))


def utc_text(moment: datetime) -> str:
    """A time as we send it: ``yyyymmdd-hh:mm:ss``, UTC, which every setting reads the same way.

    Parts of a second are cut off: IB's requests have none.

    Raises:
        ValueError: The time says not in which zone it is.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        msg = (
            f"{moment.isoformat()} has no time zone: write datetime(..., tzinfo=ZoneInfo("
            "'America/New_York')), or tzinfo=UTC"
        )
        raise ValueError(msg)
    there = moment.astimezone(UTC)
    return f"{there.year:04}{there:%m%d-%H:%M:%S}"


def _epoch(number: int) -> datetime | None:
    if number in {0, UNSET_INTEGER} or isinstance(number, bool):
        return None
    if abs(number) >= _MILLIS:
        return from_millis(number)
    return _since_1970(number, timedelta(seconds=1))


def _since_1970(number: int, unit: timedelta) -> datetime | None:
    try:
        return _EPOCH_START + number * unit
    except OverflowError:
        return None


def _zone(zone: str | tzinfo | None) -> tzinfo | None:
    return find_zone(zone) if isinstance(zone, str) else zone


def _wall(found: re.Match[str]) -> datetime | None:
    """What a clock there showed; None for a day or a time that is none."""
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    micro = int((found["part"] or "")[:6].ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001
    except ValueError:
        return None


def _place(wall: datetime | None, zone: tzinfo | None) -> datetime | None:
    if wall is None or zone is None:
        return None
    try:
        return wall.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:  # the first or the last day that a calendar has
        return None
