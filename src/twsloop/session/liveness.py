"""Is the link alive? Any inbound byte is life; silence asks, and silence after asking is death.

All times are monotonic seconds that the caller hands in.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Liveness", "Verdict"]


class Verdict(Enum):
    """What a look at the clock says."""

    ALIVE = "alive"
    """There was life within the allowed silence."""
    PROBE = "probe"
    """Silent for too long: ask now."""
    WAIT = "wait"
    """Asked; the answer still has time."""
    DEAD = "dead"
    """Asked, and the deadline has passed without a byte."""


class Liveness:
    """The rule, without a timer.

    Args:
        silence: How long the link may be silent before it is asked, seconds.
        deadline: How long any answer may take then, seconds.
        now: When it starts.
    """

    __slots__ = ("_asked", "_deadline", "_last", "_silence")

    def __init__(self, silence: float, deadline: float, now: float) -> None:
        self._silence = silence
        self._deadline = deadline
        self._last = now
        self._asked: float | None = None

    @property
    def last_life(self) -> float:
        """When the last byte came."""
        return self._last

    def heard(self, now: float) -> None:
        """A byte came in."""
        self._last = now
        self._asked = None

    def look(self, now: float) -> Verdict:
        """Judge, and note a probe as asked when the verdict is PROBE."""
        # Compared in the form that `next_look` computes: a difference may round just below the
        # span, and a timer that fires exactly when told to would then look again for ever.
        if self._asked is not None:
            return Verdict.DEAD if now >= self._asked + self._deadline else Verdict.WAIT
        if now >= self._last + self._silence:
            self._asked = now
            return Verdict.PROBE
        return Verdict.ALIVE

    def next_look(self, now: float) -> float:
        """Seconds until the verdict can change, if no byte comes."""
        due = self._last + self._silence if self._asked is None else self._asked + self._deadline
        return max(due - now, 0.0)
