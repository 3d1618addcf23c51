"""Modifying a working order: what may change, what may not, and what it costs in the queue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.OrderCondition_pb2 import OrderCondition

from tests.support.exchange import Exchange, codes
from twsloop.paper.orders.order import Status


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    return it


def low(market: Exchange, order_id: int = 1, **fields: Any) -> list[str]:
    return market.place(order_id, **{"orderType": "LMT", "lmtPrice": 260.0, **fields})


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ({}, {"orderType": "MKT"}, 329),
        ({}, {"tif": "GTC"}, 462),
        ({"tif": "GTC"}, {"tif": "DAY"}, 462),
        ({}, {"action": "SELL"}, 105),
        ({}, {"symbol": "IBM"}, 105),
        ({}, {"lmtPrice": 260.001}, 110),
        ({}, {"totalQuantity": "0"}, 321),
        ({"ocaGroup": "a"}, {"ocaGroup": "b"}, 10326),
        ({}, {"ocaGroup": "b"}, 10326),
        ({"ocaGroup": "a", "ocaType": 1}, {"ocaGroup": "a", "ocaType": 2}, 10327),
        ({}, {"parentId": 9}, 10341),
        ({"algoStrategy": "Adaptive"}, {"algoStrategy": "Twap"}, 440),
        ({}, {"totalQuantity": "1.5"}, 10243),
    ],
)
def test_refused_changes_leave_the_order_alone(
    market: Exchange, first: dict[str, Any], then: dict[str, Any], code: int
) -> None:
    low(market, **first)
    before = market.order().request.SerializeToString(deterministic=True)
    told = low(market, **{**first, **then})
    assert codes(told) == [code]
    assert len(told) == 1
    assert market.order().status is Status.SUBMITTED
    assert market.order().request.SerializeToString(deterministic=True) == before
    assert market.engine.next_order_id(7) == 2


def test_another_account(market: Exchange) -> None:
    market = Exchange("DU1", "DU2")
    low(market, account="DU1")
    assert codes(low(market, account="DU2")) == [422]


def test_what_has_ended_cannot_change(market: Exchange) -> None:
    low(market)
    market.cancel()
    assert codes(low(market)) == [104]
    market.place(2)
    assert codes(market.place(2, totalQuantity="200")) == [104]


def test_a_day_order_may_become_immediate(market: Exchange) -> None:
    low(market)
    told = low(market, tif="IOC")
    assert told[-2:] == ["status 1 Cancelled 0/100 @0", "error 1 202 Order Canceled - reason:"]


def test_an_order_whose_tif_was_set_takes_the_same_message_again(market: Exchange) -> None:
    low(market, tif="")
    assert codes(low(market, tif="", lmtPrice=261.0)) == []
    assert codes(low(market, tif="DAY", lmtPrice=262.0)) == []
    market.place(2, orderType="LMT", lmtPrice=260.0, tif="GTX")
    assert codes(market.place(2, orderType="LMT", lmtPrice=261.0, tif="GTX")) == []
    assert codes(market.place(2, orderType="LMT", lmtPrice=261.0, tif="GTC")) == []


def test_the_size_of_a_partly_filled_order(market: Exchange) -> None:
    market.place(totalQuantity="250", orderType="LMT", lmtPrice=270.05)
    told = market.place(totalQuantity="150", orderType="LMT", lmtPrice=270.05)
    assert told == ["open 1 Submitted", "status 1 Submitted 100/50 @270.05"] * 2
    for quantity in ("100", "50"):
        told = market.place(totalQuantity=quantity, orderType="LMT", lmtPrice=270.05)
        assert codes(told) == [105]
    market.quote("AAPL", 270.00, 270.04)
    assert market.told()[0] == "exec -1 BOT 50 @270.04 cum 150 avg 270.047"


def test_less_size_keeps_its_place_and_a_price_does_not(market: Exchange) -> None:
    for order_id in (1, 2, 3):
        low(market, order_id)
    low(market, 1, totalQuantity="50")
    low(market, 2, lmtPrice=259.0)
    low(market, 2, lmtPrice=260.0)
    market.quote("AAPL", 259.0, 259.5, 200)
    filled = {n: market.order(n).filled for n in (1, 2, 3)}
    assert filled == {1: 50, 2: 50, 3: 100}


def test_the_better_price_trades_first(market: Exchange) -> None:
    low(market, 1, lmtPrice=260.0)
    low(market, 2, lmtPrice=261.0)
    market.quote("AAPL", 259.0, 259.5, 100)
    assert market.order(2).status is Status.FILLED
    assert market.order(1).status is Status.SUBMITTED


def test_a_stop_moves_its_trigger(market: Exchange) -> None:
    market.place(action="SELL", orderType="STP", auxPrice=265.0)
    told = market.place(action="SELL", orderType="STP", auxPrice=266.0)
    assert told == ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0 trigger"] * 2
    market.trade("AAPL", 266.0)
    assert market.order().status is Status.FILLED


def test_a_changed_trailing_order_goes_on_from_where_it_is(market: Exchange) -> None:
    market.place(action="SELL", orderType="TRAIL", auxPrice=1.0)
    market.trade("AAPL", 275.0)
    market.place(action="SELL", orderType="TRAIL", auxPrice=2.0)
    assert market.order().stop_price == 274
    market.trade("AAPL", 277.0)
    assert market.order().stop_price == 275


def test_a_child_is_changed_by_what_it_was_placed_with(market: Exchange) -> None:
    low(market, 1, transmit=False)
    child: dict[str, Any] = {"action": "SELL", "orderType": "LMT", "parentId": 1}
    market.place(2, lmtPrice=280.0, **child)
    told = market.place(2, lmtPrice=281.0, **child)
    assert told == ["open 2 PreSubmitted", "status 2 PreSubmitted 0/100 @0 child"] * 2
    group = market.order(2).oca_group
    told = market.place(2, lmtPrice=282.0, ocaGroup=group, **child)
    assert codes(told) == []
    assert market.order(2).request.ocaGroup == group
    assert market.order(2).request.parentPermId == market.order(1).perm_id
    child["parentId"] = 0
    assert codes(market.place(2, lmtPrice=282.0, **child)) == [10341]


def test_an_untransmitted_order_is_changed_unseen(market: Exchange) -> None:
    assert low(market, transmit=False) == []
    assert low(market, transmit=False, lmtPrice=261.0) == []
    told = low(market, lmtPrice=262.0)
    assert told == ["open 1 Submitted", "status 1 Submitted 0/100 @0"] * 2
    assert market.order().request.lmtPrice == 262.0


def test_monetary_and_fractional_orders_cannot_change() -> None:
    market = Exchange(fractional_stocks=True)
    market.quote("AAPL", 270.00, 270.05)
    market.quote("EUR.USD", 1.1000, 1.1001, 1_000_000)
    low(market, 1, totalQuantity="1.5")
    assert codes(low(market, 1, totalQuantity="1.5", lmtPrice=261.0)) == [10242]
    cash: dict[str, Any] = {"symbol": "EUR.USD", "orderType": "LMT", "totalQuantity": ""}
    market.place(2, lmtPrice=1.05, cashQty=21000.0, **cash)
    assert market.order(2).total == 20000
    assert codes(market.place(2, lmtPrice=1.06, cashQty=21000.0, **cash)) == [10241]


@pytest.mark.parametrize(
    "then", [{"lmtPrice": 300.0}, {"totalQuantity": "99999999"}], ids=["band", "margin"]
)
def test_new_values_pass_what_a_new_order_passes(market: Exchange, then: dict[str, Any]) -> None:
    low(market)
    told = low(market, **then)
    assert codes(told) == [201]
    assert told[1:] == ["open 1 Submitted", "status 1 Submitted 0/100 @0"]
    order = market.order()
    assert (order.status, order.total, order.limit_price) == (Status.SUBMITTED, 100, 260)
    assert codes(low(market, lmtPrice=261.0)) == []


def test_what_is_left_of_a_market_to_limit_order_keeps_its_limit(market: Exchange) -> None:
    market.quote("AAPL", 270.00, 270.05, 40)
    market.place(orderType="MTL")
    assert market.order().limit_price == Decimal("270.05")
    market.place(orderType="MTL", totalQuantity="90")
    assert market.order().limit_price == Decimal("270.05")
    market.quote("AAPL", 280.0, 281.0, 200)
    assert market.order().filled == 40


def falls_to(price: float) -> OrderCondition:
    return OrderCondition(
        type=1,
        conId=265598,
        exchange="SMART",
        price=price,
        isMore=False,
        isConjunctionConnection=True,
    )


def test_conditions_that_were_met_stay_met(market: Exchange) -> None:
    low(market, conditions=[falls_to(269.0)])
    assert market.order().awaits_conditions
    low(market, conditions=[falls_to(269.0)], lmtPrice=261.0)
    assert market.order().awaits_conditions
    market.trade("AAPL", 268.9)
    market.trade("AAPL", 270.0)
    low(market, conditions=[falls_to(269.0)], lmtPrice=262.0)
    assert not market.order().awaits_conditions
    low(market, conditions=[falls_to(265.0)], lmtPrice=262.0)
    assert market.order().awaits_conditions
    assert market.order().status is Status.PRE_SUBMITTED
    market.quote("AAPL", 259.9, 260.0)
    assert market.order().filled == 0
    market.trade("AAPL", 265.0)
    assert market.order().status is Status.FILLED


def test_a_later_start_holds_a_working_order(market: Exchange) -> None:
    low(market)
    told = low(market, goodAfterTime="20260105 10:00:00 US/Eastern")
    assert told == ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0"] * 2
    market.quote("AAPL", 259.9, 260.0)
    assert market.told() == []
    market.pass_time(1800)
    assert market.order().status is Status.FILLED


def test_a_changed_stop_is_told_that_hours_are_ignored(market: Exchange) -> None:
    stop: dict[str, Any] = {"action": "SELL", "orderType": "STP", "auxPrice": 265.0}
    market.place(**stop)
    told = market.place(**stop, outsideRth=True)
    assert codes(told[:1]) == [2109]
    assert told[1:] == ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0 trigger"] * 2
    assert not market.order().request.outsideRth


def test_a_changed_order_is_charged_like_a_new_one(market: Exchange) -> None:
    """Reference ``matching_engine.md`` 4; so is one that is carried into another session."""
    order: dict[str, Any] = {"orderType": "LMT", "lmtPrice": 270.05, "totalQuantity": "400"}
    market.place(**order, tif="GTC")
    market.quote("AAPL", 270.00, 270.04)
    fees = [one.commission for one in market.order().executions]
    assert fees == [Decimal("1.0003"), Decimal("0.0003")]
    market.place(**{**order, "totalQuantity": "390"}, tif="GTC")
    market.quote("AAPL", 270.00, 270.03, 90)
    assert market.order().executions[-1].commission == Decimal("1.00027")
    market.pass_time(86_400)
    market.quote("AAPL", 270.00, 270.02)
    assert market.order().status is Status.FILLED
    assert market.order().executions[-1].commission == Decimal("1.0003")
    assert market.account.balance() == {"USD": 1_000_000}
