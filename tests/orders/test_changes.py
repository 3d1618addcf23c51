"""Changing, cancelling and replacing orders when the order is not where one thinks it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import uvloop
from ibapi.order import Order

from tests.orders.test_sessions import Raw, buy, config, connected, until, working
from tests.support.desk import PATIENCE, Desk, config_for, open_desk, open_paper
from tests.support.fake_tws import FakeTws, error, message, open_order, order_status
from tests.support.orders import filled_contract, with_fields
from twsloop.contracts import option, stock
from twsloop.errors import InvalidOrder, OrderError, OrdersRefused, RequestError
from twsloop.gateway import IBGateway
from twsloop.orders.attributes import by_cash
from twsloop.orders.builders import (
    bracket,
    limit_order,
    market_order,
    stop_order,
    trailing_stop_limit,
)
from twsloop.orders.changing import as_it_stands, what_is_left
from twsloop.orders.state import OrderRecord, OrderStatus
from twsloop.orders.trade import Trade


class Slow:
    """Makes a FakeTws keep its list of open orders back, once it is told to."""

    def __init__(self) -> None:
        self.keeps = threading.Event()
        self.asked = threading.Event()

    def __call__(self, _tws: FakeTws, name: str, _request: Any) -> bool:
        keep = name == "reqAllOpenOrders" and self.keeps.is_set()
        if keep:
            self.asked.set()
        return keep


def lost_for_good(tws: FakeTws, gateway: IBGateway) -> Trade:
    """An order that was sent, and of which nothing tells any more."""
    trade = buy(gateway)
    tws.next("placeOrder")
    until(trade, OrderStatus.PENDING_SUBMIT)
    tws.hang_up()
    assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN
    return trade


def test_a_change_that_waits_for_the_session_is_not_confirmed_by_the_next_one() -> None:
    """Both wait while the orders are fetched; the order itself works at the gateway."""
    slow = Slow()
    tws = FakeTws(refuse=slow)
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        slow.keeps.set()
        tws.hang_up()
        assert slow.asked.wait(PATIENCE)
        first = trade.modify(limit_price=101)
        second = trade.modify(limit_price="100.001")
        with pytest.raises(OrderError, match="another change"):
            first.result(PATIENCE)
        tws.say(open_order(trade.order_id, "Submitted"), message("openOrderEnd"))
        assert tws.next("placeOrder").order.lmtPrice == 100.001
        tws.say(error(trade.order_id, 110, "The price does not conform to the minimum."))
        with pytest.raises(RequestError, match="minimum"):
            second.result(PATIENCE)
        assert trade.status is OrderStatus.SUBMITTED
        assert trade.order.lmtPrice == 100


def test_a_raw_order_that_waits_is_changed_before_it_leaves() -> None:
    class Eager(Raw):
        def nextValidId(self, orderId: int) -> None:
            self.placeOrder(orderId, stock("AAPL"), limit_order("BUY", 10, 100))
            self.placeOrder(orderId, stock("AAPL"), limit_order("BUY", 10, 99))
            self.placeOrder(orderId + 1, stock("AAPL"), limit_order("BUY", 10, 100))
            self.placeOrder(orderId + 1, stock("AAPL"), limit_order("BUY", 10, 99))
            self.cancelOrder(orderId + 1)

    tws = FakeTws()
    with tws, Eager(config(tws)) as gateway:
        sent = tws.next("placeOrder")
        assert (sent.orderId, sent.order.lmtPrice) == (1, 99)
        assert gateway.complaints.next()[:2] == (2, 202)
        gateway.executions().result(PATIENCE)
        assert "placeOrder" not in [name for name, _ in tws.inbox.queue]
        cancelled = gateway.orders.find(order_id=2)
        assert cancelled is not None
        assert cancelled.status is OrderStatus.NOT_SENT


def test_what_may_be_working_can_be_cancelled() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = lost_for_good(tws, gateway)
        trade.cancel()
        assert tws.next("cancelOrder").orderId == trade.order_id


def test_what_may_be_working_can_be_cancelled_by_a_raw_call() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = lost_for_good(tws, gateway)
        gateway.cancelOrder(trade.order_id)
        assert tws.next("cancelOrder").orderId == trade.order_id


# ---- what a change starts from -----------------------------------------------------------


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def shown(sent: Order, **reported: Any) -> OrderRecord:
    """An order as the gateway shows it, after we have sent it."""
    record = OrderRecord(1, 1, filled_contract(), sent)
    record.status, record.sent = OrderStatus.SUBMITTED, sent
    echo = Order()
    vars(echo).update(vars(sent))
    record.order = with_fields(echo, **reported)
    return record


def half_closed(desk: Desk) -> tuple[Trade, Trade]:
    """A position of 100, of which the profit taker has sold 40; and its stop."""
    wanted = bracket("BUY", 100, entry=190, take_profit=200, stop_loss=180)
    entry, profit, loss = desk.gateway.orders.bracket("AAPL", wanted)
    assert entry.done.result(PATIENCE) is OrderStatus.FILLED
    desk.quote("AAPL", 200.0, 200.1, size=40)
    desk.settle()
    assert [profit.filled, profit.remaining, loss.remaining] == [40, 60, 60]
    return profit, loss


def test_a_stop_that_is_moved_keeps_the_size_that_its_group_has_left_it(desk: Desk) -> None:
    _, loss = half_closed(desk)
    assert loss.modify(stop_price=181).result(PATIENCE) is OrderStatus.PRE_SUBMITTED
    desk.settle()
    assert [loss.order.auxPrice, loss.remaining] == [181, 60]


def test_the_stop_of_a_filled_parent_is_replaced_by_one_that_works(desk: Desk) -> None:
    _, loss = half_closed(desk)
    fresh = desk.gateway.orders.cancel_replace(loss, {"stop_price": 182}).result(PATIENCE)
    until(fresh, OrderStatus.PRE_SUBMITTED)
    assert [fresh.remaining, fresh.order.auxPrice, fresh.order.parentId] == [60, 182, 0]


def test_what_would_be_refused_does_not_cancel_the_order_that_works(desk: Desk) -> None:
    trade = desk.gateway.orders.place("AAPL", limit_order("BUY", 10, 100))
    until(trade, OrderStatus.SUBMITTED)
    with pytest.raises(InvalidOrder, match="auxPrice"):
        desk.gateway.orders.cancel_replace(trade, {"orderType": "STP"})
    desk.settle()
    assert trade.status is OrderStatus.SUBMITTED


def test_the_entry_of_a_bracket_is_replaced_by_one_that_leaves(desk: Desk) -> None:
    wanted = bracket("BUY", 10, entry=100, take_profit=300, stop_loss=50)
    entry, _, _ = desk.gateway.orders.bracket("AAPL", wanted)
    until(entry, OrderStatus.SUBMITTED)
    fresh = desk.gateway.orders.cancel_replace(entry, {"limit_price": 101}).result(PATIENCE)
    until(fresh, OrderStatus.SUBMITTED)


def test_a_change_starts_from_what_the_gateway_has_shown_since() -> None:
    moved = as_it_stands(shown(limit_order("BUY", 10, 100, tif="GTC"), lmtPrice=101.0, tif="DAY"))
    assert (moved.lmtPrice, moved.tif) == (101, "GTC")
    stop = as_it_stands(shown(stop_order("SELL", 10, 90), auxPrice=91.0, lmtPrice=91.03))
    assert stop.auxPrice == 91
    assert stop.lmtPrice == Order().lmtPrice  # the echo's own, for a type that has none
    cash = as_it_stands(shown(by_cash(market_order("BUY", 1), 500), totalQuantity=Decimal(7)))
    assert (cash.cashQty, cash.totalQuantity) == (500, 0)
    # While a change is under way, the next one starts from that.
    pending = shown(limit_order("BUY", 10, 100), lmtPrice=101.0)
    pending.before_change = pending.order
    assert as_it_stands(pending).lmtPrice == 100


@pytest.mark.parametrize(("filled", "size"), [(10, 10), (4, 4)])
def test_a_child_takes_over_what_its_parent_has_opened(filled: int, size: int) -> None:
    parent = shown(limit_order("BUY", 10, 100))
    parent.status, parent.status_filled = OrderStatus.CANCELLED, Decimal(filled)
    child = shown(stop_order("SELL", 10, 90, parentId=1, transmit=False))
    made = what_is_left(child, parent)
    assert (made.totalQuantity, made.parentId, made.transmit) == (size, 0, True)
    parent.status = OrderStatus.SUBMITTED
    assert what_is_left(child, parent).parentId == 1


def test_a_child_of_a_parent_that_opened_nothing_is_not_placed_alone() -> None:
    parent = shown(limit_order("BUY", 10, 100))
    parent.status = OrderStatus.CANCELLED
    with pytest.raises(OrderError, match="lost its parent"):
        what_is_left(shown(stop_order("SELL", 10, 90, parentId=1)), parent)


def test_what_is_left_of_a_sum_of_money_is_not_guessed() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = gateway.orders.place("EUR.USD", by_cash(limit_order("BUY", 1, 100), 1000))
        tws.next("placeOrder")
        tws.say(order_status(trade.order_id, "Submitted", filled=4, remaining=6))
        until(trade, OrderStatus.SUBMITTED)
        asked = gateway.orders.cancel_replace(trade, {"limit_price": 99})
        tws.next("cancelOrder")
        tws.say(order_status(trade.order_id, "Cancelled", filled=4, remaining=6))
        with pytest.raises(OrderError, match="cashQty is not known"):
            asked.result(PATIENCE)


def test_a_trailing_limit_of_an_earlier_process_can_be_changed() -> None:
    order = trailing_stop_limit("SELL", 2, stop_price=180, amount=1, limit_offset="0.1")
    with open_paper() as (_, paper):
        with IBGateway(config_for(paper)) as earlier:
            until(earlier.orders.place("AAPL", order), OrderStatus.PRE_SUBMITTED)
        with IBGateway(config_for(paper)) as gateway:
            (trade,) = gateway.orders.open()
            assert trade.modify(quantity=1).result(PATIENCE) is OrderStatus.PRE_SUBMITTED
            assert trade.order.totalQuantity == 1
            assert trade.order.lmtPriceOffset == 0.1


def test_the_stop_of_a_parent_of_an_earlier_process_is_replaced_by_one_that_works() -> None:
    wanted = bracket("BUY", 10, entry=190, take_profit=300, stop_loss=180)
    with open_paper() as (_, paper):
        with IBGateway(config_for(paper)) as earlier:
            entry, _, loss = earlier.orders.bracket("AAPL", wanted)
            assert entry.done.result(PATIENCE) is OrderStatus.FILLED
            number = loss.order_id
        with IBGateway(config_for(paper)) as gateway:
            asked = gateway.orders.cancel_replace(number, {"stop_price": 181})
            until(asked.result(PATIENCE), OrderStatus.PRE_SUBMITTED)


def test_a_parent_that_may_be_open_is_kept() -> None:
    child = shown(stop_order("SELL", 10, 90, parentId=7))
    assert what_is_left(child, None).parentId == 7
    assert what_is_left(child, None, all_known=True).parentId == 0


def test_an_exercise_is_no_order_that_can_be_changed() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        call = with_fields(option("AAPL", "20261218", 190, "C"), conId=5)
        trade = gateway.orders.exercise(call)
        tws.next("exerciseOptions")
        for change in (trade.modify, lambda **to: gateway.orders.cancel_replace(trade, to)):
            with pytest.raises(OrderError, match="exercises an option"):
                change(quantity=2)


def test_a_callback_that_can_run_nowhere_leaves_no_order_behind(desk: Desk) -> None:
    nowhere: Any = "nowhere"
    with pytest.raises(TypeError, match="nowhere"):
        desk.gateway.orders.place("AAPL", market_order("BUY", 1), on_update=print, where=nowhere)
    assert desk.gateway.orders.trades() == ()


def test_an_order_that_asks_for_a_preview_gets_one(desk: Desk) -> None:
    asking = limit_order("BUY", 1, 100, whatIf=True)
    assert desk.gateway.orders.what_if("AAPL", asking).result(PATIENCE).margins.initial.known
    with pytest.raises(InvalidOrder, match="ask for a preview"):
        desk.gateway.orders.place("AAPL", asking)
    assert desk.gateway.orders.all_open().result(PATIENCE) == []


def test_what_cannot_be_closed_keeps_the_stop_that_protects_it(desk: Desk) -> None:
    _, loss = half_closed(desk)
    orders = desk.gateway.orders
    with pytest.raises(OrderError, match="would turn the position round"):
        orders.close_position("AAPL", 61, cancel_open=True).result(PATIENCE)
    wrong = orders.close_position(
        "AAPL",
        order=lambda side, size: stop_order(side, size, 0),
        cancel_open=True,
    )
    with pytest.raises(InvalidOrder, match="auxPrice"):
        wrong.result(PATIENCE)
    desk.settle()
    assert loss.active


def test_nothing_is_cancelled_for_an_order_that_may_not_leave() -> None:
    with open_desk() as desk:
        _, loss = half_closed(desk)
        number = loss.order_id
        desk.gateway.stop()
        with IBGateway(config_for(desk.paper, orders__enabled=False)) as gateway:
            stop = gateway.orders.find(order_id=number)
            assert stop is not None
            for asked in (
                gateway.orders.cancel_replace(stop, {"stop_price": 181}),
                gateway.orders.close_position("AAPL", cancel_open=True),
            ):
                with pytest.raises(OrdersRefused, match=r"nothing was cancelled.*disabled"):
                    asked.result(PATIENCE)
            assert stop in gateway.orders.all_open().result(PATIENCE)
