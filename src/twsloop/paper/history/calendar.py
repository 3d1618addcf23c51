"""The calendar of the history: sessions as spans of seconds, and how far back a duration reaches.

A **session** is a trading day of an instrument: its label (the date that day bars carry) and its
spans, regular hours apart from the others. A session that crosses midnight carries the later date.
Everything counts in whole seconds since 1970 UTC, so that a change to or from summer time is only
a session that begins an hour earlier or later.
"""

from __future__ import annotations

import bisect
import calendar as months
import functools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from twsloop.paper.clock.hours import Hours

__all__ = ["Calendar", "Session", "Span", "calendar_of", "months_back"]

#: No session of any instrument lasts longer, seconds.
LONGEST_SESSION_S = 26 * 3600
NOON = time(12)


class Span(NamedTuple):
    """A part of a session without a break.

    Attributes:
        start: First second.
        end: The second after the last.
        regular: Whether it is in regular trading hours.
    """

    start: int
    end: int
    regular: bool


class Session(NamedTuple):
    """One trading day.

    Attributes:
        day: Its label.
        spans: In order of time; none overlap.
    """

    day: date
    spans: tuple[Span, ...]

    @property
    def start(self) -> int:
        """Its first second."""
        return self.spans[0].start

    @property
    def end(self) -> int:
        """The second after its last."""
        return self.spans[-1].end

    def runs(self, *, regular: bool) -> list[tuple[int, int]]:
        """Its spans (or those of regular hours) with neighbours joined, as (start, end)."""
        found: list[tuple[int, int]] = []
        for span in self.spans:
            if regular and not span.regular:
                continue
            if found and found[-1][1] == span.start:
                found[-1] = (found[-1][0], span.end)
            else:
                found.append((span.start, span.end))
        return found


def months_back(day: date, count: int) -> date:
    """The same day of the month some months before; the month's last day where it has none."""
    year, month = divmod(day.year * 12 + day.month - 1 - count, 12)
    last = months.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


class Calendar:
    """The sessions of one kind of instrument.

    Args:
        hours: Its trading hours.
    """

    def __init__(self, hours: Hours) -> None:
        self.hours = hours
        self.zone = ZoneInfo(hours.time_zone)
        self._years: dict[int, tuple[list[Session], list[int]]] = {}

    def session(self, day: date) -> Session | None:
        """The session of a day; None when it is closed."""
        sessions, starts = self._year(day.year)
        noon = int(datetime.combine(day, NOON, self.zone).timestamp())
        for session in sessions[max(bisect.bisect_left(starts, noon) - 2, 0) :][:4]:
            if session.day == day:
                return session
        return None

    def _make_session(self, day: date) -> Session | None:
        trading = self.hours.session(day)
        if trading is None:
            return None
        first, last = int(trading[0].timestamp()), int(trading[1].timestamp())
        liquid = self.hours.session(day, liquid=True)
        if liquid is None:
            return Session(day, (Span(first, last, regular=False),))
        opening, closing = int(liquid[0].timestamp()), int(liquid[1].timestamp())
        spans = (
            Span(first, opening, regular=False),
            Span(opening, closing, regular=True),
            Span(closing, last, regular=False),
        )
        return Session(day, tuple(span for span in spans if span.start < span.end))

    def year(self, year: int) -> list[Session]:
        """The sessions that carry a date of this year."""
        return self._year(year)[0]

    def _year(self, year: int) -> tuple[list[Session], list[int]]:
        known = self._years.get(year)
        if known is None:
            day, found = date(year, 1, 1), []
            while day.year == year:
                session = self._make_session(day)
                if session is not None:
                    found.append(session)
                day += timedelta(days=1)
            known = found, [one.start for one in found]
            self._years[year] = known
        return known

    def between(self, start: int, end: int) -> Iterator[Session]:
        """The sessions that have a second in [start, end), in order."""
        first = self.local(start - LONGEST_SESSION_S).year
        last = self.local(end + LONGEST_SESSION_S).year
        for year in range(first, last + 1):
            sessions, starts = self._year(year)
            place = bisect.bisect_left(starts, start - LONGEST_SESSION_S)
            for session in sessions[place:]:
                if session.start >= end:
                    break
                if session.end > start:
                    yield session

    def before(self, end: int) -> Iterator[Session]:
        """The sessions that begin before a time, the last one first."""
        year = self.local(end + LONGEST_SESSION_S).year
        while year > 1:
            sessions, starts = self._year(year)
            yield from reversed(sessions[: bisect.bisect_left(starts, end)])
            year -= 1

    def day_of(self, second: int) -> date:
        """The label of the day that contains a time, whether anything trades then or not."""
        end = self.hours.session_end(second * 1_000_000_000) // 1_000_000_000
        return self.local(end - 1).date()

    def local(self, second: int) -> datetime:
        """A time in the instrument's zone."""
        return datetime.fromtimestamp(second, UTC).astimezone(self.zone)

    def offset(self, second: int) -> int:
        """The zone's distance from UTC at a time, seconds."""
        away = self.local(second).utcoffset()
        return 0 if away is None else int(away.total_seconds())


@functools.lru_cache(maxsize=64)
def calendar_of(hours: Hours) -> Calendar:
    """The calendar of these hours; one for all instruments that have them."""
    return Calendar(hours)
