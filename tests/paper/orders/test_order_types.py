"""Each order type: its first status, what elects it, what it fills at, what is echoed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ibapi.protobuf.Order_pb2 import Order
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from tests.support.exchange import Exchange, codes
from twsloop.paper.orders.echo import open_order
from twsloop.paper.orders.order import Status
from twsloop.paper.orders.order_types import KNOWN_TYPES, TYPES, named


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.00, 270.05, 100)
    it.trade("AAPL", 270.02)
    return it


def echo(market: Exchange, order_id: int = 1) -> Any:
    """The order as a query would show it now."""
    return open_order(market.order(order_id)).order


def pair(status: str, order_id: int = 1, rest: str = "0/100 @0") -> list[str]:
    return [f"open {order_id} {status}", f"status {order_id} {status} {rest}"]


def test_words_and_spellings() -> None:
    assert named("STPLMT") is TYPES["STP LMT"]
    assert named("TRAILLMT") is TYPES["TRAIL LIMIT"]
    assert named("MOO") is None
    assert not KNOWN_TYPES & set(TYPES)


# ---- touches -----------------------------------------------------------------------------------


def test_market_if_touched_waits_for_the_price_to_come(market: Exchange) -> None:
    assert market.place(orderType="MIT", auxPrice=269.5) == pair("PreSubmitted") * 2
    market.trade("AAPL", 269.80)
    assert market.told() == []
    market.quote("AAPL", 269.40, 269.45)
    market.trade("AAPL", 269.45)
    told = market.told()
    assert told[:3] == [*pair("Submitted"), "exec -1 BOT 100 @269.45 cum 100 avg 269.45"]


def test_limit_if_touched_becomes_a_limit_order(market: Exchange) -> None:
    told = market.place(action="SELL", orderType="LIT", auxPrice=271.0, lmtPrice=271.0)
    assert told == pair("PreSubmitted") * 2
    market.trade("AAPL", 271.0)
    assert market.told() == pair("Submitted")
    market.quote("AAPL", 271.01, 271.05)
    assert market.told()[0] == "exec -1 SLD 100 @271.01 cum 100 avg 271.01"


def test_a_touch_without_its_price_is_361(market: Exchange) -> None:
    assert codes(market.place(orderType="MIT")) == [361]


# ---- trailing ----------------------------------------------------------------------------------


def test_a_trailing_sale_follows_up_and_never_down(market: Exchange) -> None:
    told = market.place(action="SELL", orderType="TRAIL", auxPrice=1.0)
    assert told == pair("PreSubmitted", rest="0/100 @0 trigger") * 2
    assert (echo(market).trailStopPrice, echo(market).auxPrice) == (269.02, 1.0)
    market.trade("AAPL", 272.02)
    assert echo(market).trailStopPrice == 271.02
    market.trade("AAPL", 271.50)
    assert echo(market).trailStopPrice == 271.02
    assert market.told() == []
    market.quote("AAPL", 270.98, 271.00)
    market.trade("AAPL", 271.02)
    assert market.told()[:3] == [
        *pair("Submitted"),
        "exec -1 SLD 100 @270.98 cum 100 avg 270.98",
    ]


def test_a_trailing_purchase_follows_down(market: Exchange) -> None:
    market.place(orderType="TRAIL", trailingPercent=1.0)
    assert echo(market).trailStopPrice == 272.72
    market.trade("AAPL", 260.0)
    assert echo(market).trailStopPrice == 262.6
    market.trade("AAPL", 262.6)
    assert market.told()[2].startswith("exec -1 BOT 100 @270.05")


def test_a_trailing_limit_keeps_its_distance(market: Exchange) -> None:
    told = market.place(
        action="SELL",
        orderType="TRAIL LIMIT",
        auxPrice=1.0,
        trailStopPrice=269.0,
        lmtPriceOffset=0.10,
    )
    assert told[-1] == "status 1 PreSubmitted 0/100 @0 trigger"
    market.trade("AAPL", 271.0)
    assert (echo(market).trailStopPrice, echo(market).lmtPrice) == (270.0, 269.9)
    market.quote("AAPL", 269.80, 269.85)
    market.trade("AAPL", 270.0)
    assert market.told() == pair("Submitted")
    market.quote("AAPL", 269.90, 269.95)
    assert market.told()[0] == "exec -1 SLD 100 @269.9 cum 100 avg 269.9"


def test_a_trailing_limit_may_give_its_limit_instead(market: Exchange) -> None:
    fields: dict[str, Any] = {"action": "SELL", "orderType": "TRAIL LIMIT", "auxPrice": 1.0}
    market.place(1, trailStopPrice=269.0, lmtPrice=268.5, **fields)
    assert echo(market).lmtPriceOffset == 0.5
    assert codes(market.place(2, trailStopPrice=269.0, **fields)) == [321]
    both = market.place(3, trailStopPrice=269.0, lmtPrice=268.5, lmtPriceOffset=0.1, **fields)
    assert codes(both) == [321]
    assert codes(market.place(4, lmtPriceOffset=0.1, **fields)) == [321]  # no stop price


def test_two_trailing_distances_cannot_be_read(market: Exchange) -> None:
    told = market.place(orderType="TRAIL", auxPrice=1.0, trailingPercent=1.0)
    assert codes(told) == [320]
    assert codes(market.place(2, orderType="TRAIL")) == [321]
    assert codes(market.place(3, orderType="TRAIL", trailingPercent=120.0)) == [321]


def test_a_trailing_touch_that_is_met_fills_at_once(market: Exchange) -> None:
    told = market.place(action="SELL", orderType="TRAIL MIT", auxPrice=1.0, trailStopPrice=270.0)
    assert told[:5] == [
        *pair("PreSubmitted"),
        *pair("Submitted"),
        "exec -1 SLD 100 @270 cum 100 avg 270",
    ]


def test_a_trailing_touch_follows_the_market_down(market: Exchange) -> None:
    market.place(action="SELL", orderType="TRAIL MIT", auxPrice=1.0)
    assert echo(market).trailStopPrice == 271.02
    market.trade("AAPL", 268.0)
    assert echo(market).trailStopPrice == 269.0
    market.trade("AAPL", 269.0)
    assert market.order().status is Status.FILLED


# ---- pegged ------------------------------------------------------------------------------------


def test_relative_is_pegged_to_its_own_side(market: Exchange) -> None:
    told = market.place(orderType="REL")
    assert told == [*pair("PreSubmitted"), *pair("Submitted")]
    assert echo(market).auxPrice == 0.01
    market.quote("AAPL", 270.02, 270.04)
    assert market.told() == []  # at 270.03 now
    market.quote("AAPL", 270.01, 270.03)  # reached where it stood
    assert market.told()[0] == "exec -1 BOT 100 @270.03 cum 100 avg 270.03"


def test_relative_is_capped_by_its_limit(market: Exchange) -> None:
    market.place(orderType="REL", auxPrice=0.10, lmtPrice=270.02)
    assert market.order().status is Status.SUBMITTED
    market.quote("AAPL", 270.00, 270.02)
    assert market.order().status is Status.FILLED


def test_midprice_and_pegged_to_midpoint(market: Exchange) -> None:
    assert market.place(orderType="MIDPRICE", lmtPrice=271.0) == pair("Submitted") * 2
    assert echo(market).lmtPrice == 271.0
    market.quote("AAPL", 270.00, 270.02)
    assert market.told()[0] == "exec -1 BOT 100 @270.02 cum 100 avg 270.02"
    told = market.place(2, action="SELL", orderType="PEG MID")
    assert told == pair("Submitted", 2) * 2
    market.quote("AAPL", 270.01, 270.05)
    assert market.told()[0] == "exec -1 SLD 100 @270.01 cum 100 avg 270.01"
    told = market.place(3, orderType="MIDPRICE", outsideRth=True)
    assert codes(told) == [321]


def test_a_snapped_price_does_not_follow(market: Exchange) -> None:
    market.place(orderType="SNAP MID")
    market.quote("AAPL", 271.00, 271.05)
    market.quote("AAPL", 270.00, 270.04)
    assert market.told() == []
    market.quote("AAPL", 270.00, 270.02)
    assert market.order().status is Status.FILLED


def test_market_to_limit_leaves_a_limit_order(market: Exchange) -> None:
    market.quote("AAPL", 270.00, 270.05, 40)
    told = market.place(orderType="MTL")
    assert told[:5] == [
        *pair("PreSubmitted"),
        *pair("Submitted"),
        "exec -1 BOT 40 @270.05 cum 40 avg 270.05",
    ]
    market.quote("AAPL", 270.05, 270.10, 100)
    assert market.told() == []
    assert echo(market).lmtPrice == 270.05
    market.quote("AAPL", 270.00, 270.05, 50)
    assert market.told()[0] == "exec -1 BOT 50 @270.05 cum 90 avg 270.05"


# ---- auctions ----------------------------------------------------------------------------------


def test_market_on_close_is_silent_until_the_close(market: Exchange) -> None:
    assert market.place(orderType="MOC", totalQuantity="500") == []
    market.quote("AAPL", 271.00, 271.10)
    market.trade("AAPL", 271.05)
    market.until(datetime(2026, 1, 5, 20, 59, 59, tzinfo=UTC))
    assert market.told() == []
    market.pass_time(1)
    told = market.told()
    assert told[0] == "exec -1 BOT 500 @271.05 cum 500 avg 271.05"
    assert told[1:5] == [
        "open 1 Filled",
        "status 1 Filled 500/0 @271.05",
        "open 1 Filled 2.5015",
        "status 1 Filled 500/0 @271.05",
    ]


def test_a_cancelled_market_on_close_says_pending_cancel(market: Exchange) -> None:
    market.place(orderType="MOC")
    assert market.cancel() == [
        *pair("PendingCancel"),
        "status 1 Cancelled 0/100 @0",
        "error 1 202 Order Canceled - reason:",
    ]


def test_limit_on_close_ends_when_the_close_is_beyond_it(market: Exchange) -> None:
    market.place(orderType="LOC", lmtPrice=269.0)
    market.pass_time(8 * 3600)
    assert market.told() == ["status 1 Cancelled 0/100 @0", "error 1 202 Order Canceled - reason:"]


def test_orders_for_the_close_are_day_orders(market: Exchange) -> None:
    assert codes(market.place(orderType="MOC", tif="GTC")) == [113]


@pytest.mark.parametrize(("symbol", "minute", "late"), [("AAPL", 54, 0), ("AAPL", 56, 1)])
def test_too_late_for_the_close(market: Exchange, symbol: str, minute: int, late: int) -> None:
    market.until(datetime(2026, 1, 5, 20, minute, tzinfo=UTC))
    told = market.place(symbol=symbol, orderType="MOC")
    assert codes(told) == [201] * late


def test_opening_auction(market: Exchange) -> None:
    told = market.place(orderType="LMT", lmtPrice=272.0, tif="OPG")
    assert told[0].startswith("error 1 399 ")
    assert told[0].endswith("until 2026-01-06 09:30:00 US/Eastern")
    assert told[1:] == pair("PreSubmitted") * 2
    market.quote("AAPL", 271.00, 271.10)
    market.trade("AAPL", 271.05)
    market.until(datetime(2026, 1, 6, 14, 30, tzinfo=UTC))
    assert market.told()[0] == "exec -1 BOT 100 @271.05 cum 100 avg 271.05"
    assert codes(market.place(2, orderType="STP", auxPrice=280.0, tif="OPG")) == [111]


# ---- what is refused ---------------------------------------------------------------------------


def test_the_broker_takes_no_peg_best(market: Exchange) -> None:
    told = market.place(orderType="PEG BEST")
    assert told[:2] == pair("Inactive")
    assert codes(told) == [201]


@pytest.mark.parametrize("word", ["PEG MKT", "PASSV REL", "RPI", "VOL", "BOX TOP", "PEG BENCH"])
def test_types_that_a_stock_does_not_take(market: Exchange, word: str) -> None:
    assert codes(market.place(orderType=word)) == [387]


@pytest.mark.parametrize("word", ["MOO", "LOO", "PEG PRI", ""])
def test_words_that_are_no_type(market: Exchange, word: str) -> None:
    assert codes(market.place(orderType=word)) == [321]


def test_currencies_take_no_closing_auction(market: Exchange) -> None:
    market.quote("EUR.USD", 1.1000, 1.1001, 1_000_000)
    told = market.place(symbol="EUR.USD", orderType="MOC", totalQuantity="20000")
    assert codes(told) == [387]


def test_the_first_report_of_a_stop_has_the_desks_defaults(market: Exchange) -> None:
    fields: dict[str, Any] = {"action": "SELL", "totalQuantity": "1", "transmit": True}
    order = Order(orderType="STP", auxPrice=260.0, tif="GTC", **fields)
    request = PlaceOrderRequest(orderId=1, contract=market.contract("AAPL"), order=order)
    market.engine.place(7, request, market.now)
    reports = [message.order for name, message in market.raw() if name == "openOrder"]
    assert [one.minCompeteSize for one in reports] == [100, 0]
    assert [one.autoCancelDate for one in reports] == ["", "20260630 16:00:00 US/Eastern"]
