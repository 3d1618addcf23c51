"""The life of one subscription: what `Care` keeps of it, and what its holders may read.

A subscription opens, is live, is interrupted and live again any number of times, and is over. Each
interruption is a `Gap`: what was told by the stream is whole but for its gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

import attrs

from twsloop.clock import Timer
from twsloop.events import GapCause, GapEnded, GapStarted, StreamClosed, StreamStarted
from twsloop.session.farms import Dependence

__all__ = ["Gap", "Life", "LifeFact", "OnLife", "StreamStatus", "Vital"]

#: So many gaps of a subscription are remembered, the newest.
GAPS_KEPT = 100

#: What a life is told in.
LifeFact: TypeAlias = StreamStarted | GapStarted | GapEnded | StreamClosed
OnLife: TypeAlias = Callable[[LifeFact], object]


class StreamStatus(StrEnum):
    """Where a stream is in its life."""

    OPENING = "opening"
    """Nothing has come yet."""
    LIVE = "live"
    INTERRUPTED = "interrupted"
    """What serves it is gone, or was, or it is asked for anew: items may be missing."""
    OVER = "over"
    """Cancelled, refused, or complete; nothing more will come."""


@attrs.frozen(kw_only=True)
class Gap:
    """A time in which a stream may have missed something.

    Attributes:
        stream: Which stream, in words.
        started: Since when, UTC.
        cause: What began it.
        reason: The same in words.
        farm: The broken data farm; empty where that is not the cause.
        ended: Until when, UTC; None while it lasts, and if the stream was closed in it.
        ended_by: What ended it, in words.
    """

    stream: str
    started: datetime
    cause: GapCause
    reason: str
    farm: str = ""
    ended: datetime | None = None
    ended_by: str = ""

    @property
    def duration(self) -> timedelta | None:
        """How long it lasted; None while it does."""
        return None if self.ended is None else self.ended - self.started


class Vital(Protocol):
    """What has a life: a feed, or a market data line. Loop thread."""

    @property
    def received(self) -> float | None:
        """When the newest item came, in the clock's monotonic seconds."""
        ...

    @property
    def asked(self) -> bool:
        """Whether its request is at the gateway, so that an answer may be expected."""
        ...

    @property
    def max_silence(self) -> float | None:
        """For how long it may be silent, seconds: the shortest limit of its holders."""
        ...

    def redo(self, reason: str) -> None:
        """Ask for it anew."""
        ...

    def changed(self) -> None:
        """Its status has changed; of one that is interrupted, what is known may be old now."""
        ...

    def resumed(self) -> None:
        """It is about to go on, although nothing came: what is known stands, unless told anew."""
        ...

    def tell(self, fact: LifeFact) -> None:
        """Tell the holders."""
        ...


@attrs.define(eq=False)
class Life:
    """What is known of one subscription's life; read from any thread, written by the loop thread.

    Attributes:
        name: What it is, in words.
        status: Where it is in its life.
        reason: Why it is there; of one that waits, what for.
        started: When its first data came, UTC; None before.
        gaps: Its gaps, the newest hundred, the oldest first; the last one may go on still.
        gap_count: How many it had in all.
        competing: Whether data is withheld while the login is in use elsewhere (10197).
    """

    name: str
    _vital: Vital
    #: The farms that may serve it, by their kinds; all of them are needed. Empty for none.
    depends: tuple[Dependence, ...] = ()
    #: What trades, where its hours say whether it may be silent.
    contract: Any = None
    #: Silence says nothing of it: bulletins, scans, what the user shows in a display group.
    quiet: bool = False
    #: How often it tells something while its market is open, seconds; 0 where that depends.
    rhythm: float = 0.0
    #: Two requests for it are at least so far apart, seconds: IB's rule.
    apart: float = 0.0
    #: Asked for anew, it tells at once how things stand, though nothing happens: quotes, books.
    answers: bool = False
    status: StreamStatus = StreamStatus.OPENING
    reason: str = ""
    started: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    gap_count: int = 0
    #: Whether anybody follows it; a question's own stream has no life to tell of.
    followed: bool = False
    #: Whether data came just before it was interrupted, and so should come soon after.
    lively: bool = False
    #: It was asked for in a time in which requests got lost: see whether it is answered.
    doubtful: bool = False
    competing: bool = False
    #: The gateway has ended the request.
    dead: bool = False
    #: And does not know it any more: a cancel would be an error.
    gone: bool = False
    #: How often it was asked for anew since data came.
    attempts: int = 0
    #: Since when its silence counts, in the clock's monotonic seconds.
    since: float = 0.0
    #: When its request left, in the same seconds.
    asked_at: float = 0.0
    timer: Timer | None = None

    @property
    def vital(self) -> Vital:
        """What lives it."""
        return self._vital

    @property
    def gap(self) -> Gap | None:
        """The gap that lasts now, or None."""
        last = self.gaps[-1] if self.gaps else None
        return last if last is not None and last.ended is None else None

    def __repr__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"<Life of {self.name}, {self.status}{why}>"

    def open_gap(self, gap: Gap) -> None:
        """It is interrupted; loop thread."""
        self.gaps = (*self.gaps[1 - GAPS_KEPT :], gap)
        self.gap_count += 1

    def close_gap(self, now: datetime, by: str) -> Gap | None:
        """End the gap that lasts; loop thread.

        Returns:
            The gap as it was, or None if there was none.
        """
        gap = self.gap
        if gap is not None:
            gap = attrs.evolve(gap, ended=now, ended_by=by)
            self.gaps = (*self.gaps[:-1], gap)
        return gap

    def rest(self) -> None:
        """Look at it no more, until something new happens; loop thread."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
