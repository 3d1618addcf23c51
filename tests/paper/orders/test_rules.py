"""Settings, quantities, attributes and algorithms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.Order_pb2 import Order
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from tests.support.exchange import Exchange, codes
from twsloop.paper.market.vocabulary import QuoteChange
from twsloop.paper.orders.order import Status


def quoted(**rules: Any) -> Exchange:
    it = Exchange(**rules)
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    it.quote("EUR.USD", 1.1000, 1.1001, 1_000_000)
    return it


@pytest.fixture
def market() -> Exchange:
    return quoted()


# ---- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "told_codes"), [("notice", [10349]), ("day", []), ("refuse", [10052])]
)
def test_an_empty_time_in_force(setting: str, told_codes: list[int]) -> None:
    told = quoted(empty_tif=setting).place(tif="")
    assert codes(told) == told_codes


def test_the_price_band(market: Exchange) -> None:
    assert codes(market.place(1, orderType="LMT", lmtPrice=278.12)) == []
    told = market.place(2, orderType="LMT", lmtPrice=278.13)
    assert told == [
        "open 2 PreSubmitted",
        "status 2 PreSubmitted 0/100 @0",
        "open 2 PendingCancel",
        "status 2 PendingCancel 0/100 @0",
        "status 2 Cancelled 0/100 @0",
        (
            "error 2 202 Order Canceled - reason:We cannot accept an order at a limit price at or "
            "more aggressive than 278.120600"
        ),
    ]
    market.quote("AAPL", 270.00, 270.04)
    assert codes(market.place(3, action="SELL", orderType="LMT", lmtPrice=1.0)) == []
    free = quoted(price_band=None)
    assert codes(free.place(orderType="LMT", lmtPrice=1000.0)) == []


def test_direct_routing() -> None:
    direct = Contract(symbol="AAPL", secType="STK", currency="USD", exchange="NASDAQ")
    market = quoted(direct_routing="discard")
    assert market.place(contract=direct) == [
        "error 1 10329 This order will be directly routed to NASDAQ.",
        "status 1 Cancelled 0/100 @0",
        "error 1 201 Order was discarded.",
    ]
    assert codes(market.place(contract=direct)) == [103]
    assert codes(market.cancel()) == [10147]
    assert market.engine.next_order_id(7) == 2
    assert codes(quoted().place(contract=direct)) == []


def test_an_exchange_keeps_no_rest_of_a_market_order(market: Exchange) -> None:
    direct = Contract(symbol="AAPL", secType="STK", currency="USD", exchange="NASDAQ")
    told = market.place(contract=direct, totalQuantity="150")
    assert told[2].startswith("exec -1 BOT 100")
    assert told[-2] == "status 1 Cancelled 100/50 @270.05"
    assert codes(told) == [202]


def test_crossing_the_side() -> None:
    market = quoted(cross_side=True)
    market.place(1)
    assert codes(market.place(2, action="SELL", totalQuantity="150")) == [2137]
    assert codes(market.place(3, action="SELL")) == []
    assert codes(market.place(4, action="SELL")) == []


def test_a_report_under_way() -> None:
    market = quoted(accept_delay=0.2)
    assert market.place(orderType="LMT", lmtPrice=260.0) == []
    told = market.place(orderType="LMT", lmtPrice=261.0)
    assert told == ["error 1 2102 Unable to modify this order as it is still being processed."]
    market.pass_time(0.2)
    assert market.told() == ["open 1 Submitted", "status 1 Submitted 0/100 @0"] * 2
    assert market.order().request.lmtPrice == 260.0


def test_a_cancel_under_way_shows_in_what_is_reported_meanwhile() -> None:
    market = quoted(cancel_delay=0.5)
    market.place(orderType="LMT", lmtPrice=269.0)
    assert market.cancel() == []
    assert market.cancel()[0].endswith("state: PendingCancel.")
    assert codes(market.place(orderType="LMT", lmtPrice=268.0)) == [104]
    market.quote("AAPL", 268.0, 268.5, 40)
    assert market.told() == [
        "exec -1 BOT 40 @268.5 cum 40 avg 268.5",
        "open 1 PendingCancel",
        "status 1 PendingCancel 40/60 @268.5",
        "report 1.00012 USD",
    ]
    market.pass_time(0.5)
    assert market.told() == [
        "status 1 Cancelled 40/60 @268.5",
        "error 1 202 Order Canceled - reason:",
    ]


def test_a_cancel_that_comes_too_late() -> None:
    market = quoted(cancel_delay=0.5)
    market.place(orderType="LMT", lmtPrice=269.0)
    market.cancel()
    market.quote("AAPL", 268.0, 268.5)
    assert market.order().status is Status.FILLED
    market.told()
    market.pass_time(1)
    assert market.told() == []


def test_a_cancel_before_the_first_report() -> None:
    market = quoted(accept_delay=0.2, cancel_delay=0.2)
    market.place(orderType="LMT", lmtPrice=260.0)
    market.pass_time(0.1)
    market.cancel()
    market.pass_time(0.15)
    assert market.told() == ["open 1 PendingCancel", "status 1 PendingCancel 0/100 @0"] * 2
    market.pass_time(0.1)
    assert codes(market.told()) == [202]


def test_a_bracket_under_way() -> None:
    market = quoted(accept_delay=0.2)
    market.place(1, orderType="LMT", lmtPrice=260.0, transmit=False)
    market.place(2, action="SELL", orderType="LMT", lmtPrice=280.0, parentId=1)
    market.pass_time(0.2)
    assert [line.split()[1] for line in market.told()] == ["1"] * 4 + ["2"] * 4
    market.place(3, totalQuantity="10000000")
    assert codes(market.told()) == []
    market.pass_time(0.2)
    assert codes(market.told()) == [201]


# ---- quantities --------------------------------------------------------------------------------


def test_parts_of_shares() -> None:
    assert codes(quoted().place(totalQuantity="0.5")) == [10243]
    market = quoted(fractional_stocks=True)
    assert market.place(totalQuantity="0.5")[2] == "exec -1 BOT 0.5 @270.05 cum 0.5 avg 270.05"
    assert codes(market.place(2, totalQuantity="0.00001")) == [10286]
    told = market.place(
        3,
        totalQuantity="0.5",
        contract=Contract(symbol="AAPL", secType="STK", currency="USD", exchange="NYSE"),
    )
    assert codes(told) == [10247]


def test_currencies_have_no_parts(market: Exchange) -> None:
    assert codes(market.place(symbol="EUR.USD", totalQuantity="20000.5")) == [10318]


def test_cash_quantity(market: Exchange) -> None:
    told = market.place(symbol="EUR.USD", totalQuantity="", cashQty=11001.0)
    assert told[2].startswith("exec -1 BOT 10000 @1.1001")
    assert market.order().request.cashQty == 11001.0
    assert market.order().request.totalQuantity == "10000"
    assert codes(market.place(2, totalQuantity="", cashQty=1000.0)) == [10244]


def test_money_for_less_than_a_unit_buys_nothing(market: Exchange) -> None:
    told = market.place(symbol="EUR.USD", totalQuantity="", cashQty=0.5)
    assert codes(told) == [388]
    assert len(told) == 1
    assert market.order() is None


def test_crypto_currencies(market: Exchange) -> None:
    coin = next(one for one in market.feed.instruments if one.sec_type == "CRYPTO")
    size = Decimal(2)
    price = coin.reference_price
    market.happen(QuoteChange(coin.con_id, market.feed.time_ns, price, size, price, size))
    contract = coin.contract()
    assert codes(market.place(1, contract=contract, totalQuantity="0.5")) == [10289]
    told = market.place(2, contract=contract, totalQuantity="", cashQty=price / 2, tif="IOC")
    assert told[2].split()[3] == "0.5"
    assert market.order(2).status is Status.FILLED
    told = market.place(3, contract=contract, totalQuantity="1", cashQty=1000.0)
    assert codes(told) == [10293]
    told = market.place(4, contract=contract, action="SELL", totalQuantity="0.25")
    assert market.order(4).status is Status.FILLED
    told = market.place(5, contract=contract, action="SELL", totalQuantity="0.000000001")
    assert codes(told) == [10250]


# ---- attributes --------------------------------------------------------------------------------


def test_all_or_none_waits_for_a_quote_that_fills_it_whole(market: Exchange) -> None:
    market.place(orderType="LMT", lmtPrice=271.0, totalQuantity="150", allOrNone=True)
    assert market.order().status is Status.SUBMITTED
    market.quote("AAPL", 270.00, 270.10, 149)
    assert market.order().filled == 0
    market.quote("AAPL", 270.00, 270.20, 150)
    assert market.order().status is Status.FILLED


def test_a_discretionary_amount_is_taken_beyond_the_limit(market: Exchange) -> None:
    market.place(orderType="LMT", lmtPrice=270.00, discretionaryAmt=0.04)
    assert market.order().filled == 0
    market.quote("AAPL", 270.00, 270.04)
    assert market.order().status is Status.FILLED


@pytest.mark.parametrize(
    ("fields", "listed", "code"),
    [
        ({"displaySize": 10}, "ICE", 10255),
        ({"allOrNone": True}, "AON", 10257),
        ({"hidden": True}, "HID", 152),
        ({"sweepToFill": True}, "SWEEP", 10267),
        ({"postToAts": 3}, "POSTATS", 10274),
        ({"imbalanceOnly": True}, "IMB", 10342),
    ],
)
def test_attributes_that_the_contract_has_to_list(
    market: Exchange, fields: dict[str, Any], listed: str, code: int
) -> None:
    stock = market.feed.instrument("AAPL")
    assert listed in stock.order_types.split(",")
    told = market.place(1, orderType="LMT", lmtPrice=260.0, **fields)
    assert codes(told) == []
    future = next(one for one in market.feed.instruments if one.sec_type == "FUT")
    expected = [] if listed in future.order_types.split(",") else [code]
    told = market.place(
        2,
        contract=future.contract(),
        orderType="LMT",
        lmtPrice=6000.0,
        totalQuantity="20" if listed == "ICE" else "1",
        **fields,
    )
    assert codes(told) == expected


# ---- algorithms --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "parameters", "code"),
    [
        ("Adaptive", {"adaptivePriority": "Normal"}, None),
        ("Adaptive", {}, None),
        (
            "Twap",
            {
                "strategyType": "Marketable",
                "startTime": "10:00:00 US/Eastern",
                "endTime": "11:00:00 US/Eastern",
                "allowPastEndTime": "1",
            },
            None,
        ),
        ("Vwap", {"maxPctVol": "0.1", "startTime": "", "noTakeLiq": "1"}, None),
        ("VWAP", {"maxPctVol": "0.1"}, None),
        ("ArrivalPx", {"maxPctVol": "0.1", "riskAversion": "Aggressive"}, None),
        ("Magic", {}, 439),
        ("Adaptive", {"adaptivePriority": "Hasty"}, 441),
        ("Vwap", {"maxPctVol": "a lot"}, 441),
        ("Vwap", {"maxPctVol": "7"}, 441),
        ("Twap", {"startTime": "soon"}, 441),
        ("Twap", {"allowPastEndTime": "perhaps"}, 441),
        ("Twap", {"adaptivePriority": "Normal"}, 443),
    ],
)
def test_algorithms(
    market: Exchange, strategy: str, parameters: dict[str, str], code: int | None
) -> None:
    told = market.place(
        orderType="LMT", lmtPrice=270.05, algoStrategy=strategy, algoParams=parameters
    )
    if code is not None:
        assert codes(told) == [code]
        return
    assert told[-1].startswith("report")
    assert market.order().request.algoStrategy == strategy
    assert dict(market.order().request.algoParams) == parameters


def test_which_orders_an_algorithm_works(market: Exchange) -> None:
    told = market.place(orderType="STP", auxPrice=280.0, algoStrategy="Adaptive")
    assert codes(told) == [442]
    told = market.place(2, symbol="EUR.USD", totalQuantity="20000", algoStrategy="Twap")
    assert codes(told) == [442]


# ---- previews ----------------------------------------------------------------------------------


def test_a_refused_preview(market: Exchange) -> None:
    order = Order(action="BUY", orderType="MKT", tif="DAY", transmit=True, whatIf=True)
    for quantity, names, told_codes in (
        ("0", ["errMsg"], [321]),
        ("10000000", ["openOrder", "errMsg"], [201]),
        ("10", ["openOrder"], []),
    ):
        order.totalQuantity = quantity
        request = PlaceOrderRequest(orderId=1, contract=market.contract("AAPL"), order=order)
        market.engine.place(7, request, market.now)
        told = market.raw()
        assert [name for name, _ in told] == names
        assert [m.errorCode for name, m in told if name == "errMsg"] == told_codes
    assert market.engine.next_order_id(7) == 1
