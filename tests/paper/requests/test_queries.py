"""What is told of executions: the times and the days of a filter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper.server import PaperGateway

AAPL = {"symbol": "AAPL", "secType": "STK", "currency": "USD", "exchange": "SMART"}
#: Half past nine in New York.
MONDAY = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
DAY = 24 * 3600.0


def _market() -> ManualFeed:
    feed = ManualFeed()
    feed.send([feed.quote("AAPL", 270.0, 270.05, 1000), feed.trade("AAPL", 270.0)])
    return feed


@pytest.fixture
async def client() -> AsyncIterator[tuple[WireClient, ManualClock]]:
    """A client that bought on Monday, Tuesday and Wednesday, on Wednesday."""
    clock = ManualClock(MONDAY)
    order = {"action": "BUY", "orderType": "MKT", "tif": "DAY", "transmit": True}
    async with PaperGateway(feed=_market, clock=clock) as paper:
        for number in (1, 2, 3):
            async with WireClient(paper.host, paper.port, version=200) as it:
                await it.ready()
                order["totalQuantity"] = str(number)
                it.send("placeOrder", orderId=number, contract=AAPL, order=order)
                await it.until("commissionAndFeesReport")
                if number == 3:
                    yield it, clock
            if number < 3:  # the night passes while it is down: no timer counts its seconds
                await paper.close()
                clock.advance(DAY)
                await paper.open()


async def sizes(client: WireClient, **wanted: Any) -> list[Decimal]:
    client.send("reqExecutions", reqId=1, executionFilter=wanted)
    calls = await client.until(lambda call: call.name in {"execDetailsEnd", "error"})
    assert calls[-1].name == "execDetailsEnd", calls[-1]
    return [call.args[2]["shares"] for call in calls if call.name == "execDetails"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [3]),
        ({"lastNDays": 1}, [3]),
        ({"lastNDays": 2}, [2, 3]),
        ({"lastNDays": 7}, [1, 2, 3]),
        ({"lastNDays": 5000}, [1, 2, 3]),
        ({"lastNDays": 0}, [3]),
        ({"specificDates": [20260105]}, [1]),
        ({"specificDates": [20260105, 20260107]}, [1, 3]),
        ({"specificDates": [20200105]}, []),
        ({"lastNDays": 7, "time": "20260106 09:30:00 US/Eastern"}, [2, 3]),
        ({"lastNDays": 7, "time": "20260106-14:30:01"}, [3]),
        ({"lastNDays": 7, "time": "20260106 14:30:01 UTC"}, [3]),
        ({"lastNDays": 7, "time": "20260106"}, [2, 3]),
        ({"lastNDays": 7, "side": "sell"}, []),
        ({"lastNDays": 7, "symbol": "aapl", "side": "BOT"}, [1, 2, 3]),
    ],
)
async def test_filters(
    client: tuple[WireClient, ManualClock], wanted: dict[str, Any], found: list[int]
) -> None:
    assert await sizes(client[0], **wanted) == found


async def test_the_day_ends_at_midnight_in_new_york(
    client: tuple[WireClient, ManualClock],
) -> None:
    it, clock = client
    clock.advance(14 * 3600.0)  # half past eleven in the evening
    assert await sizes(it) == [3]
    it.send("reqCompletedOrders", apiOnly=True)
    assert len(await it.until("completedOrdersEnd")) == 2
    clock.advance(3600.0)
    assert await sizes(it) == []
    it.send("reqCompletedOrders", apiOnly=True)
    assert len(await it.until("completedOrdersEnd")) == 1
    assert await sizes(it, lastNDays=2) == [3]


@pytest.mark.parametrize(
    "wanted",
    [
        {"time": "yesterday"},
        {"time": "20260105 09:30:00 Nowhere/Atall"},
        {"time": "20261350"},
        {"specificDates": [20261350]},
        {"specificDates": [-1]},
    ],
)
async def test_what_cannot_be_read(
    client: tuple[WireClient, ManualClock], wanted: dict[str, Any]
) -> None:
    client[0].send("reqExecutions", reqId=9, executionFilter=wanted)
    (call,) = await client[0].next()
    assert error_of(call)[:2] == (9, 321)
