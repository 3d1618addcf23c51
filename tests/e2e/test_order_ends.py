"""Orders whose time in force ends, on a day at the exchange that both sides' clocks run through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.support.desk import PATIENCE, Heard, config_for, settle
from twsloop import IBGateway
from twsloop.clock import ManualClock
from twsloop.events import OrderCancelled, OrderExpired
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.paper import PaperGateway

#: A Monday, a minute before the regular session ends in New York.
BEFORE_CLOSE = datetime(2026, 1, 5, 20, 59, tzinfo=UTC)
FAR = "10"


@pytest.fixture(params=[225, 200], ids=["protobuf", "text"])
def day(request: pytest.FixtureRequest) -> Iterator[tuple[IBGateway, ManualClock]]:
    clock = ManualClock(BEFORE_CLOSE)
    with PaperGateway(keeps_hours=True, clock=clock, max_version=request.param) as paper:
        settings = config_for(paper, heartbeat__enabled=False)
        with IBGateway(settings, clock=clock) as gateway:
            gateway.contracts.details("AAPL").result(PATIENCE)  # its hours are known from here on
            yield gateway, clock


def test_orders_expire_with_their_time_and_not_otherwise(
    day: tuple[IBGateway, ManualClock],
) -> None:
    gateway, clock = day
    expired, cancelled = Heard(), Heard()
    gateway.observe(OrderExpired, expired)
    gateway.observe(OrderCancelled, cancelled)

    def place(**fields: str) -> int:
        order = limit_order("BUY", 1, FAR, **fields)
        return gateway.orders.place("AAPL", order).order_id

    until = place(tif="GTD", goodTillDate="20260105-20:59:30")
    of_the_day, of_today, kept = place(), place(), place(tif="GTC")
    gateway.orders.cancel(of_today).result(PATIENCE)
    assert cancelled.next().order_id == of_today
    clock.advance(31)
    assert expired.next().order_id == until
    clock.advance(30)
    fact = expired.next()
    assert (fact.order_id, fact.status) == (of_the_day, "Cancelled")
    settle(gateway)
    trades = {trade.order_id: trade for trade in gateway.trades()}
    assert [trades[one].expired for one in (until, of_the_day, of_today, kept)] == [
        True,
        True,
        False,
        False,
    ]
    assert trades[of_the_day].done.result(PATIENCE) is OrderStatus.CANCELLED
    assert trades[kept].active
    assert (expired.rest(), cancelled.rest()) == ([], [])
