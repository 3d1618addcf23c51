"""Conditional orders: what has to be so before they are sent, or cancelled."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.OrderCondition_pb2 import OrderCondition

from tests.support.exchange import Exchange, codes
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders.conditions import World, are_met, watched

AAPL, MSFT = 265598, 272093
PRICE, TIME, MARGIN, EXECUTION, VOLUME, CHANGE = 1, 3, 4, 5, 6, 7
HELD = ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0"] * 2


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    it.quote("MSFT", 420.00, 420.10)
    it.trade("MSFT", 420.05)
    return it


def price(mark: float, *, is_more: bool = True, con_id: int = MSFT, **more: Any) -> dict[str, Any]:
    return {
        "type": PRICE,
        "conId": con_id,
        "exchange": "SMART",
        "isMore": is_more,
        "price": mark,
        **more,
    }


def test_another_instruments_price(market: Exchange) -> None:
    assert market.place(conditions=[price(421.0)]) == HELD
    market.quote("AAPL", 270.00, 270.04)
    assert market.told() == []
    market.trade("MSFT", 421.0)
    told = market.told()
    assert told[:3] == [
        "open 1 Submitted",
        "status 1 Submitted 0/100 @0",
        "exec -1 BOT 100 @270.04 cum 100 avg 270.04",
    ]


def test_a_condition_that_holds_already(market: Exchange) -> None:
    assert market.place(conditions=[price(400.0)])[-1].startswith("report")


def test_a_limit_order_works_once_its_condition_is_met(market: Exchange) -> None:
    market.place(orderType="LMT", lmtPrice=269.0, conditions=[price(419.0, is_more=False)])
    market.trade("MSFT", 418.0)
    assert market.told() == ["open 1 Submitted", "status 1 Submitted 0/100 @0"]
    market.trade("MSFT", 425.0)  # once met it stays met
    market.quote("AAPL", 268.0, 268.5)
    assert market.told()[0].startswith("exec")


def test_the_trigger_method_of_a_condition(market: Exchange) -> None:
    market.place(conditions=[price(420.5, triggerMethod=4)])
    market.trade("MSFT", 421.0)
    assert market.told() == []
    market.quote("MSFT", 420.5, 420.6)
    assert market.told()[0] == "open 1 Submitted"


def test_time(market: Exchange) -> None:
    condition = {"type": TIME, "isMore": True, "time": "20260105 10:00:00 US/Eastern"}
    assert market.place(conditions=[condition]) == HELD
    market.pass_time(1799)
    assert market.told() == []
    market.pass_time(1)
    assert market.told()[0] == "open 1 Submitted"


def test_and_or(market: Exchange) -> None:
    low = price(271.0, con_id=AAPL, isConjunctionConnection=True)
    market.place(orderType="LMT", lmtPrice=269.0, conditions=[low, price(421.0)])
    market.trade("MSFT", 421.0)
    assert market.told() == []
    market.trade("AAPL", 271.0)
    assert market.told()[0] == "open 1 Submitted"
    either = price(275.0, con_id=AAPL, isConjunctionConnection=False)
    market.place(2, orderType="LMT", lmtPrice=269.0, conditions=[either, price(422.0)])
    market.trade("MSFT", 422.0)
    assert market.told()[0] == "open 2 Submitted"


def test_volume_and_change(market: Exchange) -> None:
    volume = {"type": VOLUME, "conId": MSFT, "exchange": "SMART", "isMore": True, "volume": 300}
    market.place(orderType="LMT", lmtPrice=269.0, conditions=[volume])
    market.trade("MSFT", 420.0)
    assert market.told() == []
    market.trade("MSFT", 420.0)
    assert market.told()[0] == "open 1 Submitted"
    change = {"type": CHANGE, "conId": MSFT, "exchange": "SMART", "isMore": True}
    market.feed.book(MSFT).close = 400.0
    market.place(2, orderType="LMT", lmtPrice=269.0, conditions=[{**change, "changePercent": 6.0}])
    market.trade("MSFT", 423.9)
    assert market.told() == []
    market.trade("MSFT", 424.0)
    assert market.told()[0] == "open 2 Submitted"


def test_execution_and_margin(market: Exchange) -> None:
    execution = {"type": EXECUTION, "symbol": "MSFT", "secType": "STK", "exchange": "SMART"}
    market.place(orderType="LMT", lmtPrice=269.0, conditions=[execution])
    market.trade("AAPL", 270.03)
    assert market.told() == []
    assert "open 1 Submitted" in market.place(2, symbol="MSFT", totalQuantity="10")
    margin = {"type": MARGIN, "isMore": False, "percent": 50}
    market.place(3, orderType="LMT", lmtPrice=269.0, conditions=[margin])
    market.trade("AAPL", 270.03)
    assert market.told() == []


def test_conditions_that_cancel(market: Exchange) -> None:
    fields: dict[str, Any] = {"orderType": "LMT", "lmtPrice": 269.0, "conditionsCancelOrder": True}
    told = market.place(conditions=[price(425.0)], **fields)
    assert told == ["open 1 Submitted", "status 1 Submitted 0/100 @0"] * 2
    market.quote("AAPL", 268.0, 268.5, 40)
    assert market.told()[0].startswith("exec -1 BOT 40")
    market.trade("MSFT", 425.0)
    assert market.told() == [
        "status 1 Cancelled 40/60 @268.5",
        "error 1 202 Order Canceled - reason:",
    ]


def test_regular_hours_and_those_that_ignore_them() -> None:
    for ignores, held in ((False, True), (True, False)):
        market = Exchange(keeps_hours=True)
        market.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
        market.quote("AAPL", 270.00, 270.05)
        market.trade("AAPL", 270.02)
        market.place(
            orderType="LMT",
            lmtPrice=271.0,
            outsideRth=True,
            conditions=[price(270.0, con_id=AAPL)],
            conditionsIgnoreRth=ignores,
        )
        assert market.order().awaits_conditions is held


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"orderType": "STP", "auxPrice": 280.0}, 148),
        ({"orderType": "MIT", "auxPrice": 260.0}, 148),
        ({"orderType": "MOC"}, 148),
        ({"orderType": "MKT", "conditionsCancelOrder": True}, 148),
        ({"orderType": "REL"}, None),
        ({"orderType": "MIDPRICE", "conditionsCancelOrder": True}, None),
        ({"orderType": "SNAP MID"}, None),
    ],
)
def test_which_types_take_conditions(
    market: Exchange, fields: dict[str, Any], code: int | None
) -> None:
    told = market.place(conditions=[price(425.0)], **fields)
    assert codes(told) == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"type": PRICE, "price": 1.0}, 147),
        ({"type": PRICE, "conId": MSFT, "price": 1.0}, 147),
        ({"type": PRICE, "conId": 1, "exchange": "SMART", "price": 1.0}, 398),
        ({"type": EXECUTION}, 147),
        ({"type": 2}, 147),
        ({"type": TIME}, 10314),
        ({"type": TIME, "time": "soon"}, 10314),
        ({"type": PRICE, "conId": MSFT, "exchange": "SMART", "triggerMethod": 9}, 321),
    ],
)
def test_conditions_that_cannot_be_judged(
    market: Exchange, condition: dict[str, Any], code: int
) -> None:
    told = market.place(conditions=[condition])
    assert codes(told) == [code]
    assert len(told) == 1


def test_they_are_echoed(market: Exchange) -> None:
    market.place(conditions=[price(421.0)], conditionsIgnoreRth=True)
    echo = market.order().request
    assert [(one.conId, one.price) for one in echo.conditions] == [(MSFT, 421.0)]
    assert echo.conditionsIgnoreRth


@pytest.mark.parametrize(
    ("holds", "ties", "met"),
    [
        ([], [], True),
        ([True], [False], True),
        ([False], [True], False),
        ([True, False], [True, True], False),
        ([True, False], [False, True], True),
        ([False, True], [False, False], True),
        ([False, True, True], [True, True, False], False),
        ([True, True, False], [True, False, True], True),
        ([False, False, True], [True, False, True], True),
        ([False, True, False], [False, True, True], False),
    ],
)
def test_ties(holds: list[bool], ties: list[bool], met: bool) -> None:
    top = TopOfBook(1, last=10.0)
    row = [
        OrderCondition(
            type=PRICE,
            conId=1,
            isMore=True,
            price=9.0 if one else 11.0,
            isConjunctionConnection=tie,
        )
        for one, tie in zip(holds, ties, strict=True)
    ]
    world = World(
        now=datetime(2026, 1, 5, tzinfo=UTC),
        times={},
        books=lambda _con_id: top,
        cushion=lambda: Decimal(100),
        has_traded=lambda _symbol, _kind: False,
    )
    assert are_met(row, world) is met
    assert watched(row) == ((1,) if row else ())


# ---- conditions that a fill meets --------------------------------------------------------------

TRADED_MSFT = {"type": EXECUTION, "symbol": "MSFT", "secType": "STK", "exchange": "SMART"}


def test_an_execution_is_seen_without_a_tick(market: Exchange) -> None:
    market.place(1, conditions=[TRADED_MSFT])
    told = market.place(2, symbol="MSFT")
    assert market.order(1).status.value == "Filled"
    reports = [n for n, line in enumerate(told) if line.startswith("report")]
    assert reports[0] < told.index("open 1 Submitted") < reports[1]


def test_a_fill_that_meets_a_condition_may_meet_the_next(market: Exchange) -> None:
    many = 300
    last = ("MSFT", "AAPL")
    traded = {
        "MSFT": TRADED_MSFT,
        "AAPL": {**TRADED_MSFT, "symbol": "AAPL"},
    }
    market.quote("AAPL", 270.00, 270.05, 10_000)
    market.quote("MSFT", 420.00, 420.10, 10_000)
    for n in range(1, many + 1):
        other = last[n % 2]
        mine = last[(n + 1) % 2]
        market.place(n, symbol=mine, totalQuantity="1", conditions=[traded[other]])
    market.place(many + 1, symbol="MSFT", totalQuantity="1")
    assert {order.status.value for order in market.engine.book} == {"Filled"}


def test_own_executions_do_not_count(market: Exchange) -> None:
    market.place(
        1,
        symbol="MSFT",
        orderType="LMT",
        lmtPrice=421.0,
        totalQuantity="150",
        conditions=[TRADED_MSFT],
        conditionsCancelOrder=True,
    )
    assert market.order(1).filled == 100
    market.place(2, symbol="AAPL")
    assert market.order(1).is_live
    market.place(3, symbol="MSFT", action="SELL")
    assert market.order(1).status.value == "Cancelled"
