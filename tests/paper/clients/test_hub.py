"""What goes wrong with one order stops neither the market nor the others' orders."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.Order_pb2 import Order
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from tests.support.manual_feed import ManualFeed
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.visibility import BY_HAND
from twsloop.paper.orders.order import PaperOrder, Status
from twsloop.paper.orders.rules import OrderRules


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.00, 270.05), it.trade("AAPL", 270.02)])
    return it


@pytest.fixture
async def gateway(feed: ManualFeed, clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=clock, order_rules=OrderRules()) as it:
        yield it


def place(gateway: PaperGateway, order_id: int, **fields: Any) -> PaperOrder:
    order = {
        "action": "BUY",
        "totalQuantity": "10",
        "orderType": "LMT",
        "tif": "DAY",
        "transmit": True,
        **fields,
    }
    contract = Contract(symbol="AAPL", secType="STK", currency="USD", exchange="SMART")
    request = PlaceOrderRequest(orderId=order_id, contract=contract, order=Order(**order))
    hub = gateway.hub
    hub.engine.place(7, request, hub.now())
    hub.settle()
    found = hub.engine.book.find(7, order_id)
    assert found is not None
    return found


def spoil(order: PaperOrder) -> None:
    """Leave an order in a state that cannot be, as a defect of ours would."""
    order.total = "much"  # type: ignore[assignment]


async def test_an_order_that_fails_stops_neither_the_feed_nor_the_other_orders(
    gateway: PaperGateway, feed: ManualFeed, caplog: pytest.LogCaptureFixture
) -> None:
    bad = place(gateway, 1, lmtPrice=269.0)
    good = place(gateway, 2, lmtPrice=268.9)
    spoil(bad)
    with caplog.at_level(logging.ERROR, "twsloop.paper"):
        feed.send([feed.quote("AAPL", 268.0, 268.5), feed.quote("AAPL", 268.0, 268.6)])
    assert good.status is Status.FILLED
    assert gateway.hub.feed.book(265598).ask == 268.6
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert "order 1 of client 7" in caplog.text


async def test_what_is_due_comes_although_one_order_fails(
    gateway: PaperGateway, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    orders = [
        place(gateway, n, lmtPrice=200.0, tif="GTD", goodTillDate=f"20260105-14:3{n}:00")
        for n in (1, 2, 3)
    ]
    orders[0].order_id = "none"  # type: ignore[assignment]
    with caplog.at_level(logging.ERROR, "twsloop.paper"):
        clock.advance(120)
        assert orders[1].status is Status.CANCELLED
        clock.advance(60)
        assert orders[2].status is Status.CANCELLED
    assert len(caplog.records) == 1


async def test_news_that_cannot_be_told_do_not_stop_the_alarm(
    gateway: PaperGateway, feed: ManualFeed, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    order = place(gateway, 1, lmtPrice=200.0, tif="GTD", goodTillDate="20260105-14:31:00")
    gateway.hub.engine.outbox.post(BY_HAND, "openOrder", "no message")  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR, "twsloop.paper"):
        feed.send([feed.quote("AAPL", 268.0, 268.5)])
        clock.advance(120)
    assert order.status is Status.CANCELLED
    assert "an event of contract 265598" in caplog.text
