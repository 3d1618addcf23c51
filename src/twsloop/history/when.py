"""From when until when: what people write, as a span (pure).

Times say in which zone they are; a day is meant where the contract trades, and belongs to the span
whole. A duration goes by the calendar: the last five days hold three or four trading days.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias

from twsloop.errors import HistoryError

from .chunks import labels
from .spans import Span
from .words import BarSize

__all__ = ["Duration", "When", "length_of", "needs_zone", "span_of"]

When: TypeAlias = datetime | date
Duration: TypeAlias = timedelta | str

_DURATION = re.compile(
    r"(\d+)\s*(s|sec|secs|seconds?|mins?|minutes?|h|hours?|d|days?|w|weeks?|m|months?|y|years?)?"
)
_DAYS = {"d": 1, "w": 7}
_SECONDS = {"s": 1, "mi": 60, "h": 3600}


def needs_zone(start: When | None, end: When | None, size: BarSize | None) -> bool:
    """Whether the contract's zone has to be known to read them: a day is meant there."""
    if size is not None and not size.intraday:
        return False
    return any(one is not None and not isinstance(one, datetime) for one in (start, end))


def span_of(
    start: When | None,
    end: When | None,
    duration: Duration | None,
    *,
    size: BarSize | None,
    now: datetime,
    zone: tzinfo = UTC,
) -> Span:
    """The span that is asked for.

    Args:
        start: Where it begins: a time with its zone, or a day.
        end: Where it ends: a time, which does not belong to it, or a day, which does; None is now.
        duration: How long before its end it begins, in place of ``start``.
        size: The bars' size; those of a day or more go by days. None for ticks.
        now: The time, UTC.
        zone: Where days are meant.

    Raises:
        HistoryError: It begins nowhere, or twice, or after it ends, or a time has no zone.
    """
    given: dict[str, object] = {"start": start, "end": end}
    for name, value in given.items():
        if value is not None and not isinstance(value, date):
            msg = f"{name}={value!r} is no time: give datetime(..., tzinfo=...), or date(...)"
            raise HistoryError(msg)
    if (start is None) == (duration is None):
        msg = (
            "say from when: either start=datetime(..., tzinfo=...) or start=date(...), "
            'or duration="5 days" back from the end'
        )
        raise HistoryError(msg)
    if size is not None and not size.intraday:
        return _days(start, end, duration, now)
    last = now if end is None else _moment(end, "end", zone)
    if end is not None and not isinstance(end, datetime):
        last = _moment(end + timedelta(days=1), "end", zone)
    first = _before(last, duration) if start is None else _moment(start, "start", zone)
    return _span(int(first.timestamp()), -int(-last.timestamp() // 1))


def length_of(duration: Duration, now: datetime) -> timedelta:
    """How long a duration that ends now is.

    Raises:
        HistoryError: It is none.
    """
    return now - _before(now, duration)


def _days(start: When | None, end: When | None, duration: Duration | None, now: datetime) -> Span:
    """The labels of bars of a day or more."""
    last = now.date() + timedelta(days=1)  # on a Sunday evening Monday is under way
    if isinstance(end, datetime):
        _aware(end, "end")
        last = (end - timedelta(microseconds=1)).date()
    elif end is not None:
        last = end
    if isinstance(start, datetime):
        _aware(start, "start")
        first = start.date()
    elif start is not None:
        first = start
    else:
        midnight = datetime.combine(last + timedelta(days=1), time(), UTC)
        first = _before(midnight, duration).date()
    if first > last:
        msg = f"it begins on {first}, which is after it ends on {last}"
        raise HistoryError(msg)
    return labels(first, last)


def _span(start: int, end: int) -> Span:
    if start >= end:
        begins = datetime.fromtimestamp(start, UTC)
        msg = f"it begins at {begins:%Y-%m-%d %H:%M:%S} UTC, which is not before it ends"
        raise HistoryError(msg)
    return Span(start, end)


def _aware(moment: datetime, name: str) -> None:
    if moment.tzinfo is None or moment.utcoffset() is None:
        msg = (
            f"{name}={moment.isoformat()} has no time zone: write datetime(..., "
            "tzinfo=ZoneInfo('America/New_York')), or tzinfo=UTC"
        )
        raise HistoryError(msg)


def _moment(when: When, name: str, zone: tzinfo) -> datetime:
    if isinstance(when, datetime):
        _aware(when, name)
        return when.astimezone(UTC)
    return datetime.combine(when, time(), zone).astimezone(UTC)


def _before(end: datetime, duration: Duration | None) -> datetime:
    """So long before a time, by the calendar."""
    if isinstance(duration, timedelta):
        if duration <= timedelta():
            msg = f"a duration is longer than nothing, not {duration}"
            raise HistoryError(msg)
        return end - duration
    given: object = duration
    found = _DURATION.fullmatch(given.strip().lower()) if isinstance(given, str) else None
    count = int(found[1]) if found is not None else 0
    if found is None or not 0 < count < 1_000_000_000:
        msg = f"{duration!r} is no duration: write timedelta(days=5), '5 days', '3 months', '2 Y'"
        raise HistoryError(msg)
    unit = found[2] or "s"
    try:
        if unit.startswith(("d", "w")):
            return end - timedelta(days=count * _DAYS[unit[0]])
        if unit == "m" or unit.startswith(("y", "mo")):
            return _months(end, count * (12 if unit[0] == "y" else 1))
        return end - timedelta(seconds=count * _SECONDS["mi" if unit[0] == "m" else unit[0]])
    except (OverflowError, ValueError):
        msg = f"{duration!r} reaches back beyond the calendar"
        raise HistoryError(msg) from None


def _months(end: datetime, count: int) -> datetime:
    year, month = divmod(end.year * 12 + end.month - 1 - count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return end.replace(year=year, month=month + 1, day=min(end.day, last))
