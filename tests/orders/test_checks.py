"""What the gateway is known to refuse never leaves."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.contracts import stock
from twsloop.errors import InvalidOrder
from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.orders.checks import check_order, describe, tidy
from twsloop.orders.problems import NUMBERS


def changed(order: Order, **fields: Any) -> Order:
    for name, value in fields.items():
        setattr(order, name, value)
    return order


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        (Order(), "action ''"),
        (changed(Order(), action="BUY"), "neither totalQuantity nor cashQty"),
        (changed(market_order("BUY", 1), totalQuantity=Decimal(0)), "totalQuantity 0"),
        (changed(market_order("BUY", 1), totalQuantity=Decimal(-5)), "totalQuantity -5"),
        (changed(market_order("BUY", 1), totalQuantity=Decimal(10**9)), "totalQuantity 1000000000"),
        (changed(market_order("BUY", 1), orderType=""), "orderType is empty"),
        (changed(market_order("BUY", 1), orderType="LMT"), "LMT needs lmtPrice"),
        (changed(market_order("BUY", 1), orderType="STP"), "STP needs auxPrice"),
        (changed(limit_order("BUY", 1, 1), orderType="STP LMT"), "STP LMT needs auxPrice"),
        (changed(market_order("BUY", 1), orderType="TRAIL"), "auxPrice .* or trailingPercent"),
        (
            changed(market_order("BUY", 1), orderType="TRAIL", auxPrice=1.0, trailingPercent=1.0),
            "not both",
        ),
        (
            changed(market_order("BUY", 1), orderType="TRAIL LIMIT", auxPrice=1.0),
            "lmtPrice or lmtPriceOffset",
        ),
        (changed(limit_order("BUY", 1, 1), lmtPrice=float("inf")), "lmtPrice inf"),
        (changed(limit_order("BUY", 1, 1), tif="GTD"), "GTD needs"),
        (changed(limit_order("BUY", 1, 1), whatIf=True), "what-if"),
    ],
)
def test_order_problems(order: Order, problem: str) -> None:
    with pytest.raises(InvalidOrder, match=problem):
        check_order(stock("AAPL"), order)


def contract(**fields: Any) -> Contract:
    made = Contract()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (contract(), "no exchange"),
        (contract(conId=265598), "no exchange"),
        (contract(exchange="SMART"), "neither a conId nor a secType"),
        (contract(exchange="SMART", secType="STK"), "neither a conId nor a symbol"),
        (contract(exchange="SMART", secType="BAG", symbol="A"), "two legs"),
        ("AAPL", "not an ibapi Contract"),
    ],
)
def test_contract_problems(wrong: Any, problem: str) -> None:
    with pytest.raises(InvalidOrder, match=problem):
        check_order(wrong, market_order("BUY", 1))


def test_what_is_no_order() -> None:
    with pytest.raises(InvalidOrder, match="not an ibapi Order"):
        check_order(stock("AAPL"), "BUY 100")


def test_a_contract_id_and_an_exchange_are_enough() -> None:
    check_order(contract(conId=265598, exchange="SMART"), market_order("BUY", 1))


def test_cash_quantity_instead_of_a_size() -> None:
    order = changed(Order(), action="BUY", orderType="MKT", cashQty=1000.0)
    check_order(stock("AAPL"), order)
    check_order(stock("AAPL"), changed(order, totalQuantity=Decimal(0)))


def test_descriptions() -> None:
    assert describe(limit_order("BUY", 100, "189.50")) == "BUY 100 LMT 189.5"
    assert describe(stop_order("SELL", "0.5", 180)) == "SELL 0.5 STP stop 180.0"
    assert describe(Order()) == "? ? ?"


def test_tidy_gives_ibs_encoder_the_types_it_takes() -> None:
    order = changed(
        Order(), lmtPrice="189.50", auxPrice=Decimal("1.5"), totalQuantity=100, cashQty=None
    )
    assert tidy(order) is order
    assert (order.lmtPrice, order.auxPrice) == (189.5, 1.5)
    assert isinstance(order.auxPrice, float)
    assert order.totalQuantity == Decimal(100)
    assert isinstance(order.totalQuantity, Decimal)
    for field in NUMBERS:
        made = tidy(changed(Order(), **{field: "0.25"}))
        assert getattr(made, field) == 0.25
    assert tidy(changed(Order(), cashQty=500.0)).totalQuantity == 0
    summed = changed(Order(), lmtPrice=0.1 + 0.2, totalQuantity=Decimal("1E+2"))
    assert (tidy(summed).lmtPrice, str(summed.totalQuantity)) == (0.3, "100")
    untouched = Order()
    assert vars(tidy(copy.copy(untouched))) == vars(untouched)


@pytest.mark.parametrize("field", ["lmtPrice", "auxPrice", "totalQuantity"])
def test_tidy_refuses_text_that_is_no_number(field: str) -> None:
    with pytest.raises(InvalidOrder, match=field):
        tidy(changed(Order(), **{field: "much"}))
