"""IB's limits on how fast its history may be asked, kept before IB has to (pure).

For bars of 30 seconds and less, and for head time stamps (domain.md b): no identical request
within 15 seconds; not six or more for one contract, exchange and kind of data within 2 seconds;
not more than sixty in ten minutes, where bid and offer together count twice. For everything: not
more than fifty open at a time. A client that breaks them is answered 162 "pacing violation", and
one that goes on is cut off; so it is better to wait here.

Requests are counted when they leave, and IB counts them when they arrive: two that left far enough
apart may arrive a little closer. Every span of time is therefore a little longer here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

import attrs

from twsloop.session.pacing import Wait

__all__ = ["HistoryPacer", "Paced", "Wait"]

#: No identical request within so many seconds.
IDENTICAL_S = 15.0
#: Not so many of one family within so many seconds.
BURST, BURST_S = 6, 2.0
#: Not more than so many (weighted) within so many seconds.
MOST, MOST_S = 60, 600.0
#: Not more than so many open at a time.
MOST_OPEN = 50
#: How much longer than IB's our spans are, seconds: what a network may take from between two.
MARGIN_S = 0.5
#: After a violation all the same (another program of the same login asks, too): how long nothing
#: is asked, seconds; doubled each time, up to IB's own span.
FIRST_PENALTY_S = 20.0


@attrs.frozen
class Paced:
    """A request, as far as pacing is concerned.

    Attributes:
        identity: Equal for identical requests.
        family: Equal for requests of one contract, exchange and kind of data.
        weight: How much it counts: 2 for bid and offer together.
        small: Whether the rules for small bars hold for it; the limit on open ones always does.
        counted: Whether it counts among the sixty in ten minutes. Historical ticks do not, as far
            as is known; but they are not asked for in bursts.
    """

    identity: Hashable
    family: Hashable
    weight: int = 1
    small: bool = True
    counted: bool = True


class HistoryPacer:
    """Says when the next request for history may leave; time comes in as seconds that only grow."""

    def __init__(self) -> None:
        self._identical: dict[Hashable, float] = {}
        self._bursts: dict[Hashable, deque[float]] = {}
        self._counted: deque[tuple[float, int]] = deque()
        self._open = 0
        self._penalty = FIRST_PENALTY_S
        self._held_until = -float("inf")

    @property
    def open(self) -> int:
        """How many are open."""
        return self._open

    def wait(self, now: float, request: Paced) -> Wait | None:
        """Why, and how long, a request has to wait; None if it may leave now."""
        if self._open >= MOST_OPEN:
            return Wait(1.0, f"{self._open} requests for history are open, and IB allows no more")
        if not request.small:
            held = self._held(now)
            return held if held is not None and held.seconds > 0 else None
        self._forget(now)
        waits = (
            self._held(now),
            self._repeated(now, request.identity),
            self._burst(now, request),
            self._full(now, request),
        )
        return max(
            (wait for wait in waits if wait is not None and wait.seconds > 0),
            key=lambda wait: wait.seconds,
            default=None,
        )

    def take(self, now: float, request: Paced) -> None:
        """A request leaves."""
        self._open += 1
        self.heard(now, request)

    def heard(self, now: float, request: Paced) -> None:
        """A request left that is not ours to wait for: only the rate counts."""
        if request.small:
            self._identical[request.identity] = now
            self._bursts.setdefault(request.family, deque()).append(now)
            if request.counted:
                self._counted.append((now, request.weight))

    def repeated(self, now: float, identity: Hashable) -> Wait | None:
        """Why, and how long, what is known by this has to wait as another one's twin."""
        wait = self._repeated(now, identity)
        return wait if wait is not None and wait.seconds > 0 else None

    def note(self, now: float, identity: Hashable) -> None:
        """What leaves is known by this, too."""
        self._identical[identity] = now

    def give(self) -> None:
        """A request is over."""
        self._open -= 1

    def violated(self, now: float) -> float:
        """IB said "pacing violation" all the same; how long nothing leaves now, seconds."""
        seconds = self._penalty
        self._held_until = max(self._held_until, now + seconds)
        self._penalty = min(2 * self._penalty, MOST_S)
        return seconds

    def answered(self) -> None:
        """A request was answered: the next violation is a first one again."""
        self._penalty = FIRST_PENALTY_S

    # ---- the rules -----------------------------------------------------------------------

    def _held(self, now: float) -> Wait | None:
        left = self._held_until - now
        return Wait(left, "IB said that history is asked for too fast") if left > 0 else None

    def _repeated(self, now: float, identity: Hashable) -> Wait | None:
        at = self._identical.get(identity)
        if at is None:
            return None
        left = at + IDENTICAL_S + MARGIN_S - now
        return Wait(left, f"the same was asked less than {IDENTICAL_S:g} s ago")

    def _burst(self, now: float, request: Paced) -> Wait | None:
        times = self._bursts.get(request.family, ())
        if len(times) + 1 < BURST:
            return None
        left = times[len(times) + 1 - BURST] + BURST_S + MARGIN_S - now
        return Wait(left, f"{BURST - 1} were asked for this contract within {BURST_S:g} s")

    def _full(self, now: float, request: Paced) -> Wait | None:
        if not request.counted:
            return None
        over = sum(weight for _, weight in self._counted) + request.weight - MOST
        for at, weight in self._counted if over > 0 else ():
            over -= weight
            if over <= 0:
                left = at + MOST_S + MARGIN_S - now
                return Wait(left, f"{MOST} were asked within {MOST_S / 60:g} minutes")
        return None

    def _forget(self, now: float) -> None:
        """Let go of what is too old to count."""
        while self._counted and self._counted[0][0] <= now - MOST_S - MARGIN_S:
            self._counted.popleft()
        recent = now - IDENTICAL_S - MARGIN_S
        self._identical = {key: at for key, at in self._identical.items() if at > recent}
        for family in list(self._bursts):
            burst = self._bursts[family]
            while burst and burst[0] <= now - BURST_S - MARGIN_S:
                burst.popleft()
            if not burst:
                del self._bursts[family]
