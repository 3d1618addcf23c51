"""A calendar that can be set: a clock whose date and time jump, while its spans go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from twsloop.clock import Clock, Timer

__all__ = ["JumpingClock"]


class JumpingClock:
    """A `twsloop.clock.Clock` that shows ``base``'s time, and what it was set off by.

    Args:
        base: The real time.
    """

    def __init__(self, base: Clock) -> None:
        self.base = base
        self._off = timedelta(0)

    def jump(self, seconds: float) -> None:
        """Show so many seconds more from now on."""
        self._off += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        """Seconds that only ever grow; for spans."""
        return self.base.monotonic()

    def now(self) -> datetime:
        """The calendar time, in UTC and aware of it."""
        return self.base.now() + self._off

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call ``callback(*args)`` after ``delay`` seconds, on the running event loop."""
        return self.base.call_later(delay, callback, *args)

    async def sleep(self, delay: float) -> None:
        """Wait ``delay`` seconds."""
        await self.base.sleep(delay)
