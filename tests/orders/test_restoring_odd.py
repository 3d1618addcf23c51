"""Orders that are odd in the journal: a start goes on, and knows the others."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ibapi.tag_value import TagValue

from tests.support.desk import PATIENCE, settle
from tests.support.journal_room import Room, resting
from twsloop.contracts import symbol_of
from twsloop.orders.book import OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.restoring import restore
from twsloop.orders.state import OrderStatus
from twsloop.storage.order_state import OrderState
from twsloop.storage.recalling import Recalled

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class OurTag(TagValue):
    """A program may have its own kinds of what stands in an order."""


def test_a_program_s_own_kind_of_a_tag_is_read_as_ib_s(room: Room) -> None:
    order = limit_order("BUY", 1, "99")
    order.smartComboRoutingParams = [OurTag("NonGuaranteed", "1")]
    with room.process() as gateway:
        trade = gateway.place_order("AAPL", order)
        settle(gateway)
        other = resting(gateway)
    with room.process() as gateway:
        again = {one.order_id: one for one in gateway.trades()}
        assert {trade.order_id, other.order_id} <= again.keys()
        assert again[other.order_id].status is OrderStatus.SUBMITTED
        assert resting(gateway, "98").order_id > other.order_id


def test_a_start_goes_on_by_the_lists_if_the_journal_cannot_be_understood(room: Room) -> None:
    with room.process() as gateway:
        first = resting(gateway)
    with contextlib.closing(sqlite3.connect(room.file)) as journal, journal:
        (seq, epoch) = journal.execute("SELECT max(seq) + 1, max(epoch) FROM entry").fetchone()
        body = '{"event": "RiskVerdict", "time": "2026-01-05T12:00:00+00:00", "allowed": false}'
        entry = (seq, "never", "Fill", epoch, "order-1-1", None, body, "0" * 64)
        journal.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entry)
    with room.process() as gateway:
        again = {one.order_id: one for one in gateway.trades()}
        assert again[first.order_id].cancel().result(PATIENCE) is OrderStatus.CANCELLED
        assert resting(gateway, "98").order_id > first.order_id


def kept(order_id: int, order: Mapping[str, Any], status: str) -> OrderState:
    """An order as a journal tells it."""
    made = OrderState(order_id=order_id, client_id=1, created_at=NOON, updated_at=NOON)
    made.order, made.status, made.acknowledged = order, status, True
    return made


def restored(*orders: OrderState) -> dict[int, OrderStatus]:
    book = OrderBook(symbol_of)
    return {one.order_id: one.status for one in restore(book, Recalled(orders=orders), 1, NOON)}


@pytest.mark.parametrize("status", ["", "Twisted"])
def test_a_status_that_nobody_knows_is_uncertain(status: str) -> None:
    assert restored(kept(1, {}, status)) == {1: OrderStatus.UNCERTAIN}


def test_what_the_gateway_counted_and_what_was_executed_are_two_things() -> None:
    """An execution may be corrected to less; what the gateway's own words count stays."""
    book, one = OrderBook(symbol_of), kept(1, {"totalQuantity": "100"}, "Submitted")
    one.filled, one.told = Decimal(10), {"filled": "10", "status_filled": "4"}
    (record,) = restore(book, Recalled(orders=(one,)), 1, NOON)
    assert record.status_filled == Decimal(4)
    one = kept(2, {"totalQuantity": "100"}, "Submitted")
    one.filled = Decimal(10)  # an event alone has told of it
    (record,) = restore(book, Recalled(orders=(one,)), 1, NOON)
    assert record.status_filled == Decimal(10)


def test_an_order_that_cannot_be_read_does_not_take_the_others_with_it() -> None:
    odd = kept(1, {"totalQuantity": "many"}, "Submitted")
    assert restored(odd, kept(2, {}, "Submitted")) == {2: OrderStatus.SUBMITTED}


def test_what_is_of_a_class_that_nobody_knows_keeps_its_fields() -> None:
    book = OrderBook(symbol_of)
    odd = kept(1, {"conditions": [{"class": "Twisted", "isMore": True}]}, "Submitted")
    (record,) = restore(book, Recalled(orders=(odd,)), 1, NOON)
    assert record.order.conditions[0].isMore is True
