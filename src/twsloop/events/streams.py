"""The life of what goes on until it is cancelled: started, gap, resumed, closed."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from .basis import Fact, aware, in_utc

__all__ = ["GapEnded", "GapStarted", "StreamClosed", "StreamStarted"]


@attrs.frozen(kw_only=True)
class GapStarted(Fact):
    """From here on a stream may have missed something.

    Attributes:
        stream: Which stream, as people call it (``AAPL``), or ``*`` for all of a session.
        reason: Why.
    """

    stream: str
    reason: str = ""


@attrs.frozen(kw_only=True)
class GapEnded(Fact):
    """The stream is whole again from here on.

    Attributes:
        stream: Which stream.
        started: When the gap began, UTC.
        reason: What ended it.
    """

    stream: str
    started: datetime = attrs.field(converter=in_utc, validator=aware)
    reason: str = ""

    @property
    def duration(self) -> timedelta:
        """How long it lasted."""
        return self.time - self.started


@attrs.frozen(kw_only=True)
class StreamStarted(Fact):
    """A stream's first data came.

    Attributes:
        stream: Which stream, as people call it (``AAPL``).
    """

    stream: str


@attrs.frozen(kw_only=True)
class StreamClosed(Fact):
    """Nothing more will come from a stream.

    Attributes:
        stream: Which stream.
        reason: Why: cancelled, complete, or the error that ended it.
    """

    stream: str
    reason: str = ""
