"""The beat of live bars: every five seconds of the market's time, once all before it is known.

A bar may be told when nothing that belongs to it can come any more. That is so when an event of a
later time has come, whatever its instrument, because a feed tells events in order of their time.
Where no event comes, a timer on the market's clock beats, a little later.
"""

from __future__ import annotations

from collections.abc import Callable

from twsloop.clock import Timer
from twsloop.paper.clients.hub import Hub
from twsloop.paper.history.archive import History

__all__ = ["BEAT_S", "Beat", "beat_of", "history_of"]

SECOND_NS = 1_000_000_000
#: Seconds between beats.
BEAT_S = 5
BEAT_NS = BEAT_S * SECOND_NS
#: So long after its time a beat waits for an event, seconds.
GRACE_S = 0.25
#: After a longer pause (a night) beats are left out.
LONGEST_PAUSE_NS = 1800 * SECOND_NS
NEVER = 1 << 62


def history_of(hub: Hub) -> History:
    """The history of a running gateway."""
    found: History = hub.desks[History]
    return found


def beat_of(hub: Hub) -> Beat:
    """The beat of a running gateway."""
    found = hub.desks.get(Beat)
    if found is None:
        found = hub.desks[Beat] = Beat(hub)
    beat: Beat = found
    return beat


class Beat:
    """Calls whoever listens at each full five seconds.

    Args:
        hub: Whose market it is.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._history = history_of(hub)
        self._listeners: list[Callable[[int], None]] = []
        self._timer: Timer | None = None
        self._history.on_boundary = self._passed

    def listen(self, listener: Callable[[int], None]) -> None:
        """Call ``listener(second)`` when all before a second is known."""
        self._listeners.append(listener)
        if len(self._listeners) == 1:
            now = self._history.now_ns()
            self._history.boundary_ns = now - now % BEAT_NS + BEAT_NS
            self._set_timer()

    def unlisten(self, listener: Callable[[int], None]) -> None:
        """Call it no more."""
        self._listeners.remove(listener)
        if not self._listeners:
            self._history.boundary_ns = NEVER
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _passed(self, time_ns: int) -> None:
        """An event of this time has come."""
        history = self._history
        while history.boundary_ns <= time_ns and self._listeners:
            boundary = history.boundary_ns
            if time_ns - boundary > LONGEST_PAUSE_NS:
                history.boundary_ns = time_ns - time_ns % BEAT_NS
            else:
                history.boundary_ns = boundary + BEAT_NS
            for listener in tuple(self._listeners):
                listener(boundary // SECOND_NS)

    def _set_timer(self) -> None:
        late = (self._history.boundary_ns - self._history.now_ns()) / SECOND_NS
        wait = min(max(late, 0.0), float(BEAT_S)) + GRACE_S
        self._timer = self._hub.clock.call_later(wait, self._late)

    def _late(self) -> None:
        """No event came: the clock tells that the time has passed."""
        history = self._history
        if history.follows_clock:
            passed = history.now_ns() - int(GRACE_S * SECOND_NS) + 1_000_000
            if passed >= history.boundary_ns:
                self._passed(passed)
                self._hub.settle()
        if self._listeners:
            self._set_timer()
