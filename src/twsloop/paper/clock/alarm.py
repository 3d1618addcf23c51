"""One timer that follows a time: what is due next may come sooner, later, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from twsloop.clock import Clock, Timer

__all__ = ["Alarm"]

#: No timer is set for longer, seconds: an order may be good until the year 9999.
LONGEST = 86_400.0


class Alarm:
    """Rings at the time that was set last; before that once a day, while that is far away.

    Args:
        clock: Whose time it is.
        ring: Called at that time, on the loop; it may set the alarm again.
    """

    def __init__(self, clock: Clock, ring: Callable[[], object]) -> None:
        self._clock = clock
        self._ring = ring
        self._due: datetime | None = None
        self._timer: Timer | None = None
        self._stopped = False

    def set(self, due: datetime | None) -> None:
        """Ring then; None: not at all. Setting it to what it is set to does nothing."""
        if due == self._due or self._stopped:
            return
        self._clear()
        if due is not None:
            self._due = due
            delay = max((due - self._clock.now()).total_seconds(), 0.0)
            self._timer = self._clock.call_later(min(delay, LONGEST), self._fire)

    def stop(self) -> None:
        """Ring no more, whatever is set. Idempotent."""
        self._stopped = True
        self._clear()

    def _clear(self) -> None:
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = self._due = None
        self._ring()
