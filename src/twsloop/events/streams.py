"""The life of what goes on until it is cancelled: started, gap, resumed, closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from .basis import Fact, aware, in_utc

__all__ = ["GapCause", "GapEnded", "GapStarted", "StreamClosed", "StreamStarted"]


class GapCause(StrEnum):
    """What interrupted a stream."""

    LINK = "link"
    """The link to the gateway was lost, or the gateway ended it: nobody here asked for that."""
    STOPPED = "stopped"
    """The program ended the session itself: ``stop()``, ``disconnect()``, the end of ``with``. No
    fault: who holds the stream holds it still, and it goes on with the next session."""
    SERVERS = "servers"
    """The gateway lost IB's servers (1100), and perhaps its subscriptions (1101)."""
    FARM = "farm"
    """The data farm that serves it broke (2103, 2105)."""
    COMPETING = "competing"
    """Data is withheld while the login is in use elsewhere (10197)."""
    SILENCE = "silence"
    """Nothing came for longer than it may be silent."""
    GATEWAY = "gateway"
    """The gateway ended it, or refused it for now, or said that it has to be read anew (10182,
    10225, 316, 162)."""
    PROGRAM = "program"
    """The program asked for data of another kind, and so for the stream anew."""


def _line(stream: str, what: str, reason: str) -> str:
    """A fact in one line, for whoever prints it."""
    return f"{stream}: {what}{': ' if reason else ''}{reason}"


@attrs.frozen(kw_only=True)
class GapStarted(Fact):
    """From here on a stream may have missed something.

    Not every gap is a fault: of one whose `cause` is `GapCause.STOPPED`, the program ended the
    session itself. What is held then is not closed, because the next ``start()`` goes on with it.

    Attributes:
        stream: Which stream, in words (``quotes of AAPL``, ``depth of EUR.USD``).
        reason: Why.
        cause: Of which kind that is; None where it was not said.
        farm: The broken data farm; empty where that is not the cause.
    """

    stream: str
    reason: str = ""
    cause: GapCause | None = None
    farm: str = ""

    def __str__(self) -> str:
        if self.cause is GapCause.STOPPED:
            return _line(self.stream, "paused: the program ended the session", self.reason)
        return _line(self.stream, "a gap began", self.reason)


@attrs.frozen(kw_only=True)
class GapEnded(Fact):
    """The stream is whole again from here on.

    Attributes:
        stream: Which stream.
        started: When the gap began, UTC.
        reason: What ended it.
        cause: What had begun it; None where it was not said.
        farm: The data farm that had broken; empty where that was not the cause.
    """

    stream: str
    started: datetime = attrs.field(converter=in_utc, validator=aware)
    reason: str = ""
    cause: GapCause | None = None
    farm: str = ""

    @property
    def duration(self) -> timedelta:
        """How long it lasted."""
        return self.time - self.started

    def __str__(self) -> str:
        return _line(
            self.stream, f"a gap of {self.duration.total_seconds():.1f} s ended", self.reason
        )


@attrs.frozen(kw_only=True)
class StreamStarted(Fact):
    """A stream's first data came.

    Attributes:
        stream: Which stream, in words (``quotes of AAPL``).
    """

    stream: str

    def __str__(self) -> str:
        return _line(self.stream, "its first data came", "")


@attrs.frozen(kw_only=True)
class StreamClosed(Fact):
    """Nothing more will come from a stream.

    The end of a session closes none: what is held goes on in the next one.

    Attributes:
        stream: Which stream.
        reason: Why: cancelled, complete, or the error that ended it.
    """

    stream: str
    reason: str = ""

    def __str__(self) -> str:
        return _line(self.stream, "closed", self.reason)
