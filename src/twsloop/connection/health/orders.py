"""Where the time of an order goes: from the call to the commission of its first execution."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable

import attrs

from twsloop.clock import Clock
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    OrderCancelled,
    OrderCreated,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderSubmitted,
)
from twsloop.metrics import Histogram, Metrics
from twsloop.transport import Fate

from .stats import OrderStats

__all__ = ["OrderTimes"]

#: The hops, in their order; `OrderStats` says what each is.
HOPS = ("queue", "bytes", "ack", "fill", "commission", "whole")
#: Most orders that are timed at once; the oldest is forgotten for a new one.
MOST = 2_000

#: How an order ends -> what is counted.
_ENDS: dict[type[OrderEvent], str] = {
    OrderFilled: "filled",
    OrderCancelled: "cancelled",
    OrderRejected: "rejected",
    OrderExpired: "expired",
}
#: What shows that the gateway has the order.
_ACKS = (OrderSubmitted, OrderPartiallyFilled, OrderFilled, Fill)


@attrs.define(eq=False)
class _Times:
    """When an order took each step, monotonic seconds; None where it has not, yet."""

    called: float
    queued: float | None = None
    sent: float | None = None
    acked: float | None = None
    filled: float | None = None
    #: Its first execution.
    exec_id: str = ""
    #: Whether the commission of that came.
    charged: bool = False
    #: Whether it was counted as over.
    ended: bool = False


class OrderTimes:
    """Times and counts the orders of one connection.

    Args:
        clock: What times them.
        metrics: Where the histograms are kept, as ``order.<hop>``.
    """

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._hops: dict[str, Histogram] = {hop: metrics.histogram(f"order.{hop}") for hop in HOPS}
        self._orders: dict[int, _Times] = {}
        self._by_execution: dict[str, int] = {}
        self._counts = dict.fromkeys(("created", "submitted", *_ENDS.values(), "executions"), 0)
        self._lock = threading.Lock()

    def called(self, order_id: int, at: float) -> None:
        """Somebody wants an order placed; in the thread of the call.

        Args:
            order_id: The order.
            at: When the call began, monotonic.
        """
        with self._lock:
            self._begin(order_id).called = at

    def leaving(
        self, order_id: int, on_fate: Callable[[Fate], object] | None
    ) -> Callable[[Fate], object] | None:
        """Its message is being queued; what its fate is to be told to, from now on.

        The changes of an order are not timed: only its first message is.
        """
        with self._lock:
            times = self._orders.get(order_id) or self._begin(order_id)
            if times.queued is not None:
                return on_fate
            times.queued = self._took("queue", times.called)
        return functools.partial(self._fate, times, on_fate)

    def _fate(self, times: _Times, on_fate: Callable[[Fate], object] | None, fate: Fate) -> None:
        if fate is Fate.SENT and times.sent is None and times.queued is not None:
            times.sent = self._took("bytes", times.queued)
        if on_fate is not None:
            on_fate(fate)

    def happened(self, fact: Fact) -> None:
        """A fact about one of our own orders, or an execution of one; loop thread."""
        with self._lock:
            if isinstance(fact, CommissionReported):
                self._commission(fact.exec_id)
                return
            if isinstance(fact, Fill):
                self._counts["executions"] += 1
            elif not isinstance(fact, OrderEvent):
                return
            if isinstance(fact, OrderCreated):
                self._counts["created"] += 1
                if fact.order_id not in self._orders:
                    self._begin(fact.order_id)
                return
            times = self._orders.get(fact.order_id)
            if times is None or (times.queued is None and not isinstance(fact, OrderRejected)):
                return  # it was made by an earlier process, or before it was forgotten
            if isinstance(fact, _ACKS):
                self._acknowledged(times)
            if isinstance(fact, Fill):
                self._filled(times, fact)
            elif (end := _ENDS.get(type(fact))) is not None:
                self._over(fact.order_id, times, end)

    def stats(self) -> OrderStats:
        """What was counted and timed so far; any thread."""
        with self._lock:
            counts = dict(self._counts)
        over = sum(counts[end] for end in _ENDS.values())
        return OrderStats(
            **counts,
            fill_rate=counts["filled"] / over if over else None,
            hops={hop: histogram.read() for hop, histogram in self._hops.items()},
        )

    # ---- inside (the lock is held) -------------------------------------------------------

    def _begin(self, order_id: int) -> _Times:
        while len(self._orders) >= MOST:
            self._forget(next(iter(self._orders)))
        times = self._orders[order_id] = _Times(self._clock.monotonic())
        return times

    def _took(self, hop: str, since: float) -> float:
        now = self._clock.monotonic()
        self._hops[hop].record(now - since)
        return now

    def _acknowledged(self, times: _Times) -> None:
        if times.acked is None and times.sent is not None:
            times.acked = self._took("ack", times.sent)
            self._counts["submitted"] += 1

    def _filled(self, times: _Times, fill: Fill) -> None:
        if times.filled is None and times.acked is not None:
            times.filled = self._took("fill", times.acked)
            self._hops["whole"].record(times.filled - times.called)
            times.exec_id = fill.exec_id
            self._by_execution[fill.exec_id] = fill.order_id

    def _commission(self, exec_id: str) -> None:
        order_id = self._by_execution.pop(exec_id, None)
        times = None if order_id is None else self._orders.get(order_id)
        if order_id is None or times is None or times.filled is None:
            return
        times.charged = True
        self._took("commission", times.filled)
        if times.ended:
            self._forget(order_id)

    def _over(self, order_id: int, times: _Times, end: str) -> None:
        if times.ended:
            return
        times.ended = True
        self._counts[end] += 1
        if times.charged or (times.filled is None and end != "filled"):
            self._forget(order_id)  # no execution is awaited, nor the commission of one

    def _forget(self, order_id: int) -> None:
        times = self._orders.pop(order_id)
        self._by_execution.pop(times.exec_id, None)
