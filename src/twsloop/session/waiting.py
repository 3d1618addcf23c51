"""What waits to be asked, and why: the answer to "why is my request waiting" (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

__all__ = ["Pause", "WaitSource", "WaitingRequest"]


@attrs.frozen(kw_only=True)
class WaitingRequest:
    """One request that has not left yet.

    Attributes:
        request: What is asked, in words; the name of IB's request where only that is known.
        lane: Where it waits: ``session``, ``cancel``, ``order``, ``request`` or ``history`` (the
            lanes of what is about to leave), ``turn`` (another request of its kind is under way,
            and IB's answers do not say whose they are), ``place`` (all of IB's places are taken).
        reason: Why, in words.
        since: From when on it waits, UTC.
        seconds: For how long it has waited.
        expected: How many more seconds it will take, as far as is known; None where nobody knows.
        position: How many leave before it, as things stand.
        req_id: Its request id, where it has one.
        order_id: The order it carries, or ends.
    """

    request: str
    lane: str
    reason: str
    since: datetime
    seconds: float
    expected: float | None
    position: int
    req_id: int | None = None
    order_id: int | None = None

    def __str__(self) -> str:
        expected = "" if self.expected is None else f", about {self.expected:.0f} s more"
        return f"{self.request} has waited {self.seconds:.0f} s{expected}: {self.reason}"


@attrs.frozen(kw_only=True)
class Pause:
    """One request that waits for a time it knows.

    Attributes:
        request: What is asked, in words.
        until: When it may be asked, of the clock's monotonic seconds.
        reason: Why not before, in words.
        since: From when on it waits, of the same seconds.
        req_id: Its request id, where it has one.
    """

    request: str
    until: float
    reason: str
    since: float
    req_id: int | None = None


#: Lists what waits somewhere; from any thread.
WaitSource = Callable[[], Iterable[WaitingRequest]]
