"""Orders for an auction: who takes part in it, and what becomes of those that something holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ibapi.protobuf.OrderCondition_pb2 import OrderCondition

from tests.support.exchange import Exchange
from twsloop.paper.orders.order import Status

CLOSE = datetime(2026, 1, 5, 21, 0, tzinfo=UTC)
NEXT_OPEN = datetime(2026, 1, 6, 14, 30, tzinfo=UTC)
NEXT_CLOSE = datetime(2026, 1, 6, 21, 0, tzinfo=UTC)
#: Never met here.
ABOVE_500 = OrderCondition(
    type=1,
    conId=265598,
    exchange="SMART",
    price=500.0,
    isMore=True,
    isConjunctionConnection=True,
)


@pytest.fixture(params=[False, True], ids=["always open", "keeps hours"])
def market(request: pytest.FixtureRequest) -> Exchange:
    return quoted(keeps_hours=request.param)


def quoted(**settings: Any) -> Exchange:
    it = Exchange(**settings)
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    return it


def test_a_child_of_a_waiting_parent_does_not_take_part(market: Exchange) -> None:
    market.place(1, orderType="LMT", lmtPrice=200.0, tif="GTC", transmit=False)
    told = market.place(2, action="SELL", orderType="MOC", parentId=1)
    assert told[-1] == "status 2 PreSubmitted 0/100 @0 child"
    market.until(CLOSE)
    assert market.engine.executions == []
    assert market.order(2).status is Status.CANCELLED
    assert market.order(1).is_live


def test_a_child_whose_parent_filled_takes_part(market: Exchange) -> None:
    market.place(1, orderType="LMT", lmtPrice=200.0, tif="GTC", transmit=False)
    market.place(2, action="SELL", orderType="MOC", parentId=1)
    market.quote("AAPL", 199.0, 199.5)
    assert market.order(1).status is Status.FILLED
    market.until(CLOSE)
    assert market.order(2).status is Status.FILLED
    assert market.account.quantity(265598) == 0


def test_one_that_awaits_conditions_ends(market: Exchange) -> None:
    market.place(1, orderType="MKT", tif="OPG", conditions=[ABOVE_500])
    market.until(NEXT_OPEN)
    assert market.order().status is Status.CANCELLED
    assert market.engine.executions == []


def test_a_start_behind_the_close_means_the_close_after_it(market: Exchange) -> None:
    market.place(1, orderType="MOC", goodAfterTime="20260106 10:00:00 US/Eastern")
    market.until(CLOSE)
    assert market.order().is_live
    market.until(NEXT_CLOSE)
    assert market.order().status is Status.FILLED
    assert market.engine.executions[0].time == NEXT_CLOSE


def test_one_that_is_not_accepted_yet_does_not_take_part() -> None:
    market = quoted(accept_delay=3600)
    market.until(datetime(2026, 1, 5, 20, 30, tzinfo=UTC))
    market.place(1, orderType="MOC")
    market.until(CLOSE)
    assert market.engine.executions == []
    market.until(NEXT_CLOSE)
    assert market.order().status is Status.FILLED
