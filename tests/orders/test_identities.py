"""One intent, two permanent ids: the alarm, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.orders import echo, filled_contract, order_state, with_fields
from twsloop.contracts import stock, symbol_of
from twsloop.events import IdentityBroken
from twsloop.orders.book import OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.reference import make_token, with_token
from twsloop.orders.state import OrderRecord

NOW = datetime(2026, 9, 28, 14, tzinfo=UTC)
TOKEN = make_token(1_790_000_000_000, 0, 1)


def placed(book: OrderBook) -> OrderRecord:
    order = limit_order("BUY", 100, "189.50")
    order.orderRef = with_token("", TOKEN)
    record = OrderRecord(1, 0, stock("AAPL"), order)
    record.token = TOKEN
    book.create(record, NOW)
    return record


def told_open(book: OrderBook, record: OrderRecord, word: str = "Submitted", **ids: Any) -> None:
    order = with_fields(echo(record.order), **ids)
    order_id = ids.get("orderId", 1)
    book.apply_open_order(
        0, order_id, filled_contract(), order, order_state(word), own=True, now=NOW
    )


def broken(book: OrderBook) -> list[tuple[int, ...]]:
    alarms = book.identities.broken()
    assert all(type(alarm) is IdentityBroken and alarm.token == TOKEN for alarm in alarms)
    return [alarm.perm_ids for alarm in alarms]


@pytest.fixture
def book() -> OrderBook:
    return OrderBook(symbol_of)


def test_one_permanent_id_is_no_alarm(book: OrderBook) -> None:
    record = placed(book)
    told_open(book, record, permId=900)
    told_open(book, record, permId=900)
    assert broken(book) == []


def test_another_permanent_id_of_a_live_order_is(book: OrderBook) -> None:
    record = placed(book)
    told_open(book, record, permId=900)
    told_open(book, record, permId=901)
    assert broken(book) == [(900, 901)]
    assert broken(book) == []  # told once


def test_a_copy_of_the_order_under_another_id_is(book: OrderBook) -> None:
    record = placed(book)
    told_open(book, record, permId=900)
    told_open(book, record, permId=901, orderId=7)
    assert broken(book) == [(900, 901)]


@pytest.mark.parametrize("word", ["Cancelled", "Filled"])
def test_a_copy_that_is_over_is_not(book: OrderBook, word: str) -> None:
    record = placed(book)
    told_open(book, record, permId=900)
    told_open(book, record, word, permId=901, orderId=7)
    assert broken(book) == []


def test_a_copy_of_what_is_over_is_not(book: OrderBook) -> None:
    record = placed(book)
    told_open(book, record, permId=900)
    told_open(book, record, "Cancelled", permId=900)
    told_open(book, record, permId=901, orderId=7)
    assert broken(book) == []


def test_an_order_without_a_token_is_nobody_s_copy(book: OrderBook) -> None:
    record = placed(book)
    told_open(book, record, permId=900)
    told_open(book, record, permId=901, orderId=7, orderRef="mine")
    assert broken(book) == []


def test_what_is_forgotten_is_no_original(book: OrderBook) -> None:
    small = OrderBook(symbol_of, keep=0)
    record = placed(small)
    told_open(small, record, permId=900)
    told_open(small, record, "Cancelled", permId=900)
    assert small.settle(record) == [record]
    told_open(small, record, permId=902, orderId=9)
    assert broken(small) == []


def test_a_permanent_id_that_is_given_again_is_the_new_order_s(book: OrderBook) -> None:
    """A gateway that was set up anew counts from the first again."""
    old = placed(book)
    told_open(book, old, permId=900)
    told_open(book, old, "Cancelled", permId=900)
    new = OrderRecord(2, 0, stock("AAPL"), limit_order("BUY", 5, 10))
    book.create(new, NOW)
    order = with_fields(echo(new.order), orderId=2, permId=900)
    book.apply_open_order(
        0, 2, filled_contract(), order, order_state("Submitted"), own=True, now=NOW
    )
    assert (str(new.status), str(old.status)) == ("Submitted", "Cancelled")
    assert book.find(0, 2, 900) is new
