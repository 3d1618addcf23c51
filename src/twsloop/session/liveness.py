"""Is the link alive? Two proofs: it is heard, and it hears us.

Any inbound byte shows that the gateway's words arrive. Silence asks; and silence after asking is
death. But a link can be dead in one direction alone: quotes keep coming, and what we write vanishes
(the gateway's side of it does not read any more). No byte that comes in shows that; an answer does.
So the question is asked every so often even while bytes come, and must be answered.

A look that comes later than it was due means that we were the ones who were away: the machine
slept, or a callback held the thread. What came meanwhile has not been read yet. Then the gateway is
asked again before it is judged, once. And the answer may well stand behind what is not read yet:
while reading alone takes more than half of our time, and while a long message is coming in slowly,
it is waited for.

All times are monotonic seconds that the caller hands in.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["LATE", "Liveness", "Verdict"]

#: How late a look may be and still be one on time, seconds.
LATE = 1.0


class Verdict(Enum):
    """What a look at the clock says."""

    ALIVE = "alive"
    """There was life within the allowed silence."""
    PROBE = "probe"
    """Silent for too long, or not asked for too long: ask now."""
    WAIT = "wait"
    """Asked; the answer still has time."""
    DEAD = "dead"
    """Asked, and the deadline has passed without a byte."""
    DEAF = "deaf"
    """Asked, and the deadline has passed without an answer, although bytes came."""


class Liveness:
    """The rule, without a timer.

    Args:
        silence: How long the link may be silent before it is asked, seconds.
        deadline: How long any answer may take then, seconds.
        now: When it starts.
        answers: Whether the question itself has to be answered; if not, any byte will do.
    """

    __slots__ = (
        "_answered",
        "_answers",
        "_asked",
        "_away",
        "_deadline",
        "_heard",
        "_last",
        "_silence",
        "_worked",
    )

    def __init__(
        self, silence: float, deadline: float, now: float, *, answers: bool = False
    ) -> None:
        self._silence = silence
        self._deadline = deadline
        self._answers = answers
        self._last = now
        self._answered = now
        self._asked: float | None = None
        self._away = False
        self._heard = False
        self._worked = 0.0

    @property
    def last_life(self) -> float:
        """When the last byte came."""
        return self._last

    @property
    def asked_at(self) -> float | None:
        """When the question was asked that waits for its answer; None if none does."""
        return self._asked

    def heard(self, now: float) -> None:
        """A byte came in."""
        self._last, self._heard = now, True
        if not self._answers:
            self._asked = None
            self._away = False

    def answered(self, now: float) -> None:
        """The answer to the question came in, or to another one like it."""
        self._answered = now
        self._asked = None
        self._away = False

    def worked(self, seconds: float) -> None:
        """Reading and handing over what came took so long."""
        self._worked += seconds

    def look(self, now: float, *, half: bool = False) -> Verdict:
        """Judge, and note a probe as asked when the verdict is PROBE.

        Args:
            now: The time.
            half: A message has been half there for a while: an answer would stand behind it.
        """
        # Compared in the form that `next_look` computes: a difference may round just below the
        # span, and a timer that fires exactly when told to would then look again for ever.
        if self._asked is not None:
            if now < self._asked + self._deadline:
                return Verdict.WAIT
            if not self._away and now >= self._asked + self._deadline + LATE:
                self._away = True
                return self._ask(now)
            if not self._heard:
                return Verdict.DEAD
            if not half and self._worked * 2 <= now - self._asked:
                return Verdict.DEAF
            if now >= self._last + self._silence:
                return self._ask(now)
            self._asked, self._worked = now, 0.0
            return Verdict.WAIT
        if now < self._next_question():
            return Verdict.ALIVE
        if half and now < self._last + self._silence:
            self._answered = self._last  # nothing can be learned now: asked when it is silent
            return Verdict.ALIVE
        return self._ask(now)

    def next_look(self, now: float) -> float:
        """Seconds until the verdict can change, if no byte comes."""
        asked = self._asked
        due = self._next_question() if asked is None else asked + self._deadline
        return max(due - now, 0.0)

    def _next_question(self) -> float:
        return (self._answered if self._answers else self._last) + self._silence

    def _ask(self, now: float) -> Verdict:
        self._asked, self._worked, self._heard = now, 0.0, False
        return Verdict.PROBE
