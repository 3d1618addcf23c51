"""Adjustable stops: what they become, when, and what they are refused for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.exchange import Exchange, codes
from twsloop.paper.orders.echo import open_order
from twsloop.paper.orders.order import Status


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    return it


STOP: dict[str, Any] = {"action": "SELL", "orderType": "STP", "auxPrice": 265.0}
TOLD = ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0 trigger"]


def echo(market: Exchange) -> Any:
    return open_order(market.order()).order


def test_a_stop_is_moved(market: Exchange) -> None:
    fields: dict[str, Any] = {
        "adjustedOrderType": "STP",
        "triggerPrice": 275.0,
        "adjustedStopPrice": 272.0,
    }
    assert market.place(**STOP, **fields) == TOLD * 2
    market.trade("AAPL", 274.99)
    assert market.told() == []
    market.trade("AAPL", 275.0)
    assert market.told() == TOLD
    assert (echo(market).orderType, echo(market).auxPrice) == ("STP", 272.0)
    market.trade("AAPL", 272.0)
    assert market.order().status is Status.FILLED


def test_a_stop_becomes_a_trailing_one(market: Exchange) -> None:
    fields: dict[str, Any] = {
        "adjustedOrderType": "TRAIL",
        "triggerPrice": 275.0,
        "adjustedStopPrice": 272.0,
        "adjustedTrailingAmount": 2.0,
    }
    market.place(**STOP, **fields)
    assert echo(market).adjustedOrderType == "TRAIL"
    market.trade("AAPL", 275.0)
    assert (echo(market).orderType, echo(market).trailStopPrice) == ("TRAIL", 273.0)
    market.trade("AAPL", 280.0)
    assert echo(market).trailStopPrice == 278.0
    market.trade("AAPL", 278.0)
    assert market.order().status is Status.FILLED


def test_by_percent_and_with_a_limit(market: Exchange) -> None:
    fields: dict[str, Any] = {
        "adjustedOrderType": "TRAIL LIMIT",
        "triggerPrice": 275.0,
        "adjustedStopPrice": 270.0,
        "adjustedStopLimitPrice": 269.5,
        "adjustedTrailingAmount": 1.0,
        "adjustableTrailingUnit": 100,
    }
    market.place(**STOP, **fields)
    market.trade("AAPL", 300.0)
    assert (echo(market).trailStopPrice, echo(market).lmtPrice) == (297.0, 296.5)


def test_a_purchase_is_adjusted_by_a_fall(market: Exchange) -> None:
    fields: dict[str, Any] = {
        "adjustedOrderType": "STP LMT",
        "triggerPrice": 265.0,
        "adjustedStopPrice": 268.0,
        "adjustedStopLimitPrice": 268.5,
    }
    market.place(orderType="STP", auxPrice=275.0, **fields)
    market.trade("AAPL", 265.0)
    assert (echo(market).orderType, echo(market).lmtPrice) == ("STP LMT", 268.5)
    assert market.order().status is Status.PRE_SUBMITTED


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"adjustedOrderType": "LMT", "triggerPrice": 275.0}, 321),
        ({"adjustedOrderType": "STP"}, 361),
        ({"adjustedOrderType": "STP", "triggerPrice": 275.0}, 362),
        (
            {"adjustedOrderType": "STP LMT", "triggerPrice": 275.0, "adjustedStopPrice": 272.0},
            363,
        ),
        ({"adjustedOrderType": "TRAIL", "triggerPrice": 275.0, "adjustedStopPrice": 272.0}, 364),
    ],
)
def test_refusals(market: Exchange, fields: dict[str, Any], code: int) -> None:
    told = market.place(**STOP, **fields)
    assert codes(told) == [code]
    assert len(told) == 1
