"""How long a subscription may be silent, and what its silence means.

A subscription that tells something all the time is missed at once; one that tells something when
there is something to tell is not. What was lively before a gap should be lively after it; what is
traded now, as far as the hours of its contract are known, should tell something; what answers a
new request at once (a quote, a book) tells by that how things stand. Of the others silence says
nothing. A holder that names a limit (``max_silence``) knows better than any rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twsloop.clock import Clock

from .life import Life, StreamStatus

__all__ = ["Patience"]

#: At most so long between two attempts at what is silent, seconds.
LONGEST_SILENCE_S = 600.0
#: What comes in a rhythm may miss fewer beats than this.
BEATS = 3


class Patience:
    """Judges the silence of lives; loop thread.

    Args:
        clock: Where time comes from.
        silent_after: How long what should tell something may be silent, seconds.
        closed: Tells whether a contract does not trade now; None where nobody knows its hours.
    """

    def __init__(
        self, clock: Clock, silent_after: float, closed: Callable[[Any], bool | None]
    ) -> None:
        self._clock = clock
        self._silent_after = silent_after
        self._closed = closed

    def is_lively(self, life: Life) -> bool:
        """Whether it told something just now, as it usually does."""
        received, now = life.vital.received, self._clock.monotonic()
        return received is not None and now - received <= self._usual(life)

    def pause(self, life: Life) -> float:
        """How long to wait for its answer, seconds: longer after each attempt."""
        limit, usual = life.vital.max_silence, self._usual(life)
        if limit is not None:  # a request that waits for its turn would only be cancelled longer
            return max(limit, life.apart)
        return float(min(usual * 2.0 ** min(life.attempts, 16), max(usual, LONGEST_SILENCE_S)))

    def awaits(self, life: Life) -> bool:
        """Whether it is looked at when its request stays without an answer."""
        limited = life.vital.max_silence is not None
        return life.status is StreamStatus.INTERRUPTED or life.doubtful or limited

    def worth_another(self, life: Life) -> bool:
        """Whether it makes sense to ask for it anew while it is silent."""
        if life.vital.max_silence is not None:  # its holder knows better than any rule
            return True
        if life.quiet:
            return False
        new = life.status is StreamStatus.OPENING and not life.attempts
        return new or life.answers or self._should_tell(life)

    def _should_tell(self, life: Life) -> bool:
        """Whether silence would mean that something is wrong."""
        closed = None if life.contract is None else self._closed(life.contract)
        return not closed if life.lively else closed is False

    def _usual(self, life: Life) -> float:
        """How long it may be silent, though its market is open, seconds."""
        return max(self._silent_after, BEATS * life.rhythm)
