"""When a day ends by the program's own clock, and what is held back until the next one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from twsloop.clock import Clock, Timer

from .end_of_day import ORIGIN

__all__ = ["MARKET_ZONE", "DayAlarm", "OrderHold", "day_began", "next_run"]

#: Whose midnight parts the days where nobody says otherwise.
MARKET_ZONE = ZoneInfo("America/New_York")

_DAY = timedelta(days=1)
_WEEK = 7
#: How long a timer is set for at most, seconds: the calendar may be put right meanwhile, and a
#: machine that slept has to notice.
_LONGEST = 60.0


def day_began(now: datetime, zone: ZoneInfo = MARKET_ZONE) -> datetime:
    """The last midnight in a zone, UTC."""
    local = now.astimezone(zone)
    return datetime.combine(local.date(), time(), zone).astimezone(UTC)


def day_ends(now: datetime, zone: ZoneInfo = MARKET_ZONE) -> datetime:
    """The next midnight in a zone, UTC."""
    local = now.astimezone(zone)
    return datetime.combine(local.date() + _DAY, time(), zone).astimezone(UTC)


def next_run(now: datetime, at: time, zone: ZoneInfo, days: frozenset[int]) -> datetime | None:
    """The next time after ``now`` that a wall clock shows ``at`` on one of these days.

    A time that is skipped when summer begins counts as one hour later, and of one that comes twice
    when it ends the first is meant.

    Args:
        now: A time with a zone.
        at: The wall time.
        zone: Of the wall clock.
        days: Days of the week, 0 is Monday.

    Returns:
        UTC; None if there is no day.
    """
    today = now.astimezone(zone).date()
    for offset in range(-1, _WEEK + 2):
        day = today + offset * _DAY
        if day.weekday() in days:
            found = datetime.combine(day, at, zone).astimezone(UTC)
            if found > now:
                return found
    return None


class OrderHold:
    """Refuses new orders from when it is told to until the day is over.

    Args:
        now: The time, UTC.
        zone: Whose midnight ends a day.
    """

    def __init__(self, now: Callable[[], datetime], zone: ZoneInfo = MARKET_ZONE) -> None:
        self._now = now
        self._zone = zone
        self._until: datetime | None = None
        self._reason = ""

    def hold(self, reason: str) -> None:
        """Refuse new orders from now on, until midnight."""
        self._until = day_ends(self._now(), self._zone)
        self._reason = reason

    def release(self) -> None:
        """Let orders leave again."""
        self._until = None

    def refuses(self, origin: str = "") -> str:
        """Why a new order may not leave, in words; empty if it may.

        Args:
            origin: What made the order; those of the end-of-day routine itself may leave.
        """
        if self._until is None or self._now() >= self._until or origin == ORIGIN:
            return ""
        return f"{self._reason}: no new orders until {self._until:%Y-%m-%d %H:%M} UTC"


class DayAlarm:
    """Calls once a day, when the wall clock shows a time. On the loop thread.

    A time that passed while nobody listened (the machine slept, the program was not there) is not
    made up for.

    Args:
        clock: Where time and timers come from.
        following: The next time after one; None for never.
        call: What is called.
    """

    def __init__(
        self,
        clock: Clock,
        following: Callable[[datetime], datetime | None],
        call: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._following = following
        self._call = call
        self._timer: Timer | None = None
        self.next_at: datetime | None = None

    def start(self) -> None:
        """Wait for the next time; once it has begun it does nothing."""
        if self._timer is None:
            self.next_at = self._following(self._clock.now())
            self._set()

    def stop(self) -> None:
        """Call no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.next_at = None

    def _set(self) -> None:
        if self.next_at is not None:
            left = (self.next_at - self._clock.now()).total_seconds()
            self._timer = self._clock.call_later(min(max(left, 0.0), _LONGEST), self._look)

    def _look(self) -> None:
        now = self._clock.now()
        if self.next_at is not None and now >= self.next_at:
            late = (now - self.next_at).total_seconds()
            self.next_at = self._following(now)
            if late <= _LONGEST:
                self._call()
        self._set()
