"""The days of one instrument's market: its sessions, also where it never closes.

An `always open` market trades outside its hours, too: from the moment it began, a day is a session
from one roll-over to the next, and its regular hours are still the exchange's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from .calendar import Calendar, Session, Span

__all__ = ["TradingDays"]

SECOND_NS = 1_000_000_000
#: How long before the start of an always open market its first session began, where the exchange
#: was closed: what the book says has happened in the session, happened then.
UNDER_WAY_S = 3600


class TradingDays:
    """Sessions in order of time.

    Args:
        calendar: The exchange's.
        began: When the gateway began, seconds since 1970 UTC.
        always_open: Whether it trades outside its hours, too.
        has_past: Whether anything was before it began.
    """

    def __init__(
        self, calendar: Calendar, began: int, *, always_open: bool, has_past: bool
    ) -> None:
        self.calendar = calendar
        self.always_open = always_open
        self._began = began
        self._has_past = has_past
        self._first_day = calendar.day_of(began)
        self._open_days: dict[date, Session | None] = {}

    def between(self, start: int, end: int) -> Iterator[Session]:
        """The sessions that have a second in [start, end), in order of time."""
        if not self.always_open:
            yield from self.calendar.between(start, end)
            return
        first = self._bounds(self._first_day)[0]
        for session in self.calendar.between(start, min(end, self._began + 1)):
            if session.day < self._first_day:
                yield session
        day = self._first_day
        if start > first:
            day = max(day, self.calendar.day_of(start))
        while self._bounds(day)[0] < end:
            opened = self._open_day(day)
            if opened is not None and opened.end > start and opened.start < end:
                yield opened
            day += timedelta(days=1)

    def before(self, end: int) -> Iterator[Session]:
        """The sessions that begin before a time, the last one first."""
        if self.always_open and end > self._began:
            day = self.calendar.day_of(end - 1)
            while day >= self._first_day:
                opened = self._open_day(day)
                if opened is not None and opened.start < end:
                    yield opened
                day -= timedelta(days=1)
            end = self._bounds(self._first_day)[0]
        elif self.always_open and end > self._bounds(self._first_day)[0]:
            opened = self._open_day(self._first_day)
            if opened is not None and opened.start < end:
                yield opened
            end = self._bounds(self._first_day)[0]
        yield from (
            session
            for session in self.calendar.before(end)
            if not self.always_open or session.day < self._first_day
        )

    def day_end(self, day: date) -> int:
        """The second at which a day rolls over into the next."""
        return self._bounds(day)[1]

    def in_regular_hours(self, second: int) -> bool:
        """Whether the exchange's regular session is under way."""
        at = datetime.fromtimestamp(second, UTC)
        return self.calendar.hours.is_open(at, liquid=True)

    def _bounds(self, day: date) -> tuple[int, int]:
        """From which to which roll-over a day lasts."""
        ends = self.calendar.hours.session_end
        noon = datetime.combine(day, time(12), self.calendar.zone)
        before = noon - timedelta(days=1)
        return (
            ends(int(before.timestamp()) * SECOND_NS) // SECOND_NS,
            ends(int(noon.timestamp()) * SECOND_NS) // SECOND_NS,
        )

    def _open_day(self, day: date) -> Session | None:
        """A day of a market that never closes, from the moment it began."""
        if day not in self._open_days:
            self._open_days[day] = self._make_open_day(day)
        return self._open_days[day]

    def _make_open_day(self, day: date) -> Session | None:
        first, last = self._bounds(day)
        usual = self.calendar.session(day)
        spans = [] if usual is None else list(usual.spans)
        found = [
            Span(span.start, min(span.end, self._began), span.regular)
            for span in spans
            if span.start < self._began
        ]
        at = max(first, self._began)
        if not found and first < self._began < last and self._has_past:
            begin = max(first, self._began - UNDER_WAY_S)
            found.append(Span(begin - begin % 60, self._began, regular=False))
        for span in [*(one for one in spans if one.regular), Span(last, last, regular=True)]:
            if span.end <= at and span.start < last:
                continue
            if at < span.start:
                found.append(Span(at, min(span.start, last), regular=False))
            if max(at, span.start) < span.end:
                found.append(Span(max(at, span.start), span.end, regular=True))
            at = max(at, span.end)
        return Session(day, tuple(found)) if found else None
