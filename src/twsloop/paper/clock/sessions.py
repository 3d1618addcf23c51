"""The exchange's day: who wants to know when a session begins and ends.

Each kind of trading hours has a timer on the market's clock for its next change of phase. Auctions,
orders for the day, and whatever else goes by the exchange's day listen here instead of looking at
the clock themselves::

    hub.sessions.listen(on_change)         # on_change(SessionChange)
    hub.sessions.phase(instrument.hours)   # Phase.REGULAR

The changes come by the calendar also where the feed never closes (`Feed.always_open`); whether they
matter then is the listener's decision.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from twsloop.clock import Clock, Timer

from .hours import Hours, Phase

__all__ = ["SessionChange", "SessionListener", "Sessions"]

logger = logging.getLogger(__name__)


@attrs.frozen
class SessionChange:
    """A market has another phase from now on.

    Attributes:
        hours: Whose: all instruments with these hours.
        before: The phase that ended.
        phase: The phase that began.
        at: When, by the calendar.
    """

    hours: Hours
    before: Phase
    phase: Phase
    at: datetime

    @property
    def opens(self) -> bool:
        """Whether the regular session begins: the opening auction."""
        return self.phase is Phase.REGULAR

    @property
    def closes(self) -> bool:
        """Whether the regular session ended: the closing auction."""
        return self.before is Phase.REGULAR

    @property
    def day_ends(self) -> bool:
        """Whether the trading day is over, the session after hours included."""
        return self.phase is Phase.CLOSED


SessionListener = Callable[[SessionChange], None]


@attrs.define(eq=False)
class Sessions:
    """The phases of all markets, and who hears of their changes.

    Attributes:
        clock: The market's clock.
        settle: Called after a change was told: everyone is written to.
    """

    clock: Clock
    settle: Callable[[], None] = lambda: None
    _listeners: list[SessionListener] = attrs.Factory(list)
    _phases: dict[Hours, Phase] = attrs.Factory(dict)
    _timers: dict[Hours, Timer] = attrs.Factory(dict)

    def start(self, kinds: Iterable[Hours]) -> None:
        """Follow these kinds of hours from now on."""
        for hours in dict.fromkeys(kinds):
            if hours not in self._phases:
                self._phases[hours] = hours.phase(self.clock.now())
                self._wait(hours)

    def stop(self) -> None:
        """Follow none any more; listeners stay."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._phases.clear()

    def listen(self, listener: SessionListener) -> Callable[[], None]:
        """Hear every change from now on; returns what ends it."""
        self._listeners.append(listener)
        return functools.partial(self._listeners.remove, listener)

    def phase(self, hours: Hours) -> Phase:
        """The phase now."""
        known = self._phases.get(hours)
        return hours.phase(self.clock.now()) if known is None else known

    def look_again(self) -> None:
        """The calendar was set: tell what changed by that, and wait for what comes next."""
        for timer in self._timers.values():
            timer.cancel()
        for hours in tuple(self._timers):
            self._changed(hours, self.clock.now())

    def _wait(self, hours: Hours) -> None:
        now = self.clock.now()
        change = hours.next_change(now)
        wait = (change - now).total_seconds()
        self._timers[hours] = self.clock.call_later(wait, self._changed, hours, change)

    def _changed(self, hours: Hours, at: datetime) -> None:
        # By the planned time, because a timer may fire a hair early.
        before, phase = self._phases[hours], hours.phase(at)
        self._phases[hours] = phase
        if at > self.clock.now():
            rest = (at - self.clock.now()).total_seconds()
            self._timers[hours] = self.clock.call_later(rest, self._wait, hours)
        else:
            self._wait(hours)
        if phase is not before:
            logger.info("%s: %s after %s", hours.time_zone, phase.value, before.value)
            for listener in tuple(self._listeners):
                listener(SessionChange(hours, before, phase, at))
            self.settle()
