"""Asking for subscriptions anew, one after the other: a gateway is busy enough after an outage."""

from __future__ import annotations

from collections.abc import Callable

from twsloop.clock import Clock, Timer

from .life import Life

__all__ = ["Redoing"]

#: Between two that are asked for anew, seconds, but for so many at once.
STEP_S, BURST = 0.05, 10


class Redoing:
    """Those that wait to be asked for anew; loop thread.

    Args:
        clock: Where time comes from.
        wanted: Whether one is still to be asked for, when it is its turn.
    """

    def __init__(self, clock: Clock, wanted: Callable[[Life], bool]) -> None:
        self._clock = clock
        self._wanted = wanted
        self._waiting: dict[Life, str] = {}
        self._timer: Timer | None = None
        self._next = 0.0

    def add(self, life: Life, reason: str) -> None:
        """Ask for one anew, in its turn: now, unless there are many."""
        self._waiting[life] = reason
        self._go_on()

    def drop(self, life: Life) -> None:
        """It needs it no more."""
        self._waiting.pop(life, None)

    def clear(self) -> None:
        """Nobody waits any more: the session ended."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        if self._waiting and self._timer is None:
            wait = self._next - self._clock.monotonic()
            if wait > 0:
                self._timer = self._clock.call_later(wait, self._due)
            else:
                self._step()

    def _due(self) -> None:
        self._timer = None
        self._step()

    def _step(self) -> None:
        """Ask for the next one."""
        while self._waiting:
            life = next(iter(self._waiting))
            reason = self._waiting.pop(life)
            if not self._wanted(life):
                continue
            # Set first: what is asked here may fail at once, and then ask for others.
            idle_since = self._clock.monotonic() - BURST * STEP_S
            self._next = max(self._next, idle_since) + STEP_S
            life.attempts += 1
            life.vital.redo(reason)
            break
        self._go_on()
