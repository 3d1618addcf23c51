"""Whether a planned window refuses orders now, looked up once between two of them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from twsloop.session.calendar import Calendar

__all__ = ["Windows"]

#: How long an answer counts if no window is planned.
_A_DAY = timedelta(days=1)


class Windows:
    """Asks the calendar, and remembers its answer for as long as it is true.

    Args:
        calendar: The windows that are known.
    """

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._since: datetime | None = None
        self._until: datetime | None = None
        self._refusing = ""

    def refusing(self, now: datetime) -> str:
        """The window that refuses orders, in words; empty if none does."""
        since, until = self._since, self._until
        if since is None or until is None or not since <= now < until:  # clocks can be set back
            self._look(now)
        return self._refusing

    def _look(self, now: datetime) -> None:
        window, coming = self._calendar.window(now), self._calendar.next_window(now)
        ends = [now + _A_DAY]
        if window is not None:
            ends.append(window.until)
        if coming is not None:
            ends.append(coming.since)
        self._since, self._until = now, min(ends)
        self._refusing = str(window) if window is not None and window.refuses_orders else ""
