"""A gateway tells of open orders before it says who is there: the journal's word comes first."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

from tests.support.desk import PATIENCE, Heard, settle
from tests.support.journal_room import Room, resting, room
from twsloop.events import Fill, OrderSubmitted
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus

__all__ = ["room"]  # a fixture


def test_what_is_told_early_is_no_news_to_who_has_a_journal(room: Room) -> None:
    with room.process() as gateway:
        heard = Heard()
        order, why = limit_order("BUY", 300, 188), "it is cheap"
        trade = gateway.orders.place("AAPL", order, tag="mean", reason=why, on_update=heard)
        heard.until(lambda shown: shown.status is OrderStatus.SUBMITTED)
        room.quote("AAPL", 187.9, 188.0)  # of the three hundred, one is offered
        heard.until(lambda shown: shown.filled == 100)
        settle(gateway)
    fills, submitted, gateway = Heard(), Heard(), room.process()
    gateway.observe(Fill, fills)
    gateway.observe(OrderSubmitted, submitted)
    with gateway:
        (again,) = [one for one in gateway.trades() if one.order_id == trade.order_id]
        settle(gateway)
        assert (again.status, again.filled) == (OrderStatus.SUBMITTED, Decimal(100))
        assert (again.tag, again.placed_because) == ("mean", "it is cheap")
        assert again.origin == trade.origin
        assert [fill.exec_id for fill in again.fills] == [fill.exec_id for fill in trade.fills]
    assert fills.rest() == []
    assert submitted.rest() == []


def test_what_is_told_early_belongs_to_its_session(room: Room) -> None:
    """A raw order has no token: without its permanent id nobody finds it where it is completed."""
    submitted, gateway = Heard(), room.process()
    gateway.observe(OrderSubmitted, submitted)
    with gateway:
        contract = resting(gateway).contract
        order_id = gateway.next_order_id()
        gateway.placeOrder(order_id, contract, limit_order("BUY", 5, 100))
        submitted.until(lambda told: told.order_id == order_id)
        settle(gateway)
    for _ in range(2):
        with room.process() as gateway:
            settle(gateway)
    with sqlite3.connect(room.file) as file:
        rows = file.execute(
            "SELECT count(*) FROM order_event o JOIN entry e ON e.seq = o.seq "
            "WHERE o.order_id = ? AND e.epoch = 0",
            (order_id,),
        ).fetchall()
    file.close()
    assert rows == [(0,)]
    with room.process() as gateway:
        (trade,) = [one for one in gateway.trades() if one.order_id == order_id]
        assert trade.cancel().result(PATIENCE) is OrderStatus.CANCELLED
