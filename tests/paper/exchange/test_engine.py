"""The event scripts, one test a script, and what must hold whatever happens."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.Order_pb2 import Order
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from tests.support.exchange import ACCOUNT, NOW, Exchange, brief
from twsloop.paper.orders.order import Status

D = Decimal


@pytest.fixture
def market() -> Exchange:
    return market_of_one_share()


def market_of_one_share(*, keeps_hours: bool = False) -> Exchange:
    it = Exchange(keeps_hours=keeps_hours)
    it.quote("AAPL", 270.00, 270.05, 100)
    it.trade("AAPL", 270.02)
    return it


def test_market_order_fills_at_the_ask(market: Exchange) -> None:
    assert market.place() == [
        "open 1 Submitted",
        "status 1 Submitted 0/100 @0",
        "exec -1 BOT 100 @270.05 cum 100 avg 270.05",
        "open 1 Filled",
        "status 1 Filled 100/0 @270.05",
        "open 1 Filled 1.0003",
        "status 1 Filled 100/0 @270.05",
        "report 1.0003 USD",
    ]


def test_closing_fill_reports_what_it_realized(market: Exchange) -> None:
    market.place()
    told = market.place(2, action="SELL")
    sec_and_taf = 0.0000206 * 27000 + 0.0195
    cost = round(1.0003 + sec_and_taf, 6)
    assert told[-1] == f"report {cost:g} USD pnl {-5 - 1.0003 - cost:g}"


def test_limit_order_rests_and_fills_when_the_ask_comes(market: Exchange) -> None:
    pair = ["open 1 Submitted", "status 1 Submitted 0/100 @0"]
    assert market.place(orderType="LMT", lmtPrice=270.00) == pair + pair
    market.quote("AAPL", 270.00, 270.01)  # touching the own side fills nothing
    assert market.told() == []
    market.quote("AAPL", 269.90, 269.95)
    assert market.told()[0] == "exec -1 BOT 100 @269.95 cum 100 avg 269.95"


def test_partial_fills_at_successive_quotes(market: Exchange) -> None:
    market.quote("AAPL", 270.00, 270.05, 40)
    told = market.place()
    assert told[2:] == [
        "exec -1 BOT 40 @270.05 cum 40 avg 270.05",
        "open 1 Submitted",
        "status 1 Submitted 40/60 @270.05",
        "report 1.00012 USD",
    ]
    market.quote("AAPL", 269.99, 270.05, 40)  # the ask that stands gave its 40 already
    assert market.told() == []
    market.quote("AAPL", 269.99, 270.10, 40)
    assert market.told()[0] == "exec -1 BOT 40 @270.1 cum 80 avg 270.075"
    market.quote("AAPL", 269.99, 270.10, 20)
    assert market.told()[-1] == "report 6e-05 USD"
    assert market.order(1).status is Status.FILLED


def test_orders_of_two_clients_share_the_displayed_size(market: Exchange) -> None:
    market.place(1, client=7, totalQuantity="70")
    told = market.place(1, client=8, totalQuantity="70")
    assert told[2] == "exec -1 BOT 30 @270.05 cum 30 avg 270.05"


def test_market_order_without_a_quote_is_held(market: Exchange) -> None:
    market.quote("AAPL", 270.00, None)
    told = market.place()
    assert told == ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0"] * 2
    market.quote("AAPL", 270.00, 270.20)
    assert market.told()[0] == "exec -1 BOT 100 @270.2 cum 100 avg 270.2"


def test_stop_waits_for_the_last_price(market: Exchange) -> None:
    told = market.place(action="SELL", orderType="STP", auxPrice=269.50)
    assert told == ["open 1 PreSubmitted", "status 1 PreSubmitted 0/100 @0 trigger"] * 2
    market.quote("AAPL", 269.40, 269.60)  # a quote alone does not trigger
    assert market.told() == []
    market.trade("AAPL", 269.50)
    told = market.told()
    assert told[:3] == [
        "open 1 Submitted",
        "status 1 Submitted 0/100 @0",
        "exec -1 SLD 100 @269.4 cum 100 avg 269.4",
    ]


def test_stop_limit_becomes_a_limit_order(market: Exchange) -> None:
    market.place(orderType="STP LMT", auxPrice=271.0, lmtPrice=271.10)
    market.quote("AAPL", 271.30, 271.40)
    market.trade("AAPL", 271.20)
    assert market.told() == ["open 1 Submitted", "status 1 Submitted 0/100 @0"]
    market.quote("AAPL", 271.00, 271.10)
    assert market.told()[0] == "exec -1 BOT 100 @271.1 cum 100 avg 271.1"


def test_currency_stop_is_triggered_by_the_quote(market: Exchange) -> None:
    market.quote("EUR.USD", 1.1000, 1.1001, 1_000_000)
    told = market.place(symbol="EUR.USD", orderType="STP", auxPrice=1.1010, totalQuantity="20000")
    assert told[1] == "status 1 PreSubmitted 0/20000 @0 trigger"
    market.quote("EUR.USD", 1.1010, 1.1011, 1_000_000)
    told = market.told()
    assert told[2] == "exec -1 BOT 20000 @1.1011 cum 20000 avg 1.1011"
    assert told[-1] == "report 2 USD"


def test_user_cancel(market: Exchange) -> None:
    market.place(orderType="LMT", lmtPrice=260.0)
    assert market.cancel() == [
        "status 1 Cancelled 0/100 @0",
        "error 1 202 Order Canceled - reason:",
    ]
    assert market.cancel() == [
        "error 1 10148 OrderId 1 that needs to be cancelled cannot be cancelled, state: Cancelled."
    ]
    assert market.cancel(99) == [
        "error 99 10147 OrderId 99 that needs to be cancelled is not found."
    ]
    assert market.cancel(1, client=8)[0].startswith("error 1 10147 ")


def test_cancel_of_a_partly_filled_order_keeps_its_open_size(market: Exchange) -> None:
    market.place(totalQuantity="250")
    assert market.cancel()[0] == "status 1 Cancelled 100/150 @270.05"


def test_global_cancel(market: Exchange) -> None:
    market.place(1)
    market.place(2, orderType="LMT", lmtPrice=260.0)
    market.place(5, client=8, orderType="LMT", lmtPrice=260.0)
    market.engine.cancel_all(7, NOW)
    told = market.engine.take()
    assert [(client, brief(name, m)) for client, name, m in told] == [
        (
            7,
            (
                "error 1 161 Cancel attempted when order is not in a cancellable state. "
                "Order permId =1000000001"
            ),
        ),
        (7, "status 2 Cancelled 0/100 @0"),
        (7, "error 2 202 Order Canceled - reason:"),
        (8, "status 5 Cancelled 0/100 @0"),
        (8, "error 5 202 Order Canceled - reason:"),
    ]


def test_modify(market: Exchange) -> None:
    market.place(orderType="LMT", lmtPrice=260.0)
    pair = ["open 1 Submitted", "status 1 Submitted 0/50 @0"]
    assert market.place(orderType="LMT", lmtPrice=261.0, totalQuantity="50") == pair + pair
    told = market.place(orderType="LMT", lmtPrice=271.0, totalQuantity="50")
    assert told[2] == "exec -1 BOT 50 @270.05 cum 50 avg 270.05"
    assert market.place(orderType="LMT", lmtPrice=1.0) == [
        "error 1 104 Cannot modify a filled order."
    ]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"orderType": "MKT"}, 329),
        ({"tif": "GTC"}, 462),
        ({"action": "SELL"}, 105),
        ({"symbol": "IBM"}, 105),
        ({"lmtPrice": 260.001}, 110),
    ],
)
def test_refused_modification_leaves_the_order_as_it_was(
    market: Exchange, changed: dict[str, Any], code: int
) -> None:
    market.place(orderType="LMT", lmtPrice=260.0)
    fields: dict[str, Any] = {"orderType": "LMT", "lmtPrice": 261.0, **changed}
    told = market.place(**fields)
    assert [line.split()[:3] for line in told] == [["error", "1", str(code)]]
    order = market.order(1)
    assert order.limit_price == 260
    assert order.status is Status.SUBMITTED


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"action": "HOLD"}, "321 Error validating request.-'bH' : cause - Invalid side: HOLD"),
        (
            {"orderType": "MOO"},
            "321 Error validating request.-'bF' : cause - Invalid order type was entered",
        ),
        (
            {"orderType": "PEG MKT"},
            "387 Unsupported order type for this exchange and security type.",
        ),
        (
            {"totalQuantity": "0"},
            "321 Error validating request.-'bH' : cause - The size value cannot be zero:",
        ),
        (
            {"totalQuantity": ""},
            "321 Error validating request.-'bH' : cause - The size value cannot be zero:",
        ),
        (
            {"totalQuantity": "many"},
            (
                "320 Error reading request. Unable to parse field: 'Total Quantity' "
                "for input string: 'many'"
            ),
        ),
        (
            {"totalQuantity": "NaN"},
            (
                "320 Error reading request. Unable to parse field: 'Total Quantity' "
                "for input string: 'NaN'"
            ),
        ),
        (
            {"orderType": "STP"},
            "321 Error validating request.-'bH' : cause - Please enter a stop price",
        ),
        (
            {"whatIf": True, "transmit": False},
            (
                "321 Error validating request.-'v' : cause - "
                "What-If order should have transmit flag set to TRUE."
            ),
        ),
        (
            {"orderType": "LMT", "lmtPrice": 260.001},
            "110 The price does not conform to the minimum price variation for this contract.",
        ),
        (
            {"totalQuantity": "0.5"},
            (
                "10243 Fractional-sized order cannot be placed via API. "
                "Please use desktop version to place this order."
            ),
        ),
        ({"symbol": "NOPE"}, "200 No security definition has been found for the request"),
        ({"order_id": 0}, "10149 Invalid order id: 0"),
        ({"tif": "SOON"}, "10052 Invalid time in force"),
        (
            {"account": "DU999"},
            "321 Error validating request.-'bH' : cause - The account DU999 is not known.",
        ),
    ],
)
def test_local_refusal_is_one_error(market: Exchange, fields: dict[str, Any], told: str) -> None:
    ident = fields.get("order_id", 1)
    assert market.place(**fields) == [f"error {ident} {told}"]
    # An id that was sent is not handed out again; a what-if uses none.
    assert market.engine.next_order_id(7) == (1 if "whatIf" in fields else ident + 1)


def test_duplicate_order_id(market: Exchange) -> None:
    market.place(5, orderType="LMT", lmtPrice=260.0)
    assert market.place(4) == ["error 4 103 Duplicate order id"]
    assert market.place(4, client=8)[0] == "open 4 Submitted"  # ids belong to a client id
    assert market.engine.next_order_id(7) == 6
    assert market.engine.next_order_id(9) == 1


def test_broker_reject(market: Exchange) -> None:
    pair = ["open 1 Inactive", "status 1 Inactive 0/100 @0"]
    told = market.place(tif="AUC")
    assert told == [
        *pair,
        (
            "error 1 201 Order rejected - reason:The time-in-force AUC is invalid for this "
            "combination of exchange and security type"
        ),
        *pair,
    ]
    assert market.cancel()[0].endswith("state: Inactive.")


def test_an_order_no_account_can_carry(market: Exchange) -> None:
    told = market.place(totalQuantity="1000000")
    assert told[0] == "open 1 Inactive"
    assert told[2].startswith("error 1 201 Order rejected - reason:YOUR ORDER IS NOT ACCEPTED.")


def test_empty_time_in_force_becomes_day(market: Exchange) -> None:
    told = market.place(tif="")
    assert told[0] == "error 1 10349 Order TIF was set to DAY based on order preset."
    assert told[-2] == "status 1 Filled 100/0 @270.05"


def test_outside_rth_is_ignored_for_a_stop(market: Exchange) -> None:
    told = market.place(orderType="STP", auxPrice=280.0, outsideRth=True)
    assert told[0].startswith("error 1 2109 ")
    assert market.order(1).request.outsideRth is False


def test_immediate_or_cancel(market: Exchange) -> None:
    told = market.place(orderType="LMT", lmtPrice=260.0, tif="IOC")
    assert told[2:] == [
        "open 1 PendingCancel",
        "status 1 PendingCancel 0/100 @0",
        "status 1 Cancelled 0/100 @0",
        "error 1 202 Order Canceled - reason:",
    ]


def test_what_if_places_nothing(market: Exchange) -> None:
    market.engine.place(
        7,
        PlaceOrderRequest(
            orderId=9,
            contract=Contract(symbol="AAPL", secType="STK", currency="USD", exchange="SMART"),
            order=Order(
                action="BUY", totalQuantity="100", orderType="MKT", whatIf=True, transmit=True
            ),
        ),
        NOW,
    )
    ((client, name, told),) = market.engine.take()
    assert (client, name) == (7, "openOrder")
    message: Any = told
    state = message.orderState
    assert (state.status, state.initMarginBefore) == ("PreSubmitted", 0.0)
    assert state.initMarginAfter == pytest.approx(0.25 * 100 * 270.02)
    assert state.equityWithLoanBefore == 1_000_000
    assert state.commissionAndFees == 1.0003
    assert market.order(9) is None


def test_bracket(market: Exchange) -> None:
    assert market.place(1, orderType="LMT", lmtPrice=270.0, transmit=False) == []
    profit: dict[str, Any] = {
        "action": "SELL",
        "orderType": "LMT",
        "lmtPrice": 275.0,
        "parentId": 1,
    }
    assert market.place(2, transmit=False, **profit) == []
    loss: dict[str, Any] = {"action": "SELL", "orderType": "STP", "auxPrice": 265.0, "parentId": 1}
    told = market.place(3, **loss)
    assert told == [
        *["open 1 Submitted", "status 1 Submitted 0/100 @0"] * 2,
        *["open 2 PreSubmitted", "status 2 PreSubmitted 0/100 @0 child"] * 2,
        *["open 3 PreSubmitted", "status 3 PreSubmitted 0/100 @0 child,trigger"] * 2,
    ]
    orders = [market.order(n) for n in (1, 2, 3)]
    perm_ids = [o.perm_id for o in orders]
    assert perm_ids == [perm_ids[0], perm_ids[0] + 1, perm_ids[0] + 2]
    assert orders[1].request.ocaGroup == str(perm_ids[0])
    market.quote("AAPL", 269.90, 270.00)
    told = market.told()
    assert "open 2 Submitted" in told
    assert "status 3 PreSubmitted 0/100 @0 trigger" in told
    market.quote("AAPL", 275.00, 275.10)
    told = market.told()
    assert told[0] == "exec -1 SLD 100 @275 cum 100 avg 275"
    assert told[-2:] == [
        "status 3 Cancelled 0/100 @0",
        "error 3 202 Order Canceled - reason:",
    ]


def test_a_bracket_whose_parent_and_first_child_fill_at_once(market: Exchange) -> None:
    market.quote("AAPL", 270.00, 270.05, 1000)
    market.place(1, transmit=False)
    market.place(2, action="SELL", orderType="LMT", lmtPrice=269.0, parentId=1, transmit=False)
    told = market.place(3, action="SELL", orderType="STP", auxPrice=265.0, parentId=1)
    assert told[-2:] == ["status 3 Cancelled 0/100 @0", "error 3 202 Order Canceled - reason:"]
    assert market.account.quantity(265598) == 0


def test_a_bracket_whose_parent_is_rejected(market: Exchange) -> None:
    market.place(1, totalQuantity="1000000", transmit=False)
    told = market.place(2, action="SELL", orderType="LMT", lmtPrice=275.0, parentId=1)
    assert [line.split()[1:3] for line in told if line.startswith("status")] == [
        ["1", "Inactive"],
        ["1", "Inactive"],
        ["2", "Cancelled"],
    ]


def test_a_childs_partial_fill_reduces_its_sibling(market: Exchange) -> None:
    market.place(1, transmit=False)
    market.place(2, action="SELL", orderType="LMT", lmtPrice=275.0, parentId=1, transmit=False)
    market.place(3, action="SELL", orderType="STP", auxPrice=265.0, parentId=1)
    market.quote("AAPL", 275.00, 275.10, 40)
    told = market.told()
    assert told[-2:] == ["open 3 PreSubmitted", "status 3 PreSubmitted 0/60 @0 trigger"]
    assert market.order(3).request.totalQuantity == "60"
    assert market.cancel(2)[-2:] == [
        "status 3 Cancelled 0/60 @0",
        "error 3 202 Order Canceled - reason:",
    ]
    assert market.account.quantity(265598) == 60


@pytest.mark.parametrize(("oca_type", "left"), [(1, None), (2, "60"), (0, "60")])
def test_one_cancels_all(market: Exchange, oca_type: int, left: str | None) -> None:
    group: dict[str, Any] = {"ocaGroup": "mine", "ocaType": oca_type}
    market.place(1, orderType="LMT", lmtPrice=269.0, **group)
    market.place(2, orderType="LMT", lmtPrice=268.0, **group)
    market.place(3, orderType="LMT", lmtPrice=268.0)
    market.quote("AAPL", 268.90, 269.00, 40)
    market.told()
    other = market.order(2)
    if left is None:
        assert other.status is Status.CANCELLED
    else:
        assert (other.status, other.request.totalQuantity) == (Status.SUBMITTED, left)
    assert market.order(3).status is Status.SUBMITTED
    market.cancel(1)
    assert market.order(2).status is Status.CANCELLED


def test_a_group_cannot_change(market: Exchange) -> None:
    market.place(1, orderType="LMT", lmtPrice=260.0, ocaGroup="a")
    told = market.place(1, orderType="LMT", lmtPrice=260.0, ocaGroup="b")
    assert told == ["error 1 10326 OCA group revision is not allowed"]


def test_nothing_fills_while_trading_is_halted(market: Exchange) -> None:
    market.place(orderType="LMT", lmtPrice=269.0)
    market.halt("AAPL")
    assert market.place(2) == ["error 2 154 Orders cannot be transmitted for a halted security."]
    market.quote("AAPL", 268.0, 268.10)
    assert market.told() == []
    market.halt("AAPL", 0)
    assert market.told()[0] == "exec -1 BOT 100 @268.1 cum 100 avg 268.1"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"minQty": 10}, 10256),
        ({"blockOrder": True}, 10266),
        ({"scalePriceIncrement": 0.05}, 321),
        ({"hedgeType": "B"}, 321),
        ({"adjustedOrderType": "STP"}, 321),
        ({"triggerPrice": 5.0}, 361),
        ({"cashQty": 1000.0}, 10244),
        ({"ocaGroup": "x" * 65}, 401),
    ],
)
def test_what_would_change_the_fill_and_is_not_worked_is_refused(
    market: Exchange, fields: dict[str, Any], code: int
) -> None:
    told = market.place(**fields)
    assert [line.split()[:3] for line in told] == [["error", "1", str(code)]]


def test_unset_values_are_no_values(market: Exchange) -> None:
    unset: dict[str, Any] = {
        "minQty": 2147483647,
        "postToAts": 2147483647,
        "cashQty": 1.7976931348623157e308,
    }
    told = market.place(adjustedOrderType="None", **unset)
    assert told[0] == "open 1 Submitted"


def test_cancelling_the_parent_cancels_its_children(market: Exchange) -> None:
    market.place(1, orderType="LMT", lmtPrice=260.0, transmit=False)
    market.place(2, action="SELL", orderType="LMT", lmtPrice=275.0, parentId=1)
    assert [line.split()[1:3] for line in market.cancel(1)] == [
        ["1", "Cancelled"],
        ["1", "202"],
        ["2", "Cancelled"],
        ["2", "202"],
    ]
    assert market.place(3, parentId=1, action="SELL", orderType="LMT", lmtPrice=9.0)[0].startswith(
        "error 3 321 "
    )


def test_off_hours_order_waits_with_399() -> None:
    market = market_of_one_share(keeps_hours=True)
    night = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
    request = PlaceOrderRequest(
        orderId=1,
        contract=Contract(symbol="AAPL", secType="STK", currency="USD", exchange="SMART"),
        order=Order(action="BUY", totalQuantity="1", orderType="MKT", tif="DAY", transmit=True),
    )
    market.engine.place(7, request, night)
    assert market.told() == [
        (
            "error 1 399 Order Message:\nBUY 1 AAPL NASDAQ.NMS\nWarning: your order will not be "
            "placed at the exchange until 2026-01-05 09:30:00 US/Eastern"
        ),
        *["open 1 PreSubmitted", "status 1 PreSubmitted 0/1 @0"] * 2,
    ]
    market.quote("AAPL", 270.0, 270.10)
    assert market.told()[0] == "exec -1 BOT 1 @270.1 cum 1 avg 270.1"


def test_echo_of_a_fresh_order(market: Exchange) -> None:
    market.place(orderType="LMT", lmtPrice=260.0, orderRef="mine", tif="GTC")
    echo = market.order(1).request
    assert (echo.clientId, echo.orderId, echo.permId) == (7, 1, 1_000_000_001)
    assert (echo.account, echo.orderRef, echo.auxPrice) == (ACCOUNT, "mine", 0.0)
    assert (echo.trailStopPrice, echo.usePriceMgmtAlgo, echo.ocaType) == (261.0, 1, 3)
    assert echo.autoCancelDate == "20260630 16:00:00 US/Eastern"
    assert not echo.HasField("transmit")


def test_execution_facts(market: Exchange) -> None:
    market.place()
    fill = market.engine.executions[0]
    assert re.fullmatch(r"[0-9a-f]{8}\.[0-9a-f]{8}\.01\.01", fill.exec_id)
    assert fill.exchange == "NASDAQ"
    assert fill.realized is None


def test_several_accounts_need_a_choice() -> None:
    market = Exchange("DU1", "DU2")
    market.quote("AAPL", 270.0, 270.1)
    assert market.place()[0].endswith("cause - You must specify an account.")
    market.place(account="DU2")
    assert market.engine.accounts["DU2"].quantity(265598) == 100
    assert market.engine.accounts["DU1"].quantity(265598) == 0
