"""How fast messages may leave: never more than a rate within any one second.

IB allows half as many messages a second as the login has market data lines: 50 for the usual 100,
orders and cancels among them (domain.md b). Over it the gateway delays, or answers error 100 and
ends the session at the third. Four things are kept here beside the plain rate:

* **A margin.** Messages are counted when they leave, and IB counts them when they arrive: two that
  left a second apart may arrive a little closer. So our second is a tenth longer.
* **A reserve.** Requests leave some of each second to orders, and orders some to cancels and to the
  session's own questions. A cancel never waits because 10,000 requests do.
* **A spread.** When half of what requests may use is used, the others follow at even distances: a
  burst that is held up on its way and runs into the next one stays below the limit.
* **A memory.** What the gateway complains of (`MessageRate`) makes the rate smaller for a while.
"""

from __future__ import annotations

import math
import re
from collections import deque
from enum import IntEnum

import attrs

__all__ = ["MARGIN", "SPAN", "WINDOW", "MessageRate", "Pacer", "Urgency", "Wait", "own_rate"]

#: The span that IB counts messages in, seconds.
WINDOW = 1.0
#: How much longer than IB's our span is, seconds: what a network may take from between two.
MARGIN = 0.1
SPAN = WINDOW + MARGIN
#: Of what requests may use of a span, the part that leaves at once; the others are spread.
AT_ONCE = 0.5
#: Less than this is no wait: a sum of floats may miss by it.
_INSTANT = 1e-9


@attrs.frozen
class Wait:
    """Why a request may not leave yet.

    Attributes:
        seconds: How long it will be, as far as is known.
        reason: Why, in words.
    """

    seconds: float
    reason: str


class Urgency(IntEnum):
    """How much of the rate a message may use; a smaller one may use more."""

    URGENT = 0
    """Cancels, and what keeps the session: all of it."""
    ORDER = 1
    """All but what is kept for cancels."""
    BULK = 2
    """All but what is kept for orders and cancels."""


