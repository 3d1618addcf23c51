"""Changing, cancelling and replacing orders when the order is not where one thinks it is."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.orders.test_sessions import Raw, buy, config, connected, until, working
from tests.support.desk import PATIENCE
from tests.support.fake_tws import FakeTws, error, message, open_order
from twsloop.contracts import stock
from twsloop.errors import OrderError, RequestError
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade


class Slow:
    """Makes a FakeTws keep its list of open orders back, once it is told to."""

    def __init__(self) -> None:
        self.keeps = threading.Event()
        self.asked = threading.Event()

    def __call__(self, _tws: FakeTws, name: str, _request: Any) -> bool:
        keep = name == "reqAllOpenOrders" and self.keeps.is_set()
        if keep:
            self.asked.set()
        return keep


def lost_for_good(tws: FakeTws, gateway: IBGateway) -> Trade:
    """An order that was sent, and of which nothing tells any more."""
    trade = buy(gateway)
    tws.next("placeOrder")
    until(trade, OrderStatus.PENDING_SUBMIT)
    tws.hang_up()
    assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN
    return trade


def test_a_change_that_waits_for_the_session_is_not_confirmed_by_the_next_one() -> None:
    """Both wait while the orders are fetched; the order itself works at the gateway."""
    slow = Slow()
    tws = FakeTws(refuse=slow)
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        slow.keeps.set()
        tws.hang_up()
        assert slow.asked.wait(PATIENCE)
        first = trade.modify(limit_price=101)
        second = trade.modify(limit_price="100.001")
        with pytest.raises(OrderError, match="another change"):
            first.result(PATIENCE)
        tws.say(open_order(trade.order_id, "Submitted"), message("openOrderEnd"))
        assert tws.next("placeOrder").order.lmtPrice == 100.001
        tws.say(error(trade.order_id, 110, "The price does not conform to the minimum."))
        with pytest.raises(RequestError, match="minimum"):
            second.result(PATIENCE)
        assert trade.status is OrderStatus.SUBMITTED
        assert trade.order.lmtPrice == 100


def test_a_raw_order_that_waits_is_changed_before_it_leaves() -> None:
    class Eager(Raw):
        def nextValidId(self, orderId: int) -> None:
            self.placeOrder(orderId, stock("AAPL"), limit_order("BUY", 10, 100))
            self.placeOrder(orderId, stock("AAPL"), limit_order("BUY", 10, 99))
            self.placeOrder(orderId + 1, stock("AAPL"), limit_order("BUY", 10, 100))
            self.placeOrder(orderId + 1, stock("AAPL"), limit_order("BUY", 10, 99))
            self.cancelOrder(orderId + 1)

    tws = FakeTws()
    with tws, Eager(config(tws)) as gateway:
        sent = tws.next("placeOrder")
        assert (sent.orderId, sent.order.lmtPrice) == (1, 99)
        assert gateway.complaints.next()[:2] == (2, 202)
        gateway.executions().result(PATIENCE)
        assert "placeOrder" not in [name for name, _ in tws.inbox.queue]
        cancelled = gateway.orders.find(order_id=2)
        assert cancelled is not None
        assert cancelled.status is OrderStatus.NOT_SENT


def test_what_may_be_working_can_be_cancelled() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = lost_for_good(tws, gateway)
        trade.cancel()
        assert tws.next("cancelOrder").orderId == trade.order_id


def test_what_may_be_working_can_be_cancelled_by_a_raw_call() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = lost_for_good(tws, gateway)
        gateway.cancelOrder(trade.order_id)
        assert tws.next("cancelOrder").orderId == trade.order_id
