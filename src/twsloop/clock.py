"""The one door to time: what time it is, and what shall happen later.

Every part that waits takes a `Clock`. In a program it is the `SystemClock`; in a test it is a
`ManualClock`, which stands still until the test moves it, and then fires the timers that became
due, in their order, before `ManualClock.advance` returns. So a test of a ten-second deadline takes
no ten seconds, and never depends on how busy the machine is.

Two kinds of time are kept apart: `Clock.monotonic` only ever grows and measures spans (deadlines,
silence, ages); `Clock.now` is the calendar and may jump.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import heapq
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

__all__ = ["Arrival", "Clock", "ManualClock", "SystemClock", "Timer"]

#: How long `ManualClock.advance` waits for a timer's callback on another thread's loop, seconds.
CALLBACK_PATIENCE = 10.0
#: How long it waits for what another thread's loop is doing just now, seconds.
TURN_PATIENCE = 1.0
#: How often it looks meanwhile whether that loop still runs, seconds.
TURN_INTERVAL = 0.05


class Arrival:
    """When what is being handed over now came: one look at the clock for all that a read brought.

    Attributes:
        at: In the clock's monotonic seconds; None while nothing of a read is being handed over.
    """

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at: float | None = None


class Timer(Protocol):
    """What `Clock.call_later` returns: a timer that can be cancelled."""

    def cancel(self) -> None:
        """Do not fire; nothing happens if it has fired already."""


class Clock(Protocol):
    """Where time and timers come from."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; for spans."""

    def now(self) -> datetime:
        """The calendar time, in UTC and aware of it."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call ``callback(*args)`` after ``delay`` seconds, on the running event loop.

        Raises:
            RuntimeError: No event loop is running in this thread.
        """

    async def sleep(self, delay: float) -> None:
        """Wait ``delay`` seconds."""


def _clock_of_spans() -> Callable[[], float]:
    """The system's clock that only grows, and goes on while the machine sleeps.

    Python's own stands still then on Linux and macOS: a link that was heard just before would count
    as fresh hours later. (Linux: clock_gettime(2), CLOCK_BOOTTIME; macOS: its CLOCK_MONOTONIC.)
    """
    number = getattr(time, "CLOCK_BOOTTIME", None)
    if number is None and sys.platform == "darwin":
        number = time.CLOCK_MONOTONIC
    return time.monotonic if number is None else functools.partial(time.clock_gettime, number)


class SystemClock:
    """The machine's own time."""

    #: Counts a machine's sleep, too; see `_clock_of_spans`.
    _spans = staticmethod(_clock_of_spans())

    def monotonic(self) -> float:
        """Seconds that only ever grow, also while the machine sleeps; for spans."""
        return self._spans()

    def now(self) -> datetime:
        """The calendar time, in UTC and aware of it."""
        return datetime.now(UTC)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call ``callback(*args)`` after ``delay`` seconds, on the running event loop."""
        return asyncio.get_running_loop().call_later(delay, callback, *args)

    async def sleep(self, delay: float) -> None:
        """Wait ``delay`` seconds."""
        await asyncio.sleep(delay)


class _ManualTimer:
    """One timer of a ManualClock; fires at most once, on the loop that made it."""

    __slots__ = ("args", "callback", "cancelled", "due", "loop")

    def __init__(
        self,
        due: float,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        self.due = due
        self.loop = loop
        self.callback = callback
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        """Do not fire."""
        self.cancelled = True

    def fire(self) -> None:
        """Run the callback on its loop, and wait for it when that is another thread's."""
        if self.cancelled or self.loop.is_closed():
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self.loop:
            self.callback(*self.args)
            return
        done: concurrent.futures.Future[None] = concurrent.futures.Future()

        def run() -> None:
            try:
                if not self.cancelled:
                    self.callback(*self.args)
            except BaseException as error:  # noqa: BLE001  (handed to the thread that waits)
                done.set_exception(error)
            else:
                done.set_result(None)

        self.loop.call_soon_threadsafe(run)
        done.result(CALLBACK_PATIENCE)


class ManualClock:
    """A clock that moves only when told to.

    Args:
        start: The calendar time it shows first; 2026-01-05 14:30 UTC (a Monday, New York open)
            unless told otherwise.

    `advance` may be called on the loop that owns the timers or from any other thread, but not on
    one loop while timers of a second loop wait for the first one. Called from outside of all loops
    it lets each loop that has timers here finish what it is doing, before time moves: whoever has
    read what a program sent finds the deadline of it begun.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
        self._elapsed = 0.0
        self._timers: list[tuple[float, int, _ManualTimer]] = []
        self._counter = itertools.count()
        self._lock = threading.Lock()
        #: The loops that go by this clock, and the thread of each.
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, int]
        self._loops = weakref.WeakKeyDictionary()

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    def now(self) -> datetime:
        """The start time plus all that was advanced."""
        return self._start + timedelta(seconds=self._elapsed)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call ``callback(*args)`` when the clock has been advanced by ``delay`` seconds."""
        loop = asyncio.get_running_loop()
        with self._lock:
            timer = _ManualTimer(self._elapsed + max(delay, 0.0), loop, callback, args)
            heapq.heappush(self._timers, (timer.due, next(self._counter), timer))
            self._loops[loop] = threading.get_ident()
        return timer

    async def sleep(self, delay: float) -> None:
        """Wait until the clock has been advanced by ``delay`` seconds."""
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

    def pending(self) -> int:
        """How many timers wait."""
        with self._lock:
            return sum(not timer.cancelled for _, _, timer in self._timers)

    def until_next(self) -> float | None:
        """How many seconds until the next timer is due; None if none waits."""
        with self._lock:
            due = min((due for due, _, timer in self._timers if not timer.cancelled), default=None)
        return None if due is None else max(due - self._elapsed, 0.0)

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``, firing every timer that becomes due, in order of time.

        Raises:
            ValueError: ``seconds`` is negative.
        """
        if seconds < 0:
            msg = f"a clock does not run backwards (advance by {seconds})"
            raise ValueError(msg)
        self._let_loops_finish()
        end = self._elapsed + seconds
        while True:
            with self._lock:
                if not self._timers or self._timers[0][0] > end:
                    break
                due, _, timer = heapq.heappop(self._timers)
                self._elapsed = max(self._elapsed, due)
            timer.fire()
        self._elapsed = end

    def _let_loops_finish(self) -> None:
        """Wait until each loop of another thread has taken a turn."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            return  # others may wait for this very loop
        with self._lock:
            loops = list(self._loops.items())
        for loop, thread in loops:
            if thread == threading.get_ident() or not loop.is_running():
                continue
            turned = threading.Event()
            with contextlib.suppress(RuntimeError):  # it is closing
                loop.call_soon_threadsafe(turned.set)
                for _ in range(round(TURN_PATIENCE / TURN_INTERVAL)):
                    if turned.wait(TURN_INTERVAL) or not loop.is_running():
                        break
