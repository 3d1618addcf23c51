"""Times in force, hours and times: what waits, what ends, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.OrderCondition_pb2 import OrderCondition

from tests.support.exchange import Exchange, codes
from twsloop.paper.market.vocabulary import QuoteChange, Trade
from twsloop.paper.orders.order import Status

ENDED = ["status 1 Cancelled 0/100 @0", "error 1 202 Order Canceled - reason:"]

BELOW_258 = OrderCondition(
    type=1,
    conId=265598,
    exchange="SMART",
    price=258.0,
    isMore=False,
    isConjunctionConnection=True,
)


def quoted(**settings: Any) -> Exchange:
    it = Exchange(**settings)
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    return it


@pytest.fixture
def market() -> Exchange:
    return quoted()


@pytest.fixture
def hours() -> Exchange:
    return quoted(keeps_hours=True)


def low(market: Exchange, order_id: int = 1, **fields: Any) -> list[str]:
    """A purchase far below the market."""
    return market.place(order_id, orderType="LMT", lmtPrice=260.0, **fields)


# ---- ends --------------------------------------------------------------------------------------


def test_a_day_order_ends_with_its_session(hours: Exchange) -> None:
    low(hours)
    hours.until(datetime(2026, 1, 5, 20, 59, 59, tzinfo=UTC))
    assert hours.told() == []
    hours.pass_time(1)
    assert hours.told() == ENDED


def test_outside_hours_it_ends_with_the_day(hours: Exchange) -> None:
    low(hours, outsideRth=True)
    hours.until(datetime(2026, 1, 6, 0, 59, 59, tzinfo=UTC))
    assert hours.told() == []
    hours.pass_time(1)
    assert hours.told() == ENDED


def test_where_the_market_never_closes_a_day_order_stays(market: Exchange) -> None:
    low(market)
    market.pass_time(5 * 86400)
    assert market.told() == []


def test_good_till_cancelled_ends_with_the_next_quarter(market: Exchange) -> None:
    low(market, tif="GTC")
    market.until(datetime(2026, 6, 30, 19, 59, tzinfo=UTC))
    assert market.order().status is Status.SUBMITTED
    market.pass_time(60)
    assert market.told() == ENDED


@pytest.mark.parametrize(
    "until",
    [
        "20260105 10:00:00 US/Eastern",
        "20260105-15:00:00",
        "20260105 10:00:00 EST",
        "10:00:00 US/Eastern",
        "20260105 15:00:00 UTC",
    ],
)
def test_good_till_date(market: Exchange, until: str) -> None:
    assert codes(low(market, tif="GTD", goodTillDate=until)) == []
    market.pass_time(1799)
    assert market.told() == []
    market.pass_time(1)
    assert market.told() == ENDED


def test_a_date_without_a_zone_is_taken_with_a_warning(market: Exchange) -> None:
    told = low(market, tif="GTD", goodTillDate="20260105 10:00:00")
    assert codes(told) == [2174]
    market.pass_time(1800)
    assert market.told() == ENDED


def test_a_date_alone_is_its_session(market: Exchange) -> None:
    low(market, tif="GTD", goodTillDate="20260106")
    market.until(datetime(2026, 1, 6, 20, 59, tzinfo=UTC))
    assert market.told() == []
    market.pass_time(60)
    assert market.told() == ENDED


@pytest.mark.parametrize("until", ["99991231 23:59:59 US/Eastern", "99991231-23:59:59", "99991231"])
def test_until_the_end_of_the_calendar(market: Exchange, until: str) -> None:
    assert codes(low(market, tif="GTD", goodTillDate=until)) == []
    assert codes(low(market, 2, tif="GTD", goodTillDate="00010101 00:00:00 Asia/Tokyo")) == [334]
    market.pass_time(86_400)
    assert market.order().status is Status.SUBMITTED


def test_a_duration(market: Exchange) -> None:
    low(market, tif="GTD", duration=90)
    market.pass_time(90)
    assert market.told() == ENDED


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"goodTillDate": "tomorrow"}, 343),
        ({"goodTillDate": "20261301 10:00:00 US/Eastern"}, 343),
        ({"goodTillDate": "20260105 10:00:00 Mars/Base"}, 343),
        ({"goodTillDate": "20260105-10:00:00 US/Eastern"}, 343),
        ({"goodTillDate": "2026010510:00:00"}, 343),
        ({}, 321),  # neither a date nor a duration
        ({"goodTillDate": "20260105 10:00:00 US/Eastern", "duration": 10}, 10272),
        ({"duration": -5}, 10273),
        ({"goodTillDate": "20260104 10:00:00 US/Eastern"}, 334),  # past
        ({"goodAfterTime": "25:00"}, 337),
        ({"goodAfterTime": "20260105 99:00:00 US/Eastern"}, 337),
    ],
)
def test_good_till_refusals(market: Exchange, fields: dict[str, Any], code: int) -> None:
    told = low(market, tif="GTD", **fields)
    assert codes(told) == [code]
    assert len(told) == 1


def test_a_duration_is_for_good_till_date(market: Exchange) -> None:
    assert codes(low(market, duration=10)) == [10273]


@pytest.mark.parametrize("tif", ["NMIN", "GTX"])
def test_what_becomes_good_till_cancelled(market: Exchange, tif: str) -> None:
    low(market, tif=tif)
    assert market.order().request.tif == "GTC"
    assert market.order().request.autoCancelDate


@pytest.mark.parametrize("tif", ["DTC", "GTT", "OVERNIGHT"])
def test_what_is_taken_as_it_is(market: Exchange, tif: str) -> None:
    assert codes(low(market, tif=tif)) == []
    assert market.order().request.tif == tif


@pytest.mark.parametrize("tif", ["FOK", "AUC"])
def test_what_the_broker_refuses(market: Exchange, tif: str) -> None:
    told = low(market, tif=tif)
    assert told[0] == "open 1 Inactive"
    assert codes(told) == [201]


def test_immediate_or_cancel_keeps_what_filled(market: Exchange) -> None:
    told = market.place(totalQuantity="150", orderType="LMT", lmtPrice=270.05, tif="IOC")
    assert told[-4:] == [
        "open 1 PendingCancel",
        "status 1 PendingCancel 100/50 @270.05",
        "status 1 Cancelled 100/50 @270.05",
        "error 1 202 Order Canceled - reason:",
    ]


# ---- starts ------------------------------------------------------------------------------------


def test_good_after_time(market: Exchange) -> None:
    told = market.place(goodAfterTime="20260105 10:00:00 US/Eastern")
    assert told == ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0"] * 2
    market.quote("AAPL", 270.00, 270.04)
    assert market.told() == []
    market.pass_time(1800)
    assert market.told()[0] == "exec -1 BOT 100 @270.04 cum 100 avg 270.04"


def test_a_start_that_has_passed_is_now(market: Exchange) -> None:
    told = market.place(goodAfterTime="20260105 09:00:00 US/Eastern")
    assert told[-1].startswith("report")


def test_off_hours_orders_work_from_the_opening_on(hours: Exchange) -> None:
    hours.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    told = low(hours)
    assert codes(told) == [399]
    assert told[1:] == ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0"] * 2
    hours.quote("AAPL", 259.0, 259.5)
    assert hours.told() == []
    hours.quote("AAPL", 270.0, 270.5)
    hours.until(datetime(2026, 1, 5, 14, 30, tzinfo=UTC))
    assert hours.told() == ["open 1 Submitted", "status 1 Submitted 0/100 @0"]


def test_outside_hours_a_limit_order_fills(hours: Exchange) -> None:
    hours.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    told = hours.place(orderType="LMT", lmtPrice=271.0, outsideRth=True)
    assert codes(told) == []
    assert told[-1].startswith("report")


def test_a_market_order_does_not_fill_outside_hours(hours: Exchange) -> None:
    hours.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    assert codes(hours.place(outsideRth=True)) == [399]
    hours.until(datetime(2026, 1, 5, 14, 30, tzinfo=UTC))
    assert hours.told()[0].startswith("exec")


@pytest.mark.parametrize(
    "kind", [{"orderType": "MKT"}, {"orderType": "STP", "auxPrice": 5000.0}], ids=["MKT", "STP"]
)
def test_outside_regular_hours_futures_trade_all_types(
    hours: Exchange, kind: dict[str, Any]
) -> None:
    future = next(
        one for one in hours.feed.instruments.all() if (one.symbol, one.sec_type) == ("ES", "FUT")
    )
    size = Decimal(50)
    hours.happen(QuoteChange(future.con_id, hours.feed.time_ns, 6000.0, size, 6000.25, size))
    hours.happen(Trade(future.con_id, hours.feed.time_ns, 6000.25, size))
    hours.now = datetime(2026, 1, 6, 7, 0, tzinfo=UTC)
    contract = future.contract(exchange=future.exchange)
    order = {"contract": contract, "totalQuantity": "1", "action": "BUY", **kind}
    assert codes(hours.place(1, **order)) == [399]
    assert hours.order(1).status is Status.PRE_SUBMITTED
    hours.cancel(1)
    hours.place(2, outsideRth=True, **order)
    assert hours.order(2).status is Status.FILLED


def test_an_order_of_the_evening_is_of_the_next_session(hours: Exchange) -> None:
    hours.now = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
    low(hours)
    hours.until(datetime(2026, 1, 6, 20, 59, 59, tzinfo=UTC))
    assert hours.order().status is Status.SUBMITTED
    hours.pass_time(1)
    assert hours.order().status is Status.CANCELLED


def test_the_market_alone_brings_what_is_due(market: Exchange) -> None:
    """A market that runs ahead of the timers expires orders before it fills them."""
    market.place(orderType="LMT", lmtPrice=269.0, tif="GTD", duration=60)
    market.now = datetime(2026, 1, 5, 14, 31, tzinfo=UTC)
    market.quote("AAPL", 268.0, 268.1)
    assert market.told() == ENDED


# ---- what stands when the market opens ---------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"orderType": "LMT", "lmtPrice": 260.0},
        {"orderType": "STP", "action": "SELL", "auxPrice": 258.0},
        {"orderType": "LMT", "lmtPrice": 270.5, "conditions": [BELOW_258]},
    ],
)
def test_what_was_carried_overnight_is_looked_at_when_the_session_opens(
    hours: Exchange, fields: dict[str, Any]
) -> None:
    hours.place(1, tif="GTC", **fields)
    hours.until(datetime(2026, 1, 6, 1, 0, tzinfo=UTC))
    hours.quote("AAPL", 255.0, 255.02)
    hours.trade("AAPL", 255.0)
    hours.until(datetime(2026, 1, 6, 14, 29, 59, tzinfo=UTC))
    assert hours.engine.executions == []
    hours.pass_time(1)
    assert hours.order().status is Status.FILLED


def test_an_immediate_order_ends_in_a_halt(market: Exchange) -> None:
    low(market)
    market.halt("AAPL")
    market.told()
    told = low(market, tif="IOC")
    assert told[-2:] == ENDED
    assert market.engine.executions == []


def test_changes_do_not_fill_the_agenda(hours: Exchange) -> None:
    for n in range(100):
        hours.place(1, orderType="LMT", lmtPrice=200.0 + n / 100, tif="GTC")
    assert len(hours.engine.floor.agenda) == 1
    hours.until(datetime(2026, 1, 6, 1, 0, tzinfo=UTC))
    for n in range(100):
        hours.place(1, orderType="LMT", lmtPrice=260.0 + n / 100, tif="GTC")
        hours.quote("AAPL", 255.0, 255.02 + n / 100)
    assert len(hours.engine.floor.agenda) == 2
