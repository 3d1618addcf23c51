"""The session in the log: each thing whole the first time, and an outage in one line a minute.

Observers are told of every step; a log that is read by people is not. While a session is made again
the same steps come at each attempt, every 0.8 s while nobody listens: what the outage has said
already goes to level debug, and once a minute one line says how long it lasts, and after how many
attempts.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable

from twsloop.clock import Clock
from twsloop.session.state import State
from twsloop.session.status import SessionStatus

__all__ = ["AGAIN", "SessionLog"]

#: An outage that says nothing new says that it lasts so often, seconds.
AGAIN = 60.0
#: So many different things of one outage are remembered: reasons may hold numbers that change.
KEPT = 64


class SessionLog:
    """Logs the changes of one connection's session; loop thread only.

    Args:
        logger: Where to.
        clock: For how long an outage lasts.
    """

    def __init__(self, logger: logging.Logger, clock: Clock) -> None:
        self._logger = logger
        self._clock = clock
        self._said: set[Hashable] = set()
        #: Why there is no session, as it was told last.
        self._why = ""
        #: Since when there is none, and when the newest line about it was; None without an outage.
        self._since: float | None = None
        self._newest = 0.0

    def tell(self, status: SessionStatus, level: int) -> None:
        """Log one change.

        Args:
            status: Where the session is now.
            level: How much it matters the first time.
        """
        if not status.attempt:  # it stands, ends, or was just lost: that is always news
            self._said.clear()
            self._since = None
            self._line(level, status, status.reason)
        elif status.state is State.WAITING:
            self._waiting(status, level)
        else:
            level = level if self._is_new(_key(status)) else logging.DEBUG
            self._line(level, status, status.reason)
        if status.state is State.DISCONNECTED:
            self._why = status.reason

    def _waiting(self, status: SessionStatus, level: int) -> None:
        now = self._clock.monotonic()
        if self._since is None:
            self._since = now
        own_words = status.id_taken or status.wedged
        kind = (status.id_taken, status.wedged) if own_words else self._why
        if self._is_new((State.WAITING, kind)):
            # Nobody else says of a taken id what it means.
            level = logging.WARNING if status.id_taken else level
            text = status.reason
            if not own_words:  # the line before has said why
                text = text.removeprefix(f"{self._why}; ")
        elif now - self._newest >= AGAIN:
            tries = status.attempt - 1
            text = f"no session for {now - self._since:.0f} s, {tries} attempts: {status.reason}"
        else:
            self._line(logging.DEBUG, status, status.reason)
            return
        self._newest = now
        self._line(level, status, text)

    def _is_new(self, key: Hashable) -> bool:
        """Whether this outage has not said it yet."""
        if key in self._said:
            return False
        if len(self._said) >= KEPT:
            self._said.clear()
        self._said.add(key)
        return True

    def _line(self, level: int, status: SessionStatus, text: str) -> None:
        self._logger.log(level, "session %s: %s", status.state.name, text)


def _key(status: SessionStatus) -> Hashable:
    """What makes a step the same one again: of CONNECTING, all but the number of the attempt."""
    if status.state is State.CONNECTING:
        return (status.state, status.host, status.port)
    return (status.state, status.reason)
