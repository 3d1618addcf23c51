"""The ways that orders and their cancellations take: what is not accepted yet is not worked."""

from __future__ import annotations

from typing import Any

from tests.support.exchange import Exchange
from twsloop.paper.orders.order import Status


def quoted(**settings: Any) -> Exchange:
    it = Exchange(**settings)
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    return it


def test_a_cancel_on_its_way_does_not_make_an_order_accepted() -> None:
    market = quoted(accept_delay=2, cancel_delay=3)
    market.place(1, orderType="LMT", lmtPrice=271.0)
    market.cancel(1)
    market.quote("AAPL", 269.0, 269.05)
    assert market.engine.executions == []
    assert market.told() == []
    market.pass_time(2)
    assert market.order().status is Status.FILLED
    assert market.engine.executions[0].time == market.now


def test_a_cancel_that_overtakes_its_order_ends_it() -> None:
    market = quoted(accept_delay=3, cancel_delay=1)
    market.place(1, orderType="LMT", lmtPrice=271.0)
    market.cancel(1)
    market.pass_time(5)
    assert market.told()[-2:] == [
        "status 1 Cancelled 0/100 @0",
        "error 1 202 Order Canceled - reason:",
    ]
    assert market.engine.executions == []


def test_a_child_on_its_way_is_not_released_before_it_is_accepted() -> None:
    market = quoted(accept_delay=1, cancel_delay=5)
    market.place(1, orderType="LMT", lmtPrice=269.0)
    market.pass_time(1)
    market.place(2, action="SELL", orderType="LMT", lmtPrice=260.0, parentId=1)
    market.cancel(2)
    market.told()
    market.quote("AAPL", 268.0, 268.5)
    assert market.order(1).status is Status.FILLED
    assert not any(line.split()[1] == "2" for line in market.told() if "exec" not in line)
    assert market.order(2).filled == 0
    market.pass_time(1)
    assert market.order(2).status is Status.FILLED
