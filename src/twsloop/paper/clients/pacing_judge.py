"""IB's limits on what a login may ask for, and how fast: the rules, without a connection (pure).

========================  ========================================================================
limit (at 100 lines)      over it
========================  ========================================================================
100 market data lines     101; a line is an instrument, however many watch it
3 instruments with depth  309; one more for each 100 lines above the first, 60 at most
5 tick-by-tick streams    10190; 5 % of the lines
50 messages a second      half the lines; served in steps (`StepPacer`), or refused with error 100,
                          and the third time ends the session (`Strikes`)
history of small bars     162; see `HistoryJudge`
========================  ========================================================================

Sources: IBKR Campus, chapters 11, 18, 21 and 22, and what IB Gateway 10.40 was seen to do (the
steps of its pacing). They are the rules of a login, whichever of its clients asks; only messages
are counted by connection.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

import attrs

__all__ = ["HistoryJudge", "PacingRules", "StepPacer", "Strikes"]

LEAST_DEPTH, MOST_DEPTH = 3, 60
LINES_A_DEPTH = 100
TICK_BY_TICK_SHARE = 0.05

#: The span in which messages are counted, seconds, and its steps.
INTERVAL, STEPS = 1.0, 10
STEP = INTERVAL / STEPS
#: A message that comes so long after the last one was served is never slowed, seconds.
APART = 0.002
#: So many messages over the limit end the session.
LAST_STRIKE = 3

#: The history rules: no identical request in so many seconds ...
IDENTICAL_S = 15.0
#: ... not six or more of one contract, exchange and type in two seconds ...
BURST, BURST_S = 6, 2.0
#: ... and not more than sixty in ten minutes, where bid and offer together count twice.
MOST, MOST_S = 60, 600.0
#: How many historical requests may be open at a time.
MOST_OPEN = 50


@attrs.frozen
class PacingRules:
    """What a login may do.

    Attributes:
        lines: Its market data lines; the other limits follow from them.
        excess: What becomes of messages above the limit: ``pace`` serves them in steps, ``reject``
            answers error 100, and the third ends the session; ``ignore`` lets them pass.
        history: Whether the history rules hold.
        depth: Instruments with depth at a time; from the lines unless given.
        tick_by_tick: Tick-by-tick streams at a time; from the lines unless given.
        messages: Messages a second; half the lines unless given.

    Raises:
        ValueError: A limit is negative.
    """

    lines: int = 100
    excess: Literal["pace", "reject", "ignore"] = "pace"
    history: bool = True
    depth: int = attrs.field()
    tick_by_tick: int = attrs.field()
    messages: int = attrs.field()

    @depth.default
    def _depth(self) -> int:
        return min(LEAST_DEPTH + max(self.lines - 100, 0) // LINES_A_DEPTH, MOST_DEPTH)

    @tick_by_tick.default
    def _tick_by_tick(self) -> int:
        return int(self.lines * TICK_BY_TICK_SHARE)

    @messages.default
    def _messages(self) -> int:
        return max(self.lines // 2, 1)

    def __attrs_post_init__(self) -> None:
        if min(self.lines, self.depth, self.tick_by_tick) < 0 or self.messages < 1:
            msg = f"limits are not below 0, and messages not below 1 a second: {self}"
            raise ValueError(msg)
        if self.excess not in {"pace", "reject", "ignore"}:
            msg = f"messages in excess are paced, rejected or ignored, not {self.excess!r}"
            raise ValueError(msg)


class StepPacer:
    """Serves one connection's messages as IB Gateway 10.40 does when it paces.

    Measured there: a message that finds nothing waiting is served at once, so messages that are
    2 ms apart are never slowed; of six in one instant the first is served at once and the others
    one every 0.1 s. The model that fits: an interval of a second has ten steps of 0.1 s. Step k
    (from 0) serves at most ``ceil(waiting * 0.5 ** (k + 1))``, where ``waiting`` is how many waited
    when the interval began; all steps together serve at most the limit; what still waits then is
    what the next interval begins with.

    Args:
        limit: Messages a second.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.waiting = 0
        self._served_at = -math.inf
        self._began = 0.0
        self._at_start = 0
        self._step = 0
        self._left = 0

    def offer(self, now: float) -> bool:
        """One message came: True if it is served now, False if it waits."""
        if self.waiting == 0 and now - self._served_at >= APART - 1e-9:
            self._begin(now, 1)
            self._left -= 1
            self._served_at = now
            return True
        self.waiting += 1
        return False

    def next_step(self) -> float:
        """When the next step begins; meant while something waits."""
        return self._began + (self._step + 1) * STEP

    def serve(self, now: float) -> int:
        """How many of those that wait are served now."""
        served = 0
        while self.waiting and now >= self.next_step() - 1e-9:
            if self._step + 1 < STEPS:
                self._step += 1
            else:
                self._begin(self._began + INTERVAL, self.waiting)
            share = math.ceil(self._at_start * 0.5 ** (self._step + 1))
            count = min(share, self.waiting, self._left)
            self.waiting -= count
            self._left -= count
            served += count
        if served:
            self._served_at = now
        return served

    def _begin(self, now: float, waiting: int) -> None:
        self._began, self._at_start, self._step, self._left = now, waiting, 0, self._limit


class Strikes:
    """Counts one connection's messages where those above the limit are refused.

    Args:
        limit: Messages a second.

    Attributes:
        limit: Messages a second.
        count: How many were refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._served: deque[float] = deque()
        self.count = 0

    def offer(self, now: float) -> bool:
        """One message came: whether it may pass."""
        served = self._served
        while served and served[0] <= now - INTERVAL:
            served.popleft()
        if len(served) < self.limit:
            served.append(now)
            return True
        self.count += 1
        return False

    @property
    def out(self) -> bool:
        """Whether the session is over."""
        return self.count >= LAST_STRIKE


class HistoryJudge:
    """The history rules of a login; a request that breaks one counts for none.

    They hold for bars of 30 seconds and less, for head time stamps, and for real-time bars.
    """

    def __init__(self) -> None:
        self._identical: dict[object, float] = {}
        self._bursts: dict[object, deque[float]] = {}
        self._all: deque[tuple[float, int]] = deque()
        self._weight = 0

    def broken(self, now: float, identity: object, family: object, weight: int = 1) -> str | None:
        """Judge one request.

        Args:
            now: A clock's reading, seconds.
            identity: What makes two requests identical.
            family: Contract, exchange and type of data.
            weight: 2 for bid and offer together.

        Returns:
            What it breaks, or None; then it is counted.
        """
        self._forget(now)
        if identity in self._identical:
            return f"identical request within {IDENTICAL_S:g} seconds"
        burst = self._bursts.get(family)
        if burst is not None and len(burst) + 1 >= BURST:
            return f"{BURST} requests for one contract within {BURST_S:g} seconds"
        if self._weight + weight > MOST:
            return f"more than {MOST} requests in {MOST_S / 60:g} minutes"
        self._identical[identity] = now
        self._bursts.setdefault(family, deque()).append(now)
        self._all.append((now, weight))
        self._weight += weight
        return None

    def _forget(self, now: float) -> None:
        """Let go of what is too old to count: at most sixty requests are ever kept."""
        while self._all and self._all[0][0] <= now - MOST_S:
            self._weight -= self._all.popleft()[1]
        old = [one for one, at in self._identical.items() if at <= now - IDENTICAL_S]
        for one in old:
            del self._identical[one]
        for family in list(self._bursts):
            burst = self._bursts[family]
            while burst and burst[0] <= now - BURST_S:
                burst.popleft()
            if not burst:
                del self._bursts[family]
