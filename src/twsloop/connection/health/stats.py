"""`Stats`: what ``gw.stats()`` returns. Spans are seconds; what is not known is None."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import attrs

from twsloop.metrics import Distribution, Traffic

__all__ = [
    "GapStats",
    "LoopStats",
    "OrderStats",
    "RequestStats",
    "SessionStats",
    "SlowCallback",
    "SlowRequest",
    "Stats",
]


@attrs.frozen(kw_only=True)
class SessionStats:
    """The sessions of this object, since it was made.

    Attributes:
        state: Where the session is in its life.
        uptime: Since the first start.
        ready_for: Since the session is READY or DEGRADED; None where it is not.
        sessions: How many became READY.
        losses: How many of them were lost.
        attempts: How many attempts were made to have a lost one again.
        round_trip: How long the gateway takes to answer the heartbeat's question.
    """

    state: str
    uptime: float | None
    ready_for: float | None
    sessions: int
    losses: int
    attempts: int
    round_trip: Distribution


@attrs.frozen(kw_only=True)
class OrderStats:
    """The orders that this object made.

    Attributes:
        created: How many.
        submitted: How many the gateway acknowledged.
        filled: How many are filled completely.
        cancelled: How many were cancelled.
        rejected: How many were refused, by us, the gateway or the exchange.
        expired: How many ended with their time in force.
        executions: How many executions were told.
        fill_rate: The part of those that are over which are filled, from 0 to 1.
        hops: Where the time went, each from the step before: ``queue`` (the call until it stood in
            the queue of what goes out), ``bytes`` (until it was handed to the socket), ``ack``
            (until the gateway's first word), ``fill`` (until the first execution), ``commission``
            (from that until its commission); and ``whole``, from the call to the first execution.
    """

    created: int
    submitted: int
    filled: int
    cancelled: int
    rejected: int
    expired: int
    executions: int
    fill_rate: float | None
    hops: Mapping[str, Distribution]


@attrs.frozen(kw_only=True)
class SlowRequest:
    """A request that took longer than ``[connection] slow_request``.

    Attributes:
        request: What was asked, in words.
        at: When it was over, UTC.
        took: From the call to the end of the answer.
        queued: How much of that it waited to leave; all of it if it never left.
        answered: Whether it was answered.
    """

    request: str
    at: datetime
    took: float
    queued: float
    answered: bool


@attrs.frozen(kw_only=True)
class RequestStats:
    """Requests with one answer.

    Attributes:
        asked: How many were made.
        answered: How many were answered.
        failed: How many failed, timed out, or were given up.
        waiting: How many wait for their answer, or for their turn.
        hops: Where the time went, each from the step before: ``queue`` (until it was handed to the
            socket), ``first`` (until the first part of the answer), ``rest`` (until its end); and
            ``whole``.
        slow: The newest slow ones, oldest first.
    """

    asked: int
    answered: int
    failed: int
    waiting: int
    hops: Mapping[str, Distribution]
    slow: tuple[SlowRequest, ...]


@attrs.frozen(kw_only=True)
class GapStats:
    """Gaps of subscriptions.

    Attributes:
        started: How many began.
        ended: How many are over.
        lasted: How long those did.
    """

    started: int
    ended: int
    lasted: Distribution


@attrs.frozen(kw_only=True)
class SlowCallback:
    """A callback that held the loop thread for longer than ``[loop] slow_callback``.

    Attributes:
        name: The callback's.
        count: How often.
        total: For how long, together.
        worst: For how long at most.
    """

    name: str
    count: int
    total: float
    worst: float


@attrs.frozen(kw_only=True)
class LoopStats:
    """The loop thread.

    Attributes:
        lag: How much later than due it came to its timer.
        lagged: How often that was more than ``[loop] lag_limit``.
        slow_callbacks: The callbacks that held it longest, the worst first. Callbacks are timed
            one by one only after a read was handed over too slowly; that one itself has no name.
    """

    lag: Distribution
    lagged: int
    slow_callbacks: tuple[SlowCallback, ...]


@attrs.frozen(kw_only=True)
class Stats:
    """Everything that is counted and timed of one connection, at one moment.

    Attributes:
        at: When it was read, UTC.
        session: The sessions.
        traffic: What passed over the links.
        orders: Orders.
        requests: Requests with one answer.
        gaps: Gaps of subscriptions.
        loop: The loop thread.
        queues: How many messages wait to leave, by lane; and how many callbacks wait, if they do.
        drops: What was dropped or refused because a queue was full, by queue: ``requests`` (of what
            goes out), ``turns`` (requests that have to come one after the other), ``callbacks``
            (for ``run()``).
        notices: What the gateway said, by severity.
        counters: Every other number that is counted, by name.
    """

    at: datetime
    session: SessionStats
    traffic: Traffic
    orders: OrderStats
    requests: RequestStats
    gaps: GapStats
    loop: LoopStats
    queues: Mapping[str, int]
    drops: Mapping[str, int]
    notices: Mapping[str, int]
    counters: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain types, as JSON has them.

        A distribution becomes count, mean, min, p50, p90, p99 and max; times become ISO 8601.
        """
        plain: dict[str, Any] = _plain(self)
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Distribution):
        return value.as_dict()
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
