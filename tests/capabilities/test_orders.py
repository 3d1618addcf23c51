"""Orders: placing, changing, closing, finding and asking, against a session of each kind.

Prices are far from the market where an order shall rest, and nothing here needs an exact one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.capabilities.conftest import PATIENCE
from tests.support.desk import Heard
from twsloop import IBGateway
from twsloop.errors import InvalidOrder, OrderError
from twsloop.orders.actions import CancelledAll
from twsloop.orders.builders import bracket, limit_order, market_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade

SYMBOL = "AAPL"
#: Far below any price, and within what a gateway takes.
FAR = "10"
CANCELLED = {OrderStatus.CANCELLED, OrderStatus.API_CANCELLED}


def until(trade: Trade, wanted: Any) -> Trade:
    """Wait until something is true of a trade."""
    heard = Heard()
    trade.on_update(lambda shown: heard(bool(wanted(shown))))
    if not wanted(trade):
        heard.until(lambda true: true)
    return trade


def working(trade: Trade) -> Trade:
    return until(trade, lambda shown: shown.record.acknowledged and shown.perm_id)


def resting(gw: IBGateway, tag: str = "", size: int = 1, **fields: Any) -> Trade:
    """An order that the gateway shows, and that does not fill."""
    return working(gw.orders.place(SYMBOL, limit_order("BUY", size, FAR, **fields), tag=tag))


@pytest.fixture(autouse=True)
def clean(gw: IBGateway) -> Iterator[None]:
    """Leave no order open behind a test."""
    yield
    if gw.orders.open():
        gw.orders.cancel_all().result(PATIENCE)


def bought(gw: IBGateway, size: int, tag: str = "") -> Trade:
    trade = gw.orders.place(SYMBOL, market_order("BUY", size), tag=tag)
    assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    return trade


def held(gw: IBGateway) -> Decimal:
    rows = gw.positions().result(PATIENCE)
    return sum((row.quantity for row in rows if row.contract.symbol == SYMBOL), Decimal(0))


def test_place_with_tag_and_reason(gw: IBGateway) -> None:
    trade = gw.orders.place(
        SYMBOL, limit_order("BUY", 1, FAR), tag="capability", reason="to be found"
    )
    working(trade)
    assert (trade.tag, trade.placed_because, trade.origin) == ("capability", "to be found", "place")
    assert trade.order.orderRef.startswith("capability|tw:")
    assert [entry.source for entry in trade.log][:2] == ["created", "sent"]
    assert gw.orders.trades(tag="capability", active=True) == (trade,)
    assert trade in gw.orders.open()
    assert trade in gw.orders.trades(symbol=SYMBOL)
    assert trade in gw.orders.trades(status=trade.status)
    assert gw.orders.trades(tag="nobody's") == ()


def test_find_by_each_name(gw: IBGateway) -> None:
    trade = resting(gw)
    assert gw.orders.find(perm_id=trade.perm_id) is trade
    assert gw.orders.find(order_id=trade.order_id) is trade
    assert gw.orders.find(token=trade.record.token) is trade
    assert gw.orders.find(perm_id=1) is None
    assert gw.orders.find() is None


def test_an_order_is_found_as_soon_as_it_has_its_id(gw: IBGateway) -> None:
    for _ in range(20):
        trade = gw.orders.place(SYMBOL, limit_order("BUY", 1, FAR))
        assert gw.orders.find(order_id=trade.order_id) is trade


def test_place_many_is_all_or_none(gw: IBGateway) -> None:
    before = gw.orders.trades()
    wrong = limit_order("BUY", 1, FAR)
    wrong.action = "HOLD"
    with pytest.raises(InvalidOrder, match="HOLD"):
        gw.orders.place_many([(SYMBOL, limit_order("BUY", 1, FAR)), ("MSFT", wrong)])
    assert gw.orders.trades() == before
    first, second = gw.orders.place_many(
        [(SYMBOL, limit_order("BUY", 1, FAR)), ("MSFT", limit_order("BUY", 1, FAR))], tag="many"
    )
    assert second.order_id == first.order_id + 1
    assert {trade.tag for trade in (working(first), working(second))} == {"many"}


def test_an_order_is_checked_before_it_leaves(gw: IBGateway) -> None:
    asked = gw.orders.place(SYMBOL, limit_order("BUY", 1, "10.0001"), validate="strict")
    assert asked.done.result(PATIENCE) is OrderStatus.REFUSED
    assert "110" in asked.reason
    with pytest.raises(InvalidOrder, match=r"10\.0001") as caught:  # it is in memory now
        gw.orders.place(SYMBOL, limit_order("BUY", 1, "10.0001"))
    assert caught.value.code == 110
    left = gw.orders.place(SYMBOL, limit_order("BUY", 1, "10.0001"), validate="off")
    assert left.done.result(PATIENCE) is OrderStatus.REJECTED
    assert left.error_code == 110


def test_a_bracket_is_three_linked_orders(gw: IBGateway) -> None:
    orders = bracket("BUY", 1, entry=FAR, take_profit=20, stop_loss=5)
    entry, profit, loss = gw.orders.bracket(SYMBOL, orders, tag="bracket")
    for trade in (entry, profit, loss):
        working(trade)
    assert profit.order.parentId == loss.order.parentId == entry.order_id
    assert entry.cancel().result(PATIENCE) in CANCELLED
    assert {profit.done.result(PATIENCE), loss.done.result(PATIENCE)} <= CANCELLED


def test_of_a_group_one_cancels_the_others(gw: IBGateway) -> None:
    pair = gw.orders.oca(
        [(SYMBOL, limit_order("BUY", 1, FAR)), ("MSFT", limit_order("BUY", 1, FAR))]
    )
    first, second = (working(trade) for trade in pair)
    assert first.order.ocaGroup == second.order.ocaGroup
    assert first.cancel().result(PATIENCE) in CANCELLED
    assert second.done.result(PATIENCE) in CANCELLED


def test_modify_by_trade_and_by_id(gw: IBGateway) -> None:
    trade = resting(gw)
    gw.orders.modify(trade, quantity=2).result(PATIENCE)
    assert trade.order.totalQuantity == 2
    gw.orders.modify(trade.order_id, limit_price="11").result(PATIENCE)
    assert trade.order.lmtPrice == 11
    with pytest.raises(OrderError, match="no order 999999 of ours"):
        gw.orders.modify(999_999, quantity=1)


def test_cancel_by_id(gw: IBGateway) -> None:
    trade = resting(gw)
    assert gw.orders.cancel(trade.order_id).result(PATIENCE) in CANCELLED
    assert trade.record.cancel_asked
    assert not trade.expired


def test_cancel_and_replace(gw: IBGateway) -> None:
    trade = resting(gw, tag="first", size=3)
    fresh = gw.orders.cancel_replace(trade, {"limit_price": "12"}, reason="moved").result(PATIENCE)
    assert trade.status in CANCELLED
    assert fresh.order_id > trade.order_id
    working(fresh)
    assert (fresh.tag, fresh.placed_because, fresh.origin) == ("first", "moved", "cancel_replace")
    assert (fresh.order.totalQuantity, fresh.order.lmtPrice) == (Decimal(3), 12.0)
    assert fresh.record.token != trade.record.token


def test_what_is_over_is_not_replaced(gw: IBGateway) -> None:
    trade = resting(gw)
    trade.cancel().result(PATIENCE)
    with pytest.raises(OrderError, match="nothing to modify"):
        gw.orders.cancel_replace(trade, {"limit_price": "12"})


def test_cancel_all_tells_what_became_of_each(gw: IBGateway) -> None:
    first, second = resting(gw), resting(gw)
    told = gw.orders.cancel_all().result(PATIENCE)
    assert isinstance(told, CancelledAll)
    assert {first, second} <= set(told.cancelled)
    assert told.complete
    assert gw.orders.open() == ()
    assert gw.orders.cancel_all().result(PATIENCE) == CancelledAll((), (), (), ())


def test_a_preview_places_nothing(gw: IBGateway) -> None:
    before = gw.orders.trades()
    told = gw.orders.what_if(SYMBOL, limit_order("BUY", 100, FAR)).result(PATIENCE)
    assert told.status
    assert told.margins.initial.known
    assert told.margins.initial.after is None or isinstance(told.margins.initial.after, Decimal)
    assert gw.orders.trades() == before
    wrong = limit_order("BUY", 1, FAR)
    wrong.action = "HOLD"
    with pytest.raises(InvalidOrder, match="HOLD"):
        gw.orders.what_if(SYMBOL, wrong)


async def test_the_desk_from_a_loop(gw: IBGateway) -> None:
    trade = gw.orders.place(SYMBOL, limit_order("BUY", 1, FAR))
    status = await asyncio.wait_for(trade.cancel(), PATIENCE)
    assert status in CANCELLED or status is OrderStatus.NOT_SENT
    listed = await gw.orders.all_open()
    assert trade not in listed


def test_open_orders_of_everybody(gw: IBGateway) -> None:
    trade = resting(gw)
    assert trade in gw.orders.all_open().result(PATIENCE)


def test_completed_orders(gw: IBGateway) -> None:
    trade = resting(gw, tag="completed")
    trade.cancel().result(PATIENCE)
    rows = gw.orders.completed().result(PATIENCE)
    (row,) = [row for row in rows if row.perm_id == trade.perm_id]
    assert (row.status in CANCELLED, row.filled) == (True, Decimal(0))
    assert (row.tag, row.token) == ("completed", trade.record.token)
    assert row.completed_at is None or row.completed_at.tzinfo is UTC
    assert row.perm_id in {r.perm_id for r in gw.orders.completed(api_only=True).result(PATIENCE)}


def test_executions_with_their_commissions(gw: IBGateway) -> None:
    began = datetime.now(UTC) - timedelta(minutes=5)
    trade = bought(gw, 1, tag="executed")
    rows = gw.orders.executions(symbol=SYMBOL, side="BUY", since=began).result(PATIENCE)
    mine = [row for row in rows if row.fill.perm_id == trade.perm_id]
    assert sum(row.fill.shares for row in mine) == 1
    for row in mine:
        assert row.fill.tag == "executed"
        assert row.commission is not None
        assert isinstance(row.commission.commission, Decimal)
        assert row.fill.executed_at is None or row.fill.executed_at.tzinfo is UTC
    assert gw.orders.executions(symbol="NOSUCH").result(PATIENCE) == []
    gw.orders.close_position(SYMBOL).result(PATIENCE).done.result(PATIENCE)


def test_a_position_is_closed_in_parts_and_never_turned_round(gw: IBGateway) -> None:
    bought(gw, 3)
    size = held(gw)
    with pytest.raises(OrderError, match="turn the position round"):
        gw.orders.close_position(SYMBOL, size + 1).result(PATIENCE)
    part = gw.orders.close_position(SYMBOL, 1, tag="part").result(PATIENCE)
    assert part.done.result(PATIENCE) is OrderStatus.FILLED
    assert (part.order.action, part.tag, part.origin) == ("SELL", "part", "close_position")
    assert held(gw) == size - 1
    rest = gw.orders.close_position(SYMBOL).result(PATIENCE)
    assert rest.done.result(PATIENCE) is OrderStatus.FILLED
    assert held(gw) == 0
    with pytest.raises(OrderError, match="no position in AAPL"):
        gw.orders.close_position(SYMBOL).result(PATIENCE)


def test_what_an_open_order_closes_is_not_closed_twice(gw: IBGateway) -> None:
    bought(gw, 3)
    size = held(gw)
    profit = working(gw.orders.place(SYMBOL, limit_order("SELL", size, 9_000)))
    with pytest.raises(OrderError, match=f"order {profit.order_id}"):
        gw.orders.close_position(SYMBOL).result(PATIENCE)
    trade = gw.orders.close_position(SYMBOL, cancel_open=True).result(PATIENCE)
    assert profit.status in CANCELLED
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert held(gw) == 0


def test_manual_orders_are_client_0s_to_bind(gw: IBGateway) -> None:
    with pytest.raises(OrderError, match="only client 0"):
        gw.orders.bind_manual()
