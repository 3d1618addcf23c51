"""How far back a request for history reaches, and whether that is too much (pure).

Seconds are seconds of trading: they count on before a night or a weekend. Days are trading days,
the one under way included. Weeks, months and years go by the calendar; bars of a week or more begin
with the whole week (or month) that the first day is in.
"""

from __future__ import annotations

from datetime import date, timedelta

from .bars import period_of
from .calendar import Session
from .chronicle import Chronicle
from .query import BarQuery, Duration

__all__ = ["MAX_BARS", "reach", "reach_back", "sessions_back", "too_many"]

#: More bars than this do not fit into a message.
MAX_BARS, MINUTE_S = 180_000, 60
#: So many minutes at most are taken apart, for bars of half a minute and for shorter ones (of
#: single trades).
MAX_MINUTES = {30: 33_000}
MAX_TRADED_MINUTES = 8_000
#: A day of seconds is in so many sessions, of the shortest ones.
MOST_SESSIONS = 10


def sessions_back(
    chronicle: Chronicle, end: int, duration: Duration, *, regular: bool
) -> list[Session]:
    """The exchange's sessions of a duration up to a time, in order."""
    calendar = chronicle.calendar
    found: list[Session] = []
    first = duration.start_day(calendar.day_of(end - 1)) if duration.unit != "S" else None
    for session in calendar.before(end):
        if not any(run[0] < end for run in session.runs(regular=regular)):
            continue
        if duration.unit == "D":
            if len(found) == duration.count:
                break
        elif first is not None:
            if session.day <= first:
                break
        elif session.end <= end - duration.count:
            break
        found.append(session)
        if session.day.year < 1980:
            break
    return found[::-1]


def reach_back(chronicle: Chronicle, end: int, duration: Duration, *, regular: bool) -> int:
    """The first second of a duration that ends before ``end``."""
    if duration.unit == "S":
        return _seconds_back(chronicle, end, duration.count, regular=regular)
    if duration.unit == "D":
        return _days_back(chronicle, end, duration.count, regular=regular)
    return chronicle.days.day_end(duration.start_day(chronicle.calendar.day_of(end - 1)))


def reach(chronicle: Chronicle, end: int, query: BarQuery) -> int:
    """The first second of a request for bars that ends before ``end``."""
    duration, regular = query.duration, query.regular
    if duration.unit == "D" and not query.size.intraday:
        start = _days_back(chronicle, end, duration.count, regular=regular, any_day=True)
    else:
        start = reach_back(chronicle, end, duration, regular=regular)
    if query.size.intraday or query.size.unit == "D":
        return start
    day = chronicle.calendar.day_of(start)
    return chronicle.days.day_end(_first_of_period(day, query.size.unit) - timedelta(days=1))


def _first_of_period(day: date, unit: str) -> date:
    before = day - timedelta(days=1)
    while period_of(before, unit) == period_of(day, unit):
        day, before = before, before - timedelta(days=1)
    return day


def _seconds_back(chronicle: Chronicle, end: int, count: int, *, regular: bool) -> int:
    """So many seconds of trading back."""
    sessions = 0
    for session in chronicle.days.before(end):
        for first, last in reversed(session.runs(regular=regular)):
            if first >= end:
                continue
            length = min(end, last) - first
            if length >= count:
                return min(end, last) - count
            count -= length
        sessions += 1
        if sessions == MOST_SESSIONS:
            break
    return end - count


def _days_back(
    chronicle: Chronicle, end: int, count: int, *, regular: bool, any_day: bool = False
) -> int:
    """So many trading days back.

    A day on which the exchange is closed but a market that never closes is not, counts for bars of
    a day (``any_day``); shorter bars of it come besides those of the trading days.
    """
    start = end
    for session in chronicle.days.before(end):
        runs = session.runs(regular=regular)
        if runs and runs[0][0] < end:
            start = runs[0][0]
            count -= any_day or chronicle.calendar.session(session.day) is not None
            if not count:
                break
    return start


def too_many(chronicle: Chronicle, query: BarQuery, span: tuple[int, int]) -> bool:
    """Whether a request asks for more bars than a message holds."""
    size = query.size.seconds
    if not size:
        return False
    minutes = MAX_MINUTES.get(size, MAX_TRADED_MINUTES)
    most = MAX_BARS if size >= MINUTE_S else min(MAX_BARS, minutes * MINUTE_S // size)
    if (span[1] - span[0]) // size <= most:
        return False
    total = sum(
        min(last, span[1]) - max(first, span[0])
        for session in chronicle.days.between(*span)
        for first, last in session.runs(regular=query.regular)
        if first < span[1] and last > span[0]
    )
    return total // size > most
