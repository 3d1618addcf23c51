"""The market's own time: set to a date, faster than the wall's, or as fast as the work is done.

Theory of operation
-------------------
Everything of the gateway that belongs to the market (the feed, orders, cadences, sessions) asks
one clock and sets its timers on it. `MarketClock` keeps those timers in a heap of its own and fires
them in the order of their market time, each while the clock shows exactly the time it was set for,
however late a busy machine gets round to it. So what happens, and when by the market's time, is
the same on a fast machine and on a slow one.

- **Scaled** (``speed=10``): market time is the base clock's time since `begin`, times the speed. It
  never passes a timer that has not fired yet.
- **As fast as possible** (``speed=None``): there is nothing to wait for. Whenever the loop has
  looked after its sockets, the clock jumps to the next timer, and the next, for `TURN_S` at most.

**Holds.** While somebody holds the clock (`hold`, until `release` with the same token) it stands
still: no timer fires, no time passes. Clients that are slow to read hold it, so that at full speed
nobody misses anything, and clients that are named in a script hold it until they have acted (see
`twsloop.paper.clock.timetable`). `hold_at` makes it stop at a time to come, after everything else
that is due at that time.

A feed that makes many events need not set a timer for each: inside its timer it may move the clock
itself with `reach`, as long as nothing else is due before.

Sockets are not the market's: deadlines of handshakes and slow readers stay on the base clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from twsloop.clock import Clock, Timer

__all__ = ["MarketClock", "market_time"]

#: What a market's date and time mean that name no zone.
NEW_YORK = "US/Eastern"

#: So long, in real seconds, timers are fired before the sockets have their turn.
TURN_S = 0.004
#: And so many of them at most, where the base clock stands still (a ManualClock).
TIMERS_A_TURN = 256
#: A timer fires when at most so much is missing, in real seconds: the base clock's timers fire a
#: hair early at times, and sums of floats are not exact.
TOLERANCE_S = 1e-6
#: Timers that are due at the same time: holds come last.
_PLAIN, _HOLD = 0, 1


def market_time(text: str) -> datetime:
    """A date and time of the market as users write it: New York's, unless it names its offset.

    A date alone is its opening, 09:30.

    Raises:
        ValueError: It is no date and time.
    """
    told = datetime.fromisoformat(text)
    if len(text.strip()) == len("2026-09-28"):
        told = told.replace(hour=9, minute=30)
    return told if told.tzinfo is not None else told.replace(tzinfo=ZoneInfo(NEW_YORK))


class _Timer:
    """One timer; fires at most once."""

    __slots__ = ("args", "callback", "cancelled")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback = callback
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        """Do not fire; nothing happens if it has fired already."""
        self.cancelled = True


class MarketClock:
    """A `twsloop.clock.Clock` that shows the market's time.

    Args:
        base: The real time that it is made of.
        start: The calendar time it shows when it begins; the base clock's unless given.
        speed: How many market seconds pass in a real one; None: as fast as possible.

    It stands at its start until `begin`. All methods but the constructor and the two readings are
    for the loop that `begin` was called on.

    Raises:
        ValueError: The speed is not above 0, or the start has no time zone.
    """

    def __init__(
        self, base: Clock, *, start: datetime | None = None, speed: float | None = 1.0
    ) -> None:
        if speed is not None and not 0 < speed < math.inf:
            msg = f"a clock's speed is a number above 0, or None for no waiting: {speed}"
            raise ValueError(msg)
        if start is not None and start.tzinfo is None:
            msg = f"a clock's start needs a time zone: {start}"
            raise ValueError(msg)
        self.base = base
        self.speed = speed
        self.start = start or base.now()
        self._tolerance = TOLERANCE_S * max(speed or 0.0, 1.0)
        self._elapsed = 0.0
        self._limit = 0.0
        self._anchor: tuple[float, float] | None = None  # base and market time since when it runs
        self._firing = False
        self._begun = False
        self._holds: set[object] = set()
        self._timers: list[tuple[float, int, int, _Timer]] = []
        self._count = itertools.count()
        self._wake: Timer | asyncio.Handle | None = None
        self._wake_due = math.inf

    # ---- Clock -----------------------------------------------------------------------------

    def monotonic(self) -> float:
        """Market seconds since the start."""
        if self._anchor is None or self._firing or self.speed is None:
            return self._elapsed
        live = self._live()
        if self._timers and self._timers[0][0] < live:
            live = self._timers[0][0]  # time does not pass what has not happened yet
        return max(live, self._elapsed)

    def now(self) -> datetime:
        """The market's calendar time."""
        return self.start + timedelta(seconds=self.monotonic())

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call ``callback(*args)`` after ``delay`` market seconds."""
        return self._push(self.monotonic() + max(delay, 0.0), _PLAIN, _Timer(callback, args))

    async def sleep(self, delay: float) -> None:
        """Wait ``delay`` market seconds."""
        if delay <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_later(delay, wake)
        try:
            await woken
        finally:
            timer.cancel()

    # ---- running ---------------------------------------------------------------------------

    @property
    def jumps(self) -> bool:
        """Whether it goes as fast as possible."""
        return self.speed is None

    @property
    def held(self) -> bool:
        """Whether somebody holds it."""
        return bool(self._holds)

    def begin(self) -> None:
        """Run from now on, on the running loop."""
        self._begun = True
        self._go()

    def halt(self) -> None:
        """Stand still, and forget all timers; `begin` goes on from here."""
        self._stand()
        self._begun = False
        self._holds.clear()
        self._timers.clear()

    def hold(self, token: object) -> None:
        """Stand still until `release` with this token; tokens do not count."""
        if not self._holds:
            self._stand()
        self._holds.add(token)

    def release(self, token: object) -> None:
        """Go on, if nobody else holds it."""
        if token in self._holds:
            self._holds.discard(token)
            if not self._holds:
                self._go()

    def jump(self, seconds: float) -> None:
        """Show so many seconds more from now on; no time passes, and no timer fires for it."""
        self.start += timedelta(seconds=seconds)

    def elapsed_at(self, when: datetime) -> float:
        """The reading of `monotonic` at a calendar time."""
        return (when - self.start).total_seconds()

    def hold_at(self, when: float, token: object, then: Callable[[], object]) -> Timer:
        """Stand still when `monotonic` has come to ``when``, and call ``then()``.

        All other timers of that time fire before.
        """

        def arrived() -> None:
            self.hold(token)
            then()

        return self._push(max(when, self.monotonic()), _HOLD, _Timer(arrived, ()))

    def reach(self, when: float) -> bool:
        """Inside a timer: move on to ``when``, if nothing else is due before it.

        Returns:
            False: It is not time yet, or something else comes first; then set a timer.
        """
        if self._holds or when > self._limit + self._tolerance:
            return False
        timers = self._timers
        while timers and timers[0][0] < when:
            if not timers[0][3].cancelled:
                return False
            heapq.heappop(timers)
        self._elapsed = max(self._elapsed, when)
        return True

    def pending(self) -> int:
        """How many timers wait."""
        return sum(not timer.cancelled for *_, timer in self._timers)

    # ---- inner -----------------------------------------------------------------------------

    def _live(self) -> float:
        """Where the base clock says that the market is."""
        if self._anchor is None or self.speed is None:
            return math.inf if self._anchor is not None else self._elapsed
        base, market = self._anchor
        return market + (self.base.monotonic() - base) * self.speed

    def _push(self, due: float, rank: int, timer: _Timer) -> Timer:
        heapq.heappush(self._timers, (due, rank, next(self._count), timer))
        if not self._firing:
            self._set_wake()
        return timer

    def _stand(self) -> None:
        self._elapsed = self.monotonic()
        self._anchor = None
        self._limit = self._elapsed
        self._cancel_wake()

    def _go(self) -> None:
        if self._begun and not self._holds and self._anchor is None:
            self._anchor = (self.base.monotonic(), self._elapsed)
            if self._firing:
                self._limit = self._live()
            else:
                self._set_wake()

    def _cancel_wake(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        self._wake_due = math.inf

    def _set_wake(self) -> None:
        if self._anchor is None or not self._timers or self._timers[0][0] >= self._wake_due:
            return
        due = self._timers[0][0]
        self._cancel_wake()
        self._wake_due = due
        loop = asyncio.get_running_loop()
        wait = 0.0 if self.speed is None else (due - self._live()) / self.speed
        if wait > 0:
            self._wake = self.base.call_later(wait, self._turn)
        else:
            self._wake = loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Fire what is due, for a while; then the sockets have their turn."""
        self._wake, self._wake_due = None, math.inf
        self._limit = self._live()
        until = self.base.monotonic() + TURN_S
        self._firing = True
        try:
            for _ in range(TIMERS_A_TURN):
                timers = self._timers
                if self._holds or not timers or timers[0][0] > self._limit + self._tolerance:
                    break
                due, _, _, timer = heapq.heappop(timers)
                if timer.cancelled:
                    continue
                self._elapsed = max(self._elapsed, due)
                self._fire(timer)
                if self.base.monotonic() > until:
                    break
        finally:
            self._firing = False
            self._set_wake()

    @staticmethod
    def _fire(timer: _Timer) -> None:
        try:
            timer.callback(*timer.args)
        except Exception as error:  # noqa: BLE001  (as a loop does: told, and the others go on)
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a timer of the market clock failed", "exception": error}
            )
