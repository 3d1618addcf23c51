"""Builders give IB's own Order, read prices through their decimal text, and refuse nonsense."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.order import Order

from twsloop.contracts import stock
from twsloop.errors import InvalidOrder
from twsloop.orders.builders import (
    Number,
    bracket,
    limit_order,
    market_order,
    one_cancels_all,
    stop_limit_order,
    stop_order,
    to_price,
    trailing_stop,
)
from twsloop.orders.checks import check_order


def fields(order: Order) -> dict[str, object]:
    """What differs from an order that nobody touched."""
    blank = vars(Order())
    return {
        name: value
        for name, value in vars(order).items()
        if name != "softDollarTier" and value != blank[name]
    }


def test_market() -> None:
    made = market_order("buy", 100)
    assert type(made) is Order
    assert fields(made) == {
        "action": "BUY",
        "totalQuantity": Decimal(100),
        "orderType": "MKT",
        "tif": "DAY",
    }


@pytest.mark.parametrize("price", ["189.50", Decimal("189.50"), 189.5])
@pytest.mark.parametrize("size", ["100", 100, Decimal(100), 100.0])
def test_limit(price: Number, size: Number) -> None:
    made = limit_order("SELL", size, price, tif="GTC", outsideRth=True, account="DU1")
    assert fields(made) == {
        "action": "SELL",
        "totalQuantity": Decimal(100),
        "orderType": "LMT",
        "lmtPrice": 189.5,
        "tif": "GTC",
        "outsideRth": True,
        "account": "DU1",
    }
    assert isinstance(made.totalQuantity, Decimal)


def test_stops() -> None:
    stop = stop_order("SELL", 1, "180")
    assert (stop.orderType, stop.auxPrice) == ("STP", 180.0)
    both = stop_limit_order("SELL", 1, "180", "179.5")
    assert (both.orderType, both.auxPrice, both.lmtPrice) == ("STP LMT", 180.0, 179.5)


def test_trailing() -> None:
    by_amount = trailing_stop("SELL", 1, amount="0.5", stop_price=180)
    assert (by_amount.auxPrice, by_amount.trailStopPrice) == (0.5, 180.0)
    by_percent = trailing_stop("SELL", 1, percent=2)
    assert by_percent.trailingPercent == 2.0
    bad: list[dict[str, Any]] = [{}, {"amount": 1, "percent": 1}, {"amount": 0}, {"percent": -1}]
    for wrong in bad:
        with pytest.raises(InvalidOrder):
            trailing_stop("SELL", 1, **wrong)


def test_a_negative_limit_is_a_price() -> None:
    assert limit_order("BUY", 1, "-1.25").lmtPrice == -1.25


@pytest.mark.parametrize("quantity", [0, -1, "x", "", float("nan"), float("inf"), True, None])
def test_bad_quantity(quantity: Number) -> None:
    with pytest.raises(InvalidOrder, match="quantity"):
        market_order("BUY", quantity)


@pytest.mark.parametrize("price", ["", "abc", float("nan"), float("inf"), None, False])
def test_bad_price(price: Number) -> None:
    with pytest.raises(InvalidOrder, match="limit price"):
        limit_order("BUY", 1, price)


def test_bad_action_and_bad_field() -> None:
    with pytest.raises(InvalidOrder, match="action 'HOLD'"):
        market_order("HOLD", 1)
    with pytest.raises(InvalidOrder, match="no field 'outside_rth'"):
        market_order("BUY", 1, outside_rth=True)


@given(st.decimals(-(10**6), 10**6, places=6))
def test_every_spelling_of_a_price_is_the_same_price(price: Decimal) -> None:
    assert to_price(str(price)) == to_price(price) == to_price(float(price))


def test_bracket() -> None:
    made = bracket("BUY", 10, entry="100", take_profit="110", stop_loss="95", account="DU1")
    assert [order.action for order in made] == ["BUY", "SELL", "SELL"]
    assert [order.orderType for order in made] == ["LMT", "LMT", "STP"]
    assert [order.transmit for order in made] == [False, False, True]
    assert made.parent.lmtPrice == 100.0
    assert made.take_profit.lmtPrice == 110.0
    assert made.stop_loss.auxPrice == 95.0
    assert {order.account for order in made} == {"DU1"}
    assert bracket("SELL", 10, take_profit=90, stop_loss=105).parent.orderType == "MKT"


@pytest.mark.parametrize(
    ("action", "entry", "profit", "loss"),
    [
        ("BUY", 100, 99, 95),
        ("BUY", 100, 110, 101),
        ("BUY", None, 90, 95),
        ("SELL", 100, 110, 95),
        ("BUY", 100, 100, 95),
    ],
)
def test_bracket_on_the_wrong_side(
    action: str, entry: Number, profit: Number, loss: Number
) -> None:
    with pytest.raises(InvalidOrder, match="bracket"):
        bracket(action, 1, entry=entry, take_profit=profit, stop_loss=loss)


def test_a_bracket_says_what_it_was_given_in_its_own_order() -> None:
    with pytest.raises(InvalidOrder, match="stop loss < entry < take profit, not 120, 100, 90"):
        bracket("BUY", 10, entry="100", take_profit="90", stop_loss="120")
    with pytest.raises(InvalidOrder, match="take profit < entry < stop loss, not 120, 100, 90"):
        bracket("SELL", 10, entry="100", take_profit="120", stop_loss="90")


def test_one_cancels_all() -> None:
    mine = [limit_order("BUY", 1, 100), stop_order("BUY", 1, 120)]
    made = one_cancels_all(mine, "g1", oca_type=2)
    assert [(order.ocaGroup, order.ocaType) for order in made] == [("g1", 2), ("g1", 2)]
    assert mine[0].ocaGroup == ""
    for wrong in (([mine[0]], "g", 1), (mine, "", 1), (mine, "g" * 65, 1), (mine, "g", 4)):
        with pytest.raises(InvalidOrder):
            one_cancels_all(wrong[0], wrong[1], oca_type=wrong[2])


def test_what_builders_make_passes_the_checks() -> None:
    orders = [
        market_order("BUY", 1),
        limit_order("BUY", 1, 0),
        stop_order("SELL", 1, 1),
        stop_limit_order("SELL", 1, 1, 1),
        trailing_stop("SELL", 1, percent=1),
        *bracket("BUY", 1, take_profit=2, stop_loss=1),
    ]
    for order in orders:
        check_order(stock("AAPL"), order)


def test_a_bracket_that_is_not_to_be_transmitted_is_held_whole() -> None:
    made = bracket("BUY", 100, take_profit=200, stop_loss=180, transmit=False)
    assert [order.transmit for order in made] == [False] * 3


@pytest.mark.parametrize("tif", ["IOC", "fok"])
def test_a_bracket_whose_stop_would_not_stay_is_refused(tif: str) -> None:
    with pytest.raises(InvalidOrder, match="set that of its parent"):
        bracket("BUY", 100, take_profit=200, stop_loss=180, tif=tif)
