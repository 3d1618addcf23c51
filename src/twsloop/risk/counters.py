"""What the gate counts: orders in a time, orders in a day, the same order again. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import attrs

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
        """It happened; ``at`` is monotonic, seconds. What is out is forgotten, asked or not."""
        times, since = self._times, at - self._span
        times.append(at)
        while times[0] <= since:
            times.popleft()

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


@attrs.frozen(eq=False)
class _Left:
    """An order that left: when, which, and all that makes it the same as another."""

    at: float
    which: Hashable
    what: Hashable


class Duplicates:
    """Which orders left a short time ago."""

    def __init__(self) -> None:
        #: What an order is -> the last like it.
        self._last: dict[Hashable, _Left] = {}
        self._in_order: deque[_Left] = deque()
        #: The order -> the same.
        self._orders: dict[Hashable, _Left] = {}

    def since(self, what: Hashable, which: Hashable, at: float) -> float | None:
        """How many seconds ago the same one left; None if no other did that is remembered."""
        found = self._last.get(what)
        return None if found is None or found.which == which else at - found.at

    def add(self, what: Hashable, which: Hashable, at: float, window: float) -> None:
        """An order left; those that left before the window are forgotten.

        Args:
            what: All that makes two orders the same.
            which: The order, so that it can be taken back.
            at: Monotonic seconds.
            window: How many seconds count.
        """
        left = _Left(at, which, what)
        before = self._last.get(what)
        if before is not None:
            self._orders.pop(before.which, None)
        self._last[what] = self._orders[which] = left
        queue, oldest = self._in_order, at - window
        queue.append(left)
        while queue[0].at < oldest:
            self._forget(queue.popleft())

    def forget(self, which: Hashable) -> None:
        """An order did not leave after all."""
        left = self._orders.get(which)
        if left is not None:
            self._forget(left)

    def _forget(self, left: _Left) -> None:
        if self._last.get(left.what) is left:
            del self._last[left.what]
            self._orders.pop(left.which, None)
