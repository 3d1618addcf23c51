"""Where the time of a request goes: until it left, until the answer began, until it was whole."""

from __future__ import annotations

import threading
from collections import deque

from twsloop.clock import Clock
from twsloop.metrics import Distribution, Histogram, Metrics
from twsloop.session.pending import Pending

from .stats import RequestStats, SlowRequest

__all__ = ["RequestTimes"]

#: The hops, in their order; `RequestStats` says what each is.
HOPS = ("queue", "first", "rest", "whole")
#: How many slow requests are kept.
KEPT = 50
#: What the heartbeat's question is known by.
HEARTBEAT = "current_time"


class RequestTimes:
    """Times and counts the requests of one connection.

    Args:
        clock: What times them.
        metrics: Where the histograms are kept, as ``request.<hop>``.
        slow: From which span on a request is slow, seconds.
    """

    def __init__(self, clock: Clock, metrics: Metrics, slow: float) -> None:
        self._clock = clock
        self._hops: dict[str, Histogram] = {
            hop: metrics.histogram(f"request.{hop}") for hop in HOPS
        }
        self._round_trip = metrics.histogram("link.round_trip")
        self._limit = slow
        self._slow: deque[SlowRequest] = deque(maxlen=KEPT)
        self._answered = self._failed = 0
        self._lock = threading.Lock()

    def over(self, pending: Pending, *, answered: bool) -> None:
        """A request is over; loop thread. Twice counts once."""
        if pending.over:
            return
        pending.over = True
        now = self._clock.monotonic()
        left, first = pending.left_at, pending.first_at
        self._hops["queue"].record((now if left is None else left) - pending.since)
        if answered and left is not None:
            self._hops["first"].record((now if first is None else first) - left)
            if first is not None:
                self._hops["rest"].record(now - first)
            if pending.key == HEARTBEAT:
                self._round_trip.record(now - left)
        took = now - pending.since
        if answered:
            self._hops["whole"].record(took)
        with self._lock:
            if answered:
                self._answered += 1
            else:
                self._failed += 1
            if took > self._limit:
                self._slow.append(
                    SlowRequest(
                        request=pending.request,
                        at=self._clock.now(),
                        took=took,
                        queued=(now if left is None else left) - pending.since,
                        answered=answered,
                    )
                )

    @property
    def round_trip(self) -> Distribution:
        """How long the heartbeat's answers took."""
        return self._round_trip.read()

    def stats(self, waiting: int) -> RequestStats:
        """What was counted and timed so far; any thread."""
        with self._lock:
            answered, failed, slow = self._answered, self._failed, tuple(self._slow)
        return RequestStats(
            asked=answered + failed + waiting,
            answered=answered,
            failed=failed,
            waiting=waiting,
            hops={hop: histogram.read() for hop, histogram in self._hops.items()},
            slow=slow,
        )
