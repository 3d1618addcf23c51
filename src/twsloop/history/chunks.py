"""Which requests make up a span of bars (pure).

Theory of operation. A request for bars names its end and how far it reaches back: so many seconds
of trading, trading days, or weeks, months and years by the calendar. How far that is on the clock,
only the gateway knows: a night, a weekend, a holiday or an hour of summer time lie in between. So
a span is fetched from its end backwards, one request at a time, and each answer says how far it
came: from its first bar on, everything is known. Where an answer has no bars at all, `Chunk.sure`
says how far it came all the same, whatever the calendar: a trading day is never shorter than a day
of the calendar, so a request for n days is sure of n - 1 days, and so on.

Times that we send are in UTC, so no zone has to be known, and no hour comes twice. A bar is cut
off where a request ends, and may be where it begins; so a request ends a bar later than needed, and
the first bar that it tells is not counted on (`whole_from`).

Bars of a day or more carry days, and a day ends at a different moment everywhere. Their spans count
in days of the label (as midnights UTC), and a request ends a day later than needed: then the last
day is over wherever it was, and what comes too much is left out by its label. A bar is whole only
if the request reaches the start of its first session; so requests begin a bar earlier, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import attrs

from twsloop.errors import HistoryError

from .spans import Span, moment
from .words import BarSize

__all__ = [
    "DAY_S",
    "KEPT_SMALL_S",
    "MOST_OF_SECONDS",
    "Chunk",
    "duration_text",
    "final_until",
    "labels",
    "next_chunk",
    "reach",
    "whole_from",
]

DAY_S = 86_400
#: Bars of 30 seconds and less are kept for six months, seconds (domain.md f).
KEPT_SMALL_S = 183 * DAY_S

#: How far one request reaches at most, by bar size: (unit, count). IB has hard limits (2000 S for
#: bars of a second; step sizes of domain.md f); within them we ask for some thousand bars at a
#: time, which a gateway answers within seconds.
_MOST: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "1 secs": ("S", 1800),
        "5 secs": ("S", 28_800),
        "10 secs": ("S", 57_600),
        "15 secs": ("S", 86_400),
        "30 secs": ("S", 86_400),
        "1 min": ("D", 8),
        "2 mins": ("D", 15),
        "3 mins": ("D", 22),
        "5 mins": ("D", 30),
        "10 mins": ("D", 60),
        "15 mins": ("D", 90),
        "20 mins": ("D", 120),
        "30 mins": ("D", 180),
        "1 hour": ("D", 365),
        "2 hours": ("Y", 2),
        "3 hours": ("Y", 2),
        "4 hours": ("Y", 2),
        "8 hours": ("Y", 4),
        "1 day": ("Y", 20),
        "1W": ("Y", 40),
        "1M": ("Y", 60),
    }
)
#: The finest bars that a duration of each unit allows, seconds (domain.md f: step sizes), and the
#: most of that unit before the next one has to be used.
_FINEST: Mapping[str, int] = MappingProxyType({"S": 1, "D": 5, "W": 10, "M": 30, "Y": 60})
_MOST_OF: Mapping[str, int] = MappingProxyType({"S": 86_400, "D": 365, "W": 52, "M": 12, "Y": 68})
#: The longest request for bars of one second, seconds.
MOST_OF_SECONDS = 2000
_LEAST_S = 30
#: The coarsest bars shorter than a day that each unit is meant for, seconds (domain.md f).
_COARSEST: Mapping[str, int] = MappingProxyType(
    {"S": 60, "D": 3600, "W": 14_400, "M": 28_800, "Y": DAY_S}
)
_DATED = "DWMY"


@attrs.frozen
class Chunk:
    """One request for bars.

    Attributes:
        end: Where it ends, seconds since 1970; None: now, whenever that is.
        duration: How far it reaches back, in IB's words.
        sure: From this second on the answer is whole, even if no bar is in it; of bars of a day
            or more the midnight UTC of such a day.
    """

    end: int | None
    duration: str
    sure: int

    @property
    def end_time(self) -> datetime | None:
        """Where it ends."""
        return None if self.end is None else moment(self.end)


def reach(unit: str, count: int) -> int:
    """How many seconds before its end a duration is sure to reach, whatever the calendar.

    Of days all but the one that is under way at the end; of the others the shortest there are,
    less two days for zones and for sessions that begin on the evening before.
    """
    if unit == "S":
        return count
    if unit == "D":
        return (count - 1) * DAY_S
    days = {"W": 7, "M": 30, "Y": 365}[unit] * count
    return (days - (4 if unit == "M" else 2)) * DAY_S


def next_chunk(size: BarSize, span: Span, now: int) -> Chunk:
    """The request for the last part of a span.

    Args:
        size: The bars' size.
        span: What is missing; of bars of a day or more from midnight to midnight UTC.
        now: The time, seconds since 1970.

    Returns:
        It; `Chunk.sure` is before the span's end, so that each request gets on.
    """
    end = span.end + (size.seconds - 1 if size.intraday else DAY_S)
    base = min(end, now)
    # The first label that is whole is the one after the bar in which the answer may begin.
    lead = 0 if size.intraday else size.seconds
    unit, count = _least(size, max(base - span.start, 1) + lead)
    sure = base - reach(unit, count) + lead
    if not size.intraday:
        sure = -(-sure // DAY_S) * DAY_S
    return Chunk(None if end >= now else end, f"{count} {unit}", min(sure, span.end - 1))


def whole_from(size: BarSize, chunk: Chunk, seconds: Sequence[int]) -> int:
    """From which second on an answer is whole: the bars that begin then or later.

    Args:
        size: The bars' size.
        chunk: What was asked.
        seconds: When the bars of the answer begin, in order.
    """
    if not size.intraday or len(seconds) < 2:
        return chunk.sure
    return min(chunk.sure, seconds[1])


def duration_text(size: BarSize, seconds: int) -> str:
    """How far back one single request has to reach that ends now: what cannot be put together.

    Raises:
        HistoryError: No single request for bars of this size reaches so far.
    """
    for unit in "SDWMY":
        count = _count(unit, seconds if size.intraday else seconds + size.seconds)
        too_long = size.seconds == 1 and count > MOST_OF_SECONDS
        if count <= _MOST_OF[unit] and _fits(size, unit) and not too_long:
            return f"{count} {unit}"
    msg = (
        f"one request for bars of {size} does not reach back {timedelta(seconds=seconds)}, and "
        "what ends now cannot be put together from several: take larger bars, or a later start"
    )
    raise HistoryError(msg)


def labels(start: date, end: date) -> Span:
    """The span of bars of a day or more: from one day to another, both of them in it."""
    first = datetime(start.year, start.month, start.day, tzinfo=UTC)
    last = datetime(end.year, end.month, end.day, tzinfo=UTC)
    return Span(int(first.timestamp()), int(last.timestamp()) + DAY_S)


def final_until(size: BarSize, now: int) -> int:
    """Before which second bars are over, and will not change any more.

    A bar shorter than a day is over at its end. A day, anywhere on earth, is over twelve hours
    after it is over in UTC; a week or a month is over when its last day can be no later than that.
    """
    if size.intraday:
        return now - size.seconds + 1
    today = (now - DAY_S // 2) // DAY_S * DAY_S
    if size.unit == "D":
        return today
    day = moment(today).date()
    first = day.replace(day=1) if size.unit == "M" else day - timedelta(days=day.weekday())
    return labels(first, first).start


def _least(size: BarSize, seconds: int) -> tuple[str, int]:
    """The shortest duration that is sure to reach so far, or the longest that we ask for."""
    most_unit, most = _MOST[size.text]
    for unit in "SDWMY":
        if not _fits(size, unit):
            continue
        count = _count(unit, seconds)
        limit = most if unit == most_unit else _MOST_OF[unit]
        if count <= limit:
            return unit, count
        if unit == most_unit:
            return unit, most
    raise AssertionError(size)  # every size has its own unit in the table


def _count(unit: str, seconds: int) -> int:
    """The fewest of a unit that are sure to reach so far."""
    count = _LEAST_S if unit == "S" else 2 if unit == "D" else 1
    if reach(unit, count) >= seconds:
        return count
    one = reach(unit, 2) - reach(unit, 1)
    return count + -(-(seconds - reach(unit, count)) // one)


def _fits(size: BarSize, unit: str) -> bool:
    """Whether durations of a unit are meant for bars of a size."""
    if size.unit:
        return unit in _DATED[_DATED.index(size.unit) :]
    return _FINEST[unit] <= size.seconds <= _COARSEST[unit]
