"""What is timed and counted, by a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.clock import ManualClock, Timer
from twsloop.connection.health import LoopStats, OrderStats, SlowCallback
from twsloop.connection.health.loop import NAMES, OTHERS, TOLD, LoopWatch
from twsloop.connection.health.orders import MOST, OrderTimes
from twsloop.connection.health.requests import KEPT, RequestTimes
from twsloop.events import (
    CallbackSlow,
    CommissionReported,
    Fact,
    Fill,
    LoopLagged,
    OrderCancelled,
    OrderCreated,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from twsloop.metrics import Metrics
from twsloop.session.pending import Pending
from twsloop.transport import Fate


# ---------------------------------------------------------------------------------- orders
@attrs.define
class Orders:
    """Orders, one step after the other."""

    clock: ManualClock = attrs.Factory(ManualClock)
    times: OrderTimes = attrs.Factory(
        lambda self: OrderTimes(self.clock, Metrics()), takes_self=True
    )
    told: list[Fate] = attrs.Factory(list)

    def call(self, order_id: int) -> None:
        self.times.called(order_id, self.clock.monotonic())

    def queue(self, order_id: int) -> Callable[[Fate], object]:
        on_fate = self.times.leaving(order_id, self.told.append)
        assert on_fate is not None
        return on_fate

    def happen(self, kind: Any, order_id: int, **fields: Any) -> None:
        self.times.happened(kind(time=self.clock.now(), order_id=order_id, **fields))

    def fill(self, order_id: int, exec_id: str) -> None:
        fields = {"exec_id": exec_id, "side": "BOT", "shares": Decimal(1), "price": Decimal(9)}
        self.happen(Fill, order_id, **fields)

    def charge(self, exec_id: str) -> None:
        self.times.happened(
            CommissionReported(time=self.clock.now(), exec_id=exec_id, commission=Decimal(1))
        )

    @property
    def stats(self) -> OrderStats:
        return self.times.stats()

    def took(self) -> dict[str, float | None]:
        return {hop: found.high for hop, found in self.stats.hops.items()}


def test_each_hop_of_an_order_is_timed_from_the_one_before() -> None:
    orders = Orders()
    orders.call(5)
    orders.clock.advance(1)
    orders.happen(OrderCreated, 5)
    leave = orders.queue(5)
    orders.clock.advance(2)
    leave(Fate.SENT)
    orders.clock.advance(4)
    orders.happen(OrderSubmitted, 5)
    orders.clock.advance(8)
    orders.fill(5, "e1")
    orders.happen(OrderFilled, 5)
    orders.clock.advance(16)
    orders.charge("e1")
    assert orders.took() == {
        "queue": 1, "bytes": 2, "ack": 4, "fill": 8, "commission": 16, "whole": 15
    }  # fmt: skip
    assert orders.told == [Fate.SENT]
    stats = orders.stats
    assert (stats.created, stats.submitted, stats.filled, stats.executions) == (1, 1, 1, 1)
    assert stats.fill_rate == 1


def test_an_execution_is_a_first_word_too_and_only_the_first_one_is_timed() -> None:
    orders = Orders()
    orders.queue(5)(Fate.SENT)
    orders.clock.advance(3)
    orders.fill(5, "e1")
    orders.clock.advance(3)
    orders.fill(5, "e2")
    orders.charge("e2")
    assert orders.took()["ack"] == 3
    assert orders.took()["fill"] == 0
    assert orders.stats.hops["fill"].count == 1
    assert orders.stats.hops["commission"].count == 0
    assert orders.stats.executions == 2


def test_changes_of_an_order_are_not_timed() -> None:
    orders = Orders()
    orders.queue(5)(Fate.SENT)
    orders.clock.advance(9)
    on_fate = orders.told.append
    assert orders.times.leaving(5, on_fate) is on_fate
    assert orders.stats.hops["bytes"].count == 1


def test_what_never_left_was_not_sent() -> None:
    orders = Orders()
    orders.queue(5)(Fate.NOT_SENT)
    assert orders.told == [Fate.NOT_SENT]
    assert orders.stats.hops["bytes"].count == 0


def test_the_fill_rate_is_of_what_is_over() -> None:
    orders = Orders()
    assert orders.stats.fill_rate is None
    for order_id, end in enumerate((OrderFilled, OrderCancelled, OrderRejected, OrderCancelled)):
        orders.happen(OrderCreated, order_id)
        orders.queue(order_id)(Fate.SENT)
        orders.happen(end, order_id)
        orders.happen(end, order_id)
    orders.happen(OrderCreated, 9)
    stats = orders.stats
    assert (stats.filled, stats.cancelled, stats.rejected, stats.created) == (1, 2, 1, 5)
    assert stats.fill_rate == 0.25


def test_an_order_that_was_refused_here_is_counted_without_having_left() -> None:
    orders = Orders()
    orders.happen(OrderCreated, 5)
    orders.happen(OrderRejected, 5)
    assert (orders.stats.rejected, orders.stats.submitted) == (1, 0)


def test_orders_of_an_earlier_process_are_not_ours() -> None:
    orders = Orders()
    orders.happen(OrderSubmitted, 77)
    orders.happen(OrderCancelled, 77)
    assert (orders.stats.submitted, orders.stats.cancelled) == (0, 0)


def test_no_more_orders_are_remembered_than_the_bound() -> None:
    orders = Orders()
    for order_id in range(MOST + 10):
        orders.call(order_id)
    assert len(orders.times._orders) == MOST


@pytest.mark.parametrize("last", ["filled", "charged", "cancelled"])
def test_an_order_that_is_over_and_charged_is_forgotten(last: str) -> None:
    orders = Orders()
    for order_id in range(5):
        orders.queue(order_id)(Fate.SENT)
        if last == "charged":
            orders.fill(order_id, f"e{order_id}")
            orders.happen(OrderFilled, order_id)
            orders.charge(f"e{order_id}")
        elif last == "filled":
            orders.fill(order_id, f"e{order_id}")
            orders.charge(f"e{order_id}")
            orders.happen(OrderFilled, order_id)
        else:
            orders.happen(OrderCancelled, order_id)
    assert not orders.times._orders
    assert not orders.times._by_execution


STEPS = ("call", "queue", "sent", "dropped", "ack", "fill", "filled", "cancelled", "charge")


@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 3)), max_size=60))
def test_in_whatever_order_it_comes_no_span_is_negative_and_nothing_is_kept_twice(
    steps: list[tuple[str, int]],
) -> None:
    orders = Orders()
    fates: dict[int, Callable[[Fate], object]] = {}
    for step, order_id in steps:
        orders.clock.advance(0.5)
        if step == "call":
            orders.happen(OrderCreated, order_id)
        elif step == "queue":
            fates[order_id] = orders.queue(order_id)
        elif step in {"sent", "dropped"} and order_id in fates:
            fates[order_id](Fate.SENT if step == "sent" else Fate.NOT_SENT)
        elif step == "ack":
            orders.happen(OrderSubmitted, order_id)
        elif step == "fill":
            orders.fill(order_id, f"e{order_id}")
        elif step == "filled":
            orders.happen(OrderFilled, order_id)
        elif step == "cancelled":
            orders.happen(OrderCancelled, order_id)
        elif step == "charge":
            orders.charge(f"e{order_id}")
    stats = orders.stats
    for found in stats.hops.values():
        assert found.low is None or found.low >= 0
    assert stats.hops["fill"].count <= stats.hops["ack"].count == stats.submitted
    assert stats.hops["ack"].count <= stats.hops["bytes"].count <= stats.hops["queue"].count
    assert len(orders.times._orders) <= 3


# -------------------------------------------------------------------------------- requests
def requests(slow: float = 5.0) -> tuple[ManualClock, RequestTimes]:
    clock = ManualClock()
    return clock, RequestTimes(clock, Metrics(), slow)


def test_the_hops_of_a_request() -> None:
    clock, times = requests()
    clock.advance(15)
    times.over(
        Pending(key=7, request="bars", timeout=9, since=0, left_at=1, first_at=3), answered=True
    )
    stats = times.stats(waiting=2)
    assert {hop: found.high for hop, found in stats.hops.items()} == {
        "queue": 1, "first": 2, "rest": 12, "whole": 15
    }  # fmt: skip
    assert (stats.asked, stats.answered, stats.failed, stats.waiting) == (3, 1, 0, 2)
    assert [(slow.request, slow.took, slow.queued) for slow in stats.slow] == [("bars", 15, 1)]


def test_one_that_failed_has_no_answer_to_time() -> None:
    clock, times = requests()
    clock.advance(6)
    times.over(Pending(key=7, request="bars", timeout=9, since=2), answered=False)
    stats = times.stats(waiting=0)
    assert stats.hops["queue"].high == 4
    assert stats.hops["first"].count == stats.hops["whole"].count == 0
    assert (stats.failed, stats.slow) == (1, ())


def test_a_request_is_over_once() -> None:
    _, times = requests()
    ask = Pending(key=7, request="bars", timeout=9)
    times.over(ask, answered=True)
    times.over(ask, answered=False)
    stats = times.stats(waiting=0)
    assert (stats.answered, stats.failed) == (1, 0)


def test_a_heartbeat_is_a_round_trip() -> None:
    clock, times = requests()
    clock.advance(3)
    ask = Pending(key="current_time", request="heartbeat", timeout=9, since=0, left_at=2)
    times.over(ask, answered=True)
    assert times.round_trip.high == 1


def test_the_newest_slow_ones_are_kept() -> None:
    clock, times = requests(slow=0.5)
    clock.advance(1)
    for number in range(KEPT + 5):
        times.over(Pending(key=number, request=f"{number}", timeout=1), answered=number % 2 == 0)
    slow = times.stats(waiting=0).slow
    assert [one.request for one in slow] == [f"{n}" for n in range(5, KEPT + 5)]
    assert slow[0].answered is False


# --------------------------------------------------------------------------------- the loop
class LateClock(ManualClock):
    """Its timers fire later than they are due, as they do on a loop that something holds."""

    late = 0.0

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        return super().call_later(delay + self.late, callback, *args)


@attrs.define
class Watched:
    clock: LateClock = attrs.Factory(LateClock)
    facts: list[Fact] = attrs.Factory(list)
    watch: LoopWatch = attrs.Factory(
        lambda self: LoopWatch(
            self.clock, Metrics(), interval=1.0, limit=0.25, tell=self.facts.append
        ),
        takes_self=True,
    )

    @property
    def stats(self) -> LoopStats:
        return self.watch.stats()


@pytest.mark.anyio
async def test_a_loop_that_is_late_is_told(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.watch.start()
    watched.watch.start()
    watched.clock.advance(2)
    assert (watched.stats.lag.count, watched.stats.lag.high, watched.facts) == (2, 0, [])
    watched.clock.late = 0.5
    watched.clock.advance(3)
    await asyncio.sleep(0)
    assert watched.stats.lagged == 1
    assert watched.stats.lag.high == 0.5
    (fact,) = watched.facts
    assert isinstance(fact, LoopLagged)
    assert (fact.lag, fact.callback) == (0.5, "")
    assert "the loop thread was 500 ms late: something held it" in caplog.text


@pytest.mark.anyio
async def test_the_callback_that_held_it_is_named() -> None:
    watched = Watched()
    watched.clock.late = 0.5
    watched.watch.start()
    watched.watch.slow("App.tickPrice", 0.5)
    watched.clock.advance(3)
    lags = [(f.lag, f.callback) for f in watched.facts if isinstance(f, LoopLagged)]
    assert lags == [(0.5, "App.tickPrice"), (0.5, "")]


@pytest.mark.anyio
async def test_after_the_end_nothing_is_looked_at() -> None:
    watched = Watched()
    watched.watch.start()
    watched.watch.stop()
    watched.watch.stop()
    watched.clock.advance(5)
    assert watched.stats.lag.count == 0
    assert watched.clock.pending() == 0


def test_slow_callbacks_are_counted_and_told_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            watched.watch.slow("App.tickPrice", 0.25)
        watched.watch.slow("App.error", 0.5)
        watched.clock.advance(61)
        watched.watch.slow("App.tickPrice", 1.0)
    assert watched.stats.slow_callbacks == (
        SlowCallback(name="App.tickPrice", count=4, total=1.75, worst=1.0),
        SlowCallback(name="App.error", count=1, total=0.5, worst=0.5),
    )
    told = [(f.name, f.took) for f in watched.facts if isinstance(f, CallbackSlow)]
    assert told == [("App.tickPrice", 0.25), ("App.error", 0.5), ("App.tickPrice", 1.0)]
    assert caplog.text.count("callback App.tickPrice took") == 2


def test_the_names_of_slow_callbacks_are_bounded() -> None:
    watched = Watched()
    for number in range(NAMES + 50):
        watched.watch.slow(f"f{number}", 0.2)
    for _ in range(3):
        watched.watch.slow("f0", 9.0)
    assert len(watched.watch._slow) == NAMES + 1
    assert watched.watch._slow[OTHERS].count == 50
    assert len(watched.stats.slow_callbacks) == TOLD
    assert watched.stats.slow_callbacks[0].name == "f0"
