"""When an order fills, at what price, and how much."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.Order_pb2 import Order

from tests.support.exchange import Exchange
from twsloop.paper.accounts.commissions import OrderCharges, Rates
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders.matching import Liquidity, Match, match, reached
from twsloop.paper.orders.order import OrderEvent, PaperOrder
from twsloop.paper.orders.order_book import PaperBook

D = Decimal


def book(bid: float | None = 10.0, ask: float | None = 10.05, size: int = 100) -> TopOfBook:
    return TopOfBook(
        1,
        bid=bid,
        bid_size=None if bid is None else D(size),
        ask=ask,
        ask_size=None if ask is None else D(size),
    )


def order(action: str = "BUY", total: int = 100, **fields: Any) -> PaperOrder:
    sec_type = str(fields.pop("sec_type", "STK"))
    it = PaperOrder(
        client_id=1,
        order_id=1,
        perm_id=1,
        account="DU1",
        instrument=SimpleNamespace(con_id=1, sec_type=sec_type),
        contract=None,
        request=Order(action=action),
        charges=OrderCharges(Rates(), sec_type, action == "SELL"),
        total=D(total),
        order_type="MKT",
    )
    for name, value in fields.items():
        setattr(it, name, value)
    it.happen(OrderEvent.WORK)
    return it


def liquidity(top: TopOfBook) -> Liquidity:
    it = Liquidity()
    it.refresh(top)
    return it


@pytest.mark.parametrize(
    ("action", "limit", "bid", "ask", "price"),
    [
        ("BUY", None, 10.0, 10.05, "10.05"),
        ("SELL", None, 10.0, 10.05, "10.0"),
        ("BUY", "10.05", 10.0, 10.05, "10.05"),
        ("BUY", "11", 10.0, 10.05, "10.05"),  # the quote, not the limit
        ("BUY", "10.04", 10.0, 10.05, None),
        ("SELL", "0.50", 0.25, 0.50, None),  # IB's example: touching the ask fills no sale
        ("SELL", "0.50", 0.50, 0.75, "0.5"),
        ("BUY", None, 10.0, None, None),
        ("SELL", None, None, 10.05, None),
    ],
)
def test_marketable(
    action: str, limit: str | None, bid: float | None, ask: float | None, price: str | None
) -> None:
    wanted = order(action, limit_price=None if limit is None else D(limit))
    found = match(wanted, liquidity(book(bid, ask)))
    assert found == (None if price is None else Match(D(100), D(price)))


def test_a_fill_is_at_most_what_is_displayed() -> None:
    left = liquidity(book(size=40))
    found = match(order(total=100), left)
    assert found is not None
    assert found.quantity == 40
    left.take(True, found.quantity)
    assert match(order(total=100), left) is None
    assert match(order("SELL", 10), left) == Match(D(10), D("10.0"))


def test_a_changed_side_is_whole_again_and_the_other_is_not() -> None:
    left = liquidity(book(size=40))
    left.take(True, D(40))
    left.take(False, D(30))
    left.refresh(book(size=40))
    assert (left.bid_left, left.ask_left) == (D(10), D(0))
    left.refresh(book(ask=10.06, size=40))
    assert (left.bid_left, left.ask_left) == (D(10), D(40))


@pytest.mark.parametrize(
    "held", [{"elected": False}, {"waits_for_parent": True}], ids=["trigger", "parent"]
)
def test_held_orders_do_not_fill(held: dict[str, Any]) -> None:
    assert match(order(**held), liquidity(book())) is None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 300)), max_size=20),
    st.integers(0, 500),
)
def test_never_more_than_displayed(wanted: list[tuple[bool, int]], size: int) -> None:
    left = liquidity(book(size=size))
    taken = {True: D(0), False: D(0)}
    for is_buy, total in wanted:
        found = match(order("BUY" if is_buy else "SELL", total), left)
        if found is not None:
            assert 0 < found.quantity <= total
            left.take(is_buy, found.quantity)
            taken[is_buy] += found.quantity
    assert taken[True] <= size
    assert taken[False] <= size


def test_the_book_finds_orders_by_owner_and_by_instrument() -> None:
    held = PaperBook()
    first = order()
    first.perm_id = held.take_perm_id()
    held.add(first)
    held.settle(first)
    assert held.find(1, 1) is first
    assert held.find(2, 1) is None
    assert held.live(1) == (first,)
    assert held.highest_id(1) == 1
    first.happen(OrderEvent.CANCEL)
    held.settle(first)
    assert held.live(1) == ()
    assert not held.has_live(1)
    assert held.completed() == (first,)


def test_a_fill_must_fit() -> None:
    it = order(total=10)
    with pytest.raises(ValueError, match="does not fit"):
        it.fill(D(11), D(1))
    with pytest.raises(ValueError, match="does not fit"):
        it.fill(D(0), D(1))


# ---- orders that rest --------------------------------------------------------------------------


def looked_at(market: Exchange) -> list[int]:
    """The orders that the standing quote of AAPL has to be shown to."""
    con_id = 265598
    orders = market.engine.book.live(con_id)
    return [order.order_id for order in reached(orders, market.feed.book(con_id))]


def test_limit_orders_that_rest_are_not_looked_at() -> None:
    market = Exchange()
    market.quote("AAPL", 270.00, 270.05)
    market.trade("AAPL", 270.02)
    market.place(1, orderType="LMT", lmtPrice=269.0)
    market.place(2, orderType="LMT", lmtPrice=271.0, action="SELL")
    market.place(3, orderType="STP", auxPrice=275.0)
    market.place(4, orderType="LMT", lmtPrice=268.0, discretionaryAmt=1.5)
    assert looked_at(market) == [3]
    apply = market.feed.book(265598).apply
    apply(market.feed.quote("AAPL", 268.5, 269.5))
    assert looked_at(market) == [3, 4]
    apply(market.feed.quote("AAPL", 268.5, 269.0))
    assert looked_at(market) == [1, 3, 4]
    apply(market.feed.quote("AAPL", 271.0, 271.05))
    assert looked_at(market) == [2, 3]
    apply(market.feed.quote("AAPL", None, None))
    assert looked_at(market) == [3]


def test_a_quote_that_reaches_nobody_is_a_new_quote() -> None:
    market = Exchange()
    market.quote("AAPL", 270.00, 270.05)
    market.trade("AAPL", 270.02)
    market.place(1, orderType="LMT", lmtPrice=269.5, totalQuantity="150")
    market.quote("AAPL", 269.0, 269.5)
    assert market.order().filled == 100
    market.quote("AAPL", 270.0, 270.05)
    market.quote("AAPL", 269.0, 269.5)
    assert market.order().filled == 150


def test_a_changed_order_is_looked_at_again() -> None:
    market = Exchange()
    market.quote("AAPL", 270.00, 270.05)
    market.trade("AAPL", 270.02)
    market.place(1, orderType="LMT", lmtPrice=269.0)
    market.halt("AAPL")
    market.place(1, orderType="LMT", lmtPrice=270.05)
    market.halt("AAPL", 0)
    assert market.order().filled == 100