def own_rate(lines: int) -> int:
    """Messages a second for a login with so many market data lines: half, less a tenth."""
    return max(lines // 2 - lines // 20, 1)


_NUMBER = re.compile(r"(?:max\s*=|max rate of)\s*(\d+)", re.IGNORECASE)


class MessageRate:
    """The rate, and what the gateway taught about it; time comes in as seconds that only grow.

    A refusal (error 100) halves it, a warning ("Approaching max rate") takes a fifth; each quiet
    `RECOVERY` gives one such step back. What is said within one second is one step, of the worst
    that was said: a burst is refused message by message, and the third refusal ends the session. A
    number in the text is the limit from then on.

    Args:
        configured: Messages a second; 0 for no limit.
    """

    #: How long it is quiet before a step is taken back, seconds.
    RECOVERY = 30.0
    #: The smallest part of the rate that complaints leave, and the fewest messages a second: what
    #: a session has to ask before it is READY must get through.
    LEAST, FEWEST = 1 / 5, 5
    #: What a complaint leaves of the rate.
    REFUSED, WARNED = 1 / 2, 4 / 5

    def __init__(self, configured: int) -> None:
        self.ceiling = configured
        self._steps: list[float] = []
        self._next_step = 0.0
        self._stepped_at = -math.inf
        #: How often the gateway complained.
        self.complaints = 0

    @property
    def slowed(self) -> bool:
        """Whether complaints hold it below its ceiling, as of the last `limit`."""
        return bool(self._steps)

    def limit(self, now: float) -> int:
        """Messages a second; 0 for no limit."""
        if not self._steps:
            return self.ceiling
        while self._steps and now >= self._next_step:
            self._steps.pop()
            self._next_step += self.RECOVERY
        if not self._steps:
            return self.ceiling
        ceiling = self.ceiling
        return min(
            max(int(ceiling * max(math.prod(self._steps), self.LEAST)), self.FEWEST), ceiling
        )

    def complained(self, now: float, text: str, *, refused: bool) -> None:
        """The gateway finds it too fast.

        Args:
            now: The time.
            text: What it said; it may name its limit.
            refused: It refused a message (error 100); else it only warned.
        """
        self.limit(now)  # what was due by now is given back first
        self.complaints += 1
        named = _NUMBER.search(text)
        if named is not None and int(named[1]) > 0:
            most = int(named[1])
            most = max(most - most // 10, 1)
            self.ceiling = min(self.ceiling, most) if self.ceiling else most
        if not self.ceiling:
            return
        factor = self.REFUSED if refused else self.WARNED
        self._next_step = now + self.RECOVERY
        if self._steps and now < self._stepped_at + WINDOW:
            self._steps[-1] = min(self._steps[-1], factor)
            return
        self._stepped_at = now
        if math.prod(self._steps) > self.LEAST:
            self._steps.append(factor)


class Pacer:
    """A sliding window over the messages that left lately.

    Args:
        rate: Messages within any one second; 0 for no limit.
        reserve: Of them, how many requests leave to orders and cancels; the greater half of that
            is for cancels and the session alone.
        spread: Whether requests keep even distances when many leave.
    """

    def __init__(self, rate: int, reserve: int = 0, *, spread: bool = True) -> None:
        self.rates = MessageRate(rate)
        self._configured, self._reserve = rate, reserve
        self._spread = spread
        self._shares = 0, 0, 0
        self._sent: deque[float] = deque()
        self._last_bulk = -SPAN
        self._held_until = 0.0

    def share(self, urgency: Urgency, now: float) -> int:
        """How many messages of an urgency fit into one span; 0 for no limit."""
        if urgency is Urgency.URGENT:
            # A cancel, or the heartbeat's question, does not wait for what left before a complaint:
            # a question that is late looks like a link that is dead.
            return self.rates.ceiling
        limit = self.rates.limit(now)
        if limit != self._shares[0]:
            self._shares = self._divide(limit)
        return self._shares[urgency]

    def _divide(self, limit: int) -> tuple[int, int, int]:
        """The share of each urgency in a rate."""
        if not limit:
            return 0, 0, 0
        # A small rate cannot keep much back: something of each urgency has to be able to leave, and
        # what complaints leave of the rate is for requests as well.
        least = min(self._reserve, 2)
        reserve = max(self._reserve * limit // (self._configured or limit), least)
        reserve = min(reserve, limit - 1)
        return limit, limit - (reserve + 1) // 2, limit - reserve

    def wait(self, now: float, urgency: Urgency = Urgency.BULK) -> float:
        """Seconds until one more message may leave; 0 if it may leave now."""
        if not self.rates.ceiling:
            return 0.0
        share, sent = self.share(urgency, now), self._sent
        if len(sent) < share * AT_ONCE and now >= self._held_until:
            return 0.0  # so it is mostly, however old the oldest of them is
        while sent and sent[0] + SPAN <= now + _INSTANT:
            sent.popleft()
        due = now
        if urgency is not Urgency.URGENT:
            due = max(due, self._held_until)
        if len(sent) >= share:
            due = max(due, sent[len(sent) - share] + SPAN)
        if self._spread and urgency is Urgency.BULK and len(sent) >= max(share * AT_ONCE, 1):
            due = max(due, self._last_bulk + SPAN / share)
        wait = due - now
        return wait if wait > _INSTANT else 0.0

    def spend(self, now: float, urgency: Urgency = Urgency.BULK) -> None:
        """One message leaves."""
        if self.rates.ceiling:
            self._sent.append(now)
        if urgency is Urgency.BULK:
            self._last_bulk = now

    def complained(self, now: float, text: str, *, refused: bool) -> None:
        """The gateway finds it too fast (see `MessageRate.complained`).

        After a refusal nothing but what is urgent leaves before its window is empty again: the
        third refusal would end the session.
        """
        self.rates.complained(now, text, refused=refused)
        if refused:
            self._held_until = now + SPAN

    def held(self, now: float) -> bool:
        """Whether everything but what is urgent is held after a refusal."""
        return now < self._held_until

    def reset(self) -> None:
        """A new session starts with a clean count; what was learned stays."""
        self._sent.clear()
        self._last_bulk = -SPAN
        self._held_until = 0.0
