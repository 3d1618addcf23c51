"""What the gate counts: orders in a time, orders in a day, the same order again. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from twsloop.config.sections import RiskParams

__all__ = ["DayCount", "Duplicates", "SlidingCount", "TradingDay"]

_DAY = timedelta(days=1)


class SlidingCount:
    """How much happened within the last so many seconds.

    Args:
        span: The seconds.
    """

    def __init__(self, span: float) -> None:
        self._span = span
        self._times: deque[float] = deque()

    def add(self, at: float) -> None:
        """It happened; ``at`` is monotonic, seconds."""
        self._times.append(at)

    def count(self, at: float) -> int:
        """How often within the span that ends now; what is exactly as old as it is out."""
        times, since = self._times, at - self._span
        while times and times[0] <= since:
            times.popleft()
        return len(times)


class TradingDay:
    """Which day it is, for limits of a day.

    Args:
        params: Where ``day_zone`` and ``day_begins`` stand.
    """

    def __init__(self, params: RiskParams) -> None:
        self._zone = ZoneInfo(params.day_zone)
        hour, _, minute = params.day_begins.partition(":")
        self._begins = time(int(hour), int(minute))
        self._day = date.min
        self._since: datetime | None = None
        self._until: datetime | None = None

    def of(self, now: datetime) -> date:
        """The day that a moment belongs to: the date on which it began there."""
        since, until = self._since, self._until
        if since is None or until is None or not since <= now < until:
            local = now.astimezone(self._zone)
            day = local.date() if local.time() >= self._begins else local.date() - _DAY
            self._day = day
            self._since = self._beginning(day)
            self._until = self._beginning(day + _DAY)
        return self._day

    def began(self, now: datetime) -> datetime:
        """When the day of a moment began, UTC."""
        return self._beginning(self.of(now))

    def _beginning(self, day: date) -> datetime:
        return datetime.combine(day, self._begins, self._zone).astimezone(UTC)


class DayCount:
    """How much happened in the day under way."""

    def __init__(self) -> None:
        self._day = date.min
        self._count = 0

    def restore(self, day: date, count: int) -> None:
        """So much had happened on a day before this program began."""
        self._day, self._count = day, count

    def add(self, day: date) -> None:
        """It happened."""
        self._count = self.count(day) + 1
        self._day = day

    def count(self, day: date) -> int:
        """How often on that day. A day before the last one counted is not begun anew."""
        return self._count if day <= self._day else 0


class Duplicates:
    """Which orders left a short time ago."""

    def __init__(self) -> None:
        #: What an order is -> when the last like it left, and which that was.
        self._left: dict[Hashable, tuple[float, Hashable]] = {}
        self._in_order: deque[tuple[float, Hashable]] = deque()
        #: The order -> what it is.
        self._orders: dict[Hashable, Hashable] = {}

    def since(self, what: Hashable, which: Hashable, at: float) -> float | None:
        """How many seconds ago the same one left; None if no other did that is remembered."""
        found = self._left.get(what)
        return None if found is None or found[1] == which else at - found[0]

    def add(self, what: Hashable, which: Hashable, at: float, window: float) -> None:
        """An order left; those that left before the window are forgotten.

        Args:
            what: All that makes two orders the same.
            which: The order, so that it can be taken back.
            at: Monotonic seconds.
            window: How many seconds count.
        """
        if what in self._left:
            self._drop(what)
        self._left[what] = at, which
        self._orders[which] = what
        queue, oldest = self._in_order, at - window
        queue.append((at, what))
        while queue[0][0] < oldest:
            _, old = queue.popleft()
            found = self._left.get(old)
            if found is not None and found[0] < oldest:
                self._drop(old)

    def forget(self, which: Hashable) -> None:
        """An order did not leave after all."""
        what = self._orders.get(which)
        if what is not None:
            self._drop(what)

    def _drop(self, what: Hashable) -> None:
        found = self._left.pop(what, None)
        if found is not None:
            self._orders.pop(found[1], None)
