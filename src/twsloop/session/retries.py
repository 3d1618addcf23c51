"""When to try again, by what went wrong so far. Chance comes in as an argument.

Five schedules, because five things keep a session from coming back:

* The gateway restarted and is there again: the first try comes quickly.
* Nobody listens on its port: it is just starting, most likely. To be refused costs nobody anything,
  so for a while it is tried at even intervals, and found soon after it is up.
* It is not there after that, or turns us away: the waits grow, up to a cap. A session that came
  back and did not stand for long counts as a failure: it must not be made anew ten times a second.
* It accepts connections and never answers (it hangs, or stands at a login or a dialog): each try
  leaves a dead connection inside it, and it takes 32 at most. After a few in a row it is wedged as
  far as we can see, and is tried rarely.
* Our client id is taken (326): a session of ours that died without a word holds it until the
  gateway notices. Another id would not see our orders, so the same one is tried at even intervals.
  A gateway that hangs after startApi may say so of our own dead attempts, in between: that is no
  sign that it hangs no more.
"""

from __future__ import annotations

from enum import Enum

import attrs

from .backoff import Backoff

__all__ = ["FLAPS", "Outcome", "Retries", "RetryRules", "Try"]

#: Sessions that come and go slow the tries down as so many failures do, and no more: the gateway is
#: there, after all.
FLAPS = 3


class Outcome(Enum):
    """How an attempt failed."""

    FAILED = "failed"
    """Closed, unknown, out of reach: any way that is none of the others."""
    REFUSED = "refused"
    """Nobody listens on the port."""
    MUTE = "mute"
    """The connection was accepted, and then nothing came within the stage's deadline."""
    ID_TAKEN = "id taken"
    """The client id is in use (326)."""


@attrs.frozen(kw_only=True)
class RetryRules:
    """The numbers; all times in seconds.

    Attributes:
        backoff: The growing waits.
        quick: The wait before the first try after a session that stood.
        stable_after: How long a session has to stand to count as one.
        refused_wait: No wait is longer than this while nobody listens.
        refused_tries: So many refusals in a row are met so; then the waits grow.
        wedge_after: So many mute attempts in a row mean a wedge; 0 never does.
        wedge_delay: The wait between tries of a wedged gateway.
        id_delay: The wait between tries while the client id is taken.
    """

    backoff: Backoff = attrs.Factory(Backoff)
    quick: float = 0.1
    stable_after: float = 5.0
    refused_wait: float = 0.8
    refused_tries: int = 100
    wedge_after: int = 3
    wedge_delay: float = 120.0
    id_delay: float = 5.0


@attrs.frozen(kw_only=True)
class Try:
    """The next attempt.

    Attributes:
        number: Which one it is since a session last stood, from 1.
        wait: Seconds until it.
        mute: How many attempts in a row found a gateway that accepts and does not answer, apart
            from those that found the client id taken.
        wedged: Whether those are enough to say that it hangs.
        id_taken: Whether the client id was in use the last time.
    """

    number: int
    wait: float
    mute: int = 0
    wedged: bool = False
    id_taken: bool = False


class Retries:
    """Counts what happened, and says when the next attempt is due.

    Args:
        rules: The numbers.
    """

    def __init__(self, rules: RetryRules) -> None:
        self._rules = rules
        self._number = 0
        self._failures = 0
        self._flaps = 0
        self._refused = 0
        self._mute = 0
        self._id_taken = False

    @property
    def attempts(self) -> int:
        """How many attempts were planned since a session last stood."""
        return self._number

    def stood(self, seconds: float) -> None:
        """A session that had become READY was lost, after so many seconds."""
        if seconds >= self._rules.stable_after:
            self._flaps = 0
        elif self._number:
            # It came back, and went again: the next one shall not come as quickly.
            self._flaps = min(self._flaps + 1, FLAPS)
        self._failures = self._flaps
        self._number = self._mute = self._refused = 0
        self._id_taken = False

    def failed(self, outcome: Outcome) -> None:
        """An attempt failed."""
        self._id_taken = outcome is Outcome.ID_TAKEN
        if self._id_taken:
            self._refused = 0
            return  # it has a schedule of its own, and says nothing of the other failures
        self._refused = self._refused + 1 if outcome is Outcome.REFUSED else 0
        if not 0 < self._refused <= self._rules.refused_tries:
            self._failures += 1
        self._mute = self._mute + 1 if outcome is Outcome.MUTE else 0

    def plan(self, chance: float) -> Try:
        """The next attempt; each call plans one more.

        Args:
            chance: A random number, 0 <= chance < 1.
        """
        rules = self._rules
        self._number += 1
        wedged = 0 < rules.wedge_after <= self._mute and not self._id_taken
        less = 1.0 - rules.backoff.jitter * chance
        if self._id_taken:
            wait = rules.id_delay * less
        elif 0 < self._refused <= rules.refused_tries:
            growing = rules.backoff.delay(max(self._refused, self._failures), chance)
            wait = min(growing, rules.refused_wait * less)
        elif self._failures:
            wait = rules.backoff.delay(self._failures, chance)
        else:
            wait = min(rules.quick, rules.backoff.first) * less
        if wedged:
            wait = max(wait, rules.wedge_delay * less)
        return Try(
            number=self._number,
            wait=wait,
            mute=self._mute,
            wedged=wedged,
            id_taken=self._id_taken,
        )
